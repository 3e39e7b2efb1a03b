// RotaryEmbedding and LinearAttention.
#include <cmath>
#include <string>

#include "adret/autograd/scan.h"
#include "adret/core/status.h"
#include "adret/io/onnx/bodies.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- RotaryEmbedding ----

// Turns pairs of features, along the last axis, by angles with these cosines and sines. interleaved: pairs are
// neighbours; else they are half the axis apart.
Value Rotate(const Value& x, const Value& cosine, const Value& sine, bool interleaved) {
  const int64_t n = x.shape()[x.rank() - 1];
  const int64_t last = x.rank() - 1;
  const auto half = [&](int64_t which) {
    if (!interleaved) return Slice(x, last, which * (n / 2), (which + 1) * (n / 2));
    return Slice(x, {.axes = {last}, .begins = {which}, .ends = {kSliceToEnd}, .steps = {2}});
  };
  const Value a = half(0), b = half(1);
  const Value real = cosine * a - sine * b, imaginary = sine * a + cosine * b;
  if (!interleaved) return Concat({real, imaginary}, last);
  return Reshape(Stack({real, imaginary}, last + 1), x.shape());
}

// Returns [batch, sequence, n / 2] from a cache, with an axis for the heads.
absl::StatusOr<Value> FromCache(Call& c, int i, int64_t half, int64_t heads_axis) {
  Value cache = c.x(i);
  if (cache.rank() != (c.has(3) ? 2 : 3) || cache.shape()[cache.rank() - 1] != half) {
    return c.Error("input ", i, " is ", cache.type().ToString(), ", and its last axis should have ", half);
  }
  if (c.has(3)) {
    if (!IsInteger(c.dtype(3)) || c.shape(3).rank() != 2) {
      return c.Error("position_ids is ", c.raw(3).type().ToString(), " where i64[batch, sequence] is expected");
    }
    cache = Gather(cache, c.raw(3), 0);
  }
  return Unsqueeze(cache, {heads_axis});
}

Results RotaryEmbeddingFrom(Call& c) {
  const Value x = c.x(0);
  const int64_t heads = c.Int("num_heads", 0);
  Value split = x;
  if (x.rank() == 3) {
    const Shape& s = x.shape();
    if (heads < 1 || s[2] < 1 || s[2] % heads != 0)
      return c.Error("num_heads is ", heads, " for ", x.type().ToString());
    split = Reshape(x, Shape{s[0], s[1], heads, s[2] / heads});
  } else if (x.rank() != 4) {
    return c.Error("X is ", x.type().ToString(), " where 3 or 4 axes are expected");
  }
  const int64_t features = split.shape()[3];
  if (features < 1) return c.Unsupported("the number of features must be known");
  int64_t turned = c.Int("rotary_embedding_dim", 0);
  if (turned == 0) turned = features;
  if (turned < 2 || turned % 2 != 0 || turned > features) {
    return c.Error("cannot rotate ", turned, " of ", features, " features");
  }
  const int64_t heads_axis = x.rank() == 3 ? 2 : 1;
  AD_ASSIGN_OR_RETURN(const Value cosine, FromCache(c, 1, turned / 2, heads_axis));
  AD_ASSIGN_OR_RETURN(const Value sine, FromCache(c, 2, turned / 2, heads_axis));
  const bool interleaved = c.Int("interleaved", 0) != 0;
  if (turned == features) return Values{Reshape(Rotate(split, cosine, sine, interleaved), x.shape())};
  const Value y = Rotate(Slice(split, 3, 0, turned), cosine, sine, interleaved);
  AD_RETURN_IF_ERROR(c.graph()->status());
  return Values{Reshape(Concat({y, Slice(split, 3, turned, features)}, 3), x.shape())};
}

// ---- LinearAttention ----

class LinearAttention {
 public:
  explicit LinearAttention(Call& c) : c_(c) {}

