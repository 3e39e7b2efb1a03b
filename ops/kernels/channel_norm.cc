#include "adret/ops/kernels/channel_norm.h"

#include <algorithm>
#include <cmath>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/kernels/reduce.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 16384;
constexpr int64_t kShortestStrip = 16;  // below, channels are taken as columns
constexpr int64_t kColumns = 128;       // of a task
constexpr int64_t kChannelsPerTask = 64;

double Rstd(double variance, double epsilon) { return 1 / std::sqrt(variance + epsilon); }

GradSums Add(const GradSums& a, const GradSums& b) { return {a.dy + b.dy, a.dy_x + b.dy_x}; }

}  // namespace

ChannelNorm::ChannelNorm(int64_t images, int64_t channels, int64_t inner)
    : images_(images), channels_(channels), inner_(inner) {
  const bool columns = inner < kShortestStrip;
  units_per_channel_ = columns ? inner : 0;
  units_ = columns ? channels * inner : channels;
  const int64_t width = std::max<int64_t>(1, columns ? std::min(kColumns, units_) : inner);
  images_per_chunk_ = std::max<int64_t>(1, kTaskElements / width);
  chunks_ = CeilDiv(images, images_per_chunk_);
}

template <class F>
void ChannelNorm::ForEachTask(F&& f) const {
  const int64_t step = in_columns() ? kColumns : 1;
  const int64_t groups = CeilDiv(units_, step);
  const int64_t width = in_columns() ? std::min(kColumns, units_) : inner_;
  const int64_t work = std::max<int64_t>(1, std::min(images_, images_per_chunk_) * width);
  ParallelFor(groups * chunks_, std::max<int64_t>(1, kTaskElements / work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t unit = i % groups * step;
      const int64_t first = i / groups * images_per_chunk_;
      f(Task{unit, i / groups, std::min(images_per_chunk_, images_ - first),
             first * channels_ * inner_ + (in_columns() ? unit : unit * inner_)});
    }
  });
}

template <class P, class F>
P ChannelNorm::Combine(const P* partial, int64_t channel, F&& f) const {
  const int64_t count = std::max<int64_t>(1, units_per_channel_);
  P total{};
  for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
    for (int64_t k = 0; k < count; ++k) total = f(total, partial[chunk * units_ + channel * count + k]);
  }
  return total;
}

template <class T>
void ChannelNorm::SetCoefficients(T* coefficients, int64_t channel, const T (&values)[4]) const {
  const int64_t count = std::max<int64_t>(1, units_per_channel_);
  for (int k = 0; k < 4; ++k) {
    std::fill_n(coefficients + k * units_ + channel * count, count, values[k]);
  }
}

Block ChannelNorm::BlockOf(const Task& task) const {
  return {task.images, units_, std::min(kColumns, units_ - task.unit)};
}

template <class T>
void ChannelNorm::Forward(const ForwardArgs<T>& a, double epsilon, double* workspace, FinishedFn finished) const {
  Moments* partial = reinterpret_cast<Moments*>(workspace);
  T* coefficients = reinterpret_cast<T*>(workspace + units_ * chunks_ * 3);
  ForEachTask([&](const Task& t) {
    if (in_columns()) {
      T sums[2 * kColumns];
      MomentsOfColumns(BlockOf(t), a.x + t.offset, sums, partial + t.chunk * units_ + t.unit);
    } else {
      partial[t.chunk * units_ + t.unit] = MomentsOf(StripsOf(t), a.x + t.offset);
    }
  });
  ParallelFor(channels_, kChannelsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Moments m = Combine(partial, c, Merge);
      const double variance = m.count > 0 ? m.m2 / m.count : 0;
      a.mean[c] = static_cast<T>(m.mean);
      a.variance[c] = static_cast<T>(variance);
      const double scale = a.scale[c] * Rstd(variance, epsilon);
      // What rounding took from the mean goes into the shift.
      const double shift = a.bias[c] - (m.mean - a.mean[c]) * scale;
      SetCoefficients<T>(coefficients, c, {a.mean[c], static_cast<T>(scale), static_cast<T>(shift), 0});
    }
  });
  ForEachTask([&](const Task& t) {
    const T* k = coefficients + t.unit;
    if (!in_columns()) {
      Normalize(StripsOf(t), a.x + t.offset, k[0], k[units_], k[2 * units_], a.y + t.offset);
      for (int64_t i = 0; i < t.images; ++i) finished(t.offset + i * channels_ * inner_, inner_);
      return;
    }
    const Block block = BlockOf(t);
    NormalizeColumns(block, a.x + t.offset, k, k + units_, k + 2 * units_, a.y + t.offset);
    for (int64_t i = 0; i < block.rows; ++i) finished(t.offset + i * units_, block.columns);
  });
}

