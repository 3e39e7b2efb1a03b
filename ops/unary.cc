#include "adret/ops/unary.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/elementwise.h"
#include "adret/ops/kernels/elementwise.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

using G = const GradientContext&;

Op Unary(std::string name, std::string doc, GradientRule gradient, TypeRule type = SameTypeFloating) {
  return Elementwise(
      {.name = std::move(name), .doc = std::move(doc), .inputs = {"x"}, .type = type, .gradient = std::move(gradient)});
}

// An op dx = dy * f'(x). It is linear in dy; `curve` gives the gradient of x, dy' dy f''(x).
Op Slope(std::string name, std::string doc, std::function<Value(G)> curve) {
  Op op = Elementwise({.name = name,
                       .doc = std::move(doc),
                       .inputs = {"dy", "x"},
                       .outputs = {"dx"},
                       .type = SameTypeFloating,
                       .gradient = [name, curve = std::move(curve)](G c) {
                         return Values{Build(name, {c.dy(), c.x(1)}, c.node().attrs), curve(c)};
                       }});
  return DeclareLinear(std::move(op), Inputs({0}));
}
Value SlopeOf(absl::string_view name, G c) { return Build(name, {c.dy(), c.x()}, c.node().attrs); }

// ---- Functions without attributes ----------------------------------------------------------------------------------

const OpRegistration kNeg(DeclareLinear(Unary(
                                            "neg", "y = -x.", [](G c) { return Values{-c.dy()}; }, ArithmeticType),
                                        Inputs({0})));
const OpRegistration kAbs(DeclareLinear(Unary(
                                            "abs", "y = |x|.", [](G c) { return Values{c.dy() * Sign(c.x())}; },
                                            ArithmeticType),
                                        0, Inputs({0})));
const OpRegistration kSign(Unary(
    "sign", "y = -1, 0 or 1.", [](G) { return Values(1); }, ArithmeticType));
const OpRegistration kFloor(Unary("floor", "y = the largest integer <= x.", [](G) { return Values(1); }));
const OpRegistration kCeil(Unary("ceil", "y = the smallest integer >= x.", [](G) { return Values(1); }));
const OpRegistration kRound(Unary("round", "y = the integer nearest to x, of a tie the even one.",
                                  [](G) { return Values(1); }));
const OpRegistration kSquare(DeclareLinear(Unary(
                                               "square", "y = x * x.",
                                               [](G c) { return Values{c.dy() * (2.0 * c.x())}; }, ArithmeticType),
                                           0, Inputs({0})));
const OpRegistration kReciprocal(Unary("reciprocal", "y = 1 / x.",
                                       [](G c) { return Values{-(c.dy() * Square(c.y()))}; }));
const OpRegistration kSqrt(Unary("sqrt", "y = sqrt(x).", [](G c) { return Values{0.5 * c.dy() / c.y()}; }));
const OpRegistration kRsqrt(Unary("rsqrt", "y = 1 / sqrt(x).",
                                  [](G c) { return Values{-0.5 * c.dy() * c.y() * Square(c.y())}; }));
const OpRegistration kExp(Unary("exp", "y = e^x.", [](G c) { return Values{c.dy() * c.y()}; }));
const OpRegistration kExpm1(Unary("expm1", "y = e^x - 1.", [](G c) { return Values{c.dy() * Exp(c.x())}; }));
const OpRegistration kLog(Unary("log", "y = ln x.", [](G c) { return Values{c.dy() / c.x()}; }));
const OpRegistration kLog1p(Unary("log1p", "y = ln(1 + x).", [](G c) { return Values{c.dy() / (c.x() + 1.0)}; }));
const OpRegistration kSin(Unary("sin", "y = sin x.", [](G c) { return Values{c.dy() * Cos(c.x())}; }));
const OpRegistration kCos(Unary("cos", "y = cos x.", [](G c) { return Values{-(c.dy() * Sin(c.x()))}; }));
const OpRegistration kTan(Unary("tan", "y = tan x.", [](G c) { return Values{c.dy() * (Square(c.y()) + 1.0)}; }));