  Results Build() {
    c_.Ignore("chunk_size");
    AD_RETURN_IF_ERROR(ReadAttributes());
    AD_ASSIGN_OR_RETURN(const Value q, Steps(kQuery, "query", q_heads_));
    AD_ASSIGN_OR_RETURN(const Value k, Steps(kKey, "key", kv_heads_));
    AD_ASSIGN_OR_RETURN(const Value v, Steps(kValue, "value", kv_heads_));
    const int64_t features = k.shape()[3], values = v.shape()[3];
    if (q.shape()[3] != features) return c_.Error("queries have ", q.shape()[3], " features and keys ", features);
    double scale = c_.Float("scale", 0);
    if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(features));
    // Queries of a group share a state: [time, batch, heads of keys, group, features].
    const Shape& s = q.shape();
    ScanInputs inputs{.each = {Reshape(q * scale, Shape{s[0], s[1], kv_heads_, q_heads_ / kv_heads_, features}), k, v}};
    if (gated_) {
      AD_ASSIGN_OR_RETURN(Value decay, Decay(features));
      inputs.each.push_back(Exp(decay));
    }
    if (corrected_) {
      AD_ASSIGN_OR_RETURN(Value beta, Beta());
      inputs.each.push_back(beta);
    }
    AD_ASSIGN_OR_RETURN(const Value state, State(Shape{s[1], kv_heads_, features, values}, q.dtype()));
    inputs.carry = {state};
    AD_RETURN_IF_ERROR(c_.graph()->status());
    const ScanResult r = Scan(inputs, [&](const Values& carry, const Values& each) { return Step(carry[0], each); });
    AD_RETURN_IF_ERROR(c_.graph()->status());
    if (!r.out[0].valid()) return r.out;
    // [time, batch, heads of keys, group, values] -> [batch, time, heads * values].
    const Value y = Reshape(Transpose(r.out[0], {1, 0, 2, 3, 4}), Shape{s[1], s[0], q_heads_ * values});
    return Values{Cast(y, c_.dtype(kQuery)), Cast(r.carry[0], c_.dtype(c_.has(kPast) ? kPast : kQuery))};
  }

 private:
  enum Input { kQuery, kKey, kValue, kPast, kDecay, kBeta };

  absl::Status ReadAttributes() {
    const std::string rule = c_.String("update_rule", "gated_delta");
    gated_ = rule == "gated" || rule == "gated_delta";
    corrected_ = rule == "delta" || rule == "gated_delta";
    if (!gated_ && !corrected_ && rule != "linear") return c_.Error("there is no update_rule \"", rule, "\"");
    if (gated_ != c_.has(kDecay)) return c_.Error("the update_rule \"", rule, "\" does not go with the input decay");
    if (corrected_ != c_.has(kBeta)) return c_.Error("the update_rule \"", rule, "\" does not go with the input beta");
    q_heads_ = c_.Int("q_num_heads", 0), kv_heads_ = c_.Int("kv_num_heads", 0);
    if (q_heads_ < 1 || kv_heads_ < 1 || q_heads_ % kv_heads_ != 0) {
      return c_.Error("q_num_heads is ", q_heads_, " and kv_num_heads ", kv_heads_);
    }
    return absl::OkStatus();
  }

  // Returns an input as it is computed with.
  Value Read(int i) { return IsHalf(c_.dtype(i)) ? Cast(c_.raw(i), DType::kFloat32) : c_.raw(i); }

  // Returns [batch, time, heads * n] as [time, batch, heads, n].
  absl::StatusOr<Value> Steps(int i, absl::string_view name, int64_t heads) {
    const Value x = Read(i);
    const int64_t last = x.rank() == 3 ? x.shape()[2] : 0;
    if (last < 1 || last % heads != 0) {
      return c_.Error(name, " is ", x.type().ToString(), ", which cannot be cut into ", heads, " heads");
    }
    const Value split = Reshape(x, Shape{x.shape()[0], x.shape()[1], heads, last / heads});
    return Transpose(split, {1, 0, 2, 3});
  }

  // Returns the decays as [time, batch, heads, features or 1, 1].
  absl::StatusOr<Value> Decay(int64_t features) {
    AD_ASSIGN_OR_RETURN(const Value decay, Steps(kDecay, "decay", kv_heads_));
    const int64_t n = decay.shape()[3];
    if (n != 1 && n != features) return c_.Error("decay is ", c_.raw(kDecay).type().ToString());
    return Unsqueeze(decay, {4});
  }

  // Returns the update rates as [time, batch, heads or 1, 1, 1].
  absl::StatusOr<Value> Beta() {
    const Shape& shape = c_.shape(kBeta);
    const bool shared = shape.rank() == 3 && shape[2] == 1;
    AD_ASSIGN_OR_RETURN(const Value beta, Steps(kBeta, "beta", shared ? 1 : kv_heads_));
    if (beta.shape()[3] != 1) return c_.Error("beta is ", c_.raw(kBeta).type().ToString());
    return Unsqueeze(beta, {4});
  }

  absl::StatusOr<Value> State(const Shape& shape, DType dtype) {
    if (!c_.has(kPast)) return Placeholder(c_.graph(), {dtype, shape});
    const Value past = c_.raw(kPast);
    if (!IsAnyFloating(past.dtype()) || past.rank() != 4) return c_.Error("past_state is ", past.type().ToString());
    return Reshape(Cast(past, dtype), shape);
  }

  // state: [batch, heads of keys, features, values].
  ScanStep Step(Value state, const Values& each) const {
    const Value &q = each[0], k = Unsqueeze(each[1], {3});
    Value v = Unsqueeze(each[2], {2});
    if (gated_) state = each[3] * state;
    if (corrected_) v = each.back() * (v - MatMul(Unsqueeze(each[1], {2}), state));
    state = state + k * v;
    return {.carry = {state}, .out = {MatMul(q, state)}};
  }

  Call& c_;
  int64_t q_heads_ = 0, kv_heads_ = 0;
  bool gated_ = false, corrected_ = false;
};

const OperatorRegistration kLinearAttention({
    {.name = "RotaryEmbedding", .since = 23, .from = RotaryEmbeddingFrom},
    {.name = "LinearAttention",
     .since = 27,
     .from = [](Call& c) -> Results { return LinearAttention(c).Build(); },
     .halves = Halves::kMove},
});

}  // namespace
}  // namespace adret::onnx
