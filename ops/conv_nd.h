// Convolution in one and in three dimensions.
//
//   Value y = Conv1d(sound, w1, {.stride = 2, .padding = Padding1d::Same()});   // [?,2,100], [8,2,5] -> [?,8,50]
//   Value z = Conv3d(volume, w3);                              // [?,2,9,9,9], [8,2,3,3,3] -> [?,8,7,7,7]
//
// Both are compositions on Conv2d: what is said there of infinities, NaN and rounding holds here.
#ifndef ADRET_OPS_CONV_ND_H_
#define ADRET_OPS_CONV_ND_H_

#include <array>
#include <cstdint>

#include "adret/core/graph.h"
#include "adret/ops/window_padding.h"

namespace adret {

struct Conv1dAttrs {
  int64_t stride = 1;
  Padding1d padding = Padding1d::Valid();
  int64_t dilation = 1;
  int64_t groups = 1;
};

// Computes y[n, k, i] = sum_{c, r} x[n, c, i * stride + r * dilation - before] w[k, c, r], with zeros around x.
// x [N, C, L], w [K, C / groups, R], both f32 or both f64; y [N, K, L'] with L' = floor((L + before + after - (R - 1) *
// dilation - 1) / stride) + 1.
Value Conv1d(Operand x, Operand w, const Conv1dAttrs& attrs = {});

struct Conv3dAttrs {
  std::array<int64_t, 3> stride{1, 1, 1};  // depth, height, width
  Padding3d padding = Padding3d::Valid();
  std::array<int64_t, 3> dilation{1, 1, 1};
  int64_t groups = 1;
};

// Convolves volumes x [N, C, D, H, W] with w [K, C / groups, Q, R, S], as Conv2d does along height and width. The
// slices that a filter sees at once are laid side by side as channels of an image: up to Q times x's memory.
Value Conv3d(Operand x, Operand w, const Conv3dAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_CONV_ND_H_
