#include "adret/nn/window_layers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/nn/conv_layer_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/pool_nd.h"
#include "adret/ops/reshape.h"

namespace adret::nn {

// ---- What convolutional layers have in common -------------------------------------------------------------------

bool IsPositive(LayerCall& call, absl::string_view what, int64_t n) {
  if (n >= 1) return true;
  call.Fail(absl::StrCat(what, " must be at least 1, but is ", n));
  return false;
}

bool IsImage(LayerCall& call, const Value& x, int rank) {
  if (IsFloating(x.dtype()) && x.rank() == rank && x.shape()[kChannelAxis] > 0) return true;
  const char* what = rank == 3   ? "signals [batch, channels, length]"
                     : rank == 4 ? "images [batch, channels, height, width]"
                                 : "volumes [batch, channels, depth, height, width]";
  call.Fail(absl::StrCat("expects floating-point ", what, ", but x is ", x.type().ToString()));
  return false;
}

bool IsConvPossible(LayerCall& call, const Value& x, int rank, int64_t filters, absl::Span<const int64_t> kernel,
                    int64_t groups) {
  if (!IsImage(call, x, rank) || !IsPositive(call, "the number of filters", filters)) return false;
  const int64_t channels = x.shape()[kChannelAxis];
  if (groups < 1 || channels % groups != 0 || filters % groups != 0) {
    call.Fail(absl::StrCat(groups, " groups do not divide ", channels, " channels and ", filters, " filters"));
    return false;
  }
  return IsPositive(call, "the kernel's size", *std::min_element(kernel.begin(), kernel.end()));
}

Value AddChannelBias(LayerCall& call, Value y, const Initializer& initializer) {
  if (!y.valid()) return y;
  const Value b = call.Variable("b", {y.dtype(), {y.shape()[kChannelAxis]}}, initializer);
  if (!b.valid()) return b;
  Shape shape = b.shape();
  for (int axis = 2; axis < y.rank(); ++axis) shape.push_back(1);
  return y + Reshape(b, shape);
}

// ---- The layers -------------------------------------------------------------------------------------------------

Layer Conv1d(int64_t filters, int64_t kernel, const Conv1dOptions& o) {
  return Layer("conv", [filters, kernel, o](LayerCall& call, Value x) -> Value {
    if (!IsConvPossible(call, x, 3, filters, {kernel}, o.groups)) return Value();
    const Shape shape{filters, x.shape()[kChannelAxis] / o.groups, kernel};
    const Value w = call.Variable("w", {x.dtype(), shape}, o.initializer);
    const Value y =
        adret::Conv1d(x, w, {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups});
    return o.bias ? AddChannelBias(call, y, o.bias_initializer) : y;
  });
}

Layer Conv3d(int64_t filters, Extent3d kernel, const Conv3dOptions& o) {
  return Layer("conv", [filters, kernel, o](LayerCall& call, Value x) -> Value {
    if (!IsConvPossible(call, x, 5, filters, kernel.sizes, o.groups)) return Value();
    Shape shape{filters, x.shape()[kChannelAxis] / o.groups};
    for (int64_t size : kernel.sizes) shape.push_back(size);
    const Value w = call.Variable("w", {x.dtype(), shape}, o.initializer);
    const Value y =
        adret::Conv3d(x, w, {.stride = o.stride, .padding = o.padding, .dilation = o.dilation, .groups = o.groups});
    return o.bias ? AddChannelBias(call, y, o.bias_initializer) : y;
  });
}

namespace {

// A layer "pool", from a function of a value.
template <class F>
Layer Pool(F f) {
  return Layer("pool", [f](LayerCall&, Value x) { return f(x); });
}

}  // namespace

Layer MaxPool1d(int64_t window, const Pool1dOptions& o) {
  return Pool([window, o](Value x) {
    return adret::MaxPool1d(x, {.kernel = window, .stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode});
  });
}

Layer AvgPool1d(int64_t window, const Pool1dOptions& o) {
  return Pool([window, o](Value x) {
    return adret::AvgPool1d(x, {.kernel = window, .stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode});
  });
}

Layer MaxPool3d(Extent3d window, const Pool3dOptions& o) {
  return Pool([window, o](Value x) {
    return adret::MaxPool3d(x, {.kernel = window, .stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode});
  });
}

Layer AvgPool3d(Extent3d window, const Pool3dOptions& o) {
  return Pool([window, o](Value x) {
    return adret::AvgPool3d(x, {.kernel = window, .stride = o.stride, .padding = o.padding, .ceil_mode = o.ceil_mode});
  });
}

Layer AdaptiveAvgPool(const std::vector<int64_t>& sizes) {
  return Pool([sizes](Value x) { return adret::AdaptiveAvgPool(x, sizes); });
}

Layer AdaptiveMaxPool(const std::vector<int64_t>& sizes) {
  return Pool([sizes](Value x) { return adret::AdaptiveMaxPool(x, sizes); });
}

}  // namespace adret::nn
