#include "adret/ops/kernels/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/reduce.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "adret/core/dtype.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Numbers of a row that one set of accumulators sums, rows of a column block likewise: short enough for f32.
constexpr int64_t kRowBlock = 2048;
constexpr int64_t kRowsPerFlush = 64;
constexpr int64_t kColumnBlock = 512;

struct SumOp {
  template <class T>
  using Wide = double;
  template <class T>
  static constexpr T Identity() {
    return T{0};
  }
  template <class V>
  static HWY_INLINE V Apply(V a, V b) {
    return hn::Add(a, b);
  }
  template <class T>
  static T Scalar(T a, T b) {
    return a + b;
  }
};

struct ProdOp {
  template <class T>
  using Wide = T;
  template <class T>
  static constexpr T Identity() {
    return T{1};
  }
  template <class V>
  static HWY_INLINE V Apply(V a, V b) {
    return hn::Mul(a, b);
  }
  template <class T>
  static T Scalar(T a, T b) {
    return a * b;
  }
};

// Keeps a NaN once met: a is the accumulator.
struct MaxOp {
  template <class T>
  using Wide = T;
  template <class T>
  static constexpr T Identity() {
    return -std::numeric_limits<T>::infinity();
  }
  template <class V>
  static HWY_INLINE V Apply(V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
  }
  template <class T>
  static T Scalar(T a, T b) {
    return b > a || b != b ? b : a;
  }
};

struct MinOp {
  template <class T>
  using Wide = T;
  template <class T>
  static constexpr T Identity() {
    return std::numeric_limits<T>::infinity();
  }
  template <class V>
  static HWY_INLINE V Apply(V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(b)), b, a);
  }
  template <class T>
  static T Scalar(T a, T b) {
    return b < a || b != b ? b : a;
  }
};

// How a kernel reads x: as it is, or relative to a maximum m, one for all (rows) or one for each column.
struct Plain {
  template <class D, class T>
  HWY_INLINE hn::Vec<D> Load(D d, const T* x, int64_t) const {
    return hn::LoadU(d, x);
  }
  template <class T>
  T Scalar(const T* x, int64_t) const {
    return *x;
  }
};
struct Squared {
  template <class D, class T>
  HWY_INLINE hn::Vec<D> Load(D d, const T* x, int64_t) const {
    const auto v = hn::LoadU(d, x);
    return hn::Mul(v, v);
  }
  template <class T>
  T Scalar(const T* x, int64_t) const {
    return *x * *x;
  }
};
// Where the maximum of column j comes from.
template <class T>
struct OneMaximum {
  T m;
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, int64_t) const {
    return hn::Set(d, m);
  }
  T Scalar(int64_t) const { return m; }
};
template <class T>
struct ColumnMaximum {
  const T* m;
  template <class D>
  HWY_INLINE hn::Vec<D> Load(D d, int64_t j) const {
    return hn::LoadU(d, m + j);
  }
  T Scalar(int64_t j) const { return m[j]; }
};
// exp(x - m) where x is not the maximum, 0 where it is.
template <class Maximum>
struct ExpBelow {
  Maximum m;
  template <class D, class T>
  HWY_INLINE hn::Vec<D> Load(D d, const T* x, int64_t j) const {
    const auto z = hn::Sub(hn::LoadU(d, x), m.Load(d, j));
    return hn::IfThenZeroElse(hn::Eq(z, hn::Zero(d)), hn::Exp(d, z));
  }
  template <class T>
  T Scalar(const T* x, int64_t j) const {
    const T z = *x - m.Scalar(j);
    return z == 0 ? 0 : std::exp(z);
  }
};
// 1 where x is the maximum, 0 elsewhere.
template <class Maximum>
struct IsMaximum {
  Maximum m;
  template <class D, class T>
  HWY_INLINE hn::Vec<D> Load(D d, const T* x, int64_t j) const {
    return hn::IfThenElseZero(hn::Eq(hn::LoadU(d, x), m.Load(d, j)), hn::Set(d, T{1}));
  }
  template <class T>
  T Scalar(const T* x, int64_t j) const {
    return *x == m.Scalar(j) ? T{1} : T{0};
  }
};

