// Every op of the suite with every dtype: what its type rule lets pass runs, and the result is that of the same numbers
// in f32, where they are only stored and moved, or in i64, wrapped around. Below, what is particular to some ops.
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/state.h"
#include "adret/io/npy.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pad.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/op_suite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

// The dtypes that no row is written for.
constexpr DType kOthers[] = {DType::kBFloat16, DType::kFloat16, DType::kInt8,  DType::kInt16,
                             DType::kUint16,   DType::kUint32,  DType::kUint64};

// Small whole numbers, which every dtype holds.
Tensor SmallNumbers(const Shape& shape, DType dtype, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = std::floor(random->Uniform(-4, 5));
  return t.Cast(dtype);
}

// A row on these inputs, with the gradients of its floating inputs.
absl::StatusOr<std::vector<Tensor>> RunRow(const OpCase& c, const std::vector<Tensor>& inputs) {
  Graph graph;
  Values x, xs, ys;
  Feeds feeds;
  for (const Tensor& t : inputs) {
    x.push_back(graph.Input(absl::StrCat("x", x.size()), t.dtype(), t.shape()));
    feeds.emplace_back(x.back(), t);
    if (IsAnyFloating(t.dtype())) xs.push_back(x.back());
  }
  Values fetches = c.build(x);
  AD_RETURN_IF_ERROR(graph.status());
  for (const Value& y : fetches) {
    if (IsAnyFloating(y.dtype())) ys.push_back(y);
  }
  if (c.differentiable && !xs.empty()) {
    for (const Value& dx : Gradients(ys, xs)) fetches.push_back(dx);
  }
  AD_RETURN_IF_ERROR(graph.status());
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, {}));
  State state;
  state.seed = 3;
  return executor.Run(feeds, &state);
}

// Integers in another integer dtype, wrapped around.
Tensor Wrapped(const Tensor& integers, DType dtype) {
  const Tensor wide = integers.Cast(DType::kInt64);
  Tensor wrapped(dtype, integers.shape());
  const auto from = wide.data<int64_t>();
  VisitArithmetic(dtype, [&](auto tag) {
    const auto to = wrapped.mutable_data<typename decltype(tag)::type>();
    for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<typename decltype(tag)::type>(from[i]);
  });
  return wrapped;
}

// Whether they are the same numbers, of `found`'s dtype.
bool Same(const Tensor& found, const Tensor& wide) {
  const bool wraps = IsInteger(found.dtype()) && IsInteger(wide.dtype());
  const Tensor expected = wraps ? Wrapped(wide, found.dtype()) : wide.Cast(found.dtype());
  if (found.shape() != expected.shape()) return false;
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    const double f = found.At(i), e = expected.At(i);
    if (f != e && !(std::isnan(f) && std::isnan(e))) return false;
  }
  return true;
}

class DTypesTest : public testing::Test {
 protected:
  // Puts the dtype in place of those of the inputs `places`. The numbers of indices are the row's.
  void Try(const OpCase& c, DType dtype, const std::vector<size_t>& places) {
    std::vector<Tensor> narrow = MakeInputs(c, DType::kFloat32), wide = narrow;
    RandomStream random(5);
    for (size_t i : places) {
      const bool floating = IsFloating(narrow[i].dtype());
      const Tensor numbers = floating ? SmallNumbers(narrow[i].shape(), dtype, &random) : narrow[i].Cast(dtype);
      const DType computed = !floating ? narrow[i].dtype() : IsHalf(dtype) ? DType::kFloat32 : DType::kInt64;
      narrow[i] = numbers;
      wide[i] = numbers.Cast(computed);
    }
    const auto found = RunRow(c, narrow);
    if (!found.ok()) {
      EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument) << found.status();
      return;
    }
    const auto expected = RunRow(c, wide);
    ASSERT_TRUE(expected.ok()) << Name(dtype) << " is taken, but what it stands for is not: " << expected.status();
    for (size_t k = 0; k < found->size(); ++k) {
      EXPECT_TRUE(Same((*found)[k], (*expected)[k]))
          << "result " << k << " is " << (*found)[k].ToString() << " instead of " << (*expected)[k].ToString();
    }
    taken_[dtype].insert(c.name.substr(0, c.name.find('/')));
  }

  std::map<DType, std::set<std::string>> taken_;  // the families of rows that ran
};

