#include "adret/ops/kernels/tile_gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/tile_gemm.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>

#include "adret/ops/kernels/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// With two vectors of columns for each of these rows, sums and operands fill the 16 registers of AVX2.
constexpr int64_t kRows = 6;

// kR rows of c along two vectors of columns, of which `columns` are there.
template <int kR, class T>
HWY_INLINE void Tile(const TileGemm<T>& g, const T* a, const T* b, T* c, int64_t columns) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d), behind = std::max<int64_t>(0, columns - lanes);
  const bool whole = columns == 2 * lanes;
  V left[kR], right[kR];
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r) left[r] = right[r] = hn::Zero(d);
  const auto step = [&](V b0, V b1, const T* aq) HWY_ATTR {
#pragma GCC unroll 8
    for (int r = 0; r < kR; ++r) {
      const V v = hn::Set(d, aq[r * g.row]);
      left[r] = hn::MulAdd(v, b0, left[r]);
      right[r] = hn::MulAdd(v, b1, right[r]);
    }
  };
  if (HWY_LIKELY(whole)) {
    for (int64_t q = 0; q < g.k; ++q) {
      step(hn::LoadU(d, b), hn::LoadU(d, b + lanes), a);
      a += g.term, b += g.ldb;
    }
  } else {
    for (int64_t q = 0; q < g.k; ++q) {
      step(LoadFirst(d, columns, b), behind == 0 ? hn::Zero(d) : LoadFirst(d, behind, b + lanes), a);
      a += g.term, b += g.ldb;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r, c += g.ldc) {
    V y0 = left[r], y1 = right[r];
    if (g.add) {
      y0 = hn::Add(y0, LoadFirst(d, columns, c));
      if (behind > 0) y1 = hn::Add(y1, LoadFirst(d, behind, c + lanes));
    }
    StoreFirst(d, y0, columns, c);
    if (behind > 0) StoreFirst(d, y1, behind, c + lanes);
  }
}

template <class T>
HWY_INLINE void RunT(const TileGemm<T>& g) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (int64_t j = 0; j < g.n; j += width) {
    const int64_t columns = std::min(width, g.n - j);
    const T *a = g.a, *const b = g.b + j;
    T* c = g.c + j;
    int64_t i = 0;
    for (; i + kRows <= g.m; i += kRows, a += kRows * g.row, c += kRows * g.ldc) Tile<kRows>(g, a, b, c, columns);
    switch (g.m - i) {
      case 5:
        Tile<5>(g, a, b, c, columns);
        break;
      case 4:
        Tile<4>(g, a, b, c, columns);
        break;
      case 3:
        Tile<3>(g, a, b, c, columns);
        break;
      case 2:
        Tile<2>(g, a, b, c, columns);
        break;
      case 1:
        Tile<1>(g, a, b, c, columns);
        break;
      default:
        break;
    }
  }
}

void RunF32(const TileGemm<float>& g) { RunT(g); }
void RunF64(const TileGemm<double>& g) { RunT(g); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(RunF32);
HWY_EXPORT(RunF64);

}  // namespace

template <>
void TileGemm<float>::Run() const {
  HWY_DYNAMIC_DISPATCH(RunF32)(*this);
}
template <>
void TileGemm<double>::Run() const {
  HWY_DYNAMIC_DISPATCH(RunF64)(*this);
}

template <class T>
void TransposeTile(int64_t rows, int64_t columns, const T* from, int64_t from_row, T* to, int64_t to_row) {
  constexpr int64_t kSide = 16;  // a square of which both sides stay in the first-level cache
  for (int64_t i = 0; i < rows; i += kSide) {
    const int64_t end = std::min(rows, i + kSide);
    for (int64_t j = 0; j < columns; ++j) {
      for (int64_t r = i; r < end; ++r) to[j * to_row + r] = from[r * from_row + j];
    }
  }
}
template void TransposeTile(int64_t, int64_t, const float*, int64_t, float*, int64_t);
template void TransposeTile(int64_t, int64_t, const double*, int64_t, double*, int64_t);

}  // namespace adret::kernels
#endif  // HWY_ONCE
