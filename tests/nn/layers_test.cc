#include "adret/nn/layers.h"

#include <cstddef>
#include <new>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/nn/summary.h"
#include "adret/ops/binary.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/tests/nn/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Variables(Graph& graph) {
  std::vector<std::string> names;
  for (const Value& v : graph.all_variables()) names.push_back(absl::StrCat(v.name(), " ", v.shape().ToString()));
  return names;
}

Sequential LectureNetwork() {
  return Sequential{Conv2d(25, 3), Relu(),    MaxPool2d(2), Conv2d(50, 3), Relu(),
                    MaxPool2d(2),  Flatten(), Dense(100),   Relu(),        Dense(10)};
}

struct Images {
  explicit Images(int64_t channels = 1, int64_t size = 28) {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, channels, size, size});
  }
  Graph graph;
  Value x;
};

TEST(LayersTest, TheLecturesNetworkHasItsShapesAndNames) {
  Images images;
  const Value logits = LectureNetwork()(images.x);
  ASSERT_TRUE(images.graph.status().ok()) << images.graph.status();
  EXPECT_EQ(logits.name(), "dense2");
  const auto shape = [&](const char* name) { return images.graph.Find(name)->shape().ToString(); };
  EXPECT_EQ(shape("conv1"), "[?,25,26,26]");
  EXPECT_EQ(shape("relu1"), "[?,25,26,26]");
  EXPECT_EQ(shape("pool1"), "[?,25,13,13]");
  EXPECT_EQ(shape("conv2"), "[?,50,11,11]");
  EXPECT_EQ(shape("pool2"), "[?,50,5,5]");
  EXPECT_EQ(shape("flatten1"), "[?,1250]");
  EXPECT_EQ(shape("dense1"), "[?,100]");
  EXPECT_EQ(shape("dense2"), "[?,10]");
  EXPECT_THAT(Variables(images.graph),
              ElementsAre("conv1/w [25,1,3,3]", "conv1/b [25]", "conv2/w [50,25,3,3]", "conv2/b [50]",
                          "dense1/w [100,1250]", "dense1/b [100]", "dense2/w [10,100]", "dense2/b [10]"));
}

TEST(LayersTest, Summary) {
  Images images;
  const Value logits = LectureNetwork()(images.x);
  const std::vector<LayerSummary> layers = Layers(logits);
  std::vector<std::string> lines;
  for (const LayerSummary& l : layers) {
    lines.push_back(absl::StrCat(l.name, " ", ExampleShape(l.output), " ", l.parameters, " ", l.multiply_adds));
  }
  EXPECT_THAT(lines,
              ElementsAre("conv1 25x26x26 250 152100", "pool1 25x13x13 0 0", "conv2 50x11x11 11300 1361250",
                          "pool2 50x5x5 0 0", "flatten1 1250 0 0", "dense1 100 125100 125000", "dense2 10 1010 1000"));
  EXPECT_THAT(Summary(logits), HasSubstr("137,660"));
  // What a graph knows without being told the value is the same.
  EXPECT_EQ(Summary(images.graph), Summary(logits));
}

TEST(LayersTest, ASecondCallSharesVariables) {
  Images images;
  const Sequential net{Conv2d(4, 3), Dropout(0.5), Flatten(), Dense(3).Named("logits")};
  const Value training = net(images.x), inference = net(images.x, Mode::kInference);
  EXPECT_TRUE(images.graph.status().ok()) << images.graph.status();
  EXPECT_EQ(images.graph.variables().size(), 4);
  EXPECT_EQ(training.name(), "logits");
  EXPECT_EQ(inference.name(), "logits/inference");
  // Its nodes are no further layers.
  EXPECT_EQ(Layers(images.graph).size(), Layers(training).size());
}

TEST(LayersTest, TwoNetworksInOneGraphDoNot) {
  Images images;
  Sequential{Conv2d(4, 3), Relu()}(images.x);
  Sequential{Conv2d(5, 3), Relu()}(images.x);
  Sequential{Conv2d(6, 3)}.Named("critic")(images.x);
  EXPECT_THAT(Variables(images.graph), ElementsAre("conv1/w [4,1,3,3]", "conv1/b [4]", "conv2/w [5,1,3,3]",
                                                   "conv2/b [5]", "critic/conv1/w [6,1,3,3]", "critic/conv1/b [6]"));
  EXPECT_TRUE(images.graph.Contains("relu2"));
}

