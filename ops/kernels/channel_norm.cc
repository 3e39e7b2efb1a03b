#include "adret/ops/kernels/channel_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/kernels/reduce.h"
#include "adret/ops/kernels/scaled_norm.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 16384;
constexpr int64_t kShortestStrip = 16;  // below, channels are taken as columns
constexpr int64_t kColumns = 128;       // of a task
constexpr int64_t kChannelsPerTask = 64;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double FactorOf(const ScaledNorm& norm) { return norm.factor; }
double FactorOf(const ScaledNormGrad& grad) { return grad.norm.factor; }

double Rstd(double variance, double epsilon) { return 1 / std::sqrt(variance + epsilon); }

GradSums Add(const GradSums& a, const GradSums& b) { return {a.dy + b.dy, a.dy_x + b.dy_x, a.x + b.x}; }

}  // namespace

ChannelNorm::ChannelNorm(int64_t images, int64_t channels, int64_t inner)
    : images_(images), channels_(channels), inner_(inner) {
  const bool columns = inner < kShortestStrip;
  units_per_channel_ = columns ? inner : 0;
  units_ = columns ? channels * inner : channels;
  const int64_t width = std::max<int64_t>(1, columns ? std::min(kColumns, units_) : inner);
  images_per_chunk_ = std::max<int64_t>(1, kTaskElements / width);
  if (columns) images_per_chunk_ = std::min(images_per_chunk_, kMaxBlockRows);
  chunks_ = CeilDiv(images, images_per_chunk_);
  if (images * inner == 0) units_per_channel_ = 0, units_ = channels, chunks_ = 0;
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

template <class F>
void ChannelNorm::ForEachOfChannel(int64_t channel, F&& f) const {
  for (int64_t image = 0; image < images_; ++image) {
    const int64_t first = (image * channels_ + channel) * inner_;
    for (int64_t i = first; i < first + inner_; ++i) f(i);
  }
}

template <class F>
void ChannelNorm::ForEachOfUnit(const Task& task, int64_t column, F&& f) const {
  const int64_t length = in_columns() ? 1 : inner_;
  for (int64_t image = 0; image < task.images; ++image) {
    const int64_t first = task.offset + column + image * channels_ * inner_;
    for (int64_t i = first; i < first + length; ++i) f(i);
  }
}

// Calls f(channel, column) for the columns of a task (0: its only strip) whose channel was scaled.
template <class Scaled, class F>
void ChannelNorm::ForEachScaled(const Task& task, const Scaled* scaled, F&& f) const {
  const int64_t columns = in_columns() ? BlockOf(task).columns : 1;
  for (int64_t j = 0; j < columns; ++j) {
    const int64_t channel = in_columns() ? (task.unit + j) / units_per_channel_ : task.unit;
    if (FactorOf(scaled[channel]) != 0) f(scaled[channel], channel, j);
  }
}

template <class T>
void ChannelNorm::Forward(const ForwardArgs<T>& a, double epsilon, double* workspace, FinishedFn finished) const {
  Moments* partial = reinterpret_cast<Moments*>(workspace);
  T* coefficients = reinterpret_cast<T*>(workspace + units_ * chunks_ * 3);
  ScaledNorm* scaled = reinterpret_cast<ScaledNorm*>(workspace + units_ * (chunks_ * 3 + 4));
  ForEachTask([&](const Task& t) {
    if (in_columns()) {
      T sums[3 * kColumns];
      MomentsOfColumns(BlockOf(t), a.x + t.offset, sums, partial + t.chunk * units_ + t.unit);
    } else {
      partial[t.chunk * units_ + t.unit] = MomentsOf(StripsOf(t), a.x + t.offset);
    }
  });
  ParallelFor(channels_, kChannelsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const Moments m = Combine(partial, c, Merge);
      double mean = m.count > 0 ? m.mean : kNan, variance = m.count > 0 ? m.m2 / m.count : kNan;
      scaled[c] = {};
      if (IsOutOfRange<T>(mean, variance, epsilon)) {
        scaled[c] = ScaledNormOf(a.x, images_ * inner_, epsilon, [&](auto f) { ForEachOfChannel(c, f); });
        if (scaled[c].factor != 0) mean = scaled[c].Mean(), variance = scaled[c].Variance();
      }
      a.mean[c] = static_cast<T>(mean);
      a.variance[c] = static_cast<T>(variance);
      const double scale = a.scale[c] * Rstd(variance, epsilon);
      // What rounding took from the mean goes into the shift.
      const double shift = a.bias[c] - (mean - a.mean[c]) * scale;
      SetCoefficients<T>(coefficients, c, {a.mean[c], static_cast<T>(scale), static_cast<T>(shift), 0});
    }
  });
  ForEachTask([&](const Task& t) {
    const T* k = coefficients + t.unit;
    in_columns() ? NormalizeColumns(BlockOf(t), a.x + t.offset, k, k + units_, k + 2 * units_, a.y + t.offset)
                 : Normalize(StripsOf(t), a.x + t.offset, k[0], k[units_], k[2 * units_], a.y + t.offset);
    ForEachScaled(t, scaled, [&](const ScaledNorm& s, int64_t c, int64_t column) {
      ForEachOfUnit(t, column, [&](int64_t i) { a.y[i] = static_cast<T>(s.Normal(a.x[i]) * a.scale[c] + a.bias[c]); });
    });
    const int64_t length = in_columns() ? BlockOf(t).columns : inner_;
    for (int64_t i = 0; i < t.images; ++i) finished(t.offset + i * channels_ * inner_, length);
  });
}

