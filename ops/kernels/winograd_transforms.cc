#include "adret/ops/kernels/winograd_transforms.h"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/winograd_transforms.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
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

// ---- Tiles --------------------------------------------------------------------------------------------------------

// Groups of four columns per strip: the last columns of an input tile belong to the next group.
template <class Rule>
int64_t GroupsOf(const WinogradStrips& s) {
  return s.tiles + (Rule::kIn > kWinogradTile ? 1 : 0);
}

template <class T>
int64_t Columns(int64_t groups, int64_t strips) {
  const int64_t block = kWinogradTile * hn::Lanes(hn::ScalableTag<T>());
  return (groups * strips * kWinogradTile + block - 1) / block * block;
}

// Loads lanes [begin, end) of a vector, and nothing else; the others are zero.
template <class D>
class PartLoader {
 public:
  HWY_INLINE PartLoader(D d, int64_t begin, int64_t end)
      : begin_(std::clamp<int64_t>(begin, 0, hn::Lanes(d))), end_(std::clamp<int64_t>(end, 0, hn::Lanes(d))) {
#if HWY_TARGET <= HWY_AVX2
    mask_ = hn::AndNot(hn::FirstN(d, begin_), hn::FirstN(d, end_));
#endif
  }
  HWY_INLINE hn::Vec<D> Load(D d, const hn::TFromD<D>* p) const {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(mask_, d, p);
#else
    hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)] = {};
    for (int64_t i = begin_; i < end_; ++i) lanes[i] = p[i];
    return hn::LoadU(d, lanes);
#endif
  }

 private:
  int64_t begin_, end_;
#if HWY_TARGET <= HWY_AVX2
  hn::Mask<D> mask_;
#endif
};

// The rule down the columns of all strips, with zeros around the image: to[r * pitch + 4 groups * strip + column].
// Writes up to a vector behind the last column, and before the next row.
template <class Rule, class T>
void TransformColumns(const WinogradStrips& s, const T* x, int64_t pitch, T* to) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d), columns = kWinogradTile * GroupsOf<Rule>(s);
  int64_t image = s.first / s.strips_per_image, i = s.first % s.strips_per_image;
  for (int64_t strip = 0; strip < s.count; ++strip, to += columns) {
    const int64_t top = kWinogradTile * i - s.top;
    const T* rows = x + image * s.image_stride + top * s.width - s.left;
    const bool inside = top >= 0 && top + Rule::kIn <= s.height;
    for (int64_t j = 0; j < columns; j += lanes) {
      const PartLoader<decltype(d)> part(d, s.left - j, s.left - j + s.width);
      V v[Rule::kIn], t[6];
      if (inside) {
#pragma GCC unroll 6
        for (int r = 0; r < Rule::kIn; ++r) v[r] = part.Load(d, rows + r * s.width + j);
      } else {
#pragma GCC unroll 6
        for (int r = 0; r < Rule::kIn; ++r) {
          v[r] = top + r >= 0 && top + r < s.height ? part.Load(d, rows + r * s.width + j) : hn::Zero(d);
        }
      }
      Rule::Apply(d, v, t);
#pragma GCC unroll 6
      for (int r = 0; r < 6; ++r) hn::StoreU(t[r], d, to + r * pitch + j);
    }
    if (++i == s.strips_per_image) i = 0, ++image;
  }
}

// Column j of every group of four, beside each other: to[(4 r + j) * pitch + group].
template <class T>
void SplitGroups(const T* rows, int64_t row_pitch, int64_t columns, T* to, int64_t pitch) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t r = 0; r < 6; ++r, rows += row_pitch, to += kWinogradTile * pitch) {
    for (int64_t g = 0; g * kWinogradTile < columns; g += lanes) {
      hn::Vec<decltype(d)> v0, v1, v2, v3;
      hn::LoadInterleaved4(d, rows + g * kWinogradTile, v0, v1, v2, v3);
      hn::StoreU(v0, d, to + g), hn::StoreU(v1, d, to + pitch + g);
      hn::StoreU(v2, d, to + 2 * pitch + g), hn::StoreU(v3, d, to + 3 * pitch + g);
    }
  }
}

// The rule along the rows; drops the groups that are no tiles.
template <class Rule, class T>
void TransformGroups(const WinogradForward<T>& f, const T* split, int64_t split_pitch, T* to) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d), groups = GroupsOf<Rule>(f.strips), total = groups * f.strips.count;
  for (int64_t g = 0; g < total; g += lanes) {
    const int64_t here = std::min(lanes, total - g);
    const uint64_t used = ~uint64_t{0} >> (64 - here);
    const uint64_t bits = groups == f.strips.tiles ? used : f.places[g / lanes] & used;
    const bool all = bits == used;
    const auto mask = hn::LoadMaskBits(d, reinterpret_cast<const uint8_t*>(&bits));
    const T* row = split + g;
    T* out = to;
#pragma GCC unroll 1
    for (int r = 0; r < 6; ++r, row += kWinogradTile * split_pitch, out += 6 * f.plane) {
      V x[Rule::kIn], t[6];
#pragma GCC unroll 6
      for (int j = 0; j < Rule::kIn; ++j)
        x[j] = hn::LoadU(d, row + j % kWinogradTile * split_pitch + j / kWinogradTile);
      Rule::Apply(d, x, t);
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) hn::StoreU(all ? t[j] : hn::Compress(t[j], mask), d, out + j * f.plane);
    }
    to += std::popcount(bits);
  }
}

