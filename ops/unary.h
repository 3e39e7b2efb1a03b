// Functions of one value, element by element.
//
//   Value y = Tanh(Square(x) + 1.0);
//   Value z = LeakyRelu(y, {.slope = 0.2});
//
// The result has x's type. neg, abs, sign, square, relu and clip also take integers of any dtype (which wrap around);
// the others take f32 and f64. Where a function is not defined (log of a negative number) the result is NaN. Errors
// (kept by the graph): a dtype that the function does not take; attributes outside their documented range.
#ifndef ADRET_OPS_UNARY_H_
#define ADRET_OPS_UNARY_H_

#include <limits>

#include "adret/core/graph.h"

namespace adret {

Value Neg(Operand x);
Value Abs(Operand x);    // gradient at 0: 0
Value Sign(Operand x);   // -1, 0 or 1; its gradient is zero
Value Floor(Operand x);  // the largest integer that is at most x; gradient: 0
Value Ceil(Operand x);   // the smallest integer that is at least x; gradient: 0
Value Round(Operand x);  // the nearest integer, of a tie the even one; gradient: 0
Value Square(Operand x);
Value Reciprocal(Operand x);  // 1 / x
Value Sqrt(Operand x);
Value Rsqrt(Operand x);  // 1 / sqrt(x)
Value Exp(Operand x);
Value Expm1(Operand x);  // exp(x) - 1, accurate near 0
Value Log(Operand x);
Value Log1p(Operand x);  // log(1 + x), accurate near 0
Value Sin(Operand x);
Value Cos(Operand x);
Value Tan(Operand x);
Value Asin(Operand x);
Value Acos(Operand x);
Value Atan(Operand x);
Value Sinh(Operand x);
Value Cosh(Operand x);
Value Tanh(Operand x);
Value Asinh(Operand x);
Value Acosh(Operand x);
Value Atanh(Operand x);
Value Erf(Operand x);  // 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x

Value Sigmoid(Operand x);   // 1 / (1 + exp(-x))
Value Softplus(Operand x);  // log(1 + exp(x)), without overflow
Value Relu(Operand x);      // max(x, 0); gradient at 0: 0
Value Silu(Operand x);      // x * sigmoid(x) (Elfwing et al. 2017)

struct LeakyReluAttrs {
  double slope = 0.01;  // finite
  template <class V>
  void Fields(V&& v) {
    v("slope", slope);
  }
};
// Computes x where x > 0, slope * x elsewhere; gradient at 0: slope.
Value LeakyRelu(Operand x, LeakyReluAttrs attrs = {});

struct EluAttrs {
  double alpha = 1.0;  // finite, at least 0
  template <class V>
  void Fields(V&& v) {
    v("alpha", alpha);
  }
};
// Computes x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015).
Value Elu(Operand x, EluAttrs attrs = {});

struct GeluAttrs {
  // Use x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), as GPT-2 does.
  bool approximate = false;
  template <class V>
  void Fields(V&& v) {
    v("approximate", approximate);
  }
};
// Computes x * Phi(x), Phi the standard normal distribution (Hendrycks and Gimpel 2016).
Value Gelu(Operand x, GeluAttrs attrs = {});

struct HardSigmoidAttrs {
  double alpha = 1.0 / 6;  // finite
  double beta = 0.5;       // finite
  template <class V>
  void Fields(V&& v) {
    v("alpha", alpha), v("beta", beta);
  }
};
// Computes alpha * x + beta, clipped to [0, 1]. The defaults are PyTorch's (ONNX has alpha = 0.2).
Value HardSigmoid(Operand x, HardSigmoidAttrs attrs = {});

struct ClipAttrs {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();  // not below min
  template <class V>
  void Fields(V&& v) {
    v("min", min), v("max", max);
  }
};
// Computes min(max(x, attrs.min), attrs.max): Clip(x, {.min = 0, .max = 1}). The gradient passes where min <= x <= max;
// it is 0 where x is NaN. Error: x is of an integer dtype of which no number is between the bounds.
Value Clip(Operand x, ClipAttrs attrs);
// Computes min(max(x, min), max) with bounds that are values or numbers; x and the bounds broadcast.
Value Clip(Operand x, Operand min, Operand max);

}  // namespace adret

#endif  // ADRET_OPS_UNARY_H_
