// Looking at one unit costs one unit, and changes no result.
#include "adret/core/plan/rewrite.h"

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/matmul.h"
#include "adret/ops/norm.h"
#include "adret/ops/pad.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/resize.h"
#include "adret/ops/scan.h"
#include "adret/ops/slice.h"
#include "adret/ops/softmax.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

PlanGraph PlanOf(const Values& fetches, int64_t batch = 1) {
  std::vector<ValueId> ids;
  for (const Value& v : fetches) ids.push_back(v.id());
  return *MakePlanGraph(*fetches[0].graph(), ids, {}, batch);
}

// Arithmetic of a plan: of kernels with products or windows, and of element-wise work.
double Flops(const PlanGraph& plan) {
  double flops = 0;
  for (int i = 0; i < static_cast<int>(plan.nodes.size()); ++i) {
    const auto& node = plan.nodes[i];
    const Op& op = plan.op(i);
    Types inputs, outputs;
    for (int v : node.inputs) inputs.push_back(plan.values[v].type);
    for (int k = 0; k < plan.num_outputs(i); ++k) outputs.push_back(plan.values[node.first_output + k].type);
    if (op.elementwise()) flops += static_cast<double>(outputs[0].shape.num_elements());
    if (op.kernel != nullptr) flops += op.kernel({&op, &plan.attrs(i), inputs, outputs})->flops;
  }
  return flops;
}

int Count(const PlanGraph& plan, absl::string_view op) {
  int count = 0;
  for (size_t i = 0; i < plan.nodes.size(); ++i) count += plan.op(static_cast<int>(i)).name == op;
  return count;
}

// A graph of random variables.
struct Network {
  Graph graph;
  State state;
  Values variables;

  Value Random(const Shape& shape) {
    Tensor t = Tensor::Zeros(DType::kFloat64, shape);
    for (int64_t i = 0; i < t.num_elements(); ++i)
      t.mutable_data<double>()[i] = std::sin(1.0 + 7.0 * i * i + 13.0 * variables.size());
    const std::string name = "v" + std::to_string(variables.size());
    variables.push_back(graph.Variable(name, t));
    state.Set(name, t);
    return variables.back();
  }
  std::string Explain(const Values& fetches) { return *Executor::Create(fetches)->Explain(); }
  std::vector<Tensor> Run(const Values& fetches) {
    std::vector<std::vector<Tensor>> results;
    for (bool fuse : {true, false}) {
      auto executor = Executor::Create(fetches, {}, {.fuse = fuse});
      EXPECT_TRUE(executor.ok()) << executor.status();
      auto result = executor->Run({}, &state);
      EXPECT_TRUE(result.ok()) << result.status();
      results.push_back(*result);
    }
    for (size_t i = 0; i < fetches.size(); ++i) EXPECT_TRUE(results[0][i].BitEqual(results[1][i])) << i;
    return results[0];
  }
};

void ExpectNear(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].shape(), b[i].shape());
    double scale = 1;
    for (int64_t k = 0; k < b[i].num_elements(); ++k) scale = std::max(scale, std::abs(b[i].At(k)));
    for (int64_t k = 0; k < b[i].num_elements(); ++k) ASSERT_NEAR(a[i].At(k), b[i].At(k), 1e-12 * scale) << i;
  }
}

// A layer, and the axis along which units are looked at.
struct Layer {
  const char* name;
  int axis;
  std::function<Value(Network&)> build;
  double share = 0.05;           // of the layer's work that one of its units takes at most
  double gradient_share = 0.05;  // the same of the gradient; 1: not looked at
};

class Units : public testing::TestWithParam<Layer> {};

