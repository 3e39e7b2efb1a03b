#include "adret/ops/kernels/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/softmax.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/ops/kernels/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of exp(x - max) in two parts: the maxima, each of which gives 1, and all others. A rest that is too small to
// change the sum still makes its logarithm and the derivatives.
struct ExpSum {
  double maxima = 0, rest = 0;

  double Total() const { return maxima + rest; }
  double Log() const { return std::log1p((maxima - 1) + rest); }
  // What is left of the sum without one of the maxima.
  double Others() const { return (maxima - 1) + rest; }
};

// The ExpSum of a row whose maximum is m. Calls each(i, exp(x - m)) for each vector.
template <class T, class Each>
HWY_INLINE ExpSum SumExpMinus(const Row<T>& row, const T* x, T m, Each&& each) {
  const auto vm = hn::Set(row.d, m), one = hn::Set(row.d, T{1}), zero = hn::Zero(row.d);
  ExpSum sum;
  for (int64_t i = 0; i < row.n;) {
    const int64_t end = std::min(row.n, i + kVectorsPerFlush * row.lanes);
    auto rest = zero, maxima = zero;
    for (; i < end; i += row.lanes) {
      const auto z = hn::Sub(row.Load(x, i, -std::numeric_limits<T>::infinity()), vm);
      const auto e = hn::Exp(row.d, z);
      const auto top = hn::Eq(z, zero);  // never where max is infinite: all becomes NaN
      rest = hn::Add(rest, hn::IfThenZeroElse(top, e));
      maxima = hn::Add(maxima, hn::IfThenElseZero(top, one));
      each(i, e);
    }
    sum.rest += hn::GetLane(hn::SumOfLanes(row.d, rest));
    sum.maxima += hn::GetLane(hn::SumOfLanes(row.d, maxima));
  }
  return sum;
}

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

// Of a row (or several columns), the largest y so far, the d beside it, and the sum of all other d: what gradients need
// to be exact where the largest y is nearly everything. A struct of vectors, one problem in each lane.
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

  HWY_INLINE RowLeader(const Row<T>& row, const T* ys, const T* ds, T lowest) : y(lowest) {
    const auto zero = hn::Zero(row.d);
    Leader<T> lanes{hn::Set(row.d, lowest), zero, zero};
    for (int64_t i = 0; i < row.n;) {
      const int64_t end = std::min(row.n, i + kVectorsPerFlush * row.lanes);
      lanes.others = zero;
      for (; i < end; i += row.lanes) lanes.Take(row.Load(ys, i, lowest), row.Load(ds, i, 0));
      others += hn::GetLane(hn::SumOfLanes(row.d, lanes.others));
    }
    HWY_ALIGN T lane_y[hn::MaxLanes(hn::ScalableTag<T>())], lane_d[hn::MaxLanes(hn::ScalableTag<T>())];
    hn::Store(lanes.y, row.d, lane_y);
    hn::Store(lanes.d, row.d, lane_d);
    for (int64_t i = 0; i < row.lanes; ++i) {
      const bool better = lane_y[i] > y;
      others += better ? d : lane_d[i];
      if (better) y = lane_y[i], d = lane_d[i];
    }
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

// Sums of columns. Adds at most kVectorsPerFlush numbers in T before f64 takes over.
template <class T>
struct ColumnSums {
  T partial[kMaxSoftmaxColumns];
  double total[kMaxSoftmaxColumns];

  explicit ColumnSums(int64_t columns) {
    std::fill(partial, partial + columns, T{0});
    std::fill(total, total + columns, 0);
  }
  void Flush(int64_t columns) {
    for (int64_t j = 0; j < columns; ++j) {
      total[j] += partial[j];
      partial[j] = 0;
    }
  }
};

// Calls f(i, j) for each row i < l.n and each vector of columns, from column j, and then(row) after each
// kVectorsPerFlush rows and at the end.
template <class T, class F, class Then>
HWY_INLINE void ForEachVector(const SoftmaxLayout& l, const Row<T>& row, F&& f, Then&& then) {
  for (int64_t i = 0; i < l.n;) {
    const int64_t end = std::min(l.n, i + kVectorsPerFlush);
    for (; i < end; ++i) {
      for (int64_t j = 0; j < l.columns; j += row.lanes) f(i * l.stride, j);
    }
    then();
  }
}

// m[j] = the maximum of column j, NaN if there is one.
template <class T>
void MaxOfColumns(const SoftmaxLayout& l, const T* x, T* m) {
  const Row<T> row(l.columns);
  std::copy(x, x + l.columns, m);
  for (int64_t i = 1; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto v = row.Load(x + i * l.stride, j, 0);
      const auto best = row.Load(m, j, 0);
      row.Store(hn::IfThenElse(hn::Or(hn::Gt(v, best), hn::IsNaN(v)), v, best), m, j);
    }
  }
}

