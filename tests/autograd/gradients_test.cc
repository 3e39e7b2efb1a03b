#include "adret/autograd/gradients.h"

#include <cmath>

#include "absl/strings/match.h"
#include "adret/autograd/check_gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using absl::StrContains;

double At(const Value& v, const Feeds& feeds) {
  auto t = Evaluate(v, feeds);
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? t->At(0) : NAN;
}

TEST(Gradients, HigherOrders) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value y = Sin(x);
  const Feeds feeds = {{x, Tensor::Scalar(DType::kFloat64, 0.3)}};
  const double expected[] = {std::cos(0.3), -std::sin(0.3), -std::cos(0.3), std::sin(0.3)};
  for (double e : expected) {
    y = Gradients(y, {x})[0];
    EXPECT_NEAR(At(y, feeds), e, 1e-14);
  }
}

TEST(Gradients, FanOutAddsUp) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value y = x * x + x * 3.0 + Exp(x) - x;
  EXPECT_NEAR(At(Gradients(y, {x})[0], {{x, Tensor::Scalar(DType::kFloat64, 2)}}), 4 + 3 + std::exp(2.0) - 1, 1e-12);
}

TEST(Gradients, SeveralOutputsAndSeeds) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value two = graph.Constant(Tensor::Scalar(DType::kFloat64, 2));
  Values dx = Gradients({x * x, x * 5.0}, {x}, {.seeds = {two, Value()}});
  EXPECT_NEAR(At(dx[0], {{x, Tensor::Scalar(DType::kFloat64, 3)}}), 2 * 6 + 5, 1e-12);
}

TEST(Gradients, OfValuesInBetween) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value h = x * x;
  Value y = h * h * 3.0;
  EXPECT_NEAR(At(Gradients(y, {h})[0], {{x, Tensor::Scalar(DType::kFloat64, 2)}}), 24, 1e-12);
  EXPECT_NEAR(At(Gradients(y, {y})[0], {{x, Tensor::Scalar(DType::kFloat64, 2)}}), 1, 0);
  const Values both = Gradients(y, {h, x});
  EXPECT_NEAR(At(both[1], {{x, Tensor::Scalar(DType::kFloat64, 2)}}), 12 * 8, 1e-12);
}

TEST(Gradients, WithoutAPathAreZeros) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {2}), z = graph.Input("z", DType::kFloat64, {3});
  Value dz = Gradients(x * 2.0, {z})[0];
  EXPECT_EQ(dz.type(), z.type());
  auto t = Evaluate(dz, {{z, Tensor::Full(DType::kFloat64, {3}, 1)}});
  EXPECT_TRUE(t->BitEqual(Tensor::Zeros(DType::kFloat64, {3})));
}

TEST(Gradients, StopAtStopGradientAndIntegers) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value y = x * StopGradient(x) + Cast(Cast(x, DType::kInt64), DType::kFloat64) * 7.0;
  EXPECT_NEAR(At(Gradients(y, {x})[0], {{x, Tensor::Scalar(DType::kFloat64, 3)}}), 3, 0);
}

TEST(Gradients, OverridesReplaceARuleForOneCall) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value y = Tanh(x) * 2.0;
  const GradientRule straight_through = [](const GradientContext& c) { return Values{c.dy()}; };
  const Feeds feeds = {{x, Tensor::Scalar(DType::kFloat64, 1)}};
  EXPECT_NEAR(At(Gradients(y, {x}, {.overrides = {{"tanh", straight_through}}})[0], feeds), 2, 0);
  EXPECT_NEAR(At(Gradients(y, {x})[0], feeds), 2 * (1 - std::tanh(1.0) * std::tanh(1.0)), 1e-14);
}

const OpRegistration kWithoutGradient({.name = "test_without_gradient",
                                       .doc = "y = x.",
                                       .inputs = {"x"},
                                       .type = SameType,
                                       .no_gradient = "it exists to have none",
                                       .traits = {.view = true}});

TEST(Gradients, AnOpWithoutGradientIsNamedWithThePath) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {});
  Value rough = Build("test_without_gradient", {Exp(x)}).Named("rough");
  Value loss = (rough * 2.0).Named("loss");
  EXPECT_FALSE(Gradients(loss, {x})[0].valid());
  const std::string message(graph.status().message());
  EXPECT_TRUE(StrContains(message, "test_without_gradient")) << message;
  EXPECT_TRUE(StrContains(message, "it exists to have none")) << message;
  EXPECT_TRUE(StrContains(message, "loss <- rough")) << message;
  EXPECT_TRUE(StrContains(message, "gradients_test.cc:")) << message;
}

TEST(Gradients, BadRequestsAreNamed) {
  Graph a, b;
  Value x = a.Input("x", DType::kFloat64, {}), z = b.Input("z", DType::kFloat64, {});
  Gradients(x, {z});
  EXPECT_TRUE(StrContains(a.status().message(), "different graphs")) << a.status();
  Graph c;
  Value i = c.Input("i", DType::kInt64, {});
  Gradients(i, {i});
  EXPECT_TRUE(StrContains(c.status().message(), "only floating-point")) << c.status();
  EXPECT_FALSE(Gradients(Value(), {Value()})[0].valid());
}

// The checker is checked: rules that are wrong by 0.1 % at order 1, or only at order 2, must be found.
TEST(CheckGradients, FindsWrongRules) {
  const auto f = [](absl::Span<const Value> x) { return Values{Tanh(x[0]) * Exp(x[1])}; };
  const std::vector<Tensor> points = {Tensor::From<double>({3}, {0.3, -0.2, 0.9}),
                                      Tensor::From<double>({3}, {0.1, 0.5, -0.4})};
  EXPECT_TRUE(CheckGradients(f, points).ok()) << CheckGradients(f, points);

  CheckGradientsOptions wrong;
  wrong.gradients.overrides["tanh"] = [](const GradientContext& c) {
    return Values{c.dy() * (1.0 - c.y() * c.y()) * 1.001};
  };
  absl::Status status = CheckGradients(f, points, wrong);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(StrContains(status.message(), "order 1")) << status;

  // Right numbers, but a gradient that is itself differentiated wrongly.
  CheckGradientsOptions wrong_at_order_2;
  wrong_at_order_2.gradients.overrides["exp"] = [](const GradientContext& c) {
    return Values{c.dy() * StopGradient(c.y())};
  };
  status = CheckGradients(f, points, wrong_at_order_2);
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(StrContains(status.message(), "order 2")) << status;
  wrong_at_order_2.order = 1;
  EXPECT_TRUE(CheckGradients(f, points, wrong_at_order_2).ok());
}

TEST(CheckGradients, FindsMissingAndSwappedTerms) {
  const auto f = [](absl::Span<const Value> x) { return Values{x[0] / x[1]}; };
  const std::vector<Tensor> points = {Tensor::From<double>({2}, {0.3, -0.2}), Tensor::From<double>({2}, {1.1, 1.5})};
  CheckGradientsOptions wrong;
  wrong.gradients.overrides["div"] = [](const GradientContext& c) { return Values{c.dy() / c.x(1), Value()}; };
  EXPECT_FALSE(CheckGradients(f, points, wrong).ok());
}

}  // namespace
}  // namespace adret