TEST_F(DTypesTest, EveryRowRefusesOrRuns) {
  for (const OpCase& c : AllCases()) {
    for (DType dtype : kOthers) {
      std::vector<size_t> floats;
      for (size_t i = 0; i < c.inputs.size(); ++i) {
        SCOPED_TRACE(absl::StrCat(c.name, " with ", Name(dtype), " as input ", i));
        Try(c, dtype, {i});
        if (IsFloating(c.inputs[i].dtype)) floats.push_back(i);
      }
      if (floats.size() >= 2) {
        SCOPED_TRACE(absl::StrCat(c.name, " with ", Name(dtype), " as every floating input"));
        Try(c, dtype, floats);
      }
      if (c.inputs.size() == 2 && IsInteger(c.inputs[0].dtype) && c.inputs[1].dtype == c.inputs[0].dtype) {
        SCOPED_TRACE(absl::StrCat(c.name, " with ", Name(dtype), " as both inputs"));
        Try(c, dtype, {0, 1});
      }
    }
  }
  for (DType dtype : kOthers) {
    RecordProperty(std::string(Name(dtype)), absl::StrJoin(taken_[dtype], " "));
    for (const char* name : {"reshape", "transpose", "slice", "concat", "pad", "tile", "where", "gather", "narrow",
                             "broadcast_to", "cast", "stack", "split", "flip"}) {
      const bool has_rows = std::any_of(AllCases().begin(), AllCases().end(), [&](const OpCase& c) {
        return c.name == name || absl::StartsWith(c.name, absl::StrCat(name, "/"));
      });
      EXPECT_TRUE(!has_rows || taken_[dtype].contains(name)) << name << " refuses " << Name(dtype);
    }
    for (const char* name : {"matmul", "conv2d", "exp", "softmax", "batch_norm", "max_pool2d"}) {
      EXPECT_FALSE(taken_[dtype].contains(name)) << name << " computes in " << Name(dtype);
    }
    for (const char* name : {"add", "pow", "mod", "bitwise_xor", "shift_left", "relu", "clip", "sum", "prod", "max",
                             "argmin", "cumsum", "top_k", "scatter_add", "scatter_elements_add", "einsum"}) {
      EXPECT_EQ(taken_[dtype].contains(name), IsInteger(dtype)) << name << " and " << Name(dtype);
    }
  }
}

// ---- What is refused, and how --------------------------------------------------------------------------------------

std::string ErrorOf(DType dtype, Value (*build)(Value)) {
  Graph graph;
  build(graph.Input("x", dtype, {2, 2}));
  return std::string(graph.status().message());
}

TEST(HalfOpsTest, ArithmeticSaysWhatToDo) {
  Value (*const builders[])(Value) = {[](Value x) { return x + x; },
                                      [](Value x) { return x * 2.0; },
                                      [](Value x) { return -x; },
                                      [](Value x) { return MatMul(x, x); },
                                      [](Value x) { return Exp(x); },
                                      [](Value x) { return Relu(x); },
                                      [](Value x) { return Sum(x); },
                                      [](Value x) { return Max(x); },
                                      [](Value x) { return ArgMax(x, {.axis = 0}); },
                                      [](Value x) { return Softmax(x, 0); },
                                      [](Value x) { return Less(x, x); }};
  for (auto build : builders) {
    EXPECT_THAT(ErrorOf(DType::kBFloat16, build), HasSubstr("computes in f32 or f64: cast it"));
    EXPECT_THAT(ErrorOf(DType::kFloat16, build), HasSubstr("computes in f32 or f64: cast it"));
  }
  EXPECT_THAT(ErrorOf(DType::kUint32, [](Value x) { return MatMul(x, x); }),
              HasSubstr("matmul: a must be f32 or f64 (a u32[2,2], b u32[2,2])"));
}

// ---- Values ---------------------------------------------------------------------------------------------------------

Tensor ValueOf(const Value& y, const Feeds& feeds = {}) {
  State state;
  (void)InitializeMissing(*y.graph(), 1, &state);
  auto executor = Executor::Create({y});
  EXPECT_TRUE(executor.ok()) << executor.status();
  auto result = executor->Run(feeds, &state);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? (*result)[0] : Tensor();
}

