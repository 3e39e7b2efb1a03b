// Exponentials and logarithms of vectors, defined for every argument as the standard library's functions are, with
// errors of about one unit in the last place (ulp).
//
//   V y = ExpOf(d, x);
//   Scaled<V> e = ExpParts(d, x);   // e^x = (1 + e.rest) 2^n, also where that would be denormal or zero
//   V y = e.Times(factor);          // factor e^x: more accurate than a product with ExpOf(d, x)
//
// The files that use this are compiled with -ffp-contract=off: a product and a sum are one rounding where the code says
// MulAdd (and the machine has it), and two elsewhere.

#if defined(ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#undef ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#else
#define ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#endif

#include <cmath>
#include <limits>

#include "adret/ops/kernels/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {

// What depends on the element type.
template <class T>
struct Floating;
template <>
struct Floating<float> {
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23, kBias = 127;
  // Added to x and subtracted again, it rounds x to a whole number: its own unit in the last place is 1.
  static constexpr double kRounder = 0x1.8p23;
  // ln 2 in two parts, the first so short that its products with whole numbers up to 2^15 are exact.
  static constexpr double kLn2High = 0.693359375, kLn2Low = -2.12194440054690583e-4;
  // Below kExpLow even x e^x is 0; above kExpHigh e^x is infinite.
  static constexpr double kExpLow = -150, kExpHigh = 100;
  static constexpr double kExpm1Low = -50, kExpm1High = 89;
  // The smallest normal number, and a power of two that makes normal numbers of the denormal ones.
  static constexpr double kSmallestNormal = 0x1p-126;
  static constexpr int kDenormalShift = 24;
  static constexpr Bits kOne = 0x3f800000, kSqrtHalf = 0x3f3504f3;
  // The factor that splits a number into halves of 12 bits.
  static constexpr double kSplitter = 0x1p12 + 1;
};
template <>
struct Floating<double> {
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52, kBias = 1023;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kExpLow = -800, kExpHigh = 720;
  static constexpr double kExpm1Low = -100, kExpm1High = 710;
  static constexpr double kSmallestNormal = 0x1p-1022;
  static constexpr int kDenormalShift = 54;
  static constexpr Bits kOne = 0x3ff0000000000000, kSqrtHalf = 0x3fe6a09e667f3bcd;
  static constexpr double kSplitter = 0x1p27 + 1;
};
template <class D>
using FloatingOf = Floating<hn::TFromD<D>>;

template <class D>
HWY_INLINE hn::Vec<D> Infinity(D d) {
  return Num(d, std::numeric_limits<double>::infinity());
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class D, class V, size_t n>
HWY_INLINE V Polynomial(D d, V x, const double (&c)[n]) {
  V y = Num(d, c[n - 1]);
  for (size_t i = n - 1; i-- > 0;) y = hn::MulAdd(y, x, Num(d, c[i]));
  return y;
}

// |x|, or `max` where it is larger; NaN stays NaN.
template <class D, class V>
HWY_INLINE V ClampedAbs(D d, V x, double max) {
  const V t = hn::Abs(x), hi = Num(d, max);
  return hn::IfThenElse(hn::Gt(t, hi), hi, t);
}

// What rounding took from product = a * b: a b = product + ProductError(d, a, b, product), exactly (T. J. Dekker 1971).
template <class D, class V>
HWY_INLINE V ProductError(D d, V a, V b, V product) {
#if HWY_NATIVE_FMA
  (void)d;
  return hn::MulSub(a, b, product);
#else
  const V splitter = Num(d, FloatingOf<D>::kSplitter);
  const auto high = [&](V v) {
    const V c = hn::Mul(v, splitter);
    return hn::Sub(c, hn::Sub(c, v));
  };
  const V a_high = high(a), b_high = high(b), a_low = hn::Sub(a, a_high), b_low = hn::Sub(b, b_high);
  const V rest =
      hn::Sub(hn::Sub(hn::Sub(product, hn::Mul(a_high, b_high)), hn::Mul(a_low, b_high)), hn::Mul(a_high, b_low));
  return hn::Sub(hn::Mul(a_low, b_low), rest);
#endif
}

// x rounded to a whole number; |x| < 2^21.
template <class D, class V>
HWY_INLINE V RoundWhole(D d, V x) {
  const V rounder = Num(d, FloatingOf<D>::kRounder);
  return hn::Sub(hn::Add(x, rounder), rounder);
}

// 2^n for whole n, within the range of normal numbers.
template <class D, class V>
HWY_INLINE V PowerOfTwo(D d, V n) {
  using F = FloatingOf<D>;
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<F::kMantissaBits>(hn::BitCast(du, hn::Add(n, Num(d, F::kRounder + F::kBias)))));
}

