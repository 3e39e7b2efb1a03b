// Every layer of networks of several kinds, as they come out of a file, can be looked into by every method.
#include "adret/core/executor.h"
#include "adret/explain/adversarial.h"
#include "adret/explain/attribution.h"
#include "adret/explain/dream.h"
#include "adret/explain/maximize.h"
#include "adret/explain/receptive_field.h"
#include "adret/explain/style.h"
#include "adret/io/model.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/lecture_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

nn::Sequential LectureCnn() { return LectureLayers(); }

// Dropout among the convolutions, and numbers of more precision from the middle on.
nn::Sequential Mixed() {
  const auto to_f64 = nn::Layer("cast", [](nn::LayerCall&, Value x) { return Cast(x, DType::kFloat64); });
  return {nn::Conv2d(3, 3), nn::Relu(),       nn::Dropout(0.3), to_f64,        nn::Conv2d(4, 3),
          nn::Relu(),       nn::MaxPool2d(2), nn::Flatten(),    nn::Dense(12), nn::Dense(1)};
}

nn::Sequential Mlp() { return {nn::Dense(64), nn::Relu(), nn::Dense(64), nn::Tanh(), nn::Dropout(0.5), nn::Dense(10)}; }

// He et al. 2016, section 4.2, for 32x32 colour images.
nn::Sequential ResNet20() {
  const auto conv = [](int64_t filters, int64_t stride) {
    return nn::Conv2d(filters, 3, {.stride = stride, .padding = Padding::Explicit(1), .bias = false});
  };
  std::vector<nn::Layer> layers = {conv(16, 1), nn::BatchNorm(), nn::Relu()};
  int64_t channels = 16;
  for (const int64_t filters : {16, 16, 16, 32, 32, 32, 64, 64, 64}) {
    const int64_t stride = filters > channels ? 2 : 1;
    const nn::Sequential body{conv(filters, stride), nn::BatchNorm(), nn::Relu(), conv(filters, 1), nn::BatchNorm()};
    const nn::Sequential shortcut{nn::Conv2d(filters, 1, {.stride = stride, .bias = false}), nn::BatchNorm()};
    layers.push_back(stride > 1 ? nn::Residual(body, shortcut) : nn::Residual(body));
    layers.push_back(nn::Relu());
    channels = filters;
  }
  layers.insert(layers.end(), {nn::GlobalAvgPool2d(), nn::Flatten(), nn::Dense(10)});
  return nn::Sequential(layers);
}

// Built in training mode, saved with its optimiser, loaded again.
Network FromFile(const nn::Sequential& net, const Shape& input, DType dtype = DType::kFloat32) {
  Graph graph;
  const Value image = graph.Input("image", dtype, input);
  const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  const Value logits = net(image);
  const Value loss = nn::SoftmaxCrossEntropy(logits, label);
  const Updates step = nn::Adam().Minimize(loss, graph.variables());
  const State state = *InitialState(graph, /*seed=*/1);
  const std::string bytes =
      *io::SerializeModel({.graph = &graph, .state = &state, .outputs = {{"logits", logits}}, .updates = step});
  const io::Model model = *io::ParseModel(bytes);
  return *Network::Create(*model.Input("image"), *model.Output("logits"), model.state, "logits");
}

Tensor SomeImages(const Network& network, int64_t n) {
  Shape shape = network.image_shape();
  shape.insert(0, n);
  Tensor images(DType::kFloat32, shape);
  RandomStream random(/*seed=*/2);
  for (float& pixel : images.mutable_data<float>()) pixel = static_cast<float>(random.Uniform());
  return images.Cast(network.dtype());
}

