// A loaded model computes what the saved one computed, to the last bit, and goes on training as if nothing had
// happened.
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/import.h"
#include "adret/io/model.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/tests/io/model_file.h"
#include "adret/tests/temp_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

Tensor Ramp(const Shape& shape, double scale) {
  Tensor t(DType::kFloat32, shape);
  auto data = t.mutable_data<float>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(scale * (static_cast<double>(i % 17) - 8));
  return t;
}

// A small network that is trained by gradient descent with momentum.
struct Network {
  Network() {
    x = graph.Input("x", DType::kFloat32, {kAnyBatch, 4});
    Value w = graph.Variable("w", Ramp({4, 3}, 0.1));
    Value b = graph.Variable("b", Ramp({3}, 0.05));
    y = Tanh(MatMul(x, w) + b).Named("y");
    loss = Mean(Square(y - 0.5f)).Named("loss");
    const Values variables = {w, b};
    const Values slopes = Gradients(loss, variables);
    for (size_t i = 0; i < variables.size(); ++i) {
      const Type& type = variables[i].type();
      Value m = graph.Variable(variables[i].name() + "/momentum", Tensor::Zeros(type.dtype, type.shape), false);
      Value next = m * 0.9f + slopes[i];
      step.push_back({m, next});
      step.push_back({variables[i], variables[i] - next * 0.1f});
    }
  }
  ModelContents contents(const State* state) const {
    return {.graph = &graph, .state = state, .outputs = {{"y", y}, {"loss", loss}}, .updates = step};
  }

  Graph graph;
  Value x, y, loss;
  Updates step;
};

void Train(Value x, Value loss, const Updates& step, int steps, State* state) {
  auto executor = Executor::Create({loss}, step);
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int i = 0; i < steps; ++i) {
    // A batch of its own for each step.
    const auto result = executor->Run({{x, Ramp({8, 4}, 0.1 + 0.01 * static_cast<double>(state->step))}}, state);
    ASSERT_TRUE(result.ok()) << result.status();
  }
}

TEST(ModelRunTest, SameBitsAfterLoading) {
  Network net;
  ASSERT_TRUE(net.graph.status().ok()) << net.graph.status();
  State state = *InitialState(net.graph, 1);
  Train(net.x, net.loss, net.step, 5, &state);
  auto model = ParseModel(*SerializeModel(net.contents(&state)));
  ASSERT_TRUE(model.ok()) << model.status();
  for (int64_t batch : {1, 7}) {
    const Tensor x = Ramp({batch, 4}, 0.3);
    const Tensor y = *Evaluate(net.y, {{net.x, x}}, &state);
    const Tensor loaded = *Evaluate(*model->Output("y"), {{*model->Input("x"), x}}, &model->state);
    EXPECT_TRUE(y.BitEqual(loaded));
  }
}

TEST(ModelRunTest, ACheckpointGoesOnAsIfNothingHadHappened) {
  Network net;
  State straight = *InitialState(net.graph, 1);
  Train(net.x, net.loss, net.step, 10, &straight);

  State half = *InitialState(net.graph, 1);
  Train(net.x, net.loss, net.step, 4, &half);
  const TempFolder folder;
  const std::string path = folder / "checkpoint.adret";
  ASSERT_TRUE(SaveModel(path, net.contents(&half)).ok());
  auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->state.step, 4u);
  Train(*model->Input("x"), *model->Output("loss"), model->updates, 6, &model->state);
  EXPECT_EQ(model->state.step, straight.step);
  EXPECT_EQ(model->state.Digest(), straight.Digest());
}

TEST(ModelRunTest, WhatIsLoadedCanBeDifferentiatedAndImported) {
  Network net;
  State state = *InitialState(net.graph, 1);
  auto model = ParseModel(*SerializeModel(net.contents(&state)));
  ASSERT_TRUE(model.ok()) << model.status();
  const Tensor numbers = Ramp({2, 4}, 0.2);

  const Value x = *model->Input("x");
  const Value slope = Gradients(*model->Output("loss"), {x})[0];
  const Tensor expected = *Evaluate(Gradients(net.loss, {net.x})[0], {{net.x, numbers}}, &state);
  EXPECT_TRUE(expected.BitEqual(*Evaluate(slope, {{x, numbers}}, &model->state)));

  // Ascending on the input: it becomes a variable of a graph of its own.
  Graph graph;
  Value image = graph.Variable("image", numbers);
  auto loss = Import({*model->Output("loss")}, {{x, image}}, &graph);
  ASSERT_TRUE(loss.ok()) << loss.status();
  model->state.Set("image", numbers);
  const Value uphill = Gradients((*loss)[0], {image})[0];
  EXPECT_TRUE(expected.BitEqual(*Evaluate(uphill, {}, &model->state)));
}

TEST(ModelRunTest, Data14FeedsAreChecked) {
  Network net;
  State state = *InitialState(net.graph, 1);
  auto model = ParseModel(*SerializeModel(net.contents(&state)));
  ASSERT_TRUE(model.ok()) << model.status();
  const Value x = *model->Input("x"), y = *model->Output("y");
  EXPECT_FALSE(Evaluate(y, {{x, Ramp({2, 5}, 1)}}, &model->state).ok());
  EXPECT_FALSE(Evaluate(y, {{x, Ramp({8}, 1)}}, &model->state).ok());
  EXPECT_FALSE(Evaluate(y, {{x, Tensor::Zeros(DType::kFloat64, {2, 4})}}, &model->state).ok());
  EXPECT_FALSE(Evaluate(y, {}, &model->state).ok());
}

TEST(ModelRunTest, Sizes13ABatchThatIsTooLargeIsRefused) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch});
  Value y = Reshape(BroadcastTo(Reshape(x, {kAnyBatch, 1}), {kAnyBatch, int64_t{1} << 50}), {-1});
  ASSERT_TRUE(y.valid()) << graph.status();
  const std::string file =
      *SerializeModel({.graph = &graph, .outputs = {{"y", y}}}, {.value_bytes = std::numeric_limits<int64_t>::max()});
  EXPECT_EQ(ParseModel(file).status().code(), absl::StatusCode::kResourceExhausted);

  auto model = ParseModel(file, {.value_bytes = std::numeric_limits<int64_t>::max()});
  ASSERT_TRUE(model.ok()) << model.status();
  auto result = Evaluate(*model->Output("y"), {{*model->Input("x"), Tensor::Zeros(DType::kFloat32, {1 << 20})}});
  EXPECT_FALSE(result.ok());
  result = Evaluate(*model->Output("y"), {{*model->Input("x"), Tensor::Zeros(DType::kFloat32, {2})}});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted) << result.status();
}

TEST(ModelRunTest, AChainOf100000Nodes) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch});
  Value y = x;
  for (int i = 0; i < 100'000; ++i) y = Neg(y);
  auto model = ParseModel(*SerializeModel({.graph = &graph, .outputs = {{"y", y}}}));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->graph->num_nodes(), graph.num_nodes());
}

}  // namespace
}  // namespace adret::io
