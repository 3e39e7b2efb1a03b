// For the tests of `adret`: small model files, and the program, run as a user runs it.
#ifndef ADRET_TESTS_TOOLS_TOOL_TEST_H_
#define ADRET_TESTS_TOOLS_TOOL_TEST_H_

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/tests/lecture_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::tools {

// The lecture's network, small.
inline absl::Status SaveLectureCnn(const std::string& path, uint64_t seed = 1) {
  const LectureNetwork net({.filters = {4, 8}, .neurons = 16});
  const State state = *InitialState(net.graph, seed);
  return io::SaveModel(path, {.graph = &net.graph,
                              .state = &state,
                              .outputs = {{"loss", net.loss}, {"logits", net.logits}},
                              .updates = net.step,
                              .metadata = {{"data", "drawn digits"}}});
}

// Colour pictures, batch norm, a skip connection.
inline absl::Status SaveResNet(const std::string& path) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 3, 16, 16});
  const nn::Conv2dOptions same{.padding = Padding::Same(), .bias = false};
  const nn::Sequential net{nn::Conv2d(6, 3, same),
                           nn::BatchNorm(),
                           nn::Relu(),
                           nn::Residual(nn::Sequential{nn::Conv2d(6, 3, same), nn::BatchNorm(), nn::Relu(),
                                                       nn::Conv2d(6, 3, same), nn::BatchNorm()}),
                           nn::Relu(),
                           nn::GlobalAvgPool2d(),
                           nn::Flatten(),
                           nn::Dense(5).Named("logits")};
  const Value logits = net(image);
  const State state = *InitialState(graph, 2);
  return io::SaveModel(path, {.graph = &graph, .state = &state, .outputs = {{"logits", logits}}});
}

// Rows of 64 numbers, which are pictures 8x8.
inline absl::Status SaveMlp(const std::string& path) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 64});
  const Value y = nn::Sequential{nn::Dense(12), nn::Tanh(), nn::Dense(3), nn::Softmax()}(x);
  const State state = *InitialState(graph, 3);
  return io::SaveModel(path, {.graph = &graph, .state = &state, .outputs = {{"classes", y}}});
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

class ToolTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrCat("adret_tools_", getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(SaveLectureCnn(Path("cnn.adret")).ok());
    ASSERT_TRUE(SaveResNet(Path("resnet.adret")).ok());
    ASSERT_TRUE(SaveMlp(Path("mlp.adret")).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  bool Exists(const std::string& name) const { return std::filesystem::exists(Path(name)); }

  // `adret` in the folder of the models.
  Outcome Adret(const std::string& words) const {
    const std::string line = absl::StrCat("cd ", folder_, " && ", ADRET_COMMAND, " ", words, " >.out 2>.err");
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, *io::ReadFile(Path(".out")), *io::ReadFile(Path(".err"))};
  }

  // It ends with this code, says this in one line of stderr, and prints nothing else.
  void ExpectMistake(const std::string& words, int code, const std::string& message) const {
    const Outcome run = Adret(words);
    EXPECT_EQ(run.code, code) << words;
    EXPECT_THAT(run.err, testing::HasSubstr(message)) << words;
    EXPECT_THAT(run.err, testing::StartsWith("adret")) << words;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << words << ": " << run.err;
    EXPECT_EQ(run.out, "") << words;
  }

  std::string folder_;
};

}  // namespace adret::tools

#endif  // ADRET_TESTS_TOOLS_TOOL_TEST_H_
