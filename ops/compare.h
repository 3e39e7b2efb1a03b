// Comparisons and logic, element by element, with NumPy's broadcasting. Results are bool; their gradient is zero.
//
//   Value inside = LogicalAnd(GreaterEqual(x, 0.0), Less(x, 1.0));
//
// Comparisons take two operands of one dtype (a number takes the other's) and follow IEEE 754: NaN is different from
// everything. Logical functions take bool only, IsNan() and IsInf() f32, f64, bf16 and f16. Errors (kept by the graph):
// other dtypes, two dtypes, shapes that do not broadcast.
#ifndef ADRET_OPS_COMPARE_H_
#define ADRET_OPS_COMPARE_H_

#include "adret/core/graph.h"

namespace adret {

Value Equal(Operand a, Operand b);
Value NotEqual(Operand a, Operand b);
Value Less(Operand a, Operand b);
Value LessEqual(Operand a, Operand b);
Value Greater(Operand a, Operand b);
Value GreaterEqual(Operand a, Operand b);

Value IsNan(Operand x);

struct IsInfAttrs {
  bool detect_negative = true;  // -infinity counts
  bool detect_positive = true;  // infinity counts
  template <class V>
  void Fields(V&& v) {
    v("detect_negative", detect_negative), v("detect_positive", detect_positive);
  }
};
Value IsInf(Operand x, IsInfAttrs attrs = {});

Value LogicalAnd(Operand a, Operand b);
Value LogicalOr(Operand a, Operand b);
Value LogicalXor(Operand a, Operand b);
Value LogicalNot(Operand x);

}  // namespace adret

#endif  // ADRET_OPS_COMPARE_H_
