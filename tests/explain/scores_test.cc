#include "adret/explain/scores.h"

#include <cmath>
#include <functional>

#include "adret/nn/layers.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;

// What the network f, after a layer of its own for so many classes, answers in.
Scores Of(const std::function<Value(Value)>& f, int64_t classes = 5) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 16});
  const Value y = f(nn::Dense(classes)(x));
  const Network network = *Network::Create(x, y, *InitialState(graph, /*seed=*/1));
  return *ScoresOf(network, network.output_layer());
}

TEST(ScoresTest, AreToldApartByTheNumbers) {
  EXPECT_EQ(Of([](Value v) { return v; }), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return v * 0.01; }), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return Flatten(v); }, 2), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return Cast(v, DType::kFloat64); }), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return LogSoftmax(v); }), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return Log(Softmax(v)); }), Scores::kLogits);
  EXPECT_EQ(Of([](Value v) { return Softmax(v); }), Scores::kProbabilities);
  EXPECT_EQ(Of([](Value v) { return Exp(LogSoftmax(v)); }), Scores::kProbabilities);
  EXPECT_EQ(Of([](Value v) { return Flatten(Softmax(v)); }), Scores::kProbabilities);
  EXPECT_EQ(Of([](Value v) { return Exp(v) / Sum(Exp(v), {.axes = {1}, .keepdims = true}); }), Scores::kProbabilities);
  EXPECT_EQ(Of([](Value v) { return Sigmoid(v); }), Scores::kOther);
  EXPECT_EQ(Of([](Value v) { return Flatten(Relu(v)); }), Scores::kOther);
  EXPECT_EQ(Of([](Value v) { return Cast(Sigmoid(v), DType::kFloat64); }), Scores::kOther);
  EXPECT_EQ(Of([](Value v) { return v; }, 1), Scores::kOther);
}

TEST(ScoresTest, LogarithmsOfProbabilitiesAreFinite) {
  Graph graph;
  const Value p = graph.Constant(Tensor::From<float>({1, 2}, {0, 1}));
  const Tensor logs = *Evaluate(LogProbabilities(p, Scores::kProbabilities));
  EXPECT_NEAR(logs.At(0), -30 * std::log(10), 1e-4);
  EXPECT_EQ(logs.At(1), 0);
  EXPECT_TRUE(Evaluate(Probabilities(p, Scores::kProbabilities))->BitEqual(*Evaluate(p)));
}

TEST(ScoresTest, LogProbabilitiesOfASoftmaxDoNotOverflow) {
  Graph graph;
  const Value logits = graph.Constant(Tensor::From<double>({1, 2}, {0, 2000}));
  const Tensor of_logits = *Evaluate(LogProbabilities(logits));
  EXPECT_THAT(of_logits.data<double>(), ElementsAre(-2000, 0));
  EXPECT_TRUE(Evaluate(LogProbabilities(Softmax(logits)))->BitEqual(of_logits));
  EXPECT_TRUE(Evaluate(LogProbabilities(LogSoftmax(logits)))->BitEqual(of_logits));
}

}  // namespace
}  // namespace adret::explain