template <class T>
void SoftmaxColumns(const SoftmaxLayout& l, const T* x, T* y) {
  const Row<T> row(l.columns);
  T m[kMaxSoftmaxColumns], scale[kMaxSoftmaxColumns];
  ColumnSums<T> sum(l.columns);
  MaxOfColumns(l, x, m);
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        const auto e = hn::Exp(row.d, hn::Sub(row.Load(x + offset, j, 0), row.Load(m, j, 0)));
        row.Store(e, y + offset, j);
        row.Store(hn::Add(row.Load(sum.partial, j, 0), e), sum.partial, j);
      },
      [&] { sum.Flush(l.columns); });
  for (int64_t j = 0; j < l.columns; ++j) scale[j] = static_cast<T>(1 / sum.total[j]);
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        row.Store(hn::Mul(row.Load(y + offset, j, 0), row.Load(scale, j, 0)), y + offset, j);
      },
      [] {});
}

template <class T>
void LogSoftmaxColumns(const SoftmaxLayout& l, const T* x, T* y) {
  const Row<T> row(l.columns);
  T m[kMaxSoftmaxColumns], log_sum[kMaxSoftmaxColumns];
  ColumnSums<T> maxima(l.columns), rest(l.columns);
  MaxOfColumns(l, x, m);
  const auto zero = hn::Zero(row.d), one = hn::Set(row.d, T{1});
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        const auto z = hn::Sub(row.Load(x + offset, j, 0), row.Load(m, j, 0));
        const auto top = hn::Eq(z, zero);
        const auto e = hn::IfThenZeroElse(top, hn::Exp(row.d, z));
        row.Store(hn::Add(row.Load(rest.partial, j, 0), e), rest.partial, j);
        row.Store(hn::Add(row.Load(maxima.partial, j, 0), hn::IfThenElseZero(top, one)), maxima.partial, j);
      },
      [&] { rest.Flush(l.columns), maxima.Flush(l.columns); });
  for (int64_t j = 0; j < l.columns; ++j) {
    log_sum[j] = static_cast<T>(ExpSum{maxima.total[j], rest.total[j]}.Log());
  }
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        const auto shifted = hn::Sub(row.Load(x + offset, j, 0), row.Load(m, j, 0));
        row.Store(hn::Sub(shifted, row.Load(log_sum, j, 0)), y + offset, j);
      },
      [] {});
}

// The leader of each column, from rows in order; see Leader.
template <class T>
struct ColumnLeaders {
  T y[kMaxSoftmaxColumns], d[kMaxSoftmaxColumns];
  ColumnSums<T> others;

  ColumnLeaders(const SoftmaxLayout& l, const T* ys, const T* ds, T lowest) : others(l.columns) {
    const Row<T> row(l.columns);
    std::fill(y, y + l.columns, lowest);
    std::fill(d, d + l.columns, T{0});
    ForEachVector(
        l, row,
        [&](int64_t offset, int64_t j) {
          Leader<T> lanes{row.Load(y, j, 0), row.Load(d, j, 0), row.Load(others.partial, j, 0)};
          lanes.Take(row.Load(ys + offset, j, 0), row.Load(ds + offset, j, 0));
          row.Store(lanes.y, y, j);
          row.Store(lanes.d, d, j);
          row.Store(lanes.others, others.partial, j);
        },
        [&] { others.Flush(l.columns); });
  }
};

template <class T>
void SoftmaxGradColumns(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  const Row<T> row(l.columns);
  const ColumnLeaders<T> leaders(l, y, dy, -1);
  ColumnSums<T> sum(l.columns);
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        const auto shifted = hn::Sub(row.Load(dy + offset, j, 0), row.Load(leaders.d, j, 0));
        const auto product = hn::Mul(row.Load(y + offset, j, 0), shifted);
        row.Store(hn::Add(row.Load(sum.partial, j, 0), product), sum.partial, j);
      },
      [&] { sum.Flush(l.columns); });
  T dot[kMaxSoftmaxColumns];
  std::copy(sum.total, sum.total + l.columns, dot);
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        const auto shifted = hn::Sub(row.Load(dy + offset, j, 0), row.Load(leaders.d, j, 0));
        row.Store(hn::Mul(row.Load(y + offset, j, 0), hn::Sub(shifted, row.Load(dot, j, 0))), dx + offset, j);
      },
      [] {});
}

