#include "adret/explain/network.h"

#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const Network& network) {
  std::vector<std::string> names;
  for (const UnitLayer& layer : network.layers()) names.push_back(layer.name);
  return names;
}

struct Source {
  Source() {
    image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 8, 8});
    const nn::Sequential net{nn::Conv2d(3, 3), nn::BatchNorm(), nn::Relu(),  nn::MaxPool2d(2),
                             nn::Flatten(),    nn::Dropout(.5), nn::Dense(4)};
    training = net(image);
    logits = net(image, nn::Mode::kInference);
    state = *InitialState(graph, /*seed=*/1);
  }
  Graph graph;
  Value image, training, logits;
  State state;
};

TEST(NetworkTest, ListsLayersByTheirNamesInEitherMode) {
  Source source;
  for (const Value& output : {source.training, source.logits}) {
    const absl::StatusOr<Network> network = Network::Create(source.image, output, source.state, "logits");
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_THAT(Names(*network),
                ElementsAre("conv1", "batch_norm1", "relu1", "pool1", "flatten1", "dropout1", "logits"));
    EXPECT_EQ(network->output_layer().name, "logits");
    EXPECT_EQ(network->FindLayer("dense1")->value, network->output());
    EXPECT_EQ(network->FindLayer("conv1")->units(), 3);
    EXPECT_EQ(network->LastMaps()->name, "pool1");
    EXPECT_EQ(network->state().tensors().size(), 8u);
  }
}

TEST(NetworkTest, FindsEveryValueAndSuggestsNames) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  const Value w = graph.Variable("w", Tensor::Full(DType::kFloat32, {2, 1, 3, 3}, 0.1));
  const Value y = Mean(Relu(Conv2d(x, w)), {.axes = {2, 3}});
  const Network network = *Network::Create(x, y, *InitialState(graph, 1));
  EXPECT_THAT(Names(network), testing::IsSupersetOf({"conv2d", "relu", "sum"})) << "nobody named anything";
  EXPECT_TRUE(network.FindLayer("relu")->has_maps());
  const absl::Status unknown = network.FindLayer("conv3d").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no layer 'conv3d'; the nearest names are conv2d"));
  EXPECT_FALSE(network.FindLayer("w").ok());
  EXPECT_FALSE(network.FindLayer("x").ok());
}

TEST(NetworkTest, AppliesToImagesOfOthers) {
  Source source;
  const Network network = *Network::Create(source.image, source.logits, source.state);
  Graph graph;
  const Value images = graph.Variable("images", Tensor::Full(DType::kFloat32, {5, 1, 8, 8}, 0.5));
  const absl::StatusOr<Values> copy = network.Apply({network.output()}, images);
  ASSERT_TRUE(copy.ok()) << copy.status();
  State state = network.state();
  ASSERT_TRUE(InitializeMissing(graph, 1, &state).ok());
  const Tensor expected =
      *Evaluate(source.logits, {{source.image, Tensor::Full(DType::kFloat32, {5, 1, 8, 8}, 0.5)}}, &source.state);
  EXPECT_TRUE(Evaluate((*copy)[0], {}, &state)->BitEqual(expected));

  Graph large;
  const Value wide = large.Input("wide", DType::kFloat32, {kAnyBatch, 1, 20, 30});
  EXPECT_EQ((*network.Apply({network.FindLayer("pool1")->value}, wide))[0].shape(), (Shape{kAnyBatch, 3, 9, 14}));
  EXPECT_THAT(std::string(network.Apply({network.output()}, wide).status().message()), HasSubstr("made for one size"));
  Graph other;
  const Value colour = other.Input("colour", DType::kFloat32, {kAnyBatch, 3, 8, 8});
  EXPECT_THAT(std::string(network.Apply({network.output()}, colour).status().message()),
              HasSubstr("expects images of 1 x 8 x 8"));
}

TEST(NetworkTest, VectorsAreShownAsPictures) {
  const auto shape = [](const Shape& input) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat64, input);
    const Network network = *Network::Create(x, Tanh(x), State());
    EXPECT_EQ(network.FromImages(network.ToImages(Tensor::Zeros(DType::kFloat64, input.With(2)))).shape(),
              input.With(2));
    return network.image_shape();
  };
  EXPECT_EQ(shape({kAnyBatch, 784}), (Shape{1, 28, 28}));
  EXPECT_EQ(shape({kAnyBatch, 3072}), (Shape{3, 32, 32}));
  EXPECT_EQ(shape({kAnyBatch, 13}), (Shape{1, 1, 13}));
  EXPECT_EQ(shape({kAnyBatch, 7, 9}), (Shape{1, 7, 9}));
  EXPECT_EQ(shape({kAnyBatch, 2, 3, 4, 6}), (Shape{1, 12, 12}));
}

