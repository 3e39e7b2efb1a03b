// How softmaxes and the cross-entropy are written as ONNX.
#include "adret/io/onnx/emitter.h"
#include "adret/ops/axes.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

Result SoftmaxTo(Emitter& e, const Site& s) {
  return Names{e.Node("Softmax", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}})};
}
Result LogSoftmaxTo(Emitter& e, const Site& s) {
  return Names{e.Node("LogSoftmax", s.inputs, {{"axis", s.attrs<AxisAttrs>().axis}})};
}

// v summed along the axis and repeated.
Value SumAlong(const Value& v, int64_t axis) {
  return BroadcastReduced(Sum(v, {.axes = {axis}, .keepdims = true}), v, {axis});
}
Values SoftmaxSlope(const Node& node, const Values& x) {
  return {x[0] * (x[1] - SumAlong(x[0] * x[1], node.attrs.As<AxisAttrs>().axis))};
}
Values LogSoftmaxSlope(const Node& node, const Values& x) {
  return {x[1] - Exp(x[0]) * SumAlong(x[1], node.attrs.As<AxisAttrs>().axis)};
}

// ---- Cross-entropy -------------------------------------------------------------------------------------------------

using CrossEntropy = SoftmaxCrossEntropyAttrs;

bool OfIndices(const Value& labels) { return !IsFloating(labels.dtype()); }

// What the rows are compared with, of x's shape: labels, smoothed.
Value TargetOf(const Value& x, const Value& labels, const CrossEntropy& a) {
  const int64_t classes = x.shape()[x.rank() - 1];
  Value given = labels;
  if (OfIndices(labels)) {
    const Value known = Where(Equal(labels, a.ignore_index), 0, labels);
    given = OneHot(known, classes, x.dtype());
  }
  if (a.label_smoothing == 0) return given;
  return given * (1 - a.label_smoothing) + a.label_smoothing / static_cast<double>(classes);
}

// A number for each row; 0 where the label says so.
Value Counted(const Value& rows, const Value& labels, const CrossEntropy& a) {
  return OfIndices(labels) ? Where(Equal(labels, a.ignore_index), 0.0, rows) : rows;
}

Values CrossEntropyOf(const Node& node, const Values& x) {
  const auto& a = node.attrs.As<CrossEntropy>();
  const Value target = TargetOf(x[0], x[1], a);
  const Value costs = Where(Equal(target, 0.0), 0.0, target * LogSoftmax(x[0]));
  return {Counted(-Sum(costs, {.axes = {x[0].rank() - 1}}), x[1], a)};
}

// dx = dy (softmax(x) T - target), with T the sum of the target.
Values CrossEntropySlope(const Node& node, const Values& x) {
  const auto& a = node.attrs.As<CrossEntropy>();
  const int64_t axis = x[0].rank() - 1;
  const Value target = TargetOf(x[0], x[1], a), p = Softmax(x[0]);
  const Value slope = (OfIndices(x[1]) ? p : p * SumAlong(target, axis)) - target;
  return {slope * BroadcastReduced(Counted(x[2], x[1], a), x[0], {axis})};
}

bool IsCrossEntropyLoss(const Site& s, int64_t) {
  return !IsFloating(s.type(1).dtype) && s.attrs<CrossEntropy>().label_smoothing == 0;
}
// Classes are on axis 1: rows [n, classes].
Result CrossEntropyTo(Emitter& e, const Site& s) {
  const Shape &x = s.shape(0), &rows = s.shape(1);
  const EmittedAttrs attrs = {{"reduction", std::string("none")},
                              {"ignore_index", s.attrs<CrossEntropy>().ignore_index}};
  if (x.rank() == 2) return Names{e.Node("SoftmaxCrossEntropyLoss", s.inputs, attrs)};
  Dim n(1);
  for (int a = 0; a < rows.rank(); ++a) n = n * rows.dim(a);
  const std::string logits = e.Reshape(s.x(0), {n, x[x.rank() - 1]}), labels = e.Reshape(s.x(1), {n});
  return Names{e.Reshape(e.Node("SoftmaxCrossEntropyLoss", {logits, labels}, attrs), rows)};
}

const WriterRegistration kSoftmax({
    {.op = "softmax", .to = SoftmaxTo},
    {.op = "softmax_x_grad", .expand = SoftmaxSlope},
    {.op = "log_softmax", .to = LogSoftmaxTo},
    {.op = "log_softmax_x_grad", .expand = LogSoftmaxSlope},
    {.op = "softmax_cross_entropy", .to = CrossEntropyTo, .expand = CrossEntropyOf, .fits = IsCrossEntropyLoss},
    {.op = "softmax_cross_entropy_x_grad", .expand = CrossEntropySlope},
});

}  // namespace
}  // namespace adret::onnx
