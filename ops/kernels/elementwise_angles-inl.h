// Sine, cosine and tangent of vectors of any angle, with errors of about one unit in the last place.

#if defined(ADRET_OPS_KERNELS_ELEMENTWISE_ANGLES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ELEMENTWISE_ANGLES_INL_H_
#undef ADRET_OPS_KERNELS_ELEMENTWISE_ANGLES_INL_H_
#else
#define ADRET_OPS_KERNELS_ELEMENTWISE_ANGLES_INL_H_
#endif

#include <cmath>

#include "adret/ops/kernels/elementwise_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {

// An angle as n quarter turns and a rest r of at most an eighth turn; of n, the lowest bits.
template <class D>
struct Angle {
  Precise<hn::Vec<D>> r;
  hn::Vec<hn::RebindToUnsigned<D>> n;
};

// Larger angles are left to the standard library.
template <class D>
HWY_INLINE hn::Vec<D> LargestAngle(D d) {
  return Num(d, sizeof(hn::TFromD<D>) == 4 ? 3e4 : 1e6);
}

// x - n pi/2 with its error, from pi/2 in three parts: where x is a multiple of pi/2 but for its last bits, the first
// two cancel exactly.
template <class D, class V>
HWY_INLINE Precise<V> SubtractQuarterTurns(D d, V x, V n) {
  if constexpr (sizeof(hn::TFromD<D>) == 8 || HWY_NATIVE_FMA) {
    constexpr bool is_f32 = sizeof(hn::TFromD<D>) == 4;  // f64 has parts of 33 bits, whose products with n are exact
    const V p2 = Num(d, is_f32 ? -4.37113883e-08 : 6.077100506303966e-11);
    const V p3 = Num(d, is_f32 ? -1.71512451e-15 : 2.0222662487959074e-21);
    const V a = hn::NegMulAdd(n, Num(d, is_f32 ? 1.57079637 : 1.5707963267341256), x);  // exact
    // a - n p2 = b + lost, exactly (D. E. Knuth's sum of two numbers).
    const V w = hn::Mul(n, p2), b = hn::Sub(a, w), added = hn::Sub(b, a);
    V lost = hn::Sub(hn::Sub(a, hn::Sub(b, added)), hn::Add(w, added));
    if constexpr (is_f32) lost = hn::Sub(lost, ProductError(d, n, p2, w));
    const V low = hn::NegMulAdd(n, p3, lost), r = hn::Add(b, low);
    return {r, hn::Add(hn::Sub(b, r), low)};
  } else {
    HWY_ALIGN float xs[HWY_MAX_BYTES / sizeof(float)], ns[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(x, d, xs), hn::Store(n, d, ns);
    for (size_t i = 0; i < hn::Lanes(d); ++i) {
      const double n64 = ns[i], r = (xs[i] - n64 * 1.5707963267341256) - n64 * 6.077100506303966e-11;
      xs[i] = static_cast<float>(r);
      ns[i] = static_cast<float>(r - xs[i]);
    }
    return {hn::Load(d, xs), hn::Load(d, ns)};
  }
}

template <class D, class V>
HWY_INLINE Angle<D> ReduceAngle(D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const V rounder = Num(d, FloatingOf<D>::kRounder);
  const V sum = hn::MulAdd(x, Num(d, 0.63661977236758134), rounder);  // its low bits are those of n
  return {SubtractQuarterTurns(d, x, hn::Sub(sum, rounder)), hn::BitCast(du, sum)};
}

// sin and cos of r.u + r.low, |r.u| <= pi/4 (Cephes in f32, FreeBSD's k_sin.c and k_cos.c in f64).
template <class D, class V>
HWY_INLINE V SinReduced(D d, Precise<V> r) {
  const V z = hn::Mul(r.u, r.u), cube = hn::Mul(z, r.u);
  V series;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr double c[] = {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4};
    series = Polynomial(d, z, c);
  } else {
    constexpr double c[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,  -1.98412698298579493134e-04,
                            2.75573137070700676789e-06,  -2.50507602534068634195e-08, 1.58969099521155010221e-10};
    series = Polynomial(d, z, c);
  }
  const V low = hn::NegMulAdd(hn::Mul(z, Num(d, 0.5)), r.low, r.low);  // cos(r) r.low
  return hn::Add(hn::MulAdd(cube, series, low), r.u);
}
template <class D, class V>
HWY_INLINE V CosReduced(D d, Precise<V> r) {
  const V z = hn::Mul(r.u, r.u), half = hn::Mul(z, Num(d, 0.5)), w = hn::Sub(Num(d, 1), half);
  V series;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    constexpr double c[] = {4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5};
    series = Polynomial(d, z, c);
  } else {
    constexpr double c[] = {4.16666666666666019037e-02,  -1.38888888888741095749e-03, 2.48015872894767294178e-05,
                            -2.75573143513906633035e-07, 2.08757232129817482790e-09,  -1.13596475577881948265e-11};
    series = Polynomial(d, z, c);
  }
  const V lost = hn::Sub(hn::Sub(Num(d, 1), w), half);  // by the rounding of w
  return hn::Add(w, hn::MulAdd(hn::Mul(z, z), series, hn::NegMulAdd(r.u, r.low, lost)));
}

