// Optionals: values that may be left out. Only tensors are values here, so that it is known which are.
#include "adret/core/tensor.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/broadcast.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr absl::string_view kUnsupported =
    "values are tensors, never optionals; export the network for the case in which the value is there, or is not";
constexpr absl::string_view kNote = "of tensors";

Results HasElementFrom(Call& c) {
  return Values{c.graph()->Constant(Tensor::From<bool>({}, {c.num_inputs() > 0 && c.has(0)}))};
}

const OperatorRegistration kOptional({
    {.name = "Optional", .since = 15, .unsupported = kUnsupported},
    {.name = "OptionalGetElement",
     .since = 18,
     .from = [](Call& c) -> Results { return Values{Identity(c.x(0))}; },
     .halves = Halves::kMove,
     .note = kNote},
    {.name = "OptionalGetElement", .since = 15, .unsupported = kUnsupported},
    {.name = "OptionalHasElement", .since = 18, .from = HasElementFrom, .halves = Halves::kMove, .note = kNote},
    {.name = "OptionalHasElement", .since = 15, .unsupported = kUnsupported},
});

}  // namespace
}  // namespace adret::onnx
