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
// Converts x: to integers truncates and saturates (NaN gives 0), to floating dtypes rounds once to the nearest, to bool
// asks whether it is nonzero (core/convert.h). The gradient passes between floating dtypes only, bf16 and f16 among
// them: it is cast back.
Value Cast(Operand x, DType dtype);

// Returns add(x), for functions that add elements up. Where x is bf16 or f16, it is done in f32, and rounded once.
template <class F>
Value AddingInF32(const Value& x, F&& add) {
  return IsHalf(x.dtype()) ? Cast(add(Cast(x, DType::kFloat32)), x.dtype()) : add(x);
}

}  // namespace adret

#endif  // ADRET_OPS_WHERE_H_
