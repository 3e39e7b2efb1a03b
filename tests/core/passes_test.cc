// What the passes of the planner can be told, and the check after each of them. What each makes of a graph stands in
// pass_texts_test.cc.
#include "adret/core/plan/passes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/executor.h"
#include "adret/core/graph_text.h"
#include "adret/core/plan/check_plan_graph.h"
#include "adret/core/plan/plan_text.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/tests/core/plan_text_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Sets a variable of the environment, and puts back what there was.
class Setting {
 public:
  Setting(std::string name, const std::string& value) : name_(std::move(name)) {
    const char* old = std::getenv(name_.c_str());
    saved_ = old == nullptr ? "" : old;
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Setting() { setenv(name_.c_str(), saved_.c_str(), 1); }

 private:
  std::string name_, saved_;
};

std::string ReadText(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The example of the headers.
struct Looking {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {4, 1, 3, 3}, 2));
  Value map = Slice(Relu(1.0 * Conv2d(x, w)), 1, 2, 3);

  absl::StatusOr<std::vector<Tensor>> Run() {
    State state;
    state.Set("w", Tensor::Full(DType::kFloat32, {4, 1, 3, 3}, 2));
    absl::StatusOr<Executor> executor = Executor::Create({map});
    if (!executor.ok()) return executor.status();
    return executor->Run({{x, Tensor::Full(DType::kFloat32, {8, 1, 6, 6}, 0.5)}}, &state);
  }
  std::vector<PassReport> Passes() { return Executor::Create({map})->Report(8)->passes; }
};

TEST(GraphText, ListsNodes) {
  Looking look;
  const Value sum = Sum(look.map).Named("all of it");
  ASSERT_TRUE(sum.valid());
  EXPECT_EQ(GraphText(look.graph),
            "0  input x       f32[?,1,6,6]\n"
            "1  variable w    f32[4,1,3,3]\n"
            "2  conv2d        f32[?,4,4,4]  0 1\n"
            "3  constant      f32[]              value=f32[] 1\n"
            "4  broadcast_to  f32[?,4,4,4]  3\n"
            "5  mul           f32[?,4,4,4]  4 2\n"
            "6  relu          f32[?,4,4,4]  5\n"
            "7  slice         f32[?,1,4,4]  6    axes=[1], begins=[2], ends=[3], steps=[1]\n"
            "8  sum           f32[]         7    axes=[0,1,2,3]                             all of it\n");
}

TEST(Passes, AreReported) {
  Looking look;
  const std::vector<PassReport> passes = look.Passes();
  std::vector<std::string> lines;
  for (const PassReport& p : passes) lines.push_back(absl::StrCat(p.name, " ", p.nodes, " ", p.rewrites));
  EXPECT_EQ(absl::StrJoin(lines, ", "), "lower 7 0, simplify 5 1, slices 5 3, simplify 5 3, slices 5 3");
  EXPECT_EQ(look.Run()->at(0).At(0), 9.0);
}

TEST(Passes, CanBeSkippedAndStopped) {
  Looking look;
  const std::vector<Tensor> expected = *look.Run();
  const auto expect = [&](const char* variable, const std::string& value, int64_t rewrites, int nodes) {
    const Setting set(variable, value);
    const std::vector<PassReport> passes = look.Passes();
    EXPECT_EQ(passes.back().rewrites, rewrites) << variable << "=" << value;
    EXPECT_EQ(passes.back().nodes, nodes) << variable << "=" << value;
    EXPECT_TRUE(look.Run()->at(0).BitEqual(expected[0])) << variable << "=" << value;
  };
  expect("ADRET_DISABLE", "", 3, 5);
  expect("ADRET_DISABLE", "identity", 4, 7);
  expect("ADRET_DISABLE", "slices", 1, 5);
  expect("ADRET_DISABLE", "simplify,slices,fuse", 0, 7);
  expect("ADRET_STOP_AT", "0", 0, 7);
  expect("ADRET_STOP_AT", "1", 1, 5);
  expect("ADRET_STOP_AT", "2", 2, 5);
  expect("ADRET_STOP_AT", "1000", 3, 5);
}

TEST(Passes, RefuseWhatTheyCannotBeTold) {
  Looking look;
  const auto message = [&](const char* variable, const char* value) {
    const Setting set(variable, value);
    return std::string(look.Run().status().message());
  };
  EXPECT_THAT(message("ADRET_DISABLE", "slices,foo"), HasSubstr("'foo', which is no pass; there are identity, fold"));
  EXPECT_THAT(message("ADRET_STOP_AT", "-1"), HasSubstr("must be a number of rewrites, 0 or more, but is '-1'"));
  EXPECT_THAT(message("ADRET_STOP_AT", "many"), HasSubstr("'many'"));
  EXPECT_THAT(message("ADRET_CHECK_PLANS", "yes"), HasSubstr("must be 0 or 1, but is 'yes'"));
  EXPECT_THAT(message("ADRET_DUMP", "/dev/null/x"), HasSubstr("cannot make a folder in '/dev/null/x'"));
}

