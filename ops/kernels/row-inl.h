// A row of numbers as SIMD vectors, for kernels that treat rows as wholes. To be included by kernel files after
// hwy/foreach_target.h, once for each target.
#if defined(ADRET_OPS_KERNELS_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_ROW_INL_H_
#undef ADRET_OPS_KERNELS_ROW_INL_H_
#else
#define ADRET_OPS_KERNELS_ROW_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "adret/ops/kernels/part-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kVectorsPerFlush = 256;  // added in the row's own type before f64 takes over

// Vectors of a row of n numbers; the last one is padded, and stored in part.
template <class T>
struct Row {
  hn::ScalableTag<T> d;
  int64_t n;
  int64_t lanes = hn::Lanes(d);
  using V = hn::Vec<hn::ScalableTag<T>>;

  explicit Row(int64_t size) : n(size) {}
  HWY_INLINE V Load(const T* x, int64_t i, T padding) const {
    if (HWY_LIKELY(i + lanes <= n)) return hn::LoadU(d, x + i);
    const V part = LoadFirst(d, n - i, x + i);
    return padding == 0 ? part : hn::IfThenElse(hn::FirstN(d, n - i), part, hn::Set(d, padding));
  }
  HWY_INLINE void Store(V v, T* y, int64_t i) const { StoreFirst(d, v, n - i, y + i); }
  // The sum of f(i) over the row's vectors; f must be zero in the padding.
  template <class F>
  HWY_INLINE double Sum(F&& f) const {
    double total = 0;
    for (int64_t i = 0; i < n;) {
      const int64_t end = std::min(n, i + kVectorsPerFlush * lanes);
      V acc = hn::Zero(d);
      for (; i < end; i += lanes) acc = hn::Add(acc, f(i));
      total += hn::GetLane(hn::SumOfLanes(d, acc));
    }
    return total;
  }
  // Three sums at once: f(i, a, b, c) adds what vector i gives to a, b and c, nothing for the padding.
  struct Triple {
    double a = 0, b = 0, c = 0;
  };
  template <class F>
  HWY_INLINE Triple Sums(F&& f) const {
    Triple total;
    for (int64_t i = 0; i < n;) {
      const int64_t end = std::min(n, i + kVectorsPerFlush * lanes);
      V a = hn::Zero(d), b = a, c = a;
      for (; i < end; i += lanes) f(i, a, b, c);
      total.a += hn::GetLane(hn::SumOfLanes(d, a));
      total.b += hn::GetLane(hn::SumOfLanes(d, b));
      total.c += hn::GetLane(hn::SumOfLanes(d, c));
    }
    return total;
  }
  // The row's maximum; NaN if there is one.
  HWY_INLINE T Max(const T* x) const {
    const T lowest = -std::numeric_limits<T>::infinity();
    V acc = hn::Set(d, lowest);
    V nan = hn::Zero(d);  // NaN once a NaN is met; x - x would be NaN for infinities too
    for (int64_t i = 0; i < n; i += lanes) {
      const V v = Load(x, i, lowest);
      nan = hn::IfThenElse(hn::IsNaN(v), v, nan);
      acc = hn::Max(acc, v);
    }
    if (!hn::AllFalse(d, hn::IsNaN(nan))) return std::numeric_limits<T>::quiet_NaN();
    return hn::GetLane(hn::MaxOfLanes(d, acc));
  }
  HWY_INLINE V ExpMinus(const T* x, int64_t i, T m) const {
    return hn::Exp(d, hn::Sub(Load(x, i, -std::numeric_limits<T>::infinity()), hn::Set(d, m)));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
