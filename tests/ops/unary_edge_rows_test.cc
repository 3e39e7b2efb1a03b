// Edge rows of functions of one value.
#include "adret/ops/broadcast.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/edge_suite.h"

namespace adret {
namespace {

EdgeRow Unary(std::string name, std::function<Value(Value)> f, double ulp = 2, double gradient_ulp = 4) {
  return {.name = std::move(name),
          .build = [f = std::move(f)](Args x) { return Values{f(x[0])}; },
          .inputs = {"specials"},
          .ulp = ulp,
          .gradient_ulp = gradient_ulp};
}
EdgeRow Unary(std::string name, Value (*f)(Operand), double ulp = 2, double gradient_ulp = 4) {
  return Unary(
      std::move(name), [f](Value x) { return f(x); }, ulp, gradient_ulp);
}

// PyTorch's gelu of a negative number that is almost 0 is +0 in f32; and its derivative at -1 is a difference of terms
// twice as large.
EdgeRow WithoutZeroSigns(EdgeRow row) {
  row.signed_zeros = false;
  return row;
}

const EdgeRows kFunctions({
    Unary("neg", Neg, 0, 0),
    Unary("abs", Abs, 0, 0),
    Unary("sign", Sign, 0, 0),
    Unary("floor", Floor, 0, 0),
    Unary("ceil", Ceil, 0, 0),
    Unary("round", Round, 0, 0),
    Unary("square", Square, 0, 0),
    Unary("reciprocal", Reciprocal, 0.5, 1),
    Unary("sqrt", Sqrt, 0.5, 1),
    Unary("rsqrt", Rsqrt, 1, 3),
    Unary("exp", Exp, 1, 1),
    Unary("expm1", Expm1),
    Unary("log", Log, 1, 1),
    Unary("log1p", Log1p),
    Unary("sin", Sin),
    Unary("cos", Cos),
    Unary("tan", Tan),
    Unary("asin", Asin),
    Unary("acos", Acos),
    Unary("atan", Atan),
    Unary("sinh", Sinh),
    Unary("cosh", Cosh),
    Unary("tanh", Tanh),
    Unary("asinh", Asinh),
    Unary("acosh", Acosh),
    Unary("atanh", Atanh),
    Unary("erf", Erf),
    Unary("sigmoid", Sigmoid),
    Unary("softplus", Softplus),
    Unary("relu", Relu, 0, 0),
    Unary("silu", Silu),
    Unary(
        "leaky_relu", [](Value x) { return LeakyRelu(x, {.slope = 0.25}); }, 0, 0),
    Unary("elu", [](Value x) { return Elu(x, {.alpha = 1.5}); }),
    WithoutZeroSigns(Unary(
        "gelu", [](Value x) { return Gelu(x); }, 2, 16)),
    WithoutZeroSigns(Unary(
        "gelu/approximate", [](Value x) { return Gelu(x, {.approximate = true}); }, 2, 16)),
    Unary("hard_sigmoid", [](Value x) { return HardSigmoid(x); }),
    Unary(
        "clip", [](Value x) { return Clip(x, {.min = -1, .max = 0.5}); }, 0, 0),
    Unary(
        "identity", [](Value x) { return Identity(x); }, 0, 0),
    Unary(
        "stop_gradient", [](Value x) { return StopGradient(x); }, 0, 0),
});

EdgeRow On(std::string input, EdgeRow row) {
  row.inputs = {std::move(input)};
  return row;
}
const EdgeRows kSizes({
    On("empty", Unary("square/empty", Square)),
    On("scalar", Unary("square/scalar", Square)),
    On("empty", Unary("sigmoid/empty", Sigmoid)),
    // PyTorch computes the derivative as y (1 - y), which rounds more.
    On("scalar", Unary("sigmoid/scalar", Sigmoid, 2, 16)),
    {.name = "elu_x_grad",
     .build =
         [](Args x) {
           return Values{Build("elu_x_grad", {x[0], x[1]}, Attrs(EluAttrs{1.5}))};
         },
     .inputs = {"a", "b"},
     .signed_zeros = false},
});

}  // namespace
}  // namespace adret
