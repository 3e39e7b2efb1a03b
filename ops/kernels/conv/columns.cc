#include "adret/ops/kernels/conv/columns.h"

#include <algorithm>
#include <utility>

#include "adret/core/parallel.h"
#include "adret/ops/kernels/gemm.h"
#include "adret/ops/kernels/sum_chunks.h"

namespace adret::kernels {
namespace {

// A block of columns: 1 MiB of f32, half of a second-level cache, and long enough sides for BLAS.
constexpr int64_t kColumnRows = 512, kResults = 448;
constexpr int64_t kStagedColumnBytes = 1 << 20;
constexpr int64_t kMostResults = kResults * 5 / 4;  // gaps between rows included
// Below this many tasks the filters (or channels) are divided as well, into parts of so many at least; each part makes
// its columns again.
constexpr int64_t kFewTasks = 8;
constexpr int64_t kMinPart = 128;
constexpr double kFlopsPerTask = 8e6, kFlopsPerChunk = 2e6;
constexpr int64_t kMaxChunks = 8;
constexpr int64_t kMaxPartialElements = 4 << 20;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

Correlation Piece(Correlation c) {
  const int64_t taps = std::max<int64_t>(c.taps.size(), 1);
  c.channels = CeilDiv(c.channels, CeilDiv(c.channels * taps, kColumnRows));
  return c;
}

double FlopsOf(const Correlation& c) {
  return 2.0 * c.batch * c.groups * c.channels * c.filters * c.taps.size() * c.height * c.width;
}

// Tasks of equal work, several to a chunk while they are small.
int64_t Grain(int64_t tasks, double flops) {
  return std::clamp<int64_t>(kFlopsPerChunk * static_cast<double>(tasks) / std::max(flops, 1.0), 1,
                             std::max<int64_t>(tasks, 1));
}

}  // namespace

// ---- Columns -----------------------------------------------------------------------------------------------------

ColumnBlocks ColumnBlocks::Of(int64_t batch, int64_t height, int64_t width, int64_t max_rows) {
  ColumnBlocks b{.batch = batch, .height = height};
  b.row_blocks = std::max<int64_t>(CeilDiv(height, std::max<int64_t>(max_rows, 1)), 1);
  b.rows = std::max<int64_t>(CeilDiv(height, b.row_blocks), 1);
  if (b.row_blocks == 1) {
    const int64_t fitting = kResults / std::max<int64_t>(height * width, 1);
    b.image_blocks = CeilDiv(batch, std::max<int64_t>(fitting, 1));
  } else {
    b.image_blocks = batch;
  }
  b.images = CeilDiv(batch, std::max<int64_t>(b.image_blocks, 1));
  return b;
}

template <class T>
ColumnSource<T>::ColumnSource(const Correlation& c)
    : piece_(Piece(c)),
      all_channels_(c.channels),
      layout_(piece_, GetTapTraits<T>().lanes, sizeof(T), /*allow_direct=*/false,
              CeilDiv(kMostResults, GetTapTraits<T>().lanes), kStagedColumnBytes) {}

template <class T>
int64_t ColumnSource<T>::scratch_elements(int64_t images, int64_t rows) const {
  const int64_t columns = piece_.channels * static_cast<int64_t>(piece_.taps.size()) * images * rows * piece_.width;
  return images * image_elements() + columns + GetTapTraits<T>().lanes;  // copies of rows write up to a vector too far
}

template <class T>
typename ColumnSource<T>::Matrix ColumnSource<T>::Fill(const T* in, int64_t group, const Block& block, int64_t first,
                                                       int64_t channels, T* scratch) const {
  const int64_t taps = piece_.taps.size(), plane = block.rows * piece_.width;
  const int64_t in_image = all_channels_ * piece_.in_height * piece_.in_width;
  const T* from = in + (block.image * piece_.groups + group) * in_image + first * piece_.in_height * piece_.in_width;
  for (int64_t u = 0; u < block.images; ++u) {
    layout_.Stage(from + u * piece_.groups * in_image, channels, block.row, block.rows, scratch + u * image_elements());
  }
  const std::vector<int64_t>& offsets = layout_.offsets();
  if (taps == 1 && block.images == 1 && layout_.pitch() == piece_.width) {
    return {scratch + offsets[0], layout_.plane()};
  }
  T* const columns = scratch + block.images * image_elements();
  T* to = columns;
  for (int64_t row = 0; row < channels * taps; ++row) {
    for (int64_t u = 0; u < block.images; ++u, to += plane) {
      CopyRows(RowCopy<T>{scratch + u * image_elements() + offsets[row], layout_.pitch(), piece_.width, block.rows, to,
                          piece_.width});
    }
  }
  return {columns, block.images * plane};
}

template class ColumnSource<float>;
template class ColumnSource<double>;

// ---- y and dx ----------------------------------------------------------------------------------------------------

template <class T>
struct ColumnsPlan<T>::Part {
  Part(Correlation correlation, int64_t place)
      : c(std::move(correlation)),
        source(c),
        // y reads the filters as they lie, one row for each result channel; so does dx of one channel and filter.
        in_order(c.w_channel == static_cast<int64_t>(c.taps.size()) && c.w_filter == c.channels * c.w_channel),
        packed(place) {}

