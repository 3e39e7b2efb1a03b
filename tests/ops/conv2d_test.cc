#include "adret/ops/conv2d.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/simd_test.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// Calls f(index of y, of x, of w) for every product that a convolution sums. Padding is explicit.
template <class F>
void ForEachProduct(const Shape& x, const Shape& w, const Shape& y, const Conv2dAttrs& a, F&& f) {
  const int64_t channels = w[1], filters = w[0] / a.groups;
  for (int64_t n = 0; n < y[0]; ++n) {
    for (int64_t k = 0; k < y[1]; ++k) {
      for (int64_t i = 0; i < y[2]; ++i) {
        for (int64_t j = 0; j < y[3]; ++j) {
          for (int64_t c = 0; c < channels; ++c) {
            for (int64_t r = 0; r < w[2]; ++r) {
              for (int64_t s = 0; s < w[3]; ++s) {
                const int64_t h = i * a.stride[0] + r * a.dilation[0] - a.padding.top;
                const int64_t v = j * a.stride[1] + s * a.dilation[1] - a.padding.left;
                if (h < 0 || v < 0 || h >= x[2] || v >= x[3]) continue;
                f(((n * y[1] + k) * y[2] + i) * y[3] + j,
                  ((n * x[1] + k / filters * channels + c) * x[2] + h) * x[3] + v,
                  ((k * channels + c) * w[2] + r) * w[3] + s);
              }
            }
          }
        }
      }
    }
  }
}

Shape OutputShape(const Shape& x, const Shape& w, const Conv2dAttrs& a) {
  const auto out = [&](int axis, int64_t pads) {
    return (x[axis] + pads - (w[axis] - 1) * a.dilation[axis - 2] - 1) / a.stride[axis - 2] + 1;
  };
  return {x[0], w[0], out(2, a.padding.top + a.padding.bottom), out(3, a.padding.left + a.padding.right)};
}

Tensor NaiveConv2d(const Tensor& x, const Tensor& w, const Conv2dAttrs& a) {
  Tensor y = Tensor::Zeros(DType::kFloat64, OutputShape(x.shape(), w.shape(), a));
  const auto out = y.mutable_data<double>();
  ForEachProduct(x.shape(), w.shape(), y.shape(), a,
                 [&](int64_t iy, int64_t ix, int64_t iw) { out[iy] += x.At(ix) * w.At(iw); });
  return y;
}

// same: attributes for the reference, where the builder works out the padding.
OpCase Row(const std::string& name, const Shape& x, const Shape& w, Conv2dAttrs attrs,
           const Conv2dAttrs* resolved = nullptr) {
  const Conv2dAttrs reference = resolved != nullptr ? *resolved : attrs;
  return {
      .name = absl::StrCat("conv2d/", name),
      .build = [attrs](Args v) { return Values{Conv2d(v[0], v[1], attrs)}; },
      .inputs = {{.shape = x, .batch = true}, {.shape = w}},
      .reference =
          [reference](absl::Span<const Tensor> v) { return std::vector<Tensor>{NaiveConv2d(v[0], v[1], reference)}; }};
}

