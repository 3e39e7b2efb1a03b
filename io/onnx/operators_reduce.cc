// Reductions, places of maxima, running sums and products.
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "adret/autograd/scan.h"
#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;
using Reduction = Value (*)(const Value& x, const ReduceAttrs& attrs);

// ---- Reductions --------------------------------------------------------------------------------------------------

// What a reduction is asked for: nothing stands for no axes at all, where the rest of the operator is done all the
// same.
struct Reduced {
  Value x;
  std::optional<ReduceAttrs> attrs;
};

// Reads x, the axes, which are an attribute in old operator sets and an input in newer ones, and keepdims.
absl::StatusOr<Reduced> ReducedFrom(Call& c) {
  const Value x = c.x(0);
  const bool keepdims = c.Int("keepdims", 1) != 0;
  const bool noop = c.Int("noop_with_empty_axes", 0) != 0;
  AD_ASSIGN_OR_RETURN(std::optional<std::vector<int64_t>> axes, c.Integers(1, "axes"));
  if (!axes.has_value()) axes.emplace();
  for (int64_t& axis : *axes) {
    if (axis < -x.rank() || axis >= x.rank()) {
      return c.Error(axis, " among its axes is no axis of a tensor of rank ", x.rank());
    }
    axis = axis < 0 ? axis + x.rank() : axis;
  }
  if (axes->empty() && noop) return Reduced{x, std::nullopt};
  return Reduced{x, ReduceAttrs{.axes = *std::move(axes), .keepdims = keepdims}};
}

Value Apply(Reduction f, const Reduced& r) {
  if (r.attrs.has_value()) return f(r.x, *r.attrs);
  return f(Unsqueeze(r.x, {-1}), {.axes = {-1}});
}

template <Reduction f>
Results ReduceFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Reduced r, ReducedFrom(c));
  return Values{Apply(f, r)};
}

// Reads a reduction whose result is a fraction: integers are computed in f64, and the result is truncated.
template <Reduction f>
Results FractionFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(Reduced r, ReducedFrom(c));
  const DType dtype = r.x.dtype();
  if (IsInteger(dtype)) r.x = Cast(r.x, DType::kFloat64);
  const Value y = Apply(f, r);
  return Values{IsInteger(dtype) ? Cast(y, dtype) : y};
}

Value ReduceSum(const Value& x, const ReduceAttrs& attrs) { return Sum(x, attrs); }
Value ReduceProd(const Value& x, const ReduceAttrs& attrs) { return Prod(x, attrs); }
Value ReduceMean(const Value& x, const ReduceAttrs& attrs) { return Mean(x, attrs); }
Value ReduceL1(const Value& x, const ReduceAttrs& attrs) { return Sum(Abs(x), attrs); }
Value ReduceL2(const Value& x, const ReduceAttrs& attrs) { return Norm(x, attrs); }
Value ReduceSumSquare(const Value& x, const ReduceAttrs& attrs) { return Sum(Square(x), attrs); }
Value ReduceLogSum(const Value& x, const ReduceAttrs& attrs) { return Log(Sum(x, attrs)); }
Value ReduceLogSumExp(const Value& x, const ReduceAttrs& attrs) { return LogSumExp(x, attrs); }

// ---- Maxima ------------------------------------------------------------------------------------------------------

// Returns the shape of a reduction where nothing is reduced because an axis among those reduced has size 0.
std::optional<Shape> EmptyReduction(const Shape& x, const ReduceAttrs& attrs) {
  std::vector<bool> reduced(x.rank(), attrs.axes.empty());
  for (const int64_t axis : attrs.axes) reduced[axis] = true;
  Shape y;
  bool empty = false;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!reduced[axis]) y.push_back(x[axis]);
    if (reduced[axis] && attrs.keepdims) y.push_back(1);
    empty = empty || (reduced[axis] && x[axis] == 0);
  }
  return empty ? std::optional(y) : std::nullopt;
}

// Returns the smallest number of a dtype, or the largest: what the maximum of no elements is.
Tensor Extreme(DType dtype, bool smallest) {
  return VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_integral_v<T>) {
      return Tensor::From<T>({}, {smallest ? Limits::lowest() : Limits::max()});
    } else {
      const double infinity = std::numeric_limits<double>::infinity();
      return Tensor::Scalar(dtype, smallest ? -infinity : infinity);
    }
  });
}

template <bool max>
Results ExtremeFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Reduced r, ReducedFrom(c));
  if (!r.attrs.has_value()) return Values{Identity(r.x)};
  if (const std::optional<Shape> empty = EmptyReduction(r.x.shape(), *r.attrs); empty.has_value()) {
    return Values{BroadcastTo(c.graph()->Constant(Extreme(r.x.dtype(), max)), *empty)};
  }
  const bool is_bool = IsBool(r.x.dtype());
  const Value x = is_bool ? Cast(r.x, DType::kInt32) : r.x;
  const Value y = max ? Max(x, *r.attrs) : Min(x, *r.attrs);
  return Values{is_bool ? Cast(y, DType::kBool) : y};
}

template <bool max>
Results ArgFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", 0, x.rank()));
  const ArgReduceAttrs attrs{.axis = axis, .keepdims = c.Int("keepdims", 1) != 0};
  const bool last = c.Int("select_last_index", 0) != 0;
  const Value from = last ? Flip(x, {axis}) : x;
  const Value place = max ? ArgMax(from, attrs) : ArgMin(from, attrs);
  if (!last) return Values{place};
  const Value size = Reshape(Slice(ShapeOf(x), 0, axis, axis + 1), Shape());
  return Values{size - 1 - place};
}

// ---- Running sums and products -----------------------------------------------------------------------------------

struct Running {
  Value x;
  int64_t axis;
  bool exclusive, reverse;
};

absl::StatusOr<Running> RunningFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> axis, c.KnownIntegers(1));
  if (axis.size() != 1 || axis[0] < -x.rank() || axis[0] >= x.rank()) {
    return c.Error("its axis must be one of a tensor of rank ", x.rank());
  }
  return Running{x, axis[0] < 0 ? axis[0] + x.rank() : axis[0], c.Int("exclusive", 0) != 0, c.Int("reverse", 0) != 0};
}

Results CumSumFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Running r, RunningFrom(c));
  return Values{CumSum(r.x, {.axis = r.axis, .exclusive = r.exclusive, .reverse = r.reverse})};
}

// Multiplies step by step: products over parts might overflow where those from the beginning do not.
Results CumProdFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Running r, RunningFrom(c));
  if (!r.x.valid()) return Values{r.x};
  std::vector<int64_t> swapped;
  for (int axis = 0; axis < r.x.rank(); ++axis) swapped.push_back(axis);
  std::swap(swapped[0], swapped[r.axis]);
  const Value steps = Transpose(r.x, swapped);
  // Ones of the shape of a step, also where there is no step.
  const Value one = Prod(Slice(steps, {.axes = {0}, .begins = {0}, .ends = {0}}), {.axes = {0}});
  const ScanResult products =
      Scan({.carry = {one}, .each = {steps}, .reverse = r.reverse}, [&](const Values& product, const Values& x) {
        const Value next = product[0] * x[0];
        return ScanStep{.carry = {next}, .out = {r.exclusive ? product[0] : next}};
      });
  return Values{Transpose(products.out[0], swapped)};
}

constexpr absl::string_view kIndices = "its result is indices: its gradient is zero";
constexpr absl::string_view kIntegers = "fractions of integers are truncated";

const OperatorRegistration kReductions({
    {.name = "ReduceSum", .since = 1, .from = ReduceFrom<ReduceSum>},
    {.name = "ReduceProd", .since = 1, .from = ReduceFrom<ReduceProd>},
    {.name = "ReduceL1", .since = 1, .from = ReduceFrom<ReduceL1>},
    {.name = "ReduceSumSquare", .since = 1, .from = ReduceFrom<ReduceSumSquare>},
    {.name = "ReduceMean", .since = 1, .from = FractionFrom<ReduceMean>, .note = kIntegers},
    {.name = "ReduceL2", .since = 1, .from = FractionFrom<ReduceL2>, .note = kIntegers},
    {.name = "ReduceLogSum", .since = 1, .from = FractionFrom<ReduceLogSum>, .note = kIntegers},
    {.name = "ReduceLogSumExp", .since = 1, .from = FractionFrom<ReduceLogSumExp>, .note = kIntegers},
    {.name = "ReduceMax", .since = 1, .from = ExtremeFrom<true>},
    {.name = "ReduceMin", .since = 1, .from = ExtremeFrom<false>},
    {.name = "ArgMax", .since = 1, .from = ArgFrom<true>, .gradient = kIndices},
    {.name = "ArgMin", .since = 1, .from = ArgFrom<false>, .gradient = kIndices},
    {.name = "CumSum", .since = 11, .from = CumSumFrom},
    {.name = "CumProd", .since = 26, .from = CumProdFrom},
});

}  // namespace
}  // namespace adret::onnx
