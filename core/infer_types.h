// InferTypes(): what a node would be, without adding it to a graph.
//
//   absl::StatusOr<Types> y = InferTypes(*FindOp("conv2d"), {x_type, w_type}, Attrs(Conv2dAttrs{}));
#ifndef ADRET_CORE_INFER_TYPES_H_
#define ADRET_CORE_INFER_TYPES_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/op.h"

namespace adret {

// Returns the answer of the op's type rule, checked: as many outputs as the op has, all of valid shapes. Fails when the
// number of inputs is not the op's, or the rule refuses them.
absl::StatusOr<Types> InferTypes(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs);

}  // namespace adret

#endif  // ADRET_CORE_INFER_TYPES_H_
