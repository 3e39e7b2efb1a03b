// Gradients through steps of optimisers: an optimiser builds nodes, so a step is a function like any other.
#include <vector>

#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/import.h"
#include "adret/core/random.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

Tensor RandomTensor(const Shape& shape, uint64_t seed) {
  Tensor t(DType::kFloat64, shape);
  RandomStream random(seed);
  for (double& v : t.mutable_data<double>()) v = random.Normal();
  return t;
}

Value Loss(const Value& w, const Value& x, const Value& y) { return MeanSquaredError(Tanh(MatMul(x, w)), y); }

// Steps written out: the loss after three of them, as a function of where they start, how long they are, and the data.
TEST(MetaLearning, GradientsThroughStepsMatchFiniteDifferences) {
  const auto after_steps = [](Args v) {
    const Value &x = v[1], &y = v[2], &rate = v[3];
    Value w = v[0];
    for (int i = 0; i < 3; ++i) w = w - rate * Gradients(Loss(w, x, y), {w})[0];
    return Values{Loss(w, v[4], v[5])};
  };
  const std::vector<Tensor> points = {RandomTensor({3, 2}, 1), RandomTensor({5, 3}, 2),
                                      RandomTensor({5, 2}, 3), Tensor::Scalar(DType::kFloat64, 0.1),
                                      RandomTensor({4, 3}, 4), RandomTensor({4, 2}, 5)};
  const absl::Status status = CheckGradients(after_steps, points, {.order = 2});
  EXPECT_TRUE(status.ok()) << status;
}

// A step of an optimiser of this library, with momentum: its new values take the variables' place.
TEST(MetaLearning, GradientsThroughAnOptimisersStepMatchFiniteDifferences) {
  for (const Optimizer& optimizer :
       {Sgd({.learning_rate = 0.3, .momentum = 0.9, .weight_decay = 0.01}), Adam({.learning_rate = 0.05})}) {
    Graph graph;
    const Value w = graph.Variable("w", RandomTensor({3, 2}, 1));
    const Value x = graph.Constant(RandomTensor({5, 3}, 2)), y = graph.Constant(RandomTensor({5, 2}, 3));
    const Value loss = Loss(w, x, y);
    const Updates step = optimizer.Minimize(loss, {w});
    Value next;
    for (const Update& u : step) {
      if (u.variable == w) next = u.value;
    }
    ASSERT_TRUE(next.valid());
    const auto after = Import({loss}, {{w, next}}, &graph);
    ASSERT_TRUE(after.ok()) << after.status();
    const Value slope = Gradients((*after)[0], {w})[0];
    State state = *InitialState(graph, /*seed=*/1);
    auto executor = Executor::Create({(*after)[0], slope});
    ASSERT_TRUE(executor.ok()) << executor.status();
    const std::vector<Tensor> here = *executor->Run({}, &state);
    constexpr double kStep = 1e-6;
    for (int64_t i = 0; i < 6; ++i) {
      double moved[2];
      for (const int side : {0, 1}) {
        Tensor at = RandomTensor({3, 2}, 1);
        at.mutable_data<double>()[i] += side == 0 ? -kStep : kStep;
        State near = *InitialState(graph, /*seed=*/1);
        near.Set("w", at);
        moved[side] = (*executor->Run({}, &near))[0].At(0);
      }
      EXPECT_NEAR(here[1].At(i), (moved[1] - moved[0]) / (2 * kStep), 1e-7) << i;
    }
  }
}

}  // namespace
}  // namespace adret::nn
