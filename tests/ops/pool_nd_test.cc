#include "adret/ops/pool_nd.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// The elements of each window along one axis, and what a mean divides by.
struct Part {
  std::vector<int64_t> places;
  int64_t divisor;
};
using Parts = std::vector<Part>;

Parts WindowsOf(const WindowAxis& a, bool ceil, bool count_padding) {
  Parts parts;
  for (int64_t i = 0; i < *a.Output("", ceil); ++i) {
    const int64_t start = i * a.stride - a.before;
    Part part;
    for (int64_t k = 0; k < a.kernel; ++k) {
      const int64_t place = start + k * a.dilation;
      if (place >= 0 && place < a.input) part.places.push_back(place);
    }
    part.divisor = count_padding ? std::min(start + a.kernel, a.input + a.after) - start
                                 : static_cast<int64_t>(part.places.size());
    parts.push_back(part);
  }
  return parts;
}

Parts AdaptiveParts(int64_t n, int64_t size) {
  Parts parts;
  for (int64_t i = 0; i < size; ++i) {
    Part part;
    for (int64_t p = i * n / size; p < ((i + 1) * n + size - 1) / size; ++p) part.places.push_back(p);
    part.divisor = static_cast<int64_t>(part.places.size());
    parts.push_back(part);
  }
  return parts;
}

// The pooling of x [N, C, ...] with these parts along the other axes.
Tensor Naive(const Tensor& x, const std::vector<Parts>& axes, bool max) {
  Shape shape{x.shape()[0], x.shape()[1]};
  for (const Parts& parts : axes) shape.push_back(static_cast<int64_t>(parts.size()));
  return Picked(shape, [&](absl::Span<const Tensor>, const Index& i) {
    int64_t count = 1, divisor = 1;
    for (size_t a = 0; a < axes.size(); ++a) {
      const Part& part = axes[a][i[2 + a]];
      count *= static_cast<int64_t>(part.places.size()), divisor *= part.divisor;
    }
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t e = 0; e < count; ++e) {
      Index from = i;
      int64_t rest = e;
      for (size_t a = axes.size(); a-- > 0;) {
        const auto& places = axes[a][i[2 + a]].places;
        from[2 + a] = places[rest % static_cast<int64_t>(places.size())];
        rest /= static_cast<int64_t>(places.size());
      }
      largest = std::max(largest, At(x, from)), sum += At(x, from);
    }
    return max ? largest : sum / static_cast<double>(divisor);
  })({})[0];
}

Tensor Uniform(const Shape& shape, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random->Uniform(-1, 1);
  return t;
}

void ExpectEqual(const Value& y, const Tensor& x, const std::vector<Parts>& axes, bool max) {
  ASSERT_TRUE(y.valid()) << y.graph()->status();
  auto found = Evaluate(y, {});
  ASSERT_TRUE(found.ok()) << found.status();
  const Tensor expected = Naive(x, axes, max);
  ASSERT_EQ(found->shape(), expected.shape());
  for (int64_t i = 0; i < expected.num_elements(); ++i) ASSERT_NEAR(found->At(i), expected.At(i), 1e-13) << i;
}

// Whether each window has an element.
bool IsPossible(const WindowAxis& a, bool ceil) {
  if (!a.Output("", ceil).ok()) return false;
  const Parts parts = WindowsOf(a, ceil, false);
  return std::all_of(parts.begin(), parts.end(), [](const Part& p) { return !p.places.empty(); });
}

TEST(PoolNdTest, SweepIn1dAgainstTheLoop) {
  RandomStream random(/*seed=*/8);
  int count = 0;
  for (const int64_t length : {1, 2, 5, 8, 9}) {
    for (const int64_t kernel : {1, 2, 3, 4}) {
      for (const int64_t stride : {1, 2, 3}) {
        for (const int64_t dilation : {1, 2}) {
          for (const auto& [before, after] : {std::pair(0, 0), std::pair(1, 1), std::pair(1, 0), std::pair(0, 1)}) {
            for (const bool flag : {false, true}) {
              const WindowAxis a{length, kernel, stride, dilation, before, after};
              if (!IsPossible(a, flag)) continue;
              const Padding1d padding = Padding1d::Explicit({before}, {after});
              const Tensor x = Uniform({2, 3, length}, &random);
              Graph graph;
              const Value v = graph.Constant(x);
              ExpectEqual(MaxPool1d(v, {kernel, stride, padding, dilation, /*ceil_mode=*/flag}), x,
                          {WindowsOf(a, flag, false)}, true);
              ++count;
              for (const bool counted : {false, true}) {
                if (dilation > 1) continue;
                ExpectEqual(AvgPool1d(v, {kernel, stride, padding, flag, counted}), x, {WindowsOf(a, flag, counted)},
                            false);
              }
            }
          }
        }
      }
    }
  }
  EXPECT_GT(count, 400);
}

