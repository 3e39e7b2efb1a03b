#include "adret/ops/kernels/elementwise.h"

#include "adret/core/status.h"

namespace adret::kernels {

std::array<absl::Span<const SpanRow>, 6> AllLoops() {
  return {ArithmeticLoops(), MathLoops(), ActivationLoops(), IntegerLoops(), BitLoops(), InverseLoops()};
}

SpanFn FindElementwise(absl::string_view name, DType dtype) {
  for (absl::Span<const SpanRow> rows : AllLoops()) {
    for (const SpanRow& row : rows) {
      if (row.dtype == dtype && row.name == name) return row.fn;
    }
  }
  AD_CHECK(!"an element-wise op has no loop for a dtype that its type rule allows");
  return nullptr;
}

}  // namespace adret::kernels
