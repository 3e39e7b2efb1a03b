// 3x3 convolutions with stride 1 as products of transformed tiles; see winograd_transforms.h for the method. A quarter
// of the multiplications of the definition, and transforms whose cost is shared by all filters (inputs), channels
// (outputs) and tiles (filters): for layers with some dozen of each. Rounding errors in f32 are little
// above those of a plain sum, but they are relative to the largest numbers of a tile: see docs/numerics.md.
//
// A number that is not finite reaches all results of its tiles by way of the transforms. So results that are not finite
// are computed again by the definition, and hold in the end what a plain sum gives.
#ifndef ADRET_OPS_KERNELS_CONV_WINOGRAD_H_
#define ADRET_OPS_KERNELS_CONV_WINOGRAD_H_

#include <cstdint>
#include <vector>

#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/ops/kernels/conv/taps.h"
#include "adret/ops/kernels/conv/winograd_transforms.h"

namespace adret::kernels {

// out[n, f, i, j] = sum_{c, r, s} in[n, c, i + r - top, j + s - left] w(f, c, r, s), per group: the convolution itself,
// or its input's gradient with filters and channels exchanged and the taps reversed. Or that gradient as the adjoint:
// tiles are the convolution's, their results are added where they overlap, and top and left are the convolution's.
struct WinogradMap {
  int64_t batch, groups, channels, filters;  // the last two per group
  int64_t in_height, in_width, height, width;
  int64_t top, left;
  int64_t w_group, w_filter, w_channel;  // distances in the filter array
  bool flipped, adjoint;
};
WinogradMap WinogradForwardMap(const Conv2dShape& shape);
// The adjoint needs fewer tiles where the padding is narrow (13x13 from 11x11: 9 tiles instead of 16), but a task takes
// whole images.
WinogradMap WinogradInputGradientMap(const Conv2dShape& shape);

template <class T>
class WinogradPlan {
 public:
  explicit WinogradPlan(const WinogradMap& map);

  int64_t shared_bytes() const;
  int64_t scratch_bytes() const;
  // A plane, where all finished ranges are whole planes; otherwise 0.
  int64_t finished_unit() const { return strips_per_task_ % strips_per_image_ == 0 ? map_.height * map_.width : 0; }
  void Run(const T* in, const T* w, T* out, const Conv2dMemory& memory, FinishedFn finished) const;

 private:
  void TransformFilters(const T* w, T* u) const;
  void RunTask(int64_t task, const T* in, const T* w, const T* u, T* out, T* scratch, FinishedFn finished) const;
  void Multiply(const T* v, const T* u, int64_t tiles, int64_t first, int64_t last, T* m) const;
  // Calls f(begin, n) for the ranges of the result that strips of `count` filters from `first` on are.
  void ForEachRange(const WinogradStrips& strips, int64_t group, int64_t first, int64_t count, FinishedFn f) const;
  // Element o of the result, by the definition; NaN as soon as the sum is.
  T Result(const T* in, const T* w, int64_t o) const;
  int64_t FilterBlockBegin(int64_t block) const { return block * map_.filters / filter_blocks_; }
  int64_t u_plane() const { return map_.groups * map_.filters * map_.channels; }

  const WinogradMap map_;
  const TapTraits traits_;
  int64_t strips_per_image_, tiles_, strips_, strips_per_task_, tasks_;
  int64_t pitch_, filter_blocks_, blocks_per_pass_;
  std::vector<uint64_t> places_;
  std::vector<typename WinogradFilters<T>::Index> index_[2];  // of a smaller and a larger block of filters
  std::vector<int64_t> offsets_;                              // of the channels in a plane of v
  std::vector<FlatStore> stores_;
};

// dw from (x, dy): du[e] = d[e] v[e]^T over all tiles, with d = A dy A^T, v = B^T x B; then dw = G^T du G. The
// transposed inputs lie as [e][tile][channel]. A large du is made once, from inputs that all tasks share; small ones
// are summed in chunks of tiles whose inputs stay in cache.
template <class T>
class WinogradFilterGradientPlan {
 public:
  explicit WinogradFilterGradientPlan(const Conv2dShape& shape);

  int64_t shared_bytes() const;
  int64_t scratch_bytes() const;
  void Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const;

 private:
  struct Part {  // filters of a group
    int64_t group, first, count;
  };
  WinogradStrips Strips(int64_t first, int64_t count) const;
  void TransposedInputs(const WinogradStrips& strips, int64_t group, int64_t first, int64_t channels, const T* x, T* v,
                        int64_t plane, T* scratch) const;
  void Gradients(const WinogradStrips& strips, const Part& part, const T* dy, T* d, T* work) const;
  void Multiply(const WinogradStrips& strips, const Part& part, const T* d, const T* v, int64_t v_plane, bool add,
                T* du, int64_t plane) const;
  void RunShared(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const;
  void RunChunks(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const;
  void RunChunk(int64_t chunk, const Part& part, const T* x, const T* dy, T* du, T* scratch) const;

  Part PartOf(int64_t task) const;
  int64_t largest_part() const { return (filters_ + parts_ - 1) / parts_; }
  int64_t v_block_elements() const { return kWinogradElements * (lanes_ * pitch_ + lanes_); }
  int64_t d_elements() const { return kWinogradElements * largest_part() * pitch_; }
  int64_t du_size() const { return shape_.groups * filters_ * channels_; }

  const Conv2dShape shape_;
  const int64_t channels_, filters_, lanes_;  // the first two per group
  int64_t strips_per_image_, tiles_, strips_, strips_per_block_, chunks_, parts_;
  bool shared_inputs_;
  int64_t pitch_, channel_pitch_, work_;
  std::vector<uint64_t> places_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_WINOGRAD_H_
