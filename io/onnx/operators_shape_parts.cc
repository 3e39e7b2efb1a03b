// Joining, cutting, choosing.
#include <algorithm>
#include <limits>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/narrow.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Concat -----------------------------------------------------------------------------------------------------

Results ConcatAlong(Call& c, int64_t axis) {
  const Values xs = c.xs();
  if (xs.empty()) return c.Error("has no inputs");
  AD_ASSIGN_OR_RETURN(const int a, AxisIn(c, axis, xs[0].rank()));
  return Values{xs.size() == 1 ? xs[0] : Concat(xs, a)};
}

Results ConcatFrom(Call& c) {
  if (!c.HasAttr("axis")) return c.Error("has no axis");
  return ConcatAlong(c, c.Int("axis", 0));
}

Results OldConcatFrom(Call& c) { return ConcatAlong(c, c.Int("axis", 1)); }

// ---- Split ------------------------------------------------------------------------------------------------------

// Returns consecutive parts, whose sizes may be symbolic.
Results PartsOf(const Call& c, const Value& x, int axis, const std::vector<Dim>& sizes) {
  Dim sum(0);
  for (const Dim& size : sizes) {
    if (!IsDimCode(size.code())) return c.Error("a part has the size ", size.ToString());
    sum = sum + size;
  }
  const Dim whole = x.shape().dim(axis);
  if (sum != whole) return c.Error("its parts make ", sum.ToString(), " of an axis of size ", whole.ToString());
  Values parts;
  Dim begin(0);
  for (const Dim& size : sizes) {
    const bool numbers = begin.number().has_value() && size.number().has_value();
    parts.push_back(numbers ? Slice(x, axis, *begin.number(), *(begin + size).number()) : Narrow(x, axis, begin, size));
    begin = begin + size;
  }
  for (Value& part : parts) part = Folded(part);
  return parts;
}

// Returns `count` parts of equal size; the last one is smaller where they do not divide the axis and may differ.
Results EqualParts(const Call& c, const Value& x, int axis, int64_t count, bool may_differ) {
  if (count < 1 || count > c.num_outputs()) return c.Error("has ", c.num_outputs(), " outputs for ", count, " parts");
  const Dim whole = x.shape().dim(axis);
  Dim size = whole / count;
  const bool even = Dim::ExactQuotient(whole, Dim(count)).has_value();
  if (!even && !may_differ) return c.Error(count, " parts do not divide an axis of size ", whole.ToString());
  if (!even) size = (whole + (count - 1)) / count;
  std::vector<Dim> sizes(count - 1, size);
  sizes.push_back(whole - size * (count - 1));
  return PartsOf(c, x, axis, sizes);
}

Results SplitInto(Call& c, int64_t axis, absl::string_view attribute, bool has_count) {
  const Value x = c.raw(0);
  AD_ASSIGN_OR_RETURN(const int a, AxisIn(c, axis, x.rank()));
  const int64_t count = has_count ? c.Int("num_outputs", c.num_outputs()) : c.num_outputs();
  std::vector<Dim> sizes;
  if (c.has(1)) {
    AD_ASSIGN_OR_RETURN(sizes, c.KnownDims(1));
  } else if (!attribute.empty() && c.HasAttr(attribute)) {
    for (const int64_t size : c.Ints(attribute)) sizes.push_back(Dim(size));
  } else {
    return EqualParts(c, x, a, count, has_count);
  }
  return PartsOf(c, x, a, sizes);
}

Results SplitFrom(Call& c) { return SplitInto(c, c.Int("axis", 0), "", /*has_count=*/true); }
Results SplitBefore18(Call& c) { return SplitInto(c, c.Int("axis", 0), "", /*has_count=*/false); }
Results SplitBefore13(Call& c) { return SplitInto(c, c.Int("axis", 0), "split", /*has_count=*/false); }

// ---- Slice ------------------------------------------------------------------------------------------------------

// What exporters write for "to the end".
constexpr int64_t kFar = std::numeric_limits<int32_t>::max();

