// Choosing between two values, and changing the dtype of one.
//
//   Value y = Where(Greater(x, 0.0), x, 0.01 * x);
//   Value pixels = Cast(bytes, DType::kFloat32) / 255.0;
#ifndef ADRET_OPS_WHERE_H_
#define ADRET_OPS_WHERE_H_

#include "adret/core/graph.h"

namespace adret {

// Chooses a where condition holds, b elsewhere. condition is bool; a and b have one dtype, any; the three broadcast.
// Numbers take the dtype of the other choice. The gradient of what is not chosen is zero, even where it would be
// infinite times zero upstream; what lies before an unchosen branch may still be NaN, so keep its argument in its
// domain.
Value Where(Operand condition, Operand a, Operand b);

struct CastAttrs {
  DType dtype = DType::kFloat32;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype);
  }
};
// Converts x: floating to integer truncates and saturates (NaN gives 0), wider to narrower integers saturate, anything
// to bool asks whether it is nonzero. The gradient passes between floating dtypes only.
Value Cast(Operand x, DType dtype);

}  // namespace adret

#endif  // ADRET_OPS_WHERE_H_
