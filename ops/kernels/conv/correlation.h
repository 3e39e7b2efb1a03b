// Convolutions of any kind as correlations of planes: what Conv2dMethod::kTaps stands for.
#ifndef ADRET_OPS_KERNELS_CONV_CORRELATION_H_
#define ADRET_OPS_KERNELS_CONV_CORRELATION_H_

#include <cstdint>
#include <vector>

#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/ops/kernels/conv/taps.h"

namespace adret::kernels {

// A stride-1 correlation of planes, the form that the forward pass and the input's gradient take (see taps.h):
//   out(g, f, i, j) = sum_{c, tap} in(g, c, phase of tap, i + tap.row, j + tap.column) * w(g, f, c, tap.weight)
// A strided source is sampled into step_h x step_w phases, each a plane of its own. The input's gradient under a stride
// is instead one correlation for each phase of its result, stored at every out_step-th row and column.
struct Correlation {
  struct Tap {
    int64_t row, column;
    int64_t phase;   // index into phases
    int64_t weight;  // r * kernel_w + s
  };
  struct Phase {
    int64_t row, column;
  };
  int64_t batch, groups, channels, filters;  // the last two per group
  int64_t in_height, in_width, step_h = 1, step_w = 1;
  std::vector<Phase> phases;
  std::vector<Tap> taps;
  int64_t height, width;  // of the grid of results
  int64_t out_height, out_width, out_step_h = 1, out_step_w = 1, out_row = 0, out_column = 0;
  int64_t w_group = 0, w_filter = 0, w_channel = 0;  // distances in the filter array

  double flops() const;
};

// How one Correlation is laid out and cut into tasks.
class CorrelationLayout {
 public:
  // allow_direct = false: the layout of the staged copy, also where images can be read where they lie.
  // max_vectors: an upper limit of vectors(block_rows()), as long as that is a row.
  // staged_bytes: about what a block's staged copy may take; what a task reads again and again should stay in a core's
  // second-level cache.
  CorrelationLayout(const Correlation& c, int lanes, int64_t element_size, bool allow_direct, int64_t max_vectors,
                    int64_t staged_bytes = 256 << 10);

  // Rows of results in a block, and of the source that they need.
  int64_t block_rows() const { return block_rows_; }
  int64_t blocks() const { return blocks_; }
  int64_t pitch() const { return pitch_; }
  // True when images can be read where they lie: no padding, no stride.
  bool direct() const { return direct_; }
  // Between channels, in the staged copy or in the image itself.
  int64_t plane() const { return plane_; }
  // The distance of each channel's taps from the start of channel 0: [channels, taps].
  const std::vector<int64_t>& offsets() const { return offsets_; }
  // Of a staged copy, in whole vectors.
  int64_t staged_elements(int64_t channels) const {
    return ((channels * plane_ + tail_) + lanes_ - 1) / lanes_ * lanes_;
  }
  // True when rows [row, row + rows) of this image and group may be read in place: whole vectors end inside the array.
  bool InPlace(int64_t image_group, int64_t row, int64_t rows) const;
  // Vectors of flat positions that `rows` rows of results take.
  int64_t vectors(int64_t rows) const;

  // Copies what result rows [row, row + rows) need of `channels` channels from `in`, with zeros around.
  template <class T>
  void Stage(const T* in, int64_t channels, int64_t row, int64_t rows, T* staged) const;

 private:
  const Correlation& c_;
  int64_t lanes_, tail_, block_rows_, blocks_, pitch_, lead_, first_row_, rows_span_, plane_;
  bool direct_;
  std::vector<int64_t> offsets_;
};

// y from (x, w), or dx from (dy, w).
template <class T>
class CorrelationPlan {
 public:
  explicit CorrelationPlan(Correlation c);
  CorrelationPlan(const CorrelationPlan&) = delete;

  int64_t shared_bytes() const;
  int64_t scratch_bytes() const;
  // Writes the grid's places in the result. Reports ranges as finished where the plan is dense; otherwise other
  // correlations write the places between, and the caller reports.
  void Run(const T* in, const T* w, const Conv2dMemory& memory, PlaceFn<T> place, FinishedFn finished) const;
  // Whether the grid is all of the result.
  bool dense() const { return c_.out_step_h == 1 && c_.out_step_w == 1; }
  // Whether all finished ranges are whole planes, of which size, and the longest range where they are short, otherwise
  // 0.
  bool whole_planes() const { return dense() && layout_.blocks() == 1; }
  int64_t plane_elements() const { return c_.out_height * c_.out_width; }
  int64_t tile_elements() const;

 private:
  struct Task;
  void PackFilters(const T* w, T* packed) const;
  void RunTask(const Task& task, const T* in, const T* packed, T* scratch, PlaceFn<T> place, FinishedFn finished) const;
  void RunStrips(const Task& task, TapBlock<T> block, const T* packed) const;
  int64_t FilterBlockBegin(int64_t block) const { return block * c_.filters / filter_blocks_; }

  const Correlation c_;
  const TapTraits traits_;
  const CorrelationLayout layout_, staged_layout_;  // equal unless the first is direct
  std::vector<FlatStore> stores_, last_stores_;     // of a full block and of the last one
  int64_t filter_blocks_, parts_;                   // a part is a range of filter blocks
  int64_t strip_;                                   // vectors of positions that all filters visit in turn
  int64_t grain_;
};

// The correlation that computes y; also what dw's gradient reads x through.
Correlation ForwardCorrelation(const Conv2dShape& shape);
// The correlations that together compute dx. Places of dx that no tap reaches are in none of them, or in one without
// taps.
std::vector<Correlation> InputGradientCorrelations(const Conv2dShape& shape);

// dw from (x, dy).
template <class T>
class FilterGradientPlan {
 public:
  explicit FilterGradientPlan(const Conv2dShape& shape);
  FilterGradientPlan(const FilterGradientPlan&) = delete;

  int64_t shared_bytes() const;
  int64_t scratch_bytes() const;
  void Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const;

 private:
  void StageGradient(const T* dy, int64_t rows, T* to) const;
  void RunTask(int64_t task, const T* x, const T* dy, T* partial, T* scratch) const;
  int64_t group_size() const { return c_.filters * c_.channels * static_cast<int64_t>(c_.taps.size()); }
  int64_t dy_plane() const;
  int64_t unit_elements() const;

  const Conv2dShape shape_;
  const Correlation c_;
  const TapTraits traits_;
  const CorrelationLayout layout_, staged_layout_;  // equal unless the first is direct
  int64_t units_;                                   // (image, block of rows)
  int64_t chunks_;                                  // ranges of units with a partial sum each
  int64_t parts_;                                   // ranges of channels
  int64_t staged_units_;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_CORRELATION_H_
