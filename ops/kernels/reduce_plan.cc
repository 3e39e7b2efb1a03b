#include "adret/ops/kernels/reduce_plan.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "adret/core/dtype.h"
#include "adret/core/parallel.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 32768;  // about 10 us of memory traffic
constexpr int64_t kColumnsPerTask = 512;
constexpr int64_t kEnoughTasks = 8;  // fewer than this and a long reduction is cut into chunks

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct DimRun {
  int64_t extent;
  bool reduced;
};

// The sum, the product and the logsumexp of no numbers.
template <class T>
T OfNothing(Reduction reduction) {
  if (reduction == Reduction::kLogSumExp) return -std::numeric_limits<T>::infinity();
  return static_cast<T>(reduction == Reduction::kProd ? 1 : 0);
}

// dims without 1s, adjacent ones of one kind merged.
std::vector<DimRun> MergeAxes(absl::Span<const int64_t> dims, absl::Span<const int64_t> axes) {
  std::vector<DimRun> runs;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (!runs.empty() && runs.back().reduced == reduced) {
      runs.back().extent *= dims[i];
    } else {
      runs.push_back({dims[i], reduced});
    }
  }
  return runs;
}

}  // namespace

ReducePlan::ReducePlan(Reduction reduction, absl::Span<const int64_t> dims, absl::Span<const int64_t> axes)
    : reduction_(reduction) {
  std::vector<DimRun> runs = MergeAxes(dims, axes);
  for (const DimRun& run : runs) (run.reduced ? reduced_elements_ : y_elements_) *= run.extent;
  if (reduced_elements_ == 0 || y_elements_ == 0) return;
  // The innermost group first: what is left to read shrinks soonest, and by contiguous reads.
  for (int i = static_cast<int>(runs.size()) - 1; i >= 0; --i) {
    if (!runs[i].reduced) continue;
    int64_t outer = 1, inner = 1;
    for (int k = 0; k < i; ++k) outer *= runs[k].extent;
    for (size_t k = i + 1; k < runs.size(); ++k) inner *= runs[k].extent;
    AddPasses(outer, runs[i].extent, inner);
    runs[i].extent = 1;
  }
  // One number is its own sum, but not its own norm.
  if (passes_.empty() && reduction == Reduction::kNorm) AddPasses(y_elements_, 1, 1);
  for (size_t i = 0; i + 1 < passes_.size(); ++i) {
    workspace_elements_ += passes_[i].outer * passes_[i].chunks * passes_[i].inner;
  }
}

void ReducePlan::AddPasses(int64_t outer, int64_t n, int64_t inner) {
  const int64_t tasks = outer * CeilDiv(inner, kColumnsPerTask);
  const int64_t chunk = CeilDiv(kTaskElements, std::min(inner, kColumnsPerTask));
  if (tasks >= kEnoughTasks || n < 2 * chunk) {
    passes_.push_back({outer, n, inner, n, 1});
    return;
  }
  const int64_t chunks = CeilDiv(n, chunk);
  passes_.push_back({outer, n, inner, chunk, chunks});
  passes_.push_back({outer, chunks, inner, chunks, 1});
}

template <class T>
void ReducePlan::Run(const T* x, T* workspace, T* y, absl::FunctionRef<void(int64_t, int64_t)> finished) const {
  if (y_elements_ == 0) return;
  if (passes_.empty()) {
    if (reduced_elements_ == 0) {
      std::fill(y, y + y_elements_, OfNothing<T>(reduction_));
    } else {
      std::memcpy(y, x, y_elements_ * sizeof(T));
    }
    finished(0, y_elements_);
    return;
  }
  for (size_t i = 0; i + 1 < passes_.size(); ++i) {
    RunPass(passes_[i], x, workspace, [](int64_t, int64_t) {});
    x = workspace;
    workspace += passes_[i].outer * passes_[i].chunks * passes_[i].inner;
  }
  RunPass(passes_.back(), x, y, finished);
}

template <class T>
void ReducePlan::RunPass(const Pass& p, const T* x, T* y, absl::FunctionRef<void(int64_t, int64_t)> finished) const {
  if (p.inner == 1 && p.chunks == 1) {
    ParallelFor(p.outer, std::max<int64_t>(1, kTaskElements / p.n), [&](int64_t begin, int64_t end) {
      ReduceRows(reduction_, x + begin * p.n, end - begin, p.n, y + begin);
      finished(begin, end - begin);
    });
    return;
  }
  const int64_t blocks = CeilDiv(p.inner, kColumnsPerTask);
  const int64_t work = p.chunk * std::min(p.inner, kColumnsPerTask);
  ParallelFor(p.outer * p.chunks * blocks, std::max<int64_t>(1, kTaskElements / work), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task % blocks * kColumnsPerTask;
      const int64_t chunk = task / blocks % p.chunks;
      const int64_t outer = task / blocks / p.chunks;
      const int64_t first = chunk * p.chunk;
      const int64_t n = std::min(p.chunk, p.n - first);
      const int64_t columns = std::min(kColumnsPerTask, p.inner - column);
      const T* from = x + (outer * p.n + first) * p.inner + column;
      const int64_t to = (outer * p.chunks + chunk) * p.inner + column;
      if (p.inner == 1) {
        ReduceRows(reduction_, from, 1, n, y + to);
      } else {
        ReduceColumns(reduction_, from, n, p.inner, columns, y + to);
      }
      finished(to, columns);
    }
  });
}

#define ADRET_INSTANTIATE(T) \
  template void ReducePlan::Run(const T*, T*, T*, absl::FunctionRef<void(int64_t, int64_t)>) const;
ADRET_ARITHMETIC_TYPES(ADRET_INSTANTIATE)
#undef ADRET_INSTANTIATE

Lines::Lines(absl::Span<const int64_t> dims, absl::Span<const int64_t> axes) {
  const std::vector<DimRun> runs = MergeAxes(dims, axes);
  int64_t stride = 1;
  for (int i = static_cast<int>(runs.size()) - 1; i >= 0; --i) {
    Runs& to = runs[i].reduced ? along_ : across_;
    to.insert(to.begin(), Run{runs[i].extent, stride});
    (runs[i].reduced ? length_ : count_) *= runs[i].extent;
    stride *= runs[i].extent;
  }
  if (along_.empty()) along_.push_back({1, 1});
}

int64_t Lines::Start(int64_t line) const { return Offset(across_, line); }

int64_t Lines::Offset(absl::Span<const Run> runs, int64_t index) {
  int64_t offset = 0;
  for (int i = static_cast<int>(runs.size()) - 1; i >= 0; --i) {
    offset += index % runs[i].extent * runs[i].stride;
    index /= runs[i].extent;
  }
  return offset;
}

}  // namespace adret::kernels
