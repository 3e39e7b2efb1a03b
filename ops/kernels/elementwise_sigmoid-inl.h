// What the smooth activation functions and their derivatives are made of: the logistic function and the normal
// distribution, both with full relative accuracy where they are small.

#if defined(ADRET_OPS_KERNELS_ELEMENTWISE_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ELEMENTWISE_SIGMOID_INL_H_
#undef ADRET_OPS_KERNELS_ELEMENTWISE_SIGMOID_INL_H_
#else
#define ADRET_OPS_KERNELS_ELEMENTWISE_SIGMOID_INL_H_
#endif

#include "adret/ops/kernels/elementwise_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {

// v / (1 + e) for 0 <= e <= 1.
template <class D, class V>
HWY_INLINE V DivideByOnePlus(D d, V v, V e) {
  const V one = Num(d, 1), sum = hn::Add(one, e), y = hn::Div(v, sum);
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return y;  // the rest would take a quarter ulp away, but a tenth of the speed
  // What the rounding of the sum took, in units of about the sum: 1 / sum is near (3 - sum) / 2.
  const V lost = hn::Sub(e, hn::Sub(sum, one)), inverse = hn::NegMulAdd(Num(d, 0.5), sum, Num(d, 1.5));
  const V corrected = hn::NegMulAdd(y, hn::Mul(lost, inverse), y);
  return hn::IfThenElse(hn::Eq(lost, hn::Zero(d)), y, corrected);  // v may be infinite where e is 0
}

// 1 / (1 + e^-x).
template <class D, class V>
HWY_INLINE V SigmoidOf(D d, V x) {
  const V one = Num(d, 1);
  const Scaled<V> e = ExpParts(d, hn::Neg(hn::Abs(x)));
  const V above = DivideByOnePlus(d, one, e.Times(one));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e.Times(above), above);
}

// The derivative of the logistic function, e / (1 + e)^2 with e = e^-|x|, for `scale` x instead of x; times scale^2.
template <class D, class V>
HWY_INLINE V SigmoidSlope(D d, V x, double scale) {
  const V one = Num(d, 1);
  const Scaled<V> e = ExpParts(d, hn::Mul(hn::Abs(x), Num(d, -scale)));
  const V sum = hn::Add(one, e.Times(one));
  return e.Times(hn::Div(Num(d, scale * scale), hn::Mul(sum, sum)));
}

// e^-|u| and whether u < 0.
template <class D, class V>
HWY_INLINE Scaled<V> ExpOfMinusAbs(D d, Precise<V> u, hn::Mask<D>* is_negative) {
  *is_negative = hn::Lt(u.u, hn::Zero(d));
  return ExpParts(d, Precise<V>{hn::Neg(hn::Abs(u.u)), hn::IfThenElse(*is_negative, u.low, hn::Neg(u.low))});
}

// x sigmoid(u). Where u < 0, e^u may be denormal though its product with x is not: hence Scaled.
template <class D, class V>
HWY_INLINE V GateOf(D d, V x, Precise<V> u) {
  hn::Mask<D> is_negative;
  const Scaled<V> e = ExpOfMinusAbs(d, u, &is_negative);
  const V one = Num(d, 1), bounded = Clamp(d, x, FloatingOf<D>::kExpLow, std::numeric_limits<double>::infinity());
  const V y = DivideByOnePlus(d, hn::IfThenElse(is_negative, e.Mantissa(bounded), x), e.Times(one));
  return hn::IfThenElse(is_negative, e.Shift(y), y);
}

// The derivative of x sigmoid(u(x)), given u and x u': s (1 + x u' (1 - s)) with s = sigmoid(u).
template <class D, class V>
HWY_INLINE V GateSlope(D d, Precise<V> u, V x_du) {
  hn::Mask<D> is_negative;
  const Scaled<V> e = ExpOfMinusAbs(d, u, &is_negative);
  const V one = Num(d, 1), r = hn::Div(one, hn::Add(one, e.Times(one)));  // s or 1 - s, the larger one
  const V other = hn::IfThenElse(is_negative, r, e.Times(r));             // 1 - s
  const V y = hn::Mul(r, hn::MulAdd(x_du, other, one));
  return hn::IfThenElse(is_negative, e.Times(y), y);
}

