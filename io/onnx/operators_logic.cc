// Comparisons, logic and bits.
#include <limits>
#include <string>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr absl::string_view kBool = "its result is bool: its gradient is zero";

template <Value (*build)(Operand, Operand)>
Results Binary(Call& c) {
  return Values{build(c.x(0), c.x(1))};
}

Results IsInfFrom(Call& c) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool negative = c.Int("detect_negative", 1) != 0, positive = c.Int("detect_positive", 1) != 0;
  const Value x = c.x(0);
  if (!negative && !positive) return Values{NotEqual(ZerosLike(x), 0.0)};
  if (!negative) return Values{Equal(x, kInfinity)};
  if (!positive) return Values{Equal(x, -kInfinity)};
  return Values{LogicalOr(Equal(x, kInfinity), Equal(x, -kInfinity))};
}

Results IsNanFrom(Call& c) { return Values{NotEqual(c.x(0), c.x(0))}; }

Results BitShiftFrom(Call& c) {
  const std::string direction = c.String("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") return c.Error("direction must be LEFT or RIGHT");
  return Values{BuildBroadcast(direction == "LEFT" ? "shift_left" : "shift_right", {c.x(0), c.x(1)})};
}

const OperatorRegistration kLogic({
    {.name = "Equal", .since = 7, .from = Binary<Equal>, .gradient = kBool, .note = "strings are not supported"},
    {.name = "Greater", .since = 7, .from = Binary<Greater>, .gradient = kBool},
    {.name = "GreaterOrEqual", .since = 12, .from = Binary<GreaterEqual>, .gradient = kBool},
    {.name = "Less", .since = 7, .from = Binary<Less>, .gradient = kBool},
    {.name = "LessOrEqual", .since = 12, .from = Binary<LessEqual>, .gradient = kBool},
    {.name = "IsInf", .since = 10, .from = IsInfFrom, .gradient = kBool},
    {.name = "IsNaN", .since = 9, .from = IsNanFrom, .gradient = kBool},
    {.name = "And", .since = 7, .from = Binary<LogicalAnd>},
    {.name = "Or", .since = 7, .from = Binary<LogicalOr>},
    {.name = "Xor", .since = 7, .from = Binary<LogicalXor>},
    {.name = "Not", .since = 1, .op = "logical_not"},
    {.name = "BitwiseAnd",
     .since = 18,
     .from = [](Call& c) -> Results {
       return Values{BuildBroadcast("bitwise_and", {c.x(0), c.x(1)})};
     }},
    {.name = "BitwiseOr",
     .since = 18,
     .from = [](Call& c) -> Results {
       return Values{BuildBroadcast("bitwise_or", {c.x(0), c.x(1)})};
     }},
    {.name = "BitwiseXor",
     .since = 18,
     .from = [](Call& c) -> Results {
       return Values{BuildBroadcast("bitwise_xor", {c.x(0), c.x(1)})};
     }},
    {.name = "BitwiseNot", .since = 18, .op = "bitwise_not"},
    {.name = "BitShift", .since = 11, .from = BitShiftFrom},
});

}  // namespace
}  // namespace adret::onnx