// With z = x - mean, r = rstd and M numbers in a channel:
// dx = scale r dy - scale r^3 mean(dy z) z - scale r mean(dy)   (Ioffe and Szegedy 2015)
template <class T>
void ChannelNorm::Backward(const BackwardArgs<T>& a, double epsilon, double* workspace) const {
  GradSums* partial = reinterpret_cast<GradSums*>(workspace);
  T* coefficients = reinterpret_cast<T*>(workspace + units_ * chunks_ * 3);
  for (int64_t c = 0; c < channels_; ++c) SetCoefficients<T>(coefficients, c, {a.mean[c], 0, 0, 0});
  ForEachTask([&](const Task& t) {
    GradSums* out = partial + t.chunk * units_ + t.unit;
    if (in_columns()) {
      T sums[2 * kColumns];
      GradSumsOfColumns(BlockOf(t), a.x + t.offset, a.dy + t.offset, coefficients + t.unit, sums, out);
    } else {
      *out = GradSumsOf(StripsOf(t), a.x + t.offset, a.dy + t.offset, a.mean[t.unit]);
    }
  });
  const double elements = static_cast<double>(std::max<int64_t>(1, images_ * inner_));
  ParallelFor(channels_, kChannelsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const GradSums s = Combine(partial, c, Add);
      const double rstd = Rstd(a.variance[c], epsilon);
      const double scale = a.scale[c] * rstd;
      a.dbias[c] = static_cast<T>(s.dy);
      a.dscale[c] = static_cast<T>(s.dy_x * rstd);
      SetCoefficients<T>(coefficients, c,
                         {a.mean[c], static_cast<T>(scale), static_cast<T>(-scale * rstd * rstd * s.dy_x / elements),
                          static_cast<T>(-scale * s.dy / elements)});
    }
  });
  ForEachTask([&](const Task& t) {
    const T* k = coefficients + t.unit;
    if (in_columns()) {
      NormalizeGradColumns(BlockOf(t), a.x + t.offset, a.dy + t.offset, k, units_, a.dx + t.offset);
    } else {
      NormalizeGrad(StripsOf(t), a.x + t.offset, a.dy + t.offset,
                    GradCoefficients<T>{k[0], k[units_], k[2 * units_], k[3 * units_]}, a.dx + t.offset);
    }
  });
}

RowNorm::RowNorm(int64_t rows, int64_t n)
    : rows_(rows),
      n_(n),
      rows_per_chunk_(std::max<int64_t>(8, kTaskElements / std::max<int64_t>(1, n))),
      chunks_(CeilDiv(rows, rows_per_chunk_)) {}

template <class T>
void RowNorm::Forward(const ChannelNorm::ForwardArgs<T>& a, double epsilon, FinishedFn finished) const {
  ParallelFor(rows_, rows_per_chunk_, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* x = a.x + row * n_;
      const Moments m = MomentsOf(Strips{1, 0, n_}, x);
      const double variance = m.m2 / m.count;
      a.mean[row] = static_cast<T>(m.mean);
      a.variance[row] = static_cast<T>(variance);
      NormalizeRow(n_, x, a.mean[row], static_cast<T>(Rstd(variance, epsilon)), a.scale, a.bias, a.y + row * n_);
    }
    finished(begin * n_, (end - begin) * n_);
  });
}

template <class T>
void RowNorm::Backward(const ChannelNorm::BackwardArgs<T>& a, double epsilon, T* workspace) const {
  if (rows_ == 0) {
    std::fill(a.dscale, a.dscale + n_, T{0});
    std::fill(a.dbias, a.dbias + n_, T{0});
    return;
  }
  ParallelFor(chunks_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      T* sums = workspace + chunk * 2 * n_;
      std::fill(sums, sums + 2 * n_, T{0});
      const int64_t last = std::min(rows_, (chunk + 1) * rows_per_chunk_);
      for (int64_t row = chunk * rows_per_chunk_; row < last; ++row) {
        NormalizeRowGrad(n_, a.x + row * n_, a.dy + row * n_, a.mean[row],
                         static_cast<T>(Rstd(a.variance[row], epsilon)), a.scale, a.dx + row * n_, sums, sums + n_);
      }
    }
  });
  ReduceColumns(Reduction::kSum, workspace, chunks_, 2 * n_, n_, a.dscale);
  ReduceColumns(Reduction::kSum, workspace + n_, chunks_, 2 * n_, n_, a.dbias);
}

template void ChannelNorm::Forward(const ForwardArgs<float>&, double, double*, FinishedFn) const;
template void ChannelNorm::Forward(const ForwardArgs<double>&, double, double*, FinishedFn) const;
template void ChannelNorm::Backward(const BackwardArgs<float>&, double, double*) const;
template void ChannelNorm::Backward(const BackwardArgs<double>&, double, double*) const;
template void RowNorm::Forward(const ChannelNorm::ForwardArgs<float>&, double, FinishedFn) const;
template void RowNorm::Forward(const ChannelNorm::ForwardArgs<double>&, double, FinishedFn) const;
template void RowNorm::Backward(const ChannelNorm::BackwardArgs<float>&, double, float*) const;
template void RowNorm::Backward(const ChannelNorm::BackwardArgs<double>&, double, double*) const;

}  // namespace adret::kernels
