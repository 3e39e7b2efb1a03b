#include "adret/ops/kernels/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/softmax.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "adret/ops/kernels/exp_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void SoftmaxRow(const T* x, int64_t n, T* y) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const double sum = row.Sum([&](int64_t i) {
    const auto e = row.ExpMinus(x, i, m);
    row.Store(e, y, i);
    return e;
  });
  const auto scale = hn::Set(row.d, static_cast<T>(1 / sum));
  for (int64_t i = 0; i < n; i += row.lanes) row.Store(hn::Mul(row.Load(y, i, 0), scale), y, i);
}

template <class T>
void LogSoftmaxRow(const T* x, int64_t n, T* y) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const ExpSum sum = SumExpMinus(row, x, m, [](int64_t, auto) {});
  const auto vm = hn::Set(row.d, m);
  const auto log_sum = hn::Set(row.d, static_cast<T>(sum.Log()));
  for (int64_t i = 0; i < n; i += row.lanes) row.Store(hn::Sub(hn::Sub(row.Load(x, i, 0), vm), log_sum), y, i);
}

// The largest y so far of each lane, the d beside it, and the sum of all other d: what gradients need to be exact where
// the largest y is nearly everything.
template <class T>
struct Leader {
  using V = typename Row<T>::V;
  V y, d, others;

  HWY_INLINE void Take(V next_y, V next_d) {
    const auto better = hn::Gt(next_y, y);
    others = hn::Add(others, hn::IfThenElse(better, d, next_d));
    y = hn::IfThenElse(better, next_y, y);
    d = hn::IfThenElse(better, next_d, d);
  }
};

// The leader of a whole row, whose padding is `lowest` for y and 0 for d.
template <class T>
struct RowLeader {
  T y, d = 0;
  double others = 0;

  HWY_INLINE RowLeader(const Row<T>& row, const T* ys, const T* ds, T lowest) {
    const auto zero = hn::Zero(row.d);
    Leader<T> lanes{hn::Set(row.d, lowest), zero, zero};
    for (int64_t i = 0; i < row.n;) {
      const int64_t end = std::min(row.n, i + kVectorsPerFlush * row.lanes);
      lanes.others = zero;
      for (; i < end; i += row.lanes) lanes.Take(row.Load(ys, i, lowest), row.Load(ds, i, 0));
      others += hn::GetLane(hn::SumOfLanes(row.d, lanes.others));
    }
    const auto top = hn::MaxOfLanes(row.d, lanes.y);
    const intptr_t first = hn::FindFirstTrue(row.d, hn::Eq(lanes.y, top));
    const auto leads = hn::Eq(hn::Iota(row.d, 0), hn::Set(row.d, static_cast<T>(first)));
    y = hn::GetLane(top);
    d = hn::GetLane(hn::SumOfLanes(row.d, hn::IfThenElseZero(leads, lanes.d)));
    others += hn::GetLane(hn::SumOfLanes(row.d, hn::IfThenZeroElse(leads, lanes.d)));
  }
};

// The gradient does not change when a number is taken from all dy, as y sums to 1. That number is the leader's dy:
// where the leader is 1 but for rounding, dy - sum(dy y) would be 0.
template <class T>
void SoftmaxGradRow(const T* y, const T* dy, int64_t n, T* dx) {
  const Row<T> row(n);
  const auto shift = hn::Set(row.d, RowLeader<T>(row, y, dy, -1).d);
  const double dot = row.Sum([&](int64_t i) { return hn::Mul(row.Load(y, i, 0), hn::Sub(row.Load(dy, i, 0), shift)); });
  const auto vdot = hn::Set(row.d, static_cast<T>(dot));
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto shifted = hn::Sub(row.Load(dy, i, 0), shift);
    row.Store(hn::Mul(row.Load(y, i, 0), hn::Sub(shifted, vdot)), dx, i);
  }
}

// dx = dy - p sum(dy) with p = exp(y). Of the leader, dy (1 - p) - p (sum of the other dy) says the same without
// cancellation; others is that sum, rest the leader's 1 - p.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogSoftmaxGradOf(D d, V y, V dy, V best, V best_d, V others, V rest) {
  const V p = hn::Exp(d, y);
  const V plain = hn::NegMulAdd(p, hn::Add(others, best_d), dy);
  const V leading = hn::NegMulAdd(p, hn::Add(others, hn::Sub(best_d, dy)), hn::Mul(dy, rest));
  const V dx = hn::IfThenElse(hn::Eq(y, best), leading, plain);
  return hn::IfThenElse(hn::IsNaN(y), y, dx);  // the exponential of NaN need not be NaN
}

