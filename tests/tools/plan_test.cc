// adret plan: the graph, the passes, the steps.
#include "absl/strings/str_cat.h"
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

TEST_F(PlanTest, Mistakes) {
  ExpectMistake("plan missing.adret", 1, "missing.adret");
  ExpectMistake("plan cnn.adret --batch=0", 1, "--batch must be at least 1, but is 0");
  ExpectMistake("plan cnn.adret --output=logit", 1, "logits");
}

}  // namespace
}  // namespace adret::tools
