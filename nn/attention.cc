#include "adret/nn/attention.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/nn/layers.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/attention.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

bool IsSequence(const Value& x) { return IsFloating(x.dtype()) && x.rank() == 3 && x.shape()[2] > 0; }

// How weights start, and whether there are biases.
using ProjectionOptions = DenseOptions;

// x w^T + b along the last axis, with variables <name>_w and <name>_b.
Value Project(LayerCall& call, const std::string& name, const Value& x, int64_t width, const ProjectionOptions& o) {
  if (!x.valid()) return x;
  const Value w = call.Variable(name + "_w", {x.dtype(), {width, x.shape()[2]}}, o.initializer);
  const Value y = MatMul(x, w, {.transpose_b = true});
  return o.bias ? y + call.Variable(name + "_b", {x.dtype(), {width}}, o.bias_initializer) : y;
}

// [batch, time, width] as [batch, heads, time, width / heads], and back.
Value SplitHeads(const Value& x, int64_t heads) {
  if (!x.valid()) return x;
  const Shape& s = x.shape();
  return Transpose(Reshape(x, {s[0], s[1], heads, s[2] / heads}), {0, 2, 1, 3});
}
Value JoinHeads(const Value& x) {
  if (!x.valid()) return x;
  const Shape& s = x.shape();
  return Reshape(Transpose(x, {0, 2, 1, 3}), {s[0], s[2], s[1] * s[3]});
}

bool IsGiven(const Value& v) { return v.graph() != nullptr; }