struct Cut {
  int axis;
  Dim begin, end;
  int64_t step;
};

// Adds begin:end:step of an axis of n elements; what lies outside is cut off.
void AddClamped(const Cut& cut, int64_t n, SliceAttrs* slice) {
  const auto place = [n](int64_t i) { return i < 0 ? i + n : i; };
  int64_t begin = place(*cut.begin.number()), end = place(*cut.end.number()), step = cut.step;
  if (step > 0) {
    begin = std::clamp<int64_t>(begin, 0, n);
    end = std::clamp(end, begin, n);
  } else if (n > 0) {
    begin = std::clamp<int64_t>(begin, 0, n - 1);
    end = std::clamp<int64_t>(end, -1, begin);
  }
  if (n == 0 || begin == end) begin = end = 0, step = 1;
  slice->axes.push_back(cut.axis);
  slice->begins.push_back(begin);
  slice->ends.push_back(end < 0 ? kSliceToBegin : end);
  slice->steps.push_back(step);
}

// Adds begin:end:step of a symbolic axis: a run checks that it is as long.
void AddUnclamped(const Cut& cut, SliceAttrs* slice) {
  const int64_t begin = *cut.begin.number(), end = *cut.end.number();
  const bool forwards = cut.step > 0;
  const auto is_far = [](int64_t i) { return i >= kFar || i <= -kFar; };
  slice->axes.push_back(cut.axis);
  slice->steps.push_back(cut.step);
  slice->begins.push_back(!is_far(begin) ? begin : forwards ? 0 : kSliceToEnd);
  slice->ends.push_back(!is_far(end) ? end : forwards ? kSliceToEnd : kSliceToBegin);
  const int64_t first = slice->begins.back(), last = slice->ends.back();
  if (forwards && first >= 0 && last >= 0 && last <= first) slice->begins.back() = slice->ends.back() = 0;
}

absl::StatusOr<Value> SymbolicCut(const Call& c, const Value& x, const Cut& cut) {
  if (cut.step < 0) {
    return c.Unsupported("it goes backwards from ", cut.begin.ToString(), " to ", cut.end.ToString(),
                         ", which a run decides");
  }
  const Dim whole = x.shape().dim(cut.axis);
  const auto place = [&](const Dim& dim) {
    if (!dim.number().has_value()) return dim;
    const int64_t i = *dim.number();
    if (i >= kFar) return whole;
    if (i <= -kFar) return Dim(0);
    return i < 0 ? whole + i : dim;
  };
  const Dim begin = place(cut.begin), end = place(cut.end);
  const Value y = Narrow(x, cut.axis, begin, end - begin);
  if (cut.step == 1) return y;
  return Slice(y, {.axes = {cut.axis}, .begins = {0}, .ends = {kSliceToEnd}, .steps = {cut.step}});
}

absl::StatusOr<Value> SliceBy(const Call& c, Value x, const std::vector<Cut>& cuts) {
  SliceAttrs slice;
  for (const Cut& cut : cuts) {
    const std::optional<int64_t> n = x.shape().dim(cut.axis).number();
    if (!cut.begin.number().has_value() || !cut.end.number().has_value()) {
      AD_ASSIGN_OR_RETURN(x, SymbolicCut(c, x, cut));
      if (!x.valid()) return x;
    } else if (n.has_value()) {
      AddClamped(cut, *n, &slice);
    } else if (cut.begin == Dim(0) && cut.end >= kFar && cut.step == 1) {
      continue;
    } else {
      AddUnclamped(cut, &slice);
    }
  }
  return slice.axes.empty() ? x : Slice(x, slice);
}

