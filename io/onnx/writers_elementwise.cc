// How element-wise ops are written as ONNX.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/same_operator.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

// ---- Operators with attributes -------------------------------------------------------------------------------------

Result LeakyReluTo(Emitter& e, const Site& s) {
  return Names{e.Node("LeakyRelu", s.inputs, {{"alpha", s.attrs<LeakyReluAttrs>().slope}})};
}
Result EluTo(Emitter& e, const Site& s) {
  return Names{e.Node("Elu", s.inputs, {{"alpha", s.attrs<EluAttrs>().alpha}})};
}
Result HardSigmoidTo(Emitter& e, const Site& s) {
  const HardSigmoidAttrs& a = s.attrs<HardSigmoidAttrs>();
  return Names{e.Node("HardSigmoid", s.inputs, {{"alpha", a.alpha}, {"beta", a.beta}})};
}
Result ClipTo(Emitter& e, const Site& s) {
  const ClipAttrs& a = s.attrs<ClipAttrs>();
  const DType dtype = s.type().dtype;
  const std::string min = std::isinf(a.min) ? "" : e.Scalar(dtype, IsInteger(dtype) ? std::ceil(a.min) : a.min);
  const std::string max = std::isinf(a.max) ? "" : e.Scalar(dtype, IsInteger(dtype) ? std::floor(a.max) : a.max);
  return Names{e.Node("Clip", {s.x(), min, max})};
}

// Integers that the dtype does not hold become the nearest that it does, where ONNX drops their high bits.
Result CastTo(Emitter& e, const Site& s) {
  const DType from = s.type().dtype, to = s.attrs<CastAttrs>().dtype;
  if (!IsInteger(from) || !IsInteger(to)) return Names{e.Cast(s.x(), to)};
  // Bounds of `to` as far as `from` holds them: u64's reach from 0 up, and the others' fit i64.
  const auto bound = [&](auto pick) { return Tensor::From<int64_t>({}, {pick(to)}).Cast(from); };
  const auto least = [](DType dtype) {
    return VisitDType(dtype, [](auto tag) {
      using T = typename decltype(tag)::type;
      return std::is_signed_v<T> ? static_cast<int64_t>(std::numeric_limits<T>::lowest()) : int64_t{0};
    });
  };
  const auto most = [](DType dtype) {
    return VisitDType(dtype, [](auto tag) {
      using T = typename decltype(tag)::type;
      const uint64_t largest = static_cast<uint64_t>(std::numeric_limits<T>::max());
      return static_cast<int64_t>(std::min<uint64_t>(largest, INT64_MAX));
    });
  };
  const bool same = from == to;
  const bool low = !same && (least(from) < least(to));
  const bool high = !same && (most(from) > most(to) || (from == DType::kUint64 && to == DType::kInt64));
  if (!low && !high) return Names{e.Cast(s.x(), to)};
  const std::string min = low ? e.Constant(bound(least)) : "", max = high ? e.Constant(bound(most)) : "";
  return Names{e.Cast(e.Node("Clip", high ? Names{s.x(), min, max} : Names{s.x(), min}), to)};
}
Result GeluTo(Emitter& e, const Site& s) {
  const bool approximate = s.attrs<GeluAttrs>().approximate;
  if (e.version() >= 20) {
    return Names{e.Node("Gelu", s.inputs, {{"approximate", std::string(approximate ? "tanh" : "none")}})};
  }
  const DType dtype = s.type().dtype;
  const auto scalar = [&](double x) { return e.Scalar(dtype, x); };
  std::string inner;
  if (approximate) {
    const std::string cube = e.Node("Mul", {e.Node("Mul", {s.x(), s.x()}), s.x()});
    const std::string sum = e.Node("Add", {s.x(), e.Node("Mul", {cube, scalar(0.044715)})});
    inner = e.Node("Tanh", {e.Node("Mul", {sum, scalar(std::sqrt(2 / std::numbers::pi))})});
  } else {
    inner = e.Node("Erf", {e.Node("Mul", {s.x(), scalar(1 / std::numbers::sqrt2)})});
  }
  const std::string half = e.Node("Mul", {s.x(), scalar(0.5)});
  return Names{e.Node("Mul", {half, e.Node("Add", {inner, scalar(1)})})};
}

