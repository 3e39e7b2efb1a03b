#include "adret/ops/variance.h"

#include <cmath>
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

LineFunction VarianceOf(double correction) {
  return [correction](const Line& v) {
    double mean = 0, sum = 0;
    for (double x : v) mean += x / v.size();
    for (double x : v) sum += (x - mean) * (x - mean);
    return sum / (v.size() - correction);
  };
}
LineFunction DeviationOf(double correction) {
  return [correction](const Line& v) { return std::sqrt(VarianceOf(correction)(v)); };
}
double NormOf(const Line& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return std::sqrt(sum);
}

const std::vector<InputSpec> kImages = {{.shape = {3, 4, 5, 2}, .batch = true}};

const OpCases kCases({
    {.name = "norm/all",
     .build = [](Args x) { return Values{Norm(x[0])}; },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 1, 2, 3}, {}, NormOf),
     .bad = [](Graph* g) { Norm(g->Input("x", DType::kInt32, {2})); },
     .bad_message = "norm: x must be"},
    {.name = "norm/channels",
     .build =
         [](Args x) {
           return Values{Norm(x[0], {.axes = {0, 2, 3}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 2, 3}, {4}, NormOf)},
    {.name = "norm/rows",
     .build = [](Args x) { return Values{Norm(x[0], {.axes = {1}, .keepdims = true})}; },
     .inputs = {{.shape = {6, 37}, .batch = true}},
     .reference = ReferenceReduce({1}, {6, 1}, NormOf)},
    {.name = "norm/one_element",
     .build = [](Args x) { return Values{Norm(x[0], {.axes = {1}})}; },
     .inputs = {{.shape = {6, 1}, .batch = true}},
     .reference = ReferenceReduce({1}, {6}, NormOf)},
    {.name = "norm/long",
     .build = [](Args x) { return Values{Norm(x[0])}; },
     .inputs = {{.shape = {300000}, .batch = true}},
     .order = 1},
    {.name = "var/channels",
     .build =
         [](Args x) {
           return Values{Var(x[0], {.axes = {0, 2, 3}})};
         },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 2, 3}, {4}, VarianceOf(1)),
     .bad = [](Graph* g) { Var(g->Input("x", DType::kInt32, {2})); },
     .bad_message = "var: x must be f32 or f64 (x i32[2])"},
    {.name = "var/biased",
     .build = [](Args x) { return Values{Var(x[0], {.axes = {-1}, .keepdims = true, .correction = 0})}; },
     .inputs = {{.shape = {6, 9}, .lo = 2, .hi = 4, .batch = true}},
     .reference = ReferenceReduce({1}, {6, 1}, VarianceOf(0)),
     .bad = [](Graph* g) { Var(g->Input("x", DType::kFloat32, {2}), {.correction = -1}); },
     .bad_message = "var: correction must be at least 0, but is -1"},
    {.name = "std/all",
     .build = [](Args x) { return Values{Std(x[0])}; },
     .inputs = kImages,
     .reference = ReferenceReduce({0, 1, 2, 3}, {}, DeviationOf(1))},
    {.name = "std/biased",
     .build = [](Args x) { return Values{Std(x[0], {.axes = {0}, .correction = 0})}; },
     .inputs = {{.shape = {6, 9}, .lo = 2, .hi = 4, .batch = true}},
     .reference = ReferenceReduce({0}, {9}, DeviationOf(0)),
     .bad = [](Graph* g) { Std(g->Input("x", DType::kFloat32, {2}), {.axes = {1}}); },
     .bad_message = "axis 1 is out of range for rank 1"},
});

Tensor Floats(Shape shape, const std::vector<float>& numbers) { return Tensor::From<float>(std::move(shape), numbers); }

std::vector<Tensor> Results(absl::Span<const Value> values) {
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(values);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>(values.size());
}

TEST(Norm, NeitherOverflowsNorVanishes) {
  for (const double scale : {1e30, 1e38, 1e-30, 1e-43, 1.0}) {
    const Tensor x = Tensor::From<double>({3, 2}, {3 * scale, 0, 0, -4 * scale, 0, 0}).Cast(DType::kFloat32);
    if (!std::isfinite(x.At(3))) continue;
    Graph graph;
    const Value v = graph.Constant(x);
    const double a = x.At(0), b = x.At(3), length = std::hypot(a, b);
    const std::vector<Tensor> y =
        Results({Norm(v), Norm(v, {.axes = {1}}), Norm(v, {.axes = {0}}), Gradients(Norm(v), {v})[0]});
    EXPECT_NEAR(y[0].At(0), length, length * 1e-6 + 1e-45) << scale;
    EXPECT_EQ(y[1].At(0), std::abs(a));
    EXPECT_EQ(y[1].At(1), std::abs(b));
    EXPECT_EQ(y[1].At(2), 0);
    EXPECT_EQ(y[2].At(0), a);
    EXPECT_EQ(y[2].At(1), -b);
    EXPECT_NEAR(y[3].At(0), 0.6, scale < 1e-40 ? 1e-2 : 1e-6) << scale;
    EXPECT_NEAR(y[3].At(3), -0.8, scale < 1e-40 ? 1e-2 : 1e-6) << scale;
  }
}