const OpCases kCases([] {
  OpCase plain = Row("plain", {2, 3, 6, 7}, {5, 3, 3, 2}, {});
  plain.bad = [](Graph* g) {
    Conv2d(g->Input("x", DType::kFloat32, {kAnyBatch, 3, 28, 28}), g->Input("w", DType::kFloat32, {25, 1, 3, 3}));
  };
  plain.bad_message = "x has 3 channels but w expects 1";
  OpCase small = Row("window_too_large", {1, 1, 3, 3}, {1, 1, 2, 2}, {});
  small.bad = [](Graph* g) {
    Conv2d(g->Input("x", DType::kFloat32, {1, 1, 4, 9}), g->Input("w", DType::kFloat32, {1, 1, 5, 5}));
  };
  small.bad_message = "the window covers 5 along the height but only 4 + 0 padding are there";
  OpCase groups = Row("groups", {2, 4, 5, 5}, {6, 2, 3, 3}, {.stride = {2, 1}, .groups = 2});
  groups.bad = [](Graph* g) {
    Conv2d(g->Input("x", DType::kFloat32, {1, 4, 4, 9}), g->Input("w", DType::kFloat32, {6, 2, 3, 3}), {.groups = 3});
  };
  groups.bad_message = "3 groups";
  OpCase stride = Row("stride", {2, 2, 7, 8}, {3, 2, 3, 3}, {.stride = {2, 3}, .padding = Padding::Explicit(1, 2)});
  stride.bad = [](Graph* g) {
    Conv2d(g->Input("x", DType::kFloat32, {1, 1, 4, 9}), g->Input("w", DType::kFloat32, {1, 1, 3, 3}),
           {.stride = {0, 1}});
  };
  stride.bad_message = "the stride along the height must be in [1, 2^24], but is 0";
  const Conv2dAttrs same{.stride = {2, 1}, .padding = Padding::Explicit(0, 1, 1, 2)};
  OpCase transposed{
      .name = "conv_transpose2d",
      .build =
          [](Args v) {
            return Values{ConvTranspose2d(
                v[0], v[1],
                {.stride = {2, 3}, .padding = Padding::Explicit(1, 0), .output_padding = {1, 2}, .groups = 2})};
          },
      .inputs = {{.shape = {2, 4, 3, 3}, .batch = true}, {.shape = {4, 2, 3, 2}}}};
  transposed.bad = [](Graph* g) {
    ConvTranspose2d(g->Input("x", DType::kFloat32, {1, 1, 4, 9}), g->Input("w", DType::kFloat32, {1, 1, 3, 3}),
                    {.output_padding = {1, 0}});
  };
  transposed.bad_message = "output_padding must be in [0, stride)";
  return std::vector<OpCase>{
      plain,
      small,
      groups,
      stride,
      transposed,
      Row("same", {2, 1, 6, 5}, {2, 1, 3, 4}, {.stride = {2, 1}, .padding = Padding::Same()}, &same),
      Row("explicit", {1, 2, 5, 4}, {3, 2, 3, 3}, {.padding = Padding::Explicit(0, 2, 1, 3)}),
      Row("dilation", {1, 2, 8, 7}, {2, 2, 3, 2}, {.padding = Padding::Explicit(1), .dilation = {2, 3}}),
      Row("depthwise", {2, 3, 5, 6}, {6, 1, 3, 3}, {.padding = Padding::Explicit(1), .groups = 3}),
      Row("one_by_one", {3, 5, 4, 4}, {7, 5, 1, 1}, {}),
      Row("lecture", {3, 4, 13, 13}, {9, 4, 3, 3}, {})};
}());

const GoldenCases kGolden(
    "conv",
    {
        {"conv2d/valid", [](Args x) { return Values{Conv2d(x[0], x[1])}; }},
        {"conv2d/same", [](Args x) { return Values{Conv2d(x[0], x[1], {.padding = Padding::Same()})}; }},
        {"conv2d/explicit",
         [](Args x) { return Values{Conv2d(x[0], x[1], {.padding = Padding::Explicit(1, 0, 3, 2)})}; }},
        {"conv2d/stride",
         [](Args x) {
           return Values{Conv2d(x[0], x[1], {.stride = {2, 3}, .padding = Padding::Explicit(1, 2)})};
         }},
        {"conv2d/dilation",
         [](Args x) {
           return Values{Conv2d(x[0], x[1], {.padding = Padding::Explicit(2), .dilation = {2, 3}})};
         }},
        {"conv2d/groups",
         [](Args x) {
           return Values{Conv2d(x[0], x[1], {.stride = {2, 2}, .groups = 2})};
         }},
        {"conv2d/depthwise",
         [](Args x) { return Values{Conv2d(x[0], x[1], {.padding = Padding::Explicit(1), .groups = 3})}; }},
        {"conv2d/one_by_one", [](Args x) { return Values{Conv2d(x[0], x[1])}; }},
        {"conv2d/one_by_one_stride",
         [](Args x) {
           return Values{Conv2d(x[0], x[1], {.stride = {2, 2}})};
         }},
        {"conv2d/wide_padding", [](Args x) { return Values{Conv2d(x[0], x[1], {.padding = Padding::Explicit(3)})}; }},
        {"conv_transpose2d", [](Args x) { return Values{ConvTranspose2d(x[0], x[1])}; }},
        {"conv_transpose2d/all",
         [](Args x) {
           return Values{ConvTranspose2d(x[0], x[1],
                                         {.stride = {2, 3},
                                          .padding = Padding::Explicit(1, 2),
                                          .output_padding = {1, 2},
                                          .dilation = {2, 1},
                                          .groups = 2})};
         }},
    });