  int64_t taps() const { return c.taps.size(); }
  int64_t packed_elements() const { return in_order ? 0 : c.groups * c.filters * c.channels * taps(); }

  const Correlation c;
  const ColumnSource<T> source;
  const bool in_order;
  const int64_t packed;  // where its filters are, packed as [group, channel, tap, filter]
};

template <class T>
struct ColumnsPlan<T>::Task {
  int64_t group = 0;
  Block block;
  int64_t first = 0, count = 0;  // filters
};

template <class T>
ColumnsPlan<T>::ColumnsPlan(std::vector<Correlation> correlations) {
  int64_t max_rows = int64_t{1} << 32, height = 1, width = 1;
  for (Correlation& c : correlations) {
    has_holes_ = has_holes_ || c.taps.empty();
    height = std::max(height, c.height), width = std::max(width, c.width);
    flops_ += FlopsOf(c);
    parts_.push_back(std::make_unique<const Part>(std::move(c), packed_elements_));
    packed_elements_ += parts_.back()->packed_elements();
    max_rows = std::min(max_rows, parts_.back()->source.rows());
  }
  const Correlation& c = parts_[0]->c;
  blocks_ = ColumnBlocks::Of(c.batch, height, width, max_rows);
  const int64_t tasks = std::max<int64_t>(c.groups * blocks_.count(), 1);
  filter_parts_ = std::clamp<int64_t>(std::min<int64_t>(kFewTasks / tasks, flops_ / kFlopsPerTask / tasks), 1,
                                      std::max<int64_t>(c.filters / kMinPart, 1));
}

template <class T>
ColumnsPlan<T>::~ColumnsPlan() = default;

template <class T>
int64_t ColumnsPlan<T>::scratch_bytes() const {
  int64_t elements = 0;
  for (const auto& part : parts_) {
    const int64_t results = CeilDiv(part->c.filters, filter_parts_) * blocks_.images * blocks_.rows * part->c.width;
    elements = std::max(elements, part->source.scratch_elements(blocks_.images, blocks_.rows) + results);
  }
  return elements * static_cast<int64_t>(sizeof(T));
}

template <class T>
void ColumnsPlan<T>::PackFilters(const T* w, T* packed) const {
  for (const auto& part : parts_) {
    if (part->in_order) continue;
    const Correlation& c = part->c;
    ParallelFor(c.groups * c.channels, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(c.filters * part->taps(), 1)),
                [&](int64_t begin, int64_t end) {
                  T* to = packed + part->packed + begin * part->taps() * c.filters;
                  for (int64_t i = begin; i < end; ++i) {
                    const T* from = w + i / c.channels * c.w_group + i % c.channels * c.w_channel;
                    for (const Correlation::Tap& tap : c.taps) {
                      for (int64_t f = 0; f < c.filters; ++f) *to++ = from[f * c.w_filter + tap.weight];
                    }
                  }
                });
  }
}

