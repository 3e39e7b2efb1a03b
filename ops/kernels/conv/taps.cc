#include "adret/ops/kernels/conv/taps.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/conv/taps.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After foreach_target.h.
#include "adret/ops/kernels/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators fill the registers: 8 filters x 3 vectors of the 32 registers of AVX-512 and NEON, 4 x 3 of 16
// elsewhere. One or two filters (depthwise) take more vectors, so that enough independent sums hide the latency of a
// multiply-add.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kFilterTile = 8, kGradientFilters = 6, kGradientColumns = 4;
#else
constexpr int kFilterTile = 4, kGradientFilters = 4, kGradientColumns = 3;
#endif
// Gradients hold 6 filters x 4 columns (4 x 3): most loads are of aligned rows of dy then.
constexpr int MaxVectors(int filters) { return filters <= 2 ? 6 : 3; }

template <int F, int V, class T>
void CorrelateTile(const TapBlock<T>& b, int64_t first) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d);
  Vec sum[F][V];
#pragma GCC unroll 8
  for (int f = 0; f < F; ++f) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[f][v] = hn::Zero(d);
  }
  const T* w = b.weights;
  const T* in = b.in + first * lanes;
  for (int64_t c = 0; c < b.channels; ++c, in += b.plane) {
    for (int64_t t = 0; t < b.num_taps; ++t, w += F) {
      const T* x = in + b.taps[t];
      Vec xs[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) xs[v] = hn::LoadU(d, x + v * lanes);
#pragma GCC unroll 8
      for (int f = 0; f < F; ++f) {
        const Vec wf = hn::Set(d, w[f]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) sum[f][v] = hn::MulAdd(wf, xs[v], sum[f][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    const FlatStore& store = b.stores[first + v];
    T* out = b.out + store.out;
    if (store.count == lanes) {
#pragma GCC unroll 8
      for (int f = 0; f < F; ++f) hn::StoreU(sum[f][v], d, out + f * b.out_plane);
    } else if (store.count > 0) {
      // One compression for all: AVX2 has no instruction for it.
      const auto keep = hn::LoadMaskBits(di, reinterpret_cast<const uint8_t*>(&store.lanes));
      const auto order = hn::IndicesFromVec(d, hn::Compress(hn::Iota(di, 0), keep));
#pragma GCC unroll 8
      for (int f = 0; f < F; ++f) {
        StoreFirst(d, hn::TableLookupLanes(sum[f][v], order), store.count, out + f * b.out_plane);
      }
    }
  }
}

// All vectors of a block in tiles of nearly equal size.
template <int F, class T>
void CorrelateFilters(const TapBlock<T>& b) {
  constexpr int kMax = MaxVectors(F);
  const int64_t tiles = (b.vectors + kMax - 1) / kMax;
  for (int64_t i = 0, first = 0; i < tiles; ++i) {
    const int64_t count = (b.vectors - first) / (tiles - i);
    switch (count) {
      case 1:
        CorrelateTile<F, 1>(b, first);
        break;
      case 2:
        CorrelateTile<F, 2>(b, first);
        break;
      case 3:
        CorrelateTile<F, 3>(b, first);
        break;
      default:
        if constexpr (kMax > 3) {
          if (count == 4) CorrelateTile<F, 4>(b, first);
          if (count == 5) CorrelateTile<F, 5>(b, first);
          if (count == 6) CorrelateTile<F, 6>(b, first);
        }
    }
    first += count;
  }
}

template <class T>
void Correlate(const TapBlock<T>& b) {
  switch (b.filters) {
    case 1:
      return CorrelateFilters<1>(b);
    case 2:
      return CorrelateFilters<2>(b);
    case 3:
      return CorrelateFilters<3>(b);
    case 4:
      return CorrelateFilters<4>(b);
    default:
      break;
  }
  if constexpr (kFilterTile == 8) {
    switch (b.filters) {
      case 5:
        return CorrelateFilters<5>(b);
      case 6:
        return CorrelateFilters<6>(b);
      case 7:
        return CorrelateFilters<7>(b);
      default:
        return CorrelateFilters<8>(b);
    }
  }
}

template <int F, int J, class T>
void GradientTile(const TapGradient<T>& g, int64_t f0, int64_t j0) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d);
  Vec sum[F][J];
#pragma GCC unroll 8
  for (int f = 0; f < F; ++f) {
#pragma GCC unroll 8
    for (int j = 0; j < J; ++j) sum[f][j] = hn::Zero(d);
  }
  const int64_t* offsets = g.offsets + j0;
  for (int64_t u = 0; u < g.units; ++u) {
    const T* dy = g.dy[u] + f0 * g.dy_plane;
    const T* x = g.x[u];
    for (int64_t v = 0; v < g.vectors; ++v, dy += lanes, x += lanes) {
      Vec xs[J];
#pragma GCC unroll 8
      for (int j = 0; j < J; ++j) xs[j] = hn::LoadU(d, x + offsets[j]);
#pragma GCC unroll 8
      for (int f = 0; f < F; ++f) {
        const Vec dyf = hn::LoadU(d, dy + f * g.dy_plane);
#pragma GCC unroll 8
        for (int j = 0; j < J; ++j) sum[f][j] = hn::MulAdd(dyf, xs[j], sum[f][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int f = 0; f < F; ++f) {
#pragma GCC unroll 8
    for (int j = 0; j < J; ++j) g.dw[(f0 + f) * g.dw_stride + j0 + j] += hn::GetLane(hn::SumOfLanes(d, sum[f][j]));
  }
}

// The rows of dy of one tile stay in the first-level cache while the columns pass by.
template <int F, class T>
void GradientFilters(const TapGradient<T>& g, int64_t f0) {
  const int64_t tiles = (g.columns + kGradientColumns - 1) / kGradientColumns;
  for (int64_t i = 0, j = 0; i < tiles; ++i) {
    const int64_t count = (g.columns - j) / (tiles - i);
    switch (count) {
      case 1:
        GradientTile<F, 1>(g, f0, j);
        break;
      case 2:
        GradientTile<F, 2>(g, f0, j);
        break;
      case 3:
        GradientTile<F, 3>(g, f0, j);
        break;
      default:
        if constexpr (kGradientColumns == 4) GradientTile<F, 4>(g, f0, j);
    }
    j += count;
  }
}

template <class T>
void Gradient(const TapGradient<T>& g) {
  const int64_t tiles = (g.filters + kGradientFilters - 1) / kGradientFilters;
  for (int64_t i = 0, f = 0; i < tiles; ++i) {
    const int64_t count = (g.filters - f) / (tiles - i);
    switch (count) {
      case 1:
        GradientFilters<1>(g, f);
        break;
      case 2:
        GradientFilters<2>(g, f);
        break;
      case 3:
        GradientFilters<3>(g, f);
        break;
      case 4:
        GradientFilters<4>(g, f);
        break;
      default:
        if constexpr (kGradientFilters == 6) {
          if (count == 5) GradientFilters<5>(g, f);
          if (count == 6) GradientFilters<6>(g, f);
        }
    }
    f += count;
  }
}

// Every other element (or every few).
template <class T>
void CopySampled(const RowCopy<T>& c) {
  const T* from = c.from;
  T* to = c.to;
  [[maybe_unused]] const hn::ScalableTag<T> d;
  for (int64_t i = 0; i < c.rows; ++i, from += c.stride, to += c.pitch) {
    int64_t j = 0;
#if HWY_TARGET <= HWY_AVX2
    const int64_t lanes = hn::Lanes(d);
    for (; c.step == 2 && j < c.width; j += lanes) {
      // Nothing behind the last element is read.
      const int64_t n = 2 * std::min(lanes, c.width - j) - 1;
      const auto low = hn::MaskedLoad(hn::FirstN(d, std::min(n, lanes)), d, from + 2 * j);
      const auto high = hn::MaskedLoad(hn::FirstN(d, std::max<int64_t>(n - lanes, 0)), d, from + 2 * j + lanes);
      hn::StoreU(hn::ConcatEven(d, high, low), d, to + j);
    }
#endif
    for (; j < c.width; ++j) to[j] = from[j * c.step];
    for (; j < c.pitch; ++j) to[j] = 0;
  }
}

template <class T>
void Copy(const RowCopy<T>& c) {
  const T* from = c.from;
  T* to = c.to;
  if (c.step != 1) return CopySampled(c);
  if (c.width == c.pitch && c.width == c.stride) {
    std::copy_n(from, c.rows * c.width, to);
    return;
  }
  [[maybe_unused]] const hn::ScalableTag<T> d;
  for (int64_t i = 0; i < c.rows; ++i, from += c.stride, to += c.pitch) {
    int64_t j = 0;
#if HWY_TARGET <= HWY_AVX2
    // Rows are short: calls of memcpy would take longer than copying. A mask keeps the last load inside the row and
    // makes the zeros of the gap; what is stored too far is written again by the next row.
    const int64_t lanes = hn::Lanes(d);
    for (; j + lanes <= c.width; j += lanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
    if (j < c.width) hn::StoreU(hn::MaskedLoad(hn::FirstN(d, c.width - j), d, from + j), d, to + j), j += lanes;
#else
    for (; j < c.width; ++j) to[j] = from[j];
#endif
    for (; j < c.pitch; ++j) to[j] = 0;
  }
}

template <class T>
bool Finite(const T* numbers, int64_t n) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = a;  // 0 times a finite number is 0, and NaN otherwise
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::MulAdd(hn::LoadU(d, numbers + i), hn::Zero(d), a);
    b = hn::MulAdd(hn::LoadU(d, numbers + i + lanes), hn::Zero(d), b);
  }
  T rest = 0;
  for (; i < n; ++i) rest += numbers[i] * T{0};
  return hn::AllFalse(d, hn::IsNaN(hn::Add(a, b))) && rest == T{0};
}

template <class T>
TapTraits Traits() {
  return {static_cast<int>(hn::Lanes(hn::ScalableTag<T>())), kFilterTile};
}

TapTraits TraitsF32() { return Traits<float>(); }
TapTraits TraitsF64() { return Traits<double>(); }
void CorrelateF32(const TapBlock<float>& b) { Correlate(b); }
void CorrelateF64(const TapBlock<double>& b) { Correlate(b); }
void CopyF32(const RowCopy<float>& c) { Copy(c); }
void CopyF64(const RowCopy<double>& c) { Copy(c); }
void GradientF32(const TapGradient<float>& g) { Gradient(g); }
void GradientF64(const TapGradient<double>& g) { Gradient(g); }
bool FiniteF32(const float* numbers, int64_t n) { return Finite(numbers, n); }
bool FiniteF64(const double* numbers, int64_t n) { return Finite(numbers, n); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(TraitsF32);
HWY_EXPORT(TraitsF64);
HWY_EXPORT(CorrelateF32);
HWY_EXPORT(CorrelateF64);
HWY_EXPORT(CopyF32);
HWY_EXPORT(CopyF64);
HWY_EXPORT(GradientF32);
HWY_EXPORT(GradientF64);
HWY_EXPORT(FiniteF32);
HWY_EXPORT(FiniteF64);

template <>
TapTraits GetTapTraits<float>() {
  return HWY_DYNAMIC_DISPATCH(TraitsF32)();
}
template <>
TapTraits GetTapTraits<double>() {
  return HWY_DYNAMIC_DISPATCH(TraitsF64)();
}
template <>
void CorrelateTaps<float>(const TapBlock<float>& block) {
  HWY_DYNAMIC_DISPATCH(CorrelateF32)(block);
}
template <>
void CorrelateTaps<double>(const TapBlock<double>& block) {
  HWY_DYNAMIC_DISPATCH(CorrelateF64)(block);
}
template <>
void CopyRows<float>(const RowCopy<float>& copy) {
  HWY_DYNAMIC_DISPATCH(CopyF32)(copy);
}
template <>
void CopyRows<double>(const RowCopy<double>& copy) {
  HWY_DYNAMIC_DISPATCH(CopyF64)(copy);
}
template <>
void AccumulateTapGradient<float>(const TapGradient<float>& gradient) {
  HWY_DYNAMIC_DISPATCH(GradientF32)(gradient);
}
template <>
void AccumulateTapGradient<double>(const TapGradient<double>& gradient) {
  HWY_DYNAMIC_DISPATCH(GradientF64)(gradient);
}
template <>
bool AllFinite<float>(const float* numbers, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(FiniteF32)(numbers, n);
}
template <>
bool AllFinite<double>(const double* numbers, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(FiniteF64)(numbers, n);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