TEST(Passes, WriteWhatTheyLeave) {
  const fs::path folder = fs::path(testing::TempDir()) / absl::StrCat("adret_passes_", getpid());
  fs::remove_all(folder);
  const Setting set("ADRET_DUMP", folder.string());
  Looking look;
  ASSERT_TRUE(look.Run().ok());
  ASSERT_TRUE(look.Run().ok());
  EXPECT_THAT(ReadText(folder / "plan-1" / "01-lower.txt"), HasSubstr("7  slice"));
  EXPECT_THAT(ReadText(folder / "plan-1" / "03-slices.txt"), HasSubstr("slice       f32[1,1,3,3]  1    axes=[0]"));
  EXPECT_THAT(ReadText(folder / "plan-1" / "06-fuse.txt"), HasSubstr("relu"));
  EXPECT_THAT(ReadText(folder / "plan-1" / "07-steps.txt"), HasSubstr("conv2d + relu"));
  EXPECT_EQ(ReadText(folder / "plan-1" / "rewrites.txt"),
            "1  identity  mul  mul\n2  slices  relu  relu\n3  slices  conv2d  conv2d\n");
  EXPECT_TRUE(fs::exists(folder / "plan-2" / "07-steps.txt"));
  fs::remove_all(folder);
}

// ---- The check after each pass: a plan that breaks an invariant is refused, by the invariant's number.

TEST(CheckPlanGraph, NamesTheInvariantThatIsBroken) {
  const TextReader reader(R"(
      0 constant f64[] value=f64[] 1
      1 variable w f64[4]
      2 exp f64[4] 1
      3 sum f64[] 2 axes=[0]
      4 add f64[] 3 0
      fetch 4
      update 1 = 2)");
  RewriteCounter counter;
  const auto broken = [&](auto&& damage) {
    PlanGraph plan = RunPasses(reader, {}, &counter);
    damage(plan);
    EXPECT_NE(PlanGraphText(plan), "");
    return std::string(CheckPlanGraph(plan).message());
  };
  EXPECT_EQ(broken([](PlanGraph&) {}), "");
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[4].producer = 9; }), HasSubstr("(1) value 4: is made by node 9"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[2].producer = 2; }), HasSubstr("(1) value 2: is no output of node 2"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[0].constant = 1; }), HasSubstr("(1) value 0: is constant 1 of 1"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.nodes[1].first_output = 3; }), HasSubstr("(1) value 2: is no output"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[2].producer = -1; }),
              HasSubstr("(1) node 1, exp (exp): makes value 2"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.nodes[1].inputs[0] = 3; }),
              HasSubstr("(2) node 1, exp (exp): reads value 3"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.nodes[3].inputs[1] = 77; }),
              HasSubstr("(2) node 3, add (add): reads value 77"));
  EXPECT_THAT(broken([](PlanGraph& p) { std::swap(p.nodes[1], p.nodes[2]); }), HasSubstr("(1)"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.fetches[0] = -1; }), HasSubstr("(3) value -1: is fetched"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.updates[0].first = 2; }),
              HasSubstr("(3) value 2: is updated, but is no var"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.updates[0].second = 3; }),
              HasSubstr("(3) node 0, variable (w): has type f64[4]"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[3].type.shape = {2}; }),
              HasSubstr("(4) node 2, sum (sum): output 0 is f64[] but the plan says f64[2]"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[0].type.shape = {2}; }), HasSubstr("(4) value 0: has type f64[2]"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.values[1].type.shape = {5}, p.values[2].type.shape = {5}; }),
              HasSubstr("(4) node 0, variable (w): output 0 is f64[4]"));
  EXPECT_THAT(broken([](PlanGraph& p) { p.nodes[3].inputs.push_back(0); }),
              HasSubstr("(4) node 3, add (add): add: expects"));
}

// A pass that leaves a wrong graph is named, with the graph.
TEST(CheckPlanGraph, NamesThePass) {
  PassRun run = *PassRun::Create({.check = true});
  PlanGraph plan;
  const absl::Status status = run.Apply("slices", &plan,
                                        [&] {
                                          plan.fetches = {3};
                                          return true;
                                        })
                                  .status();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_EQ(status.message(),
            "the plan is wrong after pass 1, 'slices': (3) value 3: is fetched, but nothing makes it\nfetch -1\n");
}

// The tests' main() switches the checks on.
TEST(CheckPlanGraph, IsOnInTests) { EXPECT_TRUE(PassOptionsFromEnvironment()->check); }

}  // namespace
}  // namespace adret
