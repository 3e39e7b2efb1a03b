// The layers. What they have in common (names, variables, modes) is in nn/layer.h.
//
//   nn::Sequential net{nn::Conv2d(16, 3, {.padding = Padding::Same(), .bias = false}), nn::BatchNorm(), nn::Relu(),
//                      nn::MaxPool2d(2), nn::Flatten(), nn::Dropout(0.5), nn::Dense(10).Named("logits")};
//
// Only outputs are stated: inputs follow from the value that the layer is called on. Images are [batch, channels,
// height, width], f32 or f64. Defaults are PyTorch's, except that convolutional and dense layers start with He's
// initialiser and zero biases.
#ifndef ADRET_NN_LAYERS_H_
#define ADRET_NN_LAYERS_H_

#include <array>
#include <cstdint>

#include "adret/nn/initializers.h"
#include "adret/nn/layer.h"
#include "adret/ops/layout.h"

namespace adret::nn {

// Height and width: `.stride = 2` or `.stride = {2, 1}`.
struct Extent2d {
  Extent2d(int64_t both) : sizes{both, both} {}  // NOLINT(google-explicit-constructor)
  Extent2d(int64_t height, int64_t width) : sizes{height, width} {}
  operator std::array<int64_t, 2>() const { return sizes; }  // NOLINT(google-explicit-constructor)
  std::array<int64_t, 2> sizes;
};

// ---- With weights ----

struct Conv2dOptions {
  Extent2d stride = 1;
  Padding padding = Padding::Valid();
  Extent2d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Initializer initializer = HeUniform();
  Initializer bias_initializer = Zeros();
};
// Makes a layer "conv": w [filters, channels / groups, kernel], b [filters].
Layer Conv2d(int64_t filters, Extent2d kernel, const Conv2dOptions& options = {});

struct ConvTranspose2dOptions {
  Extent2d stride = 1;
  Padding padding = Padding::Valid();
  Extent2d output_padding = 0;
  Extent2d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  // Empty: HeUniform() by the number of products that an output away from the edges is the sum of, channels / groups *
  // kernel's area / stride's area. (The axes of w are not those that nn/initializers.h computes fans from.)
  Initializer initializer = nullptr;
  Initializer bias_initializer = Zeros();
};
// Makes a layer "conv_transpose": w [channels, filters / groups, kernel], b [filters].
Layer ConvTranspose2d(int64_t filters, Extent2d kernel, const ConvTranspose2dOptions& options = {});

struct DenseOptions {
  bool bias = true;
  Initializer initializer = HeUniform();
  Initializer bias_initializer = Zeros();
};
// Makes a layer "dense": y = x w^T + b with x [batch, in] or [batch, time, in], w [units, in], b [units].
Layer Dense(int64_t units, const DenseOptions& options = {});

// Ioffe and Szegedy 2015, over all axes but the second. Training normalises by the batch's statistics and, once per run
// of an optimiser's updates, moves running ones: running = (1 - momentum) running + momentum batch, with the unbiased
// variance. Inference normalises by the running ones. Called several times in training mode in one graph, the first
// call's batch counts. Of one value for each channel there is no variance (PyTorch refuses it): y is the bias, and the
// running variance stays.
struct BatchNormOptions {
  double epsilon = 1e-5;
  double momentum = 0.1;
};
// Makes a layer "batch_norm": scale and bias [channels]; running_mean and running_variance [channels], not trainable.
Layer BatchNorm(const BatchNormOptions& options = {});

// Ba et al. 2016, over the last `axes` axes.
struct LayerNormOptions {
  int axes = 1;
  double epsilon = 1e-5;
};
// Makes a layer "layer_norm": scale and bias of the shape of those axes.
Layer LayerNorm(const LayerNormOptions& options = {});

// Zhang and Sennrich 2019, over the last `axes` axes.
struct RmsNormOptions {
  int axes = 1;
  double epsilon = 0x1p-23;  // PyTorch's for f32
};
// Makes a layer "rms_norm": scale of the shape of those axes.
Layer RmsNorm(const RmsNormOptions& options = {});

// Wu and He 2018, over groups of neighbouring channels.
struct GroupNormOptions {
  double epsilon = 1e-5;
  bool affine = true;  // with scale and bias
};
// Makes a layer "group_norm": scale and bias [channels].
Layer GroupNorm(int64_t groups, const GroupNormOptions& options = {});

// Ulyanov et al. 2016, over each channel of each sample. As PyTorch's, it has no scale and bias unless asked for.
struct InstanceNormOptions {
  double epsilon = 1e-5;
  bool affine = false;
};
// Makes a layer "instance_norm": scale and bias [channels], where they are asked for.
Layer InstanceNorm(const InstanceNormOptions& options = {});

// ---- Without weights ----

struct Pool2dOptions {
  Extent2d stride = 0;  // 0: the window's size
  Padding padding = Padding::Valid();
  bool ceil_mode = false;
};
// Makes a layer "pool".
Layer MaxPool2d(Extent2d window, const Pool2dOptions& options = {});
struct AvgPool2dOptions {
  Extent2d stride = 0;  // 0: the window's size
  Padding padding = Padding::Valid();
  bool ceil_mode = false;
  bool count_padding = true;  // do padded zeros count in the mean?
};
Layer AvgPool2d(Extent2d window, const AvgPool2dOptions& options = {});
// Makes a layer "global_pool": [n, c, h, w] -> [n, c, 1, 1]
Layer GlobalAvgPool2d();
Layer GlobalMaxPool2d();

// Makes a layer "flatten": [n, ...] -> [n, product of the others]
Layer Flatten();

// Makes a layer "dropout": each element is zero with probability `rate`, else divided by 1 - rate (Srivastava et al.
// 2014). The identity in inference.
Layer Dropout(double rate);

// ---- Activations, called after their op ----

Layer Relu();
Layer LeakyRelu(double slope = 0.01);
Layer Elu(double alpha = 1);
Layer Gelu();
Layer Silu();
Layer Sigmoid();
Layer HardSigmoid();
Layer Softplus();
Layer Tanh();
// Makes a layer of softmax over an axis.
Layer Softmax(int axis = -1);
Layer LogSoftmax(int axis = -1);

}  // namespace adret::nn

#endif  // ADRET_NN_LAYERS_H_
