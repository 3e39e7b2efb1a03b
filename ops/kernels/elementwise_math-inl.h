// Exponentials, logarithms and their kin for vectors, defined for every argument as the standard library's functions
// are. Highway's polynomials (1 to 4 units in the last place) do the work; overflow, infinities and NaN are put right
// here.

#if defined(ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#undef ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#else
#define ADRET_OPS_KERNELS_ELEMENTWISE_MATH_INL_H_
#endif

#include <cmath>
#include <limits>

#include "adret/ops/kernels/elementwise-inl.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {

// Beyond this e^x is infinite.
template <class D>
HWY_INLINE hn::Vec<D> ExpLimit(D d) {
  return Num(d, sizeof(hn::TFromD<D>) == 4 ? 89.0 : 710.0);
}
template <class D>
HWY_INLINE hn::Vec<D> Infinity(D d) {
  return Num(d, std::numeric_limits<double>::infinity());
}

template <class D, class V>
HWY_INLINE V ExpOf(D d, V x) {
  const V limit = ExpLimit(d);
  const V y = hn::IfThenElse(hn::Gt(x, limit), Infinity(d), hn::Exp(d, hn::Min(x, limit)));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V>
HWY_INLINE V Expm1Of(D d, V x) {
  const V limit = ExpLimit(d);
  const V y = hn::IfThenElse(hn::Gt(x, limit), Infinity(d), hn::Expm1(d, hn::Min(x, limit)));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
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
  return LogLimits(d, x, hn::Log(d, x));
}

template <class D, class V>
HWY_INLINE V Log1pOf(D d, V x) {
  return LogLimits(d, hn::Add(x, Num(d, 1)), hn::Log1p(d, x));
}

// 1 / (1 + e^-x), of full relative accuracy on both sides.
template <class D, class V>
HWY_INLINE V SigmoidOf(D d, V x) {
  const V e = ExpOf(d, hn::Neg(hn::Abs(x)));
  const V y = hn::Div(Num(d, 1), hn::Add(Num(d, 1), e));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, y), y);
}

// The error function in f32 by minimax polynomials, below 1.5 units in the last place (after N. Juffa's erff).
template <class D, class V>
HWY_INLINE V ErfOf32(D d, V x) {
  const V t = hn::Min(hn::Abs(x), Num(d, 6)), s = hn::Mul(t, t);
  // |x| > 0.93: 1 - e^r.
  V r = hn::MulAdd(Num(d, -1.72853470e-5), t, Num(d, 3.83197126e-4));
  r = hn::MulAdd(r, s, hn::MulAdd(Num(d, -3.88396438e-3), t, Num(d, 2.42546219e-2)));
  r = hn::MulAdd(r, t, Num(d, -1.06777877e-1));
  r = hn::MulAdd(r, t, Num(d, -6.34846687e-1));
  r = hn::MulAdd(r, t, Num(d, -1.28717512e-1));
  r = hn::MulAdd(r, t, hn::Neg(t));
  const V outer = hn::CopySign(hn::Sub(Num(d, 1), hn::Exp(d, r)), x);
  // Elsewhere an odd polynomial.
  V q = Num(d, -5.96761703e-4);
  q = hn::MulAdd(q, s, Num(d, 4.99119423e-3));
  q = hn::MulAdd(q, s, Num(d, -2.67681349e-2));
  q = hn::MulAdd(q, s, Num(d, 1.12819925e-1));
  q = hn::MulAdd(q, s, Num(d, -3.76125336e-1));
  q = hn::MulAdd(q, s, Num(d, 1.28379166e-1));
  const V inner = hn::MulAdd(q, x, x);
  const V y = hn::IfThenElse(hn::Gt(t, Num(d, 0.927734375)), outer, inner);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V>
HWY_INLINE V ErfOf(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return ErfOf32(d, x);
  } else {
    return Scalar(d, x, static_cast<double (*)(double)>(std::erf));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif
