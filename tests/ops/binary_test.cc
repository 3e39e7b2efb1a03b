#include "adret/ops/binary.h"

#include <cmath>
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/op_suite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Function = Value (*)(Operand, Operand);

// b is at least 0.5, so that one can divide by it; a likewise for powers.
OpCase Binary(std::string name, Function f, double (*reference)(double, double), double a_lo = -2) {
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = {{.shape = {5, 7}, .lo = a_lo, .hi = 2, .batch = true},
                     {.shape = {5, 7}, .lo = 0.5, .hi = 2, .batch = true}},
          .reference = Elementwise2(reference),
          .tolerance = 1e-14};
}

// Against a row, so that broadcasting and its gradient take part.
OpCase Row(OpCase c, std::string name) {
  c.name = std::move(name);
  c.inputs[1].shape = {7};
  c.inputs[1].batch = false;
  const auto reference = c.reference;
  c.reference = [reference](absl::Span<const Tensor> x) {
    Tensor b(DType::kFloat64, x[0].shape());
    for (int64_t i = 0; i < b.num_elements(); ++i) b.mutable_data<double>()[i] = x[1].At(i % 7);
    return reference({x[0], b});
  };
  return c;
}

// b is at most -0.5.
OpCase ByNegative(OpCase c) {
  c.inputs[1].lo = -2, c.inputs[1].hi = -0.5;
  return c;
}

OpCase Integer(std::string name, DType dtype, Function f, double (*reference)(double, double)) {
  const double lo = dtype == DType::kUint8 ? 0 : -6;
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0], x[1])}; },
          .inputs = {{.shape = {101}, .dtype = dtype, .lo = lo, .hi = 7},
                     {.shape = {101}, .dtype = dtype, .lo = lo, .hi = 7}},
          .reference = Elementwise2(reference),
          .differentiable = false};
}

OpCase Bad(OpCase c, std::function<void(Graph*)> bad, std::string message) {
  c.bad = std::move(bad);
  c.bad_message = std::move(message);
  return c;
}

double Add64(double a, double b) { return a + b; }
double Sub64(double a, double b) { return a - b; }
double Mul64(double a, double b) { return a * b; }
double Div64(double a, double b) { return a / b; }
double Pow64(double a, double b) { return std::pow(a, b); }
double Mod64(double a, double b) { return a - b * std::floor(a / b); }
double Fmod64(double a, double b) { return std::fmod(a, b); }
Value PythonMod(Operand a, Operand b) { return Mod(a, b); }
Value FMod(Operand a, Operand b) { return Mod(a, b, {.fmod = true}); }
double Max64(double a, double b) { return std::max(a, b); }
double Min64(double a, double b) { return std::min(a, b); }

const OpCases kFloating({
    Bad(
        Binary("add", Add, Add64),
        [](Graph* g) {
          g->Input("a", DType::kFloat32, {2, 3}) + g->Input("b", DType::kFloat32, {4});
        },
        "add: shapes [2,3] and [4] do not broadcast"),
    Bad(
        Binary("sub", Sub, Sub64),
        [](Graph* g) { g->Input("a", DType::kFloat32, {2}) - g->Input("b", DType::kFloat64, {2}); },
        "(a f32[2], b f64[2])"),
    Bad(
        Binary("mul", Mul, Mul64),
        [](Graph* g) { g->Input("a", DType::kBool, {2}) * g->Input("b", DType::kBool, {2}); },
        "mul: takes numbers, not bool"),
    Bad(
        Binary("div", Div, Div64), [](Graph* g) { g->Input("a", DType::kInt32, {2}) / 0.5; },
        "div: the number 0.5 is not a value of i32"),
    Bad(
        Binary("mod", PythonMod, Mod64), [](Graph* g) { Mod(g->Input("a", DType::kFloat16, {2}), 2); },
        "mod: a is f16, but mod computes in f32 or f64: cast it"),
    Binary("mod/fmod", FMod, Fmod64),
    ByNegative(Binary("mod/negative", PythonMod, Mod64)),
    Binary("pow", Pow, Pow64, /*a_lo=*/0.5),
    Binary("maximum", Maximum, Max64),
    Binary("minimum", Minimum, Min64),
    Row(Binary("", Add, Add64), "add/row"),
    Row(Binary("", Sub, Sub64), "sub/row"),
    Row(Binary("", Mul, Mul64), "mul/row"),
    Row(Binary("", Div, Div64), "div/row"),
    Row(Binary("", FMod, Fmod64), "mod/row"),
    Row(Binary("", Pow, Pow64, 0.5), "pow/row"),
    Row(Binary("", Maximum, Max64), "maximum/row"),
    Row(Binary("", Minimum, Min64), "minimum/row"),
});

