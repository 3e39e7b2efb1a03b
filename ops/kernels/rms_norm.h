// rms_norm over threads, forward and backward: rows divided by the root of their mean square. Cut as RowNorm is
// (ops/kernels/channel_norm.h), and right where squares leave the range of the type, as it is.
#ifndef ADRET_OPS_KERNELS_RMS_NORM_H_
#define ADRET_OPS_KERNELS_RMS_NORM_H_

#include <cstdint>

#include "adret/ops/kernels/channel_norm.h"

namespace adret::kernels {

// [rows, n], normalised over n, with n scales. T: float, double.
template <class T>
class RmsNorm {
 public:
  RmsNorm(int64_t rows, int64_t n);

  int64_t workspace_elements() const { return chunks_ * n_; }  // for Backward()

  struct ForwardArgs {
    const T *x, *scale;
    T *y, *mean_square;
  };
  void Forward(const ForwardArgs &args, double epsilon, FinishedFn finished) const;

  struct BackwardArgs {
    const T *x, *scale, *mean_square, *dy;
    T *dx, *dscale;
  };
  void Backward(const BackwardArgs &args, double epsilon, T *workspace) const;

 private:
  int64_t rows_, n_, rows_per_chunk_, chunks_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_RMS_NORM_H_
