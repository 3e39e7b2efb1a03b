#include "adret/ops/elementwise.h"

#include "adret/core/axis_rules.h"
#include "adret/core/tensor.h"
#include "adret/ops/kernels/elementwise.h"

namespace adret {

absl::StatusOr<Types> ArithmeticType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  return SameType(c);
}

SpanKernel ElementwiseSpan(const KernelSpec& spec, std::array<double, 3> params) {
  return {kernels::FindElementwise(spec.op->name, spec.inputs.back().dtype), params};
}

Op Elementwise(Op op) {
  op.span_kernel = [](const KernelSpec& spec) { return ElementwiseSpan(spec); };
  return op;
}

Op DeclareLinear(Op op, uint32_t linear_in, uint32_t zero_with) {
  op.axes = MakeAxisRules({.linear_in = linear_in, .zero_with = zero_with});
  return op;
}

bool IsAll(const Tensor* constant, double value) {
  if (constant == nullptr) return false;
  for (int64_t i = 0; i < constant->num_elements(); ++i) {
    if (constant->At(i) != value) return false;
  }
  return constant->num_elements() > 0;
}

}  // namespace adret
