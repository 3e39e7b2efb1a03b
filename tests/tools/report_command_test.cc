// `adret report` as a user runs it: from a model file and data to a page, which a real browser then opens.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/io/npy.h"
#include "adret/nn/history.h"
#include "adret/nn/layers.h"
#include "browser.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kExamples = 60;

class ReportCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrCat("report_command_test_", getpid());
    std::filesystem::create_directories(folder_);
    const io::Dataset digits = io::DrawnDigits({.train = 10, .test = kExamples})->test;
    ASSERT_TRUE(io::SaveNpz(Path("digits.npz"), {{"images", digits.images}, {"labels", digits.labels}}).ok());
    nn::TrainingHistory history;
    history.Add(nn::EpochRecord{.train = {.loss = 0.5, .accuracy = 0.9, .examples = 600}});
    SaveNetwork("net.adret", {{nn::kTrainingHistoryKey, history.ToText()}});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // The lecture's network as it begins: it has learned nothing, so that all kinds of mistakes are in the report.
  void SaveNetwork(const std::string& name, const io::Metadata& metadata) const {
    Graph graph;
    const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
    const nn::Sequential net{
        nn::Conv2d(6, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(8, 3), nn::Relu(),
        nn::MaxPool2d(2), nn::Flatten(), nn::Dense(12),    nn::Relu(),       nn::Dense(10).Named("logits")};
    const Value logits = net(image);
    const State state = *InitialState(graph, /*seed=*/1);
    ASSERT_TRUE(io::SaveModel(Path(name),
                              {.graph = &graph, .state = &state, .outputs = {{"logits", logits}}, .metadata = metadata})
                    .ok());
  }

  struct Result {
    int status = 0;
    std::string out, err;
  };
  Result Report(const std::string& arguments) const {
    const int status =
        std::system(absl::StrCat(ADRET, " report ", arguments, " >", Path("stdout"), " 2>", Path("stderr")).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, *io::ReadFile(Path("stdout")), *io::ReadFile(Path("stderr"))};
  }
  std::string Digits() const { return absl::StrCat(Path("net.adret"), " --data=", Path("digits.npz")); }

  std::string folder_;
};

TEST_F(ReportCommandTest, MakesAPageThatABrowserOpens) {
  const Result result = Report(absl::StrCat(Digits(), " --out=", Path("pages/report.html")));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("report.html"));
  auto browser = Browser::Start();
  ASSERT_TRUE(browser.ok()) << browser.status();
  ASSERT_TRUE((*browser)->Load(absl::StrCat("file://", Path("pages/report.html"))).ok());
  EXPECT_THAT((*browser)->problems(), IsEmpty());
  const auto text = [&](const std::string& expression) {
    const auto value = (*browser)->Evaluate(absl::StrCat("String(", expression, ")"));
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? value->string_value() : "";
  };
  EXPECT_EQ(text("document.title"), "What net.adret has learned");
  EXPECT_EQ(text("[...document.querySelectorAll('.section > summary > h2')].map((h) => h.textContent)"),
            "Network,Training,Confusions,Classes,Layers");
  EXPECT_EQ(text("[...document.querySelectorAll('#layers h3')].map((h) => h.textContent)"),
            "conv1,conv2,dense1,logits");
  EXPECT_EQ(text("document.querySelectorAll('.unit').length"), absl::StrCat(6 + 8 + 12 + 10));
  EXPECT_EQ(text("document.querySelectorAll('.unit .curve').length"), absl::StrCat(6 + 8 + 12 + 10));
  EXPECT_EQ(text("[...document.querySelectorAll('.matrix td a, .matrix td > span')]"
                 ".reduce((sum, cell) => sum + Number(cell.textContent), 0)"),
            absl::StrCat(kExamples));
  EXPECT_EQ(text("[...document.querySelectorAll('.network a')].map((a) => a.getAttribute('xlink:href'))"
                 ".every((link) => document.getElementById(link.slice(1)))"),
            "true");
  EXPECT_EQ(text("[...document.querySelectorAll('svg')].every((drawing) => drawing.getAttribute('aria-label'))"),
            "true");
}

TEST_F(ReportCommandTest, IsTheSameOnAnyNumberOfThreads) {
  for (const char* threads : {"1", "2", "4"}) {
    const Result result =
        Report(absl::StrCat(Digits(), " --units=4 --threads=", threads, " --out=", Path(threads), ".html"));
    ASSERT_EQ(result.status, 0) << result.err;
  }
  EXPECT_EQ(*io::ReadFile(Path("1.html")), *io::ReadFile(Path("2.html")));
  EXPECT_EQ(*io::ReadFile(Path("1.html")), *io::ReadFile(Path("4.html")));
}

TEST_F(ReportCommandTest, MistakesAreToldInOneSentenceAndCostNoFile) {
  ASSERT_TRUE(io::WriteFile(Path("report.html"), "the page of before").ok());
  const auto expect = [&](const std::string& arguments, const std::string& message) {
    const Result result = Report(absl::StrCat(arguments, " --out=", Path("report.html")));
    EXPECT_NE(result.status, 0) << arguments;
    EXPECT_THAT(result.err, HasSubstr(message)) << arguments;
    EXPECT_EQ(*io::ReadFile(Path("report.html")), "the page of before") << arguments;
  };
  const std::string model = Path("net.adret");
  expect(Path("none.adret"), "none.adret");
  expect(absl::StrCat(model, " --data=", Path("nowhere")), "nowhere");
  expect(absl::StrCat(model, " --units=0"), "--units must be at least 1, but is 0");
  expect(absl::StrCat(model, " --colour"), "colour");

  const Tensor images = Tensor::Zeros(DType::kUint8, {3, 1, 28, 28});
  ASSERT_TRUE(io::SaveNpz(Path("no_labels.npz"), {{"images", images}}).ok());
  expect(absl::StrCat(model, " --data=", Path("no_labels.npz")), "no_labels.npz: expected the arrays");
  ASSERT_TRUE(io::SaveNpz(Path("small.npz"), {{"x", Tensor::Zeros(DType::kUint8, {3, 1, 20, 20})},
                                              {"y", Tensor::Zeros(DType::kInt64, {3})}})
                  .ok());
  expect(absl::StrCat(model, " --data=", Path("small.npz")), "f32[?,1,28,28]");
  ASSERT_TRUE(
      io::SaveNpz(Path("eleven.npz"), {{"images", images}, {"labels", Tensor::Full(DType::kInt64, {3}, 11)}}).ok());
  expect(absl::StrCat(model, " --data=", Path("eleven.npz")), "label 0 is 11");
  SaveNetwork("altered.adret", {{nn::kTrainingHistoryKey, "epoch 1 went well"}});
  expect(Path("altered.adret"), "altered.adret: training history, line 1");

  const Result unwritable = Report(absl::StrCat(model, " --out=/proc/report.html"));
  EXPECT_NE(unwritable.status, 0);
  EXPECT_THAT(unwritable.err, HasSubstr("/proc"));
}

}  // namespace
}  // namespace adret