Results SliceWith(Call& c, const std::vector<Dim>& begins, const std::vector<Dim>& ends,
                  std::optional<std::vector<int64_t>> axes, const std::vector<int64_t>& steps) {
  const Value x = c.raw(0);
  if (!axes.has_value()) {
    axes.emplace();
    for (size_t i = 0; i < begins.size(); ++i) axes->push_back(static_cast<int64_t>(i));
  }
  AD_ASSIGN_OR_RETURN(const std::vector<int> all, AxesIn(c, axes, x.rank()));
  if (begins.size() != all.size() || ends.size() != all.size() || (!steps.empty() && steps.size() != all.size())) {
    return c.Error("has ", begins.size(), " starts, ", ends.size(), " ends, ", all.size(), " axes and ", steps.size(),
                   " steps");
  }
  std::vector<Cut> cuts;
  for (size_t i = 0; i < all.size(); ++i) {
    const int64_t step = steps.empty() ? 1 : std::max(steps[i], -std::numeric_limits<int64_t>::max());
    if (step == 0) return c.Error("a step is 0");
    cuts.push_back({all[i], begins[i], ends[i], step});
  }
  AD_ASSIGN_OR_RETURN(const Value y, SliceBy(c, x, cuts));
  return Values{y == x ? y : Folded(y)};
}

Results SliceFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> begins, c.KnownDims(1));
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> ends, c.KnownDims(2));
  AD_ASSIGN_OR_RETURN(const auto axes, c.Integers(3, ""));
  AD_ASSIGN_OR_RETURN(const auto steps, c.Integers(4, ""));
  return SliceWith(c, begins, ends, axes, steps.value_or(std::vector<int64_t>()));
}

Results SliceByAttributes(Call& c) {
  std::vector<Dim> begins, ends;
  for (const int64_t i : c.Ints("starts")) begins.push_back(Dim(i));
  for (const int64_t i : c.Ints("ends")) ends.push_back(Dim(i));
  std::optional<std::vector<int64_t>> axes;
  if (c.HasAttr("axes")) axes = c.Ints("axes");
  return SliceWith(c, begins, ends, axes, {});
}

// ---- Choosing ---------------------------------------------------------------------------------------------------

Results WhereFrom(Call& c) { return Values{Where(c.raw(0), c.raw(1), c.raw(2))}; }

Results TriluFrom(Call& c) {
  const Value x = c.raw(0);
  if (x.rank() < 2) return c.Error("its input must be matrices, but is ", x.type().ToString());
  const int rows = x.rank() - 2, columns = x.rank() - 1;
  const Value place =
      Along(Counting(c.graph(), x.shape().dim(columns)), 1, 2) - Along(Counting(c.graph(), x.shape().dim(rows)), 0, 2);
  const Value k =
      c.has(1) ? Cast(Reshape(c.raw(1), {}), DType::kInt64) : c.graph()->Constant(Tensor::From<int64_t>({}, {0}));
  const Value kept = c.Int("upper", 1) != 0 ? GreaterEqual(place, k) : LessEqual(place, k);
  return Values{Where(kept, x, c.graph()->Constant(Tensor::Zeros(x.dtype(), {})))};
}

const OperatorRegistration kParts({
    {.name = "Concat", .since = 1, .from = OldConcatFrom, .halves = Halves::kMove},
    {.name = "Concat", .since = 4, .from = ConcatFrom, .halves = Halves::kMove},
    {.name = "Split", .since = 1, .from = SplitBefore13, .halves = Halves::kMove},
    {.name = "Split", .since = 13, .from = SplitBefore18, .halves = Halves::kMove},
    {.name = "Split", .since = 18, .from = SplitFrom, .halves = Halves::kMove},
    {.name = "Slice", .since = 1, .from = SliceByAttributes, .halves = Halves::kMove},
    {.name = "Slice",
     .since = 10,
     .from = SliceFrom,
     .halves = Halves::kMove,
     .note = "a symbolic axis must be as long as starts and ends say: they are not clamped in a run"},
    {.name = "Where", .since = 9, .from = WhereFrom, .halves = Halves::kMove},
    {.name = "Trilu", .since = 14, .from = TriluFrom, .halves = Halves::kMove},
});

}  // namespace
}  // namespace adret::onnx
