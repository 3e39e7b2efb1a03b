#include "adret/ops/kernels/conv/winograd.h"

#include <algorithm>
#include <cmath>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"

namespace adret::kernels {
namespace {

// The transformed inputs of a task, and the products of a pass over its filters, should stay in the second-level cache.
constexpr int64_t kInputBytes = 768 << 10;
constexpr int64_t kProductBytes = 512 << 10;
// Every task reads all transformed filters; more tiles share the reading when they are many. Register tiles hold 3
// vectors.
constexpr int64_t kMinVectors = 3;
constexpr int64_t kManyTasks = 8;
// Whole images with more tiles than this would crowd the second-level cache.
constexpr int64_t kMaxAdjointTiles = 64;
int64_t Tiles(int64_t height, int64_t width) { return CeilDiv(height, kWinogradTile) * CeilDiv(width, kWinogradTile); }

}  // namespace

WinogradMap WinogradForwardMap(const Conv2dShape& s) {
  const int64_t channels = s.channels / s.groups, filters = s.filters / s.groups;
  return {.batch = s.batch,
          .groups = s.groups,
          .channels = channels,
          .filters = filters,
          .in_height = s.height,
          .in_width = s.width,
          .height = s.out_height,
          .width = s.out_width,
          .top = s.pad_top,
          .left = s.pad_left,
          .w_group = filters * channels * 9,
          .w_filter = channels * 9,
          .w_channel = 9,
          .flipped = false,
          .adjoint = false};
}

WinogradMap WinogradInputGradientMap(const Conv2dShape& s) {
  const int64_t channels = s.channels / s.groups, filters = s.filters / s.groups;
  const int64_t tiles = Tiles(s.height, s.width), own_tiles = Tiles(s.out_height, s.out_width);
  const bool adjoint = own_tiles < tiles && own_tiles <= kMaxAdjointTiles;
  return {.batch = s.batch,
          .groups = s.groups,
          .channels = filters,
          .filters = channels,
          .in_height = s.out_height,
          .in_width = s.out_width,
          .height = s.height,
          .width = s.width,
          .top = adjoint ? s.pad_top : 2 - s.pad_top,
          .left = adjoint ? s.pad_left : 2 - s.pad_left,
          .w_group = filters * channels * 9,
          .w_filter = 9,
          .w_channel = channels * 9,
          .flipped = !adjoint,
          .adjoint = adjoint};
}

// ---- y and dx ----------------------------------------------------------------------------------------------------

template <class T>
WinogradPlan<T>::WinogradPlan(const WinogradMap& map) : map_(map), traits_(GetTapTraits<T>()) {
  strips_per_image_ = CeilDiv(map_.adjoint ? map_.in_height : map_.height, kWinogradTile);
  tiles_ = CeilDiv(map_.adjoint ? map_.in_width : map_.width, kWinogradTile);
  strips_ = map_.batch * strips_per_image_;
  const int64_t lanes = traits_.lanes, size = sizeof(T);
  int64_t wanted = kInputBytes / (kWinogradElements * map_.channels * size);
  wanted = std::min(wanted, CeilDiv(strips_ * tiles_ * map_.groups, kManyTasks));
  wanted = std::max(wanted - wanted % (kMinVectors * lanes), kMinVectors * lanes);
  strips_per_task_ = std::clamp<int64_t>(wanted / std::max<int64_t>(tiles_, 1), 1, std::max<int64_t>(strips_, 1));
  // Whole images when several fit.
  if (map_.adjoint) strips_per_task_ = std::max(strips_per_task_, strips_per_image_);
  if (strips_per_task_ > strips_per_image_) strips_per_task_ -= strips_per_task_ % strips_per_image_;
  const int64_t per_group = CeilDiv(strips_, strips_per_task_);
  tasks_ = per_group * map_.groups;
  pitch_ = RoundUp(strips_per_task_ * tiles_, lanes);
  filter_blocks_ = CeilDiv(map_.filters, traits_.filter_tile);
  const int64_t block_bytes = kWinogradElements * pitch_ * traits_.filter_tile * size;
  blocks_per_pass_ = std::clamp<int64_t>(kProductBytes / std::max<int64_t>(block_bytes, 1), 1, filter_blocks_);
  places_ = WinogradPlaces<T>(tiles_, strips_per_task_);
  for (int64_t c = 0; c < map_.channels; ++c) offsets_.push_back(c * pitch_);
  for (int64_t v = 0; v < pitch_ / lanes; ++v)
    stores_.push_back({v * lanes, static_cast<int32_t>(lanes), ~uint64_t{0}});
  const int64_t small = map_.filters / filter_blocks_;
  for (int64_t i = 0; i < 2; ++i) {
    const int64_t filters = small + i;
    index_[i].resize(RoundUp(map_.channels * filters, lanes));
    for (int64_t k = 0; k < map_.channels * filters; ++k) {
      index_[i][k] = k / filters * map_.w_channel + k % filters * map_.w_filter;
    }
  }
}

template <class T>
int64_t WinogradPlan<T>::shared_bytes() const {
  return kWinogradElements * u_plane() * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t WinogradPlan<T>::scratch_bytes() const {
  const int64_t lanes = traits_.lanes;
  const int64_t v = kWinogradElements * (map_.channels * pitch_ + lanes);
  const int64_t m = kWinogradElements * blocks_per_pass_ * traits_.filter_tile * pitch_;
  const int64_t work = std::max(WinogradWork<T>(tiles_, strips_per_task_), WinogradInverseWork<T>(pitch_));
  return (v + m + work) * static_cast<int64_t>(sizeof(T));
}

// u[e][group][block of filters][channel][filter of the block]
template <class T>
void WinogradPlan<T>::TransformFilters(const T* w, T* u) const {
  const int64_t block = std::max<int64_t>(traits_.filter_tile * map_.channels, 1);
  ParallelFor(map_.groups * filter_blocks_, std::max<int64_t>(1, (1 << 12) / block), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / filter_blocks_, b = i % filter_blocks_;
      const int64_t first = FilterBlockBegin(b), filters = FilterBlockBegin(b + 1) - first;
      WinogradFilters<T> f;
      f.w = w + group * map_.w_group + first * map_.w_filter, f.flipped = map_.flipped;
      f.index = index_[filters - map_.filters / filter_blocks_].data(), f.count = map_.channels * filters;
      f.to = u + (group * map_.filters + first) * map_.channels, f.plane = u_plane();
      WinogradTransformFilters(f);
    }
  });
}