// A mask of the elements whose n is odd.
template <class D>
HWY_INLINE auto IsOdd(D d, const Angle<D>& angle) {
  const hn::RebindToUnsigned<D> du;
  return hn::RebindMask(d, hn::Eq(hn::And(angle.n, hn::Set(du, 1)), hn::Set(du, 1)));
}
// v, negated where bit 1 of n is set.
template <class D, class N, class V>
HWY_INLINE V NegateInHalfTurns(D d, N n, V v) {
  const hn::RebindToUnsigned<D> du;
  constexpr int kSignBit = sizeof(hn::TFromD<D>) * 8 - 1;
  return hn::Xor(v, hn::BitCast(d, hn::ShiftLeft<kSignBit - 1>(hn::And(n, hn::Set(du, 2)))));
}

// Runs `fast` on vectors of ordinary angles and `exact` element by element on vectors with a large one.
template <class D, class V, class Fast, class Exact>
HWY_INLINE V ByAngle(D d, V x, Fast fast, Exact exact) {
  if (!hn::AllFalse(d, hn::Gt(hn::Abs(x), LargestAngle(d)))) return Scalar(d, x, exact);
  return fast(ReduceAngle(d, x));
}

template <class D, class V>
HWY_INLINE V SinOf(D d, V x) {
  const auto fast = [&](const Angle<D>& a) {
    const V y = NegateInHalfTurns(d, a.n, hn::IfThenElse(IsOdd(d, a), CosReduced(d, a.r), SinReduced(d, a.r)));
    return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // of either sign
  };
  return ByAngle(d, x, fast, [](hn::TFromD<D> v) { return std::sin(v); });
}
template <class D, class V>
HWY_INLINE V CosOf(D d, V x) {
  const auto fast = [&](const Angle<D>& a) {  // cos x = sin(x + pi/2)
    const hn::RebindToUnsigned<D> du;
    return NegateInHalfTurns(d, hn::Add(a.n, hn::Set(du, 1)),
                             hn::IfThenElse(IsOdd(d, a), SinReduced(d, a.r), CosReduced(d, a.r)));
  };
  return ByAngle(d, x, fast, [](hn::TFromD<D> v) { return std::cos(v); });
}
template <class D, class V>
HWY_INLINE V TanOf(D d, V x) {
  const auto fast = [&](const Angle<D>& a) {  // -1 / tan in odd quarter turns
    const V sin = SinReduced(d, a.r), cos = CosReduced(d, a.r);
    const auto is_odd = IsOdd(d, a);
    const V y = hn::Div(hn::IfThenElse(is_odd, hn::Neg(cos), sin), hn::IfThenElse(is_odd, sin, cos));
    return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y);  // of either sign
  };
  return ByAngle(d, x, fast, [](hn::TFromD<D> v) { return std::tan(v); });
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif
