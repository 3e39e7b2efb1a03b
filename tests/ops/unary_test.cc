#include "adret/ops/unary.h"

#include <cmath>
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

struct Domain {
  double lo, hi;
};

OpCase Unary(std::string name, Value (*f)(Operand), double (*reference)(double), Domain domain = {-2, 2}) {
  return {.name = std::move(name),
          .build = [f](Args x) { return Values{f(x[0])}; },
          .inputs = {{.shape = {5, 7}, .lo = domain.lo, .hi = domain.hi, .batch = true}},
          .reference = Elementwise(reference),
          .tolerance = 1e-14};
}

// A function with attributes.
OpCase With(std::string name, std::function<Value(Value)> f, std::function<double(double)> reference) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {{.shape = {5, 7}, .lo = -4, .hi = 4, .batch = true}},
          .reference = Elementwise(std::move(reference)),
          .tolerance = 1e-14};
}

OpCase Integer(std::string name, DType dtype, std::function<Value(Value)> f, double (*reference)(double)) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {{.shape = {37}, .dtype = dtype, .lo = dtype == DType::kUint8 ? 0.0 : -9.0, .hi = 10}},
          .reference = Elementwise(reference),
          .differentiable = false};
}

OpCase Bad(OpCase c, std::function<void(Graph*)> bad, std::string message) {
  c.bad = std::move(bad);
  c.bad_message = std::move(message);
  return c;
}

double Sigmoid64(double x) { return 1 / (1 + std::exp(-x)); }
double Sign64(double x) { return (x > 0) - (x < 0); }
double Gelu64(double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0)); }

const OpCases kFunctions({
    Unary("neg", Neg, [](double x) { return -x; }),
    Unary("abs", Abs, [](double x) { return std::abs(x); }),
    Unary("sign", Sign, Sign64),
    Unary("floor", Floor, [](double x) { return std::floor(x); }),
    Unary("ceil", Ceil, [](double x) { return std::ceil(x); }),
    Unary("round", Round, [](double x) { return std::nearbyint(x); }),
    Unary("square", Square, [](double x) { return x * x; }),
    Unary("reciprocal", Reciprocal, [](double x) { return 1 / x; }, {0.5, 3}),
    Unary("reciprocal/negative", Reciprocal, [](double x) { return 1 / x; }, {-3, -0.5}),
    Unary("sqrt", Sqrt, [](double x) { return std::sqrt(x); }, {0.5, 4}),
    Unary("rsqrt", Rsqrt, [](double x) { return 1 / std::sqrt(x); }, {0.5, 4}),
    Unary("exp", Exp, [](double x) { return std::exp(x); }),
    Unary("expm1", Expm1, [](double x) { return std::expm1(x); }),
    Bad(
        Unary("log", Log, [](double x) { return std::log(x); }, {0.5, 4}),
        [](Graph* g) {
          Log(g->Input("x", DType::kInt32, {2, 3}));
        },
        "log: x must be f32 or f64 (x i32[2,3])"),
    Unary("log1p", Log1p, [](double x) { return std::log1p(x); }, {-0.5, 3}),
    Unary("sin", Sin, [](double x) { return std::sin(x); }, {-6, 6}),
    Unary("cos", Cos, [](double x) { return std::cos(x); }, {-6, 6}),
    Unary("tan", Tan, [](double x) { return std::tan(x); }, {-1, 1}),
    Unary("asin", Asin, [](double x) { return std::asin(x); }, {-0.8, 0.8}),
    Unary("acos", Acos, [](double x) { return std::acos(x); }, {-0.8, 0.8}),
    Unary("atan", Atan, [](double x) { return std::atan(x); }, {-3, 3}),
    Unary("sinh", Sinh, [](double x) { return std::sinh(x); }),
    Unary("cosh", Cosh, [](double x) { return std::cosh(x); }),
    Unary("tanh", Tanh, [](double x) { return std::tanh(x); }),
    Unary("asinh", Asinh, [](double x) { return std::asinh(x); }, {-3, 3}),
    Unary("acosh", Acosh, [](double x) { return std::acosh(x); }, {1.5, 4}),
    Bad(
        Unary("atanh", Atanh, [](double x) { return std::atanh(x); }, {-0.8, 0.8}),
        [](Graph* g) { Atanh(g->Input("x", DType::kBFloat16, {2})); },
        "atanh: x is bf16, but atanh computes in f32 or f64: cast it"),
    Unary("erf", Erf, [](double x) { return std::erf(x); }),
    Unary("sigmoid", Sigmoid, Sigmoid64),
    Unary("softplus", Softplus, [](double x) { return std::log1p(std::exp(x)); }),
    Unary("relu", Relu, [](double x) { return x > 0 ? x : 0; }),
    Unary("silu", Silu, [](double x) { return x * Sigmoid64(x); }),
});

