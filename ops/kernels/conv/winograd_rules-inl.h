// The matrices of winograd_transforms.h, applied to vectors; see there. Included once per SIMD target.
#if defined(ADRET_OPS_KERNELS_CONV_WINOGRAD_RULES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_CONV_WINOGRAD_RULES_INL_H_
#undef ADRET_OPS_KERNELS_CONV_WINOGRAD_RULES_INL_H_
#else
#define ADRET_OPS_KERNELS_CONV_WINOGRAD_RULES_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The points +-a and +-b, and what the transforms make of them. G has the Lagrange denominators.
constexpr double kA = 0.75, kB = 1.5, kA2 = kA * kA, kB2 = kB * kB;
constexpr double kZeroScale = 1 / (kA2 * kB2), kAScale = 1 / (2 * kA2 * (kA2 - kB2)),
                 kBScale = 1 / (2 * kB2 * (kB2 - kA2));

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Constant(D d, double c) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(c));
}

// B^T x: 6 -> 6.
struct InputRule {
  static constexpr int kIn = 6, kOut = 6;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* x, V* t) {
    const V a = Constant(d, kA), b = Constant(d, kB), a2 = Constant(d, kA2), b2 = Constant(d, kB2);
    const V sum = Constant(d, kA2 + kB2), product = Constant(d, kA2 * kB2);
    t[0] = hn::NegMulAdd(sum, x[2], hn::MulAdd(product, x[0], x[4]));
    const V even_a = hn::NegMulAdd(b2, x[2], x[4]), odd_a = hn::NegMulAdd(b2, x[1], x[3]);
    t[1] = hn::MulAdd(a, odd_a, even_a);
    t[2] = hn::NegMulAdd(a, odd_a, even_a);
    const V even_b = hn::NegMulAdd(a2, x[2], x[4]), odd_b = hn::NegMulAdd(a2, x[1], x[3]);
    t[3] = hn::MulAdd(b, odd_b, even_b);
    t[4] = hn::NegMulAdd(b, odd_b, even_b);
    t[5] = hn::NegMulAdd(sum, x[3], hn::MulAdd(product, x[1], x[5]));
  }
};

// A y: 4 -> 6.
struct GradientRule {
  static constexpr int kIn = 4, kOut = 6;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* y, V* t) {
    const V a = Constant(d, kA), b = Constant(d, kB), a2 = Constant(d, kA2), b2 = Constant(d, kB2);
    t[0] = y[0];
    const V even_a = hn::MulAdd(a2, y[2], y[0]), odd_a = hn::MulAdd(a2, y[3], y[1]);
    t[1] = hn::MulAdd(a, odd_a, even_a);
    t[2] = hn::NegMulAdd(a, odd_a, even_a);
    const V even_b = hn::MulAdd(b2, y[2], y[0]), odd_b = hn::MulAdd(b2, y[3], y[1]);
    t[3] = hn::MulAdd(b, odd_b, even_b);
    t[4] = hn::NegMulAdd(b, odd_b, even_b);
    t[5] = y[3];
  }
};

// B t: 6 -> 6.
struct InputGradientRule {
  static constexpr int kIn = 6, kOut = 6;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* t, V* x) {
    const V a = Constant(d, kA), b = Constant(d, kB), a2 = Constant(d, kA2), b2 = Constant(d, kB2);
    const V sum = Constant(d, kA2 + kB2), product = Constant(d, kA2 * kB2);
    const V sum_a = hn::Add(t[1], t[2]), difference_a = hn::Sub(t[1], t[2]);
    const V sum_b = hn::Add(t[3], t[4]), difference_b = hn::Sub(t[3], t[4]);
    x[0] = hn::Mul(product, t[0]);
    x[1] = hn::NegMulAdd(Constant(d, kA * kB2), difference_a,
                         hn::NegMulAdd(Constant(d, kB * kA2), difference_b, hn::Mul(product, t[5])));
    x[2] = hn::Neg(hn::MulAdd(sum, t[0], hn::MulAdd(b2, sum_a, hn::Mul(a2, sum_b))));
    x[3] = hn::NegMulAdd(sum, t[5], hn::MulAdd(a, difference_a, hn::Mul(b, difference_b)));
    x[4] = hn::Add(t[0], hn::Add(sum_a, sum_b));
    x[5] = t[5];
  }
};

// A^T m: 6 -> 4.
struct OutputRule {
  static constexpr int kIn = 6, kOut = 4;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* m, V* y) {
    const V sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
    const V sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], sum_a), sum_b);
    y[1] = hn::MulAdd(Constant(d, kA), difference_a, hn::Mul(Constant(d, kB), difference_b));
    y[2] = hn::MulAdd(Constant(d, kA2), sum_a, hn::Mul(Constant(d, kB2), sum_b));
    y[3] = hn::MulAdd(Constant(d, kA2 * kA), difference_a, hn::MulAdd(Constant(d, kB2 * kB), difference_b, m[5]));
  }
};

// G w: 3 -> 6.
struct FilterRule {
  static constexpr int kIn = 3, kOut = 6;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* w, V* t) {
    t[0] = hn::Mul(Constant(d, kZeroScale), w[0]);
    const V even_a = hn::MulAdd(Constant(d, kA2 * kAScale), w[2], hn::Mul(Constant(d, kAScale), w[0]));
    const V a = Constant(d, kA * kAScale);
    t[1] = hn::MulAdd(a, w[1], even_a);
    t[2] = hn::NegMulAdd(a, w[1], even_a);
    const V even_b = hn::MulAdd(Constant(d, kB2 * kBScale), w[2], hn::Mul(Constant(d, kBScale), w[0]));
    const V b = Constant(d, kB * kBScale);
    t[3] = hn::MulAdd(b, w[1], even_b);
    t[4] = hn::NegMulAdd(b, w[1], even_b);
    t[5] = w[2];
  }
};

// G^T u: 6 -> 3.
struct FilterGradientRule {
  static constexpr int kIn = 6, kOut = 3;
  template <class D, class V>
  static HWY_INLINE void Apply(D d, const V* u, V* w) {
    const V sum_a = hn::Add(u[1], u[2]), difference_a = hn::Sub(u[1], u[2]);
    const V sum_b = hn::Add(u[3], u[4]), difference_b = hn::Sub(u[3], u[4]);
    w[0] = hn::MulAdd(Constant(d, kZeroScale), u[0],
                      hn::MulAdd(Constant(d, kAScale), sum_a, hn::Mul(Constant(d, kBScale), sum_b)));
    w[1] = hn::MulAdd(Constant(d, kA * kAScale), difference_a, hn::Mul(Constant(d, kB * kBScale), difference_b));
    w[2] = hn::MulAdd(Constant(d, kA2 * kAScale), sum_a, hn::MulAdd(Constant(d, kB2 * kBScale), sum_b, u[5]));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif  // per target
