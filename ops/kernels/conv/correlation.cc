#include "adret/ops/kernels/conv/correlation.h"

#include <algorithm>
#include <utility>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"

namespace adret::kernels {
namespace {

// What a strip of positions reads should stay in the first-level cache while all filters visit it, and the filters in
// the second-level cache while the strips pass by.
constexpr int64_t kStripBytes = 24 << 10, kStripFilterBytes = 1 << 20;
// Strips are a number of whole register tiles.
constexpr int64_t kStripVectors = 3;
// Tasks of about this much arithmetic: tens of microseconds.
constexpr double kFlopsPerTask = 2e6;
// A task alone in its loop is divided into parts of about this much.
constexpr double kFlopsPerPart = 1e6;
// Below this many tasks the filters are divided as well; each part stages its source again.
constexpr int64_t kFewTasks = 8;
constexpr int64_t kAnyVectors = int64_t{1} << 32;
// Products over this many (channel, tap) pairs run as one loop over a table of distances.
constexpr int64_t kFlatTaps = 1024;

int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -CeilDiv(-a, b); }

// The index of phase (row, column), added when it is new.
int64_t PhaseIndex(int64_t row, int64_t column, std::vector<Correlation::Phase>* phases) {
  for (size_t i = 0; i < phases->size(); ++i) {
    if ((*phases)[i].row == row && (*phases)[i].column == column) return static_cast<int64_t>(i);
  }
  phases->push_back({row, column});
  return static_cast<int64_t>(phases->size()) - 1;
}

// Rows of the source that one row of results reads, of all channels.
int64_t SourceRows(const Correlation& c) {
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (const Correlation::Tap& tap : c.taps) rows.emplace_back(tap.phase, tap.row);
  std::sort(rows.begin(), rows.end());
  return c.channels * (std::unique(rows.begin(), rows.end()) - rows.begin());
}

// The outputs among the vectors of `rows` rows of `width` results with `pitch` positions each.
std::vector<FlatStore> Stores(int64_t rows, int64_t width, int64_t pitch, int64_t lanes) {
  const int64_t positions = rows > 0 ? (rows - 1) * pitch + width : 0;
  std::vector<FlatStore> stores(CeilDiv(positions, lanes));
  int64_t out = 0;
  for (int64_t p = 0; p < positions; ++p) {
    FlatStore& store = stores[p / lanes];
    if (p % lanes == 0) store.out = out;
    if (p % pitch >= width) continue;
    store.lanes |= uint64_t{1} << (p % lanes);
    ++store.count, ++out;
  }
  return stores;
}

}  // namespace

double Correlation::flops() const { return 2.0 * batch * groups * channels * filters * taps.size() * height * width; }

Correlation ForwardCorrelation(const Conv2dShape& s) {
  Correlation c{.batch = s.batch,
                .groups = s.groups,
                .channels = s.channels / s.groups,
                .filters = s.filters / s.groups,
                .in_height = s.height,
                .in_width = s.width,
                .step_h = s.stride_h,
                .step_w = s.stride_w,
                .phases = {},
                .taps = {},
                .height = s.out_height,
                .width = s.out_width,
                .out_height = s.out_height,
                .out_width = s.out_width};
  const int64_t window = s.kernel_h * s.kernel_w;
  c.w_channel = window, c.w_filter = c.channels * window, c.w_group = c.filters * c.w_filter;
  for (int64_t r = 0; r < s.kernel_h; ++r) {
    for (int64_t q = 0; q < s.kernel_w; ++q) {
      // Source row i * stride + y is row i + floor(y / stride) of the phase y mod stride.
      const int64_t y = r * s.dilation_h - s.pad_top, x = q * s.dilation_w - s.pad_left;
      const int64_t row = FloorDiv(y, s.stride_h), column = FloorDiv(x, s.stride_w);
      c.taps.push_back(
          {row, column, PhaseIndex(y - row * s.stride_h, x - column * s.stride_w, &c.phases), r * s.kernel_w + q});
    }
  }
  return c;
}

