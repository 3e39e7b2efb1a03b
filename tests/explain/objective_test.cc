#include "adret/explain/objective.h"

#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/nn/layers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Network SmallNetwork() {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat64, {kAnyBatch, 1, 6, 6});
  const nn::Sequential net{nn::Conv2d(3, 3), nn::Relu(), nn::Flatten(), nn::Dense(4).Named("logits")};
  const Value logits = net(image);
  return *Network::Create(image, logits, *InitialState(graph, /*seed=*/1));
}

Tensor Noise(const Shape& shape) {
  Tensor noise(DType::kFloat64, shape);
  RandomStream random(/*seed=*/9);
  for (double& v : noise.mutable_data<double>()) v = random.Uniform(-1, 1);
  return noise;
}

// What layer gives for images, [n, units, ...].
Tensor Values(const Network& network, const std::string& layer, const Tensor& images) {
  return *Evaluate(network.FindLayer(layer)->value, {{network.input(), images}}, &network.state());
}

TEST(ObjectiveTest, AreWhatTheyAreDefinedAs) {
  const Network network = SmallNetwork();
  const Tensor images = Noise({7, 1, 6, 6});
  const std::vector<Objective> objectives = {Unit("conv1", 2),
                                             Unit("conv1", 1, {.mean = true}),
                                             Unit("conv1", 0, {.position = {{3, 1}}}),
                                             Unit("logits", 3),
                                             Probability("logits", 2),
                                             Energy("conv1"),
                                             Direction("conv1", {1, -2, 0.5}) - 3 * Unit("logits", 0)};
  Graph graph;
  const Value x = graph.Constant(images);
  const absl::StatusOr<Value> activation = Activation(network, objectives, x);
  ASSERT_TRUE(activation.ok()) << activation.status();
  const Tensor found = *Evaluate(*activation, {}, &network.state());
  ASSERT_EQ(found.shape(), (Shape{7}));

  const Tensor maps = Values(network, "conv1", images), logits = Values(network, "logits", images);
  const auto map_sum = [&](int64_t image, int64_t k) {
    double sum = 0;
    for (int64_t i = 0; i < 16; ++i) sum += maps.At((image * 3 + k) * 16 + i);
    return sum;
  };
  double total = 0, energy = 0;
  for (int64_t k = 0; k < 4; ++k) total += std::exp(logits.At(4 * 4 + k));
  for (int64_t i = 0; i < 48; ++i) energy += std::pow(maps.At(5 * 48 + i), 2) / 48;
  EXPECT_NEAR(found.At(0), map_sum(0, 2), 1e-12);
  EXPECT_NEAR(found.At(1), map_sum(1, 1) / 16, 1e-12);
  EXPECT_NEAR(found.At(2), maps.At((2 * 3 + 0) * 16 + 3 * 4 + 1), 1e-12);
  EXPECT_NEAR(found.At(3), logits.At(3 * 4 + 3), 1e-12);
  EXPECT_NEAR(found.At(4), std::exp(logits.At(4 * 4 + 2)) / total, 1e-12);
  EXPECT_NEAR(found.At(5), energy, 1e-12);
  EXPECT_NEAR(found.At(6), (map_sum(6, 0) - 2 * map_sum(6, 1) + 0.5 * map_sum(6, 2)) / 16 - 3 * logits.At(24), 1e-12);
}

