// What each pass of the planner makes of small graphs, as texts: the graph before, and the graph after. An empty
// `after` says that the pass must leave the graph as it is. A name at the end of a line is that of the node for which a
// pass made the line's node.
#include <string>
#include <vector>

#include "adret/core/plan/plan_text.h"
#include "adret/tests/core/plan_text_reader.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

struct Row {
  const char* name;
  std::vector<std::string> passes;
  const char* before;
  const char* after = "";  // the same as before
};

class PassText : public testing::TestWithParam<Row> {};

TEST_P(PassText, IsAsExpected) {
  const Row& row = GetParam();
  const TextReader reader(row.before);
  RewriteCounter counter;
  ASSERT_EQ(NormalText(PlanGraphText(RunPasses(reader, {}, &counter))), NormalText(row.before))
      << "the row's text is not exact";
  const std::string expected = NormalText(*row.after == '\0' ? row.before : row.after);
  EXPECT_EQ(NormalText(PlanGraphText(RunPasses(reader, row.passes, &counter))), expected);
  EXPECT_EQ(counter.count() == 0, *row.after == '\0') << counter.count() << " rewrites";
  // Whatever the number of rewrites is at which one stops, the plan is right (RunPasses checks it).
  for (int64_t stop = 0; stop <= counter.count(); ++stop) {
    RewriteCounter few(0, stop);
    const std::string text = NormalText(PlanGraphText(RunPasses(reader, row.passes, &few)));
    EXPECT_EQ(few.count(), stop);
    EXPECT_TRUE(text == expected || stop < counter.count()) << text;
  }
}

const std::vector<std::string> kSimplify = {"simplify"}, kSlices = {"slices"},
                               kBoth = {"simplify", "slices", "simplify"};

