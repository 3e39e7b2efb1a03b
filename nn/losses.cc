#include "adret/nn/losses.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reduce.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

Value Reduce(Value losses, Reduction reduction) {
  if (!losses.valid() || reduction == Reduction::kNone) return losses;
  return reduction == Reduction::kSum ? Sum(losses) : Mean(losses);
}

// False, having told the graph why, unless x and target are floating-point numbers of one type and the options make
// sense. Broadcasting [n,1] against [n] here is always a mistake.
bool SameType(const char* loss, const Operand& x, const Operand& target, const absl::Status& options = {}) {
  if (!x->valid() || !target->valid()) {
    InvalidResult(loss, {x, target}, x.location());
    return false;
  }
  if (!options.ok()) {
    x.graph()->Fail(options, x.location());
    return false;
  }
  if (IsFloating(x->dtype()) && x->type() == target->type()) return true;
  x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(loss,
                                                          ": expects floating-point numbers and targets of one "
                                                          "type, but they are ",
                                                          x->type().ToString(), " and ", target->type().ToString())),
                  x.location());
  return false;
}

// p * v for p >= 0, and 0 where p is 0, even if v is infinite.
Value Weighted(const Value& p, const Value& v) {
  const double largest =
      p.dtype() == DType::kFloat64 ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  return p * Where(Equal(p, 0.0), Clip(v, {.min = -largest, .max = largest}), v);
}

// False, having told the graph why, unless there is a weight for each class.
bool AreClassWeights(const Operand& logits, const Value& weights) {
  const Shape& x = logits->shape();
  if (x.rank() > 0 && weights.type() == Type{logits->dtype(), {x[x.rank() - 1]}}) return true;
  logits.graph()->Fail(
      absl::InvalidArgumentError(
          absl::StrCat("SoftmaxCrossEntropy: expects a weight for each class, of the logits' dtype, but logits are ",
                       logits->type().ToString(), " and class_weights ", weights.type().ToString())),
      logits.location());
  return false;
}

// The cross-entropy of indices with weights w: (1 - s) w_label loss + s / classes sum_c w_c (-log p_c) for each row
// that counts, divided by the sum of w_label.
Value WeightedByClass(const Value& logits, const Value& label, const SoftmaxCrossEntropyOptions& o) {
  const Value counts = NotEqual(label, o.ignore_index);
  const Value weight = Where(counts, Gather(o.class_weights, Where(counts, label, 0)), 0.0);
  Value losses = adret::SoftmaxCrossEntropy(logits, label, {.ignore_index = o.ignore_index}) * weight;
  if (o.label_smoothing > 0) {
    const double classes = static_cast<double>(logits.shape()[logits.rank() - 1]);
    const Value uniform = BroadcastTo(o.class_weights * (1 / classes), logits.shape());
    const Value smooth = Where(counts, adret::SoftmaxCrossEntropy(logits, uniform), 0.0);
    losses = losses * (1 - o.label_smoothing) + smooth * o.label_smoothing;
  }
  return o.reduction == Reduction::kMean ? Sum(losses) / Sum(weight) : Reduce(losses, o.reduction);
}

}  // namespace

Value SoftmaxCrossEntropy(Operand logits, Operand label, const SoftmaxCrossEntropyOptions& options) {
  LocationScope place(logits.graph(), logits.location());
  if (!logits->valid() || !label->valid()) return InvalidResult("SoftmaxCrossEntropy", {logits, label});
  const bool by_index = !IsFloating(label->dtype());
  Value target = AsIndices(label).value();
  SoftmaxCrossEntropyAttrs attrs{.label_smoothing = options.label_smoothing, .ignore_index = options.ignore_index};
  if (options.class_weights.valid()) {
    if (!AreClassWeights(logits, options.class_weights)) {
      return InvalidResult("SoftmaxCrossEntropy", {logits, label});
    }
    if (by_index) return WeightedByClass(logits.value(), target, options);
    const double classes = static_cast<double>(logits->shape()[logits->rank() - 1]), s = options.label_smoothing;
    target = (target * (1 - s) + s / classes) * options.class_weights;
    attrs.label_smoothing = 0;
  }
  const Value losses = adret::SoftmaxCrossEntropy(logits, target, attrs);
  if (!losses.valid() || !by_index || options.reduction != Reduction::kMean) return Reduce(losses, options.reduction);
  return Sum(losses) / Sum(Cast(NotEqual(target, options.ignore_index), losses.dtype()));
}

Value MeanSquaredError(Operand x, Operand target, const LossOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("MeanSquaredError", x, target)) return InvalidResult("MeanSquaredError", {x, target});
  return Reduce(Square(x - target), options.reduction);
}

Value MeanAbsoluteError(Operand x, Operand target, const LossOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("MeanAbsoluteError", x, target)) return InvalidResult("MeanAbsoluteError", {x, target});
  return Reduce(Abs(x - target), options.reduction);
}

Value Huber(Operand x, Operand target, const HuberOptions& options) {
  LocationScope place(x.graph(), x.location());
  const absl::Status sound = OptionCheck("Huber").Positive("delta", options.delta).status();
  if (!SameType("Huber", x, target, sound)) return InvalidResult("Huber", {x, target});
  // With c = min(e, delta), both branches are c (e - c / 2).
  const Value e = Abs(x - target);
  const Value c = Minimum(e, options.delta);
  return Reduce(c * (e - c * 0.5), options.reduction);
}

Value BinaryCrossEntropy(Operand logits, Operand target, const LossOptions& options) {
  LocationScope place(logits.graph(), logits.location());
  if (!SameType("BinaryCrossEntropy", logits, target)) return InvalidResult("BinaryCrossEntropy", {logits, target});
  // -log sigmoid(x) = softplus(-x), and -log(1 - sigmoid(x)) = softplus(x): nothing cancels.
  return Reduce(Weighted(target.value(), Softplus(-logits)) + Weighted(1.0 - target, Softplus(logits)),
                options.reduction);
}

Value Hinge(Operand x, Operand target, const HingeOptions& options) {
  LocationScope place(x.graph(), x.location());
  const absl::Status sound = OptionCheck("Hinge").Finite("margin", options.margin).status();
  if (!SameType("Hinge", x, target, sound)) return InvalidResult("Hinge", {x, target});
  return Reduce(Relu(options.margin - target * x), options.reduction);
}

Value KlDivergence(Operand log_q, Operand p, const LossOptions& options) {
  LocationScope place(log_q.graph(), log_q.location());
  if (!SameType("KlDivergence", log_q, p)) return InvalidResult("KlDivergence", {log_q, p});
  const double tiny =
      p->dtype() == DType::kFloat64 ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  return Reduce(Sum(p * Log(Maximum(p, tiny)) - Weighted(p.value(), log_q.value()), {.axes = {-1}}), options.reduction);
}

}  // namespace adret::nn
