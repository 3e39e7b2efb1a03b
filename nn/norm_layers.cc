// The layers that normalise.
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/nn/layers.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/norm.h"
#include "adret/ops/reduce.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

// Stores next into variable at each training step, unless something else does already.
void UpdateOnce(Graph* graph, Value variable, Value next) {
  for (const auto& [known, value] : graph->side_updates()) {
    if (known == variable) return;
  }
  graph->AddSideUpdate(variable, next);
}

}  // namespace

Layer BatchNorm(const BatchNormOptions& o) {
  const OptionCheck check = OptionCheck("").AtLeast0("epsilon", o.epsilon).Fraction("momentum", o.momentum);
  return Layer("batch_norm", [o, check](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    if (!IsFloating(x.dtype()) || x.rank() < 2 || x.shape()[1] < 0) {
      return call.Fail(absl::StrCat("expects floating-point [batch, channels, ...], but x is ", x.type().ToString()));
    }
    const Type per_channel{x.dtype(), {x.shape()[1]}};
    const Value scale = call.Variable("scale", per_channel, Ones());
    const Value bias = call.Variable("bias", per_channel, Zeros());
    const Value mean = call.Variable("running_mean", per_channel, Zeros(), /*trainable=*/false);
    const Value variance = call.Variable("running_variance", per_channel, Ones(), /*trainable=*/false);
    if (!call.training()) return BatchNormInference(x, {scale, bias, mean, variance}, {.epsilon = o.epsilon});
    const BatchNormResult batch = BatchNormTraining(x, scale, bias, {.epsilon = o.epsilon});
    if (!batch.y.valid()) return Value();
    // The op gives the variance of the batch; n / (n - 1) of it is the unbiased estimate. One value has none, and
    // nothing has no mean: what they cannot tell stays as it is.
    std::vector<int64_t> axes{0};
    for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
    const Value n = Size(x, axes);
    const Value unbiased = batch.variance * (n / (n - 1.0));
    const auto moved = [&](const Value& running, const Value& of_batch, double least) {
      return Where(GreaterEqual(n, least), running * (1 - o.momentum) + of_batch * o.momentum, running);
    };
    UpdateOnce(call.graph(), mean, moved(mean, batch.mean, 1));
    UpdateOnce(call.graph(), variance, moved(variance, unbiased, 2));
    return batch.y;
  });
}

Layer LayerNorm(const LayerNormOptions& o) {
  const OptionCheck check = OptionCheck("").AtLeast0("epsilon", o.epsilon);
  return Layer("layer_norm", [o, check](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    if (o.axes < 1 || o.axes >= x.rank()) {
      return call.Fail(absl::StrCat("normalises ", o.axes, " axes, but x is ", x.type().ToString()));
    }
    const Type type{x.dtype(), Shape(x.shape().dims().subspan(x.rank() - o.axes))};
    const Value scale = call.Variable("scale", type, Ones());
    const Value bias = call.Variable("bias", type, Zeros());
    return adret::LayerNorm(x, scale, bias, {.epsilon = o.epsilon});
  });
}

Layer RmsNorm(const RmsNormOptions& o) {
  const OptionCheck check = OptionCheck("").AtLeast0("epsilon", o.epsilon);
  return Layer("rms_norm", [o, check](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    if (o.axes < 1 || o.axes >= x.rank()) {
      return call.Fail(absl::StrCat("normalises ", o.axes, " axes, but x is ", x.type().ToString()));
    }
    const Type type{x.dtype(), Shape(x.shape().dims().subspan(x.rank() - o.axes))};
    return adret::RmsNorm(x, call.Variable("scale", type, Ones()), {.epsilon = o.epsilon});
  });
}

namespace {

// A norm of channels: norm(x, scale, bias).
template <class Options, class Norm>
Layer ChannelNorm(const char* kind, const Options& o, Norm norm) {
  const OptionCheck check = OptionCheck("").AtLeast0("epsilon", o.epsilon);
  return Layer(kind, [o, check, norm](LayerCall& call, Value x) -> Value {
    if (!check.status().ok()) return call.Fail(check.status().message());
    if (!IsFloating(x.dtype()) || x.rank() < 2 || x.shape()[1] < 0) {
      return call.Fail(absl::StrCat("expects floating-point [batch, channels, ...], but x is ", x.type().ToString()));
    }
    if (!o.affine) return norm(x, 1.0, 0.0);
    const Type per_channel{x.dtype(), {x.shape()[1]}};
    const Value scale = call.Variable("scale", per_channel, Ones());
    return norm(x, scale, call.Variable("bias", per_channel, Zeros()));
  });
}

}  // namespace

Layer GroupNorm(int64_t groups, const GroupNormOptions& o) {
  return ChannelNorm("group_norm", o, [groups, o](Operand x, Operand scale, Operand bias) {
    return adret::GroupNorm(x, scale, bias, groups, {.epsilon = o.epsilon});
  });
}

Layer InstanceNorm(const InstanceNormOptions& o) {
  return ChannelNorm("instance_norm", o, [o](Operand x, Operand scale, Operand bias) {
    return adret::InstanceNorm(x, scale, bias, {.epsilon = o.epsilon});
  });
}

}  // namespace adret::nn
