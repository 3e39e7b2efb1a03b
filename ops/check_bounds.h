// check_bounds: integers that a run refuses where they are out of bounds.
//
//   Value lengths = CheckBounds(given, Dim("time"));          // i64[n], at most as long as the sequences
#ifndef ADRET_OPS_CHECK_BOUNDS_H_
#define ADRET_OPS_CHECK_BOUNDS_H_

#include "adret/core/dim.h"
#include "adret/core/graph.h"

namespace adret {

// Returns x, i64 of any shape. A run fails with OutOfRange, naming the first such element, where one is below 0 or
// above `most`, which may be symbolic.
Value CheckBounds(Operand x, const Dim& most);

}  // namespace adret

#endif  // ADRET_OPS_CHECK_BOUNDS_H_
