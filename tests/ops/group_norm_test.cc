// RmsNorm, GroupNorm and InstanceNorm.
#include <cmath>

#include "adret/ops/norm.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"

namespace adret {
namespace {

InputSpec Gains(const Shape& shape) { return {.shape = shape, .lo = 0.5, .hi = 1.5}; }

// y for rows of n numbers; scale has n.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceRms(int64_t n, double epsilon) {
  return [=](absl::Span<const Tensor> x) {
    Tensor y(DType::kFloat64, x[0].shape());
    for (int64_t i = 0; i < y.num_elements(); ++i) {
      double squares = 0;
      for (int64_t j = i / n * n; j < i / n * n + n; ++j) squares += x[0].At(j) * x[0].At(j);
      y.mutable_data<double>()[i] = x[0].At(i) / std::sqrt(squares / n + epsilon) * x[1].At(i % n);
    }
    return std::vector<Tensor>{y};
  };
}

// y [N, C, inner] with groups of `size` channels.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceGroups(int64_t channels, int64_t size,
                                                                             int64_t inner, double epsilon) {
  return [=](absl::Span<const Tensor> x) {
    Tensor y(DType::kFloat64, x[0].shape());
    const int64_t n = size * inner;
    for (int64_t i = 0; i < y.num_elements(); ++i) {
      double mean = 0, squares = 0;
      for (int64_t j = i / n * n; j < i / n * n + n; ++j) mean += x[0].At(j) / n;
      for (int64_t j = i / n * n; j < i / n * n + n; ++j) squares += std::pow(x[0].At(j) - mean, 2);
      const int64_t channel = i / inner % channels;
      const double normal = (x[0].At(i) - mean) / std::sqrt(squares / n + epsilon);
      y.mutable_data<double>()[i] = x.size() == 1 ? normal : normal * x[1].At(channel) + x[2].At(channel);
    }
    return std::vector<Tensor>{y};
  };
}

const OpCases kCases({
    {.name = "rms_norm",
     .build = [](Args x) { return Values{RmsNorm(x[0], x[1])}; },
     .inputs = {{.shape = {3, 4, 21}, .batch = true}, Gains({21})},
     .reference = ReferenceRms(21, 1e-5),
     .f32_tolerance = 1e-4,
     .bad =
         [](Graph* g) {
           RmsNorm(g->Input("x", DType::kFloat32, {3, 4}), g->Input("w", DType::kFloat32, {3}));
         },
     .bad_message = "rms_norm: scale must have the shape of x's trailing axes"},
    {.name = "rms_norm/two_axes",
     .build = [](Args x) { return Values{RmsNorm(x[0], x[1], {.epsilon = 0.01})}; },
     .inputs = {{.shape = {2, 3, 4}, .batch = true}, Gains({3, 4})},
     .reference = ReferenceRms(12, 0.01),
     .bad =
         [](Graph* g) {
           RmsNorm(g->Input("x", DType::kFloat32, {3, 4}), g->Input("w", DType::kFloat32, {4}), {.epsilon = -1});
         },
     .bad_message = "epsilon must be finite and at least 0, but is -1"},
    {.name = "rms_norm/one_number",
     .build = [](Args x) { return Values{RmsNorm(x[0], x[1], {.epsilon = 0.1})}; },
     .inputs = {{.shape = {4, 1}}, Gains({1})},
     .reference = ReferenceRms(1, 0.1)},
    {.name = "rms_norm/chunks",
     .build = [](Args x) { return Values{RmsNorm(x[0], x[1])}; },
     .inputs = {{.shape = {300, 200}, .batch = true}, Gains({200})},
     .reference = ReferenceRms(200, 1e-5),
     .f32_tolerance = 2e-4,
     .order = 1},
    {.name = "group_norm",
     .build = [](Args x) { return Values{GroupNorm(x[0], x[1], x[2], 2, {.epsilon = 0.1})}; },
     .inputs = {{.shape = {2, 4, 2, 3}, .batch = true}, Gains({4}), Gains({4})},
     .reference = ReferenceGroups(4, 2, 6, 0.1),
     .bad =
         [](Graph* g) {
           const Value w = g->Input("w", DType::kFloat32, {4});
           GroupNorm(g->Input("x", DType::kFloat32, {2, 4, 5}), w, w, 3);
         },
     .bad_message = "group_norm: 3 groups do not divide 4 channels (x f32[2,4,5])"},
    {.name = "group_norm/features",
     .build = [](Args x) { return Values{GroupNorm(x[0], x[1], x[2], 3, {.epsilon = 0.1})}; },
     .inputs = {{.shape = {3, 6}, .batch = true}, Gains({6}), Gains({6})},
     .reference = ReferenceGroups(6, 2, 1, 0.1),
     .bad =
         [](Graph* g) {
           GroupNorm(g->Input("x", DType::kFloat32, {2, 4, 5}), g->Input("w", DType::kFloat32, {5}), 0.0, 2);
         },
     .bad_message = "scale and bias must be [4]: a number for each channel"},
    {.name = "instance_norm",
     .build = [](Args x) { return Values{InstanceNorm(x[0], x[1], x[2], {.epsilon = 0.1})}; },
     .inputs = {{.shape = {2, 3, 5}, .batch = true}, Gains({3}), Gains({3})},
     .reference = ReferenceGroups(3, 1, 5, 0.1)},
    {.name = "instance_norm/plain",
     .build = [](Args x) { return Values{InstanceNorm(x[0], 1.0, 0.0, {.epsilon = 0.1})}; },
     .inputs = {{.shape = {2, 3, 5}, .batch = true}},
     .reference = ReferenceGroups(3, 1, 5, 0.1),
     .bad = [](Graph* g) { InstanceNorm(g->Input("x", DType::kFloat32, {4}), 1.0, 0.0); },
     .bad_message = "group_norm: x must be floating-point [N,C,...]"},
});

const GoldenCases kGolden(
    "norm", {
                {"rms_norm", [](Args x) { return Values{RmsNorm(x[0], x[1], {.epsilon = 1e-6})}; }},
                {"rms_norm_rows", [](Args x) { return Values{RmsNorm(x[0], x[1], {.epsilon = 1e-3})}; }},
                {"group_norm", [](Args x) { return Values{GroupNorm(x[0], x[1], x[2], 3, {.epsilon = 1e-4})}; }},
                {"group_norm_features", [](Args x) { return Values{GroupNorm(x[0], x[1], x[2], 2)}; }},
                {"instance_norm", [](Args x) { return Values{InstanceNorm(x[0], x[1], x[2])}; }},
                {"instance_norm_plain", [](Args x) { return Values{InstanceNorm(x[0], 1.0, 0.0, {.epsilon = 1e-3})}; }},
            });

}  // namespace
}  // namespace adret
