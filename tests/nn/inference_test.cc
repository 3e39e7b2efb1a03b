#include "adret/nn/inference.h"

#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/ops/norm.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

Sequential Network() {
  return {Conv2d(4, 3, {.padding = Padding::Same()}),
          BatchNorm(),
          Relu(),
          Residual(Sequential{Conv2d(4, 3, {.padding = Padding::Same(), .bias = false}), BatchNorm()}),
          Dropout(0.5),
          Flatten(),
          Dense(3).Named("logits")};
}

// The running statistics are not what they were made as.
State Trained(const Graph& graph) {
  State state = *InitialState(graph, /*seed=*/1);
  RandomStream random(/*seed=*/2);
  for (const auto& [name, tensor] : state.tensors()) {
    Tensor changed(tensor.dtype(), tensor.shape());
    for (double& v : changed.mutable_data<double>()) v = random.Uniform(0.5, 1.5);
    state.Set(name, changed);
  }
  return state;
}

TEST(InferenceTest, ATrainingGraphGivesWhatInferenceModeGives) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2, 5, 5});
  const Sequential net = Network();
  const Value trained = net(x, Mode::kTraining);
  const Value expected = net(x, Mode::kInference);
  ASSERT_TRUE(graph.status().ok()) << graph.status();

  Graph copy;
  const absl::StatusOr<Values> found = ImportForInference({trained}, {}, &copy);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].name(), "logits");
  EXPECT_TRUE(copy.Contains("batch_norm1"));
  const State state = Trained(graph);
  Tensor images(DType::kFloat64, {3, 2, 5, 5});
  RandomStream random(/*seed=*/4);
  for (double& v : images.mutable_data<double>()) v = random.Uniform(-1, 1);
  const Tensor y = *Evaluate((*found)[0], {{*copy.Find("x"), images}}, &state);
  const Tensor other = *Evaluate(expected, {{x, images}}, &state);
  for (int64_t i = 0; i < y.num_elements(); ++i) EXPECT_NEAR(y.At(i), other.At(i), 1e-12 * std::abs(other.At(i)));
}

TEST(InferenceTest, AnOpWithoutRunningStatisticsStays) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2, 3});
  const Value ones = graph.Variable("ones", Tensor::Full(DType::kFloat32, {2}, 1));
  const Value y = BatchNormTraining(x, ones, ones).y;
  Graph copy;
  const Values found = *ImportForInference({y}, {}, &copy);
  EXPECT_EQ(copy.node(found[0].node()).op->name, "batch_norm");
}

}  // namespace
}  // namespace adret::nn