OpCase Numbers(std::string name, std::function<Value(Value)> f, double (*reference)(double)) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {{.shape = {5, 7}, .lo = 0.5, .hi = 2, .batch = true}},
          .reference = Elementwise(reference),
          .tolerance = 1e-14};
}

const OpCases kNumbers({
    Numbers(
        "operators", [](Value x) { return -(2.0 * x + 1 - x / 3.0) * (1.0 - x) / x; },
        [](double x) { return -(2 * x + 1 - x / 3) * (1 - x) / x; }),
    Numbers(
        "neutral", [](Value x) { return Pow((0 + (x + 0.0) - 0.0) * 1 / 1, 1) * (1 * x); },
        [](double x) { return x * x; }),
    Numbers(
        "pow/2", [](Value x) { return Pow(x, 2); }, [](double x) { return x * x; }),
    Numbers(
        "pow/half", [](Value x) { return Pow(x, 0.5); }, [](double x) { return std::sqrt(x); }),
    Numbers(
        "pow/inverse", [](Value x) { return Pow(x, -1); }, [](double x) { return 1 / x; }),
    Numbers(
        "pow/3", [](Value x) { return Pow(x, 3); }, [](double x) { return x * x * x; }),
    Numbers(
        "pow/of_number", [](Value x) { return Pow(1.5, x); }, [](double x) { return std::pow(1.5, x); }),
});

// Outer sum: both operands are repeated.
const OpCases kOuter({{.name = "add/outer",
                       .build = [](Args x) { return Values{x[0] * x[1]}; },
                       .inputs = {{.shape = {4, 1, 3}, .batch = true}, {.shape = {5, 1}}},
                       .reference =
                           [](absl::Span<const Tensor> x) {
                             Tensor y(DType::kFloat64, {4, 5, 3});
                             for (int i = 0; i < 60; ++i) {
                               y.mutable_data<double>()[i] = x[0].At(i / 15 * 3 + i % 3) * x[1].At(i / 3 % 5);
                             }
                             return std::vector<Tensor>{y};
                           }}});

double DivInt(double a, double b) { return b == 0 ? 0 : std::trunc(a / b); }

const OpCases kIntegers({
    Integer("add/i32", DType::kInt32, Add, Add64),
    Integer("sub/i64", DType::kInt64, Sub, Sub64),
    Integer("mul/i32", DType::kInt32, Mul, Mul64),
    Integer("div/i64", DType::kInt64, Div, DivInt),
    Integer("div/u8", DType::kUint8, Div, DivInt),
    Integer("mod/i32", DType::kInt32, PythonMod, [](double a, double b) { return b == 0 ? 0 : Mod64(a, b); }),
    Integer("mod/u8", DType::kUint8, PythonMod, [](double a, double b) { return b == 0 ? 0 : Mod64(a, b); }),
    Integer("mod/fmod_i64", DType::kInt64, FMod, [](double a, double b) { return b == 0 ? 0 : Fmod64(a, b); }),
    Integer("pow/i64", DType::kInt64, Pow,
            [](double a, double b) { return a == 0 && b < 0 ? 0 : std::trunc(std::pow(a, b)); }),
    Integer("maximum/u8", DType::kUint8, Maximum, Max64),
    Integer("minimum/i32", DType::kInt32, Minimum, Min64),
});

const GoldenCases kGolden("elementwise", {
                                             {"add", [](Args x) { return Values{x[0] + x[1]}; }},
                                             {"sub", [](Args x) { return Values{x[0] - x[1]}; }},
                                             {"mul", [](Args x) { return Values{x[0] * x[1]}; }},
                                             {"div", [](Args x) { return Values{x[0] / x[1]}; }},
                                             {"mod", [](Args x) { return Values{Mod(x[0], x[1])}; }},
                                             {"fmod", [](Args x) { return Values{Mod(x[0], x[1], {.fmod = true})}; }},
                                             {"mod_i64", [](Args x) { return Values{Mod(x[0], x[1])}; }},
                                             {"pow", [](Args x) { return Values{Pow(x[0], x[1])}; }},
                                             {"pow_at_zero", [](Args x) { return Values{Pow(x[0], x[1])}; }},
                                             {"maximum", [](Args x) { return Values{Maximum(x[0], x[1])}; }},
                                             {"minimum", [](Args x) { return Values{Minimum(x[0], x[1])}; }},
                                         });

static_assert(std::is_same_v<decltype(1.0 + 2.0), double>, "numbers keep their own arithmetic");

double Evaluated(Value value, const Feeds& feeds, int64_t i) { return Evaluate(value, feeds)->At(i); }

