// Pooling: the maximum or the mean of a window that slides over each channel of images [N, C, H, W], f32 or f64.
//
//   Value y = MaxPool2d(x);                                                   // 2x2: [?,25,26,26] -> [?,25,13,13]
//   Value z = AvgPool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .padding = Padding::Explicit(1)});
//   Value f = GlobalAvgPool2d(x);                                             //      [?,25,26,26] -> [?,25,1,1]
#ifndef ADRET_OPS_POOL2D_H_
#define ADRET_OPS_POOL2D_H_

#include <array>
#include <cstdint>

#include "adret/core/graph.h"
#include "adret/ops/layout.h"

namespace adret {

struct MaxPool2dAttrs {
  std::array<int64_t, 2> kernel{2, 2};  // height, width
  std::array<int64_t, 2> stride{0, 0};  // 0: the kernel's size
  Padding padding = Padding::Valid();   // never a maximum
  std::array<int64_t, 2> dilation{1, 1};
  bool ceil_mode = false;  // the last window may stick out of the image
  template <class V>
  void Fields(V&& v) {
    v("kernel", kernel), v("stride", stride), v("padding", padding), v("dilation", dilation), v("ceil_mode", ceil_mode);
  }
};

struct AvgPool2dAttrs {
  std::array<int64_t, 2> kernel{2, 2};
  std::array<int64_t, 2> stride{0, 0};  // 0: the kernel's size
  Padding padding = Padding::Valid();
  bool ceil_mode = false;
  bool count_include_pad = true;  // padding counts as zeros; otherwise only pixels are averaged
  template <class V>
  void Fields(V&& v) {
    v("kernel", kernel), v("stride", stride), v("padding", padding), v("ceil_mode", ceil_mode);
    v("count_include_pad", count_include_pad);
  }
};

// Takes the maximum of each window: [N, C, H', W'] with H' = floor((H + top + bottom - (kernel - 1) * dilation - 1) /
// stride) + 1 (ceil in ceil_mode). Of equal maxima the first in row-major order counts for the gradient; a NaN is
// larger than every number. It is an error when a window would cover no pixel.
Value MaxPool2d(Operand x, MaxPool2dAttrs attrs = {});

struct MaxPool2dResult {
  Value y;
  Value argmax;  // i32 like y: h * W + w of the maximum in its channel
};
MaxPool2dResult MaxPool2dWithArgmax(Operand x, MaxPool2dAttrs attrs = {});

Value AvgPool2d(Operand x, AvgPool2dAttrs attrs = {});

// Returns the mean or the maximum of each channel: [N, C, 1, 1].
Value GlobalAvgPool2d(Operand x);
Value GlobalMaxPool2d(Operand x);

}  // namespace adret

#endif  // ADRET_OPS_POOL2D_H_
