#include "adret/ops/bitwise.h"

#include <utility>

#include "adret/ops/broadcast.h"
#include "adret/ops/elementwise.h"

namespace adret {
namespace {

absl::StatusOr<Types> IntegerType(const TypeContext& c) {
  if (!IsInteger(c.dtype(0))) return c.Error("takes integers, not ", Name(c.dtype(0)));
  return SameType(c);
}

Op Bitwise(std::string name, std::string doc, std::vector<std::string> inputs = {"a", "b"}) {
  return Elementwise({.name = std::move(name),
                      .doc = std::move(doc),
                      .inputs = std::move(inputs),
                      .type = IntegerType,
                      .no_gradient = "it takes integers"});
}

const OpRegistration kAnd(Bitwise("bitwise_and", "y = the bits that a and b both have."));
const OpRegistration kOr(Bitwise("bitwise_or", "y = the bits that a or b has."));
const OpRegistration kXor(Bitwise("bitwise_xor", "y = the bits that exactly one of a and b has."));
const OpRegistration kNot(Bitwise("bitwise_not", "y = the bits that x lacks.", {"x"}));
const OpRegistration kShiftLeft(Bitwise("shift_left", "y = a 2^b, without the bits that do not fit."));
const OpRegistration kShiftRight(Bitwise("shift_right", "y = a / 2^b, rounded down."));

absl::StatusOr<Types> BitcastType(const TypeContext& c) {
  const DType to = c.attrs<BitcastAttrs>().dtype, from = c.dtype(0);
  if (SizeOf(to) == SizeOf(from)) return Types{{to, c.shape(0)}};
  return c.Error("an element of ", Name(from), " has ", SizeOf(from), " bytes, one of ", Name(to), " ", SizeOf(to));
}

const OpRegistration kBitcast(Elementwise({
    .name = "bitcast",
    .doc = "y = the bits of x as numbers of another dtype of that size.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<BitcastAttrs>,
    .type = BitcastType,
    .no_gradient = "bits are no numbers",
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          return types[0].dtype == attrs.As<BitcastAttrs>().dtype ? 0 : -1;
        },
}));

}  // namespace

Value BitwiseAnd(Operand a, Operand b) { return BuildBroadcast("bitwise_and", {a, b}); }
Value BitwiseOr(Operand a, Operand b) { return BuildBroadcast("bitwise_or", {a, b}); }
Value BitwiseXor(Operand a, Operand b) { return BuildBroadcast("bitwise_xor", {a, b}); }
Value BitwiseNot(Operand x) { return Build("bitwise_not", {x}); }
Value ShiftLeft(Operand a, Operand b) { return BuildBroadcast("shift_left", {a, b}); }
Value ShiftRight(Operand a, Operand b) { return BuildBroadcast("shift_right", {a, b}); }
Value Bitcast(Operand x, DType dtype) { return Build("bitcast", {x}, Attrs(BitcastAttrs{dtype})); }

}  // namespace adret
