#include "adret/ops/kernels/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "adret/ops/kernels/softmax.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include <algorithm>
#include <cmath>

#include "adret/ops/kernels/row-inl.h"

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
  const double sum = row.Sum([&](int64_t i) { return row.ExpMinus(x, i, m); });
  const auto vm = hn::Set(row.d, m);
  const auto log_sum = hn::Set(row.d, static_cast<T>(std::log(sum)));
  for (int64_t i = 0; i < n; i += row.lanes) row.Store(hn::Sub(hn::Sub(row.Load(x, i, 0), vm), log_sum), y, i);
}

template <class T>
void SoftmaxGradRow(const T* y, const T* dy, int64_t n, T* dx) {
  const Row<T> row(n);
  const double dot = row.Sum([&](int64_t i) { return hn::Mul(row.Load(y, i, 0), row.Load(dy, i, 0)); });
  const auto vdot = hn::Set(row.d, static_cast<T>(dot));
  for (int64_t i = 0; i < n; i += row.lanes) {
    row.Store(hn::Mul(row.Load(y, i, 0), hn::Sub(row.Load(dy, i, 0), vdot)), dx, i);
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
  T m[kMaxSoftmaxColumns], sum[kMaxSoftmaxColumns];
  MaxOfColumns(l, x, m);
  std::fill(sum, sum + l.columns, T{0});
  for (int64_t i = 0; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto e = hn::Exp(row.d, hn::Sub(row.Load(x + i * l.stride, j, 0), row.Load(m, j, 0)));
      row.Store(e, y + i * l.stride, j);
      row.Store(hn::Add(row.Load(sum, j, 0), e), sum, j);
    }
  }
  for (int64_t j = 0; j < l.columns; ++j) sum[j] = 1 / sum[j];
  for (int64_t i = 0; i < l.n; ++i) {
    T* to = y + i * l.stride;
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      row.Store(hn::Mul(row.Load(to, j, 0), row.Load(sum, j, 0)), to, j);
    }
  }
}

template <class T>
void LogSoftmaxColumns(const SoftmaxLayout& l, const T* x, T* y) {
  const Row<T> row(l.columns);
  T m[kMaxSoftmaxColumns], sum[kMaxSoftmaxColumns];
  MaxOfColumns(l, x, m);
  std::fill(sum, sum + l.columns, T{0});
  for (int64_t i = 0; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto e = hn::Exp(row.d, hn::Sub(row.Load(x + i * l.stride, j, 0), row.Load(m, j, 0)));
      row.Store(hn::Add(row.Load(sum, j, 0), e), sum, j);
    }
  }
  for (int64_t j = 0; j < l.columns; ++j) sum[j] = std::log(sum[j]);
  for (int64_t i = 0; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto shifted = hn::Sub(row.Load(x + i * l.stride, j, 0), row.Load(m, j, 0));
      row.Store(hn::Sub(shifted, row.Load(sum, j, 0)), y + i * l.stride, j);
    }
  }
}

template <class T>
void SoftmaxGradColumns(const SoftmaxLayout& l, const T* y, const T* dy, T* dx) {
  const Row<T> row(l.columns);
  T dot[kMaxSoftmaxColumns];
  std::fill(dot, dot + l.columns, T{0});
  for (int64_t i = 0; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto product = hn::Mul(row.Load(y + i * l.stride, j, 0), row.Load(dy + i * l.stride, j, 0));
      row.Store(hn::Add(row.Load(dot, j, 0), product), dot, j);
    }
  }
  for (int64_t i = 0; i < l.n; ++i) {
    for (int64_t j = 0; j < l.columns; j += row.lanes) {
      const auto difference = hn::Sub(row.Load(dy + i * l.stride, j, 0), row.Load(dot, j, 0));
      row.Store(hn::Mul(row.Load(y + i * l.stride, j, 0), difference), dx + i * l.stride, j);
    }
  }
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

// With z = x - max(x): sum(label) * log(sum(exp(z))) - sum(label * z).
template <class T>
T CrossEntropyOf(const T* x, int64_t n, const ClassLabel<T>& label) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const auto vm = hn::Set(row.d, m);
  const double log_sum = std::log(row.Sum([&](int64_t i) { return row.ExpMinus(x, i, m); }));
  double mass = 1, score;  // sum of the given probabilities, of their products with z
  if (label.probabilities == nullptr) {
    score = x[label.index] - m;
  } else {
    mass = row.Sum([&](int64_t i) { return row.Load(label.probabilities, i, 0); });
    score = row.Sum(
        [&](int64_t i) { return hn::Mul(row.Load(label.probabilities, i, 0), hn::Sub(row.Load(x, i, 0), vm)); });
  }
  double loss = (1 - label.smoothing) * (mass * log_sum - score);
  if (label.smoothing > 0) {
    const double uniform = row.Sum([&](int64_t i) { return hn::Sub(row.Load(x, i, m), vm); }) / n;
    loss += label.smoothing * (log_sum - uniform);
  }
  return static_cast<T>(loss);
}

template <class T>
void CrossEntropyGradOf(const T* x, int64_t n, const ClassLabel<T>& label, T dy, T* dx) {
  const Row<T> row(n);
  const T m = row.Max(x);
  const double sum = row.Sum([&](int64_t i) {
    const auto e = row.ExpMinus(x, i, m);
    row.Store(e, dx, i);
    return e;
  });
  const T given = static_cast<T>(dy * (1 - label.smoothing));
  const auto uniform = hn::Set(row.d, static_cast<T>(dy * label.smoothing / n));
  if (label.probabilities == nullptr) {
    const auto scale = hn::Set(row.d, static_cast<T>(dy / sum));
    for (int64_t i = 0; i < n; i += row.lanes) row.Store(hn::MulSub(row.Load(dx, i, 0), scale, uniform), dx, i);
    dx[label.index] -= given;
    return;
  }
  const double given_mass = row.Sum([&](int64_t i) { return row.Load(label.probabilities, i, 0); });
  const double mass = (1 - label.smoothing) * given_mass + label.smoothing;
  const auto scale = hn::Set(row.d, static_cast<T>(dy * mass / sum));
  const auto vgiven = hn::Set(row.d, given);
  for (int64_t i = 0; i < n; i += row.lanes) {
    const auto wanted = hn::MulAdd(row.Load(label.probabilities, i, 0), vgiven, uniform);
    row.Store(hn::MulSub(row.Load(dx, i, 0), scale, wanted), dx, i);
  }
}

void SoftmaxF32(const SoftmaxLayout& l, const float* x, float* y) { SoftmaxOf(l, x, y); }
void SoftmaxF64(const SoftmaxLayout& l, const double* x, double* y) { SoftmaxOf(l, x, y); }
void LogSoftmaxF32(const SoftmaxLayout& l, const float* x, float* y) { LogSoftmaxOf(l, x, y); }
void LogSoftmaxF64(const SoftmaxLayout& l, const double* x, double* y) { LogSoftmaxOf(l, x, y); }
void SoftmaxGradF32(const SoftmaxLayout& l, const float* y, const float* dy, float* dx) { SoftmaxGradOf(l, y, dy, dx); }
void SoftmaxGradF64(const SoftmaxLayout& l, const double* y, const double* dy, double* dx) {
  SoftmaxGradOf(l, y, dy, dx);
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