TEST(LayersTest, OneLayerInTwoPlacesSharesItsWeights) {
  Images images(3);
  const Layer block = Conv2d(3, 3, {.padding = Padding::Same()});
  const Value y = Sequential{block, Relu(), block}(images.x);
  EXPECT_EQ(images.graph.variables().size(), 2);
  EXPECT_EQ(y.shape(), images.x.shape());
  // But it cannot serve inputs of two kinds.
  Conv2d(4, 1)(images.x);
  const Value other = images.graph.Input("other", DType::kFloat32, {kAnyBatch, 5, 28, 28});
  EXPECT_FALSE(block(other).valid());
  EXPECT_THAT(images.graph.status().message(), HasSubstr("conv1: its variable w is f32[3,3,3,3], but this input needs "
                                                         "f32[3,5,3,3] at layers_test.cc"));
}

TEST(LayersTest, AGraphAtADeadOnesAddressHasItsOwnVariables) {
  alignas(Graph) std::byte place[sizeof(Graph)];
  const Layer first = Dense(2), second = Dense(2);
  Graph* graph = new (place) Graph;
  first(graph->Input("x", DType::kFloat32, {kAnyBatch, 3}));
  graph->~Graph();
  // What is called dense1 in the next graph is another layer, and its variables are where the dead graph's were.
  graph = new (place) Graph;
  const Value x = graph->Input("x", DType::kFloat32, {kAnyBatch, 3});
  second(x);
  first(x);
  EXPECT_THAT(Variables(*graph), ElementsAre("dense1/w [2,3]", "dense1/b [2]", "dense2/w [2,3]", "dense2/b [2]"));
  EXPECT_TRUE(graph->status().ok()) << graph->status();
  graph->~Graph();
}

TEST(LayersTest, AnUnnamedLayerKeepsItsVariables) {
  Images images;
  const Layer scale("", [](LayerCall& call, Value x) { return x * call.Variable("scale", {x.dtype(), {}}, Ones()); });
  scale(images.x);
  scale(images.x, Mode::kInference);
  EXPECT_TRUE(images.graph.status().ok()) << images.graph.status();
  EXPECT_THAT(Variables(images.graph), ElementsAre("scale []"));
}

TEST(LayersTest, ALayerOfOnesOwnLeavesInnerNames) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  const Layer block("block", [dense = Dense(2)](LayerCall& call, Value v) { return dense(v, call.mode()); });
  const Value training = block(x), inference = block(x, Mode::kInference);
  EXPECT_EQ(training.name(), "block1");
  EXPECT_EQ(inference.name(), "block1/inference");
  EXPECT_TRUE(graph.Contains("block1/dense1"));
  EXPECT_TRUE(graph.Contains("block1/dense1/inference"));
  EXPECT_THAT(Variables(graph), ElementsAre("block1/dense1/w [2,3]", "block1/dense1/b [2]"));
  // Also when the inner name looks like one that nobody gave.
  const Layer wrapped("wrapped", [relu = Relu().Named("relu")](LayerCall&, Value v) { return relu(v); });
  EXPECT_EQ(wrapped(x).name(), "wrapped1");
  EXPECT_TRUE(graph.Contains("wrapped1/relu"));
  // A variable that is the layer's result, and what the function named itself.
  const Layer table("table", [](LayerCall& call, Value v) { return call.Variable("w", {v.dtype(), {3}}, Ones()); });
  EXPECT_EQ(table(x).name(), "table1");
  EXPECT_TRUE(graph.Contains("table1/w"));
  const Layer named("named", [](LayerCall&, Value v) { return (v * 2.0).Named("double"); });
  EXPECT_EQ(named(x).name(), "named1");
  EXPECT_TRUE(graph.Contains("named1/double"));
  // What a name finds is what the layer computes, also where that is an op's second result.
  const Layer where("where", [](LayerCall&, Value v) {
    return MaxPool2dWithArgmax(Reshape(v, {-1, 1, 3, 1}), {.kernel = {3, 1}}).argmax;
  });
  EXPECT_EQ(where(x).dtype(), DType::kInt32);
  EXPECT_EQ(graph.Find("where1")->dtype(), DType::kInt32);
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

