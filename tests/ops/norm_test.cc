#include "adret/ops/norm.h"

#include <cmath>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<double>;
using Reference = std::function<std::vector<Tensor>(absl::Span<const Tensor>)>;

double MeanOf(const Line& v) {
  double sum = 0;
  for (double x : v) sum += x;
  return sum / v.size();
}
double VarianceOf(const Line& v) {
  double sum = 0;
  for (double x : v) sum += (x - MeanOf(v)) * (x - MeanOf(v));
  return sum / v.size();
}
Line Normalized(const Line& v, double epsilon) {
  Line y;
  for (double x : v) y.push_back((x - MeanOf(v)) / std::sqrt(VarianceOf(v) + epsilon));
  return y;
}

// y for lines along the axes; parameter_of says which scale and bias element i has.
Reference ReferenceNorm(std::vector<int64_t> axes, double epsilon, std::function<int64_t(int64_t)> parameter_of) {
  return [=](absl::Span<const Tensor> x) {
    Tensor y = ReferenceLines(axes, [=](const Line& v) { return Normalized(v, epsilon); })(x.subspan(0, 1))[0];
    for (int64_t i = 0; i < y.num_elements(); ++i) {
      double& v = y.mutable_data<double>()[i];
      v = v * x[1].At(parameter_of(i)) + x[2].At(parameter_of(i));
    }
    return std::vector<Tensor>{y};
  };
}

Reference ReferenceBatchNorm(std::vector<int64_t> axes, int64_t channels, int64_t inner, double epsilon = 1e-5) {
  return [=](absl::Span<const Tensor> x) {
    Tensor y = ReferenceNorm(axes, epsilon, [=](int64_t i) { return i / inner % channels; })(x)[0];
    return std::vector<Tensor>{y, ReferenceReduce(axes, {channels}, MeanOf)(x)[0],
                               ReferenceReduce(axes, {channels}, VarianceOf)(x)[0]};
  };
}

Values BatchNormAll(Args x) {
  const BatchNormResult result = BatchNormTraining(x[0], x[1], x[2]);
  return {result.y, result.mean, result.variance};
}
Values BatchNormY(Args x) { return {BatchNormTraining(x[0], x[1], x[2], {.epsilon = 0.1}).y}; }

// With cotangents that differ, so that sums over thousands of numbers do not cancel to nothing.
Values Weighted(Args x) { return {BatchNormY(x)[0] * x[3]}; }

InputSpec Channels(int64_t n) { return {.shape = {n}, .lo = 0.5, .hi = 1.5}; }

