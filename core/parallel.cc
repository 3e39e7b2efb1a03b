#include "adret/core/parallel.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/tsan_internal.h"
#include "oneapi/tbb/blocked_range.h"
#include "oneapi/tbb/global_control.h"
#include "oneapi/tbb/info.h"
#include "oneapi/tbb/parallel_for.h"
#include "oneapi/tbb/partitioner.h"
#include "oneapi/tbb/task_arena.h"

namespace adret {

void ParallelFor(int64_t n, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t chunks = (n - 1) / grain + 1;
  auto chunk = [&](int64_t c) { body(c * grain, std::min(n, (c + 1) * grain)); };
  if (chunks == 1 || tbb::this_task_arena::max_concurrency() == 1) {
    for (int64_t c = 0; c < chunks; ++c) chunk(c);
    return;
  }
  char start = 0, end = 0;  // places to name in the hand-overs
  tsan::Release(&start);
  tbb::parallel_for(
      tbb::blocked_range<int64_t>(0, chunks, 1),
      [&](const tbb::blocked_range<int64_t>& r) {
        tsan::Acquire(&start);
        for (int64_t c = r.begin(); c != r.end(); ++c) chunk(c);
        tsan::Release(&end);
      },
      tbb::auto_partitioner());
  tsan::Acquire(&end);
}

int HardwareThreads() { return tbb::info::default_concurrency(); }

int MaxThreads() { return std::max(16, 4 * HardwareThreads()); }

struct ThreadPool::Impl {
  // Arenas above the number of cores need the permission of a global_control. Of several controls the smallest one
  // counts: so all pools ask for the same, or a large one would get no more threads than a small one beside it has.
  Impl(int n) : control(tbb::global_control::max_allowed_parallelism, MaxThreads()), arena(n) { arena.initialize(); }
  tbb::global_control control;
  tbb::task_arena arena;
};

ThreadPool::ThreadPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ThreadPool::ThreadPool(ThreadPool&&) noexcept = default;
ThreadPool& ThreadPool::operator=(ThreadPool&&) noexcept = default;
ThreadPool::~ThreadPool() = default;

absl::StatusOr<ThreadPool> ThreadPool::Create(std::optional<int> threads) {
  if (threads.has_value() && (*threads < 1 || *threads > MaxThreads())) {
    return absl::InvalidArgumentError(absl::StrCat("the number of threads must be between 1 and ", MaxThreads(),
                                                   " (this machine runs ", HardwareThreads(), " at a time), not ",
                                                   *threads));
  }
  return ThreadPool(std::make_unique<Impl>(threads.value_or(HardwareThreads())));
}

int ThreadPool::threads() const { return impl_->arena.max_concurrency(); }

void ThreadPool::Run(absl::FunctionRef<void()> work) const {
  char start = 0, end = 0;
  tsan::Release(&start);
  impl_->arena.execute([&] {
    tsan::Acquire(&start);
    work();
    tsan::Release(&end);
  });
  tsan::Acquire(&end);
}

int ThreadSlot() { return std::max(0, tbb::this_task_arena::current_thread_index()); }

}  // namespace adret