// ---- Random shapes and attributes --------------------------------------------------------------------------------

Tensor RandomTensor(const Shape& shape, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random->Uniform(-1, 1);
  return t;
}

void ExpectNear(const Tensor& found, const Tensor& expected, double tolerance) {
  ASSERT_EQ(found.shape(), expected.shape());
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    ASSERT_NEAR(found.At(i), expected.At(i), tolerance * std::max(1.0, std::abs(expected.At(i)))) << "element " << i;
  }
}

// y, dx and dw of one convolution against the naive loops, in both precisions.
// In either precision, errors may be `rounding` times those of a sum of products.
void CheckAgainstLoops(const Shape& sx, const Shape& sw, const Conv2dAttrs& a, RandomStream* random,
                       double rounding = 1) {
  SCOPED_TRACE(absl::StrCat("x ", sx.ToString(), " w ", sw.ToString(), " ", ToString(Attrs(a).list())));
  const Tensor x = RandomTensor(sx, random), w = RandomTensor(sw, random);
  const Tensor y = NaiveConv2d(x, w, a), dy = RandomTensor(y.shape(), random);
  Tensor dx = Tensor::Zeros(DType::kFloat64, sx), dw = Tensor::Zeros(DType::kFloat64, sw);
  const auto dx_out = dx.mutable_data<double>(), dw_out = dw.mutable_data<double>();
  ForEachProduct(sx, sw, y.shape(), a, [&](int64_t iy, int64_t ix, int64_t iw) {
    dx_out[ix] += dy.At(iy) * w.At(iw), dw_out[iw] += dy.At(iy) * x.At(ix);
  });
  for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
    Graph graph;
    const Value vx = graph.Input("x", dtype, sx), vw = graph.Input("w", dtype, sw);
    const Value vy = Conv2d(vx, vw, a);
    const Values gradients = Gradients(vy, {vx, vw}, {.seeds = {graph.Constant(dy.Cast(dtype))}});
    auto results = Evaluate({vy, gradients[0], gradients[1]}, {{vx, x.Cast(dtype)}, {vw, w.Cast(dtype)}});
    ASSERT_TRUE(results.ok()) << results.status();
    // Elements of dw sum over all of dy: rounding errors grow like the square root.
    const double terms = std::max(1.0, static_cast<double>(dy.num_elements()) / 1000);
    const double tolerance = (dtype == DType::kFloat64 ? 1e-12 : 2e-5) * rounding * std::sqrt(terms);
    ExpectNear((*results)[0], y, tolerance);
    ExpectNear((*results)[1], dx, tolerance);
    ExpectNear((*results)[2], dw, tolerance);
  }
}

using Conv2dKernels = SimdTest;
ADRET_INSTANTIATE_SIMD_TEST(Conv2dKernels);