TEST(IntegerOpsTest, ComparisonsSeeTheSign) {
  Graph graph;
  const auto less = [&](const Tensor& a, const Tensor& b) {
    return ValueOf(Less(graph.Constant(a), graph.Constant(b))).At(0) == 1;
  };
  EXPECT_TRUE(less(Tensor::From<int8_t>({}, {-1}), Tensor::From<int8_t>({}, {1})));
  EXPECT_FALSE(less(Tensor::From<uint16_t>({}, {65535}), Tensor::From<uint16_t>({}, {1})));
  EXPECT_FALSE(less(Tensor::From<uint64_t>({}, {~uint64_t{0}}), Tensor::From<uint64_t>({}, {1})));
  EXPECT_TRUE(less(Tensor::From<uint64_t>({}, {~uint64_t{0} - 1}), Tensor::From<uint64_t>({}, {~uint64_t{0}})));
  const Value x = graph.Constant(Tensor::From<uint64_t>({2}, {5, ~uint64_t{0}}));
  EXPECT_EQ(ValueOf(Equal(x, 5)).ToString(), "bool[2] [1, 0]");
  EXPECT_EQ(ValueOf(Equal(x, uint64_t{1} << 63)).ToString(), "bool[2] [0, 0]");
  Less(x, -1);
  EXPECT_THAT(graph.status().message(), HasSubstr("the number -1 is not a value of u64"));
}

TEST(IntegerOpsTest, IndicesOfEveryDType) {
  for (DType dtype : kAllDTypes) {
    if (!IsInteger(dtype)) continue;
    SCOPED_TRACE(Name(dtype));
    Graph graph;
    const Value table = graph.Constant(Tensor::From<float>({3}, {10, 20, 30}));
    const Value indices = graph.Input("indices", dtype, {2});
    const Tensor some = Tensor::From<int64_t>({2}, {2, 0}).Cast(dtype);
    EXPECT_EQ(ValueOf(Gather(table, indices), {{indices, some}}).ToString(), "f32[2] [30, 10]");
    EXPECT_EQ(ValueOf(GatherElements(table, indices, 0), {{indices, some}}).ToString(), "f32[2] [30, 10]");
    EXPECT_EQ(ValueOf(OneHot(indices, 3), {{indices, some}}).ToString(), "f32[2,3] [[0, 0, 1], [1, 0, 0]]");
    const Value ones = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 1));
    EXPECT_EQ(ValueOf(ScatterAdd(table, indices, ones), {{indices, some}}).ToString(), "f32[3] [11, 20, 31]");
    const Value logits = graph.Constant(Tensor::Zeros(DType::kFloat32, {2, 3}));
    EXPECT_NEAR(ValueOf(SoftmaxCrossEntropy(logits, indices), {{indices, some}}).At(1), std::log(3), 1e-6);

    State state;
    auto executor = Executor::Create({Gather(table, indices)});
    ASSERT_TRUE(executor.ok()) << executor.status();
    const Tensor beyond = Tensor::Full(dtype, {2}, 100);
    EXPECT_THAT(executor->Run({{indices, beyond}}, &state).status().message(), HasSubstr("index 100 at place 0"));
  }
  // What i64 cannot hold is out of every range, too.
  Graph graph;
  const Value x = graph.Constant(Tensor::From<float>({3}, {10, 20, 30}));
  auto executor = Executor::Create({Gather(x, graph.Constant(Tensor::From<uint64_t>({1}, {~uint64_t{0}})))});
  State state;
  EXPECT_FALSE(executor.ok() && executor->Run({}, &state).ok());
}

