// What rows share that move numbers: shapes of dimensions that may be symbolic, and indices that count from the end.
#ifndef ADRET_IO_ONNX_SHAPES_H_
#define ADRET_IO_ONNX_SHAPES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"
#include "adret/core/shape.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx/call.h"

namespace adret::onnx {

// Returns the shape with these dimensions. Fails where one is below 0 or there are too many.
absl::StatusOr<Shape> ShapeFrom(const Call& c, const std::vector<Dim>& dims);
// Returns an axis in [0, rank), where negative ones count from the end.
absl::StatusOr<int> AxisIn(const Call& c, int64_t axis, int rank);
// Returns axes in [0, rank); all of them where none are given. Fails where one is named twice.
absl::StatusOr<std::vector<int>> AxesIn(const Call& c, const std::optional<std::vector<int64_t>>& axes, int rank);
// Returns the one number of input i, which may be symbolic.
absl::StatusOr<Dim> KnownDim(Call& c, int i);

// Returns the dimension as a value, i64[]: that of axes [from, to) of x, multiplied.
Value SizeOfAxes(const Value& x, int from, int to);
// Returns 0, 1, ..., n - 1, i64[n].
Value Counting(Graph* graph, const Dim& n);
// Returns x under the shape [.., n, ..] with 1 for all other axes of a tensor of this rank; x is [n].
Value Along(const Value& x, int axis, int rank);
// Returns a constant in place of a few integers that are known numbers although their node depends on inputs: a part of
// a shape. Returns all other values as they are.
Value Folded(const Value& y);
// Returns a constant that does not become a weight when it is the output of a node.
Value Fixed(Graph* graph, Tensor tensor);

// Repeats x along an axis: all of it `times` times, one after the other, or (`each`) each element.
Value Repeat(const Value& x, int axis, const Dim& times, bool each);

// Indices into an axis, all of them at least 0 if they are not out of range.
struct Indices {
  Value value;
  std::optional<Tensor> known = {};  // i64
};
// Returns input i, indices into axis `axis` of x, of which negative ones count from the end. Known ones are checked,
// and turned while the file is read.
absl::StatusOr<Indices> IndicesInto(Call& c, int i, const Value& x, int axis);
// Returns the same of a value, of which `known` are the numbers where they are known.
absl::StatusOr<Indices> IndicesInto(const Call& c, const Value& indices, std::optional<Tensor> known, const Value& x,
                                    int axis);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SHAPES_H_
