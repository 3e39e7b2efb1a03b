#include "adret/ops/kernels/conv/winograd_transforms.h"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/conv/winograd_transforms.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After foreach_target.h.
#include "adret/ops/kernels/conv/winograd_rules-inl.h"
#include "adret/ops/kernels/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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
  const hn::RebindToSigned<decltype(d)> di;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d), groups = GroupsOf<Rule>(f.strips), total = groups * f.strips.count;
  for (int64_t g = 0; g < total; g += lanes) {
    const int64_t here = std::min(lanes, total - g);
    const uint64_t used = ~uint64_t{0} >> (64 - here);
    const uint64_t bits = groups == f.strips.tiles ? used : f.places[g / lanes] & used;
    const bool all = bits == used;
    // One compression for all: AVX2 has no instruction for it.
    const auto order = hn::IndicesFromVec(
        d, hn::Compress(hn::Iota(di, 0), hn::LoadMaskBits(di, reinterpret_cast<const uint8_t*>(&bits))));
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
      for (int j = 0; j < 6; ++j) hn::StoreU(all ? t[j] : hn::TableLookupLanes(t[j], order), d, out + j * f.plane);
    }
    to += std::popcount(bits);
  }
  // The rest of the last vector takes part in products: a stale denormal there would cost a hundred times a number.
  for (int64_t e = 0; e < kWinogradElements; ++e) hn::StoreU(hn::Zero(d), d, to + e * f.plane);
}

template <class Rule, class T>
void TransformRows(const WinogradForward<T>& f) {
  const int64_t columns = Columns<T>(GroupsOf<Rule>(f.strips), f.strips.count);
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>()), pitch = columns + lanes;
  const int64_t split_pitch = columns / kWinogradTile + lanes;
  T* transformed = f.work;
  T* split = transformed + 6 * pitch;
  // Behind the last strip, for whole vectors.
  const int64_t used = kWinogradTile * GroupsOf<Rule>(f.strips) * f.strips.count;
  for (int64_t r = 0; r < 6; ++r) std::fill_n(transformed + r * pitch + used, pitch - used, T{0});
  for (int64_t r = 0; r < 24; ++r) std::fill_n(split + (r + 1) * split_pitch - lanes, lanes, T{0});
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

// Tells whether all vectors that it took hold finite numbers only: 0 times such a number is 0, and NaN otherwise.
template <class D>
class FiniteTest {
 public:
  HWY_INLINE explicit FiniteTest(D d) : zeros_(hn::Zero(d)) {}
  HWY_INLINE void Take(hn::Vec<D> v) { zeros_ = hn::MulAdd(v, hn::Zero(D()), zeros_); }
  HWY_INLINE bool AllFinite() const { return hn::AllFalse(D(), hn::IsNaN(zeros_)); }

 private:
  hn::Vec<D> zeros_;
};

// One vector of tiles at m, through the rule down the columns and along the rows: use(row, the row's vectors).
template <class Rule, class T, class Use>
HWY_INLINE void ForEachTileRow(const T* m, int64_t plane, Use&& use) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V t[6][Rule::kOut];  // [column, row]
#pragma GCC unroll 6
  for (int j = 0; j < 6; ++j) {
    V x[6];
#pragma GCC unroll 6
    for (int r = 0; r < 6; ++r) x[r] = hn::LoadU(d, m + (6 * r + j) * plane);
    Rule::Apply(d, x, t[j]);
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rule::kOut; ++i) {
    const V x[6] = {t[0][i], t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]};
    V y[Rule::kOut];
    Rule::Apply(d, x, y);
    use(i, y);
  }
}

// The four rows of all tiles, columns in order: to[i * row_pitch + 4 tile + j]. Returns whether they are finite.
template <class T>
bool InverseTiles(const T* m, int64_t plane, int64_t tiles, T* to, int64_t row_pitch) {
  const hn::ScalableTag<T> d;
  FiniteTest test(d);
  for (int64_t p = 0; p < tiles; p += hn::Lanes(d), to += kWinogradTile * hn::Lanes(d)) {
    ForEachTileRow<OutputRule>(m + p, plane, [&](int i, const hn::Vec<decltype(d)>* y) HWY_ATTR {
      for (int j = 0; j < kWinogradTile; ++j) test.Take(y[j]);
      hn::StoreInterleaved4(y[0], y[1], y[2], y[3], d, to + i * row_pitch);
    });
  }
  return test.AllFinite();
}