const OpCases kWithAttributes({
    Bad(
        With(
            "leaky_relu", [](Value x) { return LeakyRelu(x, {.slope = 0.2}); },
            [](double x) { return x > 0 ? x : 0.2 * x; }),
        [](Graph* g) { LeakyRelu(g->Input("x", DType::kFloat32, {2}), {.slope = NAN}); },
        "slope must be finite, not nan"),
    Bad(
        With(
            "elu", [](Value x) { return Elu(x, {.alpha = 1.5}); },
            [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); }),
        [](Graph* g) { Elu(g->Input("x", DType::kFloat32, {2}), {.alpha = -1}); },
        "elu: alpha must be finite and at least 0, not -1"),
    With(
        "gelu", [](Value x) { return Gelu(x); }, Gelu64),
    With(
        "gelu/approximate", [](Value x) { return Gelu(x, {.approximate = true}); },
        [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }),
    Bad(
        With(
            "hard_sigmoid", [](Value x) { return HardSigmoid(x); },
            [](double x) { return std::min(std::max(x / 6 + 0.5, 0.0), 1.0); }),
        [](Graph* g) { HardSigmoid(g->Input("x", DType::kFloat32, {2}), {.alpha = INFINITY}); },
        "alpha and beta must be finite"),
    With(
        "hard_sigmoid/onnx", [](Value x) { return HardSigmoid(x, {.alpha = 0.2}); },
        [](double x) { return std::min(std::max(0.2 * x + 0.5, 0.0), 1.0); }),
    Bad(
        With(
            "clip", [](Value x) { return Clip(x, {.min = -1, .max = 0.5}); },
            [](double x) { return std::min(std::max(x, -1.0), 0.5); }),
        [](Graph* g) { Clip(g->Input("x", DType::kFloat32, {2}), {.min = 1, .max = 0}); },
        "clip: min 1 must not be above max 0 (x f32[2])"),
    Bad(
        With(
            "clip/values", [](Value x) { return Clip(x, -0.5, 0.5 * x + 0.25); },
            [](double x) { return std::min(std::max(x, -0.5), 0.5 * x + 0.25); }),
        [](Graph* g) { Clip(g->Input("x", DType::kUint8, {2}), {.min = -5, .max = -1}); },
        "clip: no u8 is between min -5 and max -1 (x u8[2])"),
    Bad(
        With(
            "clip/everything", [](Value x) { return Clip(x, {.min = -1e300, .max = 1e300}); },
            [](double x) { return x; }),
        [](Graph* g) { Clip(g->Input("x", DType::kInt64, {2}), {.min = 0.2, .max = 0.8}); },
        "clip: no i64 is between min 0.2 and max 0.8 (x i64[2])"),
    With(
        "clip/one_sided", [](Value x) { return Clip(x, {.min = 0}); }, [](double x) { return std::max(x, 0.0); }),
});

// Only files of version 0.1 hold it.
const OpCases kReleased({
    {.name = "elu_x_grad",
     .build =
         [](Args x) {
           return Values{Build("elu_x_grad", {x[0], x[1]}, Attrs(EluAttrs{1.5}))};
         },
     .inputs = {{.shape = {4, 3}}, {.shape = {4, 3}, .lo = -1.4, .hi = 2}},
     .reference = Elementwise2([](double dy, double y) { return y > 0 ? dy : dy * (y + 1.5); })},
});