TEST(PoolNdTest, SweepIn3dAgainstTheLoop) {
  RandomStream random(/*seed=*/9);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.Uniform(0, static_cast<double>(high - low + 1)));
  };
  int count = 0;
  for (int i = 0; i < 600; ++i) {
    const bool ceil = pick(0, 1) == 1, counted = pick(0, 1) == 1;
    MaxPool3dAttrs max{.ceil_mode = ceil};
    AvgPool3dAttrs avg{.ceil_mode = ceil, .count_include_pad = counted};
    std::vector<Parts> of_max, of_avg;
    Shape shape{2, 2};
    bool possible = true;
    for (int a = 0; a < 3; ++a) {
      WindowAxis axis{pick(1, 7), pick(1, 3), pick(1, 3), pick(1, 2), pick(0, 1), pick(0, 1)};
      WindowAxis plain = axis;
      plain.dilation = 1;
      shape.push_back(axis.input);
      max.kernel[a] = avg.kernel[a] = axis.kernel, max.stride[a] = avg.stride[a] = axis.stride;
      max.padding.before[a] = avg.padding.before[a] = axis.before;
      max.padding.after[a] = avg.padding.after[a] = axis.after, max.dilation[a] = axis.dilation;
      possible = possible && IsPossible(axis, ceil) && IsPossible(plain, ceil);
      if (!possible) break;
      of_max.push_back(WindowsOf(axis, ceil, false)), of_avg.push_back(WindowsOf(plain, ceil, counted));
    }
    if (!possible) continue;
    const Tensor x = Uniform(shape, &random);
    Graph graph;
    ExpectEqual(MaxPool3d(graph.Constant(x), max), x, of_max, true);
    ExpectEqual(AvgPool3d(graph.Constant(x), avg), x, of_avg, false);
    ++count;
  }
  EXPECT_GT(count, 100);
}

TEST(PoolNdTest, SweepOfPartsAgainstTheLoop) {
  RandomStream random(/*seed=*/10);
  for (int64_t n = 1; n <= 12; ++n) {
    for (int64_t size = 1; size <= 14; ++size) {
      const Tensor x = Uniform({2, 2, n}, &random);
      Graph graph;
      ExpectEqual(AdaptiveMaxPool(graph.Constant(x), {size}), x, {AdaptiveParts(n, size)}, true);
      ExpectEqual(AdaptiveAvgPool(graph.Constant(x), {size}), x, {AdaptiveParts(n, size)}, false);
    }
  }
}

