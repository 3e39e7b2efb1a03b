// RunOp(): runs one op on tensors, outside any plan. Constants are folded with it, and tests compare compiled plans
// with it.
#ifndef ADRET_CORE_PLAN_RUN_OP_H_
#define ADRET_CORE_PLAN_RUN_OP_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/op.h"
#include "adret/core/tensor.h"

namespace adret {

// Returns the outputs of op for these inputs. All types are concrete. An input of a shape-only op may be a default
// tensor:
// input_types says what it stands for. The output of a view shares its input's buffer. Fails when the kernel does, and
// when there is no memory.
absl::StatusOr<std::vector<Tensor>> RunOp(const Op& op, const Attrs& attrs, absl::Span<const Type> input_types,
                                          absl::Span<const Type> output_types, absl::Span<const Tensor> inputs,
                                          const RandomKey& random = {});

}  // namespace adret

#endif  // ADRET_CORE_PLAN_RUN_OP_H_
