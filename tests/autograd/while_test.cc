#include "adret/autograd/while.h"

#include <cmath>

#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

Tensor Number(double v) { return Tensor::Scalar(DType::kFloat64, v); }

// Newton's method for the root of x^2 = a, until a step changes less than 1e-12.
WhileResult Root(const Value& a, int64_t max_iterations = -1) {
  return While(
      {.carry = {a + 1.0, a * 0.5 + 0.5}, .max_iterations = max_iterations},
      [](const Values& v) { return Greater(Abs(v[0] - v[1]), 1e-12); },
      [&](const Values& v) {
        return Values{v[1], 0.5 * (v[1] + a / v[1])};
      });
}

TEST(WhileTest, GoesOnUntilTheConditionFails) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {});
  const WhileResult r = Root(a);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto executor = Executor::Create({r.carry[1], r.iterations});
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (const double v : {2.0, 81.0, 1e6, 0.25}) {
    const auto result = executor->Run({{a, Number(v)}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_NEAR((*result)[0].At(0), std::sqrt(v), 1e-12 * std::sqrt(v));
    EXPECT_GT((*result)[1].At(0), 2);
  }
  EXPECT_EQ(executor->Report()->steps.size(), 3u);  // two operands and the loop
}

TEST(WhileTest, MayRunNeverOrStopAtItsBound) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {2});
  const auto twice = [](const Values& v) { return Values{v[0] * 2.0}; };
  const WhileResult never = While(
      {.carry = {x}}, [](const Values& v) { return Greater(Sum(v[0]), 1e9); }, twice);
  const WhileResult bounded = While(
      {.carry = {x}, .max_iterations = 3}, [](const Values& v) { return Less(Sum(v[0]), 1e9); }, twice);
  const WhileResult none = While(
      {.carry = {x}, .max_iterations = 0}, [](const Values& v) { return Less(Sum(v[0]), 1e9); }, twice);
  const Values fetches = {never.carry[0], never.iterations, bounded.carry[0], bounded.iterations, none.iterations};
  const auto result = Evaluate(fetches, {{x, Tensor::From<double>({2}, {1, 2})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(1), 2);
  EXPECT_EQ((*result)[1].At(0), 0);
  EXPECT_EQ((*result)[2].At(1), 16);
  EXPECT_EQ((*result)[3].At(0), 3);
  EXPECT_EQ((*result)[4].At(0), 0);
}

TEST(WhileTest, HasGradientsOfBothOrdersWithABound) {
  for (const int64_t bound : {50, 2, 0}) {
    const absl::Status s = CheckGradients(
        [&](Args args) {
          const WhileResult r = While(
              {.carry = {args[0]}, .max_iterations = bound},
              [](const Values& v) { return Less(Sum(v[0] * v[0]), 40.0); },
              [&](const Values& v) { return Values{v[0] * args[1] + Sin(v[0])}; });
          return r.carry;
        },
        {Tensor::From<double>({2}, {0.4, -0.9}), Tensor::From<double>({2}, {1.3, 1.7})});
    EXPECT_TRUE(s.ok()) << bound << ": " << s;
  }
}

TEST(WhileTest, IsDifferentiatedInsideAScan) {
  const auto nested = [](Args args) {
    const ScanResult r = Scan({.carry = {args[1]}, .each = {args[0]}}, [&](const Values& h, const Values& x) {
      const WhileResult inner = While(
          {.carry = {h[0] + x[0]}, .max_iterations = 6}, [](const Values& v) { return Less(v[0], 3.0); },
          [&](const Values& v) { return Values{v[0] * args[2] + x[0]}; });
      return ScanStep{.carry = {Sin(inner.carry[0])}, .out = inner.carry};
    });
    return Values{r.carry[0], r.out[0]};
  };
  const absl::Status s = CheckGradients(nested, {Tensor::From<double>({3}, {0.3, 0.8, 0.5}), Number(0.4), Number(1.6)});
  EXPECT_TRUE(s.ok()) << s;
}

TEST(WhileTest, RunsForEveryExampleOfABatch) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {3});
  const Values y = Vmap(
      [](Args v) {
        const WhileResult r = Root(v[0]);
        return Values{r.carry[1], r.iterations};
      },
      {a});
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const std::vector<double> points = {2, 1e8, 0.25};
  const auto result = Evaluate(y, {{a, Tensor::From<double>({3}, points)}});
  ASSERT_TRUE(result.ok()) << result.status();
  for (int n = 0; n < 3; ++n) {
    Graph single;
    const Value one = single.Input("a", DType::kFloat64, {});
    const WhileResult r = Root(one);
    const auto expected = Evaluate({r.carry[1], r.iterations}, {{one, Number(points[n])}});
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_EQ((*result)[0].At(n), (*expected)[0].At(0));
    EXPECT_EQ((*result)[1].At(n), (*expected)[1].At(0));
  }
}

TEST(WhileTest, SaysWhatIsWrong) {
  const auto error = [](const WhileCondition& condition, const WhileBody& body, int64_t bound = -1) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {4});
    While({.carry = {x}, .max_iterations = bound}, condition, body);
    return std::string(graph.status().message());
  };
  const WhileCondition small = [](const Values& v) { return Less(Sum(v[0]), 1.0); };
  const WhileBody twice = [](const Values& v) { return Values{v[0] * 2.0}; };
  EXPECT_EQ(error(small, twice), "");
  EXPECT_THAT(error([](const Values& v) { return Less(v[0], 1.0); }, twice),
              HasSubstr("while: the condition has to be bool[], but is bool[4]"));
  EXPECT_THAT(error(small, [](const Values& v) { return Values{Sum(v[0])}; }),
              HasSubstr("while: carry 0 is f32[4] but the body returns f32[]"));
  EXPECT_THAT(error(small, [](const Values&) { return Values{}; }),
              HasSubstr("while: the body returns 0 values for a carry of 1"));
  EXPECT_THAT(error(small, twice, -2), HasSubstr("while: max_iterations is -2"));
}

TEST(WhileTest, HasNoGradientWithoutABound) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {});
  const WhileResult r = Root(a);
  Gradients(r.carry[1], {a});
  EXPECT_THAT(graph.status().message(),
              HasSubstr("has no bound on its iterations (max_iterations), so it has no gradient"));
}

}  // namespace
}  // namespace adret
