#include "adret/ops/conv_nd.h"

#include <vector>

#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// A convolution as a sum over all places of the filter. Axes behind the channels, outermost first.
Tensor NaiveConv(const Tensor& x, const Tensor& w, const Shape& y_shape, const std::vector<WindowAxis>& windows,
                 int64_t groups) {
  const int axes = static_cast<int>(windows.size());
  const int64_t channels = w.shape()[1], filters = w.shape()[0];
  return Picked(y_shape, [&](absl::Span<const Tensor>, const Index& i) {
    double sum = 0;
    int64_t places = 1;
    for (const WindowAxis& a : windows) places *= a.kernel;
    for (int64_t tap = 0; tap < places; ++tap) {
      Index from = i, at(2 + axes);
      at[0] = i[1];
      bool inside = true;
      for (int64_t a = axes - 1, rest = tap; a >= 0; rest /= windows[a].kernel, --a) {
        at[2 + a] = rest % windows[a].kernel;
        from[2 + a] = i[2 + a] * windows[a].stride + at[2 + a] * windows[a].dilation - windows[a].before;
        inside &= from[2 + a] >= 0 && from[2 + a] < windows[a].input;
      }
      for (int64_t c = 0; inside && c < channels; ++c) {
        from[1] = i[1] / (filters / groups) * channels + c, at[1] = c;
        sum += At(x, from) * At(w, at);
      }
    }
    return sum;
  })({})[0];
}

Tensor Uniform(const Shape& shape, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random->Uniform(-1, 1);
  return t;
}

void ExpectEqual(const Value& y, const Tensor& x, const Tensor& w, const std::vector<WindowAxis>& windows,
                 int64_t groups) {
  ASSERT_TRUE(y.valid()) << y.graph()->status();
  auto found = Evaluate(y, {});
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t a = 0; a < windows.size(); ++a) ASSERT_EQ(y.shape()[2 + static_cast<int>(a)], *windows[a].Output(""));
  const Tensor expected = NaiveConv(x, w, y.shape(), windows, groups);
  for (int64_t i = 0; i < expected.num_elements(); ++i) ASSERT_NEAR(found->At(i), expected.At(i), 1e-12) << i;
}