template <class T>
void LogSoftmaxGradColumns(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  const Row<T> row(l.columns);
  const ColumnLeaders<T> leaders(l, y, dy, -std::numeric_limits<T>::infinity());
  T others[kMaxSoftmaxColumns], rest[kMaxSoftmaxColumns];
  for (int64_t j = 0; j < l.columns; ++j) {
    others[j] = static_cast<T>(leaders.others.total[j]);
    rest[j] = -std::expm1(leaders.y[j]);
  }
  ForEachVector(
      l, row,
      [&](int64_t offset, int64_t j) {
        row.Store(
            LogSoftmaxGradOf(row.d, row.Load(y + offset, j, 0), row.Load(dy + offset, j, 0), row.Load(leaders.y, j, 0),
                             row.Load(leaders.d, j, 0), row.Load(others, j, 0), row.Load(rest, j, 0)),
            dx + offset, j);
      },
      [] {});
}

bool IsRow(const SoftmaxLayout& l) { return l.columns == 1 && l.stride == 1; }

template <class T>
void SoftmaxOf(const SoftmaxLayout& l, const T* x, T* y) {
  IsRow(l) ? SoftmaxRow(x, l.n, y) : SoftmaxColumns(l, x, y);
}
template <class T>
void LogSoftmaxOf(const SoftmaxLayout& l, const T* x, T* y) {
  IsRow(l) ? LogSoftmaxRow(x, l.n, y) : LogSoftmaxColumns(l, x, y);
}
template <class T>
void SoftmaxGradOf(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  IsRow(l) ? SoftmaxGradRow(y, dy, l.n, dx) : SoftmaxGradColumns(l, y, dy, dx);
}

template <class T>
void LogSoftmaxGradAlong(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  IsRow(l) ? LogSoftmaxGradRow(y, dy, l.n, dx) : LogSoftmaxGradColumns(l, y, dy, dx);
}

// With z = x - max(x): sum(label) * log(sum(exp(z))) - sum(label * z). A class of probability 0 adds nothing, even
// where z is -infinity.
template <class T>
T CrossEntropyOf(const T* x, int64_t n, const ClassLabel<T>& label) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const auto vm = hn::Set(row.d, m);
  const double log_sum = SumExpMinus(row, x, m, [](int64_t, auto) {}).Log();
  double mass = 1, score;  // sum of the given probabilities, of their products with z
  if (label.probabilities == nullptr) {
    score = x[label.index] - m;
  } else {
    mass = row.Sum([&](int64_t i) { return row.Load(label.probabilities, i, 0); });
    score = row.Sum([&](int64_t i) {
      const auto p = row.Load(label.probabilities, i, 0);
      return hn::IfThenElseZero(hn::Ne(p, hn::Zero(row.d)), hn::Mul(p, hn::Sub(row.Load(x, i, 0), vm)));
    });
  }
  double loss = (1 - label.smoothing) * (mass * log_sum - score);
  if (label.smoothing > 0) {
    const double uniform = row.Sum([&](int64_t i) { return hn::Sub(row.Load(x, i, m), vm); }) / n;
    loss += label.smoothing * (log_sum - uniform);
  }
  return static_cast<T>(loss);
}

// dx = dy (p - label) of a class. p - 1 of the class that is right is minus the sum of all other p: so the gradient of
// a sure and right answer is small but not 0.
template <class T>
void CrossEntropyGradOfIndex(const Row<T>& row, const ExpSum& sum, T top, int64_t index, double smoothing, T dy,
                             T* dx) {
  const double e = dx[index], total = sum.Total();
  const double others = top == 0 ? sum.Others() : total - e;
  const auto scale = hn::Set(row.d, static_cast<T>(dy / total));
  const auto uniform = hn::Set(row.d, static_cast<T>(dy * smoothing / row.n));
  for (int64_t i = 0; i < row.n; i += row.lanes) row.Store(hn::MulSub(row.Load(dx, i, 0), scale, uniform), dx, i);
  dx[index] = static_cast<T>(dy * (smoothing * (e / total - 1.0 / row.n) - (1 - smoothing) * (others / total)));
}

