// Softmax and its kin, the losses that are made of it, and dropout.
#include <cmath>
#include <limits>
#include <string>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/compose.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Along an axis ----------------------------------------------------------------------------------------------

using Along = Value (*)(const Value& x, int64_t axis);

Value SoftmaxAlong(const Value& x, int64_t axis) { return Softmax(x, axis); }
Value LogSoftmaxAlong(const Value& x, int64_t axis) { return LogSoftmax(x, axis); }
Value HardmaxAlong(const Value& x, int64_t axis) { return MaxMask(x, {axis}); }

template <Along kAlong>
Results AlongAxis(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, x.rank()));
  return Values{kAlong(x, axis)};
}

// In old operator sets, all axes from one on count together.
template <Along kAlong>
Results Flattened(Call& c) {
  const Value x = c.x(0);
  int64_t axis = c.Int("axis", 1);
  if (axis != x.rank()) {
    AD_ASSIGN_OR_RETURN(axis, c.Axis("axis", 1, x.rank()));
  }
  if (axis == x.rank() - 1) return Values{kAlong(x, axis)};
  Dim outer(1), inner(1);
  for (int a = 0; a < x.rank(); ++a) (a < axis ? outer : inner) = (a < axis ? outer : inner) * x.shape().dim(a);
  return Values{Reshape(kAlong(Reshape(x, {outer, inner}), 1), x.shape())};
}

// ---- Losses -----------------------------------------------------------------------------------------------------

// Which targets count, and how much.
struct Targets {
  Value classes;  // i64, of the loss's shape; 0 in place of what is ignored
  Value counts;   // bool: what is not ignored; invalid where all of them count
};

absl::StatusOr<Targets> ReadTargets(Call& c, const Value& x) {
  if (x.rank() < 2) return c.Error("scores must be [N, C, ...], but are ", x.type().ToString());
  Shape shape = x.shape();
  shape.erase(1);
  const Value given = c.x(1);
  if (given.rank() != shape.rank() || !IsInteger(given.dtype())) {
    return c.Error("targets must be integers of shape ", shape.ToString(), ", but are ", given.type().ToString());
  }
  const Value classes = Cast(given, DType::kInt64);
  if (!c.HasAttr("ignore_index")) return Targets{classes, Value()};
  const Value counts = NotEqual(classes, c.Int("ignore_index", 0));
  return Targets{Where(counts, classes, 0), counts};
}

// Averages or adds up losses; weights are invalid where all losses count alike.
Results Reduced(Call& c, const Value& losses, const Value& weights) {
  const std::string reduction = c.String("reduction", "mean");
  if (reduction == "none") return Values{losses};
  if (reduction == "sum") return Values{Sum(losses)};
  if (reduction != "mean") return c.Error("reduction must be none, sum or mean");
  return Values{weights.valid() ? Sum(losses) / Sum(weights) : Mean(losses)};
}

// Reduces -log_probability of the targets, [N, C, ...] -> [N, ...].
Results LossOf(Call& c, const Value& log_probability, const Targets& targets) {
  const Value picked = GatherElements(log_probability, Unsqueeze(targets.classes, {1}), 1);
  Value losses = -(picked.valid() ? Squeeze(picked, {1}) : picked), weights;
  const auto counted = [&](const Value& v) { return Where(targets.counts, v, 0.0); };
  if (c.has(2)) {
    if (c.x(2).rank() != 1) return c.Error("the weights must be a number for each class");
    weights = Gather(c.x(2), targets.classes);
    losses = losses * weights;
  }
  if (targets.counts.valid()) {
    losses = counted(losses);
    weights = weights.valid() ? counted(weights) : Cast(targets.counts, losses.dtype());
  }
  return Reduced(c, losses, weights);
}

Results NegativeLogLikelihoodFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const Targets targets, ReadTargets(c, x));
  return LossOf(c, x, targets);
}

Results SoftmaxCrossEntropyFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const Targets targets, ReadTargets(c, x));
  if (x.rank() == 2 && !c.wants(1) && !c.has(2)) {
    Value losses = SoftmaxCrossEntropy(x, targets.classes, {.ignore_index = std::numeric_limits<int64_t>::min()});
    if (!targets.counts.valid()) return Reduced(c, losses, Value());
    return Reduced(c, Where(targets.counts, losses, 0.0), Cast(targets.counts, losses.dtype()));
  }
  const Value log_probability = LogSoftmax(x, 1);
  AD_ASSIGN_OR_RETURN(Values results, LossOf(c, log_probability, targets));
  results.push_back(log_probability);
  return results;
}

// ---- Dropout ----------------------------------------------------------------------------------------------------

// What is left after dropout with a probability that only a run knows, or that is known; and the mask, as bool.
Results Drop(Call& c, const Value& x, const Value& ratio, DType mask_type) {
  const Value kept = GreaterEqual(RandomUniformLike(x), ratio);
  const Value y = Where(kept, x / (1.0 - ratio), 0.0);
  return Values{y, c.wants(1) ? Cast(kept, mask_type) : Value()};
}

Results DropNumber(Call& c, const Value& x, double ratio, DType mask_type) {
  if (!(ratio >= 0 && ratio < 1)) return c.Error("the ratio must be in [0, 1), but is ", ratio);
  if (ratio == 0) return Values{x, c.wants(1) ? Cast(OnesLike(x), mask_type) : Value()};
  if (!c.wants(1)) return Values{Dropout(x, {.rate = ratio})};
  const Value kept = RandomBernoulliLike(x, {.p = 1 - ratio});
  return Values{x * kept * (1 / (1 - ratio)), Cast(kept, mask_type)};
}

Results DropNothing(Call& c, const Value& x, DType mask_type) {
  return Values{x, c.wants(1) ? Cast(OnesLike(x), mask_type) : Value()};
}

// The mode and the ratio may be known only in a run. OnnxOptions::training drops in any case.
Results DropoutFrom(Call& c) {
  c.Ignore("seed");
  const Value x = c.x(0);
  if (!IsFloating(x.dtype())) return c.Error("x must be floating-point, but is ", x.type().ToString());
  std::optional<bool> training = c.has(2) || c.training() ? std::nullopt : std::optional(false);
  if (c.training()) training = true;
  if (!training.has_value() && c.IsKnown(2)) {
    AD_ASSIGN_OR_RETURN(const Tensor mode, c.Known(2));
    if (mode.num_elements() != 1) return c.Error("training_mode must be one bool");
    training = mode.At(0) != 0;
  }
  if (training == false) return DropNothing(c, x, DType::kBool);
  Results dropped = Values{};
  if (!c.has(1) || c.IsKnown(1)) {
    double ratio = 0.5;
    if (c.has(1)) {
      AD_ASSIGN_OR_RETURN(const Tensor known, c.Known(1));
      if (known.num_elements() != 1) return c.Error("the ratio must be one number");
      ratio = known.At(0);
    }
    dropped = DropNumber(c, x, ratio, DType::kBool);
  } else {
    dropped = Drop(c, x, Reshape(Cast(c.x(1), x.dtype()), {}), DType::kBool);
  }
  AD_RETURN_IF_ERROR(dropped.status());
  if (training.has_value()) return dropped;
  const Value mode = Reshape(c.x(2), {});
  if (mode.dtype() != DType::kBool) return c.Error("training_mode must be one bool");
  Values results{Where(mode, (*dropped)[0], x), Value()};
  if (c.wants(1)) results[1] = LogicalOr((*dropped)[1], LogicalNot(mode));
  return results;
}

// Before operator set 12, files are for inference, and the ratio is an attribute.
Results DropoutOfAttribute(Call& c, bool training, DType mask_type) {
  const Value x = c.x(0);
  const double ratio = c.Float("ratio", 0.5);
  if (!IsFloating(x.dtype())) return c.Error("x must be floating-point, but is ", x.type().ToString());
  return training || c.training() ? DropNumber(c, x, ratio, mask_type) : DropNothing(c, x, mask_type);
}
Results DropoutFrom10(Call& c) { return DropoutOfAttribute(c, false, DType::kBool); }
Results DropoutFrom7(Call& c) { return DropoutOfAttribute(c, false, c.x(0).dtype()); }
Results DropoutFrom1(Call& c) {
  c.Ignore("consumed_inputs");
  return DropoutOfAttribute(c, c.Int("is_test", 0) == 0, c.x(0).dtype());
}

constexpr absl::string_view kJumps = "it is constant but for jumps: its derivative is zero";
constexpr absl::string_view kSeed = "draws other numbers than other programs do: seed is ignored";

const OperatorRegistration kSoftmaxes({
    {.name = "Softmax", .since = 13, .from = AlongAxis<SoftmaxAlong>},
    {.name = "Softmax", .since = 1, .from = Flattened<SoftmaxAlong>},
    {.name = "LogSoftmax", .since = 13, .from = AlongAxis<LogSoftmaxAlong>},
    {.name = "LogSoftmax", .since = 1, .from = Flattened<LogSoftmaxAlong>},
    {.name = "Hardmax", .since = 13, .from = AlongAxis<HardmaxAlong>, .gradient = kJumps},
    {.name = "Hardmax", .since = 1, .from = Flattened<HardmaxAlong>, .gradient = kJumps},
    {.name = "NegativeLogLikelihoodLoss", .since = 12, .from = NegativeLogLikelihoodFrom},
    {.name = "SoftmaxCrossEntropyLoss", .since = 12, .from = SoftmaxCrossEntropyFrom},
    {.name = "Dropout", .since = 12, .from = DropoutFrom, .note = kSeed},
    {.name = "Dropout", .since = 10, .from = DropoutFrom10, .note = "drops with OnnxOptions::training only"},
    {.name = "Dropout", .since = 7, .from = DropoutFrom7, .note = "drops with OnnxOptions::training only"},
    {.name = "Dropout", .since = 1, .from = DropoutFrom1},
});

}  // namespace
}  // namespace adret::onnx
