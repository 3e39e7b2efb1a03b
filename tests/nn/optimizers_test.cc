#include "adret/nn/optimizers.h"

#include "adret/autograd/gradients.h"
#include "adret/io/model.h"
#include "adret/nn/initializers.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/nn/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The problem of nn.py: mean((tanh(x w^T + b) - t)^2).
struct Problem {
  explicit Problem(DType dtype) {
    w = graph.Variable("w", Golden("problem/w").Cast(dtype));
    b = graph.Variable("b", Golden("problem/b").Cast(dtype));
    const Value x = graph.Constant(Golden("problem/x").Cast(dtype)),
                t = graph.Constant(Golden("problem/t").Cast(dtype));
    loss = MeanSquaredError(Tanh(MatMul(x, w, {.transpose_b = true}) + b), t);
  }
  Graph graph;
  Value w, b, loss;
};

void ExpectTrajectory(const std::string& name, const Optimizer& optimizer) {
  const Tensor ws = Golden(name + "/w"), bs = Golden(name + "/b");
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    Problem p(dtype);
    absl::StatusOr<Executor> executor = Executor::Create({p.loss}, optimizer.Minimize(p.loss, p.graph.variables()));
    ASSERT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(p.graph, 1);
    const double tolerance = dtype == DType::kFloat64 ? 1e-10 : 2e-5;
    for (int step = 0; step < ws.shape()[0]; ++step) {
      ASSERT_TRUE(executor->Run({}, &state).ok());
      ExpectNear(*state.Get("w"), Row(ws, step), tolerance, name + " w");
      ExpectNear(*state.Get("b"), Row(bs, step), tolerance, name + " b");
    }
  }
}

TEST(OptimizersTest, FollowPyTorch) {
  ExpectTrajectory("sgd", Sgd({.learning_rate = 0.1}));
  ExpectTrajectory("sgd_momentum", Sgd({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01}));
  ExpectTrajectory("sgd_nesterov",
                   Sgd({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01}));
  ExpectTrajectory("adam", Adam({.learning_rate = 0.05}));
  ExpectTrajectory("adam_decay",
                   Adam({.learning_rate = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1}));
  ExpectTrajectory("adamw", AdamW({.learning_rate = 0.05, .weight_decay = 0.1}));
  ExpectTrajectory("rmsprop", RmsProp({.learning_rate = 0.02}));
  ExpectTrajectory(
      "rmsprop_centered",
      RmsProp({.learning_rate = 0.02, .decay = 0.9, .momentum = 0.5, .centered = true, .weight_decay = 0.01}));
  ExpectTrajectory("adagrad", Adagrad({.learning_rate = 0.1}));
  ExpectTrajectory(
      "adagrad_decay",
      Adagrad({.learning_rate = 0.1, .rate_decay = 0.1, .initial_accumulator = 0.2, .weight_decay = 0.01}));
}

TEST(OptimizersTest, ClipsLikePyTorch) {
  ExpectTrajectory("clip_norm", Sgd({.learning_rate = 0.1, .common = {.clip_norm = 0.1}}));
  ExpectTrajectory("clip_value", Sgd({.learning_rate = 0.1, .common = {.clip_value = 0.05}}));
}

TEST(OptimizersTest, SlotsAreVariablesThatAreNotTrainable) {
  Problem p(DType::kFloat32);
  Adam().Minimize(p.loss, p.graph.variables());
  std::vector<std::string> trainable, all;
  for (const Value& v : p.graph.variables()) trainable.push_back(v.name());
  for (const Value& v : p.graph.all_variables()) all.push_back(v.name());
  EXPECT_THAT(trainable, ElementsAre("w", "b"));
  EXPECT_THAT(all, ElementsAre("w", "b", "adam/step", "adam/m/w", "adam/v/w", "adam/m/b", "adam/v/b"));
  EXPECT_EQ(p.graph.Find("adam/step")->type(), (Type{DType::kInt64, {}}));
}

TEST(OptimizersTest, TwoOptimizersKeepTheirStepsApart) {
  Problem p(DType::kFloat32);
  Adam().Minimize(p.loss, {p.w});
  Adam().Minimize(p.loss, {p.b});
  EXPECT_TRUE(p.graph.Contains("adam/m/w"));
  EXPECT_TRUE(p.graph.Contains("adam2/step"));
  EXPECT_TRUE(p.graph.Contains("adam2/m/b"));
}

