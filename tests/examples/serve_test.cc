// The server of examples/, asked as a user asks it.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/core/executor.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/ops/binary.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServeTest : public testing::Test {
 protected:
  // A model that adds 0.5 to triples, and one that looks numbers up in a table of three.
  void SetUp() override {
    folder_ = testing::TempDir() + absl::StrCat("serve_test_", getpid());
    std::filesystem::create_directories(folder_);
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3}),
                label = graph.Input("label", DType::kFloat32, {});
    const Value y = x + 0.5;
    Save("add", graph, {{"y", y}, {"mean", Mean(y)}, {"labelled", y + label}});
    Graph lookup;
    const Value table = lookup.Constant(Tensor::From<float>({3}, {10, 20, 30}));
    Save("table", lookup, {{"y", Gather(table, lookup.Input("i", DType::kInt64, {kAnyBatch}))}});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  void Save(const std::string& name, const Graph& graph, std::vector<io::NamedValue> outputs) const {
    const absl::Status saved = io::SaveModel(Path(name), {.graph = &graph, .outputs = std::move(outputs)});
    ASSERT_TRUE(saved.ok()) << saved;
  }
  std::string Command(const std::string& model, const std::string& arguments) const {
    return absl::StrCat(SERVE, " --model=", Path(model), " --output=y ", arguments);
  }
  // What the server says to requests.
  std::vector<std::string> Ask(const std::string& model, const std::string& arguments,
                               const std::string& requests) const {
    std::ofstream(Path("in")) << requests;
    const std::string command = absl::StrCat(Command(model, arguments), " <", Path("in"), " >", Path("out"));
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    std::vector<std::string> answers = absl::StrSplit(*io::ReadFile(Path("out")), '\n');
    EXPECT_EQ(answers.back(), "") << "each answer is a line";
    answers.pop_back();
    return answers;
  }

  std::string folder_;
};

TEST_F(ServeTest, AnswersInTheOrderOfTheRequests) {
  std::vector<std::string> requests, expected;
  for (int i = 0; i < 3000; ++i) {
    requests.push_back(absl::StrCat(i, i % 2 == 0 ? " " : ", ", -i, i % 3 == 0 ? "\t7 " : " 7"));
    expected.push_back(absl::StrCat(i, ".5 ", 0.5 - i, " 7.5"));
  }
  for (const char* batch : {"--batch=1", "--batch=7", "--batch=64"}) {
    EXPECT_EQ(Ask("add", absl::StrCat("--input=x ", batch), absl::StrJoin(requests, "\n")), expected) << batch;
  }
  EXPECT_THAT(Ask("add", "--input=x", ""), ElementsAre());
  EXPECT_THAT(Ask("add", "--input=x", "1 2 3\r\nnan inf -inf"), ElementsAre("1.5 2.5 3.5", "nan inf -inf"));
}

TEST_F(ServeTest, ABadLineHarmsNoOther) {
  EXPECT_THAT(Ask("add", "--input=x", "1 2 3\n1 2\n\n1 2 3 4\n1 two 3\n4 5 6\n"),
              ElementsAre("1.5 2.5 3.5", "error: expected 3 numbers, not 2", "error: expected 3 numbers, not 0",
                          "error: expected 3 numbers, not 4", "error: 'two' is no number of type f32", "4.5 5.5 6.5"));
  EXPECT_THAT(Ask("table", "--input=i", "0\n2\n3\n1.5\n1e30\n1\n"),
              ElementsAre("10", "30", StartsWith("error: gather"), "error: '1.5' is no number of type i64",
                          "error: '1e30' is no number of type i64", "20"));
}

TEST_F(ServeTest, AnswersWhileTheInputIsOpen) {
  ASSERT_EQ(mkfifo(Path("requests").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(Path("answers").c_str(), 0600), 0);
  const std::string command =
      absl::StrCat(Command("add", "--input=x"), " <", Path("requests"), " >", Path("answers"), " &");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ofstream requests(Path("requests"));
  std::ifstream answers(Path("answers"));
  std::string answer;
  requests << "1 2 3\n4 " << std::flush;
  ASSERT_TRUE(std::getline(answers, answer));
  EXPECT_EQ(answer, "1.5 2.5 3.5");
  requests << "5 6\n" << std::flush;
  ASSERT_TRUE(std::getline(answers, answer));
  EXPECT_EQ(answer, "4.5 5.5 6.5");
  requests.close();
  EXPECT_FALSE(std::getline(answers, answer)) << "the server ends with its input";
}

TEST_F(ServeTest, MistakesAreToldBeforeTheFirstRequest) {
  const auto expect = [&](const std::string& arguments, const std::string& message) {
    const std::string command = absl::StrCat(Command("add", arguments), " </dev/null 2>", Path("err"));
    const int status = std::system(command.c_str());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << arguments;
    EXPECT_THAT(*io::ReadFile(Path("err")), HasSubstr(message)) << arguments;
  };
  expect("--model=/nowhere", "/nowhere");
  expect("--input=z", "'z'");
  expect("--input=x --output=z", "'z'");
  expect("--input=x --output=mean", "its first dimension must be the batch");
  expect("--input=label", "its first dimension must be the batch");
  expect("--input=x --output=labelled", "input 'label' is not fed");
  expect("--input=x --batch=0", "--batch must be at least 1, but is 0");
  expect("--input=x --batch=many", "many");
  expect("--input=x surplus", "unknown argument 'surplus'");
}

}  // namespace
}  // namespace adret
