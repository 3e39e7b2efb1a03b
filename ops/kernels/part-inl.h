// Parts of vectors, in memory that others may own beyond them: nothing else is read or written, on any target. (Masked
// operations of Highway's touch whole vectors on targets without masks in hardware.) To be included by kernel files
// after hwy/foreach_target.h, once for each target.
#if defined(ADRET_OPS_KERNELS_PART_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ADRET_OPS_KERNELS_PART_INL_H_
#undef ADRET_OPS_KERNELS_PART_INL_H_
#else
#define ADRET_OPS_KERNELS_PART_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first n numbers at p, zeros behind them.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadFirst(D d, int64_t n, const T* p) {
  if (HWY_LIKELY(n >= static_cast<int64_t>(hn::Lanes(d)))) return hn::LoadU(d, p);
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, n), d, p);
#else
  HWY_ALIGN T buffer[hn::MaxLanes(hn::ScalableTag<T>())] = {};
  std::copy_n(p, n, buffer);
  return hn::Load(d, buffer);
#endif
}

// The first n lanes of v, to p.
template <class D, class V, class T>
HWY_INLINE void StoreFirst(D d, V v, int64_t n, T* p) {
  if (HWY_LIKELY(n >= static_cast<int64_t>(hn::Lanes(d)))) return hn::StoreU(v, d, p);
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, n), d, p);
#else
  HWY_ALIGN T buffer[hn::MaxLanes(hn::ScalableTag<T>())];
  hn::Store(v, d, buffer);
  std::copy_n(buffer, n, p);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#endif  // per target