TEST_P(Conv2dKernels, EqualsNaiveLoopsAtRandomShapes) {
  RandomStream random(5);
  const auto in = [&](int64_t low, int64_t high) { return low + random.Below(static_cast<uint32_t>(high - low + 1)); };
  int tried = 0;
  while (tried < 80) {
    Conv2dAttrs a{.stride = {in(1, 3), in(1, 3)},
                  .padding = Padding::Explicit(in(0, 3), in(0, 3), in(0, 3), in(0, 3)),
                  .dilation = {in(1, 2), in(1, 2)},
                  .groups = in(0, 2) > 0 ? 1 : in(2, 3)};
    const Shape x{in(1, 4), a.groups * in(1, 6), in(1, 14), in(1, 24)};
    const Shape w{a.groups * in(1, 9), x[1] / a.groups, in(1, 4), in(1, 4)};
    if (x[2] + a.padding.top + a.padding.bottom < (w[2] - 1) * a.dilation[0] + 1) continue;
    if (x[3] + a.padding.left + a.padding.right < (w[3] - 1) * a.dilation[1] + 1) continue;
    CheckAgainstLoops(x, w, a, &random);
    ++tried;
  }
}

TEST_P(Conv2dKernels, EqualsNaiveLoopsAroundVectorAndTileSizes) {
  RandomStream random(6);
  for (int64_t channels : {15, 16, 17}) {
    for (int64_t width : {15, 16, 17}) {
      CheckAgainstLoops({2, channels, 3, width}, {channels, channels, 3, 3}, {.padding = Padding::Explicit(1)},
                        &random);
      CheckAgainstLoops({2, channels, 3, width}, {channels, 1, 3, 3}, {.groups = channels}, &random);
    }
  }
  // Matrix products: 1x1 windows of many pixels.
  for (int64_t groups : {1, 2}) {
    CheckAgainstLoops({3, 20 * groups, 8, 9}, {17 * groups, 20, 1, 1}, {.groups = groups}, &random);
    CheckAgainstLoops({2, 16 * groups, 30, 41}, {3 * groups, 16, 1, 1}, {.groups = groups}, &random);
  }
  // Several blocks of rows.
  CheckAgainstLoops({1, 3, 150, 301}, {2, 3, 3, 3}, {.padding = Padding::Explicit(1)}, &random);
  CheckAgainstLoops({2, 2, 260, 401}, {2, 2, 2, 2}, {}, &random);
}

TEST_P(Conv2dKernels, EqualsNaiveLoopsForImagesOfOneResult) {
  RandomStream random(10);
  for (int64_t groups : {1, 3}) {
    CheckAgainstLoops({67, 20 * groups, 1, 1}, {35 * groups, 20, 1, 1}, {.groups = groups}, &random);
    CheckAgainstLoops({9, 5 * groups, 4, 3}, {7 * groups, 5, 4, 3}, {.stride = {2, 2}, .groups = groups}, &random);
    CheckAgainstLoops({40, 8 * groups, 3, 3}, {40 * groups, 8, 3, 3}, {.stride = {2, 2}, .groups = groups}, &random);
    CheckAgainstLoops({40, 8 * groups, 2, 2}, {40 * groups, 8, 5, 5},
                      {.padding = Padding::Explicit(2), .groups = groups}, &random);
  }
  CheckAgainstLoops({260, 300, 1, 1}, {200, 300, 1, 1}, {}, &random);
}

TEST_P(Conv2dKernels, WinogradEqualsNaiveLoopsAtRandomShapes) {
  const kernels::ScopedConv2dMethod winograd(kernels::Conv2dMethod::kWinograd);
  constexpr double kRounding = 4;  // most without fused multiply-adds
  RandomStream random(7);
  const auto in = [&](int64_t low, int64_t high) { return low + random.Below(static_cast<uint32_t>(high - low + 1)); };
  for (int tried = 0; tried < 60;) {
    const Conv2dAttrs a{.padding = Padding::Explicit(in(0, 3), in(0, 3), in(0, 3), in(0, 3)), .groups = in(1, 3)};
    const Shape x{in(1, 5), a.groups * in(1, 20), in(1, 20), in(1, 40)};
    const Shape w{a.groups * in(1, 20), x[1] / a.groups, 3, 3};
    if (x[2] + a.padding.top + a.padding.bottom < 3 || x[3] + a.padding.left + a.padding.right < 3) continue;
    CheckAgainstLoops(x, w, a, &random, kRounding);
    ++tried;
  }
  // Several tasks and blocks, images with many strips, partial sums.
  CheckAgainstLoops({40, 30, 9, 9}, {33, 30, 3, 3}, {}, &random, kRounding);
  CheckAgainstLoops({2, 17, 61, 50}, {18, 17, 3, 3}, {.padding = Padding::Explicit(1)}, &random, kRounding);
}