// He's initialiser keeps the mean square from layer to layer where relu halves it: without relu it doubles.
TEST(LayersTest, TransposedConvolutionsKeepTheMeanSquare) {
  struct Case {
    int64_t in, out, kernel, stride, groups;
  };
  for (const auto& [in, out, kernel, stride, groups] :
       {Case{256, 4, 3, 1, 1}, Case{4, 256, 3, 1, 1}, Case{64, 32, 4, 2, 1}, Case{64, 64, 2, 2, 8}}) {
    Graph graph;
    const Value x = graph.Constant(Normal(0, 1)({DType::kFloat32, {2, in, 16, 16}}, {.seed = 5}));
    const Layer layer = ConvTranspose2d(
        out, kernel,
        {.stride = stride, .padding = Padding::Explicit((kernel - stride) / 2), .groups = groups, .bias = false});
    const Value mean_square = Mean(Square(layer(x)));
    const State state = *InitialState(graph, 1);
    const absl::StatusOr<Tensor> found = Evaluate(mean_square, {}, &state);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_GT(found->At(0), 1.4) << in << " to " << out;
    EXPECT_LT(found->At(0), 2.6) << in << " to " << out;
  }
}

TEST(LayersTest, Residual) {
  Images images(8, 16);
  const Value same =
      Residual(Sequential{Conv2d(8, 3, {.padding = Padding::Same(), .bias = false}), BatchNorm(), Relu()})(images.x);
  EXPECT_EQ(same.shape(), images.x.shape());
  EXPECT_EQ(same.name(), "residual1");
  EXPECT_TRUE(images.graph.Contains("residual1/conv1/w"));
  const Value half =
      Residual(Conv2d(16, 3, {.stride = 2, .padding = Padding::Same()}), Conv2d(16, 1, {.stride = 2}))(same);
  EXPECT_EQ(half.shape(), Shape({kAnyBatch, 16, 8, 8}));
  EXPECT_TRUE(images.graph.Contains("residual2/conv2/w"));
  EXPECT_FALSE(Residual(Conv2d(3, 1))(half).valid());
  EXPECT_THAT(images.graph.status().message(),
              HasSubstr("residual3: the body gives f32[?,3,8,8] but the shortcut gives "
                        "f32[?,16,8,8]"));
}

TEST(LayersTest, OtherShapes) {
  Images images(4, 12);
  const auto shape = [&](const Layer& layer) { return layer(images.x).shape().ToString(); };
  EXPECT_EQ(shape(Conv2d(6, {3, 5}, {.stride = {2, 1}, .dilation = 2, .groups = 2})), "[?,6,4,4]");
  EXPECT_EQ(shape(ConvTranspose2d(6, 2, {.stride = 2})), "[?,6,24,24]");
  EXPECT_EQ(shape(MaxPool2d(3, {.stride = 2, .padding = Padding::Explicit(1)})), "[?,4,6,6]");
  EXPECT_EQ(shape(AvgPool2d(5, {.ceil_mode = true})), "[?,4,3,3]");
  EXPECT_EQ(shape(GlobalAvgPool2d()), "[?,4,1,1]");
  EXPECT_EQ(shape(GlobalMaxPool2d()), "[?,4,1,1]");
  for (const Layer& layer : {Relu(), LeakyRelu(), Elu(), Gelu(), Silu(), Sigmoid(), HardSigmoid(), Softplus(), Tanh(),
                             Softmax(1), LogSoftmax(), LayerNorm({.axes = 3}), BatchNorm(), Dropout(0.1)}) {
    EXPECT_EQ(layer(images.x).shape(), images.x.shape());
  }
  EXPECT_TRUE(images.graph.status().ok()) << images.graph.status();
}

TEST(LayersTest, ErrorsPointAtTheUsersLine) {
  Images images;
  const int line = __LINE__ + 1;
  Sequential{Conv2d(3, 3), Dense(10)}(images.x);
  EXPECT_THAT(
      images.graph.status().message(),
      HasSubstr(
          "dense1: expects floating-point [batch, features] or [batch, time, features], but x is f32[?,3,26,26]; put "
          "nn::Flatten() before it"));
  EXPECT_THAT(images.graph.status().message(), HasSubstr(absl::StrCat("layers_test.cc:", line)));
}

