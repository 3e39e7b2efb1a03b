#include <algorithm>
#include <type_traits>

#include "adret/ops/kernels/pool2d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/pool2d_grad.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using I32 = hn::ScalableTag<int32_t>;

// Rows are shorter than a vector more often than not, so the rest of a row goes through masked loads and stores where
// the hardware suppresses faults behind the mask, and through a scalar loop elsewhere.
#if HWY_TARGET <= HWY_AVX2
constexpr bool kMasks = true;
#else
constexpr bool kMasks = false;
#endif

template <class D, class V>
HWY_INLINE void StoreFirst(V v, D d, int64_t n, hn::TFromD<D>* p) {
  if (n >= static_cast<int64_t>(hn::Lanes(d))) {
    hn::StoreU(v, d, p);
  } else {
    hn::BlendedStore(v, hn::FirstN(d, n), d, p);
  }
}

// Stores the first 2 * n of even[0], odd[0], even[1], odd[1], ...
HWY_INLINE void StorePair(F32 d, hn::Vec<F32> even, hn::Vec<F32> odd, int64_t n, float* p) {
#if HWY_TARGET <= HWY_AVX2
  const I32 di;
  const int64_t lanes = hn::Lanes(d);
  const auto half = hn::ShiftRight<1>(hn::Iota(di, 0));
  const auto low = hn::IndicesFromVec(d, half);
  StoreFirst(hn::OddEven(hn::TableLookupLanes(odd, low), hn::TableLookupLanes(even, low)), d, 2 * n, p);
  if (2 * n <= lanes) return;
  const auto high = hn::IndicesFromVec(d, hn::Add(half, hn::Set(di, static_cast<int32_t>(lanes / 2))));
  StoreFirst(hn::OddEven(hn::TableLookupLanes(odd, high), hn::TableLookupLanes(even, high)), d, 2 * n - lanes,
             p + lanes);
#else
  (void)n;  // whole vectors only
  hn::StoreInterleaved2(even, odd, d, p);
#endif
}

// The transpose of picking from windows of 2x2: writes each element of dx once, in order.
bool Double(const Pool2dShape& s, const float* dy, const int32_t* argmax, float* dx) {
  const F32 d;
  const I32 di;
  const int64_t lanes = hn::Lanes(d);
  auto all_found = hn::FirstN(di, lanes);
  bool good = true;
  for (int64_t i = 0; i < s.out_height; ++i, dy += s.out_width, argmax += s.out_width) {
    float* top = dx + 2 * i * s.width;
    float* bottom = top + s.width;
    const int32_t row = static_cast<int32_t>(2 * i * s.width);
    int64_t j = 0;
    for (; j < s.out_width && (kMasks || j + lanes <= s.out_width); j += lanes) {
      const int64_t n = std::min(lanes, s.out_width - j);
      const auto valid = hn::FirstN(d, n);
      const auto g = n == lanes ? hn::LoadU(d, dy + j) : hn::MaskedLoad(valid, d, dy + j);
      const auto index = n == lanes ? hn::LoadU(di, argmax + j) : hn::MaskedLoad(hn::FirstN(di, n), di, argmax + j);
      const auto first = hn::Iota(di, 0);
      const auto at = hn::Sub(index, hn::Add(hn::Add(first, first), hn::Set(di, row + static_cast<int32_t>(2 * j))));
      const auto w = hn::Set(di, static_cast<int32_t>(s.width));
      const auto a = hn::Eq(at, hn::Zero(di)), b = hn::Eq(at, hn::Set(di, 1));
      const auto c = hn::Eq(at, w), e = hn::Eq(at, hn::Add(w, hn::Set(di, 1)));
      all_found = hn::And(all_found, hn::Or(hn::Or(hn::Or(a, b), hn::Or(c, e)), hn::Not(hn::FirstN(di, n))));
      const auto part = [&](auto mask) HWY_ATTR { return hn::IfThenElseZero(hn::RebindMask(d, mask), g); };
      const auto store = [&](hn::Vec<F32> even, hn::Vec<F32> odd, float* p) HWY_ATTR { StorePair(d, even, odd, n, p); };
      store(part(a), part(b), top + 2 * j);
      store(part(c), part(e), bottom + 2 * j);
    }
    for (; j < s.out_width; ++j) {
      const int64_t at = argmax[j] - row - 2 * j;
      top[2 * j] = at == 0 ? dy[j] : 0, top[2 * j + 1] = at == 1 ? dy[j] : 0;
      bottom[2 * j] = at == s.width ? dy[j] : 0, bottom[2 * j + 1] = at == s.width + 1 ? dy[j] : 0;
      good &= at == 0 || at == 1 || at == s.width || at == s.width + 1;
    }
    if (s.width % 2 != 0) top[s.width - 1] = bottom[s.width - 1] = 0;
  }
  std::fill(dx + 2 * s.out_height * s.width, dx + s.height * s.width, 0.0f);
  return good && hn::AllTrue(di, all_found);
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(Double);

template <class T>
bool MaxPoolScatterPlane(const Pool2dShape& s, const T* dy, const int32_t* argmax, T* dx) {
  if constexpr (std::is_same_v<T, float>) {
    if (s.is_halving()) return HWY_DYNAMIC_DISPATCH(Double)(s, dy, argmax, dx);
  }
  const uint64_t size = s.height * s.width;
  std::fill_n(dx, size, T{0});
  for (int64_t o = 0; o < s.out_height * s.out_width; ++o) {
    if (static_cast<uint64_t>(static_cast<int64_t>(argmax[o])) >= size) return false;
    dx[argmax[o]] += dy[o];
  }
  return true;
}

template <class T>
bool MaxPoolGatherPlane(const Pool2dShape& s, const T* x, const int32_t* argmax, T* y) {
  const uint64_t size = s.height * s.width;
  for (int64_t o = 0; o < s.out_height * s.out_width; ++o) {
    if (static_cast<uint64_t>(static_cast<int64_t>(argmax[o])) >= size) return false;
    y[o] = x[argmax[o]];
  }
  return true;
}

template <class T>
void AvgPoolScatterPlane(const Pool2dShape& s, const T* dy, T* dx) {
  std::fill_n(dx, s.height * s.width, T{0});
  s.ForEachWindow([&](int64_t o, Pool2dShape::Taps rows, Pool2dShape::Taps columns, int64_t h, int64_t w) {
    const T share = static_cast<T>(dy[o] / s.Divisor(h, w));
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      T* row = dx + (h + r) * s.width + w;
      for (int64_t c = columns.begin; c < columns.end; ++c) row[c] += share;
    }
  });
}

#define ADRET_INSTANTIATE(T)                                                              \
  template bool MaxPoolScatterPlane<T>(const Pool2dShape&, const T*, const int32_t*, T*); \
  template bool MaxPoolGatherPlane<T>(const Pool2dShape&, const T*, const int32_t*, T*);  \
  template void AvgPoolScatterPlane<T>(const Pool2dShape&, const T*, T*)
ADRET_INSTANTIATE(float);
ADRET_INSTANTIATE(double);
#undef ADRET_INSTANTIATE

}  // namespace adret::kernels
#endif  // HWY_ONCE