std::vector<Correlation> InputGradientCorrelations(const Conv2dShape& s) {
  const int64_t window = s.kernel_h * s.kernel_w, channels = s.channels / s.groups, filters = s.filters / s.groups;
  std::vector<Correlation> result;
  for (int64_t row = 0; row < std::min(s.stride_h, s.height); ++row) {
    for (int64_t column = 0; column < std::min(s.stride_w, s.width); ++column) {
      // Row i * stride + row of dx; the roles of filters and channels are exchanged.
      Correlation c{.batch = s.batch,
                    .groups = s.groups,
                    .channels = filters,
                    .filters = channels,
                    .in_height = s.out_height,
                    .in_width = s.out_width,
                    .phases = {{0, 0}},
                    .taps = {},
                    .height = CeilDiv(s.height - row, s.stride_h),
                    .width = CeilDiv(s.width - column, s.stride_w),
                    .out_height = s.height,
                    .out_width = s.width,
                    // An image of one row or column has nothing between the places of a grid.
                    .out_step_h = std::min(s.stride_h, s.height),
                    .out_step_w = std::min(s.stride_w, s.width),
                    .out_row = row,
                    .out_column = column};
      c.w_filter = window, c.w_channel = channels * window, c.w_group = filters * c.w_channel;
      for (int64_t r = 0; r < s.kernel_h; ++r) {
        for (int64_t q = 0; q < s.kernel_w; ++q) {
          const int64_t y = row + s.pad_top - r * s.dilation_h, x = column + s.pad_left - q * s.dilation_w;
          if (y % s.stride_h != 0 || x % s.stride_w != 0) continue;
          c.taps.push_back({y / s.stride_h, x / s.stride_w, 0, r * s.kernel_w + q});
        }
      }
      result.push_back(std::move(c));
    }
  }
  return result;
}

// ---- Layout ------------------------------------------------------------------------------------------------------

CorrelationLayout::CorrelationLayout(const Correlation& c, int lanes, int64_t element_size, bool allow_direct,
                                     int64_t max_vectors, int64_t staged_bytes)
    : c_(c), lanes_(lanes), tail_(2 * lanes) {
  int64_t last_row = 0, first_column = 0, last_column = 0;
  first_row_ = 0;
  if (!c.taps.empty()) first_row_ = last_row = c.taps[0].row, first_column = last_column = c.taps[0].column;
  for (const Correlation::Tap& tap : c.taps) {
    first_row_ = std::min(first_row_, tap.row), last_row = std::max(last_row, tap.row);
    first_column = std::min(first_column, tap.column), last_column = std::max(last_column, tap.column);
  }
  rows_span_ = last_row - first_row_;
  lead_ = std::max<int64_t>(0, -first_column);
  // The gap behind a row holds what lies before the next row too.
  pitch_ = std::max(CeilDiv(c.in_width, c.step_w) + lead_, c.width + std::max<int64_t>(0, last_column));
  direct_ = allow_direct && c.step_h == 1 && c.step_w == 1 && lead_ == 0 && pitch_ == c.in_width && first_row_ >= 0 &&
            c.height + last_row <= c.in_height;

  const int64_t row_bytes = c.channels * static_cast<int64_t>(c.phases.size()) * pitch_ * element_size;
  const int64_t fitting = staged_bytes / std::max<int64_t>(row_bytes, 1) - rows_span_;
  // At least a few vectors of results per block, whatever that takes.
  block_rows_ = std::clamp<int64_t>(fitting, std::min<int64_t>(c.height, CeilDiv(int64_t{8} * lanes, pitch_)),
                                    std::max<int64_t>(c.height, 1));
  block_rows_ = std::max<int64_t>(std::min(block_rows_, max_vectors * lanes / pitch_), 1);
  blocks_ = std::max<int64_t>(CeilDiv(c.height, block_rows_), 1);
  block_rows_ = std::max<int64_t>(CeilDiv(c.height, blocks_), 1);  // of equal size
  blocks_ = std::max<int64_t>(CeilDiv(c.height, block_rows_), 1);

  const int64_t phase_plane = lead_ + (block_rows_ + rows_span_) * pitch_;
  plane_ = direct_ ? c.in_height * c.in_width : phase_plane * static_cast<int64_t>(c.phases.size());
  for (int64_t channel = 0; channel < c.channels; ++channel) {
    for (const Correlation::Tap& tap : c.taps) {
      offsets_.push_back(channel * plane_ +
                         (direct_ ? tap.row * pitch_ + tap.column
                                  : tap.phase * phase_plane + lead_ + (tap.row - first_row_) * pitch_ + tap.column));
    }
  }
}

