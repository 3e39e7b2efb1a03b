#include "adret/ops/kernels/pool2d.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/pool2d.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After foreach_target.h.
#include "adret/ops/kernels/part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors hold neighbouring outputs of a row; tap after tap of their windows is folded in, in row-major order. Rows are
// shorter than a vector more often than not, so parts of vectors are the usual case.

// Elements [at, at + lanes) of a row of which [0, n) exist, and `outside` in place of the others.
template <class D, class T>
HWY_INLINE hn::Vec<D> LoadPart(D d, const T* row, int64_t at, int64_t n, T outside) {
  const int64_t lanes = hn::Lanes(d);
  if (HWY_LIKELY(at >= 0 && at + lanes <= n)) return hn::LoadU(d, row + at);
  const int64_t from = std::clamp<int64_t>(-at, 0, lanes), to = std::clamp<int64_t>(n - at, from, lanes);
#if HWY_TARGET <= HWY_AVX2
  // Faults are suppressed behind the mask.
  const auto inside = hn::AndNot(hn::FirstN(d, from), hn::FirstN(d, to));
  return hn::IfThenElse(inside, hn::MaskedLoad(inside, d, row + at), hn::Set(d, outside));
#else
  HWY_ALIGN T buffer[hn::MaxLanes(hn::ScalableTag<T>())];
  hn::Store(hn::Set(d, outside), d, buffer);
  std::copy(row + at + from, row + at + to, buffer + from);
  return hn::Load(d, buffer);
#endif
}

// Highway narrows no vectors of 64-bit integers everywhere.
using I64 = hn::ScalableTag<int64_t>;
HWY_INLINE void StoreFirst(I64 d, hn::Vec<I64> v, int64_t n, int32_t* p) {
  HWY_ALIGN int64_t buffer[hn::MaxLanes(I64())];
  hn::Store(v, d, buffer);
  std::copy_n(buffer, std::min<int64_t>(n, hn::Lanes(d)), p);
}

// Elements 0, 2, 4, ... and 1, 3, 5, ... of two vectors.
#if HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE V Even(D, V, V low) {
  return low;
}
template <class D, class V>
HWY_INLINE V Odd(D, V high, V) {
  return high;
}
#else
template <class D, class V>
HWY_INLINE V Even(D d, V high, V low) {
  return hn::ConcatEven(d, high, low);
}
template <class D, class V>
HWY_INLINE V Odd(D d, V high, V low) {
  return hn::ConcatOdd(d, high, low);
}
#endif

// Whether v takes the place of the best: it is greater, or the first NaN.
template <class V>
HWY_INLINE auto Better(V v, V best) {
  return hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(v, best)));
}

// What is done with windows. A Fold takes the taps of one vector of windows, in row-major order.
template <int kStride, class T>
struct MaxOp {
  using D = hn::ScalableTag<T>;
  using DI = hn::RebindToSigned<D>;
  using I = hn::TFromD<DI>;
  static constexpr T kOutside = -std::numeric_limits<T>::infinity();
  T* y;
  int32_t* argmax;

  struct Fold {
    hn::Vec<D> best;
    hn::Vec<DI> index;
    // v: of elements at, at + kStride, ... of the plane.
    HWY_INLINE void Take(hn::Vec<D> v, int64_t at) {
      const auto better = Better(v, best);
      best = hn::IfThenElse(better, v, best);
      index = hn::IfThenElse(hn::RebindMask(DI(), better), Indices(at), index);
    }
  };
  static HWY_INLINE hn::Vec<DI> Indices(int64_t at) {
    const DI di;
    return hn::Add(hn::Mul(hn::Iota(di, 0), hn::Set(di, I{kStride})), hn::Set(di, static_cast<I>(at)));
  }
  // Nothing is greater than -infinity in a window of it: the first element inside stands.
  HWY_INLINE Fold Start(const Pool2dShape& s, int64_t row, int64_t column) const {
    const int64_t first_row = row + s.RowsInside(row).begin * s.dilation_h;
    const auto columns = hn::Max(Indices(column), hn::Zero(DI()));
    return {hn::Set(D(), kOutside), hn::Add(hn::Set(DI(), static_cast<I>(first_row * s.width)), columns)};
  }
  // Of n outputs from the one at o.
  HWY_INLINE void Finish(const Fold& fold, const Pool2dShape&, int64_t, int64_t, int64_t o, int64_t n) const {
    if (y != nullptr) StoreFirst(D(), fold.best, n, y + o);
    StoreFirst(DI(), fold.index, n, argmax + o);
  }
};

// The maxima alone.
template <int kStride, class T>
struct MaxValueOp {
  using D = hn::ScalableTag<T>;
  static constexpr T kOutside = -std::numeric_limits<T>::infinity();
  T* y;