// (1 + rest) 2^n, with 2^n as a product of two numbers, since it may be too large or too small to be one.
template <class V>
struct Scaled {
  V rest, p, q;
  // v 2^n. Where that is denormal it is rounded once.
  HWY_INLINE V Shift(V v) const { return hn::Mul(hn::Mul(v, p), q); }
  // v (1 + rest), and v (1 + rest) 2^n; v must be finite.
  HWY_INLINE V Mantissa(V v) const { return hn::MulAdd(v, rest, v); }
  HWY_INLINE V Times(V v) const { return Shift(Mantissa(v)); }
};

// A number u + low that was computed with more digits than a V has.
template <class V>
struct Precise {
  V u, low;
};

// (1 + rest) 2^n for a whole n.
template <class D, class V>
HWY_INLINE Scaled<V> ScaledBy(D d, V rest, V n) {
  const V half = RoundWhole(d, hn::Mul(n, Num(d, 0.5)));
  return {rest, PowerOfTwo(d, half), PowerOfTwo(d, hn::Sub(n, half))};
}

// e^(r.u + r.low) - 1 for |r.u| <= 0.35 and a tiny r.low.
template <class D, class V>
HWY_INLINE V Expm1Reduced(D d, Precise<V> r) {
  V series;  // (e^r - 1 - r) / r^2
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr double c[] = {0.50000000135387301,   0.16666666681704215,   0.041666464197405689,
                            0.0083333108446478621, 0.0013933730715792083, 0.00019891080463998843};
    series = Polynomial(d, r.u, c);
  } else {
    constexpr double c[] = {0.50000000000000011,    0.16666666666666669,    0.041666666666623824,
                            0.008333333333330039,   0.0013888888917367081,  0.00019841269863171557,
                            2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07,
                            2.5100472505694996e-08};
    series = Polynomial(d, r.u, c);
  }
  return hn::Add(hn::MulAdd(hn::Mul(r.u, r.u), series, r.low), r.u);
}

// x - n ln 2 for n = x / ln 2 rounded, which is put into *n.
template <class D, class V>
HWY_INLINE Precise<V> ReduceByLn2(D d, V x, V* n) {
  using F = FloatingOf<D>;
  const V low = Num(d, F::kLn2Low);
  *n = RoundWhole(d, hn::Mul(x, Num(d, 1.4426950408889634)));
  const V high = hn::NegMulAdd(*n, Num(d, F::kLn2High), x), r = hn::NegMulAdd(*n, low, high);
  return {r, hn::NegMulAdd(*n, low, hn::Sub(high, r))};
}

// e^(x.u + x.low) for a small x.low: what rounding took from an argument that is a product.
template <class D, class V>
HWY_INLINE Scaled<V> ExpParts(D d, Precise<V> x) {
  using F = FloatingOf<D>;
  V n;
  const Precise<V> a = ReduceByLn2(d, Clamp(d, x.u, F::kExpLow, F::kExpHigh), &n);
  const V low = hn::Add(a.low, x.low), sum = hn::Add(a.u, low);
  const Precise<V> r = {sum, hn::Add(hn::Sub(a.u, sum), low)};
  return ScaledBy(d, Expm1Reduced(d, r), n);
}
template <class D, class V>
HWY_INLINE Scaled<V> ExpParts(D d, V x) {
  using F = FloatingOf<D>;
  V n;
  const Precise<V> r = ReduceByLn2(d, Clamp(d, x, F::kExpLow, F::kExpHigh), &n);
  return ScaledBy(d, Expm1Reduced(d, r), n);
}
template <class D, class V>
HWY_INLINE V ExpOf(D d, V x) {
  return ExpParts(d, x).Times(Num(d, 1));
}

template <class D, class V>
HWY_INLINE V Expm1Of(D d, V x) {
  using F = FloatingOf<D>;
  V n;
  const V p = Expm1Reduced(d, ReduceByLn2(d, Clamp(d, x, F::kExpm1Low, F::kExpm1High), &n));
  // 2 (2^(n-1) p + 2^(n-1) - 1/2), so that 2^n need not exist where the result does.
  const V scale = PowerOfTwo(d, hn::Sub(n, Num(d, 1)));
  const V half = hn::MulAdd(scale, p, hn::Sub(scale, Num(d, 0.5)));
  // Tiny numbers, zeros of both signs and NaN are their own result.
  const auto is_ordinary = hn::Ge(hn::Abs(x), Num(d, sizeof(hn::TFromD<D>) == 4 ? 0x1p-30 : 0x1p-60));
  return hn::IfThenElse(is_ordinary, hn::Add(half, half), x);
}

