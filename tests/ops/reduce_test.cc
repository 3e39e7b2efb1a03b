#include "adret/ops/reduce.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<double>;

double SumOf(const Line& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double ProdOf(const Line& v) { return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<double>()); }
double MaxOf(const Line& v) { return *std::max_element(v.begin(), v.end()); }
double MinOf(const Line& v) { return *std::min_element(v.begin(), v.end()); }
double ArgMaxOf(const Line& v) { return std::max_element(v.begin(), v.end()) - v.begin(); }
double ArgMinOf(const Line& v) { return std::min_element(v.begin(), v.end()) - v.begin(); }
double LogSumExpOf(const Line& v) {
  double sum = 0;
  for (double x : v) sum += std::exp(x);
  return std::log(sum);
}
Line OthersOf(const Line& v) {
  Line y;
  for (size_t k = 0; k < v.size(); ++k) {
    y.push_back(1);
    for (size_t i = 0; i < v.size(); ++i) y.back() *= i == k ? 1 : v[i];
  }
  return y;
}
Line FirstMaxOf(const Line& v) {
  Line y(v.size());
  y[std::max_element(v.begin(), v.end()) - v.begin()] = 1;
  return y;
}
Line FirstMinOf(const Line& v) {
  Line y(v.size());
  y[std::min_element(v.begin(), v.end()) - v.begin()] = 1;
  return y;
}

const std::vector<InputSpec> kImages = {{.shape = {3, 4, 5, 2}, .batch = true}};
const std::vector<InputSpec> kRows = {{.shape = {6, 37}, .batch = true}};

