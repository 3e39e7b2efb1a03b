// Element-wise arithmetic and functions.
#include <limits>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr absl::string_view kPiecewiseConstant = "it is piecewise constant: its gradient is zero";

template <Value (*build)(Operand, Operand)>
Results Binary(Call& c) {
  return Values{build(c.x(0), c.x(1))};
}

// Reads a function of one value as the first operator sets have it: with an attribute for the reuse of memory.
template <Value (*build)(Operand)>
Results OldUnary(Call& c) {
  c.Ignore("consumed_inputs");
  return Values{build(c.x(0))};
}

// Reads an operator that combines any number of operands, two at a time.
template <Value (*build)(Operand, Operand)>
absl::StatusOr<Value> Folded(Call& c) {
  c.Ignore("consumed_inputs");
  Value y = c.x(0);
  for (int i = 1; i < c.num_inputs(); ++i) y = build(y, c.x(i));
  return y;
}
template <Value (*build)(Operand, Operand)>
Results Variadic(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value y, Folded<build>(c));
  return Values{y};
}

Results MeanFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value sum, Folded<Add>(c));
  return Values{c.num_inputs() > 1 ? sum / static_cast<double>(c.num_inputs()) : sum};
}

Results FloorFrom(Call& c) {
  c.Ignore("consumed_inputs");
  return BuildMulti("floor", {c.x(0)});
}
Results CeilFrom(Call& c) {
  c.Ignore("consumed_inputs");
  return BuildMulti("ceil", {c.x(0)});
}

// The result has x's dtype, whatever the exponent's is.
Results PowFrom(Call& c) {
  const Value x = c.raw(0);
  if (c.shape(1).rank() == 0 && c.IsKnown(1) && IsAnyFloating(x.dtype())) {
    AD_ASSIGN_OR_RETURN(const Tensor exponent, c.Known(1));
    return Values{AddingInF32(x, [&](const Value& v) { return Pow(v, exponent.At(0)); })};
  }
  const Value y = c.raw(1);
  DType dtype = x.dtype();
  if (IsAnyFloating(y.dtype()) && !IsFloating(dtype)) dtype = IsHalf(dtype) ? DType::kFloat32 : DType::kFloat64;
  if (y.dtype() == DType::kFloat64) dtype = DType::kFloat64;
  if (IsHalf(dtype)) dtype = DType::kFloat32;
  return Values{Cast(Pow(Cast(x, dtype), Cast(y, dtype)), x.dtype())};
}

Results ModFrom(Call& c) {
  const bool fmod = c.Int("fmod", 0) != 0;
  if (!fmod && !IsInteger(c.x(0).dtype()))
    return c.Error("fmod must be 1 where the operands are floating-point numbers");
  return Values{Mod(c.x(0), c.x(1), {.fmod = fmod})};
}

// ---- Clip --------------------------------------------------------------------------------------------------------

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Bounds that contradict each other give the upper one everywhere.
Value ClipTo(const Value& x, double min, double max) {
  return min <= max ? Clip(x, {.min = min, .max = max}) : Clip(x, Operand(min), Operand(max));
}

Results ClipFrom1(Call& c) {
  c.Ignore("consumed_inputs");
  return Values{ClipTo(c.x(0), c.Float("min", -kInfinity), c.Float("max", kInfinity))};
}

Results ClipFrom6(Call& c) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return Values{ClipTo(c.x(0), c.Float("min", -kLargest), c.Float("max", kLargest))};
}