  struct Fold {
    hn::Vec<D> best;
    HWY_INLINE void Take(hn::Vec<D> v, int64_t) { best = hn::IfThenElse(Better(v, best), v, best); }
  };
  HWY_INLINE Fold Start(const Pool2dShape&, int64_t, int64_t) const { return {hn::Set(D(), kOutside)}; }
  HWY_INLINE void Finish(const Fold& fold, const Pool2dShape&, int64_t, int64_t, int64_t o, int64_t n) const {
    StoreFirst(D(), fold.best, n, y + o);
  }
};

template <int kStride, class T>
struct AvgOp {
  using D = hn::ScalableTag<T>;
  using DI = hn::RebindToSigned<D>;
  using I = hn::TFromD<DI>;
  static constexpr T kOutside = 0;
  T* y;

  struct Fold {
    hn::Vec<D> sum;
    HWY_INLINE void Take(hn::Vec<D> v, int64_t) { sum = hn::Add(sum, v); }
  };
  HWY_INLINE Fold Start(const Pool2dShape&, int64_t, int64_t) const { return {hn::Zero(D())}; }
  HWY_INLINE void Finish(const Fold& fold, const Pool2dShape& s, int64_t row, int64_t column, int64_t o,
                         int64_t n) const {
    // What Divisor() says.
    const D d;
    const DI di;
    const auto begin = hn::Add(hn::Mul(hn::Iota(di, 0), hn::Set(di, I{kStride})), hn::Set(di, static_cast<I>(column)));
    const auto limit = hn::Set(di, static_cast<I>(s.width + (s.count_padding ? s.pad_right : 0)));
    const auto end = hn::Min(hn::Add(begin, hn::Set(di, static_cast<I>(s.kernel_w))), limit);
    const auto columns = hn::Sub(end, s.count_padding ? begin : hn::Max(begin, hn::Zero(di)));
    const auto rows = hn::Set(d, static_cast<T>(s.DividedRows(row)));
    StoreFirst(d, hn::Div(fold.sum, hn::Mul(rows, hn::ConvertTo(d, columns))), n, y + o);
  }
};

// Windows that lie inside, K x K without dilation; so do all elements of their vectors.
template <int kStride, int K, class D, class T, class Fold>
HWY_INLINE Fold FoldInside(D d, const T* x, int64_t width, int64_t at, Fold fold) {
  const int64_t lanes = hn::Lanes(d);
  HWY_UNROLL(3)
  for (int r = 0; r < K; ++r, at += width) {
    if constexpr (kStride == 1) {
      HWY_UNROLL(3)
      for (int c = 0; c < K; ++c) fold.Take(hn::LoadU(d, x + at + c), at + c);
    } else {
      HWY_UNROLL(2)
      for (int c = 0; c < K; c += 2) {
        const auto low = hn::LoadU(d, x + at + c), high = hn::LoadU(d, x + at + c + lanes);
        fold.Take(Even(d, high, low), at + c);
        if (c + 1 < K) fold.Take(Odd(d, high, low), at + c + 1);
      }
    }
  }
  return fold;
}

// n windows, the first of which begins at (row, column). overrun: lanes of other windows may hold what is beyond a row.
template <int kStride, int K, class D, class T, class Fold>
HWY_INLINE Fold FoldTaps(D d, const Pool2dShape& s, const T* x, int64_t row, int64_t column, int64_t n, bool overrun,
                         T outside, Fold fold) {
  const int64_t lanes = hn::Lanes(d), dilation = K > 0 ? 1 : s.dilation_w;
  const Pool2dShape::Taps rows = s.RowsInside(row);
  const int64_t first = K > 0 ? 0 : s.ColumnsInside(column + (n - 1) * kStride).begin;
  const int64_t last = K > 0 ? K : s.ColumnsInside(column).end;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const int64_t start = (row + r * (K > 0 ? 1 : s.dilation_h)) * s.width;
    const T* from = x + start;
    const int64_t end = overrun ? s.height * s.width - start : s.width;
    for (int64_t c = first; c < last; ++c) {
      const int64_t at = column + c * dilation;
      const auto low = LoadPart(d, from, at, end, outside);
      if constexpr (kStride == 1) {
        fold.Take(low, start + at);
      } else {
        const auto high = LoadPart(d, from, at + lanes, end, outside);
        fold.Take(Even(d, high, low), start + at);
        if (dilation != 1 || c + 1 >= last) continue;
        ++c;
        fold.Take(Odd(d, high, low), start + at + 1);
      }
    }
  }
  return fold;
}

