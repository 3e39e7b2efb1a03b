// Arithmetic on two values, element by element, with NumPy's broadcasting.
//
//   Value y = 2.0 * x + Maximum(x, b) / Pow(x, 3.0);
//
// Both operands have one dtype; a number becomes a constant of the other operand's dtype. Where shapes differ, the
// builder inserts broadcast_to nodes, so the ops themselves, and their gradients, only see equal shapes. All take f32,
// f64 and the integer dtypes, which wrap around. Errors (kept by the graph): two dtypes, shapes that do not broadcast,
// bool.
#ifndef ADRET_OPS_BINARY_H_
#define ADRET_OPS_BINARY_H_

#include "adret/core/graph.h"

namespace adret {

Value Add(Operand a, Operand b);
Value Sub(Operand a, Operand b);
Value Mul(Operand a, Operand b);
// Divides a by b. Integer division truncates; x / 0 is 0, and the smallest integer / -1 is itself.
Value Div(Operand a, Operand b);

struct ModAttrs {
  bool fmod = false;  // give the remainder a's sign, as C does
  template <class V>
  void Fields(V&& v) {
    v("fmod", fmod);
  }
};
// Computes the remainder of a / b that has b's sign, as in Python: a - b floor(a / b). By 0 it is 0 for integers, NaN
// for f32 and f64. The gradient with respect to b is -floor(a / b) (with fmod: rounded towards 0).
Value Mod(Operand a, Operand b, ModAttrs attrs = {});

// Raises a to the power b. For integers a negative power truncates like division: 0 unless |a| is 1 (0 to a negative
// power is 0). A number b of 1, 2, 0.5 or -1 builds x itself, square, sqrt or reciprocal. The gradient with respect to
// b takes 0 * log(0) as 0.
Value Pow(Operand a, Operand b);
// Returns the larger one. Where both are equal the gradient goes to a. NaN in either gives NaN.
Value Maximum(Operand a, Operand b);
// Returns the smaller one. Where both are equal the gradient goes to a. NaN in either gives NaN.
Value Minimum(Operand a, Operand b);

// Builds add, sub, mul, div or neg. The operators of numbers are not affected: at least one operand is a Value.
Value operator+(Operand a, Operand b);
Value operator-(Operand a, Operand b);
Value operator*(Operand a, Operand b);
Value operator/(Operand a, Operand b);
Value operator-(Operand x);

}  // namespace adret

#endif  // ADRET_OPS_BINARY_H_
