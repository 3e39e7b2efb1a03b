#include "adret/nn/layers.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/nn/conv_layer_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/random.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"

namespace adret::nn {
namespace {

// A layer without variables, from a function of a value.
template <class F>
Layer Plain(const char* kind, F f) {
  return Layer(kind, [f](LayerCall&, Value x) { return f(x); });
}

}  // namespace

Layer Conv2d(int64_t filters, Extent2d kernel, const Conv2dOptions& o) {
  return Layer("conv", [filters, kernel, o](LayerCall& call, Value x) -> Value {
    if (!IsConvPossible(call, x, 4, filters, kernel.sizes, o.groups)) return Value();
    const Shape shape{filters, x.shape()[kChannelAxis] / o.groups, kernel.sizes[0], kernel.sizes[1]};
    const Value w = call.Variable("w", {x.dtype(), shape}, o.initializer);
    const Value y =
        adret::Conv2d(x, w, {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups});
    return o.bias ? AddChannelBias(call, y, o.bias_initializer) : y;
  });
}

Layer ConvTranspose2d(int64_t filters, Extent2d kernel, const ConvTranspose2dOptions& o) {
  return Layer("conv_transpose", [filters, kernel, o](LayerCall& call, Value x) -> Value {
    if (!IsConvPossible(call, x, 4, filters, kernel.sizes, o.groups)) return Value();
    const int64_t channels = x.shape()[kChannelAxis];
    const Shape shape{channels, filters / o.groups, kernel.sizes[0], kernel.sizes[1]};
    const auto area = [](const Extent2d& e) {
      return static_cast<double>(e.sizes[0]) * static_cast<double>(e.sizes[1]);
    };
    const double fan_in = static_cast<double>(channels / o.groups) * area(kernel) / area(o.stride);
    const Value w = call.Variable("w", {x.dtype(), shape}, o.initializer ? o.initializer : HeUniform(fan_in));
    const Value y = adret::ConvTranspose2d(x, w,
                                           {.stride = o.stride,
                                            .padding = o.padding,
                                            .output_padding = o.output_padding,
                                            .dilation = o.dilation,
                                            .groups = o.groups});
    return o.bias ? AddChannelBias(call, y, o.bias_initializer) : y;
  });
}

Layer Dense(int64_t units, const DenseOptions& o) {
  return Layer("dense", [units, o](LayerCall& call, Value x) -> Value {
    if (!IsFloating(x.dtype()) || x.rank() < 2 || x.rank() > 3 || x.shape()[x.rank() - 1] < 0) {
      return call.Fail(absl::StrCat("expects floating-point [batch, features] or [batch, time, features], but x is ",
                                    x.type().ToString(), x.rank() > 3 ? "; put nn::Flatten() before it" : ""));
    }
    if (!IsPositive(call, "the number of units", units)) return Value();
    const Value w = call.Variable("w", {x.dtype(), {units, x.shape()[x.rank() - 1]}}, o.initializer);
    const Value y = MatMul(x, w, {.transpose_b = true});
    return o.bias ? y + call.Variable("b", {x.dtype(), {units}}, o.bias_initializer) : y;
  });
}

Layer MaxPool2d(Extent2d window, const Pool2dOptions& o) {
  return Plain("pool", [window, o](Value x) {
    return adret::MaxPool2d(x, {.kernel = window, .stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode});
  });
}

Layer AvgPool2d(Extent2d window, const AvgPool2dOptions& o) {
  return Plain("pool", [window, o](Value x) {
    return adret::AvgPool2d(x, {.kernel = window,
                                .stride = o.stride,
                                .padding = o.padding,
                                .ceil_mode = o.ceil_mode,
                                .count_include_pad = o.count_padding});
  });
}

Layer GlobalAvgPool2d() {
  return Plain("global_pool", [](Value x) { return adret::GlobalAvgPool2d(x); });
}
Layer GlobalMaxPool2d() {
  return Plain("global_pool", [](Value x) { return adret::GlobalMaxPool2d(x); });
}
Layer Flatten() {
  return Plain("flatten", [](Value x) { return adret::Flatten(x); });
}

Layer Dropout(double rate) {
  return Layer("dropout", [rate](LayerCall& call, Value x) -> Value {
    if (!(rate >= 0 && rate < 1)) return call.Fail(absl::StrCat("the rate must be in [0, 1), but is ", rate));
    return call.training() ? adret::Dropout(x, {.rate = rate}) : x;
  });
}

Layer Relu() {
  return Plain("relu", [](Value x) { return adret::Relu(x); });
}
Layer LeakyRelu(double slope) {
  return Plain("leaky_relu", [slope](Value x) { return adret::LeakyRelu(x, {.slope = slope}); });
}
Layer Elu(double alpha) {
  return Plain("elu", [alpha](Value x) { return adret::Elu(x, {.alpha = alpha}); });
}
Layer Gelu() {
  return Plain("gelu", [](Value x) { return adret::Gelu(x); });
}
Layer Silu() {
  return Plain("silu", [](Value x) { return adret::Silu(x); });
}
Layer Sigmoid() {
  return Plain("sigmoid", [](Value x) { return adret::Sigmoid(x); });
}
Layer HardSigmoid() {
  return Plain("hard_sigmoid", [](Value x) { return adret::HardSigmoid(x); });
}
Layer Softplus() {
  return Plain("softplus", [](Value x) { return adret::Softplus(x); });
}
Layer Tanh() {
  return Plain("tanh", [](Value x) { return adret::Tanh(x); });
}
Layer Softmax(int axis) {
  return Plain("softmax", [axis](Value x) { return adret::Softmax(x, axis); });
}
Layer LogSoftmax(int axis) {
  return Plain("log_softmax", [axis](Value x) { return adret::LogSoftmax(x, axis); });
}

}  // namespace adret::nn