template <class T>
void LogSoftmaxGradRow(const T* y, const T* dy, int64_t n, T* dx) {
  const Row<T> row(n);
  const RowLeader<T> leader(row, y, dy, -std::numeric_limits<T>::infinity());
  const auto best = hn::Set(row.d, leader.y), best_d = hn::Set(row.d, leader.d);
  const auto others = hn::Set(row.d, static_cast<T>(leader.others));
  const auto rest = hn::Set(row.d, static_cast<T>(-std::expm1(leader.y)));
  for (int64_t i = 0; i < n; i += row.lanes) {
    row.Store(LogSoftmaxGradOf(row.d, row.Load(y, i, 0), row.Load(dy, i, 0), best, best_d, others, rest), dx, i);
  }
}

// ---- Columns: a problem in each lane ----

// A vector of columns, from column j on, and some of their rows. Rows are taken in groups that are small enough to stay
// in the first cache while one vector of columns after the other goes through them, with its sums in registers.
constexpr int64_t kRowsPerGroup = 16;
static_assert(kVectorsPerFlush % kRowsPerGroup == 0);

template <class T>
struct Columns {
  using V = typename Row<T>::V;
  Row<T> row;
  int64_t stride, j, begin, end;

  HWY_INLINE V Load(const T* x, int64_t i) const { return row.Load(x + i * stride, j, 0); }
  HWY_INLINE void Store(V v, T* y, int64_t i) const { row.Store(v, y + i * stride, j); }
};

// Calls f(columns) for each vector of columns and each group of rows, in order, and then() after each kVectorsPerFlush
// rows and at the end.
template <class T, class F, class Then>
HWY_INLINE void ForEachGroup(const SoftmaxLayout& l, F&& f, Then&& then) {
  Columns<T> c{Row<T>(l.columns), l.stride, 0, 0, 0};
  const int64_t n = l.n;
  for (; c.begin < n; c.begin = c.end) {
    c.end = std::min(n, c.begin + kRowsPerGroup);
    for (c.j = 0; c.j < c.row.n; c.j += c.row.lanes) f(std::as_const(c));
    if (c.end == n || c.end % kVectorsPerFlush == 0) then();
  }
}
template <class T, class F>
HWY_INLINE void ForEachGroup(const SoftmaxLayout& l, F&& f) {
  ForEachGroup<T>(l, f, [] {});
}

// A number for each column.
template <class T>
struct ColumnNumbers {
  using V = typename Row<T>::V;
  HWY_ALIGN T v[kMaxSoftmaxColumns];

  // f(j) for each column j.
  template <class F>
  void Fill(int64_t columns, F&& f) {
    for (int64_t j = 0; j < columns; ++j) v[j] = static_cast<T>(f(j));
  }
  HWY_INLINE V Load(const Columns<T>& c) const { return hn::Load(c.row.d, v + c.j); }
  HWY_INLINE void Store(V numbers, const Columns<T>& c) { hn::Store(numbers, c.row.d, v + c.j); }
};

// Sums of columns. Adds at most kVectorsPerFlush numbers in T before f64 takes over.
template <class T>
struct ColumnSums {
  ColumnNumbers<T> partial;
  double total[kMaxSoftmaxColumns];

  explicit ColumnSums(int64_t columns) {
    std::fill(partial.v, partial.v + kMaxSoftmaxColumns, T{0});
    std::fill(total, total + columns, 0);
  }
  void Flush(int64_t columns) {
    for (int64_t j = 0; j < columns; ++j) {
      total[j] += partial.v[j];
      partial.v[j] = 0;
    }
  }
};

// m = the maximum of each column, NaN if there is one.
template <class T>
HWY_INLINE void MaxOfColumns(const SoftmaxLayout& l, const T* x, ColumnNumbers<T>* m) {
  ForEachGroup<T>(l, [=](const Columns<T> c) {
    auto best = c.begin == 0 ? c.Load(x, 0) : m->Load(c);
    for (int64_t i = c.begin; i < c.end; ++i) {
      const auto v = c.Load(x, i);
      best = hn::IfThenElse(hn::Or(hn::Gt(v, best), hn::IsNaN(v)), v, best);
    }
    m->Store(best, c);
  });
}

template <class T>
void SoftmaxColumns(const SoftmaxLayout& l, const T* x, T* y) {
  ColumnNumbers<T> maxima, scales;
  ColumnSums<T> sums(l.columns);
  MaxOfColumns(l, x, &maxima);
  ForEachGroup<T>(
      l,
      [x, y, &maxima, &sums](const Columns<T> c) {
        const auto m = maxima.Load(c);
        auto sum = sums.partial.Load(c);
        for (int64_t i = c.begin; i < c.end; ++i) {
          const auto e = hn::Exp(c.row.d, hn::Sub(c.Load(x, i), m));
          c.Store(e, y, i);
          sum = hn::Add(sum, e);
        }
        sums.partial.Store(sum, c);
      },
      [&] { sums.Flush(l.columns); });
  scales.Fill(l.columns, [&](int64_t j) { return 1 / sums.total[j]; });
  ForEachGroup<T>(l, [y, &scales](const Columns<T> c) {
    const auto scale = scales.Load(c);
    for (int64_t i = c.begin; i < c.end; ++i) c.Store(hn::Mul(c.Load(y, i), scale), y, i);
  });
}