const OpCases kCases({
    {.name = "sum/all",
     .build = [](Args x) { return Values{Sum(x[0])}; },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 1, 2, 3}, {}, SumOf),
     .bad =
         [](Graph* g) {
           Sum(g->Input("x", DType::kFloat32, {2, 3}), {.axes = {2}});
         },
     .bad_message = "sum: axis 2 is out of range for rank 2 (x f32[2,3])"},
    {.name = "sum/channels",
     .build =
         [](Args x) {
           return Values{Sum(x[0], {.axes = {0, 2, 3}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 2, 3}, {4}, SumOf),
     .bad =
         [](Graph* g) {
           Sum(g->Input("x", DType::kFloat32, {2, 3}), {.axes = {1, -1}});
         },
     .bad_message = "axes must be distinct"},
    {.name = "sum/kept",
     .build =
         [](Args x) {
           return Values{Sum(x[0], {.axes = {-3, 3}, .keepdims = true})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({1, 3}, {3, 1, 5, 1}, SumOf),
     .bad =
         [](Graph* g) {
           Sum(g->Input("x", DType::kBool, {2, 3}));
         },
     .bad_message = "sum: takes numbers, not bool (x bool[2,3])"},
    {.name = "sum/columns",
     .build = [](Args x) { return Values{Sum(x[0], {.axes = {0}})}; },
     .inputs = kRows,
     .reference = ReferenceReduce({0}, {37}, SumOf)},
    {.name = "sum/rows",
     .build = [](Args x) { return Values{Sum(x[0], {.axes = {1}})}; },
     .inputs = kRows,
     .reference = ReferenceReduce({1}, {6}, SumOf)},
    {.name = "sum/long",
     .build = [](Args x) { return Values{Sum(x[0] * x[0])}; },
     .inputs = {{.shape = {300000}, .batch = true}},
     .order = 1},
    {.name = "sum/tall",
     .build = [](Args x) { return Values{Sum(x[0] * x[0], {.axes = {0}})}; },
     .inputs = {{.shape = {40000, 3}, .batch = true}},
     .order = 1},
    {.name = "sum/i64",
     .build = [](Args x) { return Values{Sum(x[0], {.axes = {0}})}; },
     .inputs = {{.shape = {4, 5}, .dtype = DType::kInt64, .lo = -9, .hi = 9, .batch = true}},
     .reference = ReferenceReduce({0}, {5}, SumOf, DType::kInt64),
     .differentiable = false},
    {.name = "mean",
     .build =
         [](Args x) {
           return Values{Mean(x[0], {.axes = {0, -1}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 3}, {4, 5}, [](const Line& v) { return SumOf(v) / v.size(); }),
     .bad = [](Graph* g) { Mean(g->Input("x", DType::kInt64, {2})); },
     .bad_message = "mean: x must be f32 or f64"},
    {.name = "size",
     .build =
         [](Args x) {
           return Values{Size(x[0], {0, 2}) * x[0]};
         },
     .inputs = kImages,
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y(DType::kFloat64, x[0].shape());
           for (int64_t i = 0; i < y.num_elements(); ++i) y.mutable_data<double>()[i] = 15 * x[0].At(i);
           return std::vector<Tensor>{y};
         }},
    {.name = "prod",
     .build =
         [](Args x) {
           return Values{Prod(x[0], {.axes = {0, 2}})};
         },
     .inputs = {{.shape = {3, 2, 4}, .lo = 0.5, .hi = 1.5, .batch = true}},
     .reference = ReferenceReduce({0, 2}, {2}, ProdOf)},
    {.name = "prod/zeros",
     .build = [](Args x) { return Values{Prod(x[0], {.axes = {1}})}; },
     .inputs = {{.shape = {3, 4}, .values = {1, 0, 3, 2, 0, 2, 0, 5, 1, 2, 3, 4}}},
     .reference = ReferenceReduce({1}, {3}, ProdOf)},
    {.name = "prod/i32",
     .build = [](Args x) { return Values{Prod(x[0], {.axes = {1}})}; },
     .inputs = {{.shape = {4, 3}, .dtype = DType::kInt32, .lo = -9, .hi = 9}},
     .reference = ReferenceReduce({1}, {4}, ProdOf, DType::kInt32),
     .differentiable = false},
    {.name = "prod_others",
     .build =
         [](Args x) {
           return Values{Build("prod_others", {x[0]}, Attrs(ReduceAttrs{{0, 2}}))};
         },
     .inputs = {{.shape = {3, 2, 2}, .lo = 0.5, .hi = 1.5}},
     .reference = ReferenceLines({0, 2}, OthersOf)},
    {.name = "prod_others_x_grad",
     .build =
         [](Args x) {
           return Values{Build("prod_others_x_grad", {x[0], x[1]}, Attrs(ReduceAttrs{{1}}))};
         },
     .inputs = {{.shape = {3, 4}, .lo = 0.5, .hi = 1.5, .batch = true}, {.shape = {3, 4}, .batch = true}}},
    {.name = "max",
     .build =
         [](Args x) {
           return Values{Max(x[0], {.axes = {1, 3}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({1, 3}, {3, 5}, MaxOf),
     .bad =
         [](Graph* g) {
           Max(g->Input("x", DType::kFloat32, {2, 0}), {.axes = {1}});
         },
     .bad_message = "max: axis 1 has no elements to reduce (x f32[2,0])"},
    {.name = "max/rows",
     .build = [](Args x) { return Values{Max(x[0], {.axes = {-1}, .keepdims = true})}; },
     .inputs = kRows,
     .reference = ReferenceReduce({1}, {6, 1}, MaxOf)},
    {.name = "max/i32",
     .build =
         [](Args x) {
           return Values{Max(x[0]), Min(x[0])};
         },
     .inputs = {{.shape = {4, 5}, .dtype = DType::kInt32, .lo = -90, .hi = 90, .batch = true}},
     .reference =
         [](absl::Span<const Tensor> x) {
           return std::vector<Tensor>{ReferenceReduce({0, 1}, {}, MaxOf, DType::kInt32)(x)[0],
                                      ReferenceReduce({0, 1}, {}, MinOf, DType::kInt32)(x)[0]};
         },
     .differentiable = false},
    {.name = "min",
     .build =
         [](Args x) {
           return Values{Min(x[0], {.axes = {0, 2}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 2}, {4, 2}, MinOf)},
    {.name = "max_mask",
     .build =
         [](Args x) {
           return Values{MaxMask(x[0], {0, 2}) * x[0]};
         },
     .inputs = {{.shape = {3, 4, 5}, .batch = true}},
     .reference =
         [](absl::Span<const Tensor> x) {
           return Elementwise2([](double a, double b) { return a * b; })(
               {ReferenceLines({0, 2}, FirstMaxOf)(x)[0], x[0]});
         }},
    {.name = "min_mask",
     .build = [](Args x) { return Values{MinMask(x[0], {1})}; },
     .inputs = {{.shape = {2, 4}, .values = {3, 1, 1, 2, 0, 0, 0, 0}}},
     .reference = ReferenceLines({1}, FirstMinOf),
     .differentiable = false},
    {.name = "logsumexp",
     .build =
         [](Args x) {
           return Values{LogSumExp(x[0], {.axes = {0, 2}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 2}, {4, 2}, LogSumExpOf),
     .bad = [](Graph* g) { LogSumExp(g->Input("x", DType::kInt32, {2})); },
     .bad_message = "logsumexp: x must be"},
    {.name = "logsumexp/rows",
     .build = [](Args x) { return Values{LogSumExp(x[0], {.axes = {1}})}; },
     .inputs = kRows,
     .reference = ReferenceReduce({1}, {6}, LogSumExpOf)},
    {.name = "argmax",
     .build = [](Args x) { return Values{ArgMax(x[0])}; },
     .inputs = kRows,
     .reference = ReferenceReduce({1}, {6}, ArgMaxOf, DType::kInt64),
     .differentiable = false,
     .bad =
         [](Graph* g) {
           ArgMax(g->Input("x", DType::kFloat32, {2, 3}), {.axis = -3});
         },
     .bad_message = "argmax: axis -3 is out of range for rank 2"},
    {.name = "argmax/kept",
     .build = [](Args x) { return Values{ArgMax(x[0], {.axis = 0, .keepdims = true})}; },
     .inputs = kRows,
     .reference = ReferenceReduce({0}, {1, 37}, ArgMaxOf, DType::kInt64),
     .differentiable = false},
    {.name = "argmin",
     .build = [](Args x) { return Values{ArgMin(x[0], {.axis = 1})}; },
     .inputs = {{.shape = {2, 4, 3}, .dtype = DType::kInt32, .lo = 0, .hi = 3}},
     .reference = ReferenceReduce({1}, {2, 3}, ArgMinOf, DType::kInt64),
     .differentiable = false},
});

Values ReduceBoth(Value (*f)(Operand, const ReduceAttrs&), Args x) {
  return {f(x[0], {.axes = {0, 2}}), f(x[0], {.axes = {1}, .keepdims = true})};
}

const GoldenCases kGolden("reduce",
                          {
                              {"sum", [](Args x) { return ReduceBoth(Sum, x); }},
                              {"mean", [](Args x) { return ReduceBoth(Mean, x); }},
                              {"max", [](Args x) { return ReduceBoth(Max, x); }},
                              {"min", [](Args x) { return ReduceBoth(Min, x); }},
                              {"logsumexp", [](Args x) { return ReduceBoth(LogSumExp, x); }},
                              {"prod", [](Args x) { return Values{Prod(x[0], {.axes = {1}})}; }},
                              {"argmax",
                               [](Args x) {
                                 return Values{ArgMax(x[0], {.axis = 1}), ArgMin(x[0], {.axis = 2, .keepdims = true})};
                               }},
                          });

Tensor RunOnce(const std::function<Value(Graph*)>& build) {
  Graph graph;
  auto y = Evaluate(build(&graph));
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? *y : Tensor();
}

Tensor Floats(const Shape& shape, std::initializer_list<float> values) { return Tensor::From<float>(shape, values); }

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The error against f64 stays within a few units in the last place of the sum of absolute values, for every layout.
TEST(Reduce, LongSumsOfSinglePrecisionAreAccurate) {
  const int64_t n = 1 << 21;
  RandomStream random(1);
  Tensor x(DType::kFloat32, {n});
  double exact = 0, absolute = 0;
  for (float& v : x.mutable_data<float>()) {
    v = static_cast<float>(random.Uniform(-0.5, 1.0));
    exact += v;
    absolute += std::abs(v);
  }
  for (const Shape& shape : {Shape{n}, Shape{n / 8, 8}, Shape{8, n / 8}, Shape{n / 4096, 4096}}) {
    const Tensor y = RunOnce([&](Graph* g) {
      const Value v = g->Constant(x.Reshaped(shape));
      return shape.rank() == 1 ? Sum(v) : Sum(Sum(v, {.axes = {0}}));
    });
    EXPECT_NEAR(y.At(0), exact, absolute * 2.5e-7) << shape.ToString();
  }
}

TEST(Reduce, NothingSumsToZeroAndMultipliesToOne) {
  EXPECT_EQ(RunOnce([](Graph* g) { return Sum(g->Constant(Tensor(DType::kFloat32, {0}))); }).At(0), 0);
  EXPECT_EQ(RunOnce([](Graph* g) { return Prod(g->Constant(Tensor(DType::kInt64, {3, 0})), {.axes = {1}}); }).At(2), 1);
}

TEST(Reduce, NotANumberIsKept) {
  for (const Shape& shape : {Shape{1, 40}, Shape{40, 1}, Shape{8, 5}}) {
    Tensor x = Tensor::Zeros(DType::kFloat32, shape);
    x.mutable_data<float>()[3] = kNan;
    for (int64_t axis : {0, 1}) {
      const Tensor max = RunOnce([&](Graph* g) { return Max(Max(g->Constant(x), {.axes = {axis}})); });
      const Tensor min = RunOnce([&](Graph* g) { return Min(Min(g->Constant(x), {.axes = {axis}})); });
      EXPECT_TRUE(std::isnan(max.At(0)) && std::isnan(min.At(0))) << shape.ToString() << " axis " << axis;
    }
  }
  EXPECT_EQ(RunOnce([](Graph* g) { return ArgMax(g->Constant(Floats({4}, {1, kNan, 3, kNan}))); }).At(0), 1);
}

TEST(Reduce, LogSumExpNeverOverflows) {
  const Tensor y = RunOnce([](Graph* g) {
    return LogSumExp(g->Constant(Floats({4, 2}, {1000, 1000, -1000, -1000, -kInf, -kInf, kInf, 0})), {.axes = {1}});
  });
  EXPECT_FLOAT_EQ(y.At(0), 1000 + std::log(2.0));
  EXPECT_FLOAT_EQ(y.At(1), -1000 + std::log(2.0));
  EXPECT_EQ(y.At(2), -kInf);
  EXPECT_EQ(y.At(3), kInf);
}

TEST(Reduce, TheGradientOfAMaximumGoesToTheFirst) {
  const Tensor dx = RunOnce([](Graph* g) {
    const Value x = g->Constant(Floats({2, 2, 2}, {1, 5, 5, 5, 2, 2, 0, 2}));
    return Gradients(Max(x, {.axes = {0, 2}}), {x})[0];
  });
  EXPECT_TRUE(dx.BitEqual(Floats({2, 2, 2}, {0, 1, 1, 0, 0, 0, 0, 0}))) << dx.ToString();
}

TEST(Reduce, EqualReductionsLookEqual) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2, 3});
  EXPECT_TRUE(graph.node(Sum(x, {.axes = {-1, 0}}).node()).attrs == graph.node(Sum(x).node()).attrs);
}

TEST(Reduce, ThirdDerivativesOfProducts) {
  RandomStream random(2);
  Tensor x(DType::kFloat64, {2, 4});
  for (double& v : x.mutable_data<double>()) v = random.Uniform(0.5, 1.5);
  const absl::Status status =
      CheckGradients([](Args v) { return Values{Prod(v[0], {.axes = {1}})}; }, {x}, {.order = 3, .tolerance = 1e-5});
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace adret
