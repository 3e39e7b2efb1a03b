#include "adret/autograd/if.h"

#include <cmath>

#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

Tensor Doubles(const Shape& shape, const std::vector<double>& values) { return Tensor::From<double>(shape, values); }

// Two formulas, chosen by the sign of the sum of x.
Values TwoFormulas(Args args) {
  return If(
      Greater(Sum(args[0]), 0.0),
      [&] {
        return Values{Sin(args[0]) * args[1], Sum(args[1])};
      },
      [&] {
        return Values{Exp(args[0]) * args[0], Sum(args[0])};
      });
}

TEST(IfTest, RunsTheChosenBranch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {2}), w = graph.Input("w", DType::kFloat64, {2});
  const Values y = TwoFormulas(Values{x, w});
  ASSERT_EQ(y.size(), 2u) << graph.status();
  const auto executor = Executor::Create(y);
  ASSERT_TRUE(executor.ok()) << executor.status();
  const auto positive = executor->Run({{x, Doubles({2}, {1, 2})}, {w, Doubles({2}, {3, 5})}});
  ASSERT_TRUE(positive.ok()) << positive.status();
  EXPECT_NEAR((*positive)[0].At(1), std::sin(2.0) * 5, 1e-15);
  EXPECT_EQ((*positive)[1].At(0), 8);
  const auto negative = executor->Run({{x, Doubles({2}, {-1, -2})}, {w, Doubles({2}, {3, 5})}});
  ASSERT_TRUE(negative.ok()) << negative.status();
  EXPECT_NEAR((*negative)[0].At(1), std::exp(-2.0) * -2, 1e-15);
  EXPECT_EQ((*negative)[1].At(0), -3);
}

TEST(IfTest, HasGradientsOfBothOrders) {
  for (const double sign : {1.0, -1.0}) {
    const absl::Status s =
        CheckGradients(TwoFormulas, {Doubles({2}, {sign * 0.4, sign * 0.9}), Doubles({2}, {0.3, -1.2})});
    EXPECT_TRUE(s.ok()) << s;
  }
}

TEST(IfTest, NeverTouchesTheOtherBranch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {});
  const Values y = If(
      Greater(x, 0.0), [&] { return Values{Log(x)}; }, [&] { return Values{x * 0.0}; });
  const Value dx = Gradients(y[0], {x})[0];
  const auto result = Evaluate({y[0], dx}, {{x, Tensor::Scalar(DType::kFloat64, 0)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(0), 0);
  EXPECT_EQ((*result)[1].At(0), 0);  // where(x > 0, log(x), 0) would give NaN
}

TEST(IfTest, MayIgnoreTheGraphAround) {
  Graph graph;
  const Value c = graph.Input("c", DType::kBool, {});
  const Value one = graph.Constant(Tensor::Scalar(DType::kFloat32, 1));
  const Value two = graph.Constant(Tensor::Scalar(DType::kFloat32, 2));
  const Values y = If(
      c, [&] { return Values{one}; }, [&] { return Values{two}; });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  Tensor no(DType::kBool, {});
  *no.mutable_data<bool>().data() = false;
  const auto result = Evaluate(y, {{c, no}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(0), 2);
}

TEST(IfTest, WorksInsideALoopAndAroundOne) {
  const auto nested = [](Args args) {
    const ScanResult r = Scan({.carry = {args[1]}, .each = {args[0]}}, [&](const Values& h, const Values& x) {
      const Values next = If(
          Greater(x[0], 0.0), [&] { return Values{Tanh(h[0] * args[2] + x[0])}; },
          [&] {
            const ScanResult inner = Scan({.carry = {h[0]}, .each = {args[0]}}, [&](const Values& g, const Values& z) {
              return ScanStep{.carry = {Sin(g[0] + z[0] * args[2])}};
            });
            return inner.carry;
          });
      return ScanStep{.carry = next, .out = {next[0] * x[0]}};
    });
    return Values{r.carry[0], r.out[0]};
  };
  const absl::Status s =
      CheckGradients(nested, {Doubles({4}, {0.3, -0.8, 0.5, -0.2}), Doubles({}, {0.4}), Doubles({}, {1.3})});
  EXPECT_TRUE(s.ok()) << s;
}

TEST(IfTest, GivesGradientsOfCapturedValuesInsideItsBranch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {});
  const Values y = If(
      Greater(x, 0.0), [&] { return Gradients(x * x * x, {x}); }, [&] { return Values{x}; });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto result = Evaluate(y, {{x, Tensor::Scalar(DType::kFloat64, 2)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(0), 12);
}

TEST(IfTest, RunsForEveryExampleOfABatch) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {3, 2}), w = graph.Input("w", DType::kFloat64, {2});
  const Value flag = graph.Input("flag", DType::kBool, {});
  const Values each = Vmap([&](Args a) { return TwoFormulas(a); }, {x, w}, {.in_axes = {0, kShared}});
  const Values same = Vmap(
      [&](Args a) {
        return If(
            flag, [&] { return Values{Sin(a[0])}; }, [&] { return Values{Cos(a[0])}; });
      },
      {x});
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  Tensor yes(DType::kBool, {});
  *yes.mutable_data<bool>().data() = true;
  const std::vector<double> points = {1, 2, -1, -2, 0.5, -0.25};
  const auto result =
      Evaluate({each[0], each[1], same[0]}, {{x, Doubles({3, 2}, points)}, {w, Doubles({2}, {3, 5})}, {flag, yes}});
  ASSERT_TRUE(result.ok()) << result.status();
  for (int n = 0; n < 3; ++n) {
    const bool positive = points[2 * n] + points[2 * n + 1] > 0;
    EXPECT_EQ((*result)[1].At(n), positive ? 8 : points[2 * n] + points[2 * n + 1]);
    for (int i = 0; i < 2; ++i) {
      const double v = points[2 * n + i];
      EXPECT_NEAR((*result)[0].At(2 * n + i), positive ? std::sin(v) * (i == 0 ? 3 : 5) : std::exp(v) * v, 1e-15);
      EXPECT_NEAR((*result)[2].At(2 * n + i), std::sin(v), 1e-15);
    }
  }
}

TEST(IfTest, BindsSymbolsInItsBranches) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, Dim("time")});
  const Values y = If(
      Greater(Sum(x), 0.0), [&] { return Values{x * 2.0}; }, [&] { return Values{x - 1.0}; });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(y[0].type(), x.type());
  const auto result = Evaluate(y, {{x, Doubles({1, 3}, {-1, -1, 1})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(2), 0);
}

TEST(IfTest, HasNoGradientOfWhatAnExampleDoesNotChoose) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {3});
  const Values y = Vmap(
      [](Args v) {
        return If(
            Greater(v[0], 0.0), [&] { return Values{Log(v[0])}; }, [&] { return Values{v[0] * 2.0}; });
      },
      {x});
  const Value slope = Gradients(Sum(y[0]), {x})[0], curvature = Gradients(Sum(slope), {x})[0];
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto result = Evaluate({slope, curvature}, {{x, Doubles({3}, {4, 0, -1})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].ToString(), "f64[3] [0.25, 2, 2]");
  EXPECT_EQ((*result)[1].ToString(), "f64[3] [-0.0625, 0, 0]");
}

