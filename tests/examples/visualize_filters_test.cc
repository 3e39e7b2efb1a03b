// Trains the lecture's network for a few steps, runs visualize_filters on the file, and asks the network itself whether
// the images are what they claim to be.
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/adret.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::vector<std::string> lines;  // of stdout
  std::string errors;
};

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The number behind "key": in a line of JSON.
double Number(const std::string& line, const std::string& key) {
  const size_t at = line.find(absl::StrCat("\"", key, "\": "));
  double value = -1e30;
  if (at != std::string::npos) value = std::strtod(line.c_str() + at + key.size() + 4, nullptr);
  return value;
}

class VisualizeFiltersTest : public testing::Test {
 protected:
  static std::string folder() { return testing::TempDir() + "/adret_visualize_test"; }
  static std::string model() { return folder() + "/model.adret"; }

  static void SetUpTestSuite() {
    std::filesystem::remove_all(folder());
    std::filesystem::create_directory(folder());
    Graph graph;
    const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
    const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
    const nn::Sequential net{
        nn::Conv2d(25, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(50, 3), nn::Relu(),
        nn::MaxPool2d(2),  nn::Flatten(), nn::Dense(100),   nn::Relu(),        nn::Dense(10).Named("logits")};
    const Value logits = net(image);
    const Value loss = nn::SoftmaxCrossEntropy(logits, label);
    const Updates step = nn::Adam({.learning_rate = 3e-3}).Minimize(loss, graph.variables());
    State state = InitialState(graph, /*seed=*/1).value();
    const io::TrainAndTest digits = io::DrawnDigits({.train = 3000, .test = 100}).value();
    nn::Trainer trainer =
        nn::Trainer::Create({.x = image, .y = label, .loss = loss, .updates = step}, {.batch = 50}).value();
    ASSERT_TRUE(trainer.Fit({digits.train.images, digits.train.labels}, &state, {.epochs = 1}).ok());
    const absl::Status saved =
        io::SaveModel(model(), {.graph = &graph, .state = &state, .outputs = {{"logits", logits}}, .updates = step});
    ASSERT_TRUE(saved.ok()) << saved;
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder()); }

  static Outcome Visualize(const std::string& flags) {
    const std::string out = folder() + "/stdout", err = folder() + "/stderr";
    const int status = std::system(absl::StrCat(ADRET_VISUALIZE_FILTERS, " ", flags, " >", out, " 2>", err).c_str());
    Outcome run{WIFEXITED(status) ? WEXITSTATUS(status) : -1, {}, ReadText(err)};
    std::istringstream lines(ReadText(out));
    for (std::string line; std::getline(lines, line);) run.lines.push_back(line);
    return run;
  }
};

TEST_F(VisualizeFiltersTest, EveryFilterExceedsWhatImagesGiveIt) {
  const Outcome run = Visualize(absl::StrCat("--model=", model(), " --layer=conv2 --out=", folder(), "/pictures"));
  ASSERT_EQ(run.code, 0) << run.errors;
  ASSERT_EQ(run.lines.size(), 50);

  const io::Model loaded = io::LoadModel(model()).value();
  const Value image = loaded.Input("image").value();
  const Value sums = Sum(loaded.graph->Find("conv2").value(), {.axes = {2, 3}});
  Tensor noise(DType::kFloat32, {1000, 1, 28, 28});
  RandomStream random(/*seed=*/5);
  for (float& pixel : noise.mutable_data<float>()) pixel = static_cast<float>(random.Uniform());
  const Tensor digits = io::DrawnDigits({.train = 1, .test = 1000}).value().test.images;
  for (const Tensor& images : {noise, digits}) {
    const Tensor answers = nn::RunInBatches(sums, image, images, loaded.state).value();
    for (int k = 0; k < 50; ++k) {
      double largest = -1e30;
      for (int64_t i = 0; i < 1000; ++i) largest = std::max(largest, answers.At(i * 50 + k));
      EXPECT_EQ(Number(run.lines[k], "unit"), k);
      EXPECT_GT(Number(run.lines[k], "end"), largest) << run.lines[k];
      EXPECT_GT(Number(run.lines[k], "end"), Number(run.lines[k], "start"));
    }
  }
  for (const std::string name : {"conv2.png", "conv2_weights.png"}) {
    EXPECT_TRUE(io::LoadPng(folder() + "/pictures/" + name).ok()) << name;
  }
}

TEST_F(VisualizeFiltersTest, EveryClassIsRecognisedAlsoWithHalfTheInk) {
  const Outcome run = Visualize(absl::StrCat("--model=", model(), " --layer=logits --out=", folder(), "/pictures"));
  ASSERT_EQ(run.code, 0) << run.errors;
  ASSERT_EQ(run.lines.size(), 20);
  std::map<bool, double> ink;
  for (const std::string& line : run.lines) {
    EXPECT_GE(Number(line, "probability"), 0.99) << line;
    ink[Number(line, "penalty") > 0] += Number(line, "ink");
  }
  EXPECT_LT(ink[true], 0.7 * ink[false]);
  EXPECT_TRUE(io::LoadPng(folder() + "/pictures/logits_l1.png").ok());
}

TEST_F(VisualizeFiltersTest, BadInputGetsOneSentence) {
  const std::string good = absl::StrCat("--model=", model(), " --out=", folder(), "/pictures ");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--model=/nonexistent", "/nonexistent"},
      {good + "--layer=conv3", "'conv3'; the nearest names are"},
      {good + "--layer=relu1", "neither a convolution nor a dense layer"},
      {good + "--steps=0", "--steps must be at least 1"},
      {good + "--penalty=-1", "--penalty must be above 0"},
      {good + "--out=" + model(), "cannot create"},
      {good + "more", "unknown argument 'more'"},
  };
  for (const auto& [flags, expected] : cases) {
    const Outcome run = Visualize(flags);
    EXPECT_EQ(run.code, 1) << flags;
    EXPECT_THAT(run.errors, HasSubstr(expected)) << flags;
  }
}

}  // namespace
}  // namespace adret
