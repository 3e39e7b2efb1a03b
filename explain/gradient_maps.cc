#include "adret/explain/gradient_maps.h"

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/explain/relu_rules.h"
#include "adret/ops/binary.h"
#include "adret/ops/layout.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

Value Slope(const Operand& y, const Operand& x, const GradientOptions& options = {}) {
  return Gradients(y, {x}, options, y.location())[0];
}

}  // namespace

Value Saliency(Operand y, Operand x) {
  const LocationScope place(y.graph(), y.location());
  return Abs(Slope(y, x));
}

Value InputXGradient(Operand y, Operand x) {
  const LocationScope place(y.graph(), y.location());
  return x * Slope(y, x);
}

Value GuidedBackprop(Operand y, Operand x) { return Slope(y, x, {.overrides = {{"relu", GuidedRelu}}}); }

Value Deconvnet(Operand y, Operand x) { return Slope(y, x, {.overrides = {{"relu", DeconvnetRelu}}}); }

Value GradCam(Operand y, Operand maps, const ResizeBilinearAttrs& size) {
  const LocationScope place(y.graph(), y.location());
  const Value alpha = Mean(Slope(y, maps), {.axes = {kHeightAxis, kWidthAxis}, .keepdims = true});
  const Value cam = Relu(Sum(alpha * maps, {.axes = {kChannelAxis}, .keepdims = true}));
  return ResizeBilinear(cam, size);
}

Value GuidedGradCam(Operand y, Operand x, Operand maps) {
  const LocationScope place(y.graph(), y.location());
  if (!y->valid() || !x->valid() || !maps->valid()) return InvalidResult("GuidedGradCam", {y, x, maps}, y.location());
  if (x->rank() != 4) {
    return x.graph()->Fail(
        absl::InvalidArgumentError(absl::StrCat("GuidedGradCam: x must be images [n, channels, height, width], but is ",
                                                x->type().ToString())),
        x.location());
  }
  const Value cam = GradCam(y, maps, {.height = x->shape()[kHeightAxis], .width = x->shape()[kWidthAxis]});
  return GuidedBackprop(y, x) * Cast(cam, x->dtype());
}

}  // namespace adret::explain
