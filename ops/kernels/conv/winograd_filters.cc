#include <algorithm>

#include "adret/ops/kernels/conv/winograd_transforms.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/conv/winograd_filters.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After foreach_target.h.
#include "adret/ops/kernels/conv/winograd_rules-inl.h"
#include "adret/ops/kernels/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void TransformFilters(const WinogradFilters<T>& f) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t i = 0; i < f.count; i += lanes) {
    const auto index = hn::LoadU(di, f.index + i);
    V t[3][6];  // [column of w, row]
#pragma GCC unroll 3
    for (int s = 0; s < 3; ++s) {
      V w[3];
#pragma GCC unroll 3
      for (int r = 0; r < 3; ++r) w[r] = hn::GatherIndex(d, f.w + (f.flipped ? 8 - 3 * r - s : 3 * r + s), index);
      FilterRule::Apply(d, w, t[s]);
    }
    T* to = f.to + i;
    const int64_t n = std::min(lanes, f.count - i);
#pragma GCC unroll 6
    for (int r = 0; r < 6; ++r) {
      const V w[3] = {t[0][r], t[1][r], t[2][r]};
      V u[6];
      FilterRule::Apply(d, w, u);
#pragma GCC unroll 6
      for (int s = 0; s < 6; ++s, to += f.plane) StoreFirst(d, u[s], n, to);
    }
  }
}

template <class T>
void InverseFilters(const WinogradFilterInverse<T>& f) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d);
  HWY_ALIGN T out[9 * HWY_MAX_BYTES / sizeof(T)];
  for (int64_t i = 0; i < f.count; i += lanes) {
    const int64_t n = std::min(lanes, f.count - i);
    V t[6][3];  // [column, row of w]
#pragma GCC unroll 6
    for (int s = 0; s < 6; ++s) {
      V u[6];
#pragma GCC unroll 6
      for (int r = 0; r < 6; ++r) {
        const T* from = f.u + (6 * r + s) * f.plane + i;
        u[r] = LoadFirst(d, n, from);
        for (int64_t k = 1; k < f.chunks; ++k) u[r] = hn::Add(u[r], LoadFirst(d, n, from + k * f.chunk));
      }
      FilterGradientRule::Apply(d, u, t[s]);
    }
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r) {
      const V u[6] = {t[0][r], t[1][r], t[2][r], t[3][r], t[4][r], t[5][r]};
      V w[3];
      FilterGradientRule::Apply(d, u, w);
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) hn::Store(w[s], d, out + (3 * r + s) * lanes);
    }
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t tap = 0; tap < 9; ++tap) f.dw[9 * (i + k) + tap] = out[tap * lanes + k];
    }
  }
}

void FiltersF32(const WinogradFilters<float>& f) { TransformFilters(f); }
void FiltersF64(const WinogradFilters<double>& f) { TransformFilters(f); }
void FilterInverseF32(const WinogradFilterInverse<float>& f) { InverseFilters(f); }
void FilterInverseF64(const WinogradFilterInverse<double>& f) { InverseFilters(f); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(FiltersF32);
HWY_EXPORT(FiltersF64);
HWY_EXPORT(FilterInverseF32);
HWY_EXPORT(FilterInverseF64);

template <>
void WinogradTransformFilters<float>(const WinogradFilters<float>& f) {
  HWY_DYNAMIC_DISPATCH(FiltersF32)(f);
}
template <>
void WinogradTransformFilters<double>(const WinogradFilters<double>& f) {
  HWY_DYNAMIC_DISPATCH(FiltersF64)(f);
}
template <>
void WinogradInverseFilters<float>(const WinogradFilterInverse<float>& f) {
  HWY_DYNAMIC_DISPATCH(FilterInverseF32)(f);
}
template <>
void WinogradInverseFilters<double>(const WinogradFilterInverse<double>& f) {
  HWY_DYNAMIC_DISPATCH(FilterInverseF64)(f);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
