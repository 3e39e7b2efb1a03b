// Pooling in one and in three dimensions, and pooling to a given size.
//
//   Value y = MaxPool1d(sound, {.kernel = 3, .stride = 2});         // [?,2,100] -> [?,2,49]
//   Value z = AvgPool3d(volume, {.kernel = {2, 2, 2}});             // [?,2,9,9,9] -> [?,2,4,4,4]
//   Value f = AdaptiveAvgPool(image, {7, 7});                       // [?,3,28,28] -> [?,3,7,7]
//
// All are compositions, on MaxPool2d, AvgPool2d and reductions; the order of elements, of which the first maximum gets
// the gradient, is row-major as theirs.
#ifndef ADRET_OPS_POOL_ND_H_
#define ADRET_OPS_POOL_ND_H_

#include <array>
#include <cstdint>
#include <vector>

#include "adret/core/graph.h"
#include "adret/ops/window_padding.h"

namespace adret {

struct MaxPool1dAttrs {
  int64_t kernel = 2;
  int64_t stride = 0;  // 0: the kernel's size
  Padding1d padding = Padding1d::Valid();
  int64_t dilation = 1;
  bool ceil_mode = false;
};
struct AvgPool1dAttrs {
  int64_t kernel = 2;
  int64_t stride = 0;  // 0: the kernel's size
  Padding1d padding = Padding1d::Valid();
  bool ceil_mode = false;
  bool count_include_pad = true;
};
struct MaxPool3dAttrs {
  std::array<int64_t, 3> kernel{2, 2, 2};  // depth, height, width
  std::array<int64_t, 3> stride{0, 0, 0};  // 0: the kernel's size
  Padding3d padding = Padding3d::Valid();
  std::array<int64_t, 3> dilation{1, 1, 1};
  bool ceil_mode = false;
};
struct AvgPool3dAttrs {
  std::array<int64_t, 3> kernel{2, 2, 2};
  std::array<int64_t, 3> stride{0, 0, 0};  // 0: the kernel's size
  Padding3d padding = Padding3d::Valid();
  bool ceil_mode = false;
  bool count_include_pad = true;
};

// Take the maximum or the mean of a window that slides over each channel of x [N, C, L] or [N, C, D, H, W], f32 or f64.
// Sizes and attributes are as MaxPool2d's and AvgPool2d's; so are the errors.
Value MaxPool1d(Operand x, const MaxPool1dAttrs& attrs = {});
Value AvgPool1d(Operand x, const AvgPool1dAttrs& attrs = {});
Value MaxPool3d(Operand x, const MaxPool3dAttrs& attrs = {});
Value AvgPool3d(Operand x, const AvgPool3dAttrs& attrs = {});

// Take the mean or the maximum of windows that cut each of x's last axes into a number of parts: part i of an axis of n
// elements cut into `size` is floor(i n / size) .. ceil((i + 1) n / size) - 1, as in PyTorch. x [N, C, ...] is f32 or
// f64 and has, behind the channels, as many axes as there are sizes.
Value AdaptiveAvgPool(Operand x, const std::vector<int64_t>& sizes);
Value AdaptiveMaxPool(Operand x, const std::vector<int64_t>& sizes);

}  // namespace adret

#endif  // ADRET_OPS_POOL_ND_H_
