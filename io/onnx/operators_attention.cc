// Scaled dot-product attention: Attention, and FlexAttention of the preview domain.
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/bodies.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/tensors.h"
#include "adret/ops/attention.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/concat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/softmax.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Query, key and value as [batch, heads, sequence, features].
struct Heads {
  Value q, k, v;
};

absl::Status CheckHeads(const Call& c, const Heads& x) {
  const Shape &q = x.q.shape(), &k = x.k.shape(), &v = x.v.shape();
  for (const int64_t n : {q[1], k[1], v[1], q[3], k[3], v[3]}) {
    if (n < 1) return c.Unsupported("the numbers of heads and of features must be known and above 0");
  }
  if (q[3] != k[3]) return c.Error("queries have ", q[3], " features and keys ", k[3]);
  if (k[1] != v[1] || q[1] % k[1] != 0) {
    return c.Error("there are ", q[1], " heads of queries, ", k[1], " of keys and ", v[1], " of values");
  }
  return absl::OkStatus();
}

// Returns [batch, sequence, heads * features] as [batch, heads, sequence, features].
absl::StatusOr<Value> SplitHeads(const Call& c, const Value& x, int64_t heads) {
  const Shape& s = x.shape();
  if (heads < 1 || s[2] < 1 || s[2] % heads != 0) {
    return c.Error(x.type().ToString(), " cannot be cut into ", heads, " heads: q_num_heads or kv_num_heads");
  }
  return Transpose(Reshape(x, Shape{s[0], s[1], heads, s[2] / heads}), {0, 2, 1, 3});
}

// Returns [batch, heads, sequence, features] as [batch, sequence, heads * features].
Value JoinHeads(const Value& x) {
  const Shape& s = x.shape();
  return Reshape(Transpose(x, {0, 2, 1, 3}), Shape{s[0], s[2], s[1] * s[3]});
}

// Queries of a group share a head of keys: [batch, heads, ...] becomes [batch, heads of keys, group, ...].
Value Grouped(const Value& x, int64_t kv_heads) {
  if (!x.valid() || x.shape()[1] == 1) return x.valid() ? Unsqueeze(x, {1}) : x;
  Shape shape = x.shape();
  shape.set(1, shape[1] / kv_heads);
  shape.insert(1, kv_heads);
  return Reshape(x, shape);
}

Value Ungrouped(const Value& x) {
  if (!x.valid()) return x;
  Shape shape = x.shape();
  const int64_t heads = shape[1] * shape[2];
  shape.erase(2);
  shape.set(1, heads);
  return Reshape(x, shape);
}

Value And(const Value& a, const Value& b) { return a.graph() == nullptr ? b : LogicalAnd(a, b); }

// Returns the dtype of softmax_precision, or of x where that is left out or less precise.
absl::StatusOr<DType> SoftmaxDType(Call& c, const Value& x) {
  if (!c.HasAttr("softmax_precision")) return x.dtype();
  const int64_t precision = c.Int("softmax_precision", 0);
  const std::optional<DType> dtype = DTypeOf(precision);
  if (!dtype.has_value() || !IsAnyFloating(*dtype)) {
    return c.Error("softmax_precision is ", ElementTypeName(precision));
  }
  return *dtype == DType::kFloat64 ? DType::kFloat64 : x.dtype();
}

// ---- Attention ----

class Attention {
 public:
  explicit Attention(Call& c) : c_(c) {}