// u = 2 sqrt(2 / pi) (x + 0.044715 x^3), the argument of gelu's approximation, and x u'.
template <class V>
struct GeluArgument {
  Precise<V> u;
  V x_du;
};
template <class D, class V>
HWY_INLINE GeluArgument<V> ApproximateGeluArgument(D d, V x) {
  // The factors k of x and c of x^3, each with what a T cannot hold of it.
  using T = hn::TFromD<D>;
  constexpr double k = 1.5957691216057308, c = 0.071354816272600249;
  constexpr bool is_f32 = sizeof(T) == 4;
  const V k_high = Num(d, k), k_low = Num(d, is_f32 ? k - static_cast<T>(k) : -9.9693088091109202e-17);
  const V c_high = Num(d, c), c_low = Num(d, is_f32 ? c - static_cast<T>(c) : -6.175149918155315e-19);
  // Beyond the bound, sigmoid(u) is 0 or 1.
  const V bounded = Clamp(d, x, -40, 40);
  const V square = hn::Mul(bounded, bounded), square_low = ProductError(d, bounded, bounded, square);
  const V cubic = hn::Mul(c_high, square);
  const V cubic_low = hn::MulAdd(c_high, square_low, hn::MulAdd(c_low, square, ProductError(d, c_high, square, cubic)));
  const V v = hn::Add(k_high, cubic), added = hn::Sub(v, k_high);
  const V lost = hn::Add(hn::Sub(k_high, hn::Sub(v, added)), hn::Sub(cubic, added));  // by the rounding of v
  const V v_low = hn::Add(hn::Add(lost, cubic_low), k_low);
  const V u = hn::Mul(bounded, v), u_low = hn::MulAdd(bounded, v_low, ProductError(d, bounded, v, u));
  return {{u, u_low}, hn::Mul(bounded, hn::MulAdd(cubic, Num(d, 3), k_high))};
}

// e^(-factor t^2 / 2).
template <class D, class V>
HWY_INLINE Scaled<V> GaussParts(D d, V t, double factor) {
  const V square = hn::Mul(t, t), minus = Num(d, -0.5 * factor);
  return ExpParts(d, Precise<V>{hn::Mul(square, minus), hn::Mul(ProductError(d, t, t, square), minus)});
}

// Phi(-t) e^(t^2 / 2) for t >= 0, Phi the standard normal distribution: a smooth function that falls like 1 / t. With
// w = 1 / (t + c) it is w times a polynomial in 1 - 2 c w, which runs from -1 to 1 (M. Shepherd, J. Laframboise 1981).
// The result is y.u (1 + y.low).
template <class D, class V, size_t n>
HWY_INLINE Precise<V> MillsRatio(D d, V t, double c, const double (&series)[n]) {
  const V one = Num(d, 1), center = Num(d, c), sum = hn::Add(t, center), w = hn::Div(one, sum);
  // The exact reciprocal is w (1 + error).
  const V added = hn::Sub(sum, t);
  const V lost = hn::Add(hn::Sub(center, added), hn::Sub(t, hn::Sub(sum, added)));  // by the rounding of the sum
  const V error =
      hn::Sub(hn::Sub(hn::Sub(one, hn::Mul(w, sum)), ProductError(d, w, sum, hn::Mul(w, sum))), hn::Mul(w, lost));
  const V factor = Num(d, -2 * c);
  const V q = hn::MulAdd(factor, hn::Mul(w, error), hn::MulAdd(factor, w, one));
  return {hn::Mul(w, Polynomial(d, q, series)), error};
}
template <class D, class V>
HWY_INLINE Precise<V> MillsRatio(D d, V t) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {  // t <= 15
    constexpr double c[] = {0.72908369071397938,    -0.50933198883453912,   0.2300176766741665,
                            -0.047262761921176018,  -0.01046228896653126,   0.0069699201509127919,
                            0.0010241573243785498,  -0.0010344765508861836, -0.00024470932079177608,
                            0.00013332395420363602, 5.5491871716794676e-05};
    return MillsRatio(d, t, 3, c);
  } else {  // t <= 40
    constexpr double c[] = {
        0.76919304975006297,     -0.66538250289005674,   0.49530561596997658,     -0.31353315667130516,
        0.16502036617037502,     -0.069118638706294686,  0.020795066800091459,    -0.0029933767706492682,
        -0.00079786940073924874, 0.00054489906503732302, -5.9375713816471311e-05, -4.9762810377903036e-05,
        1.6681160364586646e-05,  3.9808712856669726e-06, -2.7691457822822777e-06, -3.3651220434990697e-07,
        4.3298370374156092e-07,  4.2091833338869143e-08, -6.5848868400797403e-08, -9.1445020812891732e-09,
        7.6672361072026529e-09,  1.6891057665153782e-09, -1.8073212078146044e-10};
    return MillsRatio(d, t, 5, c);
  }
}

// Where e^(-t^2 / 2) is 0.
template <class D>
constexpr double GaussLimit(D) {
  return sizeof(hn::TFromD<D>) == 4 ? 15 : 40;
}