// Attributes of ONNX are f32: others are expanded where f64 is computed with.
template <class... Numbers>
bool FitsIn(const Site& s, Numbers... numbers) {
  return s.type().dtype != DType::kFloat64 || (... && (static_cast<double>(static_cast<float>(numbers)) == numbers));
}
bool LeakyReluFits(const Site& s, int64_t) { return FitsIn(s, s.attrs<LeakyReluAttrs>().slope); }
bool EluFits(const Site& s, int64_t) { return FitsIn(s, s.attrs<EluAttrs>().alpha); }
bool HardSigmoidFits(const Site& s, int64_t) {
  return FitsIn(s, s.attrs<HardSigmoidAttrs>().alpha, s.attrs<HardSigmoidAttrs>().beta);
}
Values LeakyReluOf(const Node& node, const Values& x) {
  return {Where(Greater(x[0], 0.0), x[0], x[0] * node.attrs.As<LeakyReluAttrs>().slope)};
}
Values EluOf(const Node& node, const Values& x) {
  return {Where(Greater(x[0], 0.0), x[0], Expm1(Minimum(x[0], 0.0)) * node.attrs.As<EluAttrs>().alpha)};
}
Values HardSigmoidOf(const Node& node, const Values& x) {
  const HardSigmoidAttrs& a = node.attrs.As<HardSigmoidAttrs>();
  return {Clip(x[0] * a.alpha + a.beta, {.min = 0, .max = 1})};
}

// NaN in either operand is the result; ONNX leaves that open.
template <OperatorName kName>
Result ExtremeTo(Emitter& e, const Site& s) {
  const std::string extreme = e.Node(kName.text, s.inputs);
  if (!IsFloating(s.type().dtype)) return Names{extreme};
  const std::string sum = e.Node("Add", s.inputs);  // NaN where an operand is, or of two infinities
  const std::string nan = e.Node("Or", {e.Node("IsNaN", {s.x(0)}), e.Node("IsNaN", {s.x(1)})});
  return Names{e.Node("Where", {nan, sum, extreme})};
}

Result NotEqualTo(Emitter& e, const Site& s) { return Names{e.Node("Not", {e.Node("Equal", s.inputs)})}; }
Result IsInfTo(Emitter& e, const Site& s) {
  const IsInfAttrs& a = s.attrs<IsInfAttrs>();
  return Names{
      e.Node("IsInf", s.inputs,
             {{"detect_negative", int64_t{a.detect_negative}}, {"detect_positive", int64_t{a.detect_positive}}})};
}
Result SquareTo(Emitter& e, const Site& s) { return Names{e.Node("Mul", {s.x(), s.x()})}; }
Result SiluTo(Emitter& e, const Site& s) { return Names{e.Node("Mul", {s.x(), e.Node("Sigmoid", {s.x()})})}; }
Result RsqrtTo(Emitter& e, const Site& s) { return Names{e.Node("Reciprocal", {e.Node("Sqrt", {s.x()})})}; }

// e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2), which loses nothing near 0.
Result Expm1To(Emitter& e, const Site& s) {
  const auto scalar = [&](double x) { return e.Scalar(s.type().dtype, x); };
  const std::string t = e.Node("Tanh", {e.Node("Mul", {s.x(), scalar(0.5)})});
  const std::string near = e.Node("Div", {e.Node("Add", {t, t}), e.Node("Sub", {scalar(1), t})});
  const std::string far = e.Node("Sub", {e.Node("Exp", {s.x()}), scalar(1)});
  const std::string is_near = e.Node("Less", {e.Node("Abs", {s.x()}), scalar(1)});
  return Names{e.Node("Where", {is_near, near, far})};
}
// log(1 + x) = 2 atanh(x / (2 + x)), which loses nothing near 0.
Result Log1pTo(Emitter& e, const Site& s) {
  const auto scalar = [&](double x) { return e.Scalar(s.type().dtype, x); };
  const std::string half = e.Node("Atanh", {e.Node("Div", {s.x(), e.Node("Add", {s.x(), scalar(2)})})});
  const std::string far = e.Node("Log", {e.Node("Add", {s.x(), scalar(1)})});
  const std::string is_near = e.Node("Less", {e.Node("Abs", {s.x()}), scalar(0.5)});
  return Names{e.Node("Where", {is_near, e.Node("Add", {half, half}), far})};
}

// ---- Derivatives ---------------------------------------------------------------------------------------------------

