// Optimisers under gradients whose squares are out of range, and under constant ones.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

// Descends along a fed gradient: one number, or several that are all equal.
class Descent {
 public:
  Descent(const Optimizer& optimizer, DType dtype, int64_t n = 1) : dtype_(dtype), n_(n) {
    const Value w = graph_.Variable("w", Tensor::Zeros(dtype, {n}));
    gradient_ = graph_.Input("g", dtype, {n});
    executor_ = Executor::Create({}, optimizer.Apply({gradient_}, {w}));
    EXPECT_TRUE(executor_.ok()) << executor_.status();
    state_ = *InitialState(graph_, 1);
  }
  // Where the variable is after a step.
  double Step(double g) {
    const auto status = executor_->Run({{gradient_, Tensor::Full(dtype_, {n_}, g)}}, &state_).status();
    EXPECT_TRUE(status.ok()) << status;
    return state_.Get("w")->At(0);
  }

 private:
  DType dtype_;
  int64_t n_;
  Graph graph_;
  Value gradient_;
  absl::StatusOr<Executor> executor_ = absl::InternalError("not made");
  State state_;
};

// A gradient whose square is infinite, and one whose square is the largest that is not.
struct Spike {
  DType dtype;
  double size;
};
const std::vector<Spike> kSpikes = {{DType::kFloat32, 1e20},  {DType::kFloat32, 3e38},  {DType::kFloat32, 1e19},
                                    {DType::kFloat64, 1e160}, {DType::kFloat64, 1e308}, {DType::kFloat32, -1e25}};

// The first step of Adam is the learning rate, whatever the gradient's size. After it, adret stood still for ever.
TEST(OptimizersEdge, AdamGoesOnAfterAHugeGradient) {
  for (const Spike& spike : kSpikes) {
    for (const Optimizer& optimizer : {Adam({.learning_rate = 0.5, .beta1 = 0.5, .beta2 = 0.9}),
                                       AdamW({.learning_rate = 0.5, .beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0})}) {
      Descent descent(optimizer, spike.dtype);
      const double first = descent.Step(spike.size);
      EXPECT_NEAR(first, spike.size > 0 ? -0.5 : 0.5, 1e-5) << spike.size;
      // In exact arithmetic the second step, of a gradient that is nothing beside the first, is this part of the rate.
      const double m = 0.5 * 0.5 / (1 - 0.25), v = 0.9 * 0.1 / (1 - 0.81);
      EXPECT_NEAR(descent.Step(1), first * (1 + m / std::sqrt(v)), 1e-4) << spike.size;
      double before = 0, now = 0;
      for (int i = 0; i < 10000; ++i) before = now, now = descent.Step(1);
      EXPECT_LT(now, before) << "it stands still after " << spike.size;
      EXPECT_TRUE(std::isfinite(now));
    }
  }
}

TEST(OptimizersEdge, RmsPropGoesOnAfterAHugeGradient) {
  for (const Spike& spike : kSpikes) {
    for (const bool centered : {false, true}) {
      Descent descent(RmsProp({.learning_rate = 0.5, .decay = 0.9, .centered = centered}), spike.dtype);
      // g / sqrt(s) with s = 0.1 g^2, less mean^2 = (0.1 g)^2 where it is centred.
      const double expected = 0.5 / std::sqrt(centered ? 0.1 - 0.01 : 0.1);
      EXPECT_NEAR(std::abs(descent.Step(spike.size)), expected, 1e-4) << spike.size;
      double before = 0, now = 0;
      for (int i = 0; i < 10000; ++i) before = now, now = descent.Step(i % 2 == 0 ? 1 : 2);
      EXPECT_LT(now, before) << spike.size;
      EXPECT_TRUE(std::isfinite(now));
    }
  }
}

TEST(OptimizersEdge, AdagradTakesHugeGradients) {
  for (const Spike& spike : kSpikes) {
    Descent descent(Adagrad({.learning_rate = 0.5}), spike.dtype);
    EXPECT_NEAR(std::abs(descent.Step(spike.size)), 0.5, 1e-5) << spike.size;
    for (int i = 0; i < 100; ++i) {
      const double w = descent.Step(spike.size);
      EXPECT_TRUE(std::isfinite(w) && std::abs(w) < 100) << w;
    }
  }
}

// The variance of numbers that are all equal is zero, but for rounding: it must not be negative.
TEST(OptimizersEdge, CentredRmsPropSurvivesAConstantGradient) {
  for (const double decay : {0.5, 0.9, 0.95, 0.99}) {
    for (const double g : {0.1, 0.3, 0.7, 1.1, 2.5, 3.7, 17.3, -123.4}) {
      Descent descent(RmsProp({.learning_rate = 1e-9, .decay = decay, .centered = true}), DType::kFloat32);
      for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(std::isfinite(descent.Step(g))) << "step " << i << " along " << g << ", decay " << decay;
      }
    }
  }
}

TEST(OptimizersEdge, NotANumberIsNotHidden) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Optimizer& optimizer :
       {Adam({.learning_rate = 0.5}), RmsProp({.learning_rate = 0.5, .centered = true}), Adagrad({}), Sgd({})}) {
    EXPECT_TRUE(std::isnan(Descent(optimizer, DType::kFloat32).Step(nan)));
  }
  EXPECT_TRUE(std::isnan(Descent(Sgd({.common = {.clip_norm = 1}}), DType::kFloat32).Step(nan)));
}

// The reported case: the step was 0.
TEST(OptimizersEdge, ClippingByNormScalesGradientsWhoseSquareOverflows) {
  for (const double g : {1e20, 1e30, 3e38, 1.0, 1e-10}) {
    for (const int64_t n : {1, 16, 10000}) {
      Descent descent(Sgd({.learning_rate = 1, .common = {.clip_norm = 2}}), DType::kFloat32, n);
      const double norm = g * std::sqrt(static_cast<double>(n));
      const double expected = -g * std::min(1.0, 2 / (norm + 1e-6));
      EXPECT_NEAR(descent.Step(g), expected, std::abs(expected) * 1e-5) << n << " times " << g;
    }
  }
  Descent descent(Sgd({.learning_rate = 1, .common = {.clip_norm = 2}}), DType::kFloat64);
  EXPECT_NEAR(descent.Step(1e300), -2, 1e-6);
  EXPECT_EQ(descent.Step(0), descent.Step(0));
}

}  // namespace
}  // namespace adret::nn
