#include "adret/io/onnx/shapes.h"

#include <utility>

#include "adret/core/status.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

// As many numbers as a shape's computation may have.
constexpr int64_t kMostFolded = 64;

// Returns the numbers with the size of the axis added to negative ones.
absl::StatusOr<Tensor> Normalised(const Call& c, const Tensor& indices, int64_t size) {
  std::vector<int64_t> numbers;
  for (const int64_t k : indices.data<int64_t>()) {
    if (k < -size || k >= size) return c.Error("index ", k, " is outside an axis of size ", size);
    numbers.push_back(k < 0 ? k + size : k);
  }
  return Tensor::From<int64_t>(indices.shape(), numbers);
}

bool AnyNegative(const Tensor& indices) {
  for (const int64_t k : indices.data<int64_t>()) {
    if (k < 0) return true;
  }
  return false;
}

bool MayBeNegative(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt32 || dtype == DType::kInt64;
}

}  // namespace

absl::StatusOr<Shape> ShapeFrom(const Call& c, const std::vector<Dim>& dims) {
  if (dims.size() > kMaxRank) return c.Error("a tensor of rank ", dims.size(), " is too much; at most ", kMaxRank);
  Shape shape;
  for (const Dim& dim : dims) {
    if (!IsDimCode(dim.code())) return c.Error("a dimension is ", dim.ToString());
    shape.push_back(dim.code());
  }
  if (const absl::Status valid = shape.Validate(); !valid.ok()) return c.Error(shape.ToString(), ": ", valid.message());
  return shape;
}

absl::StatusOr<int> AxisIn(const Call& c, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) return c.Error("axis ", axis, " is no axis of a tensor of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::StatusOr<std::vector<int>> AxesIn(const Call& c, const std::optional<std::vector<int64_t>>& axes, int rank) {
  std::vector<int> all;
  std::vector<bool> seen(rank, false);
  for (int64_t i = 0; i < (axes.has_value() ? static_cast<int64_t>(axes->size()) : rank); ++i) {
    AD_ASSIGN_OR_RETURN(const int axis, AxisIn(c, axes.has_value() ? (*axes)[i] : i, rank));
    if (seen[axis]) return c.Error("axis ", axis, " is named twice");
    seen[axis] = true;
    all.push_back(axis);
  }
  return all;
}

absl::StatusOr<Dim> KnownDim(Call& c, int i) {
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> dims, c.KnownDims(i));
  if (dims.size() != 1) return c.Error("input ", i, " must be one number, but has ", dims.size());
  return dims[0];
}

Value SizeOfAxes(const Value& x, int from, int to) {
  Dim product(1);
  for (int a = from; a < to; ++a) product = product * x.shape().dim(a);
  if (const auto number = product.number(); number.has_value()) {
    return x.graph()->Constant(Tensor::From<int64_t>({}, {*number}));
  }
  const Value sizes = ShapeOf(x);
  Value y;
  for (int a = from; a < to; ++a) {
    const Value size = Reshape(Slice(sizes, 0, a, a + 1), {});
    y = a == from ? size : y * size;
  }
  return y;
}

Value Counting(Graph* graph, const Dim& n) {
  if (const auto number = n.number(); number.has_value()) {
    return Range(graph, {.dtype = DType::kInt64, .limit = static_cast<double>(*number)});
  }
  const Value one = graph->Constant(Tensor::From<int64_t>({}, {1}));
  return CumSum(BroadcastTo(one, {n.code()}), {.axis = 0, .exclusive = true});
}

Value Along(const Value& x, int axis, int rank) {
  Shape shape(std::vector<int64_t>(rank, 1));
  if (x.valid()) shape.set(axis, x.shape()[0]);
  return Reshape(x, shape);
}

Value Folded(const Value& y) {
  if (!y.valid() || (y.dtype() != DType::kInt64 && y.dtype() != DType::kInt32)) return y;
  if (y.shape().is_symbolic() || y.shape().num_elements() > kMostFolded) return y;
  const absl::StatusOr<std::vector<Dim>> dims = KnownDims(y);
  if (!dims.ok()) return y;
  std::vector<int64_t> numbers;
  for (const Dim& dim : *dims) {
    if (!dim.number().has_value()) return y;
    numbers.push_back(*dim.number());
  }
  return y.graph()->Constant(Tensor::From<int64_t>(y.shape(), numbers).Cast(y.dtype()));
}

Value Fixed(Graph* graph, Tensor tensor) { return Identity(graph->Constant(std::move(tensor))); }

Value Repeat(const Value& x, int axis, const Dim& times, bool each) {
  if (!x.valid() || times == Dim(1)) return x;
  Shape apart = x.shape(), repeated = x.shape(), together = x.shape();
  const int place = each ? axis + 1 : axis;
  apart.insert(place, 1);
  repeated.insert(place, times.code());
  together.set(axis, (times * x.shape().dim(axis)).code());
  return Reshape(BroadcastTo(Reshape(x, apart), repeated), together);
}

absl::StatusOr<Indices> IndicesInto(const Call& c, const Value& indices, std::optional<Tensor> known, const Value& x,
                                    int axis) {
  if (!IsInteger(indices.dtype())) return c.Error("indices must be integers, but are ", indices.type().ToString());
  const std::optional<int64_t> size = x.shape().dim(axis).number();
  if (known.has_value()) {
    Tensor numbers = known->Cast(DType::kInt64);
    if (size.has_value()) {
      AD_ASSIGN_OR_RETURN(numbers, Normalised(c, numbers, *size));
    }
    if (!AnyNegative(numbers)) return Indices{indices.graph()->Constant(numbers), numbers};
  }
  if (!MayBeNegative(indices.dtype())) return Indices{indices};
  const Value wide = Cast(indices, DType::kInt64);
  return Indices{Where(Less(wide, 0), wide + SizeOfAxes(x, axis, axis + 1), wide)};
}

absl::StatusOr<Indices> IndicesInto(Call& c, int i, const Value& x, int axis) {
  const Value indices = c.raw(i);
  std::optional<Tensor> known;
  if (IsInteger(indices.dtype()) && c.IsKnown(i)) {
    AD_ASSIGN_OR_RETURN(known, c.Known(i));
  }
  return IndicesInto(c, indices, std::move(known), x, axis);
}

}  // namespace adret::onnx