template <class R, class D, class T = hn::TFromD<D>>
T ReduceLanes(D d, hn::Vec<D> v) {
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  for (size_t width = hn::Lanes(d) / 2; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) lanes[i] = R::Scalar(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}

template <class R, class T, class Source>
T ReduceRow(const T* x, int64_t n, const Source& source) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  using Wide = typename R::template Wide<T>;
  Wide total = R::template Identity<Wide>();
  while (n >= lanes) {
    const int64_t block = std::min(n, kRowBlock);
    auto a0 = hn::Set(d, R::template Identity<T>());
    auto a1 = a0, a2 = a0, a3 = a0;
    int64_t i = 0;
    for (; i + 4 * lanes <= block; i += 4 * lanes) {
      a0 = R::Apply(a0, source.Load(d, x + i, 0));
      a1 = R::Apply(a1, source.Load(d, x + i + lanes, 0));
      a2 = R::Apply(a2, source.Load(d, x + i + 2 * lanes, 0));
      a3 = R::Apply(a3, source.Load(d, x + i + 3 * lanes, 0));
    }
    for (; i + lanes <= block; i += lanes) a0 = R::Apply(a0, source.Load(d, x + i, 0));
    a0 = R::Apply(R::Apply(a0, a1), R::Apply(a2, a3));
    total = R::Scalar(total, static_cast<Wide>(ReduceLanes<R>(d, a0)));
    x += i;
    n -= i;
  }
  for (int64_t i = 0; i < n; ++i) total = R::Scalar(total, static_cast<Wide>(source.Scalar(x + i, 0)));
  return static_cast<T>(total);
}

// acc[j] = the reduction of rows rows, for j < columns.
template <class R, class T, class Source>
void AccumulateRows(const T* x, int64_t rows, int64_t stride, int64_t columns, const Source& source, T* acc) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  int64_t i = 0;
  if (rows % 2 == 1) {
    int64_t j = 0;
    for (; j + lanes <= columns; j += lanes) hn::StoreU(source.Load(d, x + j, j), d, acc + j);
    for (; j < columns; ++j) acc[j] = source.Scalar(x + j, j);
    i = 1;
  } else {
    std::fill(acc, acc + columns, R::template Identity<T>());
  }
  for (; i < rows; i += 2) {
    const T* x0 = x + i * stride;
    const T* x1 = x0 + stride;
    int64_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      const auto pair = R::Apply(source.Load(d, x0 + j, j), source.Load(d, x1 + j, j));
      hn::StoreU(R::Apply(hn::LoadU(d, acc + j), pair), d, acc + j);
    }
    for (; j < columns; ++j) {
      acc[j] = R::Scalar(acc[j], R::Scalar(source.Scalar(x0 + j, j), source.Scalar(x1 + j, j)));
    }
  }
}

// At most kColumnBlock columns.
template <class R, class T, class Source>
void ReduceColumnBlock(const T* x, int64_t n, int64_t stride, int64_t columns, const Source& source, T* y) {
  using Wide = typename R::template Wide<T>;
  if (n <= kRowsPerFlush || std::is_same_v<T, Wide>) {
    AccumulateRows<R>(x, n, stride, columns, source, y);
    return;
  }
  Wide total[kColumnBlock];
  std::fill(total, total + columns, R::template Identity<Wide>());
  for (int64_t i = 0; i < n; i += kRowsPerFlush) {
    AccumulateRows<R>(x + i * stride, std::min(kRowsPerFlush, n - i), stride, columns, source, y);
    for (int64_t j = 0; j < columns; ++j) total[j] = R::Scalar(total[j], static_cast<Wide>(y[j]));
  }
  for (int64_t j = 0; j < columns; ++j) y[j] = static_cast<T>(total[j]);
}

// Few adjacent columns: `fold` rows are taken as one long row, so that vectors are full.
template <class R, class T>
void ReduceNarrow(const T* x, int64_t n, int64_t columns, T* y) {
  using Wide = typename R::template Wide<T>;
  const int64_t fold = kColumnBlock / columns;
  const int64_t long_rows = n / fold;
  T sums[kColumnBlock];
  ReduceColumnBlock<R>(x, long_rows, fold * columns, fold * columns, Plain(), sums);
  for (int64_t j = 0; j < columns; ++j) {
    Wide total = R::template Identity<Wide>();
    for (int64_t i = 0; i < fold; ++i) total = R::Scalar(total, static_cast<Wide>(sums[i * columns + j]));
    for (int64_t i = long_rows * fold; i < n; ++i) total = R::Scalar(total, static_cast<Wide>(x[i * columns + j]));
    y[j] = static_cast<T>(total);
  }
}