struct Case {
  const char* name;
  nn::Sequential (*net)();
  Shape input;
  DType dtype = DType::kFloat32;
  size_t layers;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class AnyNetworkTest : public testing::TestWithParam<Case> {};

TEST_P(AnyNetworkTest, EveryLayerCanBeClimbed) {
  const Network network = FromFile(GetParam().net(), GetParam().input, GetParam().dtype);
  EXPECT_EQ(network.layers().size(), GetParam().layers);
  for (const UnitLayer& layer : network.layers()) {
    std::vector<Objective> objectives = {Unit(layer.name, 0), Unit(layer.name, layer.units() - 1), Energy(layer.name)};
    if (layer.has_maps()) objectives.push_back(Unit(layer.name, 1, {.position = {{0, 0}}}));
    const absl::StatusOr<Ascent> ascent = Maximize(network, objectives, {.steps = 2, .rate = 0.01});
    ASSERT_TRUE(ascent.ok()) << layer.name << ": " << ascent.status();
    for (int64_t i = 0; i < ascent->end.num_elements(); ++i) {
      EXPECT_GE(ascent->end.At(i), ascent->start.At(i)) << objectives[i].name;
    }
    EXPECT_TRUE(ParseObjectives(layer.name + ":*", network).ok());
  }
}

TEST_P(AnyNetworkTest, EveryMethodExplainsEveryKindOfUnit) {
  const Network network = FromFile(GetParam().net(), GetParam().input, GetParam().dtype);
  const Tensor images = SomeImages(network, 2);
  for (const UnitLayer& layer :
       {network.layers().front(), network.layers()[network.layers().size() / 2], network.output_layer()}) {
    for (const AttributionMethod& method : AttributionMethods()) {
      const absl::StatusOr<Attribution> found =
          Attribute(network, images, {.layer = layer.name, .units = {layer.units() - 1}},
                    {.method = method.name, .samples = 2, .steps = 2});
      if (method.uses_maps && !found.ok()) {
        // There is no layer with maps before the first, nor anywhere in a network of neurons.
        EXPECT_TRUE(layer.value == network.layers().front().value || !network.LastMaps().ok()) << found.status();
        continue;
      }
      ASSERT_TRUE(found.ok()) << method.name << " of " << layer.name << ": " << found.status();
      EXPECT_EQ(found->maps.shape()[0], 2);
      for (int64_t i = 0; i < found->maps.num_elements(); ++i) ASSERT_TRUE(std::isfinite(found->maps.At(i)));
    }
  }
}

TEST(MixedNetworkTest, DreamsAndPaintsAndHasReceptiveFields) {
  const Network network = FromFile(Mixed(), {kAnyBatch, 1, 12, 12});
  EXPECT_EQ(ReceptiveFieldOf(network, *network.FindLayer("conv2"))->height, 5);
  Tensor photo(DType::kFloat32, {1, 1, 30, 20});
  RandomStream random(/*seed=*/2);
  for (float& pixel : photo.mutable_data<float>()) pixel = static_cast<float>(random.Uniform());
  const absl::StatusOr<Tensor> dream = Dream(network, photo, Energy("conv2"), {.octaves = 2, .steps = 2});
  ASSERT_TRUE(dream.ok()) << dream.status();
  const absl::StatusOr<StyleResult> style = TransferStyle(network, photo, *dream, {.steps = 2});
  ASSERT_TRUE(style.ok()) << style.status();
  const absl::StatusOr<Adversarial> moved = Fgsm(network, SomeImages(network, 1), {.units = {0}}, {.epsilon = 0.1});
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_LT(moved->after[0].value, moved->before[0].value) << "one unit has no classes";
}

// Names that explanations would choose for values of their own.
TEST(HostileNamesTest, DoNotMeetOurs) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 6, 6});
  Value y = x;
  for (const char* name : {"dream/photo", "explained/images", "explained/unit", "ascent/canvas", "style/canvas"}) {
    y = y + graph.Variable(name, Tensor::Full(DType::kFloat32, {1, 1, 1}, 0.1));
  }
  const Value maps = Relu(y).Named("maps");
  const Network network = *Network::Create(x, maps, *InitialState(graph, 1));
  const Tensor image = Tensor::Full(DType::kFloat32, {1, 1, 6, 6}, 0.5);
  EXPECT_TRUE(Maximize(network, {Unit("maps", 0)}, {.steps = 1}).ok());
  EXPECT_TRUE(Attribute(network, image, {.units = {0}}).ok());
  EXPECT_TRUE(Dream(network, image, Energy("maps"), {.octaves = 1, .steps = 1}).ok());
  EXPECT_TRUE(TransferStyle(network, image, image, {.steps = 1}).ok());
}

INSTANTIATE_TEST_SUITE_P(Networks, AnyNetworkTest,
                         testing::Values(Case{"lecture_cnn", LectureCnn, {kAnyBatch, 1, 28, 28}, DType::kFloat32, 10},
                                         Case{"mixed", Mixed, {kAnyBatch, 1, 12, 12}, DType::kFloat32, 10},
                                         Case{"mlp", Mlp, {kAnyBatch, 784}, DType::kFloat32, 6},
                                         Case{"mlp_of_13", Mlp, {kAnyBatch, 13}, DType::kFloat64, 6},
                                         Case{"resnet20", ResNet20, {kAnyBatch, 3, 32, 32}, DType::kFloat32, 73}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace adret::explain
