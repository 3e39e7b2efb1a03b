#include "adret/nn/recompute.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/recompute.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/state.h"
#include "adret/io/model.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

// As in benchmarks/adret_bench: 3 x 3 residual blocks of two convolutions (He et al. 2016, section 4.2).
Sequential ResNet20(bool recompute) {
  const auto conv = [](int64_t filters, int64_t kernel, int64_t stride) {
    return Conv2d(filters, kernel, {.stride = stride, .padding = Padding::Explicit(kernel / 2), .bias = false});
  };
  std::vector<Layer> layers = {conv(16, 3, 1), BatchNorm(), Relu()};
  int64_t channels = 16;
  for (const int64_t filters : {16, 16, 16, 32, 32, 32, 64, 64, 64}) {
    const int64_t stride = filters > channels ? 2 : 1;
    const Sequential body{conv(filters, 3, stride), BatchNorm(), Relu(), conv(filters, 3, 1), BatchNorm()};
    const Sequential shortcut{conv(filters, 1, stride), BatchNorm()};
    const Sequential block{stride > 1 ? Residual(body, shortcut) : Residual(body), Relu()};
    layers.push_back(recompute ? Recompute(block) : Layer(block));
    channels = filters;
  }
  layers.insert(layers.end(), {GlobalAvgPool2d(), Flatten(), Dense(10)});
  return Sequential(layers);
}

struct Training {
  explicit Training(const Sequential& net, const Shape& example) {
    Shape shape = example;
    shape.insert(0, kAnyBatch);
    x = graph.Input("x", DType::kFloat32, shape);
    label = graph.Input("label", DType::kInt64, {kAnyBatch});
    loss = SoftmaxCrossEntropy(net(x), label);
    step = Sgd({.learning_rate = 0.1, .momentum = 0.9}).Minimize(loss, graph.variables());
  }
  Feeds Batch(int64_t n) const {
    Tensor images(DType::kFloat32, x.shape().With(n)), labels(DType::kInt64, {n});
    RandomStream random(/*seed=*/2);
    for (float& v : images.mutable_data<float>()) v = static_cast<float>(random.Normal());
    for (int64_t& v : labels.mutable_data<int64_t>()) v = random.Below(10);
    return {{x, images}, {label, labels}};
  }
  // Losses and variables after a few steps.
  std::vector<Tensor> Run(int64_t batch, int steps, const ExecutorOptions& options = {}) {
    auto executor = Executor::Create({loss}, step, options);
    EXPECT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(graph, /*seed=*/1);
    std::vector<Tensor> results;
    for (int i = 0; executor.ok() && i < steps; ++i) {
      auto run = executor->Run(Batch(batch), &state);
      EXPECT_TRUE(run.ok()) << run.status();
      if (run.ok()) results.push_back((*run)[0]);
    }
    for (const Value& v : graph.all_variables()) results.push_back(*state.Get(v.name()));
    return results;
  }
  int64_t PeakBytes(int64_t batch) {
    auto executor = Executor::Create({loss}, step);
    EXPECT_TRUE(executor.ok()) << executor.status();
    const auto bytes = executor->PeakBytes(batch);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or(0);
  }

  Graph graph;
  Value x, label, loss;
  Updates step;
};

void ExpectSameBits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].BitEqual(b[i])) << "result " << i;
}

TEST(Recompute, ResNet20TrainsInHalfTheMemoryWithTheSameBits) {
  Training kept(ResNet20(false), {3, 32, 32}), recomputed(ResNet20(true), {3, 32, 32});
  const int64_t before = kept.PeakBytes(32), after = recomputed.PeakBytes(32);
  EXPECT_LT(2 * after, before) << BytesText(before) << " -> " << BytesText(after);
  ExpectSameBits(kept.Run(2, 2), recomputed.Run(2, 2));
}

// A layer's values are recomputed with the numbers that it drew.
TEST(Recompute, DropoutDropsTheSameElementsAgain) {
  const auto net = [](bool recompute) {
    const Sequential body{Dense(32), Relu(), Dropout(0.5), Dense(16), Tanh(), Dropout(0.5)};
    return Sequential{recompute ? Recompute(body) : Layer(body), Dense(10)};
  };
  Training kept(net(false), {20}), recomputed(net(true), {20});
  ExpectSameBits(kept.Run(8, 3), recomputed.Run(8, 3));
  ExpectSameBits(kept.Run(8, 3), recomputed.Run(8, 3, {.threads = 2}));
  ExpectSameBits(kept.Run(8, 3), recomputed.Run(8, 3, {.fuse = false}));
}

