#include "adret/io/dot.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/autograd/scan.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(DotTest, ShowsNodesTypesAndScopes) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 6});
  Value y;
  {
    NameScope scope(&graph, "block");
    y = Reshape(x, {kAnyBatch, 2, 3}).Named("say \"hi\"");
  }
  graph.Variable("w", Tensor::Zeros(DType::kFloat64, {2}));
  const std::string dot = Dot(graph);
  EXPECT_THAT(dot, HasSubstr("digraph adret {"));
  EXPECT_THAT(dot, HasSubstr("label=\"block\""));
  EXPECT_THAT(dot, HasSubstr("block/say \\\"hi\\\"\\nreshape\\nshape=[?,2,3]"));
  EXPECT_THAT(dot, HasSubstr("n0 -> n1 [label=\"f32[?,6]\"]"));
  EXPECT_THAT(dot, HasSubstr("w\\nvariable\\nf64[2]"));
  EXPECT_EQ(std::count(dot.begin(), dot.end(), '{'), std::count(dot.begin(), dot.end(), '}'));
  EXPECT_THAT(Dot(graph, {.fetches = {y}}), Not(HasSubstr("variable")));
}

TEST(DotTest, FramesTheBodiesOfLoops) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {5, 2}), h = graph.Input("h", DType::kFloat32, {2});
  Scan({.carry = {h}, .each = {x}},
       [](const Values& c, const Values& xt) { return ScanStep{.carry = {Tanh(c[0] * xt[0])}}; });
  const std::string dot = Dot(graph);
  EXPECT_THAT(dot, HasSubstr("subgraph cluster_n2_body_ { label=\"scan: body\""));
  EXPECT_THAT(dot, HasSubstr("n2_body_2 [label=\"mul\""));
  EXPECT_THAT(dot, HasSubstr("n2_body_0 -> n2_body_2 [label=\"f32[2]\"]"));
}

TEST(DotTest, LongAttributesGoOnInTheNextLine) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 9, 9});
  Value w = graph.Variable("w", Tensor::Zeros(DType::kFloat32, {2, 1, 3, 3}));
  Conv2d(x, w, {.padding = Padding::Same()});
  EXPECT_THAT(Dot(graph), HasSubstr("conv2d\\nstride=[1,1],\\npadding.mode"));
}

TEST(DotTest, NamesAreTextAndNoEntities) {
  Graph graph;
  graph.Input("a&#27;b&amp;c\u202Ed", DType::kFloat32, {2});
  EXPECT_THAT(Dot(graph), HasSubstr("[label=\"a&amp;#27;b&amp;amp;c\uFFFD\uFFFD\uFFFDd\\ninput\\n"));
}

}  // namespace
}  // namespace adret::io