// All small windows against the loop.
TEST(Conv1dTest, SweepAgainstTheLoop) {
  RandomStream random(/*seed=*/5);
  int count = 0;
  for (const int64_t length : {1, 2, 5, 8}) {
    for (const int64_t kernel : {1, 2, 3}) {
      for (const int64_t stride : {1, 2, 3}) {
        for (const int64_t dilation : {1, 2}) {
          for (const auto& [before, after] : {std::pair(0, 0), std::pair(1, 1), std::pair(2, 0), std::pair(0, 3)}) {
            for (const int64_t groups : {1, 2}) {
              const WindowAxis window{length, kernel, stride, dilation, before, after};
              if (!window.Output("").ok()) continue;
              Graph graph;
              const Tensor x = Uniform({2, 4, length}, &random), w = Uniform({2, 4 / groups, kernel}, &random);
              const Value y = Conv1d(graph.Constant(x), graph.Constant(w),
                                     {.stride = stride,
                                      .padding = Padding1d::Explicit({before}, {after}),
                                      .dilation = dilation,
                                      .groups = groups});
              ExpectEqual(y, x, w, {window}, groups);
              ++count;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(count, 300);
}

TEST(Conv3dTest, SweepAgainstTheLoop) {
  RandomStream random(/*seed=*/6);
  for (int i = 0; i < 300; ++i) {
    const auto pick = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random.Uniform(0, static_cast<double>(high - low + 1)));
    };
    const int64_t groups = pick(1, 2);
    Conv3dAttrs attrs{.groups = groups};
    std::vector<WindowAxis> windows;
    Shape xs{pick(1, 2), 2 * groups}, ws{2 * groups, 2};
    bool fits = true;
    for (int a = 0; a < 3; ++a) {
      windows.push_back({pick(1, 6), pick(1, 3), pick(1, 3), pick(1, 2), pick(0, 2), pick(0, 2)});
      const WindowAxis& window = windows.back();
      xs.push_back(window.input), ws.push_back(window.kernel);
      attrs.stride[a] = window.stride, attrs.dilation[a] = window.dilation;
      attrs.padding.before[a] = window.before, attrs.padding.after[a] = window.after;
      fits &= window.Output("").ok();
    }
    if (!fits) continue;
    Graph graph;
    const Tensor x = Uniform(xs, &random), w = Uniform(ws, &random);
    ExpectEqual(Conv3d(graph.Constant(x), graph.Constant(w), attrs), x, w, windows, groups);
  }
}

const OpCases kCases({
    {.name = "conv1d",
     .build = [](Args x) { return Values{Conv1d(x[0], x[1], {.stride = 2, .padding = Padding1d::Same()})}; },
     .inputs = {{.shape = {2, 3, 7}, .batch = true}, {.shape = {4, 3, 3}}},
     .bad =
         [](Graph* g) {
           Conv1d(g->Input("x", DType::kFloat32, {kAnyBatch, 3, 4}), g->Input("w", DType::kFloat32, {2, 3, 5}));
         },
     .bad_message = "conv1d: the window covers 5 along the length but only 4 + 0 padding are there (x f32[?,3,4], w "
                    "f32[2,3,5])"},
    {.name = "conv1d/groups",
     .build =
         [](Args x) {
           return Values{Conv1d(x[0], x[1], {.padding = Padding1d::Explicit({2}, {1}), .dilation = 2, .groups = 2})};
         },
     .inputs = {{.shape = {2, 4, 6}, .batch = true}, {.shape = {2, 2, 3}}},
     .bad =
         [](Graph* g) {
           Conv1d(g->Input("x", DType::kFloat32, {2, 3, 4}), g->Input("w", DType::kFloat32, {2, 2, 3}));
         },
     .bad_message = "conv1d: x has 3 channels in a group but w expects 2"},
    {.name = "conv3d",
     .build = [](Args x) { return Values{Conv3d(x[0], x[1], {.padding = Padding3d::Same()})}; },
     .inputs = {{.shape = {2, 2, 3, 4, 3}, .batch = true}, {.shape = {2, 2, 2, 3, 3}}},
     .bad =
         [](Graph* g) {
           Conv3d(g->Input("x", DType::kFloat32, {2, 3, 4, 4, 4}), g->Input("w", DType::kFloat32, {2, 3, 5, 3, 3}));
         },
     .bad_message = "conv3d: the window covers 5 along the depth but only 4 + 0 padding are there"},
    {.name = "conv3d/groups",
     .build =
         [](Args x) {
           return Values{
               Conv3d(x[0], x[1],
                      {.stride = {2, 1, 2}, .padding = Padding3d::Explicit(1), .dilation = {1, 2, 1}, .groups = 2})};
         },
     .inputs = {{.shape = {2, 4, 3, 3, 3}, .batch = true}, {.shape = {2, 2, 2, 2, 2}}},
     .bad =
         [](Graph* g) {
           Conv3d(g->Input("x", DType::kFloat32, {2, 3, 4, 4}), g->Input("w", DType::kFloat32, {2, 3, 5, 3, 3}));
         },
     .bad_message = "conv3d: x and w must have rank 5"},
});

const GoldenCases kGoldens(
    "windows",
    {
        {"conv1d", [](Args x) { return Values{Conv1d(x[0], x[1])}; }},
        {"conv1d_options",
         [](Args x) {
           return Values{
               Conv1d(x[0], x[1], {.stride = 2, .padding = Padding1d::Explicit(3), .dilation = 2, .groups = 2})};
         }},
        {"conv1d_same", [](Args x) { return Values{Conv1d(x[0], x[1], {.padding = Padding1d::Same()})}; }},
        {"conv3d", [](Args x) { return Values{Conv3d(x[0], x[1])}; }},
        {"conv3d_options",
         [](Args x) {
           return Values{Conv3d(
               x[0], x[1],
               {.stride = {2, 1, 2}, .padding = Padding3d::Explicit({1, 2, 0}), .dilation = {1, 2, 1}, .groups = 2})};
         }},
        {"conv3d_flat",
         [](Args x) {
           return Values{Conv3d(x[0], x[1], {.padding = Padding3d::Explicit({0, 1, 1})})};
         }},
    });

}  // namespace
}  // namespace adret