TEST_P(Conv2dKernels, ColumnsEqualNaiveLoopsAtRandomShapes) {
  const kernels::ScopedConv2dMethod columns(kernels::Conv2dMethod::kColumns);
  RandomStream random(9);
  const auto in = [&](int64_t low, int64_t high) { return low + random.Below(static_cast<uint32_t>(high - low + 1)); };
  for (int tried = 0; tried < 80;) {
    const Conv2dAttrs a{.stride = {in(1, 3), in(1, 3)},
                        .padding = Padding::Explicit(in(0, 3), in(0, 3), in(0, 3), in(0, 3)),
                        .dilation = {in(1, 2), in(1, 2)},
                        .groups = in(0, 2) > 0 ? 1 : in(2, 3)};
    const Shape x{in(1, 6), a.groups * in(1, 12), in(1, 14), in(1, 24)};
    const Shape w{a.groups * in(1, 12), x[1] / a.groups, in(1, 4), in(1, 4)};
    if (x[2] + a.padding.top + a.padding.bottom < (w[2] - 1) * a.dilation[0] + 1) continue;
    if (x[3] + a.padding.left + a.padding.right < (w[3] - 1) * a.dilation[1] + 1) continue;
    CheckAgainstLoops(x, w, a, &random);
    ++tried;
  }
  // Several blocks of images or rows, pieces of channels, parts of filters, partial sums.
  CheckAgainstLoops({35, 20, 7, 7}, {33, 20, 5, 5}, {.padding = Padding::Explicit(2)}, &random);
  CheckAgainstLoops({1, 70, 31, 29}, {18, 70, 3, 3}, {.stride = {2, 2}, .padding = Padding::Explicit(1)}, &random);
  CheckAgainstLoops({2, 130, 9, 9}, {270, 130, 1, 1}, {.stride = {2, 2}}, &random);
  CheckAgainstLoops({3, 260, 5, 5}, {260, 130, 3, 3}, {.padding = Padding::Explicit(1), .groups = 2}, &random);
}

// With 64 channels, unit variance and F(4x4, 3x3), in units of the standard deviation of the result: the largest error
// of 50,000 outputs is about 6e-6 (of a sum in order: 5e-6).
TEST_P(Conv2dKernels, WinogradRoundsLittleMoreThanTheDefinition) {
  RandomStream random(8);
  Tensor x(DType::kFloat64, {2, 64, 20, 20}), w(DType::kFloat64, {64, 64, 3, 3});
  for (double& v : x.mutable_data<double>()) v = random.Normal();
  for (double& v : w.mutable_data<double>()) v = random.Normal() / 24;  // sqrt(64 * 9)
  const auto run = [&](DType dtype, kernels::Conv2dMethod method) {
    const kernels::ScopedConv2dMethod scope(method);
    Graph graph;
    const Value vx = graph.Input("x", dtype, x.shape()), vw = graph.Input("w", dtype, w.shape());
    return *Evaluate(Conv2d(vx, vw), {{vx, x.Cast(dtype)}, {vw, w.Cast(dtype)}});
  };
  // The same rounded numbers in both precisions.
  x = x.Cast(DType::kFloat32).Cast(DType::kFloat64), w = w.Cast(DType::kFloat32).Cast(DType::kFloat64);
  const Tensor exact = run(DType::kFloat64, kernels::Conv2dMethod::kTaps);
  const Tensor f64 = run(DType::kFloat64, kernels::Conv2dMethod::kWinograd);
  const Tensor f32 = run(DType::kFloat32, kernels::Conv2dMethod::kWinograd);
  double largest64 = 0, largest32 = 0;
  for (int64_t i = 0; i < exact.num_elements(); ++i) {
    largest64 = std::max(largest64, std::abs(f64.At(i) - exact.At(i)));
    largest32 = std::max(largest32, std::abs(f32.At(i) - exact.At(i)));
  }
  EXPECT_LT(largest64, 5e-14);
  EXPECT_LT(largest32, 2e-5);
  EXPECT_GT(largest32, 1e-8);  // f32 indeed
  RecordProperty("largest32", absl::StrCat(largest32));
}