// m[e][filter] for blocks [first, last) of filters.
template <class T>
void WinogradPlan<T>::Multiply(const T* v, const T* u, int64_t tiles, int64_t first, int64_t last, T* m) const {
  const int64_t v_plane = map_.channels * pitch_ + traits_.lanes,
                filters = FilterBlockBegin(last) - FilterBlockBegin(first);
  TapBlock<T> block;
  block.plane = 0, block.channels = 1, block.taps = offsets_.data(), block.num_taps = map_.channels;
  block.out_plane = pitch_, block.stores = stores_.data(), block.vectors = CeilDiv(tiles, traits_.lanes);
  for (int64_t e = 0; e < kWinogradElements; ++e) {
    block.in = v + e * v_plane;
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = FilterBlockBegin(b);
      block.filters = static_cast<int>(FilterBlockBegin(b + 1) - begin);
      block.weights = u + e * u_plane() + begin * map_.channels;
      block.out = m + (e * filters + begin - FilterBlockBegin(first)) * pitch_;
      CorrelateTaps(block);
    }
  }
}

template <class T>
void WinogradPlan<T>::ForEachRange(const WinogradStrips& strips, int64_t group, int64_t first, int64_t count,
                                   FinishedFn f) const {
  const int64_t plane = map_.height * map_.width, end = strips.first + strips.count;
  for (int64_t strip = strips.first; strip < end;) {
    const int64_t image = strip / strips_per_image_, stop = std::min(end, (image + 1) * strips_per_image_);
    const int64_t begin_row = strip % strips_per_image_ * kWinogradTile;
    const int64_t rows = stop - strip == strips_per_image_
                             ? map_.height
                             : std::min((stop - strip) * kWinogradTile, map_.height - begin_row);
    const int64_t begin = ((image * map_.groups + group) * map_.filters + first) * plane;
    if (rows == map_.height) {
      f(begin, count * plane);
    } else {
      for (int64_t i = 0; i < count; ++i) f(begin + i * plane + begin_row * map_.width, rows * map_.width);
    }
    strip = stop;
  }
}

