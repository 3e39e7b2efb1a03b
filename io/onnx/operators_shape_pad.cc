// Borders.
#include <algorithm>
#include <cmath>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/shapes.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// Widths of a border along each axis of a tensor; negative ones cut off.
struct Border {
  std::vector<Dim> before, after;
  explicit Border(int rank) : before(rank), after(rank) {}
};

// Returns widths as pads lists them: those before for all axes, then those after.
absl::StatusOr<Border> BorderOf(const Call& c, const std::vector<Dim>& pads, const std::vector<int>& axes, int rank) {
  if (pads.size() != 2 * axes.size()) return c.Error("has ", pads.size(), " pads for ", axes.size(), " axes");
  Border border(rank);
  for (size_t i = 0; i < axes.size(); ++i) {
    border.before[axes[i]] = pads[i];
    border.after[axes[i]] = pads[axes.size() + i];
  }
  return border;
}

// Cuts off what negative widths say, and makes them 0.
absl::StatusOr<Value> Cropped(const Call& c, Value x, Border* border) {
  for (int a = 0; a < x.rank(); ++a) {
    const int64_t before = border->before[a].number().value_or(0), after = border->after[a].number().value_or(0);
    if (before >= 0 && after >= 0) continue;
    const Dim cut_before(before < 0 ? before : 0), cut_after(after < 0 ? after : 0);
    const Dim size = x.shape().dim(a) + cut_before + cut_after;
    if (!IsDimCode(size.code()) || before == INT64_MIN) return c.Error("its pads leave nothing of axis ", a);
    x = Narrow(x, a, Dim(0) - cut_before, size);
    if (!x.valid()) return x;
    if (before < 0) border->before[a] = Dim(0);
    if (after < 0) border->after[a] = Dim(0);
  }
  return x;
}

// Puts copies of a value, a scalar, around x: widths and value may be known to a run only.
Value Surrounded(Value x, const Border& border, const Value& value) {
  for (int a = 0; x.valid() && a < x.rank(); ++a) {
    Values parts;
    Shape shape = x.shape();
    const auto add = [&](const Dim& width) {
      shape.set(a, width.code());
      if (width != Dim(0)) parts.push_back(BroadcastTo(value, shape));
    };
    add(border.before[a]);
    parts.push_back(x);
    add(border.after[a]);
    if (parts.size() > 1) x = Concat(parts, a);
  }
  return x;
}

// Continues x on both sides of an axis as if its end were joined to its beginning.
absl::StatusOr<Value> Wrapped(const Call& c, const Value& x, int axis, int64_t before, int64_t after) {
  if (before == 0 && after == 0) return x;
  const Dim size = x.shape().dim(axis);
  if (size == Dim(0)) return c.Error("axis ", axis, " is empty, and cannot be wrapped");
  const std::optional<int64_t> n = size.number();
  if (!n.has_value() || (before <= *n && after <= *n)) {
    return Concat({Narrow(x, axis, size - before, Dim(before)), x, Narrow(x, axis, Dim(0), Dim(after))}, axis);
  }
  if (before + after > (int64_t{1} << 30)) return c.Error("its pads are too wide");
  std::vector<int64_t> places;
  for (int64_t i = -before; i < *n + after; ++i) places.push_back((i % *n + *n) % *n);
  const auto count = static_cast<int64_t>(places.size());
  return Gather(x, x.graph()->Constant(Tensor::From<int64_t>({count}, places)), axis);
}

// Returns whether a double says the number exactly: Pad's border is one.
bool IsExact(const Tensor& value) { return !IsInteger(value.dtype()) || std::abs(value.At(0)) < 0x1p53; }

Results PadConstant(const Value& x, const Border& border, const Value& value, const std::optional<Tensor>& known) {
  PadAttrs pad;
  bool numbers = known.has_value() && IsExact(*known);
  for (int a = 0; a < x.rank(); ++a) {
    numbers = numbers && border.before[a].number().has_value() && border.after[a].number().has_value();
    pad.before.push_back(border.before[a].number().value_or(0));
    pad.after.push_back(border.after[a].number().value_or(0));
  }
  if (!numbers) return Values{Surrounded(x, border, value)};
  pad.value = known->At(0);
  return Values{Pad(x, pad)};
}