// Symbols that stand nowhere but in a branch are sizes of the plan, too.
TEST(IfTest, HasSizesInItsBranchesThatOnlyAnotherInputSays) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {Dim("time")}), flag = graph.Input("flag", DType::kBool, {}),
              two = graph.Constant(Tensor::Scalar(DType::kFloat64, 2));
  const Values y = If(
      flag,
      [&] {
        return Values{Sum(BroadcastTo(two, {Dim("time"), 3}))};
      },
      [&] { return Values{-two}; });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto executor = Executor::Create({y[0], Sum(x)});
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int64_t time : {4, 1, 7}) {
    const auto result =
        executor->Run({{x, Tensor::Zeros(DType::kFloat64, {time})}, {flag, Tensor::Scalar(DType::kBool, 1)}});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ((*result)[0].At(0), 6.0 * static_cast<double>(time));
  }
  const auto unsaid = Evaluate(y, {{flag, Tensor::Scalar(DType::kBool, 1)}});
  EXPECT_THAT(std::string(unsaid.status().message()), HasSubstr("no input that is fed says what 'time' is"));
}

TEST(IfTest, CapturesProductsOfSizes) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {Dim("time"), Dim("length")});
  const Value flat = Reshape(x, {Dim("time") * Dim("length")});
  const Values y = If(
      Greater(Sum(x), 0.0), [&] { return Values{flat * 2.0}; }, [&] { return Values{flat - 1.0}; });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto result = Evaluate(y, {{x, Tensor::Full(DType::kFloat64, {2, 3}, 0.5)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].shape(), Shape({6}));
  EXPECT_EQ((*result)[0].At(5), 1);
}

// What a graph says after an If() on x f32[4].
std::string ErrorOf(const std::function<void(Value x, Value flag)>& build) {
  Graph graph;
  build(graph.Input("x", DType::kFloat32, {4}), graph.Input("flag", DType::kBool, {}));
  return std::string(graph.status().message());
}

TEST(IfTest, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf([](Value x, Value) {
                If(
                    x, [&] { return Values{x}; }, [&] { return Values{x}; });
              }),
              HasSubstr("if: the condition has to be bool[], but is f32[4]"));
  EXPECT_THAT(ErrorOf([](Value x, Value c) {
                If(
                    c, [&] { return Values{x}; }, [&] { return Values{Sum(x)}; });
              }),
              HasSubstr("if: value 0 is f32[4] in one branch and f32[] in the other"));
  EXPECT_THAT(ErrorOf([](Value x, Value c) {
                If(
                    c,
                    [&] {
                      return Values{x, x};
                    },
                    [&] { return Values{x}; });
              }),
              HasSubstr("if: one branch returns 2 values and the other 1"));
  EXPECT_THAT(ErrorOf([](Value, Value c) {
                If(
                    c, [] { return Values{}; }, [] { return Values{}; });
              }),
              HasSubstr("if: the branches return nothing"));
  EXPECT_THAT(ErrorOf([](Value x, Value c) {
                If(
                    c, [&] { return Values{x + RandomNormalLike(x)}; }, [&] { return Values{x}; });
              }),
              HasSubstr("random numbers have to be drawn outside"));
  EXPECT_THAT(ErrorOf([](Value x, Value c) {
                If(
                    c, [&] { return Values{MatMul(x, x)}; }, [&] { return Values{x}; });
              }),
              HasSubstr("matmul"));
}

}  // namespace
}  // namespace adret