TEST_P(Units, CostOneUnitAndChangeNothing) {
  const Layer& layer = GetParam();
  Network net;
  const Value y = layer.build(net);
  ASSERT_TRUE(net.graph.status().ok()) << net.graph.status();
  const int64_t dim = y.shape()[layer.axis];
  for (int64_t k : {int64_t{0}, dim / 2, dim - 1}) {
    const Value unit = Slice(y, layer.axis, k, k + 1);
    // Whoever fetches y computes all of it.
    ExpectNear(net.Run({unit}), net.Run({unit, y}));
    EXPECT_LE(Flops(PlanOf({unit})), layer.share * Flops(PlanOf({unit, y}))) << net.Explain({unit});

    // The same gradients without slices: by a mask that plans do not know.
    Shape ones(std::vector<int64_t>(y.rank(), 1));
    ones.set(layer.axis, dim);
    Tensor own = Tensor::Zeros(DType::kFloat64, ones);
    own.mutable_data<double>()[k] = 1;
    const std::string name = "mask" + std::to_string(k);
    const Value mask = net.graph.Variable(name, own);
    net.state.Set(name, own);
    const Values slopes = Gradients(Sum(Square(unit)), net.variables);
    const Values expected = Gradients(Sum(Square(y * mask)), net.variables);
    ExpectNear(net.Run(slopes), net.Run(expected));
    EXPECT_LE(Flops(PlanOf(slopes)), layer.gradient_share * Flops(PlanOf(expected))) << net.Explain(slopes);
    ExpectNear(net.Run(Gradients(Sum(Square(slopes[0])), net.variables)),
               net.Run(Gradients(Sum(Square(expected[0])), net.variables)));
  }
}