// With z = x - mean, r = rstd and M numbers in a channel:
// dx = scale r dy - scale r^3 mean(dy z) z - scale r mean(dy)   (Ioffe and Szegedy 2015)
template <class T>
void ChannelNorm::Backward(const BackwardArgs<T>& a, double epsilon, double* workspace) const {
  GradSums* partial = reinterpret_cast<GradSums*>(workspace);
  T* coefficients = reinterpret_cast<T*>(workspace + units_ * chunks_ * 3);
  ScaledNormGrad* scaled = reinterpret_cast<ScaledNormGrad*>(workspace + units_ * (chunks_ * 3 + 4));
  for (int64_t c = 0; c < channels_; ++c) SetCoefficients<T>(coefficients, c, {a.mean[c], 0, 0, 0});
  ForEachTask([&](const Task& t) {
    GradSums* out = partial + t.chunk * units_ + t.unit;
    if (in_columns()) {
      T sums[3 * kColumns];
      GradSumsOfColumns(BlockOf(t), a.x + t.offset, a.dy + t.offset, coefficients + t.unit, sums, out);
    } else {
      *out = GradSumsOf(StripsOf(t), a.x + t.offset, a.dy + t.offset, a.mean[t.unit]);
    }
  });
  const int64_t n = images_ * inner_;
  const double elements = static_cast<double>(std::max<int64_t>(1, n));
  ParallelFor(channels_, kChannelsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      GradSums s = Combine(partial, c, Add);
      const double off = s.x / elements;  // the mean less its rounded value
      s.dy_x -= off * s.dy;
      const double rstd = Rstd(a.variance[c], epsilon);
      const double scale = a.scale[c] * rstd, slope = -scale * rstd * rstd * s.dy_x / elements;
      a.dbias[c] = static_cast<T>(s.dy);
      a.dscale[c] = n == 0 ? T{0} : static_cast<T>(s.dy_x * rstd);
      SetCoefficients<T>(coefficients, c,
                         {a.mean[c], static_cast<T>(scale), static_cast<T>(slope),
                          static_cast<T>(-scale * s.dy / elements - slope * off)});
      scaled[c] = {};
      if (!IsOutOfRange<T>(a.mean[c], a.variance[c], epsilon)) continue;
      ScaledNormGrad& g = scaled[c];
      const auto of_channel = [&](auto f) { ForEachOfChannel(c, f); };
      g.norm = ScaledNormOf(a.x, n, epsilon, of_channel);
      if (g.norm.factor == 0) continue;
      double dy_z = 0;
      of_channel([&](int64_t i) { dy_z += a.dy[i] * g.norm.Normal(a.x[i]); });
      a.dscale[c] = static_cast<T>(dy_z);
      g.gain = a.scale[c] * g.norm.rstd * g.norm.factor, g.mean_g = s.dy / elements, g.mean_gz = dy_z / elements;
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
    ForEachScaled(t, scaled, [&](const ScaledNormGrad& g, int64_t, int64_t column) {
      ForEachOfUnit(t, column, [&](int64_t i) { a.dx[i] = static_cast<T>(g.Dx(a.dy[i], g.norm.Normal(a.x[i]))); });
    });
  });
}

