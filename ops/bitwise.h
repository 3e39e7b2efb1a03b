// Integers as bits, and values under another dtype with the same bits.
//
//   Value low = BitwiseAnd(x, 0x0f);
//   Value doubled = ShiftLeft(low, 1);
//   Value bits = Bitcast(w, DType::kUint32);   // w f32
//
// All but Bitcast() take every integer dtype. Both operands have one dtype; a number becomes a constant of the other
// operand's dtype; shapes broadcast. Errors (kept by the graph): another dtype, two dtypes, shapes that do not
// broadcast.
#ifndef ADRET_OPS_BITWISE_H_
#define ADRET_OPS_BITWISE_H_

#include "adret/core/graph.h"

namespace adret {

Value BitwiseAnd(Operand a, Operand b);
Value BitwiseOr(Operand a, Operand b);
Value BitwiseXor(Operand a, Operand b);
Value BitwiseNot(Operand x);

// Shifts the bits of a by b places; zeros come in.
Value ShiftLeft(Operand a, Operand b);
// Shifts the bits of a by b places: a / 2^b, rounded down. In a negative number come ones, its sign.
//
// A shift by as many places as a has bits, or more, or a negative number of them, leaves nothing of a: zeros, or, of a
// negative number that is shifted to the right, ones.
Value ShiftRight(Operand a, Operand b);

struct BitcastAttrs {
  DType dtype = DType::kInt32;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype);
  }
};
// Returns the same bits under another dtype, any whose elements have x's size. A bool may be any byte, as a feed may
// hold it: 2 is true, and 2 again as u8. Error: elements of another size.
Value Bitcast(Operand x, DType dtype);

}  // namespace adret

#endif  // ADRET_OPS_BITWISE_H_