const Layer kLayers[] = {
    {"elementwise", 1,
     [](Network& n) {
       return Tanh(n.Random({5, 40}) * n.Random({40}) + n.Random({5, 1})) * 2.0;
     }},
    {"conv2d_filter", 1,
     [](Network& n) {
       return Relu(Conv2d(n.Random({2, 3, 8, 8}), n.Random({40, 3, 3, 3})) + n.Random({40, 1, 1}));
     }},
    {"conv2d_image", 0,
     [](Network& n) {
       return Relu(Conv2d(n.Random({40, 3, 8, 8}), n.Random({4, 3, 3, 3})) + n.Random({4, 1, 1}));
     }},
    {"conv2d_group", 1,
     [](Network& n) {
       return Conv2d(n.Random({2, 80, 6, 6}), n.Random({40, 2, 3, 3}), {.groups = 40});
     }},
    {"conv_transpose2d_channel", 1,
     [](Network& n) {
       return ConvTranspose2d(n.Random({2, 3, 5, 5}), n.Random({3, 40, 3, 3}), {.stride = {2, 2}});
     }},
    {"conv2d_of_conv2d", 1,
     [](Network& n) {
       const Value y = MaxPool2d(Relu(Conv2d(n.Random({2, 1, 12, 12}), n.Random({5, 1, 3, 3}))));
       return Conv2d(y, n.Random({100, 5, 3, 3}));
     },
     0.3, 0.3},
    {"max_pool2d", 1,
     [](Network& n) {
       return MaxPool2d(Relu(Conv2d(n.Random({2, 3, 8, 8}), n.Random({40, 3, 3, 3}))));
     }},
    {"max_pool2d_overlapping", 0,
     [](Network& n) {
       return MaxPool2d(Relu(n.Random({40, 3, 8, 8})), {.kernel = {3, 3}, .stride = {1, 1}});
     }},
    {"avg_pool2d", 1,
     [](Network& n) {
       return AvgPool2d(Tanh(n.Random({2, 40, 8, 8})));
     }},
    {"global_avg_pool2d", 1,
     [](Network& n) {
       return GlobalAvgPool2d(Conv2d(n.Random({2, 3, 8, 8}), n.Random({40, 3, 3, 3})));
     }},
    {"matmul_column", 1,
     [](Network& n) {
       return Sigmoid(MatMul(n.Random({5, 30}), n.Random({30, 40})) + n.Random({40}));
     }},
    {"matmul_transposed_column", 1,
     [](Network& n) {
       return MatMul(n.Random({5, 30}), n.Random({40, 30}), {.transpose_b = true});
     }},
    {"matmul_row", 0,
     [](Network& n) {
       return MatMul(n.Random({30, 40}), n.Random({30, 7}), {.transpose_a = true});
     }},
    {"matmul_batch", 0,
     [](Network& n) {
       return MatMul(n.Random({40, 5, 6}), n.Random({40, 6, 7}));
     }},
    {"flatten", 1,
     [](Network& n) {
       return Flatten(Tanh(n.Random({3, 40, 1, 1})));
     }},
    {"unflatten", 1,
     [](Network& n) {
       return Reshape(MatMul(n.Random({3, 5}), n.Random({5, 160})), {3, 40, 4});
     }},
    {"transpose", 0,
     [](Network& n) {
       return Transpose(Tanh(n.Random({3, 40})), {1, 0});
     }},
    {"pad", 1,
     [](Network& n) {
       return Pad(Tanh(n.Random({3, 40, 4})), {.before = {0, 0, 1}, .after = {0, 0, 2}});
     }},
    {"softmax", 0,
     [](Network& n) {
       return Softmax(n.Random({40, 5}) * 2.0, 1);
     }},
    {"log_softmax", 0,
     [](Network& n) {
       return LogSoftmax(n.Random({40, 5}) * 2.0, 1);
     }},
    {"cumsum", 0,
     [](Network& n) {
       return CumSum(Tanh(n.Random({40, 5})), {.axis = 1});
     }},
    {"resize", 1,
     [](Network& n) {
       return ResizeBilinear(Tanh(n.Random({2, 40, 4, 4})), {.height = 6, .width = 6});
     }},
    {"sum", 1,
     [](Network& n) {
       return Sum(Square(n.Random({3, 40, 7})), {.axes = {0, 2}, .keepdims = true});
     },
     0.05, 1},
    {"max", 0,
     [](Network& n) {
       return Max(Tanh(n.Random({40, 7})), {.axes = {1}});
     }},
    {"batch_norm", 1,
     [](Network& n) {
       return BatchNormTraining(Tanh(n.Random({6, 40, 3, 3})), n.Random({40}), n.Random({40})).y;
     },
     0.05, 0.05},
    {"layer_norm", 0,
     [](Network& n) {
       return LayerNorm(Tanh(n.Random({40, 6})), n.Random({6}), n.Random({6}));
     },
     0.05, 0.05},
    {"concat", 0,
     [](Network& n) {
       return Concat({Tanh(n.Random({20, 6})), Exp(n.Random({20, 6}))}, 0);
     },
     0.05, 1},
    {"where", 0,
     [](Network& n) {
       const Value x = n.Random({40, 6});
       return Where(Greater(x, 0.2), x * x, Sin(x));
     },
     0.05, 1},
};
INSTANTIATE_TEST_SUITE_P(Rewrite, Units, testing::ValuesIn(kLayers), [](const auto& info) { return info.param.name; });

// Filters, images, channels and groups of any convolution, in windows of any width, pooled and not.
TEST(Rewrite, PartsOfRandomLayers) {
  std::mt19937 random(7);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int trial = 0; trial < 60; ++trial) {
    Network net;
    const int64_t groups = pick(0, 2) == 0 ? 4 : 1, channels = groups * pick(1, 3), filters = groups * pick(2, 6);
    const Value x = net.Random({pick(2, 5), channels, pick(7, 12), pick(7, 12)});
    const Value w = net.Random({filters, channels / groups, pick(1, 3), pick(1, 3)});
    const int64_t border = pick(0, 1);
    Value y = Conv2d(x, w,
                     {.stride = {pick(1, 2), pick(1, 2)},
                      .padding = Padding::Explicit(border, border, border, border),
                      .dilation = {pick(1, 2), pick(1, 2)},
                      .groups = groups});
    y = Relu(y * net.Random({filters, 1, 1}) + net.Random({filters, 1, 1}));
    if (pick(0, 1) == 1) y = MaxPool2d(y, {.kernel = {2, 2}, .stride = {pick(1, 2), 2}});
    if (pick(0, 1) == 1) y = Reshape(y, {y.shape()[0], y.shape()[1], -1});
    if (pick(0, 2) == 0) y = Transpose(Flatten(y), {1, 0});
    ASSERT_TRUE(net.graph.status().ok()) << net.graph.status();
    SliceAttrs window;
    Tensor inside = Tensor::Full(DType::kFloat64, y.shape(), 1);
    for (int axis = 0; axis < 2; ++axis) {
      if (pick(0, 2) == 0) continue;
      const int64_t dim = y.shape()[axis], begin = pick(0, dim - 1), end = pick(begin + 1, dim);
      window.axes.push_back(axis), window.begins.push_back(begin), window.ends.push_back(end);
      const auto strides = Strides(y.shape());
      for (int64_t i = 0; i < inside.num_elements(); ++i) {
        const int64_t at = i / strides[axis] % dim;
        if (at < begin || at >= end) inside.mutable_data<double>()[i] = 0;
      }
    }
    const Value part = Slice(y, window);
    ExpectNear(net.Run({part}), net.Run({part, y}));
    const Value mask = net.graph.Variable("inside", inside);
    net.state.Set("inside", inside);
    ExpectNear(net.Run(Gradients(Sum(Square(part)), net.variables)),
               net.Run(Gradients(Sum(Square(y * mask)), net.variables)));
  }
}