TEST(HalfOpsTest, RangesPaddingsAndMasks) {
  Graph graph;
  EXPECT_EQ(ValueOf(Range(&graph, {.dtype = DType::kBFloat16, .limit = 3})).ToString(), "bf16[3] [0, 1, 2]");
  EXPECT_EQ(ValueOf(Range(&graph, {.dtype = DType::kInt8, .start = -2, .limit = 1})).ToString(), "i8[3] [-2, -1, 0]");
  const Value x = graph.Constant(Tensor::From<double>({2}, {1, 2}).Cast(DType::kFloat16));
  EXPECT_EQ(ValueOf(Pad(x, {.before = {1}, .after = {0}, .value = 0.5})).ToString(), "f16[3] [0.5, 1, 2]");
  const Value mask = graph.Constant(Tensor::From<bool>({2}, {true, false}));
  EXPECT_EQ(ValueOf(Where(mask, x, -1.5)).ToString(), "f16[2] [1, -1.5]");
  Range(&graph, {.dtype = DType::kInt8, .start = 0, .limit = 200});
  EXPECT_THAT(graph.status().message(), HasSubstr("i8 cannot hold the numbers from 0 to 199"));
}

// Rounded to 16 bits and back, with the gradient that is rounded on its way: bit for bit.
TEST(HalfOpsTest, CastsArePyTorchs) {
  const auto golden = io::LoadNpz("tests/golden/cast.npz");
  ASSERT_TRUE(golden.ok()) << golden.status();
  for (DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    const auto array = [&](const char* key) { return golden->at(absl::StrCat(Name(dtype), "/", key)); };
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {array("x0").num_elements()});
    const Value y = Cast(Cast(x, dtype), DType::kFloat32);
    const Value dx = Gradients(y, {x}, {.seeds = {graph.Constant(array("dy"))}})[0];
    EXPECT_TRUE(ValueOf(y, {{x, array("x0")}}).BitEqual(array("y"))) << Name(dtype);
    EXPECT_TRUE(ValueOf(dx, {{x, array("x0")}}).BitEqual(array("dx0"))) << Name(dtype);
  }
}

// ---- Gradients ------------------------------------------------------------------------------------------------------

// Many terms arrive at x: they are added in f32, and rounded once. In bf16, 256 + 1 is 256.
TEST(HalfOpsTest, GradientsAreAddedInSinglePrecision) {
  for (DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    SCOPED_TRACE(Name(dtype));
    Graph graph;
    const Value x = graph.Variable("x", Tensor::From<float>({2}, {1, 2}).Cast(dtype));
    const auto wide = [](Value v) { return Cast(v, DType::kFloat32); };
    const auto slope = [&](Value y) { return ValueOf(Gradients(Sum(y), {x})[0]); };
    const double large = dtype == DType::kBFloat16 ? 256 : 2048;  // the next number is 2 larger
    EXPECT_EQ(slope(wide(x) * large + wide(x) + wide(x)).At(0), large + 2);
    // A sum over 300 copies, over rows that are picked many times, and over what an edge is repeated into.
    const Value many = BroadcastTo(x, {300, 2});
    EXPECT_EQ(slope(wide(many)).ToString(), absl::StrCat(Name(dtype), "[2] [300, 300]"));
    const Value picked = Gather(x, graph.Constant(Tensor::Zeros(DType::kInt32, {300})));
    EXPECT_EQ(slope(wide(picked)).ToString(), absl::StrCat(Name(dtype), "[2] [300, 0]"));
    const Value elements = GatherElements(x, graph.Constant(Tensor::Zeros(DType::kInt32, {300})), 0);
    EXPECT_EQ(slope(wide(elements)).ToString(), absl::StrCat(Name(dtype), "[2] [300, 0]"));
    const Value padded = Pad(x, {.before = {299}, .after = {0}, .mode = "edge"});
    EXPECT_EQ(slope(wide(padded)).ToString(), absl::StrCat(Name(dtype), "[2] [300, 1]"));
    ASSERT_TRUE(graph.status().ok()) << graph.status();
  }
}

// d/dx and d2/dx2 of x^3 through a stored variable, at a number that it holds.
TEST(HalfOpsTest, SecondOrderThroughACast) {
  Graph graph;
  const Value x = graph.Variable("x", Tensor::From<float>({}, {1.5}).Cast(DType::kBFloat16));
  const Value wide = Cast(x, DType::kFloat64);
  const Value first = Gradients(wide * wide * wide, {x})[0];
  const Value second = Gradients(first, {x})[0];
  EXPECT_EQ(first.dtype(), DType::kBFloat16);
  EXPECT_EQ(ValueOf(first).At(0), 6.75);
  EXPECT_EQ(ValueOf(second).At(0), 9);
}

}  // namespace
}  // namespace adret
