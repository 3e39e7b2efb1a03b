// Weights that are stored in bf16 or f16 and computed with in f32.
#include <string>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/state.h"
#include "adret/io/model.h"
#include "adret/nn/embedding.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

Tensor Noise(const Shape& shape, uint64_t seed) {
  RandomStream random(seed);
  Tensor t(DType::kFloat32, shape);
  for (float& v : t.mutable_data<float>()) v = static_cast<float>(random.Uniform(-1, 1));
  return t;
}

// A frozen first layer, stored in `dtype`, below one that learns.
struct FrozenTask {
  FrozenTask(DType dtype, const Tensor& numbers) {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, 4});
    target = graph.Input("target", DType::kFloat32, {kAnyBatch, 2});
    frozen = graph.Variable("frozen", numbers.Cast(dtype), /*trainable=*/false);
    const Value hidden = Tanh(MatMul(x, Cast(frozen, DType::kFloat32)));
    loss = MeanSquaredError(Dense(2)(hidden), target);
    updates = Adam({.learning_rate = 0.05}).Minimize(loss, graph.variables());
  }
  Graph graph;
  Value x, target, frozen, loss;
  Updates updates;
};

std::vector<double> Train(const Graph& graph, const Value& loss, const Updates& updates, const Feeds& feeds, int steps,
                          State* state) {
  auto executor = Executor::Create({loss}, updates);
  EXPECT_TRUE(executor.ok()) << executor.status();
  EXPECT_TRUE(graph.status().ok()) << graph.status();
  std::vector<double> losses;
  for (int i = 0; i < steps && executor.ok(); ++i) {
    auto result = executor->Run(feeds, state);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    losses.push_back((*result)[0].At(0));
  }
  return losses;
}

TEST(StoredWeightsTest, TrainingAboveFrozenHalvesIsTrainingInSinglePrecision) {
  for (DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    SCOPED_TRACE(Name(dtype));
    const Tensor rounded = Noise({4, 6}, 1).Cast(dtype);
    FrozenTask stored(dtype, rounded), wide(DType::kFloat32, rounded);
    const Tensor x = Noise({16, 4}, 2), target = Noise({16, 2}, 3);
    State a = *InitialState(stored.graph, 5), b = *InitialState(wide.graph, 5);
    const auto of_stored =
        Train(stored.graph, stored.loss, stored.updates, {{stored.x, x}, {stored.target, target}}, 60, &a);
    const auto of_wide = Train(wide.graph, wide.loss, wide.updates, {{wide.x, x}, {wide.target, target}}, 60, &b);
    EXPECT_EQ(of_stored, of_wide) << "the same numbers";
    ASSERT_EQ(of_stored.size(), 60u);
    EXPECT_LT(of_stored.back(), 0.7 * of_stored.front());
    EXPECT_TRUE(a.Get("frozen")->BitEqual(rounded));
  }
}

TEST(StoredWeightsTest, ACheckpointGoesOn) {
  FrozenTask task(DType::kBFloat16, Noise({4, 6}, 1));
  const Tensor x = Noise({16, 4}, 2), target = Noise({16, 2}, 3);
  State state = *InitialState(task.graph, 5);
  Train(task.graph, task.loss, task.updates, {{task.x, x}, {task.target, target}}, 5, &state);
  io::ModelContents contents{.graph = &task.graph, .state = &state};
  contents.inputs = {{"x", task.x}, {"target", task.target}};
  contents.outputs = {{"loss", task.loss}};
  contents.updates = task.updates;
  auto model = io::ParseModel(*io::SerializeModel(contents));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->state.Get("frozen")->type().ToString(), "bf16[4,6]");
  const auto expected = Train(task.graph, task.loss, task.updates, {{task.x, x}, {task.target, target}}, 5, &state);
  const auto found = Train(*model->graph, *model->Output("loss"), model->updates,
                           {{*model->Input("x"), x}, {*model->Input("target"), target}}, 5, &model->state);
  EXPECT_EQ(found, expected);
}

TEST(StoredWeightsTest, TheGradientOfAStoredVariableIsCastBack) {
  Graph graph;
  const Value table = graph.Variable("table", Noise({5, 3}, 1).Cast(DType::kBFloat16));
  const Value tokens = graph.Input("tokens", DType::kUint16, {4});
  const Value y = Cast(Gather(table, tokens), DType::kFloat32);
  const Value slope = Gradients(Sum(y * 3.0), {table})[0];
  State state = *InitialState(graph, 1);
  auto executor = Executor::Create({slope});
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto result = executor->Run({{tokens, Tensor::From<uint16_t>({4}, {4, 1, 4, 4})}}, &state);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].ToString(), "bf16[5,3] [[0, 0, 0], [3, 3, 3], [0, 0, 0], [0, 0, 0], [9, 9, 9]]");
}

// Steps far smaller than a number are lost in 8 bits, so optimisers take f32 and f64.
TEST(StoredWeightsTest, OptimisersRefuseToMoveThem) {
  Graph graph;
  const Value w = graph.Variable("w", Noise({3}, 1).Cast(DType::kBFloat16));
  Adam().Minimize(Sum(Square(Cast(w, DType::kFloat32))), {w});
  EXPECT_THAT(graph.status().message(), HasSubstr("computes in f32 or f64: cast it"));
}

TEST(StoredWeightsTest, TokensAndLabelsOfEveryIntegerDType) {
  for (DType dtype : kAllDTypes) {
    if (!IsInteger(dtype)) continue;
    SCOPED_TRACE(Name(dtype));
    Graph graph;
    const Value tokens = graph.Input("tokens", dtype, {3}), label = graph.Input("label", dtype, {3});
    const Value weights = graph.Constant(Tensor::From<float>({6}, {1, 2, 3, 1, 2, 3}));
    const Value logits = Embedding(5, 6, {.padding_index = 2})(tokens);
    const Value plain = SoftmaxCrossEntropy(logits, label);
    const Value weighted = SoftmaxCrossEntropy(logits, label, {.class_weights = weights});
    ASSERT_TRUE(graph.status().ok()) << graph.status();
    State state = *InitialState(graph, 1);
    auto executor = Executor::Create({plain, weighted});
    ASSERT_TRUE(executor.ok()) << executor.status();
    const auto of = [&](const Tensor& numbers) { return numbers.Cast(dtype); };
    auto result = executor->Run(
        {{tokens, of(Tensor::From<int64_t>({3}, {4, 2, 0}))}, {label, of(Tensor::From<int64_t>({3}, {5, 0, 1}))}},
        &state);
    ASSERT_TRUE(result.ok()) << result.status();
    Graph known;
    // The same in i64.
    const Value t = known.Input("tokens", DType::kInt64, {3}), l = known.Input("label", DType::kInt64, {3});
    const Value w = known.Constant(Tensor::From<float>({6}, {1, 2, 3, 1, 2, 3}));
    const Value z = Embedding(5, 6, {.padding_index = 2})(t);
    State same = *InitialState(known, 1);
    auto reference = Executor::Create({SoftmaxCrossEntropy(z, l), SoftmaxCrossEntropy(z, l, {.class_weights = w})});
    ASSERT_TRUE(reference.ok()) << reference.status();
    auto expected =
        reference->Run({{t, Tensor::From<int64_t>({3}, {4, 2, 0})}, {l, Tensor::From<int64_t>({3}, {5, 0, 1})}}, &same);
    ASSERT_TRUE(expected.ok()) << expected.status();
    for (int k = 0; k < 2; ++k) EXPECT_TRUE((*result)[k].BitEqual((*expected)[k])) << k;
  }
}

}  // namespace
}  // namespace adret::nn