const Row kRows[] = {
    // ---- The example that the headers of core/plan follow.
    {"Example", kBoth, R"(
        0 constant f32[] value=f32[] 1
        1 input x f32[8,1,6,6]
        2 variable w f32[4,1,3,3]
        3 conv2d f32[8,4,4,4] 1 2
        4 broadcast_to f32[8,4,4,4] 0
        5 mul f32[8,4,4,4] 4 3
        6 relu f32[8,4,4,4] 5
        7 slice f32[8,1,4,4] 6 axes=[1], begins=[2], ends=[3], steps=[1]
        fetch 7)",
     R"(
        0 input x f32[8,1,6,6]
        1 variable w f32[4,1,3,3]
        2 slice f32[1,1,3,3] 1 axes=[0], begins=[2], ends=[3], steps=[1] conv2d
        3 conv2d f32[8,1,4,4] 0 2
        4 relu f32[8,1,4,4] 3
        fetch 4)"},

    // ---- identity: x * 1 = x, x + 0 = x, reshape(x) to its own shape = x.
    {"IdentityOfMultiplyingByOne", kSimplify, R"(
        0 constant f64[] value=f64[] 1
        1 input x f64[4]
        2 broadcast_to f64[4] 0
        3 mul f64[4] 1 2
        fetch 3)",
     R"(
        0 input x f64[4]
        fetch 0)"},
    {"IdentityOfAddingZero", kSimplify, R"(
        0 constant f64[] value=f64[] 0
        1 input x f64[]
        2 add f64[] 0 1
        3 exp f64[] 2
        fetch 3)",
     R"(
        0 input x f64[]
        1 exp f64[] 0
        fetch 1)"},
    {"IdentityOfReshapingToTheSameShape", kSimplify, R"(
        0 input x f64[2,3]
        1 reshape f64[2,3] 0
        2 exp f64[2,3] 1
        fetch 2)",
     R"(
        0 input x f64[2,3]
        1 exp f64[2,3] 0
        fetch 1)"},
    // 0 * x is NaN where x is infinite, 0 - x is not x, and a reshape to another shape is needed.
    {"NoIdentityOfMultiplyingByZero", kSimplify, R"(
        0 constant f64[] value=f64[] 0
        1 input x f64[4]
        2 broadcast_to f64[4] 0
        3 mul f64[4] 1 2
        fetch 3)"},
    {"NoIdentityOfSubtractingFromZero", kSimplify, R"(
        0 constant f64[] value=f64[] 0
        1 input x f64[4]
        2 broadcast_to f64[4] 0
        3 sub f64[4] 2 1
        fetch 3)"},
    {"NoIdentityOfAnotherShape", kSimplify, R"(
        0 input x f64[2,3]
        1 reshape f64[3,2] 0
        fetch 1)"},

    // ---- fold: f(constants) is a constant.
    {"FoldConstants", kSimplify, R"(
        0 constant f64[] value=f64[] 4
        1 constant f64[] value=f64[] 3
        2 input x f64[]
        3 sqrt f64[] 0
        4 add f64[] 3 1
        5 mul f64[] 4 2
        fetch 5)",
     R"(
        0 constant f64[] value=f64[] 5
        1 input x f64[]
        2 mul f64[] 0 1
        fetch 2)"},
    {"FoldWhatNeedsNothingButShapes", kSimplify, R"(
        0 input x f64[2,3]
        1 size f64[] 0 axes=[1]
        fetch 1)",
     R"(
        0 constant f64[] value=f64[] 3
        fetch 0)"},
    // To repeat a constant again is cheaper than to keep what it fills.
    {"NoFoldOfBroadcasts", kSimplify, R"(
        0 constant f64[] value=f64[] 3
        1 broadcast_to f64[4] 0
        fetch 1)"},
    {"NoFoldOfRandomNumbers", kSimplify, R"(
        0 random_uniform f64[4] stream=1
        fetch 0)"},

    // ---- merge: f(x), f(x) is f(x) once.
    {"MergeEqualNodes", kSimplify, R"(
        0 input x f64[4]
        1 exp f64[4] 0
        2 neg f64[4] 1
        3 exp f64[4] 0
        4 neg f64[4] 3
        5 mul f64[4] 2 4
        fetch 5, 3)",
     R"(
        0 input x f64[4]
        1 exp f64[4] 0
        2 neg f64[4] 1
        3 mul f64[4] 2 2
        fetch 3, 1)"},
    {"NoMergeOfOtherAttributes", kSimplify, R"(
        0 input x f64[3,3]
        1 sum f64[3] 0 axes=[0]
        2 sum f64[3] 0 axes=[1]
        fetch 1, 2)"},
    {"NoMergeOfOtherOrders", kSimplify, R"(
        0 input x f64[3]
        1 input y f64[3]
        2 sub f64[3] 0 1
        3 sub f64[3] 1 0
        fetch 2, 3)"},
    {"NoMergeOfRandomNumbers", kSimplify, R"(
        0 random_uniform f64[4] stream=1
        1 random_uniform f64[4] stream=1
        fetch 0, 1)"},
    {"NoMergeOfVariables", kSimplify, R"(
        0 variable a f64[2]
        1 variable b f64[2]
        fetch 0, 1
        update 0 = 1
        update 1 = 0)"},

    // ---- windows: a window of a window is a window.
    {"SliceOfSlice", kSimplify, R"(
        0 input x f64[20]
        1 slice f64[16] 0 axes=[0], begins=[2], ends=[18], steps=[1]
        2 slice f64[4] 1 axes=[0], begins=[3], ends=[7], steps=[1]
        fetch 2)",
     R"(
        0 input x f64[20]
        1 slice f64[4] 0 axes=[0], begins=[5], ends=[9], steps=[1]
        fetch 1)"},
    {"PaddingOfPadding", kSimplify, R"(
        0 input x f64[4]
        1 slice_x_grad f64[16] 0 slice.axes=[0], slice.begins=[3], slice.ends=[7], slice.steps=[1]
        2 slice_x_grad f64[20] 1 slice.axes=[0], slice.begins=[2], slice.ends=[18], slice.steps=[1]
        fetch 2)",
     R"(
        0 input x f64[4]
        1 slice_x_grad f64[20] 0 slice.axes=[0], slice.begins=[5], slice.ends=[9], slice.steps=[1]
        fetch 1)"},
    {"SliceWithinPadding", kSimplify, R"(
        0 input x f64[4]
        1 slice_x_grad f64[20] 0 slice.axes=[0], slice.begins=[5], slice.ends=[9], slice.steps=[1]
        2 slice f64[2] 1 axes=[0], begins=[6], ends=[8], steps=[1]
        fetch 2)",
     R"(
        0 input x f64[4]
        1 slice f64[2] 0 axes=[0], begins=[1], ends=[3], steps=[1]
        fetch 1)"},
    {"NoSliceAcrossThePaddingsEdge", kSimplify, R"(
        0 input x f64[4]
        1 slice_x_grad f64[20] 0 slice.axes=[0], slice.begins=[5], slice.ends=[9], slice.steps=[1]
        2 slice f64[4] 1 axes=[0], begins=[6], ends=[10], steps=[1]
        fetch 2)"},

    // ---- padding: f(pad(x), w) = pad(f(x, slice(w))), or f(x, slice(w)) where f sums over the label.
    {"PaddingThroughAProductRow", kSimplify, R"(
        0 input d f64[1,4]
        1 variable w f64[4,3]
        2 slice_x_grad f64[20,4] 0 slice.axes=[0], slice.begins=[5], slice.ends=[6], slice.steps=[1]
        3 matmul f64[20,3] 2 1
        fetch 3)",
     R"(
        0 input d f64[1,4]
        1 variable w f64[4,3]
        2 matmul f64[1,3] 0 1
        3 slice_x_grad f64[20,3] 2 slice.axes=[0], slice.begins=[5], slice.ends=[6], slice.steps=[1] matmul
        fetch 3)"},
    {"PaddingIntoASum", kSimplify, R"(
        0 input d f64[4,1]
        1 variable w f64[20,3]
        2 slice_x_grad f64[4,20] 0 slice.axes=[1], slice.begins=[5], slice.ends=[6], slice.steps=[1]
        3 matmul f64[4,3] 2 1
        fetch 3)",
     R"(
        0 input d f64[4,1]
        1 variable w f64[20,3]
        2 slice f64[1,3] 1 axes=[0], begins=[5], ends=[6], steps=[1] matmul
        3 matmul f64[4,3] 0 2
        fetch 3)"},
    // More than half would be left: a copy of the other operand costs more than it spares.
    {"NoPaddingOfALittle", kSimplify, R"(
        0 input d f64[4,15]
        1 variable w f64[20,3]
        2 slice_x_grad f64[4,20] 0 slice.axes=[1], slice.begins=[5], slice.ends=[20], slice.steps=[1]
        3 matmul f64[4,3] 2 1
        fetch 3)"},
    // exp(0) is 1, and a sum is zero only where both of its terms are.
    {"NoPaddingThroughWhatMakesNoZeros", kSimplify, R"(
        0 input d f64[1,4]
        1 input x f64[20,4]
        2 slice_x_grad f64[20,4] 0 slice.axes=[0], slice.begins=[5], slice.ends=[6], slice.steps=[1]
        3 exp f64[20,4] 2
        4 add f64[20,4] 2 1
        fetch 3, 4)"},

    // ---- scatter: f(scatter(d, places), y) = scatter(f(d, what was picked from y), places), f linear, element by
    // element.
    {"MaskBeforeScatter", kSimplify, R"(
        0 input y f64[2,3,8,8]
        1 input d f64[2,3,4,4]
        2 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        3 max_pool2d_x_grad f64[2,3,8,8] 1 2:1 stride=[2,2], size=[8,8]
        4 relu_x_grad f64[2,3,8,8] 3 0
        fetch 4)",
     R"(
        0 input y f64[2,3,8,8]
        1 input d f64[2,3,4,4]
        2 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        3 relu_x_grad f64[2,3,4,4] 1 2
        4 max_pool2d_x_grad f64[2,3,8,8] 3 2:1 stride=[2,2], size=[8,8] relu_x_grad
        fetch 4)"},
    {"SumBeforeScatter", kSimplify, R"(
        0 input y f64[2,3,8,8]
        1 input d f64[2,3,4,4]
        2 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        3 max_pool2d_x_grad f64[2,3,8,8] 1 2:1 stride=[2,2], size=[8,8]
        4 sum f64[3] 3 axes=[0,2,3]
        fetch 4)",
     R"(
        0 input d f64[2,3,4,4]
        1 sum f64[3] 0 axes=[0,2,3]
        fetch 1)"},
    // Somebody else reads the scattered gradient, which is there anyway then.
    {"NoMaskBeforeAScatterThatIsFetched", kSimplify, R"(
        0 input y f64[2,3,8,8]
        1 input d f64[2,3,4,4]
        2 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        3 max_pool2d_x_grad f64[2,3,8,8] 1 2:1 stride=[2,2], size=[8,8]
        4 relu_x_grad f64[2,3,8,8] 3 0
        fetch 3, 4)"},
    // The mask is of another value than the one that the pooling picked from.
    {"NoMaskOfAnotherValueBeforeAScatter", kSimplify, R"(
        0 input y f64[2,3,8,8]
        1 input z f64[2,3,8,8]
        2 input d f64[2,3,4,4]
        3 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        4 max_pool2d_x_grad f64[2,3,8,8] 2 3:1 stride=[2,2], size=[8,8]
        5 relu_x_grad f64[2,3,8,8] 4 1
        fetch 5)"},
    // The sum leaves an axis along which the places lie.
    {"NoSumOfRowsBeforeScatter", kSimplify, R"(
        0 input y f64[2,3,8,8]
        1 input d f64[2,3,4,4]
        2 max_pool2d f64[2,3,4,4], i32[2,3,4,4] 0 stride=[2,2]
        3 max_pool2d_x_grad f64[2,3,8,8] 1 2:1 stride=[2,2], size=[8,8]
        4 sum f64[8] 3 axes=[0,1,3]
        fetch 4)"},

    // ---- slices: slice(f(x, w)) = f(slice(x), slice(w)) along a label.
    {"SliceOfAProductsColumn", kSlices, R"(
        0 input x f64[5,4]
        1 variable w f64[4,20]
        2 matmul f64[5,20] 0 1
        3 slice f64[5,1] 2 axes=[1], begins=[7], ends=[8], steps=[1]
        fetch 3)",
     R"(
        0 input x f64[5,4]
        1 variable w f64[4,20]
        2 slice f64[4,1] 1 axes=[1], begins=[7], ends=[8], steps=[1] matmul
        3 matmul f64[5,1] 0 2
        fetch 3)"},
    {"SliceOfABroadcast",
     {"slices", "simplify"},
     R"(
        0 input x f64[3]
        1 input y f64[20,3]
        2 broadcast_to f64[20,3] 0
        3 mul f64[20,3] 2 1
        4 slice f64[2,3] 3 axes=[0], begins=[5], ends=[7], steps=[1]
        fetch 4)",
     R"(
        0 input x f64[3]
        1 input y f64[20,3]
        2 slice f64[2,3] 1 axes=[0], begins=[5], ends=[7], steps=[1] mul
        3 broadcast_to f64[2,3] 0 mul
        4 mul f64[2,3] 3 2
        fetch 4)"},
    {"SliceOfJoinedValues",
     {"slices", "simplify"},
     R"(
        0 input x f64[3,2]
        1 input y f64[5,2]
        2 concat f64[8,2] 0 1 axis=0
        3 slice f64[2,2] 2 axes=[0], begins=[4], ends=[6], steps=[1]
        fetch 3)",
     R"(
        0 input y f64[5,2]
        1 slice f64[2,2] 0 axes=[0], begins=[1], ends=[3], steps=[1]
        fetch 1)"},
    {"OneSliceForAllWhoWantTheSame", kSlices, R"(
        0 input x f64[20]
        1 exp f64[20] 0
        2 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        3 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        4 add f64[1] 2 3
        fetch 4)",
     R"(
        0 input x f64[20]
        1 slice f64[1] 0 axes=[0], begins=[3], ends=[4], steps=[1] exp
        2 exp f64[1] 1
        3 add f64[1] 2 2
        fetch 3)"},
    // All of it is needed anyway.
    {"NoSliceOfWhatIsFetched", kSlices, R"(
        0 input x f64[20]
        1 exp f64[20] 0
        2 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        fetch 1, 2)"},
    {"NoSliceOfWhatSomebodyReadsWhole", kSlices, R"(
        0 input x f64[20]
        1 exp f64[20] 0
        2 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        3 sum f64[] 1 axes=[0]
        fetch 2, 3)"},
    {"NoSliceForReadersThatDiffer", kSlices, R"(
        0 input x f64[20]
        1 exp f64[20] 0
        2 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        3 slice f64[1] 1 axes=[0], begins=[4], ends=[5], steps=[1]
        fetch 2, 3)"},
    {"NoSliceOfNearlyAll", kSlices, R"(
        0 input x f64[20]
        1 exp f64[20] 0
        2 slice f64[15] 1 axes=[0], begins=[3], ends=[18], steps=[1]
        fetch 2)"},
    // Rows of a softmax along axis 0 depend on each other.
    {"NoSliceAlongAnAxisThatRunsTogether", kSlices, R"(
        0 input x f64[20,3]
        1 softmax f64[20,3] 0 axis=0
        2 slice f64[1,3] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        fetch 2)"},
    {"NoSliceAcrossJoinedValues", kSlices, R"(
        0 input x f64[3,2]
        1 input y f64[5,2]
        2 concat f64[8,2] 0 1 axis=0
        3 slice f64[2,2] 2 axes=[0], begins=[2], ends=[4], steps=[1]
        fetch 3)"},
    // A part of random numbers is not the random numbers of a part.
    {"NoSliceOfRandomNumbers", kSlices, R"(
        0 random_uniform f64[20] stream=1
        1 slice f64[1] 0 axes=[0], begins=[3], ends=[4], steps=[1]
        fetch 1)"},
    {"NoSliceOfWhatIsStored", kSlices, R"(
        0 variable v f64[20]
        1 exp f64[20] 0
        2 slice f64[1] 1 axes=[0], begins=[3], ends=[4], steps=[1]
        fetch 2
        update 0 = 1)"},
};
INSTANTIATE_TEST_SUITE_P(Passes, PassText, testing::ValuesIn(kRows), [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace adret
