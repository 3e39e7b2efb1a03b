#include "adret/explain/target.h"

#include "adret/ops/binary.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/tests/explain/golden_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TargetTest, UnitsAreSummedAndPicked) {
  Graph graph;
  const Value maps = graph.Constant(Tensor::From<double>({2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  const Value unit = graph.Constant(Tensor::From<int64_t>({2}, {1, 0}));
  const Tensor picked = *Evaluate(Pick(UnitValues(maps), unit));
  EXPECT_THAT(picked.data<double>(), ElementsAre(7, 11));
  EXPECT_EQ(UnitValues(Flatten(maps)).shape(), (Shape{2, 4}));
}

TEST(TargetTest, FollowsFrom) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {3});
  const Value y = Tanh(x), z = Sin(x), both = y + z;
  EXPECT_TRUE(explain::FollowsFrom(both, y));
  EXPECT_TRUE(explain::FollowsFrom(both, x));
  EXPECT_FALSE(explain::FollowsFrom(z, y));
  EXPECT_FALSE(explain::FollowsFrom(y, both));
  EXPECT_FALSE(explain::FollowsFrom(y, y));
}

TEST(TargetTest, OneMapForAllIsThatMap) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor images = Golden("images");
  for (int64_t unit = 0; unit < 6; ++unit) {
    const TargetGraph one = *TargetGraph::Create(network, {.layer = "conv2", .units = {unit}});
    const TargetGraph each = *TargetGraph::Create(network, {.layer = "conv2", .units = {unit, unit}});
    const Tensor fed = Tensor::Full(DType::kInt64, {2}, static_cast<double>(unit));
    ExpectClose(*Evaluate(one.y, {{one.images, images}, {one.unit, fed}}, &network.state()),
                *Evaluate(each.y, {{each.images, images}, {each.unit, fed}}, &network.state()), 1e-14, "y");
  }
}

TEST(TargetTest, PositionsOfAMapAddUpToIt) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor images = Golden("images");
  for (const std::vector<int64_t>& units : {std::vector<int64_t>{5}, std::vector<int64_t>{5, 0}}) {
    const Tensor fed = Tensor::From<int64_t>({2}, {units.front(), units.back()});
    std::vector<double> sums(2);
    for (int64_t at = 0; at < 16; ++at) {
      const TargetGraph f =
          *TargetGraph::Create(network, {.layer = "conv2", .units = units, .position = {{at / 4, at % 4}}});
      const Tensor y = *Evaluate(f.y, {{f.images, images}, {f.unit, fed}}, &network.state());
      for (int i = 0; i < 2; ++i) sums[i] += y.At(i);
    }
    EXPECT_NEAR(sums[0], Golden("conv2/values").At(0), 1e-12);
    if (units.size() == 2) {
      EXPECT_NEAR(sums[1], Golden("conv2/values").At(1), 1e-12);
    }
  }
}

TEST(TargetTest, ProbabilitiesAreOfTheSoftmaxThatIsThere) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 3});
  const Value logits = 2.0 * x, probabilities = Softmax(logits), written_out = Exp(LogSoftmax(logits));
  const Tensor example = Tensor::From<double>({1, 3, 1, 1}, {0.1, 0.7, -0.3});
  std::vector<double> found;
  for (const Value& output : {logits, probabilities, written_out}) {
    const Network network = *Network::Create(x, output, State());
    const TargetGraph f = *TargetGraph::Create(network, {.probability = true});
    found.push_back(Evaluate(f.y, {{f.images, example}, {f.unit, Tensor::From<int64_t>({1}, {1})}})->At(0));
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_NEAR(found[0], found[2], 1e-15);
  EXPECT_NEAR(found[0], 1 / (1 + std::exp(-1.2) + std::exp(-2.0)), 1e-15);
}

TEST(TargetTest, SaysWhatIsWrong) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor images = Golden("images");
  const auto message = [&](const Target& target) {
    const absl::StatusOr<TargetGraph> f = TargetGraph::Create(network, target);
    return std::string((f.ok() ? f->UnitsOf(network, target, images).status() : f.status()).message());
  };
  EXPECT_THAT(message({.layer = "conf2"}), HasSubstr("no layer 'conf2'; the nearest names are conv2"));
  EXPECT_THAT(message({.units = {4}}), HasSubstr("layer logits has units 0 to 3, and no unit 4"));
  EXPECT_THAT(message({.units = {0, -1}}), HasSubstr("no unit -1"));
  EXPECT_THAT(message({.units = {0, 1, 2}}), HasSubstr("3 units for 2 images"));
  EXPECT_THAT(message({.layer = "conv2", .probability = true}),
              HasSubstr("a probability is one of classes [n, classes], but 'conv2' is f64[?,6,4,4]"));
  EXPECT_THAT(message({.layer = "conv2", .position = {{3, 4}}}), HasSubstr("maps of layer conv2 are 4 x 4"));
  EXPECT_THAT(message({.position = {{0, 0}}}), HasSubstr("neurons, which have no positions"));
  EXPECT_EQ(message({.layer = "conv2", .units = {5}}), "");
}

}  // namespace
}  // namespace adret::explain
