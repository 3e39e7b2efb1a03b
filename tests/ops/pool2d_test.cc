#include "adret/ops/pool2d.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/simd_test.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// The values and arg-maxima of max pooling with explicit padding and stride, from the definition.
std::vector<Tensor> NaiveMaxPool(const Tensor& x, const MaxPool2dAttrs& a) {
  const Shape& s = x.shape();
  const auto out = [&](int i, int64_t pads) {
    const int64_t room = s[2 + i] + pads - (a.kernel[i] - 1) * a.dilation[i] - 1;
    int64_t n = (a.ceil_mode ? room + a.stride[i] - 1 : room) / a.stride[i] + 1;
    if (a.ceil_mode && (n - 1) * a.stride[i] >= s[2 + i] + (i == 0 ? a.padding.top : a.padding.left)) --n;
    return n;
  };
  const Shape shape{s[0], s[1], out(0, a.padding.top + a.padding.bottom), out(1, a.padding.left + a.padding.right)};
  Tensor y(DType::kFloat64, shape), argmax(DType::kInt32, shape);
  int64_t o = 0;
  for (int64_t p = 0; p < s[0] * s[1]; ++p) {
    for (int64_t i = 0; i < shape[2]; ++i) {
      for (int64_t j = 0; j < shape[3]; ++j, ++o) {
        int64_t best = -1;
        for (int64_t r = 0; r < a.kernel[0]; ++r) {
          for (int64_t c = 0; c < a.kernel[1]; ++c) {
            const int64_t h = i * a.stride[0] + r * a.dilation[0] - a.padding.top;
            const int64_t w = j * a.stride[1] + c * a.dilation[1] - a.padding.left;
            if (h < 0 || w < 0 || h >= s[2] || w >= s[3]) continue;
            const auto at = [&](int64_t index) { return x.At(p * s[2] * s[3] + index); };
            const int64_t index = h * s[3] + w;
            if (best < 0 || at(index) > at(best) || (std::isnan(at(index)) && !std::isnan(at(best)))) best = index;
          }
        }
        y.mutable_data<double>()[o] = x.At(p * s[2] * s[3] + best);
        argmax.mutable_data<int32_t>()[o] = static_cast<int32_t>(best);
      }
    }
  }
  return {y, argmax};
}

OpCase MaxRow(const std::string& name, const Shape& x, MaxPool2dAttrs attrs) {
  MaxPool2dAttrs resolved = attrs;
  for (int i = 0; i < 2; ++i) {
    if (resolved.stride[i] == 0) resolved.stride[i] = resolved.kernel[i];
  }
  return {.name = absl::StrCat("max_pool2d", name),
          .build =
              [attrs](Args v) {
                const MaxPool2dResult r = MaxPool2dWithArgmax(v[0], attrs);
                return Values{r.y, r.argmax};
              },
          .inputs = {{.shape = x, .batch = true}},
          .reference = [resolved](absl::Span<const Tensor> v) { return NaiveMaxPool(v[0], resolved); }};
}

OpCase AvgRow(const std::string& name, const Shape& x, AvgPool2dAttrs attrs) {
  return {.name = absl::StrCat("avg_pool2d", name),
          .build = [attrs](Args v) { return Values{AvgPool2d(v[0], attrs)}; },
          .inputs = {{.shape = x, .batch = true}}};
}

const OpCases kCases([] {
  OpCase halving = MaxRow("", {2, 3, 5, 7}, {});
  halving.bad = [](Graph* g) { MaxPool2d(g->Input("x", DType::kFloat32, {1, 1, 1, 8})); };
  halving.bad_message = "the window covers 2 along the height";
  OpCase padded =
      MaxRow("/padding", {2, 2, 6, 7}, {.kernel = {3, 3}, .stride = {2, 1}, .padding = Padding::Explicit(1)});
  padded.bad = [](Graph* g) {
    MaxPool2d(g->Input("x", DType::kFloat32, {1, 1, 8, 8}), {.padding = Padding::Explicit(2)});
  };
  padded.bad_message = "covers nothing but padding";
  // The gradient as a function of dy: its own gradient gathers.
  OpCase scatter{.name = "max_pool2d_x_grad",
                 .build = [](Args v) { return Gradients(MaxPool2d(v[0]), {v[0]}, {.seeds = {v[1]}}); },
                 .inputs = {{.shape = {2, 2, 5, 6}, .batch = true}, {.shape = {2, 2, 2, 3}, .batch = true}}};
  OpCase avg = AvgRow("", {2, 3, 5, 7}, {});
  avg.bad = [](Graph* g) { AvgPool2d(g->Input("x", DType::kFloat32, {1, 1, 8, 8}), {.kernel = {0, 2}}); };
  avg.bad_message = "the window along the height must be in [1, 2^24], but is 0";
  return std::vector<OpCase>{
      halving,
      padded,
      scatter,
      avg,
      MaxRow("/wide", {1, 2, 4, 71}, {}),
      MaxRow("/ceil", {2, 1, 6, 8}, {.kernel = {3, 3}, .stride = {2, 2}, .ceil_mode = true}),
      MaxRow("/dilation", {1, 2, 7, 8}, {.kernel = {2, 3}, .stride = {1, 2}, .dilation = {3, 2}}),
      AvgRow("/padding", {2, 2, 6, 7}, {.kernel = {3, 2}, .stride = {2, 1}, .padding = Padding::Explicit(1, 0, 1, 1)}),
      AvgRow("/pixels", {1, 2, 6, 7},
             {.kernel = {3, 3},
              .stride = {2, 2},
              .padding = Padding::Same(),
              .ceil_mode = true,
              .count_include_pad = false}),
      {.name = "global_pools",
       .build =
           [](Args v) {
             return Values{GlobalAvgPool2d(v[0]), GlobalMaxPool2d(v[0])};
           },
       .inputs = {{.shape = {2, 3, 4, 5}, .batch = true}}}};
}());

