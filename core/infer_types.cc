#include "adret/core/infer_types.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret {
namespace {

absl::Status CheckArity(const Op& op, size_t found) {
  const size_t declared = op.inputs.size();
  if (op.variadic ? found >= declared : found == declared) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(op.name, ": expects ", op.variadic ? "at least " : "", declared,
                                                 declared == 1 ? " input" : " inputs", " but has ", found));
}

}  // namespace

absl::StatusOr<Types> InferTypes(const Op& op, absl::Span<const Type> inputs, const Attrs& attrs) {
  AD_RETURN_IF_ERROR(CheckArity(op, inputs.size()));
  AD_ASSIGN_OR_RETURN(Types outputs, op.type(TypeContext(op, inputs, attrs)));
  AD_CHECK(op.variadic_outputs ? !outputs.empty() : outputs.size() == op.outputs.size());
  for (const Type& t : outputs) {
    if (absl::Status status = t.shape.Validate(); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(op.name, ": ", status.message()));
    }
  }
  return outputs;
}

}  // namespace adret
