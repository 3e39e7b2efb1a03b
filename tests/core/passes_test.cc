// What each pass of the planner makes of small graphs, as texts: the graph before, and the graph after. An empty
// `after` says that the pass must leave the graph as it is. A name at the end of a line is that of the node for which a
// pass made the line's node.
#include "adret/core/plan/passes.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "adret/core/executor.h"
#include "adret/core/graph_text.h"
#include "adret/core/plan/check_plan_graph.h"
#include "adret/core/plan/plan_text.h"
#include "adret/core/plan/rewrite.h"
#include "adret/core/plan/simplify.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// The lines of a text, each with single spaces.
std::vector<std::string> Lines(absl::string_view text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (!words.empty()) lines.push_back(absl::StrJoin(words, " "));
  }
  return lines;
}
std::string Normal(absl::string_view text) { return absl::StrJoin(Lines(text), "\n"); }

std::vector<int64_t> Numbers(absl::string_view text) {
  absl::ConsumePrefix(&text, "[");
  absl::ConsumeSuffix(&text, "]");
  std::vector<int64_t> numbers;
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    EXPECT_TRUE(absl::SimpleAtoi(word, &numbers.emplace_back())) << word;
  }
  return numbers;
}

bool IsType(absl::string_view word) { return absl::StrContains(word, "[") && !absl::StrContains(word, "="); }

Type ParseType(absl::string_view word) {
  absl::ConsumeSuffix(&word, ",");
  const size_t bracket = word.find('[');
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUint8, DType::kBool}) {
    if (word.substr(0, bracket) == Name(dtype)) return {dtype, Shape(Numbers(word.substr(bracket)))};
  }
  ADD_FAILURE() << word;
  return {};
}

// What GraphText() and PlanGraphText() print, read back: constants are scalars.
class TextReader {
 public:
  explicit TextReader(absl::string_view text) {
    for (const std::string& line : Lines(text)) Read(line);
    EXPECT_TRUE(graph.status().ok()) << graph.status();
  }

  Graph graph;
  std::vector<ValueId> fetches;
  std::vector<std::pair<ValueId, ValueId>> updates;

 private:
  static ValueId ReadValue(absl::string_view word) {
    const std::vector<int64_t> numbers = Numbers(absl::StrJoin(absl::StrSplit(word, ':'), ","));
    return {static_cast<NodeId>(numbers[0]), numbers.size() > 1 ? static_cast<int32_t>(numbers[1]) : 0};
  }

  void Read(const std::string& line) {
    std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] == "fetch") {
      for (size_t i = 1; i < words.size(); ++i) fetches.push_back(ReadValue(absl::StripSuffix(words[i], ",")));
    } else if (words[0] == "update") {
      updates.emplace_back(ReadValue(words[1]), ReadValue(words[3]));
    } else {
      EXPECT_EQ(words[0], absl::StrCat(graph.num_nodes()));
      ReadNode({words.begin() + 1, words.end()});
    }
  }

  void ReadNode(const std::vector<std::string>& words) {
    const std::string& op = words[0];
    if (op == "input") graph.Input(words[1], ParseType(words[2]).dtype, ParseType(words[2]).shape);
    if (op == "variable") {
      const Type type = ParseType(words[2]);
      graph.Variable(words[1], Tensor::Zeros(type.dtype, type.shape));
    }
    double number = 0;
    if (op == "constant") {
      EXPECT_TRUE(absl::SimpleAtod(words.back(), &number)) << words.back();
      graph.Constant(Tensor::Full(ParseType(words[1]).dtype, ParseType(words[1]).shape, number));
    }
    if (op == "input" || op == "variable" || op == "constant") return;
    Types types;
    std::vector<ValueId> inputs;
    std::map<std::string, std::string> given;
    for (size_t i = 1; i < words.size(); ++i) {
      if (IsType(words[i])) {
        types.push_back(ParseType(words[i]));
      } else if (absl::StrContains(words[i], "=")) {
        const std::pair<std::string, std::string> parts = absl::StrSplit(words[i], absl::MaxSplits('=', 1));
        given[parts.first] = std::string(absl::StripSuffix(parts.second, ","));
      } else {
        inputs.push_back(ReadValue(words[i]));
      }
    }
    const Op* found = FindOp(op);
    ASSERT_NE(found, nullptr) << op;
    graph.AddNode(*found, inputs, ReadAttrs(*found, given, types), {});
  }

  // The op's defaults, but what is given; shapes and dtypes that are not given are those of the outputs.
  static Attrs ReadAttrs(const Op& op, const std::map<std::string, std::string>& given, const Types& types) {
    AttrList list = op.parse_attrs({}, MissingAttrs::kDefault)->list();
    for (Attr& attr : list) {
      const auto it = given.find(attr.name);
      if (auto* shape = std::get_if<Shape>(&attr.value)) {
        *shape = it == given.end() ? types[0].shape : Shape(Numbers(it->second));
      } else if (auto* dtype = std::get_if<DType>(&attr.value)) {
        *dtype = types[0].dtype;
      } else if (it == given.end()) {
        continue;
      } else if (auto* numbers = std::get_if<std::vector<int64_t>>(&attr.value)) {
        *numbers = Numbers(it->second);
      } else if (auto* flag = std::get_if<bool>(&attr.value)) {
        *flag = it->second == "true";
      } else if (auto* number = std::get_if<int64_t>(&attr.value)) {
        *number = Numbers(it->second)[0];
      } else {
        ADD_FAILURE() << op.name << ": the reader does not know the kind of " << attr.name;
      }
    }
    return *op.parse_attrs(list, MissingAttrs::kError);
  }
};

// Runs these passes and no others.
PlanGraph RunPasses(const TextReader& reader, const std::vector<std::string>& passes, RewriteCounter* counter) {
  PassRun lower = *PassRun::Create({.disabled = {"simplify", "slices"}, .check = true});
  auto plan = MakePlanGraph(reader.graph, reader.fetches, reader.updates, 0, &lower);
  EXPECT_TRUE(plan.ok()) << plan.status();
  for (const std::string& pass : passes) {
    if (pass == "simplify") plan = Simplify(*std::move(plan), counter);
    if (pass == "slices") PushDownSlices(&*plan, counter);
    EXPECT_TRUE(CheckPlanGraph(*plan).ok()) << pass << ": " << CheckPlanGraph(*plan) << "\n" << PlanGraphText(*plan);
  }
  return *std::move(plan);
}

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
  ASSERT_EQ(Normal(PlanGraphText(RunPasses(reader, {}, &counter))), Normal(row.before))
      << "the row's text is not exact";
  const std::string expected = Normal(*row.after == '\0' ? row.before : row.after);
  EXPECT_EQ(Normal(PlanGraphText(RunPasses(reader, row.passes, &counter))), expected);
  EXPECT_EQ(counter.count() == 0, *row.after == '\0') << counter.count() << " rewrites";
  // Whatever the number of rewrites is at which one stops, the plan is right (RunPasses checks it).
  for (int64_t stop = 0; stop <= counter.count(); ++stop) {
    RewriteCounter few(0, stop);
    const std::string text = Normal(PlanGraphText(RunPasses(reader, row.passes, &few)));
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

// ---- What the passes can be told.

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