TEST(Binary, GradientOfATieGoesToTheFirst) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {2}), b = graph.Input("b", DType::kFloat64, {2});
  const Tensor ones = Tensor::From<double>({2}, {1, 1}), mixed = Tensor::From<double>({2}, {1, 3});
  const Feeds feeds = {{a, ones}, {b, mixed}};
  for (const Value y : {Maximum(a, b), Minimum(a, b)}) {
    const Values dx = Gradients(y, {a, b});
    EXPECT_EQ(Evaluated(dx[0], feeds, 0), 1);
    EXPECT_EQ(Evaluated(dx[1], feeds, 0), 0);
  }
}

TEST(Binary, GradientOfNaNReachesBoth) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat32, {2}), b = graph.Input("b", DType::kFloat32, {2});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Feeds feeds = {{a, Tensor::From<float>({2}, {nan, 3})}, {b, Tensor::From<float>({2}, {3, nan})}};
  for (const Value y : {Maximum(a, b), Minimum(a, b)}) {
    const Values dx = Gradients(y, {a, b});
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(std::isnan(Evaluated(y, feeds, i)));
      EXPECT_EQ(Evaluated(dx[0], feeds, i), 1);
      EXPECT_EQ(Evaluated(dx[1], feeds, i), 1);
    }
  }
}

// As PyTorch: d/db a^b = a^b ln a, which is 0 at a = 0 only where 0^b is finite.
TEST(Binary, GradientsOfPowAtItsEdges) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {4}), b = graph.Input("b", DType::kFloat64, {4});
  const Feeds feeds = {{a, Tensor::From<double>({4}, {0, 0, 2, 0})}, {b, Tensor::From<double>({4}, {0, 2, 0, -1})}};
  const Values dx = Gradients(Pow(a, b), {a, b});
  const double da[] = {0, 0, 0, -kInf}, db[] = {0, 0, std::log(2.0), -kInf};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Evaluated(dx[0], feeds, i), da[i]);
    EXPECT_EQ(Evaluated(dx[1], feeds, i), db[i]);
  }
}

// 0.3 / 0.1 rounds to 3, but 0.3 has 0.1 in it only twice: the slope is that of the remainder that is there.
TEST(Binary, TheGradientOfModCountsAsModDoes) {
  Graph graph;
  const Value a = graph.Input("a", DType::kFloat64, {3}), b = graph.Input("b", DType::kFloat64, {3});
  const Feeds feeds = {{a, Tensor::From<double>({3}, {0.3, -0.3, 7})}, {b, Tensor::From<double>({3}, {0.1, 0.1, -2})}};
  const double floors[] = {2, -3, -4}, truncated[] = {2, -2, -3};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Evaluated(Gradients(Mod(a, b), {b})[0], feeds, i), -floors[i]);
    EXPECT_EQ(Evaluated(Gradients(Mod(a, b, {.fmod = true}), {b})[0], feeds, i), -truncated[i]);
  }
}

TEST(Binary, AnInvalidValuePassesThrough) {
  Graph graph;
  const Value wrong = graph.Input("a", DType::kFloat32, {2}) + graph.Input("b", DType::kFloat32, {3});
  const std::string first(graph.status().message());
  EXPECT_FALSE(wrong.valid());
  EXPECT_FALSE((Square(1.0 - wrong) * wrong).valid());
  EXPECT_FALSE(Pow(wrong, 2).valid());
  EXPECT_EQ(graph.status().message(), first);
}

TEST(Binary, IntegersOf64BitsAreNotRounded) {
  constexpr int64_t kOdd = (int64_t{1} << 53) + 1, kHighest = std::numeric_limits<int64_t>::max();
  Graph graph;
  const Value x = graph.Input("x", DType::kInt64, {1});
  const Feeds feeds = {{x, Tensor::From<int64_t>({1}, {1})}};
  const auto evaluated = [&](Value value) { return Evaluate(value, feeds)->data<int64_t>()[0]; };
  EXPECT_EQ(evaluated(x * kOdd), kOdd);
  EXPECT_EQ(evaluated(kHighest - x), kHighest - 1);
  EXPECT_EQ(evaluated(Maximum(x, kOdd)), kOdd);
  EXPECT_EQ(evaluated(Clip(x, kOdd, kHighest)), kOdd);
  EXPECT_EQ(evaluated(Where(Greater(x, 0), x, kHighest)), 1);
  EXPECT_EQ(evaluated(x + std::numeric_limits<int64_t>::min()), std::numeric_limits<int64_t>::min() + 1);
  ASSERT_TRUE(graph.status().ok());
  x + (uint64_t{1} << 63);
  EXPECT_THAT(std::string(graph.status().message()), testing::HasSubstr("is not a value of i64"));
}

}  // namespace
}  // namespace adret