template <class Rule, class T>
void TransformRows(const WinogradForward<T>& f) {
  const int64_t columns = Columns<T>(GroupsOf<Rule>(f.strips), f.strips.count);
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>()), pitch = columns + lanes;
  const int64_t split_pitch = columns / kWinogradTile + lanes;
  T* transformed = f.work;
  T* split = transformed + 6 * pitch;
  for (int64_t row = 0; row < f.rows; ++row) {
    TransformColumns<Rule>(f.strips, f.x + row * f.image_row, pitch, transformed);
    SplitGroups(transformed, pitch, columns, split, split_pitch);
    TransformGroups<Rule>(f, split, split_pitch, f.to + row * f.pitch);
  }
}

template <class T>
void Forward(const WinogradForward<T>& f) {
  if (f.gradient) return TransformRows<GradientRule>(f);
  TransformRows<InputRule>(f);
}

template <class T>
std::vector<uint64_t> Places(int64_t tiles, int64_t strips) {
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>()), total = (tiles + 1) * strips;
  std::vector<uint64_t> places((total + lanes - 1) / lanes);
  for (int64_t i = 0; i < total; ++i) places[i / lanes] |= uint64_t{i % (tiles + 1) < tiles} << (i % lanes);
  return places;
}

template <class T>
int64_t Work(int64_t tiles, int64_t strips) {
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>()), columns = Columns<T>(tiles + 1, strips);
  return 12 * columns + 30 * lanes;
}

template <class T>
void Transpose(const WinogradTranspose<T>& t) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> di;
  using Index = hn::TFromD<decltype(di)>;
  const int64_t lanes = hn::Lanes(d);
  const auto index = hn::Mul(hn::Iota(di, 0), hn::Set(di, static_cast<Index>(t.pitch)));
  for (int64_t e = 0; e < kWinogradElements; ++e) {
    for (int64_t r = 0; r < t.rows; r += lanes) {
      const T* from = t.from + e * t.plane + r * t.pitch;
      T* to = t.to + e * t.to_plane + r;
      for (int64_t p = 0; p < t.places; ++p, to += t.to_pitch) hn::StoreU(hn::GatherIndex(d, from + p, index), d, to);
    }
  }
}

// The four rows of all tiles, columns in order: to[i * row_pitch + 4 tile + j].
template <class T>
void InverseTiles(const WinogradInverse<T>& f, const T* m, int64_t tiles, T* to, int64_t row_pitch) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  for (int64_t p = 0; p < tiles; p += hn::Lanes(d), m += hn::Lanes(d), to += kWinogradTile * hn::Lanes(d)) {
    V t[6][4];  // [column, row]
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) {
      V x[6];
#pragma GCC unroll 6
      for (int r = 0; r < 6; ++r) x[r] = hn::LoadU(d, m + (6 * r + j) * f.plane);
      OutputRule::Apply(d, x, t[j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const V x[6] = {t[0][i], t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]};
      V y[4];
      OutputRule::Apply(d, x, y);
      hn::StoreInterleaved4(y[0], y[1], y[2], y[3], d, to + i * row_pitch);
    }
  }
}

template <class T>
HWY_INLINE void CopyExactly(const T* from, int64_t n, T* to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
#if HWY_TARGET <= HWY_AVX2
  if (j < n) hn::BlendedStore(hn::LoadU(d, from + j), hn::FirstN(d, n - j), d, to + j);
#else
  for (; j < n; ++j) to[j] = from[j];
#endif
}

template <class T>
void Inverse(const WinogradInverse<T>& f) {
  const WinogradStrips& s = f.strips;
  const int64_t row_pitch = kWinogradTile * f.pitch + hn::Lanes(hn::ScalableTag<T>());
  for (int64_t row = 0; row < f.rows; ++row) {
    InverseTiles(f, f.m + row * f.pitch, s.count * s.tiles, f.work, row_pitch);
    int64_t image = s.first / s.strips_per_image, i = s.first % s.strips_per_image;
    const T* from = f.work;
    for (int64_t strip = 0; strip < s.count; ++strip, from += kWinogradTile * s.tiles) {
      const int64_t begin = kWinogradTile * i, end = std::min(begin + kWinogradTile, s.height);
      T* to = f.y + row * f.image_row + image * s.image_stride + begin * s.width;
      for (int64_t r = begin; r < end; ++r, to += s.width) CopyExactly(from + (r - begin) * row_pitch, s.width, to);
      if (++i == s.strips_per_image) i = 0, ++image;
    }
  }
}

