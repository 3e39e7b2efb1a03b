#include "adret/nn/layer_dot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A network with a skip connection, whose layers are named as nn's are.
struct SkipNetwork {
  SkipNetwork() {
    image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 6, 6});
    conv1 = Layer("conv1", image, 2, 1);
    const Value conv2 = Layer("conv2", Relu(conv1), 2, 2);
    sum = Relu(conv1 + conv2);
    logits = Layer("logits", sum, 3, 2);
    graph.Variable("unused", Tensor::Zeros(DType::kFloat32, {5}));
  }
  Value Layer(const std::string& name, const Value& x, int64_t filters, int64_t channels) {
    const Value w = graph.Variable(name + "/w", Tensor::Zeros(DType::kFloat32, {filters, channels, 3, 3}));
    return Conv2d(x, w, {.padding = Padding::Same()}).Named(name);
  }
  Graph graph;
  Value image, conv1, sum, logits;
};

TEST(LayerDotTest, BoxesAreLayersAndWaysMeetInSmallOnes) {
  SkipNetwork net;
  const std::string dot = LayerDot(net.graph, {.fetches = {net.logits}});
  EXPECT_THAT(dot, HasSubstr("input0 [label=\"image\\n1x6x6\""));
  EXPECT_THAT(dot, HasSubstr("layer0 [label=\"conv1\\n2x6x6\\n18 parameters\""));
  EXPECT_THAT(dot, HasSubstr("layer2 [label=\"logits\\n3x6x6\\n54 parameters\""));
  const std::string add = absl::StrCat("node", net.graph.Find("add")->node());
  EXPECT_THAT(dot, HasSubstr(add + " [label=\"add\", shape=ellipse"));
  for (const std::string edge : {"input0 -> layer0;", "layer0 -> layer1;"}) EXPECT_THAT(dot, HasSubstr(edge));
  for (const std::string from : {"layer0 -> ", "layer1 -> "}) EXPECT_THAT(dot, HasSubstr(from + add + ";"));
  EXPECT_THAT(dot, HasSubstr(add + " -> layer2;"));
  EXPECT_EQ(std::count(dot.begin(), dot.end(), '>'), 5);
  EXPECT_THAT(dot, Not(HasSubstr("relu")));
  EXPECT_THAT(dot, Not(HasSubstr("unused")));
}

TEST(LayerDotTest, FetchesOfNoLayerAreShown) {
  SkipNetwork net;
  EXPECT_THAT(LayerDot(net.graph, {.fetches = {net.sum}}), HasSubstr("[label=\"relu_1\\n2x6x6\"]"));
  EXPECT_THAT(LayerDot(net.graph), HasSubstr("logits"));
}

TEST(LayerDotTest, TheGradientsWayIsInColour) {
  SkipNetwork net;
  const std::string dot =
      LayerDot(net.graph, {.fetches = {net.logits}, .highlight = net.conv1, .highlight_text = "conv1:\"1\""});
  EXPECT_THAT(dot, HasSubstr("input0 -> layer0 [color=\"#c2410c\", penwidth=2];"));
  EXPECT_THAT(dot, HasSubstr("18 parameters\\nconv1:\\\"1\\\"\""));
  EXPECT_THAT(dot, HasSubstr("layer0 -> layer1;"));
  EXPECT_EQ(dot.find("conv1:"), dot.rfind("conv1:"));  // where it starts, only
}

TEST(LayerDotTest, BoxesLink) {
  SkipNetwork net;
  const std::string dot =
      LayerDot(net.graph, {.fetches = {net.logits},
                           .link = [](const std::string& name) { return "#layer-" + name; },
                           .tooltip = [](const std::string& name) { return name == "conv1" ? "two \"edges\"" : ""; }});
  EXPECT_THAT(dot, HasSubstr("URL=\"#layer-conv1\", tooltip=\"two \\\"edges\\\"\""));
  EXPECT_THAT(dot, HasSubstr("URL=\"#layer-image\"]"));
  EXPECT_THAT(dot, Not(HasSubstr("#layer-add")));
}

}  // namespace
}  // namespace adret::nn
