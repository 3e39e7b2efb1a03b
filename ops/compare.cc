#include "adret/ops/compare.h"

#include <optional>
#include <utility>

#include "adret/ops/broadcast.h"
#include "adret/ops/elementwise.h"

namespace adret {
namespace {

absl::StatusOr<Types> ComparisonType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  if (IsHalf(c.dtype(0))) return c.RequireFloating(0);
  return SameShapeBool(c);
}

absl::StatusOr<Types> LogicalType(const TypeContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (!IsBool(c.dtype(i))) return c.Error("takes bool, not ", Name(c.dtype(i)));
  }
  return SameShapeBool(c);
}

Op Predicate(std::string name, std::string doc, std::vector<std::string> inputs, TypeRule type) {
  // Piecewise constant: the gradient is zero wherever it exists.
  return Elementwise({.name = std::move(name),
                      .doc = std::move(doc),
                      .inputs = std::move(inputs),
                      .type = type,
                      .gradient = [](const GradientContext& c) { return Values(c.num_inputs()); }});
}
Op Comparison(std::string name, std::string doc) {
  return Predicate(std::move(name), std::move(doc), {"a", "b"}, ComparisonType);
}
Op Logical(std::string name, std::string doc) {
  return Predicate(std::move(name), std::move(doc), {"a", "b"}, LogicalType);
}

// Returns whether dimensions are equal, where that is so for all sizes.
std::optional<Dim> EqualDims(absl::Span<const Dim> operands) {
  const Dim &a = operands[0], &b = operands[1];
  if (a == b) return Dim(1);
  if ((a - b).number().has_value()) return Dim(0);
  if (a.NeverNegative() && b.number().value_or(0) < 0) return Dim(0);
  if (b.NeverNegative() && a.number().value_or(0) < 0) return Dim(0);
  return std::nullopt;
}

Op WithDims(Op op, std::optional<Dim> (*of_dims)(absl::Span<const Dim> operands)) {
  op.of_dims = of_dims;
  return op;
}

const OpRegistration kEqual(WithDims(Comparison("equal", "y = (a == b)."), EqualDims));
const OpRegistration kNotEqual(Comparison("not_equal", "y = (a != b)."));
const OpRegistration kLess(Comparison("less", "y = (a < b)."));
const OpRegistration kLessEqual(Comparison("less_equal", "y = (a <= b)."));
const OpRegistration kGreater(Comparison("greater", "y = (a > b)."));
const OpRegistration kGreaterEqual(Comparison("greater_equal", "y = (a >= b)."));

// What a number is: of f32, f64, bf16 and f16.
absl::StatusOr<Types> AnyFloatingType(const TypeContext& c) {
  if (!IsAnyFloating(c.dtype(0))) return c.Error("takes f32, f64, bf16 or f16, not ", Name(c.dtype(0)));
  return SameShapeBool(c);
}
Op WithSigns(Op op) {
  op.parse_attrs = &ParseAttrs<IsInfAttrs>;
  op.span_kernel = [](const KernelSpec& s) {
    const auto& a = s.As<IsInfAttrs>();
    return ElementwiseSpan(s, {a.detect_negative ? 1.0 : 0.0, a.detect_positive ? 1.0 : 0.0});
  };
  return op;
}

const OpRegistration kIsNan(Predicate("is_nan", "y = (x is NaN).", {"x"}, AnyFloatingType));
const OpRegistration kIsInf(WithSigns(Predicate("is_inf", "y = (x is an infinity of a sign that is asked for).", {"x"},
                                                AnyFloatingType)));

const OpRegistration kAnd(Logical("logical_and", "y = a and b."));
const OpRegistration kOr(Logical("logical_or", "y = a or b."));
const OpRegistration kXor(Logical("logical_xor", "y = exactly one of a and b."));
const OpRegistration kNot(Predicate("logical_not", "y = not x.", {"x"}, LogicalType));

}  // namespace

Value Equal(Operand a, Operand b) { return BuildBroadcast("equal", {a, b}); }
Value NotEqual(Operand a, Operand b) { return BuildBroadcast("not_equal", {a, b}); }
Value Less(Operand a, Operand b) { return BuildBroadcast("less", {a, b}); }
Value LessEqual(Operand a, Operand b) { return BuildBroadcast("less_equal", {a, b}); }
Value Greater(Operand a, Operand b) { return BuildBroadcast("greater", {a, b}); }
Value GreaterEqual(Operand a, Operand b) { return BuildBroadcast("greater_equal", {a, b}); }

Value IsNan(Operand x) { return Build("is_nan", {x}); }
Value IsInf(Operand x, IsInfAttrs attrs) { return Build("is_inf", {x}, Attrs(attrs)); }

Value LogicalAnd(Operand a, Operand b) { return BuildBroadcast("logical_and", {a, b}); }
Value LogicalOr(Operand a, Operand b) { return BuildBroadcast("logical_or", {a, b}); }
Value LogicalXor(Operand a, Operand b) { return BuildBroadcast("logical_xor", {a, b}); }
Value LogicalNot(Operand x) { return Build("logical_not", {x}); }

}  // namespace adret