// K: of K x K windows without dilation, or 0 for any.
template <int kStride, int K, class T, class Op>
void RunWindows(const Pool2dShape& s, const T* x, const Op op) {
  const typename Op::D d;
  const int64_t lanes = hn::Lanes(d), out_width = s.out_width;
  // Without padding on the right only outputs beyond out_width reach beyond a row: what comes behind it will do.
  const bool overrun = s.ColumnOf(out_width - 1) + (s.kernel_w - 1) * s.dilation_w < s.width;
  for (int64_t i = 0; i < s.out_height; ++i) {
    const int64_t row = s.RowOf(i), last_row = row + K - 1;
    const int64_t end = K == 0 || row < 0 || last_row >= s.height ? 0
                        : overrun                                 ? (s.height - last_row) * s.width
                                                                  : s.width;
    int64_t column = s.ColumnOf(0), o = i * out_width, n = out_width;  // outputs that are left
    for (; n > 0; n -= lanes, o += lanes, column += kStride * lanes) {
      auto fold = op.Start(s, row, column);
      if (HWY_LIKELY(K > 0 && column >= 0 && column + kStride * lanes + K - 1 <= end)) {
        fold = FoldInside<kStride, K>(d, x, s.width, row * s.width + column, fold);
      } else {
        fold = FoldTaps<kStride, K>(d, s, x, row, column, std::min(n, lanes), overrun, Op::kOutside, fold);
      }
      op.Finish(fold, s, row, column, o, n);
    }
  }
}

template <template <int, class> class Op, class T, class... Out>
void RunOp(const Pool2dShape& s, const T* x, Out*... out) {
  const bool square = s.kernel_h == s.kernel_w && s.dilation_h == 1 && s.dilation_w == 1;
  const auto run = [&](auto stride) {
    constexpr int kStride = decltype(stride)::value;
    const Op<kStride, T> op{out...};
    if (square && s.kernel_w == 2) return RunWindows<kStride, 2>(s, x, op);
    if (square && s.kernel_w == 3) return RunWindows<kStride, 3>(s, x, op);
    RunWindows<kStride, 0>(s, x, op);
  };
  s.stride_w == 1 ? run(std::integral_constant<int, 1>()) : run(std::integral_constant<int, 2>());
}
void MaxF32(const Pool2dShape& s, const float* x, float* y, int32_t* argmax) {
  argmax == nullptr ? RunOp<MaxValueOp>(s, x, y) : RunOp<MaxOp>(s, x, y, argmax);
}
void MaxF64(const Pool2dShape& s, const double* x, double* y, int32_t* argmax) {
  argmax == nullptr ? RunOp<MaxValueOp>(s, x, y) : RunOp<MaxOp>(s, x, y, argmax);
}
void AvgF32(const Pool2dShape& s, const float* x, float* y) { RunOp<AvgOp>(s, x, y); }
void AvgF64(const Pool2dShape& s, const double* x, double* y) { RunOp<AvgOp>(s, x, y); }

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {

HWY_EXPORT(MaxF32);
HWY_EXPORT(MaxF64);
HWY_EXPORT(AvgF32);
HWY_EXPORT(AvgF64);

template <class T>
void MaxPoolPlane(const Pool2dShape& s, const T* x, T* y, int32_t* argmax) {
  // Where windows begin in the padding, vectors take their first element inside to be in column 0.
  if (s.stride_w <= 2 && (s.dilation_w == 1 || s.pad_left == 0)) {
    if constexpr (std::is_same_v<T, float>) return HWY_DYNAMIC_DISPATCH(MaxF32)(s, x, y, argmax);
    if constexpr (std::is_same_v<T, double>) return HWY_DYNAMIC_DISPATCH(MaxF64)(s, x, y, argmax);
  }
  s.ForEachWindow([&](int64_t o, Pool2dShape::Taps rows, Pool2dShape::Taps columns, int64_t h, int64_t w) {
    int64_t index = (h + rows.begin * s.dilation_h) * s.width + w + columns.begin * s.dilation_w;
    T best = x[index];
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const int64_t row = (h + r * s.dilation_h) * s.width + w;
      for (int64_t c = columns.begin; c < columns.end; ++c) {
        const int64_t at = row + c * s.dilation_w;
        if (!(x[at] <= best) && !std::isnan(best)) best = x[at], index = at;
      }
    }
    if (y != nullptr) y[o] = best;
    if (argmax != nullptr) argmax[o] = static_cast<int32_t>(index);
  });
}

template <class T>
void AvgPoolPlane(const Pool2dShape& s, const T* x, T* y) {
  if (s.stride_w <= 2) {
    if constexpr (std::is_same_v<T, float>) return HWY_DYNAMIC_DISPATCH(AvgF32)(s, x, y);
    if constexpr (std::is_same_v<T, double>) return HWY_DYNAMIC_DISPATCH(AvgF64)(s, x, y);
  }
  s.ForEachWindow([&](int64_t o, Pool2dShape::Taps rows, Pool2dShape::Taps columns, int64_t h, int64_t w) {
    T sum = 0;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const T* row = x + (h + r) * s.width + w;
      for (int64_t c = columns.begin; c < columns.end; ++c) sum += row[c];
    }
    y[o] = static_cast<T>(sum / s.Divisor(h, w));
  });
}

template void MaxPoolPlane<float>(const Pool2dShape&, const float*, float*, int32_t*);
template void MaxPoolPlane<double>(const Pool2dShape&, const double*, double*, int32_t*);
template void AvgPoolPlane<float>(const Pool2dShape&, const float*, float*);
template void AvgPoolPlane<double>(const Pool2dShape&, const double*, double*);

}  // namespace adret::kernels
#endif  // HWY_ONCE