TEST(LayersTest, BadOptionsAreErrors) {
  const auto message = [](const Layer& layer) {
    Images images(4);
    layer(images.x);
    return std::string(images.graph.status().message());
  };
  EXPECT_THAT(message(Conv2d(0, 3)), HasSubstr("the number of filters must be at least 1, but is 0"));
  EXPECT_THAT(message(Conv2d(3, 0)), HasSubstr("the kernel's size must be at least 1"));
  EXPECT_THAT(message(Conv2d(6, 3, {.groups = 3})), HasSubstr("3 groups do not divide 4 channels and 6 filters"));
  EXPECT_THAT(message(Conv2d(6, 40)), HasSubstr("conv2d"));
  EXPECT_THAT(message(Dropout(1)), HasSubstr("the rate must be in [0, 1), but is 1"));
  EXPECT_THAT(message(LayerNorm({.axes = 4})), HasSubstr("layer_norm1: normalises 4 axes"));
  EXPECT_THAT(message(Sequential{Flatten(), Dense(-1)}), HasSubstr("the number of units"));
}

TEST(LayersTest, DropoutDropsInTrainingOnly) {
  Graph graph;
  const Value ones = graph.Constant(Tensor::Full(DType::kFloat32, {10000}, 1));
  const Layer dropout = Dropout(0.25);
  const Value kept = Mean(dropout(ones)), all = Mean(dropout(ones, Mode::kInference));
  const auto found = Evaluate({kept, all, Max(dropout(ones))});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NEAR((*found)[0].At(0), 1, 0.03);
  EXPECT_NE((*found)[0].At(0), 1);
  EXPECT_EQ((*found)[1].At(0), 1);
  EXPECT_FLOAT_EQ((*found)[2].At(0), 1 / 0.75f);
}

TEST(LayersTest, BatchNormTracksStatisticsLikePyTorch) {
  Graph graph;
  const Tensor batches = Golden("batch_norm/x");
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2, 3, 3});
  const Layer norm = BatchNorm({.momentum = 0.2});
  const Value y = norm(x), inference = norm(x, Mode::kInference);
  Updates updates;
  for (const auto& [variable, value] : graph.side_updates()) updates.push_back({variable, value});
  ASSERT_EQ(updates.size(), 2);
  absl::StatusOr<Executor> train = Executor::Create({y}, updates), test = Executor::Create({inference});
  ASSERT_TRUE(train.ok() && test.ok()) << train.status() << test.status();
  State state = *InitialState(graph, 1);
  Tensor last;
  for (int i = 0; i < 3; ++i) last = (*train->Run({{x, Row(batches, i)}}, &state))[0];
  ExpectNear(last, Golden("batch_norm/y"), 1e-12, "y");
  ExpectNear(*state.Get("batch_norm1/running_mean"), Golden("batch_norm/mean"), 1e-12, "mean");
  ExpectNear(*state.Get("batch_norm1/running_variance"), Golden("batch_norm/variance"), 1e-12, "variance");
  ExpectNear((*test->Run({{x, Row(batches, 0)}}, &state))[0], Golden("batch_norm/inference"), 1e-12, "inference");
}

// A batch with one value for each channel, or none, says nothing about the variance; the reported case was NaN for
// good.
TEST(LayersTest, BatchNormTrainsOnOneExample) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2});
  const Value y = BatchNorm({.momentum = 0.5})(x);
  Updates updates;
  for (const auto& [variable, value] : graph.side_updates()) updates.push_back({variable, value});
  absl::StatusOr<Executor> train = Executor::Create({y}, updates);
  ASSERT_TRUE(train.ok()) << train.status();
  State state = *InitialState(graph, 1);
  const auto step = [&](Shape shape, const std::vector<float>& numbers) {
    return (*train->Run({{x, Tensor::From<float>(std::move(shape), numbers)}}, &state))[0];
  };
  EXPECT_TRUE(step({1, 2}, {4, -6}).BitEqual(Tensor::From<float>({1, 2}, {0, 0})));
  EXPECT_TRUE(state.Get("batch_norm1/running_mean")->BitEqual(Tensor::From<float>({2}, {2, -3})));
  EXPECT_TRUE(state.Get("batch_norm1/running_variance")->BitEqual(Tensor::From<float>({2}, {1, 1})));
  step({2, 2}, {1, 5, 3, 5});  // variances 2 and 0
  EXPECT_TRUE(state.Get("batch_norm1/running_variance")->BitEqual(Tensor::From<float>({2}, {1.5, 0.5})));
}

}  // namespace
}  // namespace adret::nn
