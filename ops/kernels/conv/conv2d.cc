#include "adret/ops/kernels/conv/conv2d.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "adret/core/rounding.h"
#include "adret/ops/kernels/conv/columns.h"
#include "adret/ops/kernels/conv/winograd.h"

namespace adret::kernels {
namespace {

// What makes a matrix product of a 1x1 window worth packing.
constexpr int64_t kMinPixels = 64;
constexpr int64_t kMin1x1Channels = 16;
// What makes tiles worth transforming.
constexpr int64_t kMinWinogradChannels = 12;
constexpr int64_t kMinWinogradTiles = 32;
constexpr double kMaxWinogradWaste = 2.2;
// A row of tiles is never divided; transformed, with all its channels, it should stay in the caches.
constexpr int64_t kMaxWinogradRow = 2 << 20;
// What makes a matrix product worth copying what windows read.
constexpr int64_t kMinColumnsFilters = 32, kMinColumnsDepth = 25;
constexpr double kMinFilledLanes = 0.6;
constexpr int64_t kFewChannels = 4, kSomeFilters = 64, kManyFilters = 96, kSmallImage = 200;

std::atomic<int> forced_method = -1;

// Of a vector's 16 lanes of f32, what the positions of small images fill.
double FilledLanes(const Conv2dShape& s) {
  const int64_t pitch = s.out_width + (s.kernel_w - 1) * s.dilation_w / s.stride_w;
  return static_cast<double>(s.out_height * s.out_width) /
         static_cast<double>(CeilDiv((s.out_height - 1) * pitch + s.out_width, 16) * 16);
}

}  // namespace

double Conv2dShape::flops() const {
  return 2.0 * batch * filters * out_height * out_width * (channels / groups) * kernel_h * kernel_w;
}

Conv2dShape Simplified(Conv2dShape s) {
  const bool once = s.out_height == 1 && s.out_width == 1 && s.pad_top == 0 && s.pad_left == 0;
  const bool whole = s.kernel_h == s.height && s.kernel_w == s.width && s.dilation_h == 1 && s.dilation_w == 1;
  if (!once || !whole) return s;
  s.channels *= s.height * s.width;
  s.height = s.width = s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = 1;
  return s;
}

bool CanCompute(Conv2dMethod method, const Conv2dShape& s) {
  switch (method) {
    case Conv2dMethod::kTaps:
      return true;
    case Conv2dMethod::k1x1:
      // BLAS counts in 32 bits.
      return s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_top == 0 &&
             s.pad_left == 0 && s.out_height == s.height && s.out_width == s.width &&
             s.height * s.width < int64_t{1} << 31;
    case Conv2dMethod::kWinograd:
      // Gathers of filters count in 32 bits.
      return s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
             s.dilation_w == 1 && std::min(s.height, s.width) > 0 &&
             9 * (s.channels / s.groups) * s.filters < int64_t{1} << 31;
    case Conv2dMethod::kColumns:
      return std::max(s.width, s.out_width) <= kMaxColumnsWidth && s.kernel_h * s.kernel_w <= kMaxColumnsTaps &&
             std::min(s.height * s.width, s.out_height * s.out_width) > 0 &&
             std::max(s.height * s.width, s.out_height * s.out_width) < int64_t{1} << 31 &&
             s.channels * s.kernel_h * s.kernel_w < int64_t{1} << 31 &&
             s.filters * s.kernel_h * s.kernel_w < int64_t{1} << 31;
  }
  return false;
}

Conv2dMethod ChooseMethod(const Conv2dShape& s, Conv2dMap map, bool strict) {
  const int forced = forced_method.load(std::memory_order_relaxed);
  if (forced >= 0 && CanCompute(static_cast<Conv2dMethod>(forced), s)) return static_cast<Conv2dMethod>(forced);
  const int64_t channels = s.channels / s.groups, filters = s.filters / s.groups;
  const int64_t pixels = s.height * s.width;
  if (CanCompute(Conv2dMethod::k1x1, s) && (pixels >= kMinPixels || pixels == 1) && channels >= kMin1x1Channels) {
    return Conv2dMethod::k1x1;
  }
  const int64_t tiles = CeilDiv(s.out_height, kWinogradTile) * CeilDiv(s.out_width, kWinogradTile);
  if (!strict && CanCompute(Conv2dMethod::kWinograd, s) && std::min(channels, filters) >= kMinWinogradChannels &&
      s.batch * tiles >= kMinWinogradTiles &&
      kWinogradElements * CeilDiv(s.out_width, kWinogradTile) * std::max(channels, filters) <= kMaxWinogradRow &&
      tiles * kWinogradTile * kWinogradTile <= kMaxWinogradWaste * s.out_height * s.out_width) {
    return Conv2dMethod::kWinograd;
  }
  if (!CanCompute(Conv2dMethod::kColumns, s)) return Conv2dMethod::kTaps;
  const int64_t window = s.kernel_h * s.kernel_w;
  const bool sampled = s.stride_h > 1 || s.stride_w > 1, one_by_one = window == 1;
  const bool small = s.out_height * s.out_width <= kSmallImage;
  const bool columns = map == Conv2dMap::kFilterGradient
                           ? sampled || one_by_one || small || channels <= kFewChannels || filters >= kManyFilters
                           : (one_by_one && sampled) || (filters >= kSomeFilters && FilledLanes(s) < kMinFilledLanes);
  return columns && filters >= kMinColumnsFilters && channels * window >= kMinColumnsDepth &&
                 s.batch * s.out_height * s.out_width >= kMinPixels
             ? Conv2dMethod::kColumns
             : Conv2dMethod::kTaps;
}

ScopedConv2dMethod::ScopedConv2dMethod(Conv2dMethod method)
    : before_(forced_method.exchange(static_cast<int>(method))) {}
ScopedConv2dMethod::~ScopedConv2dMethod() { forced_method.store(before_); }

}  // namespace adret::kernels