template <class T>
void LogSoftmaxColumns(const SoftmaxLayout& l, const T* x, T* y) {
  ColumnNumbers<T> maxima, logs;
  ColumnSums<T> counts(l.columns), sums(l.columns);
  MaxOfColumns(l, x, &maxima);
  ForEachGroup<T>(
      l,
      [x, &maxima, &counts, &sums](const Columns<T> c) {
        const auto m = maxima.Load(c), zero = hn::Zero(c.row.d), one = hn::Set(c.row.d, T{1});
        auto count = counts.partial.Load(c), sum = sums.partial.Load(c);
        for (int64_t i = c.begin; i < c.end; ++i) {
          const auto z = hn::Sub(c.Load(x, i), m);
          const auto top = hn::Eq(z, zero);
          sum = hn::Add(sum, hn::IfThenZeroElse(top, hn::Exp(c.row.d, z)));
          count = hn::Add(count, hn::IfThenElseZero(top, one));
        }
        counts.partial.Store(count, c);
        sums.partial.Store(sum, c);
      },
      [&] { counts.Flush(l.columns), sums.Flush(l.columns); });
  logs.Fill(l.columns, [&](int64_t j) { return ExpSum{counts.total[j], sums.total[j]}.Log(); });
  ForEachGroup<T>(l, [x, y, &maxima, &logs](const Columns<T> c) {
    const auto m = maxima.Load(c), log_sum = logs.Load(c);
    for (int64_t i = c.begin; i < c.end; ++i) c.Store(hn::Sub(hn::Sub(c.Load(x, i), m), log_sum), y, i);
  });
}

// The leader of each column, from rows in order; see Leader.
template <class T>
struct ColumnLeaders {
  ColumnNumbers<T> y, d;
  ColumnSums<T> others;

  ColumnLeaders(const SoftmaxLayout& l, const T* ys, const T* ds, T lowest) : others(l.columns) {
    std::fill(y.v, y.v + kMaxSoftmaxColumns, lowest);
    std::fill(d.v, d.v + kMaxSoftmaxColumns, T{0});
    ForEachGroup<T>(
        l,
        [this, ys, ds](const Columns<T> c) {
          Leader<T> lanes{y.Load(c), d.Load(c), others.partial.Load(c)};
          for (int64_t i = c.begin; i < c.end; ++i) lanes.Take(c.Load(ys, i), c.Load(ds, i));
          y.Store(lanes.y, c);
          d.Store(lanes.d, c);
          others.partial.Store(lanes.others, c);
        },
        [&] { others.Flush(l.columns); });
  }
};

template <class T>
void SoftmaxGradColumns(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  const ColumnLeaders<T> leaders(l, y, dy, -1);
  ColumnSums<T> sums(l.columns);
  ForEachGroup<T>(
      l,
      [y, dy, &leaders, &sums](const Columns<T> c) {
        const auto shift = leaders.d.Load(c);
        auto sum = sums.partial.Load(c);
        for (int64_t i = c.begin; i < c.end; ++i) {
          sum = hn::Add(sum, hn::Mul(c.Load(y, i), hn::Sub(c.Load(dy, i), shift)));
        }
        sums.partial.Store(sum, c);
      },
      [&] { sums.Flush(l.columns); });
  ColumnNumbers<T> dots;
  dots.Fill(l.columns, [&](int64_t j) { return sums.total[j]; });
  ForEachGroup<T>(l, [y, dy, dx, &leaders, &dots](const Columns<T> c) {
    const auto shift = leaders.d.Load(c), dot = dots.Load(c);
    for (int64_t i = c.begin; i < c.end; ++i) {
      c.Store(hn::Mul(c.Load(y, i), hn::Sub(hn::Sub(c.Load(dy, i), shift), dot)), dx, i);
    }
  });
}