// ---- Filters ------------------------------------------------------------------------------------------------------

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
      for (int s = 0; s < 6; ++s, to += f.plane) {
        if (n == lanes) {
          hn::StoreU(u[s], d, to);
        } else {
          hn::BlendedStore(u[s], hn::FirstN(d, n), d, to);
        }
      }
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
    const auto valid = hn::FirstN(d, n);
    V t[6][3];  // [column, row of w]
#pragma GCC unroll 6
    for (int s = 0; s < 6; ++s) {
      V u[6];
#pragma GCC unroll 6
      for (int r = 0; r < 6; ++r) {
        const T* from = f.u + (6 * r + s) * f.plane + i;
        u[r] = n == lanes ? hn::LoadU(d, from) : hn::MaskedLoad(valid, d, from);
        for (int64_t k = 1; k < f.chunks; ++k) {
          u[r] = hn::Add(u[r],
                         n == lanes ? hn::LoadU(d, from + k * f.chunk) : hn::MaskedLoad(valid, d, from + k * f.chunk));
        }
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

std::vector<uint64_t> PlacesF32(int64_t tiles, int64_t strips) { return Places<float>(tiles, strips); }
std::vector<uint64_t> PlacesF64(int64_t tiles, int64_t strips) { return Places<double>(tiles, strips); }
int64_t WorkF32(int64_t tiles, int64_t strips) { return Work<float>(tiles, strips); }
int64_t WorkF64(int64_t tiles, int64_t strips) { return Work<double>(tiles, strips); }
void ForwardF32(const WinogradForward<float>& f) { Forward(f); }
void ForwardF64(const WinogradForward<double>& f) { Forward(f); }
void TransposeF32(const WinogradTranspose<float>& t) { Transpose(t); }
void TransposeF64(const WinogradTranspose<double>& t) { Transpose(t); }
void InverseF32(const WinogradInverse<float>& f) { Inverse(f); }
void InverseF64(const WinogradInverse<double>& f) { Inverse(f); }
void FiltersF32(const WinogradFilters<float>& f) { TransformFilters(f); }
void FiltersF64(const WinogradFilters<double>& f) { TransformFilters(f); }
void FilterInverseF32(const WinogradFilterInverse<float>& f) { InverseFilters(f); }
void FilterInverseF64(const WinogradFilterInverse<double>& f) { InverseFilters(f); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(PlacesF32);
HWY_EXPORT(PlacesF64);
HWY_EXPORT(WorkF32);
HWY_EXPORT(WorkF64);
HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(TransposeF32);
HWY_EXPORT(TransposeF64);
HWY_EXPORT(InverseF32);
HWY_EXPORT(InverseF64);
HWY_EXPORT(FiltersF32);
HWY_EXPORT(FiltersF64);
HWY_EXPORT(FilterInverseF32);
HWY_EXPORT(FilterInverseF64);

template <>
std::vector<uint64_t> WinogradPlaces<float>(int64_t tiles, int64_t strips) {
  return HWY_DYNAMIC_DISPATCH(PlacesF32)(tiles, strips);
}
template <>
std::vector<uint64_t> WinogradPlaces<double>(int64_t tiles, int64_t strips) {
  return HWY_DYNAMIC_DISPATCH(PlacesF64)(tiles, strips);
}
template <>
int64_t WinogradWork<float>(int64_t tiles, int64_t strips) {
  return HWY_DYNAMIC_DISPATCH(WorkF32)(tiles, strips);
}
template <>
int64_t WinogradWork<double>(int64_t tiles, int64_t strips) {
  return HWY_DYNAMIC_DISPATCH(WorkF64)(tiles, strips);
}
template <>
void WinogradTransform<float>(const WinogradForward<float>& f) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(f);
}
template <>
void WinogradTransform<double>(const WinogradForward<double>& f) {
  HWY_DYNAMIC_DISPATCH(ForwardF64)(f);
}
template <>
void TransposeWinograd<float>(const WinogradTranspose<float>& t) {
  HWY_DYNAMIC_DISPATCH(TransposeF32)(t);
}
template <>
void TransposeWinograd<double>(const WinogradTranspose<double>& t) {
  HWY_DYNAMIC_DISPATCH(TransposeF64)(t);
}
template <>
void WinogradInverseTransform<float>(const WinogradInverse<float>& f) {
  HWY_DYNAMIC_DISPATCH(InverseF32)(f);
}
template <>
void WinogradInverseTransform<double>(const WinogradInverse<double>& f) {
  HWY_DYNAMIC_DISPATCH(InverseF64)(f);
}
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
