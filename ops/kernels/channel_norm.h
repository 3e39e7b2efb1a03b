// Normalisation over threads: of channels (batch_norm) and of rows (layer_norm), forward and backward.
//
// Work is cut by sizes only and partial sums are merged in index order, so the bits do not depend on the number of
// threads. A chunk is small enough to be in cache when its second sweep comes.
#ifndef ADRET_OPS_KERNELS_CHANNEL_NORM_H_
#define ADRET_OPS_KERNELS_CHANNEL_NORM_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "adret/ops/kernels/norm.h"

namespace adret::kernels {

// Called with (begin, n) when elements [begin, begin + n) of y are final, possibly from several threads.
using FinishedFn = absl::FunctionRef<void(int64_t begin, int64_t n)>;

// [images, channels, inner], normalised over images and inner. T: float, double.
class ChannelNorm {
 public:
  ChannelNorm(int64_t images, int64_t channels, int64_t inner);

  // Partial sums (3 numbers) for units and chunks, coefficients (4) for units, ScaledNormGrad (7) for channels.
  int64_t workspace_doubles() const { return units_ * (chunks_ * 3 + 4) + channels_ * 7; }

  // mean, variance (biased): a number for each channel; y = (x - mean) / sqrt(variance + epsilon) * scale + bias.
  template <class T>
  struct ForwardArgs {
    const T *x, *scale, *bias;
    T *y, *mean, *variance;
  };
  template <class T>
  void Forward(const ForwardArgs<T>& args, double epsilon, double* workspace, FinishedFn finished) const;

  template <class T>
  struct BackwardArgs {
    const T *x, *scale, *mean, *variance, *dy;
    T *dx, *dscale, *dbias;
  };
  template <class T>
  void Backward(const BackwardArgs<T>& args, double epsilon, double* workspace) const;

 private:
  // A task is a chunk of images of one channel or, where a channel's pieces are too short for vectors, of a block of
  // columns of [images, channels * inner]. A unit is what has a partial sum: a channel, or a column.
  struct Task {
    int64_t unit, chunk, images;
    int64_t offset;  // of its first element in x
  };
  bool in_columns() const { return units_per_channel_ != 0; }
  template <class F>
  void ForEachTask(F&& f) const;
  // f(sum so far, partial sum) over a channel's partial sums, in order.
  template <class P, class F>
  P Combine(const P* partial, int64_t channel, F&& f) const;
  template <class T>
  void SetCoefficients(T* coefficients, int64_t channel, const T (&values)[4]) const;
  // f(place in x) for all numbers of a channel; of a column of a task, or its only strip.
  template <class F>
  void ForEachOfChannel(int64_t channel, F&& f) const;
  template <class F>
  void ForEachOfUnit(const Task& task, int64_t column, F&& f) const;
  template <class Scaled, class F>
  void ForEachScaled(const Task& task, const Scaled* scaled, F&& f) const;
  Strips StripsOf(const Task& task) const { return {task.images, channels_ * inner_, inner_}; }
  Block BlockOf(const Task& task) const;

  int64_t images_, channels_, inner_;
  int64_t units_, units_per_channel_;  // 0: strips
  int64_t images_per_chunk_, chunks_;
};

// [rows, n], normalised over n, with n scales and biases. T: float, double.
class RowNorm {
 public:
  RowNorm(int64_t rows, int64_t n);

  // Of T, for Backward().
  int64_t workspace_elements() const { return chunks_ * 2 * n_; }

  template <class T>
  void Forward(const ChannelNorm::ForwardArgs<T>& args, double epsilon, FinishedFn finished) const;
  template <class T>
  void Backward(const ChannelNorm::BackwardArgs<T>& args, double epsilon, T* workspace) const;

 private:
  int64_t rows_, n_, rows_per_chunk_, chunks_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CHANNEL_NORM_H_