template <class R, class T>
void ReduceColumnsWith(const T* x, int64_t n, int64_t stride, int64_t columns, T* y) {
  if (columns == stride && columns <= kColumnBlock / 4 && n >= 2 * (kColumnBlock / columns)) {
    ReduceNarrow<R>(x, n, columns, y);
    return;
  }
  for (int64_t j = 0; j < columns; j += kColumnBlock) {
    ReduceColumnBlock<R>(x + j, n, stride, std::min(kColumnBlock, columns - j), Plain(), y + j);
  }
}

// log(sum(exp(x))), from the number of maxima m and the sum of exp(x - m) over all others: a rest that is too small to
// change the sum still counts where m is near 0.
template <class T>
T LogOfExpSum(T m, T maxima, T rest) {
  return std::isfinite(m) ? static_cast<T>(m + std::log1p(static_cast<double>(maxima - 1) + rest)) : m;
}

template <class T>
void LogSumExpRows(const T* x, int64_t rows, int64_t n, T* y) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * n;
    const OneMaximum<T> m{ReduceRow<MaxOp>(row, n, Plain())};
    const T maxima = ReduceRow<SumOp>(row, n, IsMaximum<OneMaximum<T>>{m});
    y[i] = LogOfExpSum(m.m, maxima, ReduceRow<SumOp>(row, n, ExpBelow<OneMaximum<T>>{m}));
  }
}

template <class T>
void LogSumExpColumns(const T* x, int64_t n, int64_t stride, int64_t columns, T* y) {
  T m[kColumnBlock], maxima[kColumnBlock];
  const ColumnMaximum<T> maximum{m};
  for (int64_t j = 0; j < columns; j += kColumnBlock) {
    const int64_t block = std::min(kColumnBlock, columns - j);
    ReduceColumnBlock<MaxOp>(x + j, n, stride, block, Plain(), m);
    ReduceColumnBlock<SumOp>(x + j, n, stride, block, IsMaximum<ColumnMaximum<T>>{maximum}, maxima);
    ReduceColumnBlock<SumOp>(x + j, n, stride, block, ExpBelow<ColumnMaximum<T>>{maximum}, y + j);
    for (int64_t k = 0; k < block; ++k) y[j + k] = LogOfExpSum(m[k], maxima[k], y[j + k]);
  }
}

// The norm of numbers `stride` apart, one at a time, scaled by the largest: where squares overflow or vanish.
template <class T>
T ScaledNorm(const T* x, int64_t n, int64_t stride) {
  T largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = MaxOp::Scalar(largest, std::abs(x[i * stride]));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double ratio = static_cast<double>(x[i * stride]) / largest;
    sum += ratio * ratio;
  }
  return static_cast<T>(largest * std::sqrt(sum));
}

// Is the square root of a sum of squares as good as the sum: did none overflow, and none that counts vanish?
template <class T>
bool IsSafeSquare(T sum) {
  return sum >= std::numeric_limits<T>::min() * T{1e9} && sum <= std::numeric_limits<T>::max();
}

template <class T>
void NormRows(const T* x, int64_t rows, int64_t n, T* y) {
  for (int64_t i = 0; i < rows; ++i) {
    const T sum = ReduceRow<SumOp>(x + i * n, n, Squared());
    y[i] = IsSafeSquare(sum) ? std::sqrt(sum) : ScaledNorm(x + i * n, n, 1);
  }
}

template <class T>
void NormColumns(const T* x, int64_t n, int64_t stride, int64_t columns, T* y) {
  for (int64_t j = 0; j < columns; j += kColumnBlock) {
    ReduceColumnBlock<SumOp>(x + j, n, stride, std::min(kColumnBlock, columns - j), Squared(), y + j);
  }
  for (int64_t j = 0; j < columns; ++j) {
    y[j] = IsSafeSquare(y[j]) ? std::sqrt(y[j]) : ScaledNorm(x + j, n, stride);
  }
}

template <class R, class T>
void ReduceRowsWith(const T* x, int64_t rows, int64_t n, T* y) {
  for (int64_t i = 0; i < rows; ++i) y[i] = ReduceRow<R>(x + i * n, n, Plain());
}