TEST(Conv2d, AcceptsAnEmptyBatch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {0, 2, 5, 5}), w = graph.Input("w", DType::kFloat32, {3, 2, 3, 3});
  const Value y = Conv2d(x, w);
  const Values gradients = Gradients(y, {x, w});
  auto results = Evaluate({y, gradients[0], gradients[1]}, {{x, Tensor(DType::kFloat32, {0, 2, 5, 5})},
                                                            {w, Tensor::Full(DType::kFloat32, {3, 2, 3, 3}, 1.0)}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].shape(), Shape({0, 3, 3, 3}));
  EXPECT_TRUE((*results)[2].BitEqual(Tensor::Zeros(DType::kFloat32, {3, 2, 3, 3})));
}

// Images no larger than a step of the stride: relu's gradient follows conv2d_x_grad in one step of the plan.
TEST(Conv2d, GradientsOfSmallStridedImagesAreFinished) {
  const std::pair<Shape, std::array<int64_t, 2>> cases[] = {
      {{1, 1, 1, 4}, {2, 1}}, {{1, 1, 4, 1}, {1, 3}}, {{1, 1, 1, 4}, {5, 2}}, {{2, 1, 2, 1}, {7, 9}}};
  for (const auto& [shape, stride] : cases) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, shape), w = graph.Input("w", DType::kFloat32, {1, 1, 1, 1});
    const Value dx = Gradients(Conv2d(Relu(x), w, {.stride = stride}), {x})[0];
    Tensor numbers = Tensor::From<float>(shape, {1, 2, 3, -4});
    auto result = Evaluate(dx, {{x, numbers}, {w, Tensor::Full(DType::kFloat32, {1, 1, 1, 1}, 2)}});
    ASSERT_TRUE(result.ok()) << result.status();
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t row = i / shape[3] % shape[2], column = i % shape[3];
      const bool read = row % stride[0] == 0 && column % stride[1] == 0;
      EXPECT_EQ(result->At(i), read && i < 3 ? 2 : 0) << shape.ToString() << "[" << i << "]";
    }
  }
}

TEST(Conv2d, RefusesWhatItsKernelsCouldNotSurvive) {
  struct Bad {
    Shape x, w;
    Conv2dAttrs attrs;
    std::string message;
  };
  const Bad cases[] = {
      {{1, 1, 4, 4}, {1, 1, 3, 3}, {.padding = Padding::Explicit(-1)}, "padding along the height"},
      {{1, 1, 4, 4}, {1, 1, 3, 3}, {.dilation = {1, int64_t{1} << 60}}, "dilation along the width"},
      {{1, 1, 4, 4}, {1, 1, 3, 3}, {.groups = 0}, "groups must be positive"},
      {{1, 1, 4, 4}, {1, 1, 3, 3}, {.padding = {.mode = "mirror"}}, "mode must be"},
      {{1, 1, 4, 4}, {0, 1, 3, 3}, {}, "at least one filter"},
      {{1, 0, 4, 4}, {1, 0, 3, 3}, {}, "at least one channel"},
      {{1, 1, 4, 4}, {1, 1, 0, 3}, {}, "window along the height"},
      {{1, 1, 4}, {1, 1, 3, 3}, {}, "rank"},
      {{1, 1, kAnyBatch, 4}, {1, 1, 3, 3}, {.stride = {2, 2}, .padding = Padding::Same()}, "needs a known height"},
      {{1, kAnyBatch, 4, 4}, {1, 1, 3, 3}, {}, "a known number of them"},
  };
  for (const Bad& bad : cases) {
    Graph graph;
    Conv2d(graph.Input("x", DType::kFloat32, bad.x), graph.Input("w", DType::kFloat32, bad.w), bad.attrs);
    EXPECT_NE(graph.status().message().find(bad.message), std::string::npos) << graph.status();
  }
}