template <class T>
void ColumnsPlan<T>::RunPart(const Part& part, const Task& task, const T* in, const T* filters, T* out,
                             T* scratch) const {
  const Correlation& c = part.c;
  Block block = task.block;
  block.rows = std::min(block.rows, c.height - block.row);
  if (block.rows <= 0 || c.taps.empty()) return;
  const int64_t plane = block.rows * c.width, out_plane = c.out_height * c.out_width, taps = part.taps();
  const bool strided = c.out_step_h > 1 || c.out_step_w > 1, direct = !strided && block.images == 1;
  T* const to = out + ((block.image * c.groups + task.group) * c.filters + task.first) * out_plane;

  Gemm<T> g{.transpose_a = !part.in_order};
  g.m = task.count, g.n = block.images * plane;
  g.lda = part.in_order ? c.w_filter : c.filters;
  g.c = direct ? to + block.row * c.width : scratch, g.ldc = direct ? out_plane : g.n;
  if (!direct) scratch += g.m * g.n;
  for (int64_t first = 0; first < c.channels; first += part.source.channels()) {
    const int64_t channels = std::min(part.source.channels(), c.channels - first);
    const auto columns = part.source.Fill(in, task.group, block, first, channels, scratch);
    g.k = channels * taps, g.b = columns.data, g.ldb = columns.stride, g.beta = first == 0 ? 0 : 1;
    g.a = part.in_order ? filters + task.group * c.w_group + task.first * c.w_filter + first * taps
                        : filters + ((task.group * c.channels + first) * taps) * c.filters + task.first;
    g.Run();
  }
  if (direct) return;
  const T* from = g.c;
  for (int64_t f = 0; f < task.count; ++f) {
    for (int64_t u = 0; u < block.images; ++u, from += plane) {
      T* row = to + (u * c.groups * c.filters + f) * out_plane + (block.row * c.out_step_h + c.out_row) * c.out_width +
               c.out_column;
      if (!strided) {
        std::copy_n(from, plane, row);
        continue;
      }
      const T* value = from;
      for (int64_t i = 0; i < block.rows; ++i, row += c.out_step_h * c.out_width) {
        for (int64_t j = 0; j < c.width; ++j) row[j * c.out_step_w] = *value++;
      }
    }
  }
}

template <class T>
template <class F>
void ColumnsPlan<T>::ForEachRange(const Task& task, F&& f) const {
  const Correlation& c = parts_[0]->c;
  const int64_t out_plane = c.out_height * c.out_width, row = task.block.row * c.out_step_h;
  const int64_t n = std::min(task.block.rows * c.out_step_h, c.out_height - row) * c.out_width;
  for (int64_t u = 0; u < task.block.images; ++u) {
    const int64_t first = ((task.block.image + u) * c.groups + task.group) * c.filters + task.first;
    if (n == out_plane) {
      f(first * out_plane, task.count * out_plane);
      continue;
    }
    for (int64_t i = first; i < first + task.count; ++i) f(i * out_plane + row * c.out_width, n);
  }
}

template <class T>
void ColumnsPlan<T>::Run(const T* in, const T* w, T* out, const Conv2dMemory& memory, FinishedFn finished) const {
  T* const packed = static_cast<T*>(memory.shared);
  PackFilters(w, packed);
  const Correlation& c = parts_[0]->c;
  const int64_t tasks = c.groups * blocks_.count() * filter_parts_;
  ParallelFor(tasks, Grain(tasks, flops_), [&](int64_t begin, int64_t end) {
    T* const scratch = static_cast<T*>(memory.scratch());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = i % filter_parts_;
      Task task;
      task.group = i / filter_parts_ % c.groups;
      task.block = blocks_.template At<Block>(i / (filter_parts_ * c.groups));
      task.first = p * c.filters / filter_parts_, task.count = (p + 1) * c.filters / filter_parts_ - task.first;
      if (has_holes_) ForEachRange(task, [&](int64_t first, int64_t n) { std::fill_n(out + first, n, T{0}); });
      for (const auto& part : parts_) {
        RunPart(*part, task, in, part->in_order ? w : packed + part->packed, out, scratch);
      }
      ForEachRange(task, finished);
    }
  });
}

template class ColumnsPlan<float>;
template class ColumnsPlan<double>;

// ---- dw ----------------------------------------------------------------------------------------------------------

