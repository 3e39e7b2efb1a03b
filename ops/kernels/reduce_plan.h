// How a reduction over any axes is carried out: as passes that each reduce the middle axis of [outer, n, inner].
//
//   kernels::ReducePlan plan(kernels::Reduction::kSum, {64, 16, 32, 32}, {0, 2, 3});   // a bias's gradient
//   std::vector<float> workspace(plan.workspace_elements());
//   plan.Run(x, workspace.data(), y);                                                  // y: [16]
//
// Adjacent axes of one kind are merged first, so a plan has as many passes as there are separate groups of reduced
// axes, and one more where a long reduction with a small result is cut into chunks. How the work is cut depends on
// sizes only, and partial results are combined in index order: the bits are the same for any number of threads.
#ifndef ADRET_OPS_KERNELS_REDUCE_PLAN_H_
#define ADRET_OPS_KERNELS_REDUCE_PLAN_H_

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "adret/ops/kernels/reduce.h"

namespace adret::kernels {

class ReducePlan {
 public:
  // dims >= 0; axes: distinct, ascending, each in [0, dims.size()).
  ReducePlan(Reduction reduction, absl::Span<const int64_t> dims, absl::Span<const int64_t> axes);

  // Numbers of x's type that Run() needs to put partial results in.
  int64_t workspace_elements() const { return workspace_elements_; }

  // T is float, double or an integer type. The sum of nothing is 0, the product 1, the logsumexp -infinity; there is
  // no maximum or minimum of nothing. Calls finished(begin, n), possibly from several threads, for parts of y that are
  // final; together they are all of y.
  template <class T>
  void Run(const T* x, T* workspace, T* y, absl::FunctionRef<void(int64_t begin, int64_t n)> finished) const;
  template <class T>
  void Run(const T* x, T* workspace, T* y) const {
    Run(x, workspace, y, [](int64_t, int64_t) {});
  }

 private:
  // Reduces [outer, n, inner] to [outer, chunks, inner], chunk numbers at a time.
  struct Pass {
    int64_t outer, n, inner, chunk, chunks;
  };

  void AddPasses(int64_t outer, int64_t n, int64_t inner);
  template <class T>
  void RunPass(const Pass& pass, const T* x, T* y, absl::FunctionRef<void(int64_t, int64_t)> finished) const;

  Reduction reduction_;
  int64_t y_elements_ = 1;
  int64_t reduced_elements_ = 1;
  int64_t workspace_elements_ = 0;
  std::vector<Pass> passes_;
};

// A tensor seen as lines along some of its axes, for loops that must meet a line's elements in order.
class Lines {
 public:
  Lines(absl::Span<const int64_t> dims, absl::Span<const int64_t> axes);

  int64_t count() const { return count_; }
  int64_t length() const { return length_; }
  // Offset of a line's first element; lines are numbered in row-major order of the other axes.
  int64_t Start(int64_t line) const;
  // Calls f(offset) for each element of the line from `start`, in row-major order.
  template <class F>
  void ForEach(int64_t start, F&& f) const {
    if (length_ == 0) return;
    const Run last = along_.back();
    for (int64_t i = 0; i < length_; i += last.extent) {
      const int64_t base = start + Offset(absl::MakeConstSpan(along_).first(along_.size() - 1), i / last.extent);
      for (int64_t j = 0; j < last.extent; ++j) f(base + j * last.stride);
    }
  }
  // Calls f as ForEach does, for the last element first.
  template <class F>
  void ForEachReverse(int64_t start, F&& f) const {
    if (length_ == 0) return;
    const Run last = along_.back();
    for (int64_t i = length_ - last.extent; i >= 0; i -= last.extent) {
      const int64_t base = start + Offset(absl::MakeConstSpan(along_).first(along_.size() - 1), i / last.extent);
      for (int64_t j = last.extent - 1; j >= 0; --j) f(base + j * last.stride);
    }
  }

 private:
  struct Run {
    int64_t extent, stride;
  };
  using Runs = absl::InlinedVector<Run, 3>;

  // Offset of the index-th element of the axes `runs`.
  static int64_t Offset(absl::Span<const Run> runs, int64_t index);

  Runs along_, across_;
  int64_t count_ = 1;
  int64_t length_ = 1;
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_REDUCE_PLAN_H_
