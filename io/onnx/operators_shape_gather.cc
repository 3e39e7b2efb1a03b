// Picking by index, sorting and turning.
#include <algorithm>
#include <cstring>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/places.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/top_k.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Gather -----------------------------------------------------------------------------------------------------

Results GatherFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", 0, x.rank()));
  AD_ASSIGN_OR_RETURN(const Indices indices, IndicesInto(c, 1, x, static_cast<int>(axis)));
  if (indices.known.has_value() && indices.known->rank() == 0) {
    const int64_t k = indices.known->data<int64_t>()[0];
    return Values{Folded(Squeeze(Slice(x, axis, k, k + 1), {axis}))};
  }
  return Values{Folded(Gather(x, indices.value, axis))};
}

// Returns x without what lies beyond the indices along the other axes.
absl::StatusOr<Value> CutToIndices(const Call& c, const Value& x, const Shape& indices, int64_t axis) {
  SliceAttrs part;
  for (int a = 0; a < x.rank(); ++a) {
    const int64_t size = x.shape()[a], count = indices[a];
    if (a == axis || size == count) continue;
    if (size < 0 || count < 0 || count > size) {
      return c.Error("axis ", a, " of its indices, ", indices.ToString(), ", does not fit ", x.type().ToString());
    }
    part.axes.push_back(a), part.begins.push_back(0), part.ends.push_back(count);
  }
  return part.axes.empty() ? x : Slice(x, part);
}

Results GatherElementsFrom(Call& c) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", 0, x.rank()));
  AD_ASSIGN_OR_RETURN(const Indices indices, IndicesInto(c, 1, x, static_cast<int>(axis)));
  const Shape shape = c.shape(1);
  if (shape.rank() != x.rank()) return c.Error("indices and x must have one rank: ", x.rank(), " and ", shape.rank());
  AD_ASSIGN_OR_RETURN(const Value part, CutToIndices(c, x, shape, axis));
  return Values{GatherElements(part, indices.value, axis)};
}

Results GatherNDFrom(Call& c) {
  const Value x = c.raw(0);
  const int64_t batch = c.Int("batch_dims", 0);
  const Shape tuples = c.shape(1);
  if (batch < 0 || batch >= std::min(x.rank(), tuples.rank())) {
    return c.Error("batch_dims = ", batch, " are too many of ", x.type().ToString(), " and ", tuples.ToString());
  }
  const int first = static_cast<int>(batch);
  for (int a = 0; a < first; ++a) {
    if (x.shape()[a] != tuples[a]) return c.Error("axis ", a, " of its inputs differs");
  }
  AD_ASSIGN_OR_RETURN(Places places, TuplePlaces(c, 1, x, first));
  const int rest = first + static_cast<int>(tuples[tuples.rank() - 1]);
  Shape flat{1};
  Dim rows(1), examples(1);
  for (int a = 0; a < rest; ++a) rows = rows * x.shape().dim(a);
  for (int a = 0; a < first; ++a) examples = examples * x.shape().dim(a);
  flat.set(0, rows.code());
  for (int a = rest; a < x.rank(); ++a) flat.push_back(x.shape()[a]);
  if (first > 0) {
    Shape leading(std::vector<int64_t>(tuples.rank() - 1, 1));
    for (int a = 0; a < first; ++a) leading.set(a, tuples[a]);
    const Value start = Counting(x.graph(), examples) * SizeOfAxes(x, first, rest);
    places.value = places.value + Reshape(start, leading);
  }
  return Values{Gather(Reshape(x, flat), places.Checked(), 0)};
}

Results CompressFrom(Call& c) {
  Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const Tensor condition, c.Known(1));
  int64_t axis = 0;
  if (c.HasAttr("axis")) {
    AD_ASSIGN_OR_RETURN(axis, c.Axis("axis", 0, x.rank()));
  } else {
    x = Reshape(x, {x.shape().num_elements()});
  }
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < condition.num_elements(); ++i) {
    if (condition.At(i) != 0) chosen.push_back(i);
  }
  if (x.valid() && !chosen.empty() && x.shape()[axis] >= 0 && chosen.back() >= x.shape()[axis]) {
    return c.Error("its condition is longer than axis ", axis, " of ", x.type().ToString());
  }
  const auto count = static_cast<int64_t>(chosen.size());
  return Values{Gather(x, c.graph()->Constant(Tensor::From<int64_t>({count}, chosen)), axis)};
}

// ---- OneHot -----------------------------------------------------------------------------------------------------

absl::StatusOr<Dim> DepthOf(Call& c) {
  if (IsInteger(c.dtype(1))) return KnownDim(c, 1);
  AD_ASSIGN_OR_RETURN(const Tensor depth, c.Known(1));
  if (depth.num_elements() != 1) return c.Error("depth must be one number");
  return Dim(depth.Cast(DType::kInt64).data<int64_t>()[0]);
}