RowNorm::RowNorm(int64_t rows, int64_t n)
    : rows_(rows),
      n_(n),
      rows_per_chunk_(std::clamp<int64_t>(kTaskElements / std::max<int64_t>(1, n), 8, kMaxBlockRows)),
      chunks_(CeilDiv(rows, rows_per_chunk_)) {}

namespace {

// The statistics of a row that is out of range; its factor is 0 where scaling does not help.
template <class T>
ScaledNorm ScaledRow(const T* x, int64_t n, double epsilon) {
  return ScaledNormOf(x, n, epsilon, [n](auto f) {
    for (int64_t i = 0; i < n; ++i) f(i);
  });
}

template <class T>
void ScaledRowGrad(const ScaledNorm& norm, int64_t n, const T* x, const T* dy, const T* scale, T* dx, T* dscale,
                   T* dbias) {
  ScaledNormGrad g{.norm = norm, .gain = norm.rstd * norm.factor};
  for (int64_t i = 0; i < n; ++i) {
    const double scaled = static_cast<double>(dy[i]) * scale[i];
    g.mean_g += scaled / n;
    g.mean_gz += scaled * norm.Normal(x[i]) / n;
  }
  for (int64_t i = 0; i < n; ++i) {
    const double z = norm.Normal(x[i]);
    dscale[i] += static_cast<T>(dy[i] * z);
    dbias[i] += dy[i];
    dx[i] = static_cast<T>(g.Dx(static_cast<double>(dy[i]) * scale[i], z));
  }
}

}  // namespace

template <class T>
void RowNorm::Forward(const ChannelNorm::ForwardArgs<T>& a, double epsilon, FinishedFn finished) const {
  ParallelFor(rows_, rows_per_chunk_, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* x = a.x + row * n_;
      T* y = a.y + row * n_;
      const Moments m = MomentsOf(Strips{1, 0, n_}, x);
      double mean = m.mean, variance = m.m2 / m.count;
      ScaledNorm scaled;
      if (IsOutOfRange<T>(mean, variance, epsilon)) scaled = ScaledRow(x, n_, epsilon);
      if (scaled.factor != 0) mean = scaled.Mean(), variance = scaled.Variance();
      a.mean[row] = static_cast<T>(mean);
      a.variance[row] = static_cast<T>(variance);
      if (scaled.factor != 0) {
        for (int64_t i = 0; i < n_; ++i) y[i] = static_cast<T>(scaled.Normal(x[i]) * a.scale[i] + a.bias[i]);
        continue;
      }
      const double rstd = Rstd(variance, epsilon);
      NormalizeRow(n_, x, a.mean[row], static_cast<T>(rstd), static_cast<T>((mean - a.mean[row]) * rstd), a.scale,
                   a.bias, y);
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
        const T *x = a.x + row * n_, *dy = a.dy + row * n_;
        T* dx = a.dx + row * n_;
        const double variance = a.variance[row];
        const bool out_of_range = IsOutOfRange<T>(a.mean[row], variance, epsilon);
        const ScaledNorm scaled = out_of_range ? ScaledRow(x, n_, epsilon) : ScaledNorm();
        if (scaled.factor != 0) {
          ScaledRowGrad(scaled, n_, x, dy, a.scale, dx, sums, sums + n_);
        } else {
          NormalizeRowGrad(n_, x, dy, a.mean[row], static_cast<T>(Rstd(variance, epsilon)), a.scale, dx, sums,
                           sums + n_);
        }
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