TEST(ConvTranspose2d, RefusesSizesThatOverflow) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max(), kLeast = std::numeric_limits<int64_t>::min();
  const std::pair<ConvTranspose2dAttrs, std::string> cases[] = {
      {{.padding = Padding::Explicit(kMost, 0, kMost, 0)}, "padding along the height must be in [0, 2^24]"},
      {{.padding = Padding::Explicit(0, kMost, 0, 3)}, "padding along the width must be in [0, 2^24]"},
      {{.padding = Padding::Explicit(kLeast, 0, kLeast, 0)}, "padding along the height must be in [0, 2^24]"},
      {{.padding = Padding::Explicit(0, kLeast, 0, -3)}, "padding along the width must be in [0, 2^24]"},
      {{.padding = Padding::Explicit(-1)}, "padding along the height must be in [0, 2^24]"},
      {{.output_padding = {kMost, 0}}, "output_padding must be in [0, stride)"},
      {{.output_padding = {0, kLeast}}, "output_padding must be in [0, stride)"},
      {{.stride = {kMost, 1}}, "stride along the height must be in [1, 2^24]"},
      {{.dilation = {1, kLeast}}, "dilation along the width must be in [1, 2^24]"},
      {{.groups = kMost}, "conv2d_x_grad"},
      {{.groups = kLeast}, "conv2d_x_grad"},
  };
  for (const auto& [attrs, message] : cases) {
    Graph graph;
    ConvTranspose2d(graph.Input("x", DType::kFloat32, {1, 1, 4, 4}), graph.Input("w", DType::kFloat32, {1, 1, 3, 3}),
                    attrs);
    EXPECT_NE(graph.status().message().find(message), std::string::npos) << graph.status();
  }
}

