// Kernels that follow others on parts of their results: the bits are those of a run node by node.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

struct Setting {
  DType dtype = DType::kFloat32;
  int64_t batch = 3, channels = 2, height = 13, width = 15, filters = 11;
};

// The nodes of a convolution with bias and relu, of an image with symbolic batch.
struct Block {
  Value x, w, bias, conv, relu;
};
Block MakeBlock(Graph& graph, const Setting& s, const Conv2dAttrs& attrs = {}) {
  Block b;
  b.x = graph.Input("x", s.dtype, {kAnyBatch, s.channels, s.height, s.width});
  b.w = graph.Input("w", s.dtype, {s.filters, s.channels, 3, 3});
  b.bias = graph.Input("bias", s.dtype, {s.filters, 1, 1});
  b.conv = Conv2d(b.x, b.w, attrs);
  b.relu = Relu(b.conv + b.bias);
  return b;
}

Tensor Normal(RandomStream& random, DType dtype, const Shape& shape) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random.Normal();
  return t.Cast(dtype);
}

using Outputs = std::function<Values(const Block&)>;

struct Graphs {
  std::string name;
  Outputs outputs;
};
const std::vector<Graphs>& AllGraphs() {
  static const auto* graphs = new std::vector<Graphs>{
      {"pooled", [](const Block& b) { return Values{MaxPool2d(b.relu)}; }},
      {"values and argmax",
       [](const Block& b) {
         const MaxPool2dResult r = MaxPool2dWithArgmax(b.relu, {.kernel = {3, 3}, .stride = {2, 2}});
         return Values{r.y, r.argmax};
       }},
      {"argmax",
       [](const Block& b) {
         return Values{MaxPool2dWithArgmax(b.relu, {.stride = {3, 3}}).argmax};
       }},
      {"no chain", [](const Block& b) { return Values{MaxPool2d(b.conv)}; }},
      {"average", [](const Block& b) { return Values{AvgPool2d(b.relu, {.padding = Padding::Explicit(1)})}; }},
      {"relu fetched",
       [](const Block& b) {
         return Values{b.relu, MaxPool2d(b.relu)};
       }},
      {"convolution fetched",
       [](const Block& b) {
         return Values{b.conv, MaxPool2d(b.relu)};
       }},
      {"both fetched",
       [](const Block& b) {
         return Values{b.conv, b.relu, MaxPool2d(b.relu)};
       }},
      {"chain behind", [](const Block& b) { return Values{Sqrt(MaxPool2d(b.relu) * 2.0 + 1.0)}; }},
      {"chain of pools",
       [](const Block& b) {
         return Values{MaxPool2d(MaxPool2d(b.relu) + 1.0), AvgPool2d(Square(b.relu))};
       }},
      {"two pools", [](const Block& b) { return Values{MaxPool2d(b.relu) - AvgPool2d(b.relu)}; }},
      {"pool of both",
       [](const Block& b) {
         return Values{MaxPool2d(b.relu), MaxPool2d(b.conv)};
       }},
      {"read as a whole", [](const Block& b) { return Values{MaxPool2d(b.relu) * Sum(b.relu)}; }},
      {"beside the whole",
       [](const Block& b) {
         const Value y = MaxPool2d(b.relu, {.kernel = {1, 1}});
         return Values{y + b.relu, y * b.conv};
       }},
      {"gradients",
       [](const Block& b) {
         const Value y = Sum(Square(MaxPool2d(b.relu)));
         Values result = Gradients(y, {b.x, b.w, b.bias});
         result.push_back(y);
         return result;
       }},
  };
  return *graphs;
}

void Check(const Setting& s, const Conv2dAttrs& attrs) {
  for (const Graphs& g : AllGraphs()) {
    SCOPED_TRACE(g.name);
    Graph graph;
    const Block b = MakeBlock(graph, s, attrs);
    const Values outputs = g.outputs(b);
    RandomStream random(5);
    const Feeds feeds{{b.x, Normal(random, s.dtype, {s.batch, s.channels, s.height, s.width})},
                      {b.w, Normal(random, s.dtype, b.w.shape())},
                      {b.bias, Normal(random, s.dtype, b.bias.shape())}};
    std::vector<Tensor> expected;
    for (int threads : {0, 1, 2, 4}) {  // 0: node by node
      ExecutorOptions options;
      options.fuse = threads > 0;
      options.threads = std::max(threads, 1);
      auto executor = Executor::Create(outputs, {}, options);
      ASSERT_TRUE(executor.ok()) << executor.status();
      auto results = executor->Run(feeds);
      ASSERT_TRUE(results.ok()) << results.status();
      if (threads == 0) expected = *results;
      for (size_t k = 0; k < expected.size(); ++k) {
        EXPECT_TRUE((*results)[k].BitEqual(expected[k])) << "output " << k << ", " << threads << " threads";
      }
    }
  }
}

TEST(OnePass, HasTheBitsOfNodeByNode) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (int64_t batch : {1, 3, 40}) Check({.dtype = dtype, .batch = batch}, {});
  }
}

TEST(OnePass, HasTheBitsOfNodeByNodeForAllConvolutions) {
  Check({}, {.padding = Padding::Same()});
  Check({}, {.stride = {2, 2}, .padding = Padding::Explicit(1)});
  Check({.channels = 4, .filters = 8}, {.groups = 1});
  Check({.batch = 2, .channels = 16, .height = 24, .width = 24, .filters = 32}, {.padding = Padding::Same()});
  // Rows of these images are blocks of their own.
  Check({.batch = 2, .channels = 9, .height = 90, .width = 160, .filters = 9}, {.padding = Padding::Same()});
}

TEST(OnePass, KeepsNoFullSizeResultThatNobodyElseReads) {
  const Setting s{.height = 32, .width = 32};
  const int64_t full = 256 * s.filters * 30 * 30 * 4;
  Graph graph;
  const Block b = MakeBlock(graph, s);
  const Value y = MaxPool2d(b.relu);
  EXPECT_LT(*Executor::Create({y})->PeakBytes(256), full / 8);
  EXPECT_LT(*Executor::Create({Sum(y)})->PeakBytes(256), full / 3);
  EXPECT_GE(*Executor::Create({y, Sum(b.relu)})->PeakBytes(256), full);
}

// The input's gradient of a window as large as the image is computed as if its pixels were channels.
TEST(OnePass, PoolsWhatATransposedConvolutionMakesOfOnePixel) {
  for (const Shape& filters : {Shape{5, 1, 3, 3}, Shape{4, 3, 2, 2}, Shape{3, 2, 4, 4}}) {
    SCOPED_TRACE(filters.ToString());
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, filters[0], 1, 1});
    const Value w = graph.Input("w", DType::kFloat32, filters);
    const Value made = ConvTranspose2d(x, w);
    const Values outputs{MaxPool2d(made), MaxPool2d(Relu(made))};
    RandomStream random(6);
    const Feeds feeds{{x, Normal(random, DType::kFloat32, {3, filters[0], 1, 1})},
                      {w, Normal(random, DType::kFloat32, filters)}};
    const auto run = [&](bool fuse) {
      auto executor = Executor::Create(outputs, {}, {.threads = 2, .fuse = fuse});
      return *executor->Run(feeds);
    };
    const std::vector<Tensor> fused = run(true), plain = run(false);
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_TRUE(fused[i].BitEqual(plain[i])) << "output " << i;
  }
}

}  // namespace
}  // namespace adret