Results ClipFrom(Call& c) {
  const Value x = c.x(0);
  if (IsFloating(x.dtype()) && (!c.has(1) || c.IsKnown(1)) && (!c.has(2) || c.IsKnown(2))) {
    double bounds[] = {-kInfinity, kInfinity};
    for (int i = 1; i <= 2; ++i) {
      if (!c.has(i)) continue;
      AD_ASSIGN_OR_RETURN(const Tensor bound, c.Known(i));
      if (bound.num_elements() != 1) return c.Error("its bounds must be scalars");
      bounds[i - 1] = bound.At(0);
    }
    return Values{ClipTo(x, bounds[0], bounds[1])};
  }
  Value y = x;
  if (c.has(1)) y = Maximum(y, c.x(1));
  if (c.has(2)) y = Minimum(y, c.x(2));
  if (y.valid() && y.shape() != x.shape()) return c.Error("its bounds must be scalars");
  return Values{y};
}

const OperatorRegistration kArithmetic({
    {.name = "Add", .since = 7, .from = Binary<Add>},
    {.name = "Sub", .since = 7, .from = Binary<Sub>},
    {.name = "Mul", .since = 7, .from = Binary<Mul>},
    {.name = "Div", .since = 7, .from = Binary<Div>},
    {.name = "Pow", .since = 7, .from = PowFrom, .halves = Halves::kMove},
    {.name = "Mod", .since = 10, .from = ModFrom},
    {.name = "Sum", .since = 1, .from = Variadic<Add>},
    {.name = "Max", .since = 1, .from = Variadic<Maximum>},
    {.name = "Min", .since = 1, .from = Variadic<Minimum>},
    {.name = "Mean", .since = 1, .from = MeanFrom},
    {.name = "Clip", .since = 11, .from = ClipFrom},
    {.name = "Clip", .since = 6, .from = ClipFrom6},
    {.name = "Clip", .since = 1, .from = ClipFrom1},
});

const OperatorRegistration kFunctions({
    {.name = "Abs", .since = 6, .op = "abs"},
    {.name = "Abs", .since = 1, .from = OldUnary<Abs>},
    {.name = "Neg", .since = 6, .op = "neg"},
    {.name = "Neg", .since = 1, .from = OldUnary<Neg>},
    {.name = "Reciprocal", .since = 6, .op = "reciprocal"},
    {.name = "Reciprocal", .since = 1, .from = OldUnary<Reciprocal>},
    {.name = "Sqrt", .since = 6, .op = "sqrt"},
    {.name = "Sqrt", .since = 1, .from = OldUnary<Sqrt>},
    {.name = "Exp", .since = 6, .op = "exp"},
    {.name = "Exp", .since = 1, .from = OldUnary<Exp>},
    {.name = "Log", .since = 6, .op = "log"},
    {.name = "Log", .since = 1, .from = OldUnary<Log>},
    {.name = "Sign", .since = 9, .op = "sign", .gradient = kPiecewiseConstant},
    {.name = "Floor", .since = 6, .op = "floor", .gradient = kPiecewiseConstant},
    {.name = "Floor", .since = 1, .from = FloorFrom, .gradient = kPiecewiseConstant},
    {.name = "Ceil", .since = 6, .op = "ceil", .gradient = kPiecewiseConstant},
    {.name = "Ceil", .since = 1, .from = CeilFrom, .gradient = kPiecewiseConstant},
    {.name = "Round", .since = 11, .op = "round", .gradient = kPiecewiseConstant},
    {.name = "Erf", .since = 9, .op = "erf", .note = "integers are refused"},
    {.name = "Sin", .since = 7, .op = "sin"},
    {.name = "Cos", .since = 7, .op = "cos"},
    {.name = "Tan", .since = 7, .op = "tan"},
    {.name = "Asin", .since = 7, .op = "asin"},
    {.name = "Acos", .since = 7, .op = "acos"},
    {.name = "Atan", .since = 7, .op = "atan"},
    {.name = "Sinh", .since = 9, .op = "sinh"},
    {.name = "Cosh", .since = 9, .op = "cosh"},
    {.name = "Asinh", .since = 9, .op = "asinh"},
    {.name = "Acosh", .since = 9, .op = "acosh"},
    {.name = "Atanh", .since = 9, .op = "atanh"},
});

}  // namespace
}  // namespace adret::onnx
