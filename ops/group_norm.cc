// Norms of groups of channels, as compositions on layer_norm.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/norm.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

// A number for each channel, as one for each element of x; a number alone stays what it is.
Operand PerChannel(const Operand& v, const Value& x) {
  if (v.is_number() || !v->valid() || v->rank() != 1) return v;
  Shape shape = v->shape();
  for (int axis = 2; axis < x.rank(); ++axis) shape.push_back(1);
  return Operand(Reshape(v, shape), v.location());
}

}  // namespace

Value GroupNorm(Operand x, Operand scale, Operand bias, int64_t groups, const NormAttrs& attrs) {
  if (!x->valid() || (!scale.is_number() && !scale->valid()) || (!bias.is_number() && !bias->valid())) {
    return InvalidResult("group_norm", {x, scale.is_number() ? x : scale, bias.is_number() ? x : bias}, x.location());
  }
  LocationScope scope(x.graph(), x.location());
  const auto fail = [&](const auto&... parts) {
    return x.graph()->Fail(
        absl::InvalidArgumentError(absl::StrCat("group_norm: ", parts..., " (x ", x->type().ToString(), ")")),
        x.location());
  };
  if (!IsFloating(x->dtype()) || x->rank() < 2 || x->shape()[1] < 0) {
    return fail("x must be floating-point [N,C,...] with a known number of channels");
  }
  const int64_t channels = x->shape()[1];
  if (groups < 1 || channels % groups != 0) return fail(groups, " groups do not divide ", channels, " channels");
  for (const Operand* v : {&scale, &bias}) {
    if (!v->is_number() && v->value().shape() != Shape{channels}) {
      return fail("scale and bias must be ", Shape{channels}.ToString(), ": a number for each channel");
    }
  }
  int64_t n = channels / groups;
  for (int axis = 2; axis < x->rank(); ++axis) {
    if (x->shape()[axis] < 0) return fail("only the batch may be unknown");
    n *= x->shape()[axis];
  }
  // Each group of channels is a row of a layer_norm.
  const Value one = x.graph()->Constant(Tensor::Scalar(x->dtype(), 1)), ones = BroadcastTo(one, {n});
  const Value rows = LayerNorm(Reshape(x, {x->shape()[0], groups, n}), ones, ZerosLike(ones), attrs);
  if (!rows.valid()) return rows;
  return Reshape(rows, x->shape()) * PerChannel(scale, x) + PerChannel(bias, x);
}

Value InstanceNorm(Operand x, Operand scale, Operand bias, const NormAttrs& attrs) {
  return GroupNorm(x, scale, bias, x->valid() && x->rank() > 1 ? std::max<int64_t>(x->shape()[1], 1) : 1, attrs);
}

}  // namespace adret
