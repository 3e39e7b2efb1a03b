// The functions of one number that adret computes, and their derivatives, with many more digits than f32 and f64 have.
//
//   for (const ExactFunction& f : ExactFunctions()) f.y.At(1.5L);
//
// In double they judge f32, in long double f64.
#ifndef ADRET_TESTS_OPS_EXACT_FUNCTIONS_H_
#define ADRET_TESTS_OPS_EXACT_FUNCTIONS_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <ostream>
#include <string>
#include <vector>

#include "adret/core/attrs.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret {

// One formula in two precisions: `f` is a lambda without captures, [](auto x) { ... }.
class TwoPrecisions {
 public:
  template <class F>
  TwoPrecisions(F f) : in_double_(f), in_long_double_(f) {}  // NOLINT(google-explicit-constructor)
  double At(double x) const { return in_double_(x); }
  long double At(long double x) const { return in_long_double_(x); }

 private:
  double (*in_double_)(double);
  long double (*in_long_double_)(long double);
};

// How far results may be from the exact ones, in units in the last place (ulp): the distance of the exact result's
// neighbours in the dtype. 0.5 is a correctly rounded result, 0 one that needs no rounding.
struct UlpBounds {
  double y_f32 = 0, y_f64 = 0;    // of the value
  double dx_f32 = 0, dx_f64 = 0;  // of the derivative, as Gradients() computes it
};

struct ExactFunction {
  std::string op;
  UlpBounds bounds;  // on every instruction set; docs/ops.md prints them
  TwoPrecisions y, dx;
  // What errors are relative to: the size of the largest of the terms that are added up. The result itself, unless they
  // cancel.
  TwoPrecisions y_unit, dx_unit;
  Attrs attrs;

  ExactFunction(std::string name, UlpBounds ulps, TwoPrecisions value, TwoPrecisions slope)
      : ExactFunction(std::move(name), ulps, value, slope, slope) {}
  ExactFunction(std::string name, UlpBounds ulps, TwoPrecisions value, TwoPrecisions slope, TwoPrecisions slope_unit)
      : op(std::move(name)), bounds(ulps), y(value), dx(slope), y_unit(value), dx_unit(slope_unit) {}
  friend void PrintTo(const ExactFunction& f, std::ostream* out) { *out << f.op; }
  ExactFunction With(Attrs a) && {
    attrs = std::move(a);
    return std::move(*this);
  }
  ExactFunction WithUnit(TwoPrecisions unit) && {
    y_unit = unit;
    return std::move(*this);
  }
};

