#include "adret/ops/kernels/cross_entropy.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/cross_entropy.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "adret/ops/kernels/exp_sum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace adret::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

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

HWY_EXPORT(CrossEntropyF32);
HWY_EXPORT(CrossEntropyF64);
HWY_EXPORT(CrossEntropyGradF32);
HWY_EXPORT(CrossEntropyGradF64);

}  // namespace

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