// n layers in sqrt(n) regions, and regions within regions: memory grows more slowly than the network.
TEST(Recompute, MemoryOfALongChainGrowsSlowly) {
  const auto peak = [](int layers, int region) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {64, 64});
    const Value w = graph.Input("w", DType::kFloat32, {64, 64});
    const auto layer = [&](const Value& v) { return Tanh(MatMul(v, w)); };
    Value y = x;
    for (int i = 0; i < layers; i += region) {
      const auto some = [&](Args v) {
        Value z = v[0];
        for (int k = 0; k < region; ++k) z = layer(z);
        return Values{z};
      };
      y = region == 1 ? layer(y) : adret::Recompute(some, {y})[0];
    }
    auto executor = Executor::Create(Gradients(Sum(Square(y)), {x, w}));
    EXPECT_TRUE(executor.ok()) << executor.status();
    return *executor->PeakBytes();
  };
  const int64_t layer = 64 * 64 * 4;
  EXPECT_GT(peak(64, 1), 64 * layer);
  // Eight each: inputs of regions, values of a region, and terms of w's gradient, in a region and of all regions.
  EXPECT_LT(peak(64, 8), 36 * layer);
  EXPECT_LT(peak(64, 8), peak(64, 1) / 2);
}

// What is recomputed lies between barriers, in files as well.
TEST(Recompute, IsSavedLikeAnyGraph) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {4, 4});
  const auto region = [](Args v) { return Values{Tanh(MatMul(v[0], v[0])), Sum(v[0])}; };
  const Values y = adret::Recompute(region, {x});
  const Value loss = Sum(Square(y[0])) * y[1];
  const auto bytes = io::SerializeModel({.graph = &graph, .outputs = {{"loss", loss}}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto model = io::ParseModel(*bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  // Differentiated after loading: the region is found in the graph.
  const Value input = *model->Input("x");
  const int nodes = model->graph->num_nodes();
  const Tensor at = Tensor::Full(DType::kFloat32, {4, 4}, 0.25);
  const auto found = Evaluate(Gradients(*model->Output("loss"), {input})[0], {{input, at}});
  const auto expected = Evaluate(Gradients(loss, {x})[0], {{x, at}});
  ASSERT_TRUE(found.ok() && expected.ok()) << found.status() << expected.status();
  EXPECT_TRUE(found->BitEqual(*expected));
  int barriers = 0;
  for (NodeId id = nodes; id < model->graph->num_nodes(); ++id) barriers += model->graph->node(id).op->traits.barrier;
  EXPECT_EQ(barriers, 1);
}

// Rules that replace others reach into the region.
TEST(Recompute, HandsOverridesOn) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<double>({2}, {-1, 1}));
  const Value y = adret::Recompute([](Args v) { return Values{adret::Relu(v[0])}; }, {x})[0];
  const auto straight_through = [](const GradientContext& c) { return Values{c.dy()}; };
  const Value dx = Gradients(Sum(y * y), {x}, {.overrides = {{"relu", straight_through}}})[0];
  EXPECT_EQ(Evaluate(Gradients(Sum(y), {x}, {.overrides = {{"relu", straight_through}}})[0])->At(0), 1);
  EXPECT_EQ(Evaluate(dx)->At(1), 2);
}

TEST(Recompute, BadInputIsNamed) {
  Graph graph, other;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  const Value stranger = other.Input("y", DType::kFloat32, {2});
  EXPECT_FALSE(adret::Recompute([&](Args) { return Values{stranger}; }, {x})[0].valid());
  EXPECT_THAT(std::string(graph.status().message()),
              testing::HasSubstr("Recompute: result 0 of the region is a value of another graph"));
  EXPECT_THAT(std::string(graph.status().message()), testing::HasSubstr("recompute_test.cc:"));
}

}  // namespace
}  // namespace adret::nn
