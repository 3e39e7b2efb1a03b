// Other shapes for the same numbers: reshape, flatten, squeeze, unsqueeze. All of them are views: nothing is copied.
//
//   Value rows = Reshape(x, {-1, 50});          // [?,13,13,50] -> [169*?,50]
//   Value features = Flatten(y);                // [?,50,5,5]   -> [?,1250]
//   Value column = Unsqueeze(z, {-1});          // [7]          -> [7,1]
#ifndef ADRET_OPS_RESHAPE_H_
#define ADRET_OPS_RESHAPE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"

namespace adret {

struct ReshapeAttrs {
  Shape shape;
  template <class V>
  void Fields(V&& v) {
    v("shape", shape);
  }
};

// Returns the numbers of x (any dtype), in row-major order, under another shape of as many elements. One dimension may
// be -1: the batch where that makes as many elements, and otherwise what follows from the others. Other symbolic
// dimensions (core/dim.h) stand for themselves, so Reshape(dy, x.shape()) is always possible. Where symbols leave open
// whether the numbers fit, a run tells. Errors: several -1, unless all are the batch; a number of elements that does
// not fit.
Value Reshape(Operand x, const Shape& shape);

// Reshapes [d0, d1, ..., dn] to [d0, d1 * ... * dn]: the first axis (the batch) stays. A scalar becomes [1,1].
Value Flatten(Operand x);

// Removes the axes named (negative ones count from the end), which must have size 1; all axes of size 1 when
// none is named.
Value Squeeze(Operand x, const std::vector<int64_t>& axes = {});

// Inserts new axes of size 1 at these places of the result (negative ones count from its end).
Value Unsqueeze(Operand x, const std::vector<int64_t>& axes);

// Returns what Reshape makes of a shape: `to` with its free dimension filled in.
absl::StatusOr<Shape> InferReshape(const Shape& from, const Shape& to);

}  // namespace adret

#endif  // ADRET_OPS_RESHAPE_H_