const OpCases kCases({
    {.name = "max_pool1d",
     .build =
         [](Args x) {
           return Values{MaxPool1d(x[0], {.kernel = 3, .stride = 2, .padding = Padding1d::Same(), .ceil_mode = true})};
         },
     .inputs = {{.shape = {2, 3, 8}, .batch = true}},
     .bad =
         [](Graph* g) {
           MaxPool1d(g->Input("x", DType::kFloat32, {2, 3, 4}), {.kernel = 5});
         },
     .bad_message = "max_pool1d: the window covers 5 along the length but only 4 + 0 padding are there (x f32[2,3,4])"},
    {.name = "avg_pool1d",
     .build = [](Args x) { return Values{AvgPool1d(x[0], {.kernel = 3, .stride = 1})}; },
     .inputs = {{.shape = {2, 3, 8}, .batch = true}},
     .bad =
         [](Graph* g) {
           AvgPool1d(g->Input("x", DType::kFloat32, {2, 3, 4}), {.kernel = 0});
         },
     .bad_message = "avg_pool1d: the window along the length must be in [1, 2^24], but is 0"},
    {.name = "max_pool3d",
     .build =
         [](Args x) {
           return Values{MaxPool3d(x[0], {.kernel = {2, 3, 2}, .padding = Padding3d::Explicit(1)})};
         },
     .inputs = {{.shape = {2, 2, 3, 4, 3}, .batch = true}},
     .bad =
         [](Graph* g) {
           MaxPool3d(g->Input("x", DType::kFloat32, {2, 3, 4, 4}));
         },
     .bad_message = "max_pool3d: x must have rank 5"},
    {.name = "avg_pool3d",
     .build =
         [](Args x) {
           return Values{AvgPool3d(x[0], {.kernel = {2, 2, 2}, .stride = {1, 2, 1}})};
         },
     .inputs = {{.shape = {2, 2, 3, 4, 3}, .batch = true}},
     .bad =
         [](Graph* g) {
           AvgPool3d(g->Input("x", DType::kFloat32, {2, 3, 4, 4, 1}));
         },
     .bad_message = "avg_pool3d: the window covers 2 along the width but only 1 + 0 padding are there"},
    {.name = "adaptive_avg_pool",
     .build =
         [](Args x) {
           return Values{AdaptiveAvgPool(x[0], {3, 2})};
         },
     .inputs = {{.shape = {2, 2, 7, 4}, .batch = true}},
     .bad =
         [](Graph* g) {
           AdaptiveAvgPool(g->Input("x", DType::kFloat32, {2, 3, 4, 4}), {2, 0});
         },
     .bad_message = "adaptive_avg_pool: sizes must be in [1, 2^24], but one is 0"},
    {.name = "adaptive_max_pool",
     .build = [](Args x) { return Values{AdaptiveMaxPool(x[0], {3})}; },
     .inputs = {{.shape = {2, 2, 7}, .batch = true}},
     .bad =
         [](Graph* g) {
           AdaptiveMaxPool(g->Input("x", DType::kFloat32, {2, 3, 0}), {2});
         },
     .bad_message = "adaptive_max_pool: axis 2 must have 1 to 2^31 elements"},
});

const GoldenCases kGoldens(
    "windows",
    {
        {"max_pool1d",
         [](Args x) {
           return Values{MaxPool1d(
               x[0], {.kernel = 3, .stride = 2, .padding = Padding1d::Explicit(1), .dilation = 2, .ceil_mode = true})};
         }},
        {"avg_pool1d",
         [](Args x) {
           return Values{
               AvgPool1d(x[0], {.kernel = 3, .stride = 2, .padding = Padding1d::Explicit(1), .ceil_mode = true})};
         }},
        {"avg_pool1d_inside",
         [](Args x) {
           return Values{AvgPool1d(
               x[0], {.kernel = 3, .stride = 2, .padding = Padding1d::Explicit(1), .count_include_pad = false})};
         }},
        {"max_pool3d", [](Args x) { return Values{MaxPool3d(x[0])}; }},
        {"max_pool3d_options",
         [](Args x) {
           return Values{MaxPool3d(x[0], {.kernel = {3, 2, 3},
                                          .stride = {2, 1, 2},
                                          .padding = Padding3d::Explicit(1),
                                          .dilation = {1, 2, 1},
                                          .ceil_mode = true})};
         }},
        {"avg_pool3d",
         [](Args x) {
           return Values{AvgPool3d(
               x[0], {.kernel = {3, 2, 3}, .stride = {2, 1, 2}, .padding = Padding3d::Explicit(1), .ceil_mode = true})};
         }},
        {"avg_pool3d_inside",
         [](Args x) {
           return Values{AvgPool3d(x[0], {.kernel = {3, 2, 3},
                                          .stride = {2, 2, 2},
                                          .padding = Padding3d::Explicit(1),
                                          .count_include_pad = false})};
         }},
        {"adaptive_avg_pool1d", [](Args x) { return Values{AdaptiveAvgPool(x[0], {4})}; }},
        {"adaptive_avg_pool2d",
         [](Args x) {
           return Values{AdaptiveAvgPool(x[0], {3, 5})};
         }},
        {"adaptive_avg_pool3d",
         [](Args x) {
           return Values{AdaptiveAvgPool(x[0], {4, 5, 3})};
         }},
        {"adaptive_max_pool1d", [](Args x) { return Values{AdaptiveMaxPool(x[0], {4})}; }},
        {"adaptive_max_pool2d",
         [](Args x) {
           return Values{AdaptiveMaxPool(x[0], {3, 5})};
         }},
        {"adaptive_max_pool3d",
         [](Args x) {
           return Values{AdaptiveMaxPool(x[0], {4, 5, 3})};
         }},
        {"adaptive_avg_pool_up", [](Args x) { return Values{AdaptiveAvgPool(x[0], {7})}; }},
    });

}  // namespace
}  // namespace adret