// dx = dy (p mass - label), mass the sum of the label. Where x is largest, (mass - label) - (1 - p) mass says the same
// without cancellation; mass - label is the sum of the other labels.
template <class T>
void CrossEntropyGradOfProbabilities(const Row<T>& row, const ExpSum& sum, const T* x, T m, const ClassLabel<T>& label,
                                     T dy, T* dx) {
  const double s = label.smoothing, uniform = s / row.n, total = sum.Total();
  const auto vm = hn::Set(row.d, m), zero = hn::Zero(row.d);
  const auto is_top = [&](int64_t i) { return hn::Eq(hn::Sub(row.Load(x, i, 0), vm), zero); };
  const double of_top =
      row.Sum([&](int64_t i) { return hn::IfThenElseZero(is_top(i), row.Load(label.probabilities, i, 0)); });
  const double of_rest =
      row.Sum([&](int64_t i) { return hn::IfThenZeroElse(is_top(i), row.Load(label.probabilities, i, 0)); });
  const double mass = (1 - s) * (of_top + of_rest) + s;
  const double at_top = (1 - s) * of_rest + (s - uniform) - mass * (sum.Others() / total);
  const auto scale = hn::Set(row.d, static_cast<T>(dy * mass / total));
  const auto given = hn::Set(row.d, static_cast<T>(dy * (1 - s)));
  const auto vuniform = hn::Set(row.d, static_cast<T>(dy * uniform));
  const auto vtop = hn::Set(row.d, static_cast<T>(of_top)), vat_top = hn::Set(row.d, static_cast<T>(dy * at_top));
  for (int64_t i = 0; i < row.n; i += row.lanes) {
    const auto p = row.Load(label.probabilities, i, 0);
    const auto plain = hn::MulSub(row.Load(dx, i, 0), scale, hn::MulAdd(p, given, vuniform));
    const auto leading = hn::MulAdd(given, hn::Sub(vtop, p), vat_top);
    row.Store(hn::IfThenElse(is_top(i), leading, plain), dx, i);
  }
}

template <class T>
void CrossEntropyGradOf(const T* x, int64_t n, const ClassLabel<T>& label, T dy, T* dx) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const ExpSum sum = SumExpMinus(row, x, m, [&](int64_t i, auto e) { row.Store(e, dx, i); });
  if (label.probabilities != nullptr) return CrossEntropyGradOfProbabilities(row, sum, x, m, label, dy, dx);
  CrossEntropyGradOfIndex(row, sum, static_cast<T>(x[label.index] - m), label.index, label.smoothing, dy, dx);
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
float CrossEntropyF32(const float* x, int64_t n, const ClassLabel<float>& t) { return CrossEntropyOf(x, n, t); }
double CrossEntropyF64(const double* x, int64_t n, const ClassLabel<double>& t) { return CrossEntropyOf(x, n, t); }
void CrossEntropyGradF32(const float* x, int64_t n, const ClassLabel<float>& t, float dy, float* dx) {
  CrossEntropyGradOf(x, n, t, dy, dx);
}
void CrossEntropyGradF64(const double* x, int64_t n, const ClassLabel<double>& t, double dy, double* dx) {
  CrossEntropyGradOf(x, n, t, dy, dx);
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
HWY_EXPORT(CrossEntropyF32);
HWY_EXPORT(CrossEntropyF64);
HWY_EXPORT(CrossEntropyGradF32);
HWY_EXPORT(CrossEntropyGradF64);

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
float CrossEntropy(const float* x, int64_t n, const ClassLabel<float>& label) {
  return HWY_DYNAMIC_DISPATCH(CrossEntropyF32)(x, n, label);
}
double CrossEntropy(const double* x, int64_t n, const ClassLabel<double>& label) {
  return HWY_DYNAMIC_DISPATCH(CrossEntropyF64)(x, n, label);
}
void CrossEntropyGrad(const float* x, int64_t n, const ClassLabel<float>& label, float dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyGradF32)(x, n, label, dy, dx);
}
void CrossEntropyGrad(const double* x, int64_t n, const ClassLabel<double>& label, double dy, double* dx) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyGradF64)(x, n, label, dy, dx);
}

}  // namespace adret::kernels
#endif  // HWY_ONCE
