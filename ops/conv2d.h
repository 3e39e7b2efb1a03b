// Convolution of images with filters, its two gradients, and the transposed convolution.
//
//   Value y = Conv2d(x, w);                                                 // [?,3,28,28], [25,3,3,3] -> [?,25,26,26]
//   Value z = Conv2d(x, w, {.stride = {2, 2}, .padding = Padding::Same()});  // -> [?,25,14,14]
//   Value d = Conv2d(x, v, {.groups = 3});                                  // v [3,1,3,3]: depthwise
//
// <dy, conv2d(x, w)> is linear in each of x, w and dy. So the convolution and its gradients with respect to x and w are
// three ops whose gradient rules are each other, and every order of derivative follows.
#ifndef ADRET_OPS_CONV2D_H_
#define ADRET_OPS_CONV2D_H_

#include <array>
#include <cstdint>

#include "adret/core/graph.h"
#include "adret/ops/layout.h"

namespace adret {

struct Conv2dAttrs {
  std::array<int64_t, 2> stride{1, 1};  // height, width
  Padding padding = Padding::Valid();
  std::array<int64_t, 2> dilation{1, 1};
  int64_t groups = 1;  // group g of the filters sees group g of the channels only
  template <class V>
  void Fields(V&& v) {
    v("stride", stride), v("padding", padding), v("dilation", dilation), v("groups", groups);
  }
};

// Computes y[n, k, i, j] = sum_{c, r, s} x[n, c, i * stride + r * dilation - padding, ...] w[k, c, r, s], with zeros
// around x. x [N, C, H, W] and w [K, C / groups, R, S], both f32 or both f64; y [N, K, H', W'] where H' = floor((H +
// top + bottom - (R - 1) * dilation - 1) / stride) + 1. N may be symbolic. (Cross-correlation, as in every framework.)
//
// A pixel that is infinite or NaN makes the results that read it so, and no others; padding is read as zeros. Windows
// of 3x3 with stride 1 may go by Winograd's method. Its rounding errors are relative to the largest pixel among the 6x6
// around a result, where those of a sum are relative to what the result reads; ExecutorOptions::strict excludes it.
// Bounds are in docs/numerics.md, "Convolutions".
Value Conv2d(Operand x, Operand w, Conv2dAttrs attrs = {});

struct ConvTranspose2dAttrs {
  std::array<int64_t, 2> stride{1, 1};
  Padding padding = Padding::Valid();           // explicit: how much is cut off the result
  std::array<int64_t, 2> output_padding{0, 0};  // rows and columns added at the end, less than the stride
  std::array<int64_t, 2> dilation{1, 1};
  int64_t groups = 1;
};

// Returns the transpose of Conv2d as a linear map of x: conv2d_x_grad(x, w). x [N, K, H, W], w [K, C / groups, R, S];
// the result is [N, C, H', W'] with H' = (H - 1) * stride - top - bottom + (R - 1) * dilation + output_padding + 1.
Value ConvTranspose2d(Operand x, Operand w, ConvTranspose2dAttrs attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_CONV2D_H_