template <class T>
void Rows(Reduction reduction, const T* x, int64_t rows, int64_t n, T* y) {
  switch (reduction) {
    case Reduction::kSum:
      return ReduceRowsWith<SumOp>(x, rows, n, y);
    case Reduction::kProd:
      return ReduceRowsWith<ProdOp>(x, rows, n, y);
    case Reduction::kMax:
      return ReduceRowsWith<MaxOp>(x, rows, n, y);
    case Reduction::kMin:
      return ReduceRowsWith<MinOp>(x, rows, n, y);
    case Reduction::kLogSumExp:
      return LogSumExpRows(x, rows, n, y);
    case Reduction::kNorm:
      return NormRows(x, rows, n, y);
  }
}

template <class T>
void Columns(Reduction reduction, const T* x, int64_t n, int64_t stride, int64_t columns, T* y) {
  switch (reduction) {
    case Reduction::kSum:
      return ReduceColumnsWith<SumOp>(x, n, stride, columns, y);
    case Reduction::kProd:
      return ReduceColumnsWith<ProdOp>(x, n, stride, columns, y);
    case Reduction::kMax:
      return ReduceColumnsWith<MaxOp>(x, n, stride, columns, y);
    case Reduction::kMin:
      return ReduceColumnsWith<MinOp>(x, n, stride, columns, y);
    case Reduction::kLogSumExp:
      return LogSumExpColumns(x, n, stride, columns, y);
    case Reduction::kNorm:
      return NormColumns(x, n, stride, columns, y);
  }
}

void RowsF32(Reduction r, const float* x, int64_t rows, int64_t n, float* y) { Rows(r, x, rows, n, y); }
void RowsF64(Reduction r, const double* x, int64_t rows, int64_t n, double* y) { Rows(r, x, rows, n, y); }
void ColumnsF32(Reduction r, const float* x, int64_t n, int64_t stride, int64_t columns, float* y) {
  Columns(r, x, n, stride, columns, y);
}
void ColumnsF64(Reduction r, const double* x, int64_t n, int64_t stride, int64_t columns, double* y) {
  Columns(r, x, n, stride, columns, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(RowsF32);
HWY_EXPORT(RowsF64);
HWY_EXPORT(ColumnsF32);
HWY_EXPORT(ColumnsF64);

// Wraps around, as two's complement does. Narrow types are not left to int, in which 65535 * 65535 overflows.
template <class T>
T Combine(Reduction reduction, T a, T b) {
  using U = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
  switch (reduction) {
    case Reduction::kSum:
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    case Reduction::kProd:
      return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    case Reduction::kMax:
      return std::max(a, b);
    default:
      return std::min(a, b);
  }
}

}  // namespace

void ReduceRows(Reduction reduction, const float* x, int64_t rows, int64_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(RowsF32)(reduction, x, rows, n, y);
}
void ReduceRows(Reduction reduction, const double* x, int64_t rows, int64_t n, double* y) {
  HWY_DYNAMIC_DISPATCH(RowsF64)(reduction, x, rows, n, y);
}
template <std::integral T>
void ReduceRows(Reduction reduction, const T* x, int64_t rows, int64_t n, T* y) {
  for (int64_t i = 0; i < rows; ++i, x += n) {
    T total = x[0];
    for (int64_t j = 1; j < n; ++j) total = Combine(reduction, total, x[j]);
    y[i] = total;
  }
}
void ReduceColumns(Reduction reduction, const float* x, int64_t n, int64_t stride, int64_t columns, float* y) {
  HWY_DYNAMIC_DISPATCH(ColumnsF32)(reduction, x, n, stride, columns, y);
}
void ReduceColumns(Reduction reduction, const double* x, int64_t n, int64_t stride, int64_t columns, double* y) {
  HWY_DYNAMIC_DISPATCH(ColumnsF64)(reduction, x, n, stride, columns, y);
}
template <std::integral T>
void ReduceColumns(Reduction reduction, const T* x, int64_t n, int64_t stride, int64_t columns, T* y) {
  std::copy(x, x + columns, y);
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[j] = Combine(reduction, y[j], x[i * stride + j]);
  }
}

#define ADRET_INSTANTIATE(T)                                           \
  template void ReduceRows(Reduction, const T*, int64_t, int64_t, T*); \
  template void ReduceColumns(Reduction, const T*, int64_t, int64_t, int64_t, T*);
ADRET_INTEGER_TYPES(ADRET_INSTANTIATE)
#undef ADRET_INSTANTIATE

}  // namespace adret::kernels
#endif  // HWY_ONCE