const OpCases kCases({
    {.name = "batch_norm/images",
     .build = BatchNormAll,
     .inputs = {{.shape = {3, 2, 5, 4}, .lo = 1, .hi = 3, .batch = true}, Channels(2), Channels(2)},
     .reference = ReferenceBatchNorm({0, 2, 3}, 2, 20),
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {3});
           BatchNormTraining(g->Input("x", DType::kFloat32, {2, 4, 5, 5}), w, w);
         },
     .bad_message = "batch_norm: scale must be f32[4]: a number for each channel of x (x f32[2,4,5,5], scale f32[3]"},
    {.name = "batch_norm/short",
     .build = BatchNormAll,
     .inputs = {{.shape = {4, 3, 2}, .batch = true}, Channels(3), Channels(3)},
     .reference = ReferenceBatchNorm({0, 2}, 3, 2),
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {3});
           BatchNormTraining(g->Input("x", DType::kFloat32, {3}), w, w);
         },
     .bad_message = "batch_norm: x must have rank 2 or more"},
    {.name = "batch_norm/features",
     .build = BatchNormY,
     .inputs = {{.shape = {5, 150}, .batch = true}, Channels(150), Channels(150)},
     .reference =
         [](absl::Span<const Tensor> x) { return std::vector<Tensor>{ReferenceBatchNorm({0}, 150, 1, 0.1)(x)[0]}; },
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {3});
           BatchNormTraining(g->Input("x", DType::kFloat32, {2, 3}), w, w, {.epsilon = -1});
         },
     .bad_message = "epsilon must be finite and at least 0, but is -1"},
    {.name = "batch_norm/chunks",
     .build = Weighted,
     .inputs = {{.shape = {40, 2, 30, 30}, .lo = 3, .hi = 5, .batch = true},
                Channels(2),
                Channels(2),
                {.shape = {40, 2, 30, 30}, .batch = true}},
     .f32_tolerance = 1e-4,
     .order = 1},
    {.name = "batch_norm/tall",
     .build = Weighted,
     .inputs = {{.shape = {2000, 20}, .lo = 3, .hi = 5, .batch = true},
                Channels(20),
                Channels(20),
                {.shape = {2000, 20}, .batch = true}},
     .f32_tolerance = 1e-4,
     .order = 1},
    {.name = "batch_norm/inference",
     .build =
         [](Args x) {
           return Values{BatchNormInference(x[0], {.scale = x[1], .bias = x[2], .mean = x[3], .variance = x[4]})};
         },
     .inputs = {{.shape = {3, 2, 4, 4}, .batch = true}, Channels(2), Channels(2), Channels(2), Channels(2)},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y(DType::kFloat64, x[0].shape());
           for (int64_t i = 0; i < y.num_elements(); ++i) {
             const int64_t c = i / 16 % 2;
             y.mutable_data<double>()[i] =
                 (x[0].At(i) - x[3].At(c)) / std::sqrt(x[4].At(c) + 1e-5) * x[1].At(c) + x[2].At(c);
           }
           return std::vector<Tensor>{y};
         },
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {3});
           BatchNormInference(w, {w, w, w, w});
         },
     .bad_message = "batch_norm: x must have rank 2 or more"},
    {.name = "layer_norm",
     .build = [](Args x) { return Values{LayerNorm(x[0], x[1], x[2])}; },
     .inputs = {{.shape = {3, 4, 21}, .batch = true}, Channels(21), Channels(21)},
     .reference = ReferenceNorm({2}, 1e-5, [](int64_t i) { return i % 21; }),
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {3});
           LayerNorm(g->Input("x", DType::kFloat32, {3, 4}), w, w);
         },
     .bad_message = "layer_norm: scale must have the shape of x's trailing axes"},
    {.name = "layer_norm/two_axes",
     .build = [](Args x) { return Values{LayerNorm(x[0], x[1], x[2], {.epsilon = 0.01})}; },
     .inputs = {{.shape = {2, 3, 4}, .batch = true}, {.shape = {3, 4}}, {.shape = {3, 4}}},
     .reference = ReferenceNorm({1, 2}, 0.01, [](int64_t i) { return i % 12; }),
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {4});
           LayerNorm(g->Input("x", DType::kFloat32, {3, 4}), w, g->Input("b", DType::kFloat32, {1}));
         },
     .bad_message = "layer_norm: bias must have the shape of scale"},
    {.name = "layer_norm/all_axes",
     .build = [](Args x) { return Values{LayerNorm(x[0], x[1], x[2])}; },
     .inputs = {{.shape = {3, 4}}, {.shape = {3, 4}}, {.shape = {3, 4}}},
     .reference = ReferenceNorm({0, 1}, 1e-5, [](int64_t i) { return i; }),
     .f32_tolerance = 1e-4},
    {.name = "layer_norm/chunks",
     .build = [](Args x) { return Values{LayerNorm(x[0], x[1], x[2])}; },
     .inputs = {{.shape = {300, 200}, .lo = 3, .hi = 5, .batch = true}, Channels(200), Channels(200)},
     .f32_tolerance = 2e-4,
     .order = 1},
});

const GoldenCases kGolden("norm",
                          {
                              {"batch_norm", [](Args x) { return Values{BatchNormTraining(x[0], x[1], x[2]).y}; }},
                              {"batch_norm_features",
                               [](Args x) { return Values{BatchNormTraining(x[0], x[1], x[2], {.epsilon = 1e-3}).y}; }},
                              {"batch_norm_inference",
                               [](Args x) {
                                 return Values{BatchNormInference(
                                     x[0], {.scale = x[1], .bias = x[2], .mean = x[3], .variance = x[4]})};
                               }},
                              {"layer_norm", [](Args x) { return Values{LayerNorm(x[0], x[1], x[2])}; }},
                          });

// Numbers far from zero: the variance must not drown in the square of the mean.
TEST(BatchNorm, SurvivesALargeMean) {
  RandomStream random(1);
  for (const Shape& shape : {Shape{64, 2, 16, 16}, Shape{8192, 2}}) {
    Tensor x(DType::kFloat32, shape);
    for (float& v : x.mutable_data<float>()) v = static_cast<float>(1000 + random.Uniform(-1, 1));
    Graph graph;
    const Value ones = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 1));
    const Value zeros = graph.Constant(Tensor::Zeros(DType::kFloat32, {2}));
    const BatchNormResult norm = BatchNormTraining(graph.Constant(x), ones, zeros);
    const auto y = Evaluate({norm.mean, norm.variance, Max(norm.y), Min(norm.y)});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_NEAR((*y)[0].At(0), 1000, 0.05);
    EXPECT_NEAR((*y)[1].At(1), 1.0 / 3, 0.02);
    EXPECT_NEAR((*y)[2].At(0), std::sqrt(3.0), 0.05);
    EXPECT_NEAR((*y)[3].At(0), -std::sqrt(3.0), 0.05);
  }
}

}  // namespace
}  // namespace adret