// Differences of x and 1 are exact where the derivative is large.
const OpRegistration kAsin(Unary("asin", "y = arcsin x.",
                                 [](G c) { return Values{c.dy() * Rsqrt((1.0 - c.x()) * (c.x() + 1.0))}; }));
const OpRegistration kAcos(Unary("acos", "y = arccos x.",
                                 [](G c) { return Values{-(c.dy() * Rsqrt((1.0 - c.x()) * (c.x() + 1.0)))}; }));
const OpRegistration kSinh(Unary("sinh", "y = sinh x.", [](G c) { return Values{c.dy() * Cosh(c.x())}; }));
const OpRegistration kCosh(Unary("cosh", "y = cosh x.", [](G c) { return Values{c.dy() * Sinh(c.x())}; }));
const OpRegistration kAcosh(Unary("acosh", "y = arcosh x.",
                                  [](G c) { return Values{c.dy() * Rsqrt(c.x() - 1.0) * Rsqrt(c.x() + 1.0)}; }));
const OpRegistration kAtanh(Unary("atanh", "y = artanh x.",
                                  [](G c) { return Values{c.dy() / (1.0 - c.x()) / (c.x() + 1.0)}; }));

// As one op each, the derivative is right where x^2 is too large for the dtype.
const OpRegistration kAtan(Unary("atan", "y = arctan x.", [](G c) { return Values{SlopeOf("atan_x_grad", c)}; }));
const OpRegistration kAtanXGrad(Slope("atan_x_grad", "dx = dy / (1 + x^2).", [](G c) {
  return -2.0 * Build("atan_x_grad", {c.dy() * c.y(), c.x(1)}) * c.x(1);
}));
const OpRegistration kAsinh(Unary("asinh", "y = arsinh x.", [](G c) { return Values{SlopeOf("asinh_x_grad", c)}; }));
const OpRegistration kAsinhXGrad(Slope("asinh_x_grad", "dx = dy / sqrt(1 + x^2).", [](G c) {
  const auto slope = [&](Value v) { return Build("asinh_x_grad", {v, c.x(1)}); };
  return -slope(slope(c.dy() * c.y()) * c.x(1));
}));

// Derivatives that vanish in a tail come from x: y has been rounded to its limit long before they are 0.
const OpRegistration kTanh(Unary("tanh", "y = tanh x.", [](G c) { return Values{SlopeOf("tanh_x_grad", c)}; }));
const OpRegistration kTanhXGrad(Slope("tanh_x_grad", "dx = dy * (1 - tanh(x)^2).",
                                      [](G c) { return -2.0 * (c.dy() * c.y()) * Tanh(c.x(1)); }));
const OpRegistration kErf(Unary("erf", "y = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x.",
                                [](G c) { return Values{SlopeOf("erf_x_grad", c)}; }));
const OpRegistration kErfXGrad(Slope("erf_x_grad", "dx = dy * 2 / sqrt(pi) * exp(-x^2).",
                                     [](G c) { return -2.0 * (c.dy() * c.y()) * c.x(1); }));
const OpRegistration kSigmoid(Unary("sigmoid", "y = 1 / (1 + e^-x).",
                                    [](G c) { return Values{SlopeOf("sigmoid_x_grad", c)}; }));
const OpRegistration kSigmoidXGrad(Slope("sigmoid_x_grad", "dx = dy * s (1 - s), s = sigmoid(x).", [](G c) {
  return -(c.dy() * c.y()) * Tanh(0.5 * c.x(1));  // 1 - 2 s = -tanh(x / 2)
}));
const OpRegistration kSoftplus(Unary("softplus", "y = ln(1 + e^x).",
                                     [](G c) { return Values{c.dy() * Sigmoid(c.x())}; }));
const OpRegistration kSilu(Unary("silu", "y = x * sigmoid(x).", [](G c) { return Values{SlopeOf("silu_x_grad", c)}; }));
const OpRegistration kSiluXGrad(Slope("silu_x_grad", "dx = dy * s (1 + x (1 - s)), s = sigmoid(x).", [](G c) {
  return Build("sigmoid_x_grad", {c.dy() * c.x(0), c.x(1)}) * (2.0 - c.x(1) * Tanh(0.5 * c.x(1)));
}));

