// Runs one op on tensors, outside any plan: how constants are folded, and a plain reference for compiled plans.
#ifndef ADRET_CORE_PLAN_RUN_OP_H_
#define ADRET_CORE_PLAN_RUN_OP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/op.h"
#include "adret/core/tensor.h"

namespace adret {

// The outputs of op for these inputs; output_types are concrete. Inputs of shape-only ops may be default tensors, as
// input_types says what they stand for. Views share their input's buffer.
absl::StatusOr<std::vector<Tensor>> RunOp(const Op& op, const Attrs& attrs, absl::Span<const Type> input_types,
                                          absl::Span<const Type> output_types, absl::Span<const Tensor> inputs,
                                          const RandomKey& random = {});

}  // namespace adret

#endif  // ADRET_CORE_PLAN_RUN_OP_H_
