#include <algorithm>
#include <array>

#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/kernels/conv/correlation.h"
#include "adret/ops/kernels/conv/filter_gradient.h"
#include "adret/ops/kernels/sum_chunks.h"

namespace adret::kernels {
namespace {

// Tasks of about this much arithmetic: tens of microseconds.
constexpr double kFlopsPerTask = 2e6;
// Partial sums of the filter gradient: enough chunks to keep many cores busy, unless the filters are large.
constexpr int64_t kMaxChunks = 16;
constexpr int64_t kMaxPartialElements = 4 << 20;
constexpr int64_t kMaxParts = 16;
// The filter gradient sums over this many vectors of positions at a time: the rows of dy that a register tile reads
// stay in the first-level cache.
constexpr int64_t kGradientVectors = 80;
constexpr int64_t kMaxStagedUnits = 16, kMaxUnitBytes = 1 << 20;

}  // namespace

template <class T>
FilterGradientPlan<T>::FilterGradientPlan(const Conv2dShape& shape)
    : shape_(shape),
      c_(ForwardCorrelation(shape)),
      traits_(GetTapTraits<T>()),
      layout_(c_, traits_.lanes, sizeof(T), true, kGradientVectors),
      staged_layout_(c_, traits_.lanes, sizeof(T), false, kGradientVectors) {
  units_ = c_.batch * layout_.blocks();
  const double wanted = std::clamp(c_.flops() / kFlopsPerTask, 1.0, 64.0);
  const int64_t per_group = CeilDiv(static_cast<int64_t>(wanted), c_.groups);
  const int64_t affordable = std::max<int64_t>(kMaxPartialElements / std::max<int64_t>(group_size() * c_.groups, 1), 1);
  chunks_ = std::clamp<int64_t>(std::min({per_group, affordable, kMaxChunks}), 1, std::max<int64_t>(units_, 1));
  parts_ = std::clamp<int64_t>(std::min(per_group / chunks_, kMaxParts), 1, c_.channels);
  const int64_t vectors = std::max<int64_t>(layout_.vectors(layout_.block_rows()), 1);
  const int64_t unit_bytes = std::max<int64_t>(unit_elements() * sizeof(T), 1);
  staged_units_ =
      std::clamp<int64_t>(std::min(kGradientVectors / vectors, kMaxUnitBytes / unit_bytes), 1, kMaxStagedUnits);
}

template <class T>
int64_t FilterGradientPlan<T>::dy_plane() const {
  return layout_.vectors(layout_.block_rows()) * traits_.lanes;
}

// What one unit takes in scratch memory: the channels of a part, and all filters of the group.
template <class T>
int64_t FilterGradientPlan<T>::unit_elements() const {
  return staged_layout_.staged_elements(CeilDiv(c_.channels, parts_)) + c_.filters * dy_plane();
}

template <class T>
int64_t FilterGradientPlan<T>::shared_bytes() const {
  return chunks_ == 1 ? 0 : chunks_ * c_.groups * group_size() * static_cast<int64_t>(sizeof(T));
}

template <class T>
int64_t FilterGradientPlan<T>::scratch_bytes() const {
  // Copies of rows write up to a vector too far.
  return (staged_units_ * unit_elements() + traits_.lanes) * static_cast<int64_t>(sizeof(T));
}

// dy's rows at the pitch of the source, zeros between them and behind.
template <class T>
void FilterGradientPlan<T>::StageGradient(const T* dy, int64_t rows, T* to) const {
  for (int64_t f = 0; f < c_.filters; ++f, dy += c_.height * c_.width) {
    T* const end = to + dy_plane();
    // The last row has no gap.
    CopyRows(RowCopy<T>{dy, c_.width, c_.width, rows - 1, to, layout_.pitch()});
    to += (rows - 1) * layout_.pitch();
    CopyRows(RowCopy<T>{dy + (rows - 1) * c_.width, c_.width, c_.width, 1, to, c_.width});
    to = std::fill_n(to + c_.width, end - to - c_.width, T{0});
  }
}

template <class T>
void FilterGradientPlan<T>::RunTask(int64_t task, const T* x, const T* dy, T* partial, T* scratch) const {
  const int64_t group = task % c_.groups, part = task / c_.groups % parts_, chunk = task / (c_.groups * parts_);
  const int64_t first = part * c_.channels / parts_, channels = (part + 1) * c_.channels / parts_ - first;
  const int64_t taps = c_.taps.size();
  const int64_t x_elements = staged_layout_.staged_elements(CeilDiv(c_.channels, parts_));

  TapGradient<T> g;
  g.dw = partial + (chunk * c_.groups + group) * group_size() + first * taps, g.dw_stride = c_.w_filter;
  for (int64_t f = 0; f < c_.filters; ++f) std::fill_n(g.dw + f * c_.w_filter, channels * taps, T{0});
  std::array<const T*, kMaxStagedUnits> xs, dys;
  g.x = xs.data(), g.dy = dys.data();
  g.columns = channels * taps, g.dy_plane = dy_plane(), g.filters = c_.filters;

  const auto rows_of = [&](int64_t unit) {
    return std::min(layout_.block_rows(), c_.height - unit % layout_.blocks() * layout_.block_rows());
  };
  const auto in_place = [&](int64_t unit) {
    return layout_.InPlace(unit / layout_.blocks() * c_.groups + group, unit % layout_.blocks() * layout_.block_rows(),
                           rows_of(unit));
  };
  int64_t unit = chunk * units_ / chunks_;
  const int64_t end = (chunk + 1) * units_ / chunks_;
  const int64_t batches = CeilDiv(end - unit, staged_units_), batch = batches > 0 ? CeilDiv(end - unit, batches) : 0;
  while (unit < end) {
    // Units of as many rows and the same layout go together.
    const int64_t rows = rows_of(unit);
    const bool lies = in_place(unit);
    const CorrelationLayout& layout = lies ? layout_ : staged_layout_;
    g.offsets = layout.offsets().data();
    T* free = scratch;
    for (g.units = 0; unit < end && g.units < batch && rows_of(unit) == rows && in_place(unit) == lies;
         ++unit, ++g.units) {
      const int64_t image_group = unit / layout.blocks() * c_.groups + group;
      const int64_t row = unit % layout.blocks() * layout.block_rows();
      const T* source = x + (image_group * c_.channels + first) * c_.in_height * c_.in_width;
      if (!lies) layout.Stage(source, channels, row, rows, free);
      xs[g.units] = lies ? source + row * layout.pitch() : free;
      free += x_elements;
      StageGradient(dy + image_group * c_.filters * c_.height * c_.width + row * c_.width, rows, free);
      dys[g.units] = free;
      free += c_.filters * dy_plane();
    }
    g.vectors = layout.vectors(rows);
    AccumulateTapGradient(g);
  }
}

template <class T>
void FilterGradientPlan<T>::Run(const T* x, const T* dy, T* dw, const Conv2dMemory& memory) const {
  T* partial = chunks_ == 1 ? dw : static_cast<T*>(memory.shared);
  const int64_t tasks = c_.groups * parts_ * chunks_;
  const double flops = std::max(c_.flops(), 1.0);
  ParallelFor(tasks, std::clamp<int64_t>(kFlopsPerTask * tasks / flops, 1, std::max<int64_t>(tasks, 1)),
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) RunTask(i, x, dy, partial, static_cast<T*>(memory.scratch()));
              });
  if (chunks_ > 1) SumChunks(partial, chunks_, c_.groups * group_size(), dw);
  RecomputeNonFinite(shape_, x, dy, dw);
}

template class FilterGradientPlan<float>;
template class FilterGradientPlan<double>;

}  // namespace adret::kernels