// ---- Piecewise functions -------------------------------------------------------------------------------------------
//
// Their gradients choose between multiples of dy. As one op each they read a float where a composition would write and
// read a mask; they are linear in dy, so their own gradients are themselves.

const OpRegistration kRelu(DeclareLinear(Unary(
                                             "relu", "y = max(x, 0).",
                                             [](G c) {
                                               return Values{Build("relu_x_grad", {c.dy(), c.y()})};
                                             },
                                             ArithmeticType),
                                         0, Inputs({0})));
const OpRegistration kReluXGrad(Elementwise({
    .name = "relu_x_grad",
    .doc = "dx = 0 where y <= 0, dy elsewhere.",
    .inputs = {"dy", "y"},
    .outputs = {"dx"},
    .type = SameTypeFloating,
    .gradient =
        [](G c) {
          return Values{Build("relu_x_grad", {c.dy(), c.x(1)}), Value()};
        },
    .axes = MakeAxisRules({.linear_in = Inputs({0})}),
}));

absl::StatusOr<Types> LeakyReluType(const TypeContext& c) {
  const double slope = c.attrs<LeakyReluAttrs>().slope;
  if (!std::isfinite(slope)) return c.Error("slope must be finite, not ", slope);
  return SameTypeFloating(c);
}
SpanKernel LeakyReluSpan(const KernelSpec& s) { return ElementwiseSpan(s, {s.As<LeakyReluAttrs>().slope}); }

