// Element-wise arithmetic and functions.
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

const OperatorRegistration kMath({
    {.name = "Add", .since = 7, .from = [](Call& c) -> Results { return Values{Add(c.x(0), c.x(1))}; }},
    {.name = "Relu", .since = 6, .op = "relu"},
    {.name = "Tanh", .since = 6, .op = "tanh"},
});

}  // namespace
}  // namespace adret::onnx
