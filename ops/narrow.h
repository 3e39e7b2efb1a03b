// Narrow: a part of an axis whose place or size only a run knows. (Slice, in ops/slice.h, takes numbers.)
//
//   const Dim time("time");
//   Value last = Narrow(x, 1, time - 1, Dim(1));      // x f32[?,time,64] -> f32[?,1,64]
#ifndef ADRET_OPS_NARROW_H_
#define ADRET_OPS_NARROW_H_

#include <cstdint>

#include "adret/core/dim.h"
#include "adret/core/graph.h"

namespace adret {

// Returns elements begin, begin + 1, ... along an axis of x, of any dtype: `size` of them. Negative axes count from the
// end. Errors: an axis out of range; begin + size beyond the axis, where that is certain while the graph is built, and
// otherwise when a run knows the sizes.
Value Narrow(Operand x, int64_t axis, const Dim& begin, const Dim& size);

}  // namespace adret

#endif  // ADRET_OPS_NARROW_H_