const OpRegistration kLeakyRelu({
    .name = "leaky_relu",
    .doc = "y = x where x > 0, slope * x elsewhere.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<LeakyReluAttrs>,
    .type = LeakyReluType,
    .span_kernel = LeakyReluSpan,
    .gradient = [](G c) { return Values{SlopeOf("leaky_relu_x_grad", c)}; },
});
const OpRegistration kLeakyReluXGrad({
    .name = "leaky_relu_x_grad",
    .doc = "dx = dy where x > 0, slope * dy elsewhere.",
    .inputs = {"dy", "x"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<LeakyReluAttrs>,
    .type = LeakyReluType,
    .span_kernel = LeakyReluSpan,
    .gradient =
        [](G c) {
          return Values{Build("leaky_relu_x_grad", {c.dy(), c.x(1)}, c.node().attrs), Value()};
        },
    .axes = MakeAxisRules({.linear_in = Inputs({0})}),
});

absl::StatusOr<Types> EluType(const TypeContext& c) {
  const double alpha = c.attrs<EluAttrs>().alpha;
  if (!std::isfinite(alpha) || alpha < 0) return c.Error("alpha must be finite and at least 0, not ", alpha);
  return SameTypeFloating(c);
}
SpanKernel EluSpan(const KernelSpec& s) { return ElementwiseSpan(s, {s.As<EluAttrs>().alpha}); }

const OpRegistration kElu({
    .name = "elu",
    .doc = "y = x where x > 0, alpha * (e^x - 1) elsewhere.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<EluAttrs>,
    .type = EluType,
    .span_kernel = EluSpan,
    .gradient =
        [](G c) {
          const double alpha = c.attrs<EluAttrs>().alpha;
          return Values{Where(Greater(c.x(), 0.0), c.dy(), c.dy() * (alpha * Exp(Minimum(c.x(), 0.0))))};
        },
});
// The gradient of elu in files of version 0.1: from y, which has lost the tail that x still has.
const OpRegistration kEluXGrad({
    .name = "elu_x_grad",
    .doc = "dx = dy where y > 0, dy * (y + alpha) elsewhere; for files of version 0.1.",
    .inputs = {"dy", "y"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<EluAttrs>,
    .type = EluType,
    .span_kernel = EluSpan,
    .gradient =
        [](G c) {
          return Values{Build("elu_x_grad", {c.dy(), c.x(1)}, c.node().attrs),
                        Where(Greater(c.x(1), 0.0), 0.0, c.dy() * c.x(0))};
        },
    .axes = MakeAxisRules({.linear_in = Inputs({0})}),
});

// The integers that a dtype has between two bounds must be at least one.
absl::StatusOr<Types> ClipType(const TypeContext& c) {
  const auto& a = c.attrs<ClipAttrs>();
  if (!(a.min <= a.max)) return c.Error("min ", a.min, " must not be above max ", a.max);
  if (IsInteger(c.dtype(0))) {
    const bool is_empty = VisitDType(c.dtype(0), [&](auto tag) {
      using Limits = std::numeric_limits<typename decltype(tag)::type>;
      const double low = std::ceil(a.min), high = std::floor(a.max);
      return low > high || low >= static_cast<double>(Limits::max()) + 1 || high < static_cast<double>(Limits::min());
    });
    if (is_empty) return c.Error("no ", Name(c.dtype(0)), " is between min ", a.min, " and max ", a.max);
  }
  return ArithmeticType(c);
}
SpanKernel ClipSpan(const KernelSpec& s) { return ElementwiseSpan(s, {s.As<ClipAttrs>().min, s.As<ClipAttrs>().max}); }
Value ClipGrad(Value dy, Value x, const ClipAttrs& attrs) { return Build("clip_x_grad", {dy, x}, Attrs(attrs)); }

const OpRegistration kClip({
    .name = "clip",
    .doc = "y = min(max(x, min), max).",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ClipAttrs>,
    .type = ClipType,
    .span_kernel = ClipSpan,
    .gradient = [](G c) { return Values{ClipGrad(c.dy(), c.x(), c.attrs<ClipAttrs>())}; },
});
const OpRegistration kClipXGrad({
    .name = "clip_x_grad",
    .doc = "dx = dy where min <= x <= max, 0 elsewhere.",
    .inputs = {"dy", "x"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<ClipAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_RETURN_IF_ERROR(c.RequireFloating(0));
      return ClipType(c);
    },
    .span_kernel = ClipSpan,
    .gradient =
        [](G c) {
          return Values{ClipGrad(c.dy(), c.x(1), c.attrs<ClipAttrs>()), Value()};
        },
    .axes = MakeAxisRules({.linear_in = Inputs({0})}),
});

const OpRegistration kHardSigmoid({
    .name = "hard_sigmoid",
    .doc = "y = min(max(alpha * x + beta, 0), 1).",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<HardSigmoidAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<HardSigmoidAttrs>();
      if (!std::isfinite(a.alpha) || !std::isfinite(a.beta)) return c.Error("alpha and beta must be finite");
      return SameTypeFloating(c);
    },
    .span_kernel =
        [](const KernelSpec& s) {
          return ElementwiseSpan(s, {s.As<HardSigmoidAttrs>().alpha, s.As<HardSigmoidAttrs>().beta});
        },
    .gradient =
        [](G c) {
          const auto& a = c.attrs<HardSigmoidAttrs>();
          return Values{ClipGrad(a.alpha * c.dy(), a.alpha * c.x() + a.beta, {.min = 0, .max = 1})};
        },
});

// ---- gelu ----------------------------------------------------------------------------------------------------------

SpanKernel GeluSpan(const KernelSpec& s) {
  const absl::string_view loop = s.As<GeluAttrs>().approximate ? "gelu_approximate" : "gelu";
  const absl::string_view suffix = absl::StripPrefix(s.op->name, "gelu");  // "" or "_x_grad"
  return SpanKernel{kernels::FindElementwise(absl::StrCat(loop, suffix), s.dtype())};
}

// Returns g''(x) * factor. Exact: g' = Phi + x phi, so g'' = phi (2 - x^2). The approximation is x s with
// s = sigmoid(u) and u = 2 sqrt(2 / pi) (x + 0.044715 x^3), since (1 + tanh(u / 2)) / 2 = sigmoid(u); so with
// s' = s (1 - s), g'' = s' (2 u' + x u'' - x u'^2 tanh(u / 2)).
Value GeluCurve(Value factor, Value x, bool approximate) {
  const Value x2 = Square(x);
  if (!approximate) {
    const double normalizer = std::numbers::inv_sqrtpi / std::numbers::sqrt2;  // 1 / sqrt(2 pi)
    return factor * (normalizer * Exp(-0.5 * x2)) * (2.0 - x2);
  }
  const double k = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi, cubic = k * 0.044715;
  const Value u = x * (k + cubic * x2), du = k + (3 * cubic) * x2;
  return Build("sigmoid_x_grad", {factor, u}) * (2.0 * du + x2 * (6 * cubic) - x * Square(du) * Tanh(0.5 * u));
}

const OpRegistration kGelu({
    .name = "gelu",
    .doc = "y = x * Phi(x), Phi the standard normal distribution.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<GeluAttrs>,
    .type = SameTypeFloating,
    .span_kernel = GeluSpan,
    .gradient = [](G c) { return Values{SlopeOf("gelu_x_grad", c)}; },
});
const OpRegistration kGeluXGrad({
    .name = "gelu_x_grad",
    .doc = "dx = dy * (Phi(x) + x phi(x)), phi = Phi'.",
    .inputs = {"dy", "x"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<GeluAttrs>,
    .type = SameTypeFloating,
    .span_kernel = GeluSpan,
    .gradient =
        [](G c) {
          return Values{Build("gelu_x_grad", {c.dy(), c.x(1)}, c.node().attrs),
                        GeluCurve(c.dy() * c.x(0), c.x(1), c.attrs<GeluAttrs>().approximate)};
        },
    .axes = MakeAxisRules({.linear_in = Inputs({0})}),
});

}  // namespace

Value Neg(Operand x) { return Build("neg", {x}); }
Value Abs(Operand x) { return Build("abs", {x}); }
Value Sign(Operand x) { return Build("sign", {x}); }
Value Floor(Operand x) { return Build("floor", {x}); }
Value Ceil(Operand x) { return Build("ceil", {x}); }
Value Round(Operand x) { return Build("round", {x}); }
Value Square(Operand x) { return Build("square", {x}); }
Value Reciprocal(Operand x) { return Build("reciprocal", {x}); }
Value Sqrt(Operand x) { return Build("sqrt", {x}); }
Value Rsqrt(Operand x) { return Build("rsqrt", {x}); }
Value Exp(Operand x) { return Build("exp", {x}); }
Value Expm1(Operand x) { return Build("expm1", {x}); }
Value Log(Operand x) { return Build("log", {x}); }
Value Log1p(Operand x) { return Build("log1p", {x}); }
Value Sin(Operand x) { return Build("sin", {x}); }
Value Cos(Operand x) { return Build("cos", {x}); }
Value Tan(Operand x) { return Build("tan", {x}); }
Value Asin(Operand x) { return Build("asin", {x}); }
Value Acos(Operand x) { return Build("acos", {x}); }
Value Atan(Operand x) { return Build("atan", {x}); }
Value Sinh(Operand x) { return Build("sinh", {x}); }
Value Cosh(Operand x) { return Build("cosh", {x}); }
Value Tanh(Operand x) { return Build("tanh", {x}); }
Value Asinh(Operand x) { return Build("asinh", {x}); }
Value Acosh(Operand x) { return Build("acosh", {x}); }
Value Atanh(Operand x) { return Build("atanh", {x}); }
Value Erf(Operand x) { return Build("erf", {x}); }
Value Sigmoid(Operand x) { return Build("sigmoid", {x}); }
Value Softplus(Operand x) { return Build("softplus", {x}); }
Value Relu(Operand x) { return Build("relu", {x}); }
Value Silu(Operand x) { return Build("silu", {x}); }
Value LeakyRelu(Operand x, LeakyReluAttrs attrs) { return Build("leaky_relu", {x}, Attrs(attrs)); }
Value Elu(Operand x, EluAttrs attrs) { return Build("elu", {x}, Attrs(attrs)); }
Value Gelu(Operand x, GeluAttrs attrs) { return Build("gelu", {x}, Attrs(attrs)); }
Value HardSigmoid(Operand x, HardSigmoidAttrs attrs) { return Build("hard_sigmoid", {x}, Attrs(attrs)); }
Value Clip(Operand x, ClipAttrs attrs) { return Build("clip", {x}, Attrs(attrs)); }
Value Clip(Operand x, Operand min, Operand max) { return Minimum(Maximum(x, min), max); }

}  // namespace adret
