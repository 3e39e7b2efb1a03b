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

// Returns the output types for a node that is being built: as InferTypes() does, and also where the rule refuses inputs
// whose dimensions differ in looks only, such as [time] + [length]. Dimensions that may be equal (MayBeEqual) are taken
// for equal then, in the way that the rule accepts. `assumes` says whether the answer holds for some sizes only: plans
// ask the rule again, with numbers.
absl::StatusOr<Types> InferTypesOfNewNode(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs,
                                          bool* assumes);

}  // namespace adret

#endif  // ADRET_CORE_INFER_TYPES_H_
