// How ops that move numbers are written as ONNX.
#include <algorithm>

#include "adret/core/executor.h"
#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/same_operator.h"
#include "adret/ops/axes.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/pad.h"
#include "adret/ops/range.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

Result ReshapeTo(Emitter& e, const Site& s) { return Names{e.Reshape(s.x(), s.y().shape)}; }
Result BroadcastTo(Emitter& e, const Site& s) { return Names{e.Node("Expand", {s.x(), e.Dimensions(s.y().shape)})}; }
Result TransposeTo(Emitter& e, const Site& s) {
  return Names{e.Node("Transpose", s.inputs, {{"perm", s.attrs<TransposeAttrs>().permutation}})};
}
Result ConcatTo(Emitter& e, const Site& s) {
  return Names{e.Node("Concat", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}})};
}
Result ShapeTo(Emitter& e, const Site& s) { return Names{e.Node("Shape", s.inputs)}; }

// A constant, whose numbers are those that adret computes.
Result RangeTo(Emitter& e, const Site& s) {
  Graph graph;
  AD_ASSIGN_OR_RETURN(const Tensor numbers, Evaluate(Range(&graph, s.attrs<RangeAttrs>())));
  return Names{e.Constant(numbers)};
}

std::vector<int64_t> Steps(const std::vector<int64_t>& steps, size_t n) {
  return steps.empty() ? std::vector<int64_t>(n, 1) : steps;
}

Result SliceTo(Emitter& e, const Site& s) {
  const SliceAttrs& a = s.attrs<SliceAttrs>();
  return Names{e.Node("Slice", {s.x(), e.Integers(a.begins), e.Integers(a.ends), e.Integers(a.axes),
                                e.Integers(Steps(a.steps, a.axes.size()))})};
}

// Returns dimensions as i64[n], one after the other.
std::string List(Emitter& e, const std::vector<Dim>& dims) {
  Shape shape;
  bool numbers = true;
  std::vector<int64_t> known;
  Names parts;
  for (const Dim& dim : dims) {
    numbers = numbers && dim.number().has_value();
    known.push_back(dim.number().value_or(0));
  }
  if (numbers) return e.Integers(known);
  for (const Dim& dim : dims) parts.push_back(e.Dimension(dim));
  return parts.size() == 1 ? parts[0] : e.Node("Concat", parts, {{"axis", int64_t{0}}});
}

// Adds zeros before and after along one axis.
std::string PadAxis(Emitter& e, const std::string& x, int rank, int64_t axis, const Dim& before, const Dim& after) {
  if (before.number() == 0 && after.number() == 0) return x;
  std::vector<Dim> pads(2 * static_cast<size_t>(rank), Dim(0));
  pads[axis] = before;
  pads[rank + axis] = after;
  return e.Node("Pad", {x, List(e, pads)});
}

// Puts step - 1 zeros between the elements along an axis of `count` elements; returns count * step of them.
std::string Dilate(Emitter& e, const std::string& x, const Shape& shape, int64_t axis, int64_t step) {
  const std::string column = e.Node("Unsqueeze", {x, e.Integers({axis + 1})});
  const std::string wide = PadAxis(e, column, shape.rank() + 1, axis + 1, Dim(0), Dim(step - 1));
  Shape merged = shape;
  merged.set(static_cast<int>(axis), (shape.dim(static_cast<int>(axis)) * Dim(step)).code());
  return e.Reshape(wide, merged);
}