Values ReluSlope(const Node&, const Values& x) { return {Where(LessEqual(x[1], 0.0), ZerosLike(x[0]), x[0])}; }
Values LeakyReluSlope(const Node& node, const Values& x) {
  return {Where(Greater(x[1], 0.0), x[0], x[0] * node.attrs.As<LeakyReluAttrs>().slope)};
}
Values EluSlope(const Node& node, const Values& x) {
  return {Where(Greater(x[1], 0.0), x[0], x[0] * (x[1] + node.attrs.As<EluAttrs>().alpha))};
}
Values ClipSlope(const Node& node, const Values& x) {
  const ClipAttrs& a = node.attrs.As<ClipAttrs>();
  return {Where(LogicalAnd(GreaterEqual(x[1], a.min), LessEqual(x[1], a.max)), x[0], ZerosLike(x[0]))};
}
// 1 - tanh(x)^2 = (2 / (e^x + e^-x))^2, which falls to 0 as it should.
Values TanhSlope(const Node&, const Values& x) {
  const Value e = Exp(-Abs(x[1]));
  return {x[0] * Square(2.0 * e / (1.0 + Square(e)))};
}
Value SigmoidTimesOneMinus(const Value& x) {
  const Value e = Exp(-Abs(x));
  return e / Square(1.0 + e);
}
Values SigmoidSlope(const Node&, const Values& x) { return {x[0] * SigmoidTimesOneMinus(x[1])}; }
Values SiluSlope(const Node&, const Values& x) { return {x[0] * (Sigmoid(x[1]) + x[1] * SigmoidTimesOneMinus(x[1]))}; }
Values ErfSlope(const Node&, const Values& x) { return {x[0] * (2 * std::numbers::inv_sqrtpi * Exp(-Square(x[1])))}; }
Values AtanSlope(const Node&, const Values& x) { return {x[0] / (1.0 + Square(x[1]))}; }
// The square of a large x is infinite before its root is.
Values AsinhSlope(const Node&, const Values& x) {
  const Value size = Abs(x[1]);
  return {Where(Greater(size, 1e8), x[0] / Maximum(size, 1.0), x[0] / Sqrt(1.0 + Square(Minimum(size, 1e8))))};
}
Values GeluSlope(const Node& node, const Values& x) {
  const Value &dy = x[0], &v = x[1];
  if (!node.attrs.As<GeluAttrs>().approximate) {
    const Value below = 0.5 * (1.0 + Erf(v * (1 / std::numbers::sqrt2)));
    const Value density = Exp(-0.5 * Square(v)) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    return {dy * (below + v * density)};
  }
  const double scale = std::sqrt(2 / std::numbers::pi);
  const Value t = Tanh(scale * (v + 0.044715 * Square(v) * v));
  return {dy * (0.5 * (1.0 + t) + 0.5 * v * (1.0 - Square(t)) * (scale * (1.0 + 3 * 0.044715 * Square(v))))};
}

const WriterRegistration kElementwise({
    {.op = "add", .to = As<"Add">},
    {.op = "sub", .to = As<"Sub">},
    {.op = "mul", .to = As<"Mul">},
    {.op = "div", .to = As<"Div">},
    {.op = "pow", .to = As<"Pow">},
    {.op = "maximum", .to = ExtremeTo<"Max">},
    {.op = "minimum", .to = ExtremeTo<"Min">},
    {.op = "equal", .to = As<"Equal">},
    {.op = "not_equal", .to = NotEqualTo},
    {.op = "less", .to = As<"Less">},
    {.op = "less_equal", .to = As<"LessOrEqual">},
    {.op = "greater", .to = As<"Greater">},
    {.op = "greater_equal", .to = As<"GreaterOrEqual">},
    {.op = "logical_and", .to = As<"And">},
    {.op = "logical_or", .to = As<"Or">},
    {.op = "logical_xor", .to = As<"Xor">},
    {.op = "logical_not", .to = As<"Not">},
    {.op = "where", .to = As<"Where">},
    {.op = "cast", .to = CastTo},
    {.op = "square", .to = SquareTo},
    {.op = "rsqrt", .to = RsqrtTo},
    {.op = "expm1", .to = Expm1To},
    {.op = "log1p", .to = Log1pTo},
    {.op = "silu", .to = SiluTo},
    {.op = "leaky_relu", .to = LeakyReluTo, .expand = LeakyReluOf, .fits = LeakyReluFits},
    {.op = "elu", .to = EluTo, .expand = EluOf, .fits = EluFits},
    {.op = "gelu", .to = GeluTo},
    {.op = "hard_sigmoid", .to = HardSigmoidTo, .expand = HardSigmoidOf, .fits = HardSigmoidFits},
    {.op = "clip", .to = ClipTo},
    {.op = "relu_x_grad", .expand = ReluSlope},
    {.op = "leaky_relu_x_grad", .expand = LeakyReluSlope},
    {.op = "elu_x_grad", .expand = EluSlope},
    {.op = "clip_x_grad", .expand = ClipSlope},
    {.op = "tanh_x_grad", .expand = TanhSlope},
    {.op = "sigmoid_x_grad", .expand = SigmoidSlope},
    {.op = "silu_x_grad", .expand = SiluSlope},
    {.op = "erf_x_grad", .expand = ErfSlope},
    {.op = "gelu_x_grad", .expand = GeluSlope},
    {.op = "atan_x_grad", .expand = AtanSlope},
    {.op = "asinh_x_grad", .expand = AsinhSlope},
    {.op = "is_nan", .to = As<"IsNaN">},
    {.op = "is_inf", .to = IsInfTo},
});

}  // namespace
}  // namespace adret::onnx