template <class T>
T WinogradPlan<T>::Result(const T* in, const T* w, int64_t o) const {
  const int64_t column = o % map_.width, row = o / map_.width % map_.height, plane = o / (map_.width * map_.height);
  const int64_t filter = plane % map_.filters, group = plane / map_.filters % map_.groups;
  const bool reversed = map_.flipped || map_.adjoint;
  const int64_t top = map_.adjoint ? 2 - map_.top : map_.top, left = map_.adjoint ? 2 - map_.left : map_.left;
  const T* x = in + plane / map_.filters * map_.channels * map_.in_height * map_.in_width;
  w += group * map_.w_group + filter * map_.w_filter;
  T sum = 0;
  for (int64_t c = 0; c < map_.channels && !std::isnan(sum); ++c) {
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t h = row + tap / 3 - top, v = column + tap % 3 - left;
      const bool inside = h >= 0 && h < map_.in_height && v >= 0 && v < map_.in_width;
      sum += (inside ? x[h * map_.in_width + v] : T{0}) * w[reversed ? 8 - tap : tap];
    }
    x += map_.in_height * map_.in_width, w += map_.w_channel;
  }
  return sum;
}

template <class T>
void WinogradPlan<T>::RunTask(int64_t task, const T* in, const T* w, const T* u, T* out, T* scratch,
                              FinishedFn finished) const {
  const int64_t group = task % map_.groups;
  WinogradStrips strips{.height = map_.in_height,
                        .width = map_.in_width,
                        .image_stride = map_.groups * map_.channels * map_.in_height * map_.in_width,
                        .top = map_.adjoint ? 0 : map_.top,
                        .left = map_.adjoint ? 0 : map_.left,
                        .strips_per_image = strips_per_image_,
                        .tiles = tiles_,
                        .first = task / map_.groups * strips_per_task_,
                        .count = 0};
  strips.count = std::min(strips_per_task_, strips_ - strips.first);
  const int64_t v_plane = map_.channels * pitch_ + traits_.lanes;
  T* v = scratch;
  T* m = v + kWinogradElements * v_plane;
  T* work = m + kWinogradElements * blocks_per_pass_ * traits_.filter_tile * pitch_;

  const int64_t in_plane = map_.in_height * map_.in_width, plane = map_.height * map_.width;
  WinogradTransform(WinogradForward<T>{.strips = strips,
                                       .gradient = map_.adjoint,
                                       .places = places_.data(),
                                       .x = in + group * map_.channels * in_plane,
                                       .rows = map_.channels,
                                       .image_row = in_plane,
                                       .to = v,
                                       .pitch = pitch_,
                                       .plane = v_plane,
                                       .work = work});
  strips.height = map_.height, strips.width = map_.width, strips.image_stride = map_.groups * map_.filters * plane;
  strips.top = map_.top, strips.left = map_.left;
  for (int64_t b = 0; b < filter_blocks_; b += blocks_per_pass_) {
    const int64_t last = std::min(b + blocks_per_pass_, filter_blocks_);
    const int64_t first = FilterBlockBegin(b), filters = FilterBlockBegin(last) - first;
    Multiply(v, u + group * map_.filters * map_.channels, strips.count * tiles_, b, last, m);
    const int64_t filter = group * map_.filters + first;
    const bool finite = WinogradInverseTransform(WinogradInverse<T>{.strips = strips,
                                                                    .input = map_.adjoint,
                                                                    .m = m,
                                                                    .pitch = pitch_,
                                                                    .plane = filters * pitch_,
                                                                    .y = out + filter * plane,
                                                                    .rows = filters,
                                                                    .image_row = plane,
                                                                    .work = work});
    if (!finite) {
      ForEachRange(strips, group, first, filters, [&](int64_t begin, int64_t n) {
        for (int64_t o = begin; o < begin + n; ++o) {
          if (!std::isfinite(out[o])) out[o] = Result(in, w, o);
        }
      });
    }
    ForEachRange(strips, group, first, filters, finished);
  }
}

template <class T>
void WinogradPlan<T>::Run(const T* in, const T* w, T* out, const Conv2dMemory& memory, FinishedFn finished) const {
  T* u = static_cast<T*>(memory.shared);
  TransformFilters(w, u);
  ParallelFor(tasks_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      RunTask(task, in, w, u, out, static_cast<T*>(memory.scratch()), finished);
    }
  });
}

template class WinogradPlan<float>;
template class WinogradPlan<double>;

}  // namespace adret::kernels