TEST(Rewrite, UnitsOfASymbolicBatch) {
  Network net;
  const Value x = net.graph.Input("x", DType::kFloat64, {kAnyBatch, 1, 12, 12});
  const Value maps = MaxPool2d(Relu(Conv2d(x, net.Random({40, 1, 3, 3})) + net.Random({40, 1, 1})));
  const Value y = MatMul(Flatten(maps), net.Random({1000, 10})) + net.Random({10});
  const Tensor images = Tensor::Full(DType::kFloat64, {3, 1, 12, 12}, 0.25);
  for (const Value& looked : {Slice(maps, 1, 7, 9), Slice(Flatten(maps), 1, 50, 75), Slice(y, 1, 3, 4)}) {
    const Values alone{looked, Gradients(Sum(Square(looked)), {x})[0]};
    Values all = alone;
    all.push_back(maps), all.push_back(y);
    const auto run = [&](const Values& fetches) { return *Executor::Create(fetches)->Run({{x, images}}, &net.state); };
    ExpectNear(run(alone), run(all));
  }
  EXPECT_LT(Flops(PlanOf({Slice(Flatten(maps), 1, 50, 75)}, 3)), Flops(PlanOf({maps}, 3)) / 30);
}

// The lecture's picture of a filter: 20 steps up the slope of one of 50.
TEST(Rewrite, AFilterIsClimbedAtTheCostOfOneFilter) {
  Network net;
  const Value image = net.Random({1, 1, 28, 28});
  const Value first = MaxPool2d(Relu(Conv2d(image, net.Random({25, 1, 3, 3})) + net.Random({25, 1, 1})));
  const Value maps = Conv2d(first, net.Random({50, 25, 3, 3})) + net.Random({50, 1, 1});
  const auto cost = [&](const Value& looked) { return Flops(PlanOf({Gradients(Sum(looked), {image})[0]})); };
  const double trunk = cost(first), all = cost(Square(maps)), one = cost(Square(Slice(maps, 1, 7, 8)));
  // The second layer's share, forwards and backwards, is divided by 50; the first layer's stays.
  EXPECT_LT(one - trunk, 1.1 * (all - trunk) / 50);
}

TEST(Rewrite, WhatIsNeededAnywayIsNotComputedTwice) {
  Network net;
  const Value y = Conv2d(net.Random({2, 3, 8, 8}), net.Random({40, 3, 3, 3}));
  EXPECT_EQ(Count(PlanOf({Slice(y, 1, 3, 4), Sum(y)}), "conv2d"), 1);
  EXPECT_EQ(Count(PlanOf({Slice(y, 1, 3, 4), Slice(y, 1, 4, 5)}), "conv2d"), 1);
  // Two who look at the same part share it.
  const PlanGraph plan = PlanOf({Sum(Slice(y, 1, 3, 4)), Exp(Slice(y, 1, 3, 4))});
  EXPECT_EQ(Count(plan, "conv2d"), 1);
  EXPECT_LT(Flops(plan), Flops(PlanOf({y})) / 30);
  // Nearly all of it is not worth cutting operands for.
  EXPECT_EQ(Count(PlanOf({Slice(y, 1, 0, 39)}), "slice"), 1);
}

