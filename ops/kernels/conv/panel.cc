#include "adret/ops/kernels/conv/panel.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/conv/panel.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums fill the registers: 24 of the 32 of AVX-512 and NEON, 12 of 16 elsewhere.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kSums = 24, kMaxVectors = 4;
#else
constexpr int kSums = 12, kMaxVectors = 3;
#endif
constexpr int MaxRows(int vectors) { return vectors == 1 ? kSums / 2 : kSums / vectors; }

template <int M, int V, class T>
void Tile(const PanelProduct<T>& p, int64_t i, int64_t j) {
  const hn::ScalableTag<T> d;
  using Vec = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d);
  Vec sum[M][V];
#pragma GCC unroll 12
  for (int r = 0; r < M; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = hn::Zero(d);
  }
  const T* a = p.a + i * p.lda;
  const T* b = p.b + j;
  for (int64_t k = 0; k < p.k; ++k, b += p.ldb) {
    Vec row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 12
    for (int r = 0; r < M; ++r) {
      const Vec x = hn::Set(d, a[r * p.lda + k]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] = hn::MulAdd(x, row[v], sum[r][v]);
    }
  }
  T* c = p.c + i * p.ldc + j;
  const int64_t left = p.n - j;
#pragma GCC unroll 12
  for (int r = 0; r < M; ++r, c += p.ldc) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      if ((v + 1) * lanes <= left) {
        hn::StoreU(p.add ? hn::Add(hn::LoadU(d, c + v * lanes), sum[r][v]) : sum[r][v], d, c + v * lanes);
        continue;
      }
      HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(T)];
      hn::Store(sum[r][v], d, rest);
      for (int64_t k = 0; k < left - v * lanes; ++k) c[v * lanes + k] = p.add ? c[v * lanes + k] + rest[k] : rest[k];
    }
  }
}

template <int M, int V, class T>
HWY_INLINE void AnyTile(const PanelProduct<T>& p, int64_t rows, int64_t i, int64_t j) {
  if (rows == M) return Tile<M, V>(p, i, j);
  if constexpr (M > 1) AnyTile<M - 1, V>(p, rows, i, j);
}

// All rows in tiles of nearly equal size.
template <int V, class T>
void Rows(const PanelProduct<T>& p, int64_t j) {
  const int64_t tiles = (p.m + MaxRows(V) - 1) / MaxRows(V);
  for (int64_t t = 0, i = 0; t < tiles; ++t) {
    const int64_t rows = (p.m - i) / (tiles - t);
    AnyTile<MaxRows(V), V>(p, rows, i, j);
    i += rows;
  }
}

template <class T>
void Multiply(const PanelProduct<T>& p) {
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>()), vectors = (p.n + lanes - 1) / lanes;
  const int64_t tiles = (vectors + kMaxVectors - 1) / kMaxVectors;
  for (int64_t t = 0, v = 0; t < tiles; ++t) {
    const int64_t count = (vectors - v) / (tiles - t);
    switch (count) {
      case 1:
        Rows<1>(p, v * lanes);
        break;
      case 2:
        Rows<2>(p, v * lanes);
        break;
      case 3:
        Rows<3>(p, v * lanes);
        break;
      default:
        if constexpr (kMaxVectors == 4) Rows<4>(p, v * lanes);
    }
    v += count;
  }
}

void MultiplyF32(const PanelProduct<float>& p) { Multiply(p); }
void MultiplyF64(const PanelProduct<double>& p) { Multiply(p); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(MultiplyF32);
HWY_EXPORT(MultiplyF64);

template <>
void MultiplyPanel<float>(const PanelProduct<float>& product) {
  HWY_DYNAMIC_DISPATCH(MultiplyF32)(product);
}
template <>
void MultiplyPanel<double>(const PanelProduct<double>& product) {
  HWY_DYNAMIC_DISPATCH(MultiplyF64)(product);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