  Results Build() {
    AD_RETURN_IF_ERROR(ReadInputs());
    AD_RETURN_IF_ERROR(ReadMasks());
    const double softcap = c_.Float("softcap", 0);
    if (!(softcap >= 0)) return c_.Error("softcap is ", softcap);
    const int64_t mode = c_.Int("qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3) return c_.Error("qk_matmul_output_mode is ", mode);
    AD_ASSIGN_OR_RETURN(const DType precision, SoftmaxDType(c_, x_.q));
    const double scale = c_.Float("scale", 1 / std::sqrt(static_cast<double>(x_.q.shape()[3])));
    Value y, scores;
    if (softcap == 0 && !c_.wants(3) && precision == x_.q.dtype() && scale != 0) {
      y = Fused(scale);
    } else {
      std::tie(y, scores) = Composed(scale, softcap, mode, precision);
    }
    if (three_axes_ && y.valid()) y = JoinHeads(y);
    Values results = {y, x_.k, x_.v};
    if (c_.wants(3)) results.push_back(scores);
    return results;
  }

 private:
  enum Input { kQ, kK, kV, kMask, kPastKey, kPastValue, kLengths };

  absl::Status ReadInputs() {
    x_ = {c_.x(kQ), c_.x(kK), c_.x(kV)};
    three_axes_ = x_.q.rank() == 3;
    for (const Value& v : {x_.q, x_.k, x_.v}) {
      if (!IsFloating(v.dtype()) || v.dtype() != x_.q.dtype() || v.rank() != (three_axes_ ? 3 : 4)) {
        return c_.Error("queries, keys and values are ", x_.q.type().ToString(), ", ", x_.k.type().ToString(), " and ",
                        x_.v.type().ToString());
      }
    }
    const int64_t q_heads = c_.Int("q_num_heads", 0), kv_heads = c_.Int("kv_num_heads", 0);
    if (three_axes_) {
      AD_ASSIGN_OR_RETURN(x_.q, SplitHeads(c_, x_.q, q_heads));
      AD_ASSIGN_OR_RETURN(x_.k, SplitHeads(c_, x_.k, kv_heads));
      AD_ASSIGN_OR_RETURN(x_.v, SplitHeads(c_, x_.v, kv_heads));
    }
    AD_RETURN_IF_ERROR(CheckHeads(c_, x_));
    if (c_.has(kPastKey) != c_.has(kPastValue)) return c_.Error("past_key and past_value belong together");
    if (!c_.has(kPastKey)) return absl::OkStatus();
    for (const int i : {kPastKey, kPastValue}) {
      if (c_.shape(i).rank() != 4) return c_.Error("input ", i, " is ", c_.raw(i).type().ToString());
    }
    x_.k = Concat({c_.x(kPastKey), x_.k}, 2);
    x_.v = Concat({c_.x(kPastValue), x_.v}, 2);
    return c_.graph()->status();
  }

  Dim Keys() const { return x_.k.shape().dim(2); }

  // Returns the mask of the file with 4 axes, as long as the keys.
  absl::StatusOr<Value> GivenMask() {
    Value mask = c_.x(kMask);
    if (mask.rank() < 2 || mask.rank() > 4 || (!IsBool(mask.dtype()) && mask.dtype() != x_.q.dtype())) {
      return c_.Error("attn_mask is ", mask.type().ToString());
    }
    while (mask.valid() && mask.rank() < 4) mask = Unsqueeze(mask, {0});
    if (!mask.valid() || c_.version() < 24 || mask.shape().dim(3) == Keys()) return mask;
    const Dim more = Keys() - mask.shape().dim(3);
    if (mask.shape()[3] == 1 || !more.number().has_value()) {
      return c_.Unsupported("attn_mask is ", mask.type().ToString(), " for ", Keys().ToString(),
                            " keys: whether it means all of them or the first must be known");
    }
    if (*more.number() < 0) return c_.Error("attn_mask is longer than the keys");
    Shape rest = mask.shape();
    rest.set(3, *more.number());
    const double hidden = IsBool(mask.dtype()) ? 0 : -kInfinity;
    return Concat({mask, BroadcastTo(c_.graph()->Constant(Tensor::Full(mask.dtype(), {}, hidden)), rest)}, 3);
  }

  absl::Status ReadMasks() {
    causal_ = c_.Int("is_causal", 0) != 0;
    if (c_.has(kMask)) {
      AD_ASSIGN_OR_RETURN(const Value mask, GivenMask());
      (IsBool(mask.dtype()) ? seen_ : bias_) = mask;
    }
    if (!c_.has(kLengths) && !(causal_ && c_.has(kPastKey))) return c_.graph()->status();
    const Value keys = StepNumbers(c_.graph(), Keys());
    if (c_.has(kLengths)) {
      if (!IsInteger(c_.dtype(kLengths)) || c_.shape(kLengths).rank() != 1) {
        return c_.Error("nonpad_kv_seqlen is ", c_.raw(kLengths).type().ToString());
      }
      const Value lengths = Cast(c_.raw(kLengths), DType::kInt64);
      seen_ = And(seen_, Less(keys, Unsqueeze(lengths, {1, 2, 3})));
    }
    if (causal_ && c_.has(kPastKey)) {
      // Query i sees what is past, and keys 0 .. i of the new ones.
      const Value past = Slice(ShapeOf(c_.raw(kPastKey)), 0, 2, 3);
      const Value queries = StepNumbers(c_.graph(), x_.q.shape().dim(2));
      seen_ = And(seen_, LessEqual(keys, Unsqueeze(queries + past, {1})));
      causal_ = false;
    }
    return c_.graph()->status();
  }

  // Returns the bias with -infinity where seen_ is false, or no value.
  Value Bias() {
    if (seen_.graph() == nullptr) return bias_;
    const Value zero = c_.graph()->Constant(Tensor::Zeros(x_.q.dtype(), {}));
    return Where(seen_, bias_.graph() == nullptr ? zero : bias_, -kInfinity);
  }

  // Returns a mask in the form of grouped queries.
  Value GroupedMask(Value mask) const {
    while (mask.valid() && mask.rank() < 4) mask = Unsqueeze(mask, {0});
    return Grouped(mask, x_.k.shape()[1]);
  }

  Value Fused(double scale) {
    Value mask = bias_.graph() == nullptr ? seen_ : Bias();
    if (x_.q.shape()[1] == x_.k.shape()[1]) {
      return ScaledDotProductAttention(x_.q, x_.k, x_.v, {.mask = mask, .causal = causal_, .scale = scale});
    }
    if (mask.graph() != nullptr) mask = GroupedMask(mask);
    const Value q = Grouped(x_.q, x_.k.shape()[1]);
    return Ungrouped(ScaledDotProductAttention(q, Unsqueeze(x_.k, {2}), Unsqueeze(x_.v, {2}),
                                               {.mask = mask, .causal = causal_, .scale = scale}));
  }

  // Returns the result, and what qk_matmul_output_mode asks for.
  std::pair<Value, Value> Composed(double scale, double softcap, int64_t mode, DType precision) {
    const int64_t kv_heads = x_.k.shape()[1];
    if (causal_) {
      const Value keys = StepNumbers(c_.graph(), Keys()), queries = StepNumbers(c_.graph(), x_.q.shape().dim(2));
      seen_ = And(seen_, LessEqual(keys, Unsqueeze(queries, {1})));
    }
    Values stages = {MatMul(Grouped(x_.q * scale, kv_heads), Unsqueeze(x_.k, {2}), {.transpose_b = true})};
    stages.push_back(softcap > 0 ? softcap * Tanh(stages[0] * (1 / softcap)) : stages[0]);
    const Value bias = Bias();
    stages.push_back(bias.graph() == nullptr ? stages[1] : stages[1] + GroupedMask(bias));
    stages.push_back(Cast(Softmax(Cast(stages[2], precision)), x_.q.dtype()));
    return {Ungrouped(MatMul(stages[3], Unsqueeze(x_.v, {2}))), Ungrouped(stages[mode])};
  }

  Call& c_;
  Heads x_;  // with what is past
  bool three_axes_ = false, causal_ = false;
  Value seen_, bias_;  // bool and floating-point masks that broadcast to [batch, heads, queries, keys]; or no values
};

// ---- FlexAttention ----

// Returns what a modifier makes of scores or probabilities.
absl::StatusOr<Value> Modified(Call& c, absl::string_view name, const Value& x, DType dtype) {
  AD_ASSIGN_OR_RETURN(const proto::Graph* graph, c.GraphAttr(name));
  AD_ASSIGN_OR_RETURN(const Values outputs, c.Build(*graph, {Cast(x, dtype)}));
  if (outputs.size() != 1) return c.Error(name, " has ", outputs.size(), " outputs");
  if (outputs[0].type() != Type{dtype, x.shape()}) {
    return c.Error(name, " makes ", outputs[0].type().ToString(), " of ", Type{dtype, x.shape()}.ToString());
  }
  return Cast(outputs[0], x.dtype());
}

Value InF32(const Value& x) { return IsHalf(x.dtype()) ? Cast(x, DType::kFloat32) : x; }

Results FlexAttentionFrom(Call& c) {
  Heads x{InF32(c.raw(0)), InF32(c.raw(1)), InF32(c.raw(2))};
  for (const Value& v : {x.q, x.k, x.v}) {
    if (IsFloating(v.dtype()) && v.dtype() == x.q.dtype() && v.rank() == 4) continue;
    return c.Error("queries, keys and values are ", x.q.type().ToString(), ", ", x.k.type().ToString(), " and ",
                   x.v.type().ToString());
  }
  AD_RETURN_IF_ERROR(CheckHeads(c, x));
  AD_ASSIGN_OR_RETURN(const DType precision, SoftmaxDType(c, x.q));
  const DType modifiers = DTypeOf(c.Int("softmax_precision", ElementTypeOf(x.q.dtype()))).value_or(x.q.dtype());
  const double scale = c.Float("scale", 1 / std::sqrt(static_cast<double>(x.q.shape()[3])));
  const int64_t kv_heads = x.k.shape()[1];
  const Value q = Grouped(x.q, kv_heads), k = Unsqueeze(x.k, {2}), v = Unsqueeze(x.v, {2});
  const bool score_mod = c.HasAttr("score_mod"), prob_mod = c.HasAttr("prob_mod");
  if (!score_mod && !prob_mod && precision == x.q.dtype() && scale != 0) {
    return Values{Cast(Ungrouped(ScaledDotProductAttention(q, k, v, {.scale = scale})), c.dtype(2))};
  }
  Value p = Ungrouped(Cast(MatMul(q * scale, k, {.transpose_b = true}), precision));
  AD_RETURN_IF_ERROR(c.graph()->status());
  if (score_mod) {
    AD_ASSIGN_OR_RETURN(p, Modified(c, "score_mod", p, modifiers));
  }
  p = Softmax(p);
  if (prob_mod) {
    AD_ASSIGN_OR_RETURN(p, Modified(c, "prob_mod", p, modifiers));
  }
  const Value y = Ungrouped(MatMul(Grouped(p, kv_heads), Cast(v, precision)));
  return Values{Cast(y, c.dtype(2))};
}

const OperatorRegistration kAttention({
    {.name = "Attention",
     .since = 23,
     .from = [](Call& c) -> Results { return Attention(c).Build(); },
     .note = "softmax_precision only makes the softmax more precise. A query that sees no key gives zeros, unless "
             "softcap or qk_matmul_output is asked for."},
    {.name = "FlexAttention",
     .domain = "ai.onnx.preview",
     .from = FlexAttentionFrom,
     .halves = Halves::kMove,
     .note = "softmax_precision only makes the softmax more precise."},
});

}  // namespace
}  // namespace adret::onnx