TEST(NetworkTest, ReadsExamplesAsImages) {
  Source source;
  const Network network = *Network::Create(source.image, source.logits, source.state);
  const Tensor bytes = Tensor::Full(DType::kUint8, {2, 8, 8}, 51);
  EXPECT_EQ(network.AsImages(bytes)->shape(), (Shape{2, 1, 8, 8}));
  EXPECT_FLOAT_EQ(network.AsImages(bytes)->At(0), 0.2f);
  const Tensor doubles = Tensor::Full(DType::kFloat64, {2, 1, 8, 8}, 0.5);
  EXPECT_EQ(network.AsImages(doubles)->dtype(), DType::kFloat32);
  for (const Shape& wrong : {Shape{2, 9, 8}, Shape{0, 1, 8, 8}, Shape{}, Shape{2, 4, 4, 4}, Shape{2, 8, 8, 1}}) {
    EXPECT_THAT(std::string(network.AsImages(Tensor::Zeros(DType::kFloat32, wrong)).status().message()),
                HasSubstr("the network expects f32[?,1,8,8]"));
  }
}

TEST(NetworkTest, NamesOfModesAreTakenFromLayersOnly) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  const Value a = graph.Variable("a/inference", Tensor::Full(DType::kFloat32, {3}, 2));
  const Value y = Tanh((x * a).Named("/inference")).Named("b/inference");
  const Network network = *Network::Create(x, y, *InitialState(graph, 1));
  EXPECT_TRUE(network.graph()->Contains("a/inference"));
  EXPECT_EQ(network.output_layer().name, "b");
  Graph other;
  EXPECT_TRUE(network.Apply({network.output()}, other.Input("images", DType::kFloat32, {kAnyBatch, 3, 1, 1})).ok());
}

TEST(NetworkTest, TakesExamplesAsTheyAreLaidOut) {
  Graph graph;
  const auto network = [&](const char* name, const Shape& shape) {
    const Value x = graph.Input(name, DType::kFloat32, shape);
    return *Network::Create(x, Tanh(x), State());
  };
  const Network grey = network("grey", {kAnyBatch, 1, 4, 5}), colour = network("colour", {kAnyBatch, 3, 4, 5}),
                rows = network("rows", {kAnyBatch, 16});
  for (int64_t n = 1; n <= 4; ++n) {
    EXPECT_TRUE(grey.TakesExamples({n, 1, 4, 5}) && grey.TakesExamples({n, 4, 5}));
    EXPECT_TRUE(colour.TakesExamples({n, 3, 4, 5}));
    EXPECT_TRUE(rows.TakesExamples({n, 16}) && rows.TakesExamples({n, 4, 4}) && rows.TakesExamples({n, 1, 4, 4}));
    EXPECT_FALSE(grey.TakesExamples({n, 4, 5, 1}) || grey.TakesExamples({n, 20}) || grey.TakesExamples({n, 5, 4}));
    EXPECT_FALSE(colour.TakesExamples({n, 4, 5, 3}) || colour.TakesExamples({n, 4, 15}));
    EXPECT_FALSE(rows.TakesExamples({n, 2, 8}));
  }
  EXPECT_FALSE(grey.TakesExamples({4, 5}) || grey.TakesExamples({}));
}

TEST(NetworkTest, RefusesWhatIsNone) {
  Source source;
  const Value label = source.graph.Input("label", DType::kInt64, {kAnyBatch});
  const Value weight = source.graph.Input("weight", DType::kFloat32, {kAnyBatch, 1});
  const auto message = [&](Value input, Value output, const State& state) {
    return std::string(Network::Create(input, output, state).status().message());
  };
  EXPECT_THAT(message(label, source.logits, source.state), HasSubstr("'label' is i64[?]"));
  EXPECT_THAT(message(source.image, Sum(source.logits), source.state), HasSubstr("output must be"));
  EXPECT_THAT(message(source.image, source.logits * weight, source.state), HasSubstr("follows from 'weight' as well"));
  EXPECT_THAT(message(weight, source.logits, source.state), HasSubstr("follows from 'image' as well"));
  EXPECT_THAT(message(source.image, source.logits, State()), HasSubstr("conv1/"));
  EXPECT_THAT(message(Value(), source.logits, source.state), HasSubstr("needs an input"));
  Graph large;
  const Value huge = large.Input("huge", DType::kFloat32, {kAnyBatch, 1, 110000, 110000});
  EXPECT_THAT(std::string(Network::Create(huge, Tanh(huge), State()).status().message()), HasSubstr("beyond 2^26"));
}

}  // namespace
}  // namespace adret::explain