const OpCases kIntegers({
    Integer("neg/i32", DType::kInt32, Neg, [](double x) { return -x; }),
    Integer("abs/i64", DType::kInt64, Abs, [](double x) { return std::abs(x); }),
    Integer("sign/i32", DType::kInt32, Sign, Sign64),
    Integer("square/u8", DType::kUint8, Square, [](double x) { return x * x; }),
    Integer("relu/i32", DType::kInt32, Relu, [](double x) { return std::max(x, 0.0); }),
    Integer(
        "clip/i64", DType::kInt64, [](Value x) { return Clip(x, {.min = -3.5, .max = 4.5}); },
        [](double x) { return std::min(std::max(x, -3.0), 4.0); }),
    Integer(
        "clip/i64_all", DType::kInt64, [](Value x) { return Clip(x, {.min = -0x1p63, .max = 0x1p63}); },
        [](double x) { return x; }),
    Integer(
        "clip/u8", DType::kUint8, [](Value x) { return Clip(x, {.max = 4}); },
        [](double x) { return std::min(x, 4.0); }),
});

const GoldenCases kGolden("elementwise",
                          {
                              {"neg", [](Args x) { return Values{Neg(x[0])}; }},
                              {"abs", [](Args x) { return Values{Abs(x[0])}; }},
                              {"sign", [](Args x) { return Values{Sign(x[0])}; }},
                              {"square", [](Args x) { return Values{Square(x[0])}; }},
                              {"reciprocal", [](Args x) { return Values{Reciprocal(x[0])}; }},
                              {"sqrt", [](Args x) { return Values{Sqrt(x[0])}; }},
                              {"rsqrt", [](Args x) { return Values{Rsqrt(x[0])}; }},
                              {"exp", [](Args x) { return Values{Exp(x[0])}; }},
                              {"expm1", [](Args x) { return Values{Expm1(x[0])}; }},
                              {"log", [](Args x) { return Values{Log(x[0])}; }},
                              {"log1p", [](Args x) { return Values{Log1p(x[0])}; }},
                              {"sin", [](Args x) { return Values{Sin(x[0])}; }},
                              {"cos", [](Args x) { return Values{Cos(x[0])}; }},
                              {"tan", [](Args x) { return Values{Tan(x[0])}; }},
                              {"floor", [](Args x) { return Values{Floor(x[0])}; }},
                              {"ceil", [](Args x) { return Values{Ceil(x[0])}; }},
                              {"round", [](Args x) { return Values{Round(x[0])}; }},
                              {"asin", [](Args x) { return Values{Asin(x[0])}; }},
                              {"acos", [](Args x) { return Values{Acos(x[0])}; }},
                              {"atan", [](Args x) { return Values{Atan(x[0])}; }},
                              {"sinh", [](Args x) { return Values{Sinh(x[0])}; }},
                              {"cosh", [](Args x) { return Values{Cosh(x[0])}; }},
                              {"tanh", [](Args x) { return Values{Tanh(x[0])}; }},
                              {"asinh", [](Args x) { return Values{Asinh(x[0])}; }},
                              {"acosh", [](Args x) { return Values{Acosh(x[0])}; }},
                              {"atanh", [](Args x) { return Values{Atanh(x[0])}; }},
                              {"erf", [](Args x) { return Values{Erf(x[0])}; }},
                              {"sigmoid", [](Args x) { return Values{Sigmoid(x[0])}; }},
                              {"softplus", [](Args x) { return Values{Softplus(x[0])}; }},
                              {"relu", [](Args x) { return Values{Relu(x[0])}; }},
                              {"silu", [](Args x) { return Values{Silu(x[0])}; }},
                              {"leaky_relu", [](Args x) { return Values{LeakyRelu(x[0], {.slope = 0.2})}; }},
                              {"elu", [](Args x) { return Values{Elu(x[0], {.alpha = 1.5})}; }},
                              {"gelu", [](Args x) { return Values{Gelu(x[0])}; }},
                              {"gelu_approximate", [](Args x) { return Values{Gelu(x[0], {.approximate = true})}; }},
                              {"hard_sigmoid", [](Args x) { return Values{HardSigmoid(x[0])}; }},
                              {"clip", [](Args x) { return Values{Clip(x[0], {.min = -1, .max = 0.5})}; }},
                              {"sigmoid_f32", [](Args x) { return Values{Sigmoid(x[0])}; }},
                              {"gelu_f32", [](Args x) { return Values{Gelu(x[0])}; }},
                          });

// The value of f at a number, or its derivative there.
double At(Value (*f)(Value), DType dtype, double at, bool derivative) {
  Graph graph;
  const Value x = graph.Input("x", dtype, {1}), y = f(x);
  auto found = Evaluate(derivative ? Gradients(y, {x})[0] : y, {{x, Tensor::Full(dtype, {1}, at)}});
  return found.ok() ? found->At(0) : NAN;
}
double Slope(Value (*f)(Value), DType dtype, double at) { return At(f, dtype, at, true); }