// Phi(x) for |x| <= 1.
template <class D, class V>
HWY_INLINE V NormalNearZero(D d, V x) {
  V series;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr double c[] = {0.3989422801308406,     -0.066490360567186907,  0.0099733284812561704,
                            -0.0011863439888019887, 0.00011350229619286141, -7.66053817138209e-06};
    series = Polynomial(d, hn::Mul(x, x), c);
  } else {
    constexpr double c[] = {0.39894228040143265,    -0.066490380066903859,   0.0099735570099833831,
                            -0.0011873282148079404, 0.00011543468323083616,  -9.444639808676774e-06,
                            6.659316904081042e-07,  -4.1173089319651837e-08, 2.2270765391721188e-09,
                            -9.0261099045655835e-11};
    series = Polynomial(d, hn::Mul(x, x), c);
  }
  return hn::MulAdd(x, series, Num(d, 0.5));
}

// x Phi(x), and its derivative Phi(x) + x phi(x).
template <class D, class V>
HWY_INLINE V GeluOf(D d, V x) {
  const V t = ClampedAbs(d, x, GaussLimit(d));
  const Precise<V> ratio = MillsRatio(d, t);
  Scaled<V> e = GaussParts(d, t, 1);
  e.rest = hn::Add(e.rest, ratio.low);
  const V tail = e.Mantissa(ratio.u);  // Phi(-t) = tail 2^n
  const V below = e.Shift(hn::Neg(hn::Mul(t, tail)));
  const auto is_near = hn::Lt(t, Num(d, 1));
  const V above = hn::Mul(x, hn::IfThenElse(is_near, NormalNearZero(d, x), hn::Sub(Num(d, 1), e.Shift(tail))));
  return hn::IfThenElse(hn::Or(is_near, hn::Ge(x, hn::Zero(d))), above, below);
}
template <class D, class V>
HWY_INLINE V GeluSlope(D d, V x) {
  const V t = ClampedAbs(d, x, GaussLimit(d));
  const Precise<V> ratio = MillsRatio(d, t);
  const V density = Num(d, 0.3989422804014327);  // 1 / sqrt(2 pi)
  const V sum = hn::NegMulAdd(t, density, hn::MulAdd(ratio.u, ratio.low, ratio.u));
  const V below = GaussParts(d, t, 1).Times(sum);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, hn::Sub(Num(d, 1), below));
}

// The error function in f32 by minimax polynomials, below 1.5 units in the last place (after N. Juffa's erff).
template <class D, class V>
HWY_INLINE V ErfOf32(D d, V x) {
  const V t = ClampedAbs(d, x, 6), s = hn::Mul(t, t);
  // |x| > 0.93: 1 - e^r.
  V r = hn::MulAdd(Num(d, -1.72853470e-5), t, Num(d, 3.83197126e-4));
  r = hn::MulAdd(r, s, hn::MulAdd(Num(d, -3.88396438e-3), t, Num(d, 2.42546219e-2)));
  r = hn::MulAdd(r, t, Num(d, -1.06777877e-1));
  r = hn::MulAdd(r, t, Num(d, -6.34846687e-1));
  r = hn::MulAdd(r, t, Num(d, -1.28717512e-1));
  r = hn::MulAdd(r, t, hn::Neg(t));
  const V outer = hn::CopySign(hn::Sub(Num(d, 1), ExpOf(d, r)), x);
  // Elsewhere an odd polynomial.
  V q = Num(d, -5.96761703e-4);
  q = hn::MulAdd(q, s, Num(d, 4.99119423e-3));
  q = hn::MulAdd(q, s, Num(d, -2.67681349e-2));
  q = hn::MulAdd(q, s, Num(d, 1.12819925e-1));
  q = hn::MulAdd(q, s, Num(d, -3.76125336e-1));
  q = hn::MulAdd(q, s, Num(d, 1.28379166e-1));
  const V inner = hn::MulAdd(q, x, x);
  return hn::IfThenElse(hn::Gt(t, Num(d, 0.927734375)), outer, inner);
}
template <class D, class V>
HWY_INLINE V ErfOf(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    return ErfOf32(d, x);
  } else {
    return Scalar(d, x, static_cast<double (*)(double)>(std::erf));
  }
}
// The derivative of the error function, 2 / sqrt(pi) e^(-x^2).
template <class D, class V>
HWY_INLINE V ErfSlope(D d, V x) {
  const Scaled<V> e = GaussParts(d, ClampedAbs(d, x, GaussLimit(d)), 2);
  return e.Times(Num(d, 1.1283791670955126));
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif
