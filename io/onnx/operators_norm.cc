// Normalisation.
#include <cmath>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/compose.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/layout.h"
#include "adret/ops/norm.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/variance.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// Returns v as numbers of x's dtype.
Value Like(const Value& v, const Value& x) { return v.dtype() == x.dtype() ? v : Cast(v, x.dtype()); }

// Returns what is computed with: f32 in place of halves.
Value Full(const Value& v) { return IsHalf(v.dtype()) ? Cast(v, DType::kFloat32) : v; }

absl::StatusOr<double> Epsilon(Call& c) {
  const double epsilon = c.Float("epsilon", 1e-5f);
  if (!(epsilon >= 0) || !std::isfinite(epsilon)) return c.Error("epsilon must be at least 0, but is ", epsilon);
  return epsilon;
}

bool IsKnown(const Shape& shape, int first) {
  for (int axis = first; axis < shape.rank(); ++axis) {
    if (shape[axis] < 0) return false;
  }
  return true;
}

// ---- Batches ----------------------------------------------------------------------------------------------------

// What a BatchNormalization is given, in one dtype.
struct BatchNorm {
  Value x, scale, bias, mean, variance;
  double epsilon, momentum;
};

absl::StatusOr<BatchNorm> ReadBatchNorm(Call& c, int parameter_rank) {
  AD_ASSIGN_OR_RETURN(const double epsilon, Epsilon(c));
  const Value x = Full(c.x(0));
  BatchNorm n{x,       Like(c.x(1), x),          Like(c.x(2), x), Like(c.Statistic(3), x), Like(c.Statistic(4), x),
              epsilon, c.Float("momentum", 0.9f)};
  if (x.rank() < parameter_rank + 1) return c.Error("x must be [N, C, ...], but is ", x.type().ToString());
  const Shape parameters(x.shape().dims().subspan(1, parameter_rank));
  for (const Value& v : {n.scale, n.bias, n.mean, n.variance}) {
    if (v.shape() != parameters) {
      return c.Error("scale, bias, mean and variance must be ", parameters.ToString(), ", but one is ",
                     v.type().ToString());
    }
  }
  return n;
}

// Stores the next running statistic in its variable at each training step, where the file holds it and nothing else
// does.
void UpdateOnce(const Value& running, const Value& next) {
  if (!running.valid() || !next.valid() || running.graph() != next.graph()) return;
  Graph* graph = running.graph();
  if (!graph->node(running.node()).attrs.Is<VariableAttrs>() || running.type() != next.type()) return;
  for (const auto& [known, value] : graph->side_updates()) {
    if (known == running) return;
  }
  graph->AddSideUpdate(running, next);
}

// Normalises with the statistics of the batch. The results are y, the next running mean and variance, and the batch's.
Results BatchStatistics(Call& c, const BatchNorm& n) {
  const BatchNormResult batch = BatchNormTraining(n.x, n.scale, n.bias, {.epsilon = n.epsilon});
  if (!batch.y.valid()) return Values{batch.y};
  const auto moved = [&](const Value& running, const Value& of_batch) {
    return running * n.momentum + of_batch * (1 - n.momentum);
  };
  const Value mean = moved(n.mean, batch.mean), variance = moved(n.variance, batch.variance);
  if (c.training()) UpdateOnce(n.mean, mean), UpdateOnce(n.variance, variance);
  return Values{batch.y, mean, variance, batch.mean, batch.variance};
}

// The results in the dtypes of x and of the statistics.
Results GivenTypes(Call& c, Results results) {
  AD_RETURN_IF_ERROR(results.status());
  for (size_t i = 0; i < results->size(); ++i) {
    Value& v = (*results)[i];
    const DType dtype = c.dtype(i == 0 ? 0 : 3);
    if (v.valid() && v.dtype() != dtype) v = Cast(v, dtype);
  }
  return results;
}

Results BatchNormalize(Call& c, bool training) {
  AD_ASSIGN_OR_RETURN(const BatchNorm n, ReadBatchNorm(c, 1));
  if (training || c.training()) return GivenTypes(c, BatchStatistics(c, n));
  const Value y = BatchNormInference(n.x, {n.scale, n.bias, n.mean, n.variance}, {.epsilon = n.epsilon});
  return GivenTypes(c, Values{y, n.mean, n.variance, n.mean, n.variance});
}

Results BatchNormFrom(Call& c) { return BatchNormalize(c, c.Int("training_mode", 0) != 0); }

// Until operator set 13, who names the running statistics as results means training.
bool WantsStatistics(Call& c) { return c.wants(1) || c.wants(2) || c.wants(3) || c.wants(4); }
Results BatchNormFrom9(Call& c) { return BatchNormalize(c, WantsStatistics(c)); }

// With spatial = 0, each place of an image has statistics of its own.
Results BatchNormOfPlaces(Call& c, bool training) {
  if (training || c.training()) return c.Unsupported("training with spatial = 0 is not read");
  if (c.x(0).rank() < 2) return c.Error("x must be [N, C, ...], but is ", c.x(0).type().ToString());
  AD_ASSIGN_OR_RETURN(const BatchNorm n, ReadBatchNorm(c, c.x(0).rank() - 1));
  const Value y = (n.x - n.mean) * Rsqrt(n.variance + n.epsilon) * n.scale + n.bias;
  return GivenTypes(c, Values{y, n.mean, n.variance});
}

Results BatchNormFrom7(Call& c) {
  const bool training = WantsStatistics(c);
  return c.Int("spatial", 1) != 0 ? BatchNormalize(c, training) : BatchNormOfPlaces(c, training);
}
Results BatchNormFrom1(Call& c) {
  c.Ignore("consumed_inputs");
  const bool training = c.Int("is_test", 0) == 0;
  return c.Int("spatial", 1) != 0 ? BatchNormalize(c, training) : BatchNormOfPlaces(c, training);
}

// ---- Groups of channels -----------------------------------------------------------------------------------------

// Computes (x - mean) / sqrt(variance + epsilon) over some axes, of which sizes may be symbolic.
Value Standardised(const Value& x, const std::vector<int64_t>& axes, double epsilon) {
  const Value mean = Mean(x, {.axes = axes, .keepdims = true});
  const Value variance = Var(x, {.axes = axes, .keepdims = true, .correction = 0});
  return (x - mean) * Rsqrt(variance + epsilon);
}

// A number for each channel, as one for each element of x.
Value PerChannel(const Value& v, const Value& x) {
  Shape shape = v.shape();
  for (int axis = 2; axis < x.rank(); ++axis) shape.push_back(1);
  return Reshape(v, shape);
}

// Normalises groups of channels; scale and bias are [C].
Results NormaliseGroups(Call& c, const Value& x, const Value& scale, const Value& bias, int64_t groups) {
  AD_ASSIGN_OR_RETURN(const double epsilon, Epsilon(c));
  if (x.rank() < 2 || x.shape()[1] < 0) {
    return c.Error("x must be [N, C, ...] with a known number of channels, but is ", x.type().ToString());
  }
  const int64_t channels = x.shape()[1];
  if (groups < 1 || channels % groups != 0) return c.Error(groups, " groups do not divide ", channels, " channels");
  for (const Value& v : {scale, bias}) {
    if (v.shape() != Shape{channels}) return c.Error("scale and bias must be ", Shape{channels}.ToString());
  }
  if (IsKnown(x.shape(), 2)) return Values{GroupNorm(x, scale, bias, groups, {.epsilon = epsilon})};
  Dim n(channels / groups);
  for (int axis = 2; axis < x.rank(); ++axis) n = n * x.shape().dim(axis);
  const Value rows = Standardised(Reshape(x, {x.shape()[0], groups, n}), {2}, epsilon);
  return Values{Reshape(rows, x.shape()) * PerChannel(scale, x) + PerChannel(bias, x)};
}

Results InstanceNormFrom(Call& c) {
  c.Ignore("consumed_inputs");
  const Value x = c.x(0);
  if (x.rank() < 3 || x.shape()[1] < 1) return c.Error("x must be [N, C, ...], but is ", x.type().ToString());
  return NormaliseGroups(c, x, c.x(1), c.x(2), x.shape()[1]);
}

Results GroupNormFrom(Call& c) {
  c.Ignore("stash_type");
  return NormaliseGroups(c, c.x(0), c.x(1), c.x(2), c.Int("num_groups", 0));
}

// In operator set 18, scale and bias are those of the groups.
Results GroupNormFrom18(Call& c) {
  const Value x = c.x(0);
  const int64_t groups = c.Int("num_groups", 0);
  if (x.rank() < 2 || x.shape()[1] < 1 || groups < 1 || x.shape()[1] % groups != 0) {
    return c.Error(groups, " groups do not divide the channels of ", x.type().ToString());
  }
  const auto of_channels = [&](const Value& v) -> absl::StatusOr<Value> {
    if (v.shape() != Shape{groups}) return c.Error("scale and bias must be ", Shape{groups}.ToString());
    return Reshape(BroadcastTo(Unsqueeze(v, {1}), {groups, x.shape()[1] / groups}), {x.shape()[1]});
  };
  AD_ASSIGN_OR_RETURN(const Value scale, of_channels(c.x(1)));
  AD_ASSIGN_OR_RETURN(const Value bias, of_channels(c.x(2)));
  return NormaliseGroups(c, x, scale, bias, groups);
}

// ---- Trailing axes ----------------------------------------------------------------------------------------------

// The dtype of the statistics: f32, unless stash_type says f64.
absl::StatusOr<DType> StashType(Call& c) {
  const std::optional<DType> dtype = DTypeOf(c.Int("stash_type", 1));
  if (!dtype.has_value() || !IsAnyFloating(*dtype)) return c.Error("stash_type must be a floating-point type");
  return *dtype;
}

// Repeats a parameter to x's trailing axes, from `axis` on, where they are known.
absl::StatusOr<Value> Trailing(Call& c, const Value& v, const Value& x, int64_t axis) {
  const Shape trailing(x.shape().dims().subspan(axis));
  bool fits = v.rank() <= trailing.rank();
  for (int i = 1; i <= v.rank() && fits; ++i) {
    const int64_t size = v.shape()[v.rank() - i];
    fits = size == 1 || MayBeEqual(size, trailing[trailing.rank() - i]);
  }
  if (!fits) {
    return c.Unsupported("scale and bias must fit x's axes that are normalised, ", trailing.ToString(), ", but one is ",
                         v.type().ToString());
  }
  return v.shape() == trailing || trailing.is_symbolic() ? v : BroadcastTo(v, trailing);
}

Results LayerNormFrom(Call& c) {
  const Value x = Full(c.x(0));
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, x.rank()));
  AD_ASSIGN_OR_RETURN(const double epsilon, Epsilon(c));
  AD_ASSIGN_OR_RETURN(const DType stash, StashType(c));
  AD_ASSIGN_OR_RETURN(const Value scale, Trailing(c, Like(c.x(1), x), x, axis));
  Value bias = ZerosLike(scale);
  if (c.has(2)) {
    AD_ASSIGN_OR_RETURN(bias, Trailing(c, Like(c.x(2), x), x, axis));
  }
  const std::vector<int64_t> axes = AxesFrom(x, static_cast<int>(axis));
  Value y, mean, variance;
  if (IsKnown(x.shape(), static_cast<int>(axis))) {
    const Values norm = BuildMulti("layer_norm", {x, scale, bias}, Attrs(NormAttrs{.epsilon = epsilon}));
    if (norm.size() < 3 || !norm[0].valid())
      return c.Error("what is normalised must have elements, but x is ", x.type().ToString());
    Shape kept = norm[1].shape();
    for (size_t i = 0; i < axes.size(); ++i) kept.push_back(1);
    y = norm[0];
    if (c.wants(1)) mean = Reshape(norm[1], kept);
    if (c.wants(2)) variance = Reshape(norm[2], kept);
  } else {
    y = Standardised(x, axes, epsilon) * scale + bias;
    if (c.wants(1)) mean = Mean(x, {.axes = axes, .keepdims = true});
    if (c.wants(2)) variance = Var(x, {.axes = axes, .keepdims = true, .correction = 0});
  }
  Values results{Cast(y, c.dtype(0)), mean, Value()};
  if (c.wants(1)) results[1] = Cast(mean, stash);
  if (c.wants(2)) results[2] = Cast(Rsqrt(variance + epsilon), stash);
  return results;
}

