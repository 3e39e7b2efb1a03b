#include "adret/nn/window_layers.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/nn/layers.h"
#include "adret/tests/nn/golden_layer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(WindowLayersTest, ConvolutionsArePyTorchs) {
  ExpectGolden("windows", "layer_conv1d", [](Args x) {
    return Conv1d(6, 3, {.stride = 2, .padding = Padding1d::Explicit(1)}).Named("layer")(x[0]);
  });
  ExpectGolden("windows", "layer_conv3d", [](Args x) {
    return Conv3d(6, {3, 2, 3}, {.padding = Padding3d::Explicit(1), .groups = 2}).Named("layer")(x[0]);
  });
}

TEST(WindowLayersTest, ShapesAndNames) {
  Graph graph;
  const Value signal = graph.Input("signal", DType::kFloat32, {kAnyBatch, 2, 100});
  const Value volume = graph.Input("volume", DType::kFloat32, {kAnyBatch, 2, 8, 9, 10});
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 2, 9, 10});
  const auto shape = [](const Layer& layer, const Value& x) { return layer(x).shape().ToString(); };
  EXPECT_EQ(shape(Conv1d(4, 5, {.padding = Padding1d::Same()}), signal), "[?,4,100]");
  EXPECT_EQ(shape(MaxPool1d(3, {.ceil_mode = true}), signal), "[?,2,34]");
  EXPECT_EQ(shape(AvgPool1d(3, {.stride = 1}), signal), "[?,2,98]");
  EXPECT_EQ(shape(AdaptiveMaxPool({7}), signal), "[?,2,7]");
  EXPECT_EQ(shape(Conv3d(4, {1, 3, 3}, {.stride = {1, 2, 2}, .bias = false}), volume), "[?,4,8,4,4]");
  EXPECT_EQ(shape(MaxPool3d(2), volume), "[?,2,4,4,5]");
  EXPECT_EQ(shape(AvgPool3d({1, 2, 2}), volume), "[?,2,8,4,5]");
  EXPECT_EQ(shape(AdaptiveAvgPool({2, 3, 4}), volume), "[?,2,2,3,4]");
  EXPECT_EQ(shape(AdaptiveAvgPool({4, 4}), image), "[?,2,4,4]");
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  std::vector<std::string> names;
  for (const Value& v : graph.all_variables()) names.push_back(absl::StrCat(v.name(), " ", v.shape().ToString()));
  EXPECT_THAT(names, ElementsAre("conv1/w [4,2,5]", "conv1/b [4]", "conv2/w [4,2,1,3,3]"));
  EXPECT_TRUE(graph.Contains("pool7"));
}

TEST(WindowLayersTest, Errors) {
  const auto message = [](const Layer& layer) {
    Graph graph;
    layer(graph.Input("x", DType::kFloat32, {kAnyBatch, 3, 8}));
    return std::string(graph.status().message());
  };
  EXPECT_THAT(message(Conv1d(0, 3)), HasSubstr("conv1: the number of filters must be at least 1, but is 0"));
  EXPECT_THAT(message(Conv1d(4, 0)), HasSubstr("the kernel's size must be at least 1, but is 0"));
  EXPECT_THAT(message(Conv1d(4, 3, {.groups = 2})), HasSubstr("2 groups do not divide 3 channels and 4 filters"));
  EXPECT_THAT(message(Conv1d(4, 9)), HasSubstr("conv1d: the window covers 9 along the length"));
  EXPECT_THAT(message(Conv3d(4, 3)),
              HasSubstr("expects floating-point volumes [batch, channels, depth, height, width], "
                        "but x is f32[?,3,8]"));
  EXPECT_THAT(message(MaxPool3d(2)), HasSubstr("max_pool3d: x must have rank 5"));
  EXPECT_THAT(message(AdaptiveAvgPool({2, 2})), HasSubstr("adaptive_avg_pool: x must have rank 4"));
}

TEST(NormLayersTest, ArePyTorchs) {
  ExpectGolden("windows", "layer_rms_norm", [](Args x) { return RmsNorm().Named("layer")(x[0]); });
  ExpectGolden("windows", "layer_group_norm", [](Args x) { return GroupNorm(2).Named("layer")(x[0]); });
  ExpectGolden("windows", "layer_instance_norm",
               [](Args x) { return InstanceNorm({.affine = true}).Named("layer")(x[0]); });
}

TEST(NormLayersTest, WithoutScaleAndBias) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 4, 6, 5});
  EXPECT_EQ(InstanceNorm()(x).shape(), x.shape());
  EXPECT_EQ(GroupNorm(2, {.affine = false})(x).name(), "group_norm1");
  EXPECT_TRUE(graph.all_variables().empty());
  EXPECT_TRUE(graph.status().ok()) << graph.status();
  GroupNorm(3)(x);
  EXPECT_THAT(graph.status().message(), HasSubstr("group_norm: 3 groups do not divide 4 channels"));
}

}  // namespace
}  // namespace adret::nn