namespace exact {

// More digits than T has, for arguments in whose last digits an exponential is sensitive.
template <class T>
struct WideOf;
template <>
struct WideOf<double> {
  using type = long double;
};
template <>
struct WideOf<long double> {
#ifdef __SIZEOF_FLOAT128__
  using type = __float128;
#else
  using type = long double;
#endif
};
template <class T>
using Wide = typename WideOf<T>::type;

// A number that T has no room for: high + low.
template <class T>
struct Split {
  T high, low;
  explicit Split(Wide<T> v) : high(static_cast<T>(v)), low(static_cast<T>(v - static_cast<Wide<T>>(high))) {}
};
template <class T>
T Exp(Wide<T> v) {
  const Split<T> x(v);
  return std::exp(x.high) * (1 + x.low);
}
template <class T>
T Sigmoid(T x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class T>
T SigmoidSlope(T x) {
  const T e = std::exp(-std::abs(x));
  return e / ((1 + e) * (1 + e));
}
template <class T>
T Sech2(T x) {
  return 4 * SigmoidSlope(2 * x);
}

// x gate(x) and its derivative at infinite x.
template <class T>
T GateLimit(T x) {
  return x > 0 ? x : -T{0};
}
template <class T>
T StepLimit(T x) {
  return x > 0;
}

template <class T>
T NormalDensity(T x) {
  return Exp<T>(Wide<T>{-0.5} * x * x) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
}
// The normal distribution, from erfc at x / sqrt(2) rounded and erfc's slope there.
template <class T>
T Normal(T x) {
  constexpr Wide<T> kSqrtHalf = Wide<T>{0x0.b504f333f9de6484p0L} + Wide<T>{0x0.597d89b3754abe9fp-64L};
  const Split<T> z(-kSqrtHalf * x);
  return (std::erfc(z.high) - 2 * std::numbers::inv_sqrtpi_v<T> * std::exp(-z.high * z.high) * z.low) / 2;
}

// 2 sqrt(2 / pi) (x + 0.044715 x^3), for |x| > 50 some number in whose exponential nothing is left.
template <class T>
Wide<T> GeluArgument(T x) {
  constexpr Wide<T> k = Wide<T>{1.5957691216057308} + Wide<T>{-9.9693088091109202e-17};
  const T bounded = std::clamp<T>(x, -50, 50);
  return k * bounded * (1 + Wide<T>{44715} / 1000000 * bounded * bounded);
}
template <class T>
T GeluGate(T x) {
  const Split<T> u(GeluArgument<T>(x));
  return Sigmoid(u.high) * (1 + u.low / (1 + std::exp(u.high)));
}
// x u' (1 - sigmoid(u)).
template <class T>
T GeluGateChange(T x) {
  const T c = T{44715} / 1000000, k = 4 * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
  return k * x * (1 + 3 * c * x * x) * GeluGate(-x);
}
template <class T>
T SiluChange(T x) {
  return x * Sigmoid(-x);
}
template <class T>
T Largest(T a, T b) {
  return std::max(std::abs(a), std::abs(b));
}

}  // namespace exact

inline std::vector<ExactFunction> ExactFunctions() {
  using namespace exact;  // NOLINT
  const auto one = [](auto x) { return decltype(x){1}; };
  constexpr UlpBounds kExact;
  return {
      {"neg", kExact, [](auto x) { return -x; }, [](auto x) { return decltype(x){-1}; }},
      {"abs", kExact, [](auto x) { return std::abs(x); }, [](auto x) { return x > 0   ? 1
                                                                              : x < 0 ? -1
                                                                                      : x; }},
      {"sign", kExact, [](auto x) { return x > 0   ? 1
                                           : x < 0 ? -1
                                                   : x; }, [](auto x) { return decltype(x){0}; }},
      {"floor", kExact, [](auto x) { return std::floor(x); }, [](auto x) { return decltype(x){0}; }},
      {"ceil", kExact, [](auto x) { return std::ceil(x); }, [](auto x) { return decltype(x){0}; }},
      {"round", kExact, [](auto x) { return std::nearbyint(x); }, [](auto x) { return decltype(x){0}; }},
      {"square", {0.5, 0.5, 0, 0}, [](auto x) { return x * x; }, [](auto x) { return 2 * x; }},
      {"reciprocal", {0.5, 0.5, 2, 2}, [](auto x) { return 1 / x; }, [](auto x) { return -1 / (x * x); }},
      {"sqrt",
       {0.5, 0.5, 1.5, 1.5},
       [](auto x) { return std::sqrt(x); },
       [](auto x) { return decltype(x){0.5} / std::sqrt(x); }},
      {"rsqrt",
       {1.5, 1.5, 6, 6},
       [](auto x) { return 1 / std::sqrt(x); },
       [](auto x) {
         const auto y = 1 / std::sqrt(x);
         return decltype(x){-0.5} * y * y * y;
       }},
      {"exp", {1, 1, 1, 1}, [](auto x) { return std::exp(x); }, [](auto x) { return std::exp(x); }},
      {"expm1", {1.5, 1.5, 1, 1}, [](auto x) { return std::expm1(x); }, [](auto x) { return std::exp(x); }},
      {"log", {1, 1, 0.5, 0.5}, [](auto x) { return std::log(x); }, [](auto x) { return 1 / x; }},
      {"log1p", {1, 1, 1.5, 1.5}, [](auto x) { return std::log1p(x); }, [](auto x) { return 1 / (1 + x); }},
      {"sin", {1.5, 1.5, 1.5, 1.5}, [](auto x) { return std::sin(x); }, [](auto x) { return std::cos(x); }},
      {"cos", {1.5, 1.5, 1.5, 1.5}, [](auto x) { return std::cos(x); }, [](auto x) { return -std::sin(x); }},
      {"tan",
       {2.2, 2.2, 5, 5},
       [](auto x) { return std::tan(x); },
       [](auto x) { return 1 + std::tan(x) * std::tan(x); }},
      {"asin",
       {0.5, 0.6, 2, 2},
       [](auto x) { return std::asin(x); },
       [](auto x) { return 1 / std::sqrt((1 - x) * (1 + x)); }},
      {"acos",
       {0.5, 0.6, 2, 2},
       [](auto x) { return std::acos(x); },
       [](auto x) { return -1 / std::sqrt((1 - x) * (1 + x)); }},
      {"atan", {0.5, 0.6, 0.5, 2}, [](auto x) { return std::atan(x); }, [](auto x) { return 1 / (1 + x * x); }},
      {"sinh", {0.5, 2, 0.5, 2}, [](auto x) { return std::sinh(x); }, [](auto x) { return std::cosh(x); }},
      {"cosh", {0.5, 2, 0.5, 2}, [](auto x) { return std::cosh(x); }, [](auto x) { return std::sinh(x); }},
      {"asinh",
       {0.5, 2, 0.5, 2},
       [](auto x) { return std::asinh(x); },
       [](auto x) { return 1 / std::sqrt(1 + x * x); }},
      {"acosh",
       {0.5, 2, 4, 4},
       [](auto x) { return std::acosh(x); },
       [](auto x) { return 1 / (std::sqrt(x - 1) * std::sqrt(x + 1)); }},
      {"atanh", {0.5, 2, 2.5, 2.5}, [](auto x) { return std::atanh(x); }, [](auto x) { return 1 / (1 - x) / (1 + x); }},
      {"tanh", {1.5, 1.5, 4, 4}, [](auto x) { return std::tanh(x); }, [](auto x) { return Sech2(x); }},
      {"erf",
       {1.5, 1, 2, 2},
       [](auto x) { return std::erf(x); },
       [](auto x) {
         using T = decltype(x);
         return std::isinf(x) ? T{0} : 2 * std::numbers::inv_sqrtpi_v<T> * Exp<T>(-Wide<T>{x} * x);
       }},
      {"sigmoid", {2.2, 2, 4, 4}, [](auto x) { return Sigmoid(x); }, [](auto x) { return SigmoidSlope(x); }},
      {"softplus",
       {1.5, 1.5, 2.2, 2},
       [](auto x) { return std::isnan(x) ? x : std::max<decltype(x)>(x, 0) + std::log1p(std::exp(-std::abs(x))); },
       [](auto x) { return Sigmoid(x); }},
      {"silu",
       {2.5, 2, 4, 4.5},
       [](auto x) { return std::isinf(x) ? GateLimit(x) : x * Sigmoid(x); },
       [](auto x) { return std::isinf(x) ? StepLimit(x) : Sigmoid(x) * (1 + SiluChange(x)); },
       [](auto x) {
         using T = decltype(x);
         return std::isinf(x) ? StepLimit(x) : Sigmoid(x) * Largest<T>(1, SiluChange(x));
       }},
      {"relu", kExact, [](auto x) { return x < 0 ? 0 : x; }, [](auto x) { return decltype(x)(x <= 0 ? 0 : 1); }},
      ExactFunction(
          "leaky_relu", {1, 1, 0.5, 0.5}, [](auto x) { return x > 0 ? x : x / 100; },
          [](auto x) { return x > 0 ? 1 : decltype(x){1} / 100; })
          .With(Attrs(LeakyReluAttrs{})),
      ExactFunction(
          "elu", {1.5, 1.5, 1, 1}, [](auto x) { return x > 0 ? x : std::expm1(x); },
          [](auto x) { return x > 0 ? 1 : std::exp(x); })
          .With(Attrs(EluAttrs{})),
      ExactFunction(
          "gelu", {4, 4, 4.5, 5}, [](auto x) { return std::isinf(x) ? GateLimit(x) : x * Normal(x); },
          [](auto x) { return std::isinf(x) ? StepLimit(x) : Normal(x) + x * NormalDensity(x); },
          [](auto x) { return std::isinf(x) ? StepLimit(x) : Largest(Normal(x), x * NormalDensity(x)); })
          .With(Attrs(GeluAttrs{})),
      ExactFunction(
          "gelu", {2.5, 2, 5.5, 5.5}, [](auto x) { return std::isinf(x) ? GateLimit(x) : x * GeluGate(x); },
          [](auto x) { return std::isinf(x) ? StepLimit(x) : GeluGate(x) * (1 + GeluGateChange(x)); },
          [](auto x) {
            using T = decltype(x);
            return std::isinf(x) ? StepLimit(x) : GeluGate(x) * Largest<T>(1, GeluGateChange(x));
          })
          .With(Attrs(GeluAttrs{.approximate = true})),
      // Near the ends of the slope either derivative is right.
      ExactFunction(
          "hard_sigmoid", {1.5, 1.5, 0.5, 0.5},
          [](auto x) { return std::isnan(x) ? x : std::clamp<decltype(x)>(x / 6 + 0.5, 0, 1); },
          [](auto x) { return std::abs(x) <= 3 ? decltype(x){1} / 6 : 0; },
          [](auto x) {
            using T = decltype(x);
            return std::abs(std::abs(x) - 3) < 1e-6 ? std::numeric_limits<T>::infinity() : T{1} / 6;
          })
          .With(Attrs(HardSigmoidAttrs{}))
          .WithUnit([](auto x) { return std::max<decltype(x)>(std::abs(x) / 6, 0.5); }),
      ExactFunction(
          "clip", kExact, [](auto x) { return x; }, [](auto x) { return decltype(x)(std::isnan(x) ? 0 : 1); })
          .With(Attrs(ClipAttrs{})),
      ExactFunction(
          "cast", kExact, [](auto x) { return x; }, one)
          .With(Attrs(CastAttrs{})),
  };
}

}  // namespace adret

#endif  // ADRET_TESTS_OPS_EXACT_FUNCTIONS_H_