// known: the numbers of `value`, where they are known.
Results PadWith(const Call& c, Value x, Border border, const std::string& mode, const Value& value,
                const std::optional<Tensor>& known) {
  AD_ASSIGN_OR_RETURN(x, Cropped(c, x, &border));
  if (!x.valid()) return Values{x};
  for (int a = 0; a < x.rank(); ++a) {
    for (const Dim& width : {border.before[a], border.after[a]}) {
      if (!IsDimCode(width.code())) return c.Error("a width of its border is ", width.ToString());
    }
  }
  if (mode == "constant") return PadConstant(x, border, value, known);
  PadAttrs pad{.mode = mode};
  for (int a = 0; a < x.rank(); ++a) {
    const std::optional<int64_t> before = border.before[a].number(), after = border.after[a].number();
    if (!before.has_value() || !after.has_value()) return c.Unsupported("widths in mode ", mode, " must be numbers");
    pad.before.push_back(*before);
    pad.after.push_back(*after);
  }
  if (mode == "edge" || mode == "reflect") return Values{Pad(x, pad)};
  if (mode != "wrap") return c.Error("there is no mode ", mode);
  for (int a = 0; a < x.rank(); ++a) {
    AD_ASSIGN_OR_RETURN(x, Wrapped(c, x, a, pad.before[a], pad.after[a]));
    if (!x.valid()) return Values{x};
  }
  return Values{x};
}

Results PadFrom(Call& c) {
  const Value x = c.raw(0);
  const std::string mode = c.String("mode", "constant");
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> pads, c.KnownDims(1));
  AD_ASSIGN_OR_RETURN(const auto given, c.Integers(3, ""));
  AD_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesIn(c, given, x.rank()));
  AD_ASSIGN_OR_RETURN(const Border border, BorderOf(c, pads, axes, x.rank()));
  std::optional<Tensor> known = Tensor::Zeros(x.dtype(), {});
  if (!c.has(2)) return PadWith(c, x, border, mode, c.graph()->Constant(*known), known);
  known.reset();
  if (c.IsKnown(2)) {
    AD_ASSIGN_OR_RETURN(known, c.Known(2));
    if (known->num_elements() != 1) return c.Error("constant_value must be one number");
  }
  const Value value = known.has_value() ? c.graph()->Constant(known->Reshaped({})) : Reshape(c.raw(2), {});
  return PadWith(c, x, border, mode, value, known);
}

Results PadByAttributes(Call& c, absl::string_view pads_name) {
  const Value x = c.raw(0);
  const std::string mode = c.String("mode", "constant");
  std::vector<Dim> pads;
  for (const int64_t width : c.Ints(pads_name)) pads.push_back(Dim(width));
  AD_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesIn(c, std::nullopt, x.rank()));
  AD_ASSIGN_OR_RETURN(const Border border, BorderOf(c, pads, axes, x.rank()));
  const Tensor value = Tensor::Scalar(x.dtype(), c.Float("value", 0));
  return PadWith(c, x, border, mode, c.graph()->Constant(value), value);
}

Results CenterCropPadFrom(Call& c) {
  const Value x = c.raw(0);
  std::optional<std::vector<int64_t>> given;
  if (c.HasAttr("axes")) given = c.Ints("axes");
  AD_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesIn(c, given, x.rank()));
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> sizes, c.KnownDims(1));
  if (sizes.size() != axes.size()) return c.Error("has ", sizes.size(), " sizes for ", axes.size(), " axes");
  Border border(x.rank());
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim more = sizes[i] - x.shape().dim(axes[i]);
    const std::optional<int64_t> by = more.number();
    if (!by.has_value()) return c.Unsupported("axis ", axes[i], " grows by ", more.ToString(), ", which a run decides");
    border.before[axes[i]] = Dim(*by / 2);  // of an odd number, the larger half goes to the end
    border.after[axes[i]] = Dim(*by - *by / 2);
  }
  const Tensor zero = Tensor::Zeros(x.dtype(), {});
  return PadWith(c, x, border, "constant", c.graph()->Constant(zero), zero);
}

const OperatorRegistration kPads({
    {.name = "Pad",
     .since = 1,
     .from = [](Call& c) { return PadByAttributes(c, "paddings"); },
     .halves = Halves::kMove},
    {.name = "Pad", .since = 2, .from = [](Call& c) { return PadByAttributes(c, "pads"); }, .halves = Halves::kMove},
    {.name = "Pad",
     .since = 11,
     .from = PadFrom,
     .halves = Halves::kMove,
     .note = "a reflected border must be narrower than the axis is long"},
    {.name = "CenterCropPad",
     .since = 18,
     .from = CenterCropPadFrom,
     .halves = Halves::kMove,
     .note = "the difference of old and new size must be known"},
});

}  // namespace
}  // namespace adret::onnx
