// Shapes that a graph computes: the shape of a value as numbers, and reshaping to such numbers.
//
//   Value sizes = ShapeOf(x);                                           // x f32[?,time,64]: i64[3]
//   Value rows = Slice(sizes, 0, 0, 1) * Slice(sizes, 0, 1, 2);         // i64[1], the number ?*time
//   Value flat = ReshapeTo(y, Concat({rows, sixty_four}));              // f32[?*time,64]
//
// What such numbers are is known while the graph is built, as dimensions (core/dim.h): so the results have types again.
#ifndef ADRET_OPS_SHAPE_OF_H_
#define ADRET_OPS_SHAPE_OF_H_

#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"

namespace adret {

// Returns the dimensions of x, i64[rank]. No gradient flows through them.
Value ShapeOf(Operand x);

// Returns the numbers of x under the shape that the numbers of `shape`, i64[n] or i32[n], name. One of them may be -1,
// as in Reshape(). Errors: numbers that depend on what a run is fed; numbers of elements that do not fit.
Value ReshapeTo(Operand x, Value shape);

// Returns the numbers of an integer value, row by row, as dimensions: of constants, of ShapeOf(), and of what slices,
// gathers, concatenations, reshapes, casts, sums, differences, products, quotients and Where(Equal()) make of them.
// Fails with the name of the node whose numbers only a run knows.
absl::StatusOr<std::vector<Dim>> KnownDims(const Value& value);

}  // namespace adret

#endif  // ADRET_OPS_SHAPE_OF_H_