bool CorrelationLayout::InPlace(int64_t image_group, int64_t row, int64_t rows) const {
  if (!direct_) return false;
  const int64_t images_behind = c_.batch * c_.groups - image_group - 1;
  return row + rows < c_.height || images_behind * c_.channels * plane_ >= lanes_;
}

int64_t CorrelationLayout::vectors(int64_t rows) const {
  return rows <= 0 ? 0 : CeilDiv((rows - 1) * pitch_ + c_.width, lanes_);
}

template <class T>
void CorrelationLayout::Stage(const T* in, int64_t channels, int64_t row, int64_t rows, T* staged) const {
  T* to = staged;
  for (int64_t channel = 0; channel < channels; ++channel, in += c_.in_height * c_.in_width) {
    for (const Correlation::Phase& phase : c_.phases) {
      const int64_t width = std::max<int64_t>(0, CeilDiv(c_.in_width - phase.column, c_.step_w));
      to = std::fill_n(to, lead_, T{0});
      // Rows [begin, end) of the copy are rows of the image; above and below are padding and what is not needed.
      const int64_t height = block_rows_ + rows_span_, first = row + first_row_;
      const int64_t in_rows = std::max<int64_t>(0, CeilDiv(c_.in_height - phase.row, c_.step_h));
      const int64_t begin = std::clamp<int64_t>(-first, 0, height);
      const int64_t end = std::clamp<int64_t>(std::min(in_rows - first, rows + rows_span_), begin, height);
      to = std::fill_n(to, begin * pitch_, T{0});
      const T* from = in + ((first + begin) * c_.step_h + phase.row) * c_.in_width + phase.column;
      CopyRows(RowCopy<T>{from, c_.step_h * c_.in_width, width, end - begin, to, pitch_, c_.step_w});
      to += (end - begin) * pitch_;
      to = std::fill_n(to, (height - end) * pitch_, T{0});
    }
  }
  std::fill_n(to, tail_, T{0});
}

// ---- y and dx ----------------------------------------------------------------------------------------------------

template <class T>
struct CorrelationPlan<T>::Task {
  int64_t image = 0, group = 0, row = 0, rows = 0;
  int64_t begin = 0, end = 0;  // filter blocks
};