// x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)], for normal x > 0.
template <class V>
struct LogParts {
  V k, f;
};
template <class D, class V>
HWY_INLINE LogParts<V> SplitForLog(D d, V x) {
  using F = FloatingOf<D>;
  using Bits = typename F::Bits;
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::Add(hn::BitCast(du, x), hn::Set(du, F::kOne - F::kSqrtHalf));
  // The exponent as a floating number: the low bits of 2^kMantissaBits + exponent.
  const auto magic = hn::Set(du, static_cast<Bits>(F::kBias + F::kMantissaBits) << F::kMantissaBits);
  const V k = hn::Sub(hn::BitCast(d, hn::Or(hn::ShiftRight<F::kMantissaBits>(bits), magic)),
                      Num(d, std::ldexp(1.0, F::kMantissaBits) + F::kBias));
  const auto mantissa =
      hn::Add(hn::And(bits, hn::Set(du, (Bits{1} << F::kMantissaBits) - 1)), hn::Set(du, F::kSqrtHalf));
  return {k, hn::Sub(hn::BitCast(d, mantissa), Num(d, 1))};
}

// Returns ln(2^k (1 + f)) + low, after FreeBSD's e_log.c and e_logf.c: with s = f / (2 + f), ln(1 + f) is 2 s + a
// series in s^2.
template <class D, class V>
HWY_INLINE V LogOfParts(D d, LogParts<V> parts, V low) {
  const V f = parts.f, s = hn::Div(f, hn::Add(f, Num(d, 2))), z = hn::Mul(s, s);
  const V half_square = hn::Mul(Num(d, 0.5), hn::Mul(f, f));
  V series, ln2_high, ln2_low;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr double c[] = {0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841};
    series = hn::Mul(z, Polynomial(d, z, c));
    ln2_high = Num(d, 6.9313812256e-01), ln2_low = Num(d, 9.0580006145e-06);
  } else {
    constexpr double c[] = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                            2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                            1.479819860511658591e-01};
    series = hn::Mul(z, Polynomial(d, z, c));
    ln2_high = Num(d, 6.93147180369123816490e-01), ln2_low = Num(d, 1.90821492927058770002e-10);
  }
  V y = hn::MulAdd(s, hn::Add(half_square, series), hn::MulAdd(parts.k, ln2_low, low));
  y = hn::Add(hn::Sub(y, half_square), f);
  return hn::MulAdd(parts.k, ln2_high, y);
}

// The logarithm y of x where 0 < x < infinity, its limits elsewhere.
template <class D, class V>
HWY_INLINE V LogLimits(D d, V x, V y) {
  const V zero = hn::Zero(d), infinity = Infinity(d);
  const V edge = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity),
                                hn::IfThenElse(hn::Gt(x, zero), x, Num(d, std::numeric_limits<double>::quiet_NaN())));
  return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, infinity)), y, edge);
}

template <class D, class V>
HWY_INLINE V LogOf(D d, V x) {
  using F = FloatingOf<D>;
  const auto is_denormal = hn::Lt(x, Num(d, F::kSmallestNormal));
  LogParts<V> parts =
      SplitForLog(d, hn::IfThenElse(is_denormal, hn::Mul(x, Num(d, std::ldexp(1.0, F::kDenormalShift))), x));
  parts.k = hn::Sub(parts.k, hn::IfThenElseZero(is_denormal, Num(d, F::kDenormalShift)));
  return LogLimits(d, x, LogOfParts(d, parts, hn::Zero(d)));
}

// ln(1 + x) for x > -1, finite.
template <class D, class V>
HWY_INLINE V Log1pFinite(D d, V x) {
  const V one = Num(d, 1), u = hn::Add(one, x);
  LogParts<V> parts = SplitForLog(d, u);
  // What rounding took from 1 + x; where 1 + x is near 1, f = x says it all.
  const V rest = hn::IfThenElse(hn::Ge(x, one), hn::Sub(one, hn::Sub(u, x)), hn::Sub(x, hn::Sub(u, one)));
  const auto is_near = hn::Eq(parts.k, hn::Zero(d));
  parts.f = hn::IfThenElse(is_near, x, parts.f);
  return LogOfParts(d, parts, hn::IfThenZeroElse(is_near, hn::Div(rest, u)));
}
template <class D, class V>
HWY_INLINE V Log1pOf(D d, V x) {
  const V y = LogLimits(d, hn::Add(x, Num(d, 1)), Log1pFinite(d, x));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // of either sign
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif
