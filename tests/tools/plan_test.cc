// adret plan: the graph, the passes, the steps.
#include "absl/strings/str_cat.h"
#include "adret/io/model.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/tests/tools/tool_test.h"

namespace adret::tools {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using PlanTest = ToolTest;

TEST_F(PlanTest, ShowsGraphPassesAndSteps) {
  const Outcome run = Adret("plan cnn.adret --batch=8");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(ContainsRegex("0 +input image +f32\\[\\?,1,28,28\\]"), ContainsRegex("conv2d +f32\\[\\?,"),
                             ContainsRegex("pass +nodes +rewrites +time\n"),
                             ContainsRegex("\nlower +[0-9]+ +[0-9.]+ us"), ContainsRegex("\nsimplify +[0-9]+ +"),
                             ContainsRegex("step +level +ops"), HasSubstr("conv2d + "), HasSubstr("f32[8,10]")));
  EXPECT_EQ(run.err, "");
}

TEST_F(PlanTest, LeavesOutWhatNobodyAskedFor) {
  const Outcome run = Adret("plan cnn.adret --nograph");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(Not(HasSubstr("input image")), HasSubstr("pass "), HasSubstr("step ")));
  EXPECT_THAT(Adret("plan cnn.adret --nograph --nofuse").out, Not(HasSubstr("conv2d + ")));
}

TEST_F(PlanTest, OfATrainingStep) {
  const Outcome run = Adret("plan cnn.adret --nograph --training --batch=4");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("conv2d_w_grad"), HasSubstr("variable ")));
  ExpectMistake("plan mlp.adret --training", 1, "the model has no training step");
}

TEST_F(PlanTest, ObeysTheEnvironment) {
  const Outcome run = Adret("plan cnn.adret --nograph");
  const std::string line = absl::StrCat("cd ", folder_, " && ADRET_DISABLE=simplify,fuse ADRET_DUMP=dump ",
                                        ADRET_COMMAND, " plan cnn.adret --nograph >.out 2>.err");
  ASSERT_EQ(std::system(line.c_str()), 0) << *io::ReadFile(Path(".err"));
  const std::string out = *io::ReadFile(Path(".out"));
  EXPECT_THAT(out, AllOf(ContainsRegex("\nsimplify +[0-9]+ +skipped\n"), Not(HasSubstr("conv2d + "))));
  EXPECT_THAT(*io::ReadFile(Path("dump/plan-1/01-lower.txt")), ContainsRegex("\nfetch [0-9]+\n"));
  EXPECT_FALSE(Exists("dump/plan-1/02-simplify.txt"));
}

TEST_F(PlanTest, OfSizesBesidesTheBatch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, Dim("time"), 4});
  const Value y = Tanh(Slice(x, 1, 0, -1));
  ASSERT_TRUE(io::SaveModel(Path("lines.adret"), {.graph = &graph, .outputs = {{"y", y}}}).ok());
  EXPECT_THAT(Adret("plan lines.adret --batch=2 --sizes=time=9").out,
              AllOf(HasSubstr("f32[?,time - 1,4]"), HasSubstr("f32[2,8,4]")));
  EXPECT_THAT(Adret("summary lines.adret").out, HasSubstr("where ? = 1, time = 1"));
  ExpectMistake("plan lines.adret --sizes=length=9", 1, "have no dimension \"length\"; they have time");
  ExpectMistake("plan lines.adret --sizes=time", 1, "a list such as time=100,rows=3, but has \"time\"");
  ExpectMistake("plan lines.adret --sizes=time=-3", 1, "a list such as");
  ExpectMistake("plan lines.adret --sizes=time=0", 1,
                "end -1 is outside an axis of size 0 (x f32[1,0,4]) where ? = 1, time = 0");
  ExpectMistake("plan cnn.adret --sizes=time=3", 1, "they have none with a name");
}

TEST_F(PlanTest, Mistakes) {
  ExpectMistake("plan missing.adret", 1, "missing.adret");
  ExpectMistake("plan cnn.adret --batch=0", 1, "--batch must be at least 1, but is 0");
  ExpectMistake("plan cnn.adret --output=logit", 1, "logits");
}

}  // namespace
}  // namespace adret::tools