const GoldenCases kGolden(
    "conv",
    {
        {"max_pool2d", [](Args x) { return Values{MaxPool2d(x[0])}; }},
        {"max_pool2d/all",
         [](Args x) {
           return Values{MaxPool2d(
               x[0], {.kernel = {3, 4}, .stride = {2, 1}, .padding = Padding::Explicit(1, 2), .dilation = {2, 1}})};
         }},
        {"max_pool2d/ceil",
         [](Args x) {
           return Values{MaxPool2d(
               x[0], {.kernel = {3, 3}, .stride = {2, 2}, .padding = Padding::Explicit(1), .ceil_mode = true})};
         }},
        {"max_pool2d/ties",
         [](Args x) {
           return Values{MaxPool2d(x[0], {.kernel = {3, 3}, .stride = {1, 1}})};
         }},
        {"avg_pool2d",
         [](Args x) {
           return Values{AvgPool2d(x[0], {.kernel = {2, 3}})};
         }},
        {"avg_pool2d/ceil",
         [](Args x) {
           return Values{AvgPool2d(
               x[0], {.kernel = {3, 3}, .stride = {2, 2}, .padding = Padding::Explicit(1), .ceil_mode = true})};
         }},
        {"avg_pool2d/pixels",
         [](Args x) {
           return Values{AvgPool2d(x[0], {.kernel = {3, 3},
                                          .stride = {2, 2},
                                          .padding = Padding::Explicit(1),
                                          .ceil_mode = true,
                                          .count_include_pad = false})};
         }},
        {"global_avg_pool2d", [](Args x) { return Values{GlobalAvgPool2d(x[0])}; }},
        {"global_max_pool2d", [](Args x) { return Values{GlobalMaxPool2d(x[0])}; }},
    });

TEST(MaxPool2d, HalvesLikeTheDefinitionInBothPrecisions) {
  RandomStream random(9);
  for (int64_t width = 2; width < 80; ++width) {
    Tensor x(DType::kFloat32, {2, 3, 5, width});
    // Few different numbers: ties and NaN are frequent.
    for (float& v : x.mutable_data<float>()) {
      const uint32_t n = random.Below(7);
      v = n == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(n);
    }
    const std::vector<Tensor> expected = NaiveMaxPool(x, {.kernel = {2, 2}, .stride = {2, 2}});
    for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
      Graph graph;
      const Value v = graph.Input("x", dtype, x.shape());
      const MaxPool2dResult r = MaxPool2dWithArgmax(v);
      auto results = Evaluate({r.y, r.argmax, Gradients(r.y, {v})[0]}, {{v, x.Cast(dtype)}});
      ASSERT_TRUE(results.ok()) << results.status();
      EXPECT_TRUE((*results)[1].BitEqual(expected[1])) << "width " << width;
      Tensor dx = Tensor::Zeros(DType::kFloat64, x.shape());
      for (int64_t o = 0; o < expected[1].num_elements(); ++o) {
        const double y = (*results)[0].At(o), e = expected[0].At(o);
        ASSERT_TRUE(y == e || (std::isnan(y) && std::isnan(e)));
        dx.mutable_data<double>()[o / (2 * (width / 2)) * 5 * width + static_cast<int64_t>(expected[1].At(o))] = 1;
      }
      EXPECT_TRUE((*results)[2].BitEqual(dx.Cast(dtype))) << "width " << width;
    }
  }
}

// The averages, from the definition.
Tensor NaiveAvgPool(const Tensor& x, const AvgPool2dAttrs& a, const Shape& y_shape) {
  const Shape& s = x.shape();
  Tensor y(DType::kFloat64, y_shape);
  int64_t o = 0;
  for (int64_t p = 0; p < s[0] * s[1]; ++p) {
    for (int64_t i = 0; i < y_shape[2]; ++i) {
      for (int64_t j = 0; j < y_shape[3]; ++j, ++o) {
        double sum = 0, count = 0;
        for (int64_t r = 0; r < a.kernel[0]; ++r) {
          for (int64_t c = 0; c < a.kernel[1]; ++c) {
            const int64_t h = i * a.stride[0] + r - a.padding.top, w = j * a.stride[1] + c - a.padding.left;
            const bool inside = h >= 0 && w >= 0 && h < s[2] && w < s[3];
            if (inside) sum += x.At((p * s[2] + h) * s[3] + w);
            const bool padding = h < s[2] + a.padding.bottom && w < s[3] + a.padding.right && a.count_include_pad;
            if (inside || padding) ++count;
          }
        }
        y.mutable_data<double>()[o] = sum / count;
      }
    }
  }
  return y;
}

