// Convolution as products of matrices: what the taps of a block of results read is copied into the columns of a matrix
// (im2col), which BLAS multiplies with the filters. The block is as large as the second-level cache holds: some rows of
// an image, or several small images side by side, so that small images fill whole vectors and share the packed filters.
#ifndef ADRET_OPS_KERNELS_CONV_COLUMNS_H_
#define ADRET_OPS_KERNELS_CONV_COLUMNS_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "adret/ops/kernels/conv/correlation.h"

namespace adret::kernels {

// Results wider than this have no block that fits.
constexpr int64_t kMaxColumnsWidth = 1024;
constexpr int64_t kMaxColumnsTaps = 512;

// Copies what blocks of a correlation's results read, some channels at a time.
template <class T>
class ColumnSource {
 public:
  // [rows, columns] as stored, `stride` elements from row to row.
  struct Matrix {
    const T* data;
    int64_t stride;
  };
  struct Block {
    int64_t image, images, row, rows;  // several images only with all of their rows
  };

  explicit ColumnSource(const Correlation& c);
  ColumnSource(const ColumnSource&) = delete;

  // The most channels of a Fill() and the most rows of a block of one image.
  int64_t channels() const { return piece_.channels; }
  int64_t rows() const { return layout_.block_rows(); }
  int64_t scratch_elements(int64_t images, int64_t rows) const;
  // Row c * taps + t of the matrix has what tap t of channel first + c reads for each of the block's results.
  Matrix Fill(const T* in, int64_t group, const Block& block, int64_t first, int64_t channels, T* scratch) const;

 private:
  int64_t image_elements() const { return layout_.staged_elements(piece_.channels); }

  const Correlation piece_;  // of `channels()` channels
  const int64_t all_channels_;
  const CorrelationLayout layout_;
};

// How batches are cut into blocks of a few hundred results.
struct ColumnBlocks {
  int64_t batch = 0, height = 0, rows = 1, images = 1;
  int64_t row_blocks = 1, image_blocks = 1;

  // max_rows: of a block.
  static ColumnBlocks Of(int64_t batch, int64_t height, int64_t width, int64_t max_rows);
  int64_t count() const { return row_blocks * image_blocks; }
  template <class Block>
  Block At(int64_t i) const {
    const int64_t image = i / row_blocks * images, row = i % row_blocks * rows;
    return {image, std::min(images, batch - image), row, std::min(rows, height - row)};
  }
};

// What correlations that share their results' array compute together: y from (x, w), or dx from (dy, w).
template <class T>
class ColumnsPlan {
 public:
  explicit ColumnsPlan(std::vector<Correlation> correlations);
  ~ColumnsPlan();

  int64_t shared_bytes() const { return packed_elements_ * static_cast<int64_t>(sizeof(T)); }
  int64_t scratch_bytes() const;
  // Writes all of out.
  void Run(const T* in, const T* w, T* out, const Conv2dMemory& memory, FinishedFn finished) const;

 private:
  using Block = typename ColumnSource<T>::Block;
  struct Part;  // of the correlations: one of them, ready to run
  struct Task;
  void PackFilters(const T* w, T* packed) const;
  void RunPart(const Part& part, const Task& task, const T* in, const T* filters, T* out, T* scratch) const;
  // Calls f(begin, n) for the ranges of the result that a task computes.
  template <class F>
  void ForEachRange(const Task& task, F&& f) const;

  std::vector<std::unique_ptr<const Part>> parts_;
  ColumnBlocks blocks_;
  int64_t filter_parts_ = 1, packed_elements_ = 0;
  double flops_ = 0;
  bool has_holes_ = false;  // places that no tap reaches
};

// dw from (x, dy).
template <class T>
class ColumnsFilterGradientPlan {
 public:
  explicit ColumnsFilterGradientPlan(const Conv2dShape& shape);

  int64_t shared_bytes() const;
  int64_t scratch_bytes() const;
  void Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const;

 private:
  using Block = typename ColumnSource<T>::Block;
  void RunTask(int64_t task, const T* x, const T* dy, T* partial, T* scratch) const;
  int64_t group_size() const { return c_.filters * c_.w_filter; }

  const Correlation c_;
  const ColumnSource<T> source_;
  ColumnBlocks blocks_;
  int64_t chunks_ = 1;  // ranges of blocks with a partial sum each
  int64_t parts_ = 1;   // ranges of channels
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_COLUMNS_H_