template <class T>
CorrelationPlan<T>::CorrelationPlan(Correlation c)
    : c_(std::move(c)),
      traits_(GetTapTraits<T>()),
      layout_(c_, traits_.lanes, sizeof(T), true, kAnyVectors),
      staged_layout_(c_, traits_.lanes, sizeof(T), false, kAnyVectors) {
  const int64_t last_rows = c_.height - (layout_.blocks() - 1) * layout_.block_rows();
  stores_ = Stores(layout_.block_rows(), c_.width, layout_.pitch(), traits_.lanes);
  last_stores_ = Stores(last_rows, c_.width, layout_.pitch(), traits_.lanes);
  filter_blocks_ = CeilDiv(c_.filters, traits_.filter_tile);
  const int64_t tasks = std::max<int64_t>(c_.batch * c_.groups * layout_.blocks(), 1);
  const double flops = c_.flops();
  // As many parts as the arithmetic is worth, when there are few tasks.
  parts_ = tasks >= kFewTasks ? 1
                              : std::clamp<int64_t>(std::min<int64_t>(kFewTasks / tasks, flops / kFlopsPerPart / tasks),
                                                    1, filter_blocks_);
  grain_ = std::clamp<int64_t>(kFlopsPerTask * tasks * parts_ / std::max(flops, 1.0), 1, tasks * parts_);
  const int64_t filter_bytes = shared_bytes() / std::max<int64_t>(c_.groups, 1);
  const int64_t vector_bytes = std::max<int64_t>(SourceRows(c_), 1) * traits_.lanes * static_cast<int64_t>(sizeof(T));
  const bool strips = filter_blocks_ > 1 && filter_bytes <= kStripFilterBytes;
  strip_ = strips ? std::max<int64_t>(kStripBytes / vector_bytes / kStripVectors, 1) * kStripVectors : kAnyVectors;
}

template <class T>
int64_t CorrelationPlan<T>::shared_bytes() const {
  return c_.groups * c_.filters * c_.channels * static_cast<int64_t>(c_.taps.size() * sizeof(T));
}

template <class T>
int64_t CorrelationPlan<T>::scratch_bytes() const {
  const int64_t results = dense() ? 0 : traits_.filter_tile * layout_.block_rows() * c_.width;
  return (staged_layout_.staged_elements(c_.channels) + results) * static_cast<int64_t>(sizeof(T));
}

template <class T>
void CorrelationPlan<T>::PackFilters(const T* w, T* packed) const {
  const int64_t taps = c_.taps.size(), block_size = traits_.filter_tile * c_.channels * taps;
  ParallelFor(c_.groups * filter_blocks_, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(block_size, 1)),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                  const int64_t group = i / filter_blocks_, block = i % filter_blocks_;
                  const int64_t first = FilterBlockBegin(block), count = FilterBlockBegin(block + 1) - first;
                  T* to = packed + (group * c_.filters + first) * c_.channels * taps;
                  for (int64_t channel = 0; channel < c_.channels; ++channel) {
                    const T* from = w + group * c_.w_group + first * c_.w_filter + channel * c_.w_channel;
                    for (const Correlation::Tap& tap : c_.taps) {
                      for (int64_t f = 0; f < count; ++f) *to++ = from[f * c_.w_filter + tap.weight];
                    }
                  }
                }
              });
}

template <class T>
int64_t CorrelationPlan<T>::tile_elements() const {
  const bool strips = static_cast<int64_t>(stores_.size()) > strip_;
  return whole_planes() && !strips ? std::min<int64_t>(traits_.filter_tile, c_.filters) * c_.out_height * c_.out_width
                                   : 0;
}

