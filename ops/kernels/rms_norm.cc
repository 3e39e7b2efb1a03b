#include "adret/ops/kernels/rms_norm.h"

#include <algorithm>
#include <cmath>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/kernels/norm.h"
#include "adret/ops/kernels/reduce.h"
#include "adret/ops/kernels/scaled_norm.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 16384;

// The statistics of a row that is out of range; its factor is 0 where scaling does not help.
template <class T>
ScaledNorm ScaledRow(const T* x, int64_t n, double epsilon) {
  const auto for_each = [n](auto f) {
    for (int64_t i = 0; i < n; ++i) f(i);
  };
  return ScaledNormOf(x, n, epsilon, for_each, /*centred=*/false);
}

template <class T>
void ScaledRowGrad(const ScaledNorm& norm, int64_t n, const T* x, const T* dy, const T* scale, T* dx, T* dscale) {
  ScaledNormGrad g{.norm = norm, .gain = norm.rstd * norm.factor};
  for (int64_t i = 0; i < n; ++i) {
    g.mean_gz += static_cast<double>(dy[i]) * scale[i] * norm.Normal(x[i]) / static_cast<double>(n);
  }
  for (int64_t i = 0; i < n; ++i) {
    const double z = norm.Normal(x[i]);
    dscale[i] += static_cast<T>(dy[i] * z);
    dx[i] = static_cast<T>(g.Dx(static_cast<double>(dy[i]) * scale[i], z));
  }
}

template <class T>
T Factor(double mean_square, double epsilon) {
  return static_cast<T>(1 / std::sqrt(mean_square + epsilon));
}

}  // namespace

template <class T>
RmsNorm<T>::RmsNorm(int64_t rows, int64_t n)
    : rows_(rows),
      n_(n),
      rows_per_chunk_(std::clamp<int64_t>(kTaskElements / std::max<int64_t>(1, n), 8, kMaxBlockRows)),
      chunks_(CeilDiv(rows, rows_per_chunk_)) {}

template <class T>
void RmsNorm<T>::Forward(const ForwardArgs& a, double epsilon, FinishedFn finished) const {
  ParallelFor(rows_, rows_per_chunk_, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* x = a.x + row * n_;
      T* y = a.y + row * n_;
      double mean_square = SumOfSquares(n_, x) / static_cast<double>(n_);
      ScaledNorm scaled;
      if (IsOutOfRange<T>(0, static_cast<T>(mean_square), epsilon)) scaled = ScaledRow(x, n_, epsilon);
      if (scaled.factor != 0) mean_square = scaled.Variance();
      a.mean_square[row] = static_cast<T>(mean_square);
      if (scaled.factor != 0) {
        for (int64_t i = 0; i < n_; ++i) y[i] = static_cast<T>(scaled.Normal(x[i]) * a.scale[i]);
      } else {
        RmsRow(n_, x, Factor<T>(mean_square, epsilon), a.scale, y);
      }
    }
    finished(begin * n_, (end - begin) * n_);
  });
}

template <class T>
void RmsNorm<T>::Backward(const BackwardArgs& a, double epsilon, T* workspace) const {
  if (rows_ == 0) {
    std::fill(a.dscale, a.dscale + n_, T{0});
    return;
  }
  ParallelFor(chunks_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      T* dscale = workspace + chunk * n_;
      std::fill(dscale, dscale + n_, T{0});
      const int64_t last = std::min(rows_, (chunk + 1) * rows_per_chunk_);
      for (int64_t row = chunk * rows_per_chunk_; row < last; ++row) {
        const T *x = a.x + row * n_, *dy = a.dy + row * n_;
        const double mean_square = a.mean_square[row];
        ScaledNorm scaled;
        if (IsOutOfRange<T>(0, mean_square, epsilon)) scaled = ScaledRow(x, n_, epsilon);
        if (scaled.factor != 0) {
          ScaledRowGrad(scaled, n_, x, dy, a.scale, a.dx + row * n_, dscale);
        } else {
          RmsRowGrad(n_, x, dy, Factor<T>(mean_square, epsilon), a.scale, a.dx + row * n_, dscale);
        }
      }
    }
  });
  ReduceColumns(Reduction::kSum, workspace, chunks_, n_, n_, a.dscale);
}

template class RmsNorm<float>;
template class RmsNorm<double>;

}  // namespace adret::kernels
