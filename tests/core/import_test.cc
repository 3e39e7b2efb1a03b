#include "adret/core/import.h"

#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/norm.h"
#include "adret/ops/random.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

struct Source {
  Source() {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2, 3});
    w = graph.Variable("w", Tensor::From<float>({6}, {1, 2, 3, 4, 5, 6}));
    flat = Reshape(x, {kAnyBatch, 6}).Named("flat");
    y = Tanh(flat * w).Named("y");
  }
  Graph graph;
  Value x, w, flat, y;
};

TEST(ImportTest, TheBatchBecomesConcrete) {
  Source source;
  Graph graph;
  Value images = graph.Variable("images", Tensor::Full(DType::kFloat32, {5, 2, 3}, 0.25));
  auto copied = Import({source.y, source.flat}, {{source.x, images}}, &graph);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ((*copied)[0].shape(), (Shape{5, 6}));
  EXPECT_EQ((*copied)[0].name(), "y");
  EXPECT_EQ((*copied)[1].shape(), (Shape{5, 6}));
  EXPECT_EQ(graph.variables().size(), 2u);

  // Initialisers come along; the old graph's numbers are the new one's.
  const State state = *InitialState(graph, 1);
  const Tensor y = *Evaluate((*copied)[0], {}, &state);
  const State old_state = *InitialState(source.graph, 1);
  const Tensor expected = *Evaluate(source.y, {{source.x, Tensor::Full(DType::kFloat32, {5, 2, 3}, 0.25)}}, &old_state);
  EXPECT_TRUE(y.BitEqual(expected));
}

TEST(ImportTest, WithoutSubstitutionsLeavesAreCopiedOnce) {
  Source source;
  Graph graph;
  auto first = Import({source.y}, {}, &graph);
  ASSERT_TRUE(first.ok()) << first.status();
  const int nodes = graph.num_nodes();
  auto second = Import({source.y}, {}, &graph);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(graph.variables().size(), 1u);
  EXPECT_EQ(graph.inputs().size(), 1u);
  EXPECT_EQ(graph.num_nodes(), 2 * nodes - 2);
  EXPECT_EQ(second->front().name(), "y_1");
}

TEST(ImportTest, IntoTheSameGraph) {
  Source source;
  Value other = Neg(source.flat);
  auto copied = Import({source.y}, {{source.flat, other}}, &source.graph);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->front().name(), "y_1");
  EXPECT_EQ(source.graph.variables().size(), 1u);
}

TEST(ImportTest, AFetchMayBeReplacedItself) {
  Source source;
  Graph graph;
  Value z = graph.Input("z", DType::kFloat32, {kAnyBatch, 6});
  auto copied = Import({source.y}, {{source.y, z}}, &graph);
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->front(), z);
  EXPECT_EQ(graph.num_nodes(), 1);
}

TEST(ImportTest, RandomNodesDrawAnew) {
  Graph source;
  Value noise = RandomUniform(&source, DType::kFloat32, {8});
  Value once = Identity(noise) - noise;
  Graph graph;
  const Value a = (*Import({noise}, {}, &graph))[0];
  const Values b = *Import({noise, once}, {}, &graph);
  const std::vector<Tensor> numbers = *Evaluate(Values{a, b[0], b[1]});
  EXPECT_FALSE(numbers[0].BitEqual(numbers[1]));
  for (float v : numbers[2].data<float>()) EXPECT_EQ(v, 0);
}

TEST(ImportTest, RefusesMisfits) {
  Source source;
  const auto message = [&](const Type& type) {
    Graph graph;
    Value to = graph.Input("to", type.dtype, type.shape);
    const absl::Status status = Import({source.y}, {{source.x, to}}, &graph).status();
    EXPECT_EQ(graph.num_nodes(), 1);
    return std::string(status.message());
  };
  EXPECT_THAT(message({DType::kFloat64, {5, 2, 3}}), HasSubstr("x is f32[?,2,3], which to, f64[5,2,3], does not fit"));
  EXPECT_THAT(message({DType::kFloat32, {5, 3, 2}}), HasSubstr("does not fit"));
  EXPECT_THAT(message({DType::kFloat32, {5, 6}}), HasSubstr("does not fit"));

  Graph graph;
  graph.Variable("w", Tensor::Zeros(DType::kFloat32, {7}));
  EXPECT_THAT(std::string(Import({source.y}, {}, &graph).status().message()),
              HasSubstr("variable w is f32[6], but the graph has variable f32[7] of that name"));
  EXPECT_THAT(std::string(Import({Value()}, {}, &graph).status().message()), HasSubstr("invalid value"));
  EXPECT_THAT(std::string(Import({source.y}, {{source.x, source.x}}, &graph).status().message()),
              HasSubstr("not in the new graph"));
  EXPECT_TRUE(graph.status().ok());
}