TEST(OptimizersTest, TwoOptimizersShareRunningStatistics) {
  // One optimiser for both layers, and one for each.
  const auto train = [](int optimizers) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
    const Value y = Sequential{Dense(4), BatchNorm(), Dense(1)}(x);
    const Value loss = Mean(Square(y - 1.0));
    const Values variables = graph.variables();
    const auto half = absl::MakeConstSpan(variables).subspan(0, 2), rest = absl::MakeConstSpan(variables).subspan(2);
    Updates updates = Sgd().Minimize(loss, optimizers == 1 ? absl::MakeConstSpan(variables) : half);
    if (optimizers == 2) {
      for (const Update& u : Sgd().Minimize(loss, rest)) updates.push_back(u);
    }
    absl::StatusOr<Executor> executor = Executor::Create({loss}, updates);
    EXPECT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(graph, 1);
    const Tensor batch = Normal(0, 1)({DType::kFloat32, {8, 3}}, {.seed = 2});
    for (int step = 0; executor.ok() && step < 3; ++step) EXPECT_TRUE(executor->Run({{x, batch}}, &state).ok());
    // A file takes them, too.
    EXPECT_TRUE(io::SerializeModel({.graph = &graph, .state = &state, .updates = updates}).ok());
    return state;
  };
  const State one = train(1), two = train(2);
  for (const auto& [name, tensor] : one.tensors()) {
    const absl::StatusOr<Tensor> other = two.Get(name);
    ASSERT_TRUE(other.ok()) << name;
    ExpectNear(*other, tensor, 0, name);
  }
}

TEST(OptimizersTest, ANamedOptimizerGoesOn) {
  Problem p(DType::kFloat32);
  const AdamOptions options{.common = {.name = "descent"}};
  Adam(options).Minimize(p.loss, p.graph.variables());
  const size_t variables = p.graph.all_variables().size();
  Adam(options).Minimize(p.loss, p.graph.variables());
  EXPECT_TRUE(p.graph.status().ok()) << p.graph.status();
  EXPECT_EQ(p.graph.all_variables().size(), variables);
}

TEST(OptimizersTest, AVariableWithoutGradientStays) {
  Problem p(DType::kFloat32);
  const Values dw = Gradients(p.loss, {p.w});
  const Updates updates = Sgd().Apply({dw[0], Value()}, {p.w, p.b});
  ASSERT_EQ(updates.size(), 2);
  EXPECT_EQ(updates[0].variable.name(), "sgd/step");
  EXPECT_EQ(updates[1].variable.name(), "w");
}

TEST(OptimizersTest, TheLossMustBeAScalar) {
  Graph graph;
  const Value w = graph.Variable("w", Tensor::Zeros(DType::kFloat32, {3}));
  EXPECT_EQ(Executor::Create({}, Sgd().Minimize(Square(w), {w})).status(), graph.status());
  EXPECT_THAT(graph.status().message(), HasSubstr("Minimize: the loss must be a floating-point scalar, but is f32[3]"));
  EXPECT_THAT(graph.status().message(), HasSubstr("optimizers_test.cc"));
}

TEST(OptimizersTest, ConvergesOnABowl) {
  for (const Optimizer& optimizer :
       {Sgd({.learning_rate = 0.1, .momentum = 0.9}), Adam({.learning_rate = 0.1}),
        AdamW({.learning_rate = 0.1, .weight_decay = 0}),
        RmsProp({.learning_rate = Cosine({.start = 0.1, .steps = 300})}), Adagrad({.learning_rate = 1.0})}) {
    Graph graph;
    const Value w = graph.Variable("w", Tensor::From<double>({3}, {1, -2, 3}));
    const Value target = graph.Constant(Tensor::From<double>({3}, {0.5, 0.25, -1}));
    const Value loss = Sum(Square(w - target));
    Executor executor = *Executor::Create({loss}, optimizer.Minimize(loss, graph.variables()));
    State state = *InitialState(graph, 1);
    double last = 1;
    for (int i = 0; i < 300; ++i) last = (*executor.Run({}, &state))[0].At(0);
    EXPECT_LT(last, 1e-3);
  }
}

}  // namespace
}  // namespace adret::nn
