#include "adret/nn/losses.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
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

// False, having told the graph why, unless x and target are floating-point numbers of one type. Broadcasting [n,1]
// against [n] here is always a mistake.
bool SameType(absl::string_view loss, const Operand& x, const Operand& target) {
  if (!x->valid() || !target->valid()) return false;
  if (IsFloating(x->dtype()) && x->type() == target->type()) return true;
  x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(loss,
                                                          ": expects floating-point numbers and targets of one "
                                                          "type, but they are ",
                                                          x->type().ToString(), " and ", target->type().ToString())),
                  x.location());
  return false;
}

}  // namespace

Value SoftmaxCrossEntropy(Operand logits, Operand label, const SoftmaxCrossEntropyOptions& options) {
  LocationScope place(logits.graph(), logits.location());
  return Reduce(adret::SoftmaxCrossEntropy(logits, label, {.label_smoothing = options.label_smoothing}),
                options.reduction);
}

Value MeanSquaredError(Operand x, Operand target, const LossOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("MeanSquaredError", x, target)) return Value();
  return Reduce(Square(x - target), options.reduction);
}

Value MeanAbsoluteError(Operand x, Operand target, const LossOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("MeanAbsoluteError", x, target)) return Value();
  return Reduce(Abs(x - target), options.reduction);
}

Value Huber(Operand x, Operand target, const HuberOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("Huber", x, target)) return Value();
  // With c = min(e, delta), both branches are c (e - c / 2).
  const Value e = Abs(x - target);
  const Value c = Minimum(e, options.delta);
  return Reduce(c * (e - c * 0.5), options.reduction);
}

Value BinaryCrossEntropy(Operand logits, Operand target, const LossOptions& options) {
  LocationScope place(logits.graph(), logits.location());
  if (!SameType("BinaryCrossEntropy", logits, target)) return Value();
  // -log(1 - sigmoid(x)) = x + softplus(-x), and -log sigmoid(x) = softplus(-x).
  return Reduce((1.0 - target) * logits + Softplus(-logits), options.reduction);
}

Value Hinge(Operand x, Operand target, const HingeOptions& options) {
  LocationScope place(x.graph(), x.location());
  if (!SameType("Hinge", x, target)) return Value();
  return Reduce(Relu(options.margin - target * x), options.reduction);
}

Value KlDivergence(Operand log_q, Operand p, const LossOptions& options) {
  LocationScope place(log_q.graph(), log_q.location());
  if (!SameType("KlDivergence", log_q, p)) return Value();
  const double tiny =
      p->dtype() == DType::kFloat64 ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  return Reduce(Sum(p * (Log(Maximum(p, tiny)) - log_q), {.axes = {-1}}), options.reduction);
}

}  // namespace adret::nn