// Puts dy back to where it was cut out, axis by axis.
Result SliceGradTo(Emitter& e, const Site& s) {
  const auto& axes = AttrNamed<std::vector<int64_t>>(s.node, "slice.axes");
  const auto& begins = AttrNamed<std::vector<int64_t>>(s.node, "slice.begins");
  const auto steps = Steps(AttrNamed<std::vector<int64_t>>(s.node, "slice.steps"), axes.size());
  const Shape& whole = s.y().shape;
  Shape shape = s.shape();
  std::string x = s.x();
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = static_cast<int>(axes[i] < 0 ? axes[i] + whole.rank() : axes[i]);
    const Dim n = shape.dim(axis), size = whole.dim(axis);
    if (n.number() == 0) {
      x = PadAxis(e, x, whole.rank(), axis, Dim(0), size);
      shape.set(axis, size.code());
      continue;
    }
    const int64_t step = steps[i] < 0 ? -steps[i] : steps[i];
    Dim begin = begins[i] == kSliceToEnd ? size - 1 : begins[i] < 0 ? size + begins[i] : Dim(begins[i]);
    if (steps[i] < 0) {
      x = e.Node("Slice", {x, e.Integers({-1}), e.Integers({kSliceToBegin + 1}), e.Integers({axis}), e.Integers({-1})});
      begin = begin - (n - 1) * Dim(step);
    }
    Dim length = n;
    if (step > 1) {
      x = Dilate(e, x, shape, axis, step);
      length = n * Dim(step);
      // The zeros behind the last element may reach beyond the end.
      const Dim most = (n - 1) * Dim(step) + 1;
      x = e.Node("Slice", {x, e.Integers({0}), e.Dimension(most), e.Integers({axis}), e.Integers({1})});
      length = most;
    }
    x = PadAxis(e, x, whole.rank(), axis, begin, size - begin - length);
    shape.set(axis, size.code());
  }
  return Names{x};
}

Dim OneDim(const Node& node, absl::string_view name) {
  for (const Attr& attr : node.attrs.list()) {
    if (attr.name != name) continue;
    if (const Shape* shape = std::get_if<Shape>(&attr.value)) return shape->dim(0);
    return Dim(std::get<std::vector<int64_t>>(attr.value)[0]);
  }
  AD_CHECK(false);
}

Result NarrowTo(Emitter& e, const Site& s) {
  const Dim begin = OneDim(s.node, "begin"), end = begin + OneDim(s.node, "size");
  const int64_t axis = AttrNamed<int64_t>(s.node, "axis");
  return Names{e.Node("Slice", {s.x(), e.Dimension(begin), e.Dimension(end), e.Integers({axis})})};
}
Result NarrowGradTo(Emitter& e, const Site& s) {
  const Dim begin = OneDim(s.node, "begin"), size = OneDim(s.node, "size"), whole = OneDim(s.node, "whole");
  return Names{PadAxis(e, s.x(), s.shape().rank(), AttrNamed<int64_t>(s.node, "axis"), begin, whole - begin - size)};
}

Result PadTo(Emitter& e, const Site& s) {
  const PadAttrs& a = s.attrs<PadAttrs>();
  std::vector<int64_t> pads = a.before;
  pads.insert(pads.end(), a.after.begin(), a.after.end());
  Names inputs = {s.x(), e.Integers(pads)};
  if (a.mode == "constant" && a.value != 0) inputs.push_back(e.Scalar(s.type().dtype, a.value));
  return Names{e.Node("Pad", inputs, {{"mode", a.mode}})};
}

Result RollTo(Emitter& e, const Site& s) {
  const RollAttrs& a = s.attrs<RollAttrs>();
  const Dim size = s.shape().dim(static_cast<int>(a.axis));
  // y = [the last `shift` elements, the others], with shift in [0, size).
  std::string cut = e.Node("Sub", {e.Dimension(size), e.Node("Mod", {e.Integers({a.shift}), e.Dimension(size)})});
  const std::string axis = e.Integers({a.axis});
  const std::string tail = e.Node("Slice", {s.x(), cut, e.Integers({kSliceToEnd}), axis});
  const std::string head = e.Node("Slice", {s.x(), e.Integers({0}), cut, axis});
  return Names{e.Node("Concat", {tail, head}, {{"axis", a.axis}})};
}

const WriterRegistration kShape({
    {.op = "reshape", .to = ReshapeTo},
    {.op = "broadcast_to", .to = BroadcastTo},
    {.op = "transpose", .to = TransposeTo},
    {.op = "concat", .to = ConcatTo},
    {.op = "shape_of", .to = ShapeTo},
    {.op = "range", .to = RangeTo},
    {.op = "slice", .to = SliceTo},
    {.op = "slice_x_grad", .to = SliceGradTo},
    {.op = "narrow", .to = NarrowTo},
    {.op = "narrow_x_grad", .to = NarrowGradTo},
    {.op = "pad", .to = PadTo},
    {.op = "pad_x_grad", .unsupported = "the gradient of padding by edges and mirrors has no operator"},
    {.op = "roll", .to = RollTo},
});

}  // namespace
}  // namespace adret::onnx