Value Attend(LayerCall& call, int64_t heads, const MultiHeadAttentionOptions& o, Value query,
             const AttentionInputs& inputs) {
  const Value key = IsGiven(inputs.key) ? inputs.key : query, value = IsGiven(inputs.value) ? inputs.value : key;
  if (!key.valid() || !value.valid() || (IsGiven(inputs.mask) && !inputs.mask.valid())) {
    return InvalidResult("attention", {query, key, value, IsGiven(inputs.mask) ? inputs.mask : query});
  }
  if (!IsSequence(query) || !IsSequence(key) || !IsSequence(value)) {
    return call.Fail(absl::StrCat("expects floating-point [batch, time, features], but query, key and value are ",
                                  query.type().ToString(), ", ", key.type().ToString(), " and ",
                                  value.type().ToString()));
  }
  const int64_t width = o.width == 0 ? query.shape()[2] : o.width;
  if (heads < 1 || width < 1 || width % heads != 0) {
    return call.Fail(absl::StrCat(heads, " heads do not divide a width of ", width));
  }
  if (!(o.dropout >= 0 && o.dropout < 1))
    return call.Fail(absl::StrCat("dropout must be in [0, 1), but is ", o.dropout));
  const ProjectionOptions dense{.bias = o.bias, .initializer = o.initializer, .bias_initializer = o.bias_initializer};
  const Value q = SplitHeads(Project(call, "q", query, width, dense), heads);
  const Value k = SplitHeads(Project(call, "k", key, width, dense), heads);
  const Value v = SplitHeads(Project(call, "v", value, width, dense), heads);
  const Value y = ScaledDotProductAttention(
      q, k, v, {.mask = inputs.mask, .causal = o.causal, .dropout = call.training() ? o.dropout : 0});
  return Project(call, "out", JoinHeads(y), width, dense);
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(int64_t heads, const MultiHeadAttentionOptions& options)
    : Layer("attention",
            [heads, options](LayerCall& call, Value x) { return Attend(call, heads, options, x, AttentionInputs()); }),
      heads_(heads),
      options_(options) {}

MultiHeadAttention MultiHeadAttention::Named(std::string name) const {
  Layer::Named(std::move(name));
  return *this;
}

Value MultiHeadAttention::operator()(Operand query, const AttentionInputs& inputs, Mode mode) const {
  return Call(query, mode, [&](LayerCall& call, Value x) { return Attend(call, heads_, options_, x, inputs); });
}

// ---- Transformer encoders ---------------------------------------------------------------------------------------

struct TransformerEncoderLayer::Parts {
  Parts(int64_t heads, const TransformerEncoderLayerOptions& o)
      : options(o),
        check(OptionCheck("").Count("hidden", o.hidden).Below1("dropout", o.dropout).AtLeast0("epsilon", o.epsilon)),
        attention(MultiHeadAttention(heads, {.causal = o.causal, .dropout = o.dropout}).Named("attention")),
        norm1(LayerNorm({.epsilon = o.epsilon}).Named("norm1")),
        norm2(LayerNorm({.epsilon = o.epsilon}).Named("norm2")) {}

  // y with dropout, in training.
  Value Dropped(const LayerCall& call, const Value& y) const {
    return call.training() && options.dropout > 0 ? adret::Dropout(y, {.rate = options.dropout}) : y;
  }

  TransformerEncoderLayerOptions options;
  OptionCheck check;
  MultiHeadAttention attention;
  Layer norm1, norm2;
};

Value TransformerEncoderLayer::Build(const Parts& p, LayerCall& call, Value x, const AttentionInputs& inputs) {
  if (!p.check.status().ok()) return call.Fail(p.check.status().message());
  if (!IsSequence(x)) {
    return call.Fail(absl::StrCat("expects floating-point [batch, time, features], but x is ", x.type().ToString()));
  }
  const bool first = p.options.norm_first;
  const auto attended = [&](const Value& v) { return p.Dropped(call, p.attention(v, inputs, call.mode())); };
  const auto fed = [&](const Value& v) {
    const Value hidden = Project(call, "hidden", v, p.options.hidden, {});
    const Value active = p.options.gelu ? adret::Gelu(hidden) : adret::Relu(hidden);
    return p.Dropped(call, Project(call, "out", p.Dropped(call, active), x.shape()[2], {}));
  };
  if (first) {
    const Value y = x + attended(p.norm1(x, call.mode()));
    return y + fed(p.norm2(y, call.mode()));
  }
  const Value y = p.norm1(x + attended(x), call.mode());
  return p.norm2(y + fed(y), call.mode());
}

TransformerEncoderLayer::TransformerEncoderLayer(int64_t heads, const TransformerEncoderLayerOptions& options)
    : TransformerEncoderLayer(std::make_shared<const Parts>(heads, options)) {}

TransformerEncoderLayer::TransformerEncoderLayer(std::shared_ptr<const Parts> parts)
    : Layer("encoder", [parts](LayerCall& call, Value x) { return Build(*parts, call, x, AttentionInputs()); }),
      parts_(std::move(parts)) {}

TransformerEncoderLayer TransformerEncoderLayer::Named(std::string name) const {
  Layer::Named(std::move(name));
  return *this;
}

Value TransformerEncoderLayer::operator()(Operand x, const AttentionInputs& inputs, Mode mode) const {
  return Call(x, mode, [&](LayerCall& call, Value v) { return Build(*parts_, call, v, inputs); });
}

// ---- Positions --------------------------------------------------------------------------------------------------

namespace {

// Returns [places, features] of sines and cosines in turn, for places [places, 1] in f64.
Value Waves(const Value& places, int64_t features, double base) {
  Tensor rates(DType::kFloat64, {(features + 1) / 2});
  for (int64_t i = 0; i < rates.num_elements(); ++i) {
    rates.mutable_data<double>()[i] = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(features));
  }
  const Value phases = places * places.graph()->Constant(rates);
  const Value pairs = Stack({Sin(phases), Cos(phases)}, -1);
  if (!pairs.valid()) return pairs;
  return Slice(Reshape(pairs, {pairs.shape()[0], pairs.shape()[1] * 2}), 1, 0, features);
}

// Returns 0, 1, ... along x's second axis from the end, [places, 1] in f64: f32 has no digits for late places. Counted
// where that axis is known to the run only.
Value PlacesOf(const Value& x) {
  const int axis = x.rank() - 2;
  if (x.shape()[axis] >= 0) {
    const Value places = Range(x.graph(), {.dtype = DType::kFloat64, .limit = static_cast<double>(x.shape()[axis])});
    return Unsqueeze(places, {-1});
  }
  const Value one = x.graph()->Constant(Tensor::Scalar(DType::kFloat64, 1));
  return CumSum(BroadcastTo(one, {x.shape()[axis], 1}), {.axis = 0, .exclusive = true});
}

}  // namespace

Layer SinusoidalPositions(const SinusoidalPositionsOptions& o) {
  const OptionCheck check = OptionCheck("").Positive("base", o.base);
  return Layer("positions", [o, check](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    const int64_t features = x.rank() < 2 ? 0 : x.shape()[x.rank() - 1];
    if (!IsFloating(x.dtype()) || features < 1) {
      return call.Fail(absl::StrCat("expects floating-point [..., time, features], but x is ", x.type().ToString()));
    }
    return x + Cast(Waves(PlacesOf(x), features, o.base), x.dtype());
  });
}

}  // namespace adret::nn
