#include "adret/explain/receptive_field.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;

Network Build(const nn::Sequential& net, const Shape& image_shape) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, image_shape);
  const Value y = net(image);
  return *Network::Create(image, y, *InitialState(graph, /*seed=*/1), "out");
}

std::pair<int, int> Field(const Network& network, const std::string& layer) {
  const absl::StatusOr<ReceptiveField> field = ReceptiveFieldOf(network, *network.FindLayer(layer));
  EXPECT_TRUE(field.ok()) << field.status();
  return field.ok() ? std::pair<int, int>(field->height, field->width) : std::pair(0, 0);
}

TEST(ReceptiveFieldTest, GrowsByWindowsAndStrides) {
  const Network net = Build({nn::Conv2d(4, 3), nn::Relu(), nn::MaxPool2d(2), nn::Conv2d(8, 3), nn::Relu(),
                             nn::MaxPool2d(2), nn::Flatten(), nn::Dense(5)},
                            {kAnyBatch, 1, 28, 28});
  // r += (window - 1) * stride so far.
  EXPECT_THAT(Field(net, "conv1"), Pair(3, 3));
  EXPECT_THAT(Field(net, "pool1"), Pair(4, 4));
  EXPECT_THAT(Field(net, "conv2"), Pair(8, 8));
  EXPECT_THAT(Field(net, "relu2"), Pair(8, 8));
  EXPECT_THAT(Field(net, "pool2"), Pair(10, 10));
  EXPECT_THAT(std::string(ReceptiveFieldOf(net, *net.FindLayer("dense1")).status().message()),
              HasSubstr("layer out has no maps"));
}

TEST(ReceptiveFieldTest, OfSkipConnectionsNormsAndUnevenWindows) {
  const nn::Conv2dOptions same{.padding = Padding::Same()};
  const Network net = Build({nn::Conv2d(4, {1, 5}, {.dilation = 2}), nn::BatchNorm(), nn::Tanh(),
                             nn::Residual(nn::Sequential{nn::Conv2d(4, 3, same), nn::Gelu(), nn::Conv2d(4, 3, same)}),
                             nn::AvgPool2d(3, {.stride = 2}), nn::GlobalMaxPool2d(), nn::Flatten(), nn::Dense(2)},
                            {kAnyBatch, 2, 24, 32});
  EXPECT_THAT(Field(net, "conv1"), Pair(1, 9));
  EXPECT_THAT(Field(net, "batch_norm1"), Pair(1, 9));
  EXPECT_THAT(Field(net, "residual1/conv2"), Pair(5, 13));
  EXPECT_THAT(Field(net, "residual1"), Pair(5, 13));
  EXPECT_THAT(Field(net, "pool1"), Pair(7, 15));
  // The maximum over all places sees the whole image.
  EXPECT_THAT(Field(net, "global_pool1"), Pair(24, 32));
}

// Channels and sizes at which 3x3 filters are convolved by Winograd's tiles, which leave residues.
TEST(ReceptiveFieldTest, RoundingIsNoContribution) {
  const nn::Conv2dOptions same{.padding = Padding::Same()};
  const Network net = Build({nn::Conv2d(64, 3, same), nn::Conv2d(64, 3, same), nn::Conv2d(64, 3, same),
                             nn::Conv2d(64, 3, same), nn::ConvTranspose2d(16, 3), nn::GlobalAvgPool2d(), nn::Flatten()},
                            {kAnyBatch, 16, 32, 32});
  for (int i = 1; i <= 4; ++i) EXPECT_THAT(Field(net, absl::StrCat("conv", i)), Pair(1 + 2 * i, 1 + 2 * i));
  EXPECT_THAT(Field(net, "conv_transpose1"), Pair(11, 11));
}

}  // namespace
}  // namespace adret::explain