// Windows of all kinds, over few different numbers: ties, zeros of both signs, infinities and NaN are frequent.
struct RandomWindows {
  Tensor x;
  MaxPool2dAttrs attrs;
};
RandomWindows Draw(RandomStream& random, absl::Span<const float> numbers) {
  RandomWindows r;
  MaxPool2dAttrs& a = r.attrs;
  std::array<int64_t, 2> size{};
  for (int i = 0; i < 2; ++i) {
    a.kernel[i] = 1 + random.Below(4);
    if (i == 1 && random.Below(2) == 0) a.kernel[1] = a.kernel[0];
    a.stride[i] = 1 + random.Below(3);
    a.dilation[i] = random.Below(3) == 0 ? 2 : 1;
    size[i] = (a.kernel[i] - 1) * a.dilation[i] + 1 + random.Below(i == 0 ? 6 : 75);
  }
  const auto pad = [&](int i) {
    return static_cast<int64_t>(random.Below(static_cast<uint32_t>(a.kernel[i] / 2 + 1)));
  };
  const int64_t top = pad(0), left = pad(1), bottom = pad(0), right = pad(1);
  a.padding = Padding::Explicit(top, left, bottom, right);
  a.ceil_mode = random.Below(2) == 0;
  r.x = Tensor(DType::kFloat32, {1, 3, size[0], size[1]});
  for (float& v : r.x.mutable_data<float>()) v = numbers[random.Below(static_cast<uint32_t>(numbers.size()))];
  return r;
}

using PoolKernels = SimdTest;
ADRET_INSTANTIATE_SIMD_TEST(PoolKernels);

TEST_P(PoolKernels, FindTheFirstMaximumOfAnyWindow) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> kinds = {
      {-1, -0.0f, 0, 1, 2}, {-infinity, -infinity, -infinity, nan}, {nan, 1, 2, 3, 4, infinity}};
  RandomStream random(11);
  for (int round = 0; round < 600; ++round) {
    const RandomWindows r = Draw(random, kinds[round % kinds.size()]);
    const std::vector<Tensor> expected = NaiveMaxPool(r.x, r.attrs);
    for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
      Graph graph;
      const Value x = graph.Input("x", dtype, r.x.shape());
      const MaxPool2dResult y = MaxPool2dWithArgmax(x, r.attrs);
      auto results = Evaluate({y.y, y.argmax}, {{x, r.x.Cast(dtype)}});
      ASSERT_TRUE(results.ok()) << results.status();
      ASSERT_TRUE((*results)[1].BitEqual(expected[1])) << "round " << round;
      ASSERT_TRUE((*results)[0].BitEqual(expected[0].Cast(dtype))) << "round " << round;
    }
  }
}

TEST_P(PoolKernels, DivideAnyWindowByWhatCounts) {
  RandomStream random(12);
  for (int round = 0; round < 300; ++round) {
    const RandomWindows r = Draw(random, {-3, 0, 1, 2, 5});
    const AvgPool2dAttrs attrs{.kernel = r.attrs.kernel,
                               .stride = r.attrs.stride,
                               .padding = r.attrs.padding,
                               .ceil_mode = r.attrs.ceil_mode,
                               .count_include_pad = round % 2 == 0};
    for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
      Graph graph;
      const Value x = graph.Input("x", dtype, r.x.shape());
      auto result = Evaluate(AvgPool2d(x, attrs), {{x, r.x.Cast(dtype)}});
      ASSERT_TRUE(result.ok()) << result.status();
      // Sums of small integers are exact, so quotients are rounded once.
      ASSERT_TRUE(result->BitEqual(NaiveAvgPool(r.x, attrs, result->shape()).Cast(dtype))) << "round " << round;
    }
  }
}

TEST(MaxPool2d, RefusesAnArgmaxOfOthers) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {1, 1, 4, 4});
  const MaxPool2dResult r = MaxPool2dWithArgmax(x);
  const Value dx = Gradients(r.y, {x})[0];
  const Value forged = graph.Constant(Tensor::Full(DType::kInt32, {1, 1, 2, 2}, 16));
  const Value bad = Build("max_pool2d_x_grad", {r.y, forged}, graph.node(dx.node()).attrs);
  auto result = Evaluate(bad, {{x, Tensor::Zeros(DType::kFloat32, {1, 1, 4, 4})}});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.status().message().find("argmax"), std::string::npos) << result.status();
}

}  // namespace
}  // namespace adret
