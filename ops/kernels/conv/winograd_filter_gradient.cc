#include <algorithm>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/kernels/conv/filter_gradient.h"
#include "adret/ops/kernels/conv/panel.h"
#include "adret/ops/kernels/conv/winograd.h"

namespace adret::kernels {
namespace {

// What a block of tiles takes, transformed, should stay in the second-level cache.
constexpr int64_t kBlockBytes = 1 << 20;
constexpr int64_t kMinBlockTiles = 64;
constexpr double kFlopsPerTask = 2e6;
constexpr int64_t kMaxChunks = 16;
// du from this size on is made in one piece...
constexpr int64_t kLargeGradient = 36 * 100 * 100;
// ...by tasks of so many filters, if all transformed inputs fit here.
constexpr int64_t kPartFilters = 32;
constexpr int64_t kMaxParts = 16;
constexpr int64_t kMaxSharedElements = 8 << 20;

}  // namespace

template <class T>
WinogradFilterGradientPlan<T>::WinogradFilterGradientPlan(const Conv2dShape& shape)
    : shape_(shape),
      channels_(shape.channels / shape.groups),
      filters_(shape.filters / shape.groups),
      lanes_(GetTapTraits<T>().lanes) {
  strips_per_image_ = CeilDiv(shape_.out_height, kWinogradTile), tiles_ = CeilDiv(shape_.out_width, kWinogradTile);
  strips_ = shape_.batch * strips_per_image_;
  channel_pitch_ = RoundUp(channels_, lanes_);
  const int64_t all_tiles = strips_ * tiles_, du = kWinogradElements * filters_ * channels_;
  shared_inputs_ =
      du >= kLargeGradient && kWinogradElements * shape_.groups * all_tiles * channel_pitch_ <= kMaxSharedElements;
  const int64_t wanted = std::clamp<double>(shape_.flops() / 4 / kFlopsPerTask / shape_.groups, 1, kMaxChunks);
  if (shared_inputs_) {
    chunks_ = 1, parts_ = std::clamp<int64_t>(filters_ / kPartFilters, 1, kMaxParts);
    strips_per_block_ = std::max<int64_t>(strips_, 1);
  } else {
    chunks_ = std::clamp<int64_t>(std::min(wanted, 4 * kMaxSharedElements / (du * shape_.groups)), 1,
                                  std::max<int64_t>(strips_, 1));
    parts_ = std::clamp<int64_t>(wanted / chunks_, 1, std::max<int64_t>(filters_ / kPartFilters, 1));
    const int64_t tile_bytes = kWinogradElements * (channel_pitch_ + largest_part()) * static_cast<int64_t>(sizeof(T));
    const int64_t block_tiles = std::max(kBlockBytes / tile_bytes, kMinBlockTiles);
    strips_per_block_ = std::clamp<int64_t>(block_tiles / std::max<int64_t>(tiles_, 1), 1,
                                            std::max<int64_t>(CeilDiv(strips_, chunks_), 1));
  }
  pitch_ = RoundUp(strips_per_block_ * tiles_, lanes_) + lanes_;
  work_ = WinogradWork<T>(tiles_, strips_per_block_);
  places_ = WinogradPlaces<T>(tiles_, strips_per_block_);
}

template <class T>
int64_t WinogradFilterGradientPlan<T>::shared_bytes() const {
  const int64_t inputs = kWinogradElements * shape_.groups * strips_ * tiles_ * channel_pitch_;
  const int64_t partial = chunks_ * kWinogradElements * du_size();
  return (shared_inputs_ ? inputs : partial) * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t WinogradFilterGradientPlan<T>::scratch_bytes() const {
  const int64_t chunk =
      d_elements() + kWinogradElements * strips_per_block_ * tiles_ * channel_pitch_ + v_block_elements();
  const int64_t part = d_elements() + kWinogradElements * largest_part() * channels_;
  const int64_t elements = shared_inputs_ ? std::max(part, v_block_elements()) : chunk;
  return (elements + work_) * static_cast<int64_t>(sizeof(T));
}

template <class T>
WinogradStrips WinogradFilterGradientPlan<T>::Strips(int64_t first, int64_t count) const {
  return {.height = shape_.height,
          .width = shape_.width,
          .image_stride = shape_.channels * shape_.height * shape_.width,
          .top = shape_.pad_top,
          .left = shape_.pad_left,
          .strips_per_image = strips_per_image_,
          .tiles = tiles_,
          .first = first,
          .count = count};
}

template <class T>
typename WinogradFilterGradientPlan<T>::Part WinogradFilterGradientPlan<T>::PartOf(int64_t task) const {
  const int64_t part = task % parts_, first = part * filters_ / parts_;
  return {task / parts_ % shape_.groups, first, (part + 1) * filters_ / parts_ - first};
}

// v[e * plane + tile * channel_pitch + channel] for channels [first, first + channels) of a group; v points to the
// first.
template <class T>
void WinogradFilterGradientPlan<T>::TransposedInputs(const WinogradStrips& strips, int64_t group, int64_t first,
                                                     int64_t channels, const T* x, T* v, int64_t plane,
                                                     T* scratch) const {
  const int64_t image = shape_.height * shape_.width;
  const int64_t block_plane = lanes_ * pitch_ + lanes_;
  T* work = scratch + kWinogradElements * block_plane;
  for (int64_t c = 0; c < channels; c += lanes_) {
    const int64_t rows = std::min(lanes_, channels - c);
    // Lanes without a channel take part in products.
    for (int64_t e = 0; e < kWinogradElements; ++e) {
      std::fill_n(scratch + e * block_plane + rows * pitch_, (lanes_ - rows) * pitch_, T{0});
    }
    WinogradTransform(WinogradForward<T>{.strips = strips,
                                         .gradient = false,
                                         .places = places_.data(),
                                         .x = x + (group * channels_ + first + c) * image,
                                         .rows = rows,
                                         .image_row = image,
                                         .to = scratch,
                                         .pitch = pitch_,
                                         .plane = block_plane,
                                         .work = work});
    TransposeWinograd(
        WinogradTranspose<T>{scratch, block_plane, pitch_, rows, strips.count * tiles_, v + c, plane, channel_pitch_});
  }
}

// d[e][filter of the part][tile]
template <class T>
void WinogradFilterGradientPlan<T>::Gradients(const WinogradStrips& strips, const Part& part, const T* dy, T* d,
                                              T* work) const {
  const int64_t image = shape_.out_height * shape_.out_width;
  WinogradStrips outputs = strips;
  outputs.height = shape_.out_height, outputs.width = shape_.out_width, outputs.top = outputs.left = 0;
  outputs.image_stride = shape_.filters * image;
  WinogradTransform(WinogradForward<T>{.strips = outputs,
                                       .gradient = true,
                                       .places = nullptr,
                                       .x = dy + (part.group * filters_ + part.first) * image,
                                       .rows = part.count,
                                       .image_row = image,
                                       .to = d,
                                       .pitch = pitch_,
                                       .plane = part.count * pitch_,
                                       .work = work});
}

// du[e][filter of the part][channel]
template <class T>
void WinogradFilterGradientPlan<T>::Multiply(const WinogradStrips& strips, const Part& part, const T* d, const T* v,
                                             int64_t v_plane, bool add, T* du, int64_t plane) const {
  for (int64_t e = 0; e < kWinogradElements; ++e) {
    MultiplyPanel(PanelProduct<T>{.m = part.count,
                                  .n = channels_,
                                  .k = strips.count * tiles_,
                                  .a = d + e * part.count * pitch_,
                                  .lda = pitch_,
                                  .b = v + e * v_plane,
                                  .ldb = channel_pitch_,
                                  .c = du + e * plane,
                                  .ldc = channels_,
                                  .add = add});
  }
}

template <class T>
void WinogradFilterGradientPlan<T>::RunShared(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const {
  const WinogradStrips strips = Strips(0, strips_);
  const int64_t tiles = strips_ * tiles_, v_plane = tiles * channel_pitch_, v_group = kWinogradElements * v_plane;
  T* v = static_cast<T*>(memory.shared);
  const int64_t blocks = CeilDiv(channels_, lanes_);
  ParallelFor(shape_.groups * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks, first = i % blocks * lanes_;
      TransposedInputs(strips, group, first, std::min(lanes_, channels_ - first), x, v + group * v_group + first,
                       v_plane, static_cast<T*>(memory.scratch()));
    }
  });
  ParallelFor(shape_.groups * parts_, 1, [&](int64_t begin, int64_t end) {
    T* du = static_cast<T*>(memory.scratch());
    T* d = du + kWinogradElements * largest_part() * channels_;
    for (int64_t i = begin; i < end; ++i) {
      const Part part = PartOf(i);
      const int64_t count = part.count * channels_;
      Gradients(strips, part, dy, d, d + d_elements());
      Multiply(strips, part, d, v + part.group * v_group, v_plane, /*add=*/false, du, count);
      WinogradInverseFilters(
          WinogradFilterInverse<T>{du, 1, 0, count, count, dw + 9 * (part.group * filters_ + part.first) * channels_});
    }
  });
}

template <class T>
void WinogradFilterGradientPlan<T>::RunChunk(int64_t chunk, const Part& part, const T* x, const T* dy, T* du,
                                             T* scratch) const {
  const int64_t begin = chunk * strips_ / chunks_, end = (chunk + 1) * strips_ / chunks_;
  const int64_t v_plane = strips_per_block_ * tiles_ * channel_pitch_;
  T* d = scratch;
  T* v = d + d_elements();
  T* work = v + kWinogradElements * v_plane;
  if (begin == end) {
    for (int64_t e = 0; e < kWinogradElements; ++e) std::fill_n(du + e * du_size(), part.count * channels_, T{0});
  }
  for (int64_t strip = begin; strip < end; strip += strips_per_block_) {
    const WinogradStrips strips = Strips(strip, std::min(strips_per_block_, end - strip));
    TransposedInputs(strips, part.group, 0, channels_, x, v, v_plane, work);
    Gradients(strips, part, dy, d, work);
    Multiply(strips, part, d, v, v_plane, /*add=*/strip != begin, du, du_size());
  }
}

template <class T>
void WinogradFilterGradientPlan<T>::RunChunks(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const {
  T* du = static_cast<T*>(memory.shared);
  const int64_t tasks = shape_.groups * parts_;
  ParallelFor(chunks_ * tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Part part = PartOf(i);
      const int64_t chunk = i / tasks, offset = (part.group * filters_ + part.first) * channels_;
      RunChunk(chunk, part, x, dy, du + chunk * kWinogradElements * du_size() + offset,
               static_cast<T*>(memory.scratch()));
    }
  });
  ParallelFor(du_size(), 256, [&](int64_t begin, int64_t end) {
    WinogradInverseFilters(WinogradFilterInverse<T>{du + begin, chunks_, kWinogradElements * du_size(), du_size(),
                                                    end - begin, dw + 9 * begin});
  });
}

template <class T>
void WinogradFilterGradientPlan<T>::Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const {
  shared_inputs_ ? RunShared(x, dy, dw, memory) : RunChunks(x, dy, dw, memory);
  RecomputeNonFinite(shape_, x, dy, dw);
}

template class WinogradFilterGradientPlan<float>;
template class WinogradFilterGradientPlan<double>;

}  // namespace adret::kernels