// The six rows of all overlapping tiles, each strip's columns added up: to[i * row_pitch + 4 tile + j]. What sticks out
// behind the last tile of a strip is found in column 4 + j of the tile: spill[(2 i + j) * spill_pitch + tile].
template <class T>
void AdjointTiles(const WinogradInverse<T>& f, const T* m, T* to, int64_t row_pitch, T* spill, int64_t spill_pitch) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = hn::Lanes(d), tiles = f.strips.count * f.strips.tiles;
  for (int64_t p = 0; p < tiles; p += lanes, to += kWinogradTile * lanes) {
    // Which lanes have a tile of their strip before them.
    uint64_t bits = 0;
    for (int64_t k = 0, t = p % f.strips.tiles; k < lanes; ++k) {
      bits |= uint64_t{t > 0} << k;
      if (++t == f.strips.tiles) t = 0;
    }
    const auto inner = hn::LoadMaskBits(d, reinterpret_cast<const uint8_t*>(&bits));
    ForEachTileRow<InputGradientRule>(m + p, f.plane, [&](int i, const V* x) HWY_ATTR {
      T* fourth = spill + 2 * i * spill_pitch + p;
      T* fifth = fourth + spill_pitch;
      hn::StoreU(x[4], d, fourth), hn::StoreU(x[5], d, fifth);
      const V before4 = hn::IfThenElseZero(inner, hn::LoadU(d, fourth - 1));
      const V before5 = hn::IfThenElseZero(inner, hn::LoadU(d, fifth - 1));
      hn::StoreInterleaved4(hn::Add(x[0], before4), hn::Add(x[1], before5), x[2], x[3], d, to + i * row_pitch);
    });
  }
}

template <class T>
HWY_INLINE void CopyExactly(const T* from, int64_t n, T* to) {
  const hn::ScalableTag<T> d;
  for (int64_t j = 0; j < n; j += hn::Lanes(d)) StoreFirst(d, hn::LoadU(d, from + j), n - j, to + j);
}

template <class T>
bool InverseOutputs(const WinogradInverse<T>& f) {
  const WinogradStrips& s = f.strips;
  bool finite = true;
  const int64_t row_pitch = kWinogradTile * f.pitch + hn::Lanes(hn::ScalableTag<T>());
  for (int64_t row = 0; row < f.rows; ++row) {
    finite &= InverseTiles(f.m + row * f.pitch, f.plane, s.count * s.tiles, f.work, row_pitch);
    int64_t image = s.first / s.strips_per_image, i = s.first % s.strips_per_image;
    const T* from = f.work;
    for (int64_t strip = 0; strip < s.count; ++strip, from += kWinogradTile * s.tiles) {
      const int64_t begin = kWinogradTile * i, end = std::min(begin + kWinogradTile, s.height);
      T* to = f.y + row * f.image_row + image * s.image_stride + begin * s.width;
      for (int64_t r = begin; r < end; ++r, to += s.width) CopyExactly(from + (r - begin) * row_pitch, s.width, to);
      if (++i == s.strips_per_image) i = 0, ++image;
    }
  }
  return finite;
}

// A row of a strip's results: columns of all tiles, and the two that stick out behind. Null columns: none.
template <class T>
struct AdjointRow {
  const T* columns;
  const T* spill;
};

// The part of a + b inside the image, to the row at `to`.
template <class T>
HWY_INLINE void AddRows(const WinogradStrips& s, const AdjointRow<T>& a, const AdjointRow<T>& b, int64_t spill_pitch,
                        T* to, FiniteTest<hn::ScalableTag<T>>* test) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d), inside = kWinogradTile * s.tiles;
  const int64_t begin = std::clamp<int64_t>(s.left, 0, inside), end = std::min(inside, s.width + s.left);
  for (int64_t j = begin; j < end; j += lanes) {
    auto v = a.columns != nullptr ? hn::LoadU(d, a.columns + j) : hn::Zero(d);
    if (b.columns != nullptr) v = hn::Add(v, hn::LoadU(d, b.columns + j));
    test->Take(v);
    StoreFirst(d, v, end - j, to + j - s.left);
  }
  for (int64_t j = std::max<int64_t>(inside, s.left); j < std::min(inside + 2, s.width + s.left); ++j) {
    const int64_t k = (j - inside) * spill_pitch;
    const T sum = (a.columns != nullptr ? a.spill[k] : T{0}) + (b.columns != nullptr ? b.spill[k] : T{0});
    test->Take(hn::Set(d, sum));
    to[j - s.left] = sum;
  }
}

// Whole images: strips overlap by two rows.
template <class T>
bool InverseInputs(const WinogradInverse<T>& f) {
  const WinogradStrips& s = f.strips;
  FiniteTest test{hn::ScalableTag<T>()};
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>());
  const int64_t row_pitch = kWinogradTile * f.pitch + lanes, spill_pitch = f.pitch + lanes;
  T* spill = f.work + 6 * row_pitch + lanes;
  const auto row_of = [&](int64_t strip, int64_t r) {
    return AdjointRow<T>{f.work + r * row_pitch + kWinogradTile * strip * s.tiles,
                         spill + 2 * r * spill_pitch + (strip + 1) * s.tiles - 1};
  };
  for (int64_t row = 0; row < f.rows; ++row) {
    AdjointTiles(f, f.m + row * f.pitch, f.work, row_pitch, spill, spill_pitch);
    T* plane = f.y + row * f.image_row + s.first / s.strips_per_image * s.image_stride;
    for (int64_t strip = 0; strip < s.count; strip += s.strips_per_image, plane += s.image_stride) {
      for (int64_t y = 0; y < s.height; ++y) {
        const int64_t i = (y + s.top) / kWinogradTile, r = (y + s.top) % kWinogradTile;
        AdjointRow<T> own{}, above{};
        if (i < s.strips_per_image) own = row_of(strip + i, r);
        if (i > 0 && r < 2) above = row_of(strip + i - 1, kWinogradTile + r);
        AddRows(s, own, above, spill_pitch, plane + y * s.width, &test);
      }
    }
  }
  return test.AllFinite();
}

template <class T>
bool Inverse(const WinogradInverse<T>& f) {
  return f.input ? InverseInputs(f) : InverseOutputs(f);
}

template <class T>
int64_t InverseWork(int64_t pitch) {
  const int64_t lanes = hn::Lanes(hn::ScalableTag<T>());
  return 6 * (kWinogradTile * pitch + lanes) + 12 * (pitch + lanes) + lanes;
}

std::vector<uint64_t> PlacesF32(int64_t tiles, int64_t strips) { return Places<float>(tiles, strips); }
std::vector<uint64_t> PlacesF64(int64_t tiles, int64_t strips) { return Places<double>(tiles, strips); }
int64_t WorkF32(int64_t tiles, int64_t strips) { return Work<float>(tiles, strips); }
int64_t InverseWorkF32(int64_t pitch) { return InverseWork<float>(pitch); }
int64_t InverseWorkF64(int64_t pitch) { return InverseWork<double>(pitch); }
int64_t WorkF64(int64_t tiles, int64_t strips) { return Work<double>(tiles, strips); }
void ForwardF32(const WinogradForward<float>& f) { Forward(f); }
void ForwardF64(const WinogradForward<double>& f) { Forward(f); }
void TransposeF32(const WinogradTranspose<float>& t) { Transpose(t); }
void TransposeF64(const WinogradTranspose<double>& t) { Transpose(t); }
bool InverseF32(const WinogradInverse<float>& f) { return Inverse(f); }
bool InverseF64(const WinogradInverse<double>& f) { return Inverse(f); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(PlacesF32);
HWY_EXPORT(PlacesF64);
HWY_EXPORT(WorkF32);
HWY_EXPORT(WorkF64);
HWY_EXPORT(InverseWorkF32);
HWY_EXPORT(InverseWorkF64);
HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardF64);
HWY_EXPORT(TransposeF32);
HWY_EXPORT(TransposeF64);
HWY_EXPORT(InverseF32);
HWY_EXPORT(InverseF64);

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
int64_t WinogradInverseWork<float>(int64_t pitch) {
  return HWY_DYNAMIC_DISPATCH(InverseWorkF32)(pitch);
}
template <>
int64_t WinogradInverseWork<double>(int64_t pitch) {
  return HWY_DYNAMIC_DISPATCH(InverseWorkF64)(pitch);
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
bool WinogradInverseTransform<float>(const WinogradInverse<float>& f) {
  return HWY_DYNAMIC_DISPATCH(InverseF32)(f);
}
template <>
bool WinogradInverseTransform<double>(const WinogradInverse<double>& f) {
  return HWY_DYNAMIC_DISPATCH(InverseF64)(f);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