TEST(Rewrite, WindowsOfWindowsAreOne) {
  Network net;
  const Value x = net.Random({20, 10});
  const Value part =
      Slice(Slice(Slice(x, 0, 2, 18), 1, 3, 9), {.axes = {0}, .begins = {12}, .ends = {1}, .steps = {-3}});
  const PlanGraph plan = PlanOf({part});
  EXPECT_EQ(Count(plan, "slice"), 1);
  ExpectNear(net.Run({part}), net.Run({part, Slice(x, 0, 2, 18), Slice(Slice(x, 0, 2, 18), 1, 3, 9)}));
  // And back: the gradient is one inset.
  const Value dx = Gradients(Sum(part * 3.0), {x})[0];
  EXPECT_EQ(Count(PlanOf({dx}), "slice_x_grad"), 1);
  const std::vector<Tensor> slope = net.Run({dx});
  double sum = 0;
  for (int64_t i = 0; i < 200; ++i) sum += slope[0].At(i);
  EXPECT_EQ(sum, 3.0 * static_cast<double>(part.shape().num_elements()));
}

// The activation's mask and the sum for a bias work on what the pooling picked, not on what it picked from.
TEST(Rewrite, PooledGradientsAreMaskedAndSummedBeforeTheyAreScattered) {
  for (int64_t stride : {2, 1}) {
    Network net;
    const Value x = net.Random({3, 2, 13, 13}), w = net.Random({4, 2, 3, 3}), bias = net.Random({4, 1, 1});
    const Value y = Relu(Conv2d(x, w) + bias);
    const Value loss = Sum(Square(MaxPool2d(y, {.kernel = {3, 3}, .stride = {stride, stride}})));
    const Values slopes = Gradients(loss, {x, w, bias});
    const PlanGraph plan = PlanOf(slopes);
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      const auto& node = plan.nodes[i];
      const std::string& op = plan.op(static_cast<int>(i)).name;
      if (op != "relu_x_grad" && op != "sum") continue;
      const bool smaller = plan.values[node.inputs[0]].type.shape.num_elements() < y.shape().num_elements();
      EXPECT_TRUE(smaller || stride == 1) << op;
    }
    // Fetching the scattered gradient keeps the mask behind it.
    const Value scattered = Gradients(loss, {y})[0];
    Values blocked = slopes;
    blocked.push_back(scattered);
    ExpectNear(net.Run(slopes), net.Run(blocked));
  }
}

// Parts and insets pass long chains without recursion, and in linear time.
TEST(Rewrite, LongWaysAreNormal) {
  Network net;
  const Value x = net.Random({4, 4}), w = net.Random({4, 40});
  Value y = MatMul(x, w);
  for (int i = 0; i < 20'000; ++i) y = y * 0.99999;
  const Value unit = Slice(y, 1, 3, 4);
  const Value slope = Gradients(Sum(Square(unit)), {x})[0];
  const PlanGraph plan = PlanOf({unit, slope});
  for (const auto& value : plan.values) EXPECT_LE(value.type.shape.num_elements(), 160);
  EXPECT_LT(Flops(plan), 20'000 * 12.0 + 10'000);
}

TEST(Rewrite, ManyPartsOfOneValueAreNormal) {
  Network net;
  const Value x = net.Random({30'000});
  const Value y = Exp(Reshape(x, {30'000, 1}) * 2.0);
  Values parts;
  for (int64_t i = 0; i < 30'000; ++i) parts.push_back(Slice(y, 0, i, i + 1));
  EXPECT_EQ(Count(PlanOf({Concat(parts, 0)}), "exp"), 1);
}

}  // namespace
}  // namespace adret
