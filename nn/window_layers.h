// Convolutions and poolings in one and three dimensions, and pooling to a given size, as layers.
//
//   nn::Sequential ears{nn::Conv1d(16, 5, {.stride = 2}), nn::Relu(), nn::MaxPool1d(2), nn::AdaptiveAvgPool({1})};
//   nn::Sequential scan{nn::Conv3d(16, 3), nn::Relu(), nn::AvgPool3d({1, 2, 2}), nn::Flatten(), nn::Dense(10)};
//
// Signals are [batch, channels, length], volumes [batch, channels, depth, height, width]. What nn/layers.h says of
// layers holds here.
#ifndef ADRET_NN_WINDOW_LAYERS_H_
#define ADRET_NN_WINDOW_LAYERS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"
#include "adret/ops/window_padding.h"

namespace adret::nn {

// Depth, height and width: `.stride = 2` or `.stride = {1, 2, 2}`.
struct Extent3d {
  Extent3d(int64_t all) : sizes{all, all, all} {}  // NOLINT(google-explicit-constructor)
  Extent3d(int64_t depth, int64_t height, int64_t width) : sizes{depth, height, width} {}
  operator std::array<int64_t, 3>() const { return sizes; }  // NOLINT(google-explicit-constructor)
  std::array<int64_t, 3> sizes;
};

struct Conv1dOptions {
  int64_t stride = 1;
  Padding1d padding = Padding1d::Valid();
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Initializer initializer = HeUniform();
  Initializer bias_initializer = Zeros();
};
// Makes a layer "conv": w [filters, channels / groups, kernel], b [filters].
Layer Conv1d(int64_t filters, int64_t kernel, const Conv1dOptions& options = {});

struct Conv3dOptions {
  Extent3d stride = 1;
  Padding3d padding = Padding3d::Valid();
  Extent3d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Initializer initializer = HeUniform();
  Initializer bias_initializer = Zeros();
};
// Makes a layer "conv": w [filters, channels / groups, kernel], b [filters].
Layer Conv3d(int64_t filters, Extent3d kernel, const Conv3dOptions& options = {});

struct Pool1dOptions {
  int64_t stride = 0;  // 0: the window's size
  Padding1d padding = Padding1d::Valid();
  bool ceil_mode = false;
};
struct Pool3dOptions {
  Extent3d stride = 0;  // 0: the window's size
  Padding3d padding = Padding3d::Valid();
  bool ceil_mode = false;
};
// Make a layer "pool". Padded zeros count in means.
Layer MaxPool1d(int64_t window, const Pool1dOptions& options = {});
Layer AvgPool1d(int64_t window, const Pool1dOptions& options = {});
Layer MaxPool3d(Extent3d window, const Pool3dOptions& options = {});
Layer AvgPool3d(Extent3d window, const Pool3dOptions& options = {});

// Make a layer "pool" that cuts each axis behind the channels into a number of parts: [n, c, 28, 28] with {7, 7} gives
// [n, c, 7, 7].
Layer AdaptiveAvgPool(const std::vector<int64_t>& sizes);
Layer AdaptiveMaxPool(const std::vector<int64_t>& sizes);

}  // namespace adret::nn

#endif  // ADRET_NN_WINDOW_LAYERS_H_