Results OneHotFrom(Call& c) {
  const Value indices = c.raw(0), values = c.raw(2);
  AD_ASSIGN_OR_RETURN(const Dim depth, DepthOf(c));
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, indices.rank() + 1));
  if (values.shape() != Shape{2}) return c.Error("values must be two numbers, but are ", values.type().ToString());
  if (!IsDimCode(depth.code())) return c.Error("depth is ", depth.ToString());
  const Value places = Along(Counting(c.graph(), depth), static_cast<int>(axis), indices.rank() + 1);
  const Value given = Unsqueeze(Cast(indices, DType::kInt64), {axis});
  // Negative ones count from the end; what is still outside is nowhere.
  const Value size = depth.number().has_value() ? c.graph()->Constant(Tensor::From<int64_t>({}, {*depth.number()}))
                                                : Cast(Reshape(c.raw(1), {}), DType::kInt64);
  const Value chosen = Equal(Where(Less(given, 0), given + size, given), places);
  return Values{Where(chosen, Reshape(Slice(values, 0, 1, 2), {}), Reshape(Slice(values, 0, 0, 1), {}))};
}

// ---- ReverseSequence --------------------------------------------------------------------------------------------

Results ReverseSequenceFrom(Call& c) {
  const Value x = c.raw(0), lengths = c.raw(1);
  const int64_t batch = c.Int("batch_axis", 1), time = c.Int("time_axis", 0);
  if (x.rank() < 2 || batch < 0 || batch > 1 || time != 1 - batch) {
    return c.Error("batch_axis = ", batch, " and time_axis = ", time, " must be 0 and 1 of a tensor of rank 2 or more");
  }
  if (lengths.rank() != 1) return c.Error("sequence_lens must be a list, but are ", lengths.type().ToString());
  const int t = static_cast<int>(time), b = static_cast<int>(batch);
  const Value place = Along(Counting(c.graph(), x.shape().dim(t)), t, x.rank());
  const Value length = Along(Cast(lengths, DType::kInt64), b, x.rank());
  const Value source = Where(Less(place, length), length - 1 - place, place);
  return Values{GatherElements(x, BroadcastTo(source, x.shape()), time)};
}

// ---- TopK -------------------------------------------------------------------------------------------------------

// Returns numbers of x's dtype in the opposite order: of integers those whose bits are the opposite ones, since the
// smallest has no negative.
Value Opposite(const Value& x) {
  if (!x.valid() || !IsInteger(x.dtype())) return -x;
  Tensor all_bits(x.dtype(), {});
  std::memset(all_bits.mutable_raw(), 0xff, all_bits.num_bytes());
  return x.graph()->Constant(all_bits) - x;
}

Results TopKOf(Call& c, const Dim& k, bool largest) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, x.rank()));
  const std::optional<int64_t> count = k.number();
  if (!count.has_value()) return c.Unsupported("k is ", k.ToString(), ", which a run decides");
  if (*count == 0) {
    const Value none = Slice(x, axis, 0, 0);
    return Values{none, Cast(none, DType::kInt64)};
  }
  const Value compared = IsHalf(x.dtype()) ? Cast(x, DType::kFloat32) : x;
  const TopKResult top = TopK(largest ? compared : Opposite(compared), *count, axis);
  return Values{Cast(largest ? top.values : Opposite(top.values), x.dtype()), top.indices};
}

Results TopKFrom(Call& c) {
  c.Ignore("sorted");  // sorted ones are right in any order
  AD_ASSIGN_OR_RETURN(const Dim k, KnownDim(c, 1));
  return TopKOf(c, k, c.Int("largest", 1) != 0);
}

Results TopKByAttribute(Call& c) { return TopKOf(c, Dim(c.Int("k", -1)), /*largest=*/true); }

const OperatorRegistration kGathers({
    {.name = "Gather", .since = 1, .from = GatherFrom, .halves = Halves::kMove},
    {.name = "GatherElements", .since = 11, .from = GatherElementsFrom, .halves = Halves::kMove},
    {.name = "GatherND", .since = 11, .from = GatherNDFrom, .halves = Halves::kMove},
    {.name = "Compress",
     .since = 9,
     .from = CompressFrom,
     .halves = Halves::kMove,
     .note = "the condition must be known: the size of the result depends on it"},
    {.name = "OneHot", .since = 9, .from = OneHotFrom, .halves = Halves::kMove},
    {.name = "ReverseSequence", .since = 10, .from = ReverseSequenceFrom, .halves = Halves::kMove},
    {.name = "TopK", .since = 1, .from = TopKByAttribute, .halves = Halves::kMove},
    {.name = "TopK", .since = 10, .from = TopKFrom, .halves = Halves::kMove},
});

}  // namespace
}  // namespace adret::onnx