template <class T>
ColumnsFilterGradientPlan<T>::ColumnsFilterGradientPlan(const Conv2dShape& shape)
    : c_(ForwardCorrelation(shape)), source_(c_) {
  blocks_ = ColumnBlocks::Of(c_.batch, c_.height, c_.width, source_.rows());
  const double wanted = std::clamp(FlopsOf(c_) / kFlopsPerTask / c_.groups, 1.0, 16.0);
  const int64_t size = std::max<int64_t>(group_size() * c_.groups, 1);
  const int64_t most = std::min<int64_t>(kMaxChunks, std::max<int64_t>(kMaxPartialElements / size, 1));
  chunks_ = std::clamp<int64_t>(std::min<int64_t>(wanted, most), 1, std::max<int64_t>(blocks_.count(), 1));
  const int64_t columns = c_.channels * static_cast<int64_t>(c_.taps.size());
  parts_ = std::clamp<int64_t>(static_cast<int64_t>(wanted) / chunks_, 1,
                               std::clamp<int64_t>(columns / kMinPart, 1, c_.channels));
}

template <class T>
int64_t ColumnsFilterGradientPlan<T>::shared_bytes() const {
  return chunks_ == 1 ? 0 : chunks_ * c_.groups * group_size() * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t ColumnsFilterGradientPlan<T>::scratch_bytes() const {
  const int64_t results = blocks_.images > 1 ? c_.filters * blocks_.images * c_.height * c_.width : 0;
  return (source_.scratch_elements(blocks_.images, blocks_.rows) + results) * static_cast<int64_t>(sizeof(T));
}

template <class T>
void ColumnsFilterGradientPlan<T>::RunTask(int64_t task, const T* x, const T* dy, T* partial, T* scratch) const {
  const int64_t part = task % parts_, group = task / parts_ % c_.groups, chunk = task / (parts_ * c_.groups);
  const int64_t taps = c_.taps.size(), plane = c_.height * c_.width;
  const int64_t end_channel = (part + 1) * c_.channels / parts_;
  T* const dw = partial + (chunk * c_.groups + group) * group_size();
  const int64_t begin = chunk * blocks_.count() / chunks_, end = (chunk + 1) * blocks_.count() / chunks_;

  for (int64_t first = part * c_.channels / parts_; first < end_channel; first += source_.channels()) {
    const int64_t channels = std::min(source_.channels(), end_channel - first);
    Gemm<T> g{.transpose_b = true};
    g.m = c_.filters, g.n = channels * taps, g.c = dw + first * taps, g.ldc = c_.w_filter;
    for (int64_t f = 0; begin == end && f < g.m; ++f) std::fill_n(g.c + f * g.ldc, g.n, T{0});
    for (int64_t i = begin; i < end; ++i) {
      const Block block = blocks_.template At<Block>(i);
      const T* from = dy + (block.image * c_.groups + group) * c_.filters * plane + block.row * c_.width;
      g.a = from, g.lda = plane, g.k = block.images * block.rows * c_.width;
      T* free = scratch;
      if (block.images > 1) {
        g.a = scratch, g.lda = block.images * plane;
        for (int64_t f = 0; f < c_.filters; ++f) {
          for (int64_t u = 0; u < block.images; ++u) {
            free = std::copy_n(from + (u * c_.groups * c_.filters + f) * plane, plane, free);
          }
        }
      }
      const auto columns = source_.Fill(x, group, block, first, channels, free);
      g.b = columns.data, g.ldb = columns.stride, g.beta = i == begin ? 0 : 1;
      g.Run();
    }
  }
}

template <class T>
void ColumnsFilterGradientPlan<T>::Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const {
  T* partial = chunks_ == 1 ? dw : static_cast<T*>(memory.shared);
  const int64_t tasks = c_.groups * parts_ * chunks_;
  ParallelFor(tasks, Grain(tasks, FlopsOf(c_)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) RunTask(i, x, dy, partial, static_cast<T*>(memory.scratch()));
  });
  if (chunks_ > 1) SumChunks(partial, chunks_, c_.groups * group_size(), dw);
}

template class ColumnsFilterGradientPlan<float>;
template class ColumnsFilterGradientPlan<double>;

}  // namespace adret::kernels
