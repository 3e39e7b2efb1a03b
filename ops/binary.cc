#include "adret/ops/binary.h"

#include "adret/core/axis_rules.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/elementwise.h"
#include "adret/ops/kernels/elementwise.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

using Constants = absl::Span<const Tensor* const>;

// An op of a and b; `neutral` is the number that changes nothing on the right, or also on the left.
Op Binary(std::string name, std::string doc, GradientRule gradient) {
  return Elementwise({.name = std::move(name),
                      .doc = std::move(doc),
                      .inputs = {"a", "b"},
                      .type = ArithmeticType,
                      .gradient = std::move(gradient)});
}

Op WithNeutral(Op op, double neutral, bool commutative) {
  op.same_as_input = [neutral, commutative](const Attrs&, absl::Span<const Type>, Constants constants) {
    if (IsAll(constants[1], neutral)) return 0;
    return commutative && IsAll(constants[0], neutral) ? 1 : -1;
  };
  return op;
}

// Says what the op makes of dimensions.
Op WithDims(Op op, std::optional<Dim> (*of_dims)(absl::Span<const Dim> operands)) {
  op.of_dims = of_dims;
  return op;
}

// 0 where the condition holds, dy elsewhere.
Value ZeroWhere(Value condition, Value dy) { return Where(condition, ZerosLike(dy), dy); }

Values PowGradient(const GradientContext& c) {
  const Value a = c.x(0), b = c.x(1);
  // Both guards keep infinity * 0 out of the product: a^(b-1) at a = 0, b = 0, and log(a) at a = 0 where 0^b is finite.
  const Value da = c.dy() * Where(Equal(b, 0.0), 0.0, b * Pow(a, b - 1.0));
  const Value at_zero = LogicalAnd(Equal(a, 0.0), GreaterEqual(b, 0.0));
  const Value db = c.dy() * Where(at_zero, 0.0, c.y() * Log(Where(at_zero, 1.0, a)));
  return {da, db};
}

// Quotients of integers are truncated, those of dimensions rounded down: the same where nothing is negative.
std::optional<Dim> DivDims(absl::Span<const Dim> operands) {
  const Dim &a = operands[0], &b = operands[1];
  const std::optional<int64_t> x = a.number(), y = b.number();
  if (x.has_value() && y.has_value()) return Dim(*y == 0 ? 0 : *y == -1 ? 0 - *x : *x / *y);
  if (const std::optional<Dim> exact = Dim::ExactQuotient(a, b); exact.has_value()) return exact;
  if (a.NeverNegative() && y.has_value() && *y > 0) return a / b;
  return std::nullopt;
}

const OpRegistration kAdd(WithDims(DeclareLinear(WithNeutral(Binary("add", "y = a + b.",
                                                                    [](const GradientContext& c) {
                                                                      return Values{c.dy(), c.dy()};
                                                                    }),
                                                             0, true),
                                                 0, Inputs({0, 1})),
                                   [](absl::Span<const Dim> d) -> std::optional<Dim> { return d[0] + d[1]; }));
const OpRegistration kSub(WithDims(DeclareLinear(WithNeutral(Binary("sub", "y = a - b.",
                                                                    [](const GradientContext& c) {
                                                                      return Values{c.dy(), -c.dy()};
                                                                    }),
                                                             0, false),
                                                 0, Inputs({0, 1})),
                                   [](absl::Span<const Dim> d) -> std::optional<Dim> { return d[0] - d[1]; }));
const OpRegistration kMul(WithDims(DeclareLinear(WithNeutral(Binary("mul", "y = a * b.",
                                                                    [](const GradientContext& c) {
                                                                      return Values{c.dy() * c.x(1), c.dy() * c.x(0)};
                                                                    }),
                                                             1, true),
                                                 Inputs({0, 1})),
                                   [](absl::Span<const Dim> d) -> std::optional<Dim> { return d[0] * d[1]; }));
