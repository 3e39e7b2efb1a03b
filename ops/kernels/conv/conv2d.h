// Convolution of batches of images and its two gradients, for every stride, padding, dilation and number of groups.
//
// One plan per op and shape, made once; Run() allocates nothing. With w zero outside, x zero-padded, and per group:
//  forward:      y[n, k, i, j]   = sum_{c, r, s} x[n, c, i sh + r dh - top, j sw + s dw - left] w[k, c, r, s]
//  x_gradient:   the same sum read as a map from dy to dx, w_gradient: as a map from (x, dy) to dw.
#ifndef ADRET_OPS_KERNELS_CONV_CONV2D_H_
#define ADRET_OPS_KERNELS_CONV_CONV2D_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace adret::kernels {

struct Conv2dShape {
  int64_t batch, channels, height, width;  // x
  int64_t filters, kernel_h, kernel_w;     // w: [filters, channels / groups, kernel_h, kernel_w]
  int64_t out_height, out_width;           // y: [batch, filters, out_height, out_width]
  int64_t groups = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;

  double flops() const;
};

// Returns the same sums as a convolution of fewer pixels, where there is one: a window as large as the image is a 1x1
// window over more channels.
Conv2dShape Simplified(Conv2dShape shape);

enum class Conv2dMethod {
  kTaps,      // planes, shifted: CorrelationPlan and FilterGradientPlan
  k1x1,       // a matrix product per image: conv1x1.h
  kWinograd,  // products of transformed tiles: winograd.h
  kColumns,   // products of matrices that hold what the taps read: columns.h
};

enum class Conv2dMap { kForward, kInputGradient, kFilterGradient };

bool CanCompute(Conv2dMethod method, const Conv2dShape& shape);

// How a map of a shape is computed.
//   1x1 windows that touch every pixel once are matrix products as they stand. OpenBLAS packs their long rows, which
//   taps would read from many pages at once: 1.3 to 2 times faster at 64 to 256 channels. Below a few vectors of pixels
//   packing costs more than it saves.
//   3x3 windows with stride 1 go by Winograd's tiles once the transforms of inputs and outputs are shared by a dozen
//   filters and channels (level with taps there, 1.5 times faster at 32, 2 to 3 times at 64 and more), unless there are
//   too few tiles to fill vectors or most of their area lies outside of the image.
//   The filter gradient of other windows is a product of im2col's columns where 32 filters share them and taps are
//   slow: taps sum over short rows across the lanes of vectors, and read x unaligned. Columns are 1.5 to 2 times faster
//   at 100 filters and more, under strides and for few channels. All maps of 1x1 windows under a stride go so: the
//   columns are a copy of a part of the image. So do windows over images of a few pixels, which fill a vector together;
//   with few filters, taps are faster still. Everything else goes by taps: without im2col's copies they run near the
//   peak of the multiply-add units, down to one input channel; depthwise filters are the case of one channel and few
//   filters, with more vectors per tile.
//   strict: without Winograd's tiles, whose rounding errors exceed those of a sum in order; see winograd.h.
Conv2dMethod ChooseMethod(const Conv2dShape& shape, Conv2dMap map, bool strict);

// For tests of one method: while it lives, every shape that `method` can compute is computed so, in plans made by any
// thread.
class ScopedConv2dMethod {
 public:
  explicit ScopedConv2dMethod(Conv2dMethod method);
  ~ScopedConv2dMethod();
  ScopedConv2dMethod(const ScopedConv2dMethod&) = delete;

 private:
  const int before_;
};

// Memory for one run, from the caller: `shared` is written once, `scratch()` belongs to the calling thread.
struct Conv2dMemory {
  void* shared;
  absl::FunctionRef<void*()> scratch;
};
// Called once for each range [begin, begin + n) of the result when it is final, from any thread.
using FinishedFn = absl::FunctionRef<void(int64_t begin, int64_t n)>;
// Where to write the results from `begin` on, before the same thread reports them as finished.
template <class T>
using PlaceFn = absl::FunctionRef<T*(int64_t begin)>;

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_CONV2D_H_