TEST(ObjectiveTest, ReadsText) {
  const Network network = SmallNetwork();
  const auto names = [&](const std::string& text) {
    std::vector<std::string> result;
    const absl::StatusOr<std::vector<Objective>> objectives = ParseObjectives(text, network);
    if (!objectives.ok()) return std::vector<std::string>{objectives.status().ToString()};
    for (const Objective& objective : *objectives) result.push_back(objective.name);
    return result;
  };
  EXPECT_THAT(names("conv1:2"), ElementsAre("conv1:2"));
  EXPECT_THAT(names("conv1:*"), ElementsAre("conv1:0", "conv1:1", "conv1:2"));
  EXPECT_THAT(names("logits:0,2-3"), ElementsAre("logits:0", "logits:2", "logits:3"));
  EXPECT_THAT(names("conv1:1@3,0"), ElementsAre("conv1:1@3,0"));
  EXPECT_THAT(names("logits:1%"), ElementsAre("logits:1%"));
  EXPECT_THAT(names("conv1"), ElementsAre("conv1"));
  EXPECT_THAT(names("conv1:2+-0.5*logits:1"), ElementsAre("conv1:2+-0.5*logits:1"));
  EXPECT_THAT(names("2*conv1"), ElementsAre("2*conv1"));

  EXPECT_THAT(names("1e+1*conv1:1"), ElementsAre("10*conv1:1"));

  const auto message = [&](const std::string& text) { return names(text)[0]; };
  EXPECT_THAT(message("nan*conv1:1"), HasSubstr("where a weight is expected"));
  EXPECT_THAT(message("conv2:1"), HasSubstr("no layer 'conv2'; the nearest names are conv1"));
  EXPECT_THAT(message("conv1:3"), HasSubstr("has units 0 to 2, and no unit 3"));
  EXPECT_THAT(message("conv1:99999999999999999999"), HasSubstr("has units 0 to 2"));
  EXPECT_THAT(message("conv1:0-99999999999"), HasSubstr("has units 0 to 2"));
  EXPECT_THAT(message("conv1:-1"), HasSubstr("where a unit's number is expected"));
  EXPECT_THAT(message("conv1:2-1"), HasSubstr("is empty"));
  EXPECT_THAT(message("conv1:x"), HasSubstr("has 'x' where a unit's number is expected"));
  EXPECT_THAT(message("conv1:1@4,0"), HasSubstr("4 x 4, and have no position 4,0"));
  EXPECT_THAT(message("conv1:1@1"), HasSubstr("where row,column is expected"));
  EXPECT_THAT(message("logits:1@0,0"), HasSubstr("neurons"));
  EXPECT_THAT(message("conv1:*+logits:1"), HasSubstr("each part of a mix is one"));
  EXPECT_THAT(message("a*conv1:1"), HasSubstr("where a weight is expected"));
  EXPECT_THAT(message(""), HasSubstr("names no layer"));
  EXPECT_THAT(message(":"), HasSubstr("names no layer"));
  EXPECT_THAT(message("conv1:1\n"), HasSubstr("\\n"));
}

TEST(ObjectiveTest, ASoftmaxIsTakenOnce) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat64, {kAnyBatch, 6});
  const Value classes = nn::Sequential{nn::Dense(4).Named("logits"), nn::Softmax().Named("classes")}(image);
  const Network network = *Network::Create(image, classes, *InitialState(graph, /*seed=*/1));
  Graph other;
  const Value x = other.Constant(Noise({3, 1, 1, 6}));
  const std::vector<Objective> objectives = {Probability("classes", 2), Probability("logits", 2), Unit("classes", 2)};
  const Tensor found = *Evaluate(*Activation(network, objectives, x), {}, &network.state());
  const Tensor expected = *Evaluate(network.output(), {{network.input(), Noise({3, 6})}}, &network.state());
  for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(found.At(i), expected.At(i * 4 + 2), 1e-12);
}

TEST(ObjectiveTest, LayersMayBeNamedAsTheyLike) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 6});
  const Value y = nn::Sequential{nn::Dense(4).Named("a:b+c"), nn::Dense(3).Named("d")}(image);
  const Network network = *Network::Create(image, y, *InitialState(graph, /*seed=*/1));
  EXPECT_EQ((*ParseObjectives("a:b+c", network))[0].terms[0].measure, Measure::kEnergy);
  EXPECT_EQ((*ParseObjectives("a:b+c:3", network))[0].terms[0].layer, "a:b+c");
  EXPECT_EQ((*ParseObjectives("d:0+d:1", network))[0].terms.size(), 2u);
}

TEST(ObjectiveTest, RefusesWhatALayerLacks) {
  const Network network = SmallNetwork();
  Graph graph;
  const Value x = graph.Constant(Noise({1, 1, 6, 6}));
  const auto message = [&](const std::vector<Objective>& objectives) {
    return std::string(Activation(network, objectives, x).status().message());
  };
  EXPECT_THAT(message({Unit("conv1", 3)}), HasSubstr("layer conv1 has units 0 to 2, and no unit 3"));
  EXPECT_THAT(message({Unit("logits", 1, {.position = {{0, 0}}})}), HasSubstr("neurons"));
  EXPECT_THAT(message({Unit("nowhere", 3)}), HasSubstr("no layer 'nowhere'"));
  EXPECT_THAT(message({Unit("conv1", 0), Unit("conv1", 1)}), HasSubstr("2 objectives for images f64[1,1,6,6]"));
  EXPECT_THAT(message({Probability("conv1", 0)}), HasSubstr("a probability is one of classes"));
  EXPECT_THAT(message({Objective{}}), HasSubstr("without terms"));
  EXPECT_THAT(message({Direction("conv1", {})}), HasSubstr("names layer conv1 but none of its units"));
}

}  // namespace
}  // namespace adret::explain