TEST(Norm, ItsGradientAtZeroIsZero) {
  Graph graph;
  const Value x = graph.Constant(Floats({2, 3}, {0, 0, 0, 0, 3, 4}));
  const Value y = Norm(x, {.axes = {1}});
  const Value dx = Gradients(y, {x})[0];
  const std::vector<Tensor> found = Results({y, dx, Gradients(dx, {x})[0], Gradients(dx * dx, {x})[0]});
  EXPECT_TRUE(found[0].BitEqual(Floats({2}, {0, 5}))) << found[0].ToString();
  EXPECT_TRUE(found[1].BitEqual(Floats({2, 3}, {0, 0, 0, 0, 0.6f, 0.8f}))) << found[1].ToString();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(found[2].At(i), 0);
    EXPECT_EQ(found[3].At(i), 0);
  }
}

TEST(Norm, OfNothingNotANumberAndInfinity) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<double>({3, 2}, {kNan, 1, kInf, 1, -kInf, kNan}).Cast(DType::kFloat32));
  const Value none = graph.Constant(Tensor(DType::kFloat32, {2, 0}));
  const std::vector<Tensor> y =
      Results({Norm(x, {.axes = {1}}), Norm(none, {.axes = {1}}), Gradients(Norm(none), {none})[0]});
  EXPECT_TRUE(std::isnan(y[0].At(0)));
  EXPECT_EQ(y[0].At(1), kInf);
  EXPECT_TRUE(std::isnan(y[0].At(2)));
  EXPECT_TRUE(y[1].BitEqual(Floats({2}, {0, 0})));
  EXPECT_EQ(y[2].shape(), Shape({2, 0}));
}

TEST(Variance, IsAccurateFarFromZero) {
  Tensor x(DType::kFloat32, {1000});
  for (int64_t i = 0; i < 1000; ++i) x.mutable_data<float>()[i] = static_cast<float>(1e6 + std::sin(i));
  long double mean = 0, sum = 0;
  for (int64_t i = 0; i < 1000; ++i) mean += x.At(i) / 1000.0L;
  for (int64_t i = 0; i < 1000; ++i) sum += (x.At(i) - mean) * (x.At(i) - mean);
  Graph graph;
  const Value v = graph.Constant(x);
  const Value var = Var(v), deviation = Std(v);
  const std::vector<Tensor> y = Results({var, deviation, Gradients(var, {v})[0], Gradients(deviation, {v})[0]});
  const double variance = static_cast<double>(sum / 999);
  EXPECT_NEAR(y[0].At(0), variance, variance * 1e-6);
  EXPECT_NEAR(y[1].At(0), std::sqrt(variance), 1e-6);
  for (int64_t i = 0; i < 1000; i += 97) {
    const double difference = static_cast<double>(x.At(i) - mean);
    EXPECT_NEAR(y[2].At(i), 2 * difference / 999, 1e-8);
    EXPECT_NEAR(y[3].At(i), difference / 999 / std::sqrt(variance), 1e-8);
  }
}

TEST(Variance, AtTheEdges) {
  Graph graph;
  const Value huge = graph.Constant(Floats({4}, {1e30f, 2e30f, 3e30f, 4e30f})), one = graph.Constant(Floats({1}, {7})),
              equal = graph.Constant(Floats({3}, {333333.34f, 333333.34f, 333333.34f})),
              none = graph.Constant(Tensor(DType::kFloat32, {0}));
  const std::vector<Tensor> y = Results({Std(huge), Var(huge), Var(one), Var(one, {.correction = 0}), Std(equal),
                                         Gradients(Std(equal), {equal})[0], Var(none), Std(none, {.correction = 0})});
  EXPECT_NEAR(y[0].At(0), 1e30 * std::sqrt(5.0 / 3), 1e24);
  EXPECT_EQ(y[1].At(0), kInf);
  EXPECT_TRUE(std::isnan(y[2].At(0)));
  EXPECT_EQ(y[3].At(0), 0);
  EXPECT_EQ(y[4].At(0), 0);
  EXPECT_TRUE(y[5].BitEqual(Floats({3}, {0, 0, 0}))) << y[5].ToString();
  EXPECT_TRUE(std::isnan(y[6].At(0)));
  EXPECT_TRUE(std::isnan(y[7].At(0)));
}

}  // namespace
}  // namespace adret