// One pixel of 1e6 among numbers around 1. Of the results that do not see it, those of its tiles lose its rounding
// errors by Winograd's method; strict executors sum in order. See docs/numerics.md.
TEST(Conv2d, StrictExecutorsKeepTheAccuracyOfASumInOrder) {
  RandomStream random(12);
  constexpr int64_t kChannels = 24, kSize = 20;
  Tensor x(DType::kFloat64, {2, kChannels, kSize, kSize}), w(DType::kFloat64, {kChannels, kChannels, 3, 3});
  for (double& v : x.mutable_data<double>()) v = random.Normal();
  for (double& v : w.mutable_data<double>()) v = random.Normal() / 15;
  x.mutable_data<double>()[(kSize + 9) * kSize + 9] = 1e6;
  x = x.Cast(DType::kFloat32), w = w.Cast(DType::kFloat32);
  const Shape y_shape{2, kChannels, kSize - 2, kSize - 2};
  const auto run = [&](DType dtype, bool strict) {
    Graph graph;
    const Value vx = graph.Input("x", dtype, x.shape()), vw = graph.Input("w", dtype, w.shape());
    const Value y = Conv2d(vx, vw);
    const Values d = Gradients(y, {vx, vw}, {.seeds = {Slice(vx, {{2, 3}, {0, 0}, {kSize - 2, kSize - 2}})}});
    auto executor = Executor::Create({y, d[0], d[1]}, {}, {.strict = strict});
    return *executor->Run({{vx, x.Cast(dtype)}, {vw, w.Cast(dtype)}});
  };
  const std::vector<Tensor> exact = run(DType::kFloat64, true);
  const auto sums = [&] {  // the sums of the products' sizes
    Graph graph;
    const Value vx = graph.Constant(x.Cast(DType::kFloat64)), vw = graph.Constant(w.Cast(DType::kFloat64));
    const Value y = Conv2d(Abs(vx), Abs(vw));
    const Value dy = Abs(Slice(vx, {{2, 3}, {0, 0}, {kSize - 2, kSize - 2}}));
    const Value gx = graph.Input("gx", DType::kFloat64, x.shape()), gw = graph.Input("gw", DType::kFloat64, w.shape());
    const Values d = Gradients(Conv2d(gx, gw), {gx, gw}, {.seeds = {dy}});
    const Tensor ax = *Evaluate(Abs(vx)), aw = *Evaluate(Abs(vw));
    return *Evaluate({y, d[0], d[1]}, {{gx, ax}, {gw, aw}});
  }();
  const int64_t terms[] = {9 * kChannels, 9 * kChannels, 2 * (kSize - 2) * (kSize - 2)};
  for (bool strict : {true, false}) {
    const std::vector<Tensor> found = run(DType::kFloat32, strict);
    double worst = 0;  // in units of what a sum in order may lose
    for (int k = 0; k < 3; ++k) {
      for (int64_t i = 0; i < found[k].num_elements(); ++i) {
        const double bound = static_cast<double>(terms[k]) * 0x1p-24 * sums[k].At(i);
        worst = std::max(worst, std::abs(found[k].At(i) - exact[k].At(i)) / bound);
      }
    }
    if (strict) {
      EXPECT_LE(worst, 1);
    } else {
      EXPECT_GT(worst, 1);  // the shape goes by tiles indeed
    }
  }
}

// The bound of docs/numerics.md, with one large pixel in every other tile.
TEST_P(Conv2dKernels, WinogradKeepsItsBound) {
  const kernels::ScopedConv2dMethod winograd(kernels::Conv2dMethod::kWinograd);
  constexpr int64_t kChannels = 13, kSize = 21, kOut = kSize - 2;
  RandomStream random(13);
  Tensor x(DType::kFloat64, {1, kChannels, kSize, kSize}), w(DType::kFloat64, {8, kChannels, 3, 3});
  for (double& v : x.mutable_data<double>()) v = random.Normal() * (random.Below(500) == 0 ? 1e5 : 1);
  for (double& v : w.mutable_data<double>()) v = random.Normal();
  x = x.Cast(DType::kFloat32), w = w.Cast(DType::kFloat32);
  Graph graph;
  const Value vx = graph.Input("x", DType::kFloat32, x.shape()), vw = graph.Input("w", DType::kFloat32, w.shape());
  const Tensor y = *Evaluate(Conv2d(vx, vw), {{vx, x}, {vw, w}});
  const Tensor exact = NaiveConv2d(x, w, {});
  double worst = 0;
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    const int64_t k = i / (kOut * kOut), row = i / kOut % kOut / 4 * 4, column = i % kOut / 4 * 4;
    double largest = 0, weights = 0;
    for (int64_t c = 0; c < kChannels; ++c) {
      for (int64_t h = row; h < std::min(row + 6, kSize); ++h) {
        for (int64_t v = column; v < std::min(column + 6, kSize); ++v) {
          largest = std::max(largest, std::abs(x.At((c * kSize + h) * kSize + v)));
        }
      }
      for (int64_t t = 0; t < 9; ++t) weights += std::abs(w.At((k * kChannels + c) * 9 + t));
    }
    worst = std::max(worst, std::abs(y.At(i) - exact.At(i)) / (0x1p-24 * largest * weights));
  }
  EXPECT_LE(worst, 205.0 * (kChannels + 32));
  EXPECT_LE(worst, 3);  // what it comes to
  RecordProperty("worst", absl::StrCat(worst));
}

}  // namespace
}  // namespace adret