template <class T>
void CorrelationPlan<T>::RunTask(const Task& task, const T* in, const T* packed, T* scratch, PlaceFn<T> place,
                                 FinishedFn finished) const {
  const int64_t taps = c_.taps.size(), out_plane = c_.out_height * c_.out_width;
  const int64_t image_group = task.image * c_.groups + task.group;
  const T* source = in + image_group * c_.channels * c_.in_height * c_.in_width;
  T* results = scratch;  // of strided stores
  const bool strided = !dense();
  if (strided) scratch += traits_.filter_tile * layout_.block_rows() * c_.width;

  const bool in_place = layout_.InPlace(image_group, task.row, task.rows);
  const CorrelationLayout& layout = in_place ? layout_ : staged_layout_;
  if (!in_place) layout.Stage(source, c_.channels, task.row, task.rows, scratch);
  const std::vector<FlatStore>& stores = task.rows == layout.block_rows() ? stores_ : last_stores_;
  TapBlock<T> block;
  block.in = in_place ? source + task.row * layout.pitch() : scratch;
  const bool flat = c_.channels * taps <= kFlatTaps;
  block.plane = layout.plane(), block.channels = flat ? 1 : c_.channels;
  block.taps = layout.offsets().data(), block.num_taps = flat ? c_.channels * taps : taps;
  block.stores = stores.data(), block.vectors = stores.size();
  const int64_t n = task.rows * c_.width;
  const auto start = [&](int64_t filter) {
    return (image_group * c_.filters + filter) * out_plane + (strided ? 0 : task.row * c_.width);
  };
  const auto finish = [&](int64_t filter, int64_t count) {
    if (n == out_plane) return finished(start(filter), count * n);
    for (int64_t f = filter; f < filter + count; ++f) finished(start(f), n);
  };
  const T* filters = packed + task.group * c_.filters * c_.channels * taps;
  block.out_plane = strided ? n : out_plane;
  if (!strided && block.vectors > strip_) {
    const int64_t first = FilterBlockBegin(task.begin);
    block.out = place(start(first));
    RunStrips(task, block, filters);
    return finish(first, FilterBlockBegin(task.end) - first);
  }
  for (int64_t b = task.begin; b < task.end; ++b) {
    const int64_t first = FilterBlockBegin(b), count = FilterBlockBegin(b + 1) - first;
    block.weights = filters + first * c_.channels * taps, block.filters = static_cast<int>(count);
    block.out = strided ? results : place(start(first));
    CorrelateTaps(block);
    if (!strided) {
      finish(first, count);
      continue;
    }
    const T* from = results;
    T* const planes = place(start(first));
    for (int64_t f = 0; f < count; ++f) {
      for (int64_t i = task.row; i < task.row + task.rows; ++i, from += c_.width) {
        T* to = planes + f * out_plane + (i * c_.out_step_h + c_.out_row) * c_.out_width + c_.out_column;
        for (int64_t j = 0; j < c_.width; ++j) to[j * c_.out_step_w] = from[j];
      }
    }
  }
}

// packed: of the task's group. block: with the results of the task's first filter, and without filters.
template <class T>
void CorrelationPlan<T>::RunStrips(const Task& task, TapBlock<T> block, const T* packed) const {
  const TapBlock<T> all = block;
  for (int64_t v = 0; v < all.vectors; v += strip_) {
    block.in = all.in + v * traits_.lanes, block.stores = all.stores + v;
    block.vectors = std::min(strip_, all.vectors - v);
    for (int64_t b = task.begin; b < task.end; ++b) {
      const int64_t first = FilterBlockBegin(b);
      block.out = all.out + (first - FilterBlockBegin(task.begin)) * all.out_plane;
      block.weights = packed + first * c_.channels * static_cast<int64_t>(c_.taps.size());
      block.filters = static_cast<int>(FilterBlockBegin(b + 1) - first);
      CorrelateTaps(block);
    }
  }
}

template <class T>
void CorrelationPlan<T>::Run(const T* in, const T* w, const Conv2dMemory& memory, PlaceFn<T> place,
                             FinishedFn finished) const {
  T* packed = static_cast<T*>(memory.shared);
  PackFilters(w, packed);
  const int64_t blocks = layout_.blocks();
  ParallelFor(c_.batch * c_.groups * blocks * parts_, grain_, [&](int64_t begin, int64_t end) {
    T* scratch = static_cast<T*>(memory.scratch());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts_, block = i / parts_ % blocks, image_group = i / (parts_ * blocks);
      Task task;
      task.image = image_group / c_.groups, task.group = image_group % c_.groups;
      task.row = block * layout_.block_rows(), task.rows = std::min(layout_.block_rows(), c_.height - task.row);
      task.begin = part * filter_blocks_ / parts_, task.end = (part + 1) * filter_blocks_ / parts_;
      RunTask(task, in, packed, scratch, place, finished);
    }
  });
}

template class CorrelationPlan<float>;
template class CorrelationPlan<double>;

}  // namespace adret::kernels