const OpRegistration kDiv(
    WithDims(DeclareLinear(WithNeutral(Binary("div", "y = a / b; for integers truncated, with x / 0 = 0.",
                                              [](const GradientContext& c) {
                                                // dy / b may overflow where y = 0.
                                                return Values{c.dy() / c.x(1), -(c.dy() * (c.y() / c.x(1)))};
                                              }),
                                       1, false),
                           Inputs({0})),
             DivDims));
// The quotient rounded as y has it, even where a / b rounds to an integer: (a - remainder) / b is near one.
Values ModGradient(const GradientContext& c) {
  const Value a = c.x(0), b = c.x(1);
  const bool fmod = c.attrs<ModAttrs>().fmod;
  const Value rest = fmod ? c.y() : Mod(a, b, {.fmod = true});
  const Value quotient = Round(Where(Equal(b, 0.0), a, a - rest) / b);
  return {c.dy(), -(c.dy() * (fmod ? quotient : Where(Equal(rest, c.y()), quotient, quotient - 1.0)))};
}

const OpRegistration kMod({
    .name = "mod",
    .doc = "y = a - b floor(a / b), or with fmod a - b trunc(a / b); for integers x mod 0 = 0.",
    .inputs = {"a", "b"},
    .parse_attrs = &ParseAttrs<ModAttrs>,
    .type = ArithmeticType,
    .span_kernel =
        [](const KernelSpec& s) {
          return SpanKernel{kernels::FindElementwise(s.As<ModAttrs>().fmod ? "fmod" : "mod", s.dtype())};
        },
    .gradient = ModGradient,
});
const OpRegistration kPow(WithNeutral(Binary("pow", "y = a^b.", PowGradient), 1, false));
const OpRegistration kMaximum(
    Binary("maximum", "y = max(a, b), NaN where either is; the gradient of a tie goes to a, that of NaN to both.",
           [](const GradientContext& c) {
             return Values{ZeroWhere(Less(c.x(0), c.x(1)), c.dy()), ZeroWhere(GreaterEqual(c.x(0), c.x(1)), c.dy())};
           }));
const OpRegistration kMinimum(
    Binary("minimum", "y = min(a, b), NaN where either is; the gradient of a tie goes to a, that of NaN to both.",
           [](const GradientContext& c) {
             return Values{ZeroWhere(Greater(c.x(0), c.x(1)), c.dy()), ZeroWhere(LessEqual(c.x(0), c.x(1)), c.dy())};
           }));

}  // namespace

Value Add(Operand a, Operand b) { return BuildBroadcast("add", {a, b}); }
Value Sub(Operand a, Operand b) { return BuildBroadcast("sub", {a, b}); }
Value Mul(Operand a, Operand b) { return BuildBroadcast("mul", {a, b}); }
Value Div(Operand a, Operand b) { return BuildBroadcast("div", {a, b}); }
Value Mod(Operand a, Operand b, ModAttrs attrs) { return BuildBroadcast("mod", {a, b}, Attrs(attrs)); }
Value Maximum(Operand a, Operand b) { return BuildBroadcast("maximum", {a, b}); }
Value Minimum(Operand a, Operand b) { return BuildBroadcast("minimum", {a, b}); }

Value Pow(Operand a, Operand b) {
  if (!a.is_number() && a.value().valid() && b.is_number() && !IsBool(a->dtype())) {
    if (b.number() == 1.0) return a;
    if (b.number() == 2.0) return Square(a);
    if (IsFloating(a->dtype())) {
      if (b.number() == 0.5) return Sqrt(a);
      if (b.number() == -1.0) return Reciprocal(a);
    }
  }
  return BuildBroadcast("pow", {a, b});
}

Value operator+(Operand a, Operand b) { return Add(a, b); }
Value operator-(Operand a, Operand b) { return Sub(a, b); }
Value operator*(Operand a, Operand b) { return Mul(a, b); }
Value operator/(Operand a, Operand b) { return Div(a, b); }
Value operator-(Operand x) { return Neg(x); }

}  // namespace adret
