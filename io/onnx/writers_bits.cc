// How remainders and functions of bits are written as ONNX.
#include "absl/strings/str_cat.h"
#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/same_operator.h"
#include "adret/io/onnx/tensors.h"
#include "adret/ops/binary.h"
#include "adret/ops/bitwise.h"
#include "adret/ops/unary.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

// An operator that operator sets before `kSince` lack.
template <OperatorName kName, int kSince>
Result AsSince(Emitter& e, const Site& s) {
  if (e.version() >= kSince) return As<kName>(e, s);
  return absl::UnimplementedError(absl::StrCat(kName.text, " needs operator set ", kSince));
}

// Integers by 0 give 0, which ONNX leaves open. Floating-point numbers have C's remainder only, which is moved to the
// divisor's sign.
Result ModTo(Emitter& e, const Site& s) {
  const DType dtype = s.type().dtype;
  const bool fmod = s.attrs<ModAttrs>().fmod;
  const std::string zero = e.Scalar(dtype, 0);
  const EmittedAttrs attrs = {{"fmod", int64_t{fmod || IsFloating(dtype)}}};
  if (IsInteger(dtype)) {
    const std::string by_zero = e.Node("Equal", {s.x(1), zero});
    const std::string divisor = e.Node("Where", {by_zero, e.Scalar(dtype, 1), s.x(1)});
    return Names{e.Node("Where", {by_zero, zero, e.Node("Mod", {s.x(0), divisor}, attrs)})};
  }
  const std::string rest = e.Node("Mod", s.inputs, attrs);
  if (fmod) return Names{rest};
  const std::string signs = e.Node("Xor", {e.Node("Less", {rest, zero}), e.Node("Less", {s.x(1), zero})});
  const std::string moves = e.Node("And", {signs, e.Node("Not", {e.Node("Equal", {rest, zero})})});
  return Names{e.Node("Where", {moves, e.Node("Add", {rest, s.x(1)}), rest})};
}

// Shifts by the width or more give 0, which ONNX leaves open.
Result ShiftTo(Emitter& e, const Site& s) {
  const DType dtype = s.type().dtype;
  const bool has_sign =
      dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt32 || dtype == DType::kInt64;
  if (has_sign) return absl::UnimplementedError("ONNX shifts integers without a sign only");
  const int64_t width = static_cast<int64_t>(8 * SizeOf(dtype));
  const std::string direction = s.node.op->name == "shift_left" ? "LEFT" : "RIGHT";
  const std::string fits = e.Node("Less", {s.x(1), e.Scalar(dtype, static_cast<double>(width))});
  const std::string by = e.Node("Where", {fits, s.x(1), e.Scalar(dtype, 0)});
  const std::string shifted = e.Node("BitShift", {s.x(0), by}, {{"direction", direction}});
  return Names{e.Node("Where", {fits, shifted, e.Scalar(dtype, 0)})};
}

Result BitcastTo(Emitter& e, const Site& s) {
  if (e.version() < 26) return absl::UnimplementedError("BitCast needs operator set 26");
  return Names{e.Node("BitCast", s.inputs, {{"to", int64_t{ElementTypeOf(s.y().dtype)}}})};
}

const WriterRegistration kBits({
    {.op = "mod", .to = ModTo},
    {.op = "bitwise_and", .to = AsSince<"BitwiseAnd", 18>},
    {.op = "bitwise_or", .to = AsSince<"BitwiseOr", 18>},
    {.op = "bitwise_xor", .to = AsSince<"BitwiseXor", 18>},
    {.op = "bitwise_not", .to = AsSince<"BitwiseNot", 18>},
    {.op = "shift_left", .to = ShiftTo},
    {.op = "shift_right", .to = ShiftTo},
    {.op = "bitcast", .to = BitcastTo},
});

}  // namespace
}  // namespace adret::onnx