Tensor Numbers(const Shape& shape) {
  Tensor t(DType::kFloat64, shape);
  RandomStream random(/*seed=*/3);
  for (double& v : t.mutable_data<double>()) v = random.Uniform(-1, 1);
  return t;
}

// tanh(conv(x) / 2 + b + 1): constants and a bias are repeated to the shape of the maps.
Value Maps(Value x) {
  const Value w = x.graph()->Variable("w", Numbers({3, 2, 3, 3}));
  const Value b = x.graph()->Variable("b", Numbers({3}));
  return Tanh(0.5 * (Conv2d(x, w) + Reshape(b, {3, 1, 1})) + 1.0);
}

TEST(ImportTest, AConvolutionFitsImagesOfAnotherSize) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2, 6, 6});
  const Value maps = Maps(x);
  for (const Shape& shape : {Shape{kAnyBatch, 2, 9, 11}, Shape{2, 2, 9, 11}}) {
    Graph large, direct;
    const Value y = large.Input("y", DType::kFloat64, shape);
    const absl::StatusOr<Values> copy = Import({maps}, {{x, y}}, &large, {.resize = true});
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ((*copy)[0].shape(), (Shape{shape[0], 3, 7, 9}));
    const Value z = direct.Input("y", DType::kFloat64, shape);
    const Value expected = Maps(z);
    const State state = *InitialState(direct, 1);
    const Tensor images = Numbers({2, 2, 9, 11});
    EXPECT_TRUE(Evaluate((*copy)[0], {{y, images}}, &state)->BitEqual(*Evaluate(expected, {{z, images}}, &state)));
  }
}

// A repetition to the shape that a value has already is that value, whichever output of its node it is.
TEST(ImportTest, RepetitionsOfFurtherOutputsKeepTheOutput) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2, 6, 6});
  const Value ones = graph.Variable("ones", Tensor::Full(DType::kFloat64, {2}, 1));
  const BatchNormResult norm = BatchNormTraining(x, ones, ones);
  const Value variance = Reshape(Build("broadcast_to", {norm.variance}, Attrs(BroadcastToAttrs{{2}})), {2, 1});
  Graph large;
  const Value y = large.Input("y", DType::kFloat64, {3, 2, 4, 5});
  const absl::StatusOr<Values> copy = Import({variance, norm.variance}, {{x, y}}, &large, {.resize = true});
  ASSERT_TRUE(copy.ok()) << copy.status();
  const State state = *InitialState(graph, 1);
  const std::vector<Tensor> found = *Evaluate(*copy, {{y, Numbers({3, 2, 4, 5})}}, &state);
  EXPECT_TRUE(found[0].Reshaped({2}).BitEqual(found[1]));
}

TEST(ImportTest, WhatIsMadeForOneSizeIsRefused) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 4, 4});
  const Value flat = Reshape(x, {kAnyBatch, 16}).Named("flat");
  const Value columns = Reshape(Relu(x), {-1, 4});
  const auto message = [&](Value fetch, const Shape& shape, bool resize = true) {
    Graph to;
    const Value y = to.Input("y", DType::kFloat32, shape);
    return std::string(Import({fetch}, {{x, y}}, &to, {.resize = resize}).status().message());
  };
  EXPECT_THAT(message(flat, {3, 1, 8, 8}), HasSubstr("flat is made for one size"));
  EXPECT_THAT(message(columns, {3, 1, 8, 8}), HasSubstr("is made for one size"));
  EXPECT_THAT(message(flat, {3, 1, 8, 8}, /*resize=*/false), HasSubstr("does not fit"));
  EXPECT_THAT(message(flat, {3, 16}), HasSubstr("does not fit"));
  EXPECT_EQ(message(flat, {3, 1, 4, 4}), "");
}

TEST(ImportTest, NodesCanBeReplaced) {
  Source source;
  Graph graph;
  const auto replace = [](const Node& node, absl::Span<const Value> inputs,
                          absl::Span<const Type> types) -> absl::StatusOr<std::optional<Values>> {
    if (node.op->name != "tanh") return std::nullopt;
    EXPECT_EQ(types[0], inputs[0].type());
    return Values{Relu(inputs[0])};
  };
  const Value x = graph.Input("x", DType::kFloat32, {2, 2, 3});
  const Values copy = *Import({source.y}, {{source.x, x}}, &graph, {.replace = replace});
  EXPECT_EQ(graph.node(copy[0].node()).op->name, "relu");
  EXPECT_FALSE(graph.Contains("y"));

  const auto wrong = [](const Node& node, absl::Span<const Value> inputs,
                        absl::Span<const Type>) -> absl::StatusOr<std::optional<Values>> {
    if (node.op->name != "tanh") return std::nullopt;
    return Values{inputs[0], inputs[0]};
  };
  Graph other;
  EXPECT_THAT(std::string(Import({source.y}, {}, &other, {.replace = wrong}).status().message()),
              HasSubstr("2 values stand for the 1 outputs of y"));
}

}  // namespace
}  // namespace adret