Results RmsNormFrom(Call& c) {
  const Value x = Full(c.x(0));
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, x.rank()));
  AD_ASSIGN_OR_RETURN(const double epsilon, Epsilon(c));
  AD_RETURN_IF_ERROR(StashType(c).status());
  AD_ASSIGN_OR_RETURN(const Value scale, Trailing(c, Like(c.x(1), x), x, axis));
  Value y;
  if (IsKnown(x.shape(), static_cast<int>(axis))) {
    y = RmsNorm(x, scale, {.epsilon = epsilon});
  } else {
    const Value squares = Mean(Square(x), {.axes = AxesFrom(x, static_cast<int>(axis)), .keepdims = true});
    y = x * Rsqrt(squares + epsilon) * scale;
  }
  return Values{Cast(y, c.dtype(1))};
}

// ---- Others -----------------------------------------------------------------------------------------------------

Results LrnFrom(Call& c) {
  const Value x = c.x(0);
  const int64_t size = c.Int("size", 0);
  const double alpha = c.Float("alpha", 1e-4f), beta = c.Float("beta", 0.75), bias = c.Float("bias", 1);
  if (size < 1 || size > kMaxWindow) return c.Error("size must be in [1, 2^24], but is ", size);
  if (x.rank() < 2 || x.shape()[1] < 1) return c.Error("x must be [N, C, ...], but is ", x.type().ToString());
  // The channels are the height of an image, over which windows are averaged; padding counts as zeros.
  Dim pixels(1);
  for (int axis = 2; axis < x.rank(); ++axis) pixels = pixels * x.shape().dim(axis);
  const Value squares = Reshape(Square(x), {x.shape()[0], 1, x.shape()[1], pixels});
  const Value mean = AvgPool2d(
      squares, {.kernel = {size, 1}, .stride = {1, 1}, .padding = Padding::Explicit((size - 1) / 2, 0, size / 2, 0)});
  return Values{x * Pow(Reshape(mean, x.shape()) * alpha + bias, -beta)};
}

Results MeanVarianceFrom(Call& c) {
  const Value x = c.x(0);
  const std::vector<int64_t> axes = c.Ints("axes", {0, 2, 3});
  if (axes.empty()) return c.Error("axes must not be empty");
  const Value mean = Mean(x, {.axes = axes, .keepdims = true});
  return Values{(x - mean) / (Std(x, {.axes = axes, .keepdims = true, .correction = 0}) + 1e-9)};
}

Results LpNormFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const int64_t axis, c.Axis("axis", -1, x.rank()));
  const int64_t p = c.Int("p", 2);
  if (p != 1 && p != 2) return c.Error("p must be 1 or 2, but is ", p);
  const ReduceAttrs along{.axes = {axis}, .keepdims = true};
  const Value norm = p == 2 ? Norm(x, along) : Sum(Abs(x), along);
  return Values{x / Where(Equal(norm, 0.0), 1.0, norm)};
}

constexpr absl::string_view kTraining =
    "OnnxOptions::training updates running statistics that the file holds in f32 or f64, by the batch's (biased) "
    "variance";

const OperatorRegistration kNorms({
    {.name = "BatchNormalization", .since = 14, .from = BatchNormFrom, .halves = Halves::kMove, .note = kTraining},
    {.name = "BatchNormalization", .since = 9, .from = BatchNormFrom9, .halves = Halves::kMove, .note = kTraining},
    {.name = "BatchNormalization",
     .since = 7,
     .from = BatchNormFrom7,
     .halves = Halves::kMove,
     .note = "training with spatial = 0 is not read"},
    {.name = "BatchNormalization",
     .since = 1,
     .from = BatchNormFrom1,
     .halves = Halves::kMove,
     .note = "training with spatial = 0 is not read"},
    {.name = "InstanceNormalization", .since = 1, .from = InstanceNormFrom},
    {.name = "GroupNormalization", .since = 21, .from = GroupNormFrom},
    {.name = "GroupNormalization", .since = 18, .from = GroupNormFrom18},
    {.name = "LayerNormalization", .since = 17, .from = LayerNormFrom, .halves = Halves::kMove},
    {.name = "RMSNormalization", .since = 23, .from = RmsNormFrom, .halves = Halves::kMove},
    {.name = "LRN", .since = 1, .from = LrnFrom},
    {.name = "MeanVarianceNormalization", .since = 9, .from = MeanVarianceFrom},
    {.name = "LpNormalization", .since = 1, .from = LpNormFrom},
});

}  // namespace
}  // namespace adret::onnx