TEST(Unary, DerivativesKeepTheirTails) {
  constexpr DType f32 = DType::kFloat32, f64 = DType::kFloat64;
  const auto sigmoid = [](Value x) { return Sigmoid(x); };
  const auto tanh = [](Value x) { return Tanh(x); };
  const auto elu = [](Value x) { return Elu(x); };
  const auto expm1 = [](Value x) { return Expm1(x); };
  const auto silu = [](Value x) { return Silu(x); };
  const auto gelu = [](Value x) { return Gelu(x); };
  EXPECT_NEAR(Slope(sigmoid, f32, 17), 4.1399375e-8, 1e-14);
  EXPECT_NEAR(Slope(sigmoid, f32, -80), 1.8048514e-35, 1e-41);
  EXPECT_NEAR(Slope(sigmoid, f64, 40), 4.248354255291589e-18, 1e-32);
  EXPECT_NEAR(Slope(tanh, f32, 10), 8.2446145e-9, 1e-14);
  EXPECT_NEAR(Slope(tanh, f64, -20), 1.6993417021166355e-17, 1e-31);
  EXPECT_NEAR(Slope(elu, f32, -20), 2.0611536e-9, 1e-15);
  EXPECT_NEAR(Slope(expm1, f32, -20), 2.0611536e-9, 1e-15);
  EXPECT_NEAR(Slope(silu, f32, -80), -1.4258326e-33, 1e-39);
  EXPECT_NEAR(Slope(gelu, f64, -10), -7.6184000964648e-22, 1e-34);
}

TEST(Unary, InverseFunctionsKeepTheirTails) {
  constexpr DType f32 = DType::kFloat32, f64 = DType::kFloat64;
  const auto atan = [](Value x) { return Atan(x); };
  const auto asinh = [](Value x) { return Asinh(x); };
  const auto acosh = [](Value x) { return Acosh(x); };
  const auto atanh = [](Value x) { return Atanh(x); };
  EXPECT_NEAR(At(asinh, f32, -1e6, false), -14.508658, 1e-6);
  EXPECT_NEAR(At(asinh, f64, -1e300, false), -691.4686750787736, 1e-12);
  EXPECT_NEAR(At(atanh, f32, 1e-20, false), 1e-20, 1e-27);
  EXPECT_NEAR(Slope(atan, f32, -1e18), 1e-36, 1e-42);
  EXPECT_NEAR(Slope(atan, f64, 1e153), 1e-306, 1e-320);
  EXPECT_NEAR(Slope(asinh, f32, -1e30), 1e-30, 1e-36);
  EXPECT_NEAR(Slope(asinh, f64, 1e300), 1e-300, 1e-314);
  EXPECT_NEAR(Slope(acosh, f32, 1e30), 1e-30, 1e-36);
  EXPECT_NEAR(Slope(atanh, f32, 1 - 0x1p-24), 0x1p23, 1);
}

TEST(Unary, GeluKeepsItsTail) {
  const auto gelu = [](Value x) { return Gelu(x); };
  EXPECT_NEAR(At(gelu, DType::kFloat32, -5, false), -1.4332579e-6, 1e-12);
  EXPECT_NEAR(At(gelu, DType::kFloat32, -6, false), -5.9195254e-9, 1e-14);
  EXPECT_NEAR(At(gelu, DType::kFloat64, -10, false), -7.619853024160526e-23, 1e-36);
}

TEST(Unary, InfinitiesHaveLimits) {
  const double inf = std::numeric_limits<double>::infinity();
  for (Value (*f)(Value) : {+[](Value x) { return Silu(x); }, +[](Value x) { return Gelu(x); },
                            +[](Value x) { return Gelu(x, {.approximate = true}); }}) {
    for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
      EXPECT_EQ(At(f, dtype, -inf, false), 0);
      EXPECT_EQ(At(f, dtype, inf, false), inf);
      EXPECT_EQ(Slope(f, dtype, -inf), 0);
      EXPECT_EQ(Slope(f, dtype, inf), 1);
    }
  }
}

}  // namespace
}  // namespace adret