template <class T>
void LogSoftmaxGradColumns(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  const ColumnLeaders<T> leaders(l, y, dy, -std::numeric_limits<T>::infinity());
  ColumnNumbers<T> others, rests;
  others.Fill(l.columns, [&](int64_t j) { return leaders.others.total[j]; });
  rests.Fill(l.columns, [&](int64_t j) { return -std::expm1(leaders.y.v[j]); });
  ForEachGroup<T>(l, [y, dy, dx, &leaders, &others, &rests](const Columns<T> c) {
    const auto best = leaders.y.Load(c), best_d = leaders.d.Load(c), other = others.Load(c), rest = rests.Load(c);
    for (int64_t i = c.begin; i < c.end; ++i) {
      c.Store(LogSoftmaxGradOf(c.row.d, c.Load(y, i), c.Load(dy, i), best, best_d, other, rest), dx, i);
    }
  });
}

bool IsRow(const SoftmaxLayout& l) { return l.columns == 1 && l.stride == 1; }

template <class T>
void SoftmaxOf(const SoftmaxLayout& l, const T* x, T* y) {
  if (IsRow(l)) return SoftmaxRow(x, l.n, y);
  SoftmaxColumns(l, x, y);
}
template <class T>
void LogSoftmaxOf(const SoftmaxLayout& l, const T* x, T* y) {
  if (IsRow(l)) return LogSoftmaxRow(x, l.n, y);
  LogSoftmaxColumns(l, x, y);
}
template <class T>
void SoftmaxGradOf(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  if (IsRow(l)) return SoftmaxGradRow(y, dy, l.n, dx);
  SoftmaxGradColumns(l, y, dy, dx);
}

template <class T>
void LogSoftmaxGradAlong(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  if (IsRow(l)) return LogSoftmaxGradRow(y, dy, l.n, dx);
  LogSoftmaxGradColumns(l, y, dy, dx);
}

void SoftmaxF32(const SoftmaxLayout& l, const float* x, float* y) { SoftmaxOf(l, x, y); }
void SoftmaxF64(const SoftmaxLayout& l, const double* x, double* y) { SoftmaxOf(l, x, y); }
void LogSoftmaxF32(const SoftmaxLayout& l, const float* x, float* y) { LogSoftmaxOf(l, x, y); }
void LogSoftmaxF64(const SoftmaxLayout& l, const double* x, double* y) { LogSoftmaxOf(l, x, y); }
void SoftmaxGradF32(const SoftmaxLayout& l, const float* y, const float* dy, float* dx) { SoftmaxGradOf(l, y, dy, dx); }
void SoftmaxGradF64(const SoftmaxLayout& l, const double* y, const double* dy, double* dx) {
  SoftmaxGradOf(l, y, dy, dx);
}
void LogSoftmaxGradF32(const SoftmaxLayout& l, const float* y, const float* dy, float* dx) {
  LogSoftmaxGradAlong(l, y, dy, dx);
}
void LogSoftmaxGradF64(const SoftmaxLayout& l, const double* y, const double* dy, double* dx) {
  LogSoftmaxGradAlong(l, y, dy, dx);
}
}  // namespace HWY_NAMESPACE
}  // namespace adret::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace adret::kernels {
namespace {

HWY_EXPORT(SoftmaxF32);
HWY_EXPORT(SoftmaxF64);
HWY_EXPORT(LogSoftmaxF32);
HWY_EXPORT(LogSoftmaxF64);
HWY_EXPORT(SoftmaxGradF32);
HWY_EXPORT(SoftmaxGradF64);
HWY_EXPORT(LogSoftmaxGradF32);
HWY_EXPORT(LogSoftmaxGradF64);

}  // namespace

void Softmax(const SoftmaxLayout& l, const float* x, float* y) { HWY_DYNAMIC_DISPATCH(SoftmaxF32)(l, x, y); }
void Softmax(const SoftmaxLayout& l, const double* x, double* y) { HWY_DYNAMIC_DISPATCH(SoftmaxF64)(l, x, y); }
void LogSoftmax(const SoftmaxLayout& l, const float* x, float* y) { HWY_DYNAMIC_DISPATCH(LogSoftmaxF32)(l, x, y); }
void LogSoftmax(const SoftmaxLayout& l, const double* x, double* y) { HWY_DYNAMIC_DISPATCH(LogSoftmaxF64)(l, x, y); }
void SoftmaxGrad(const SoftmaxLayout& l, const float* y, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(SoftmaxGradF32)(l, y, dy, dx);
}
void SoftmaxGrad(const SoftmaxLayout& l, const double* y, const double* dy, double* dx) {
  HWY_DYNAMIC_DISPATCH(SoftmaxGradF64)(l, y, dy, dx);
}
void LogSoftmaxGrad(const SoftmaxLayout& l, const float* y, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxGradF32)(l, y, dy, dx);
}
void LogSoftmaxGrad(const SoftmaxLayout& l, const double* y, const double* dy, double* dx) {
  HWY_DYNAMIC_DISPATCH(LogSoftmaxGradF64)(l, y, dy, dx);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
