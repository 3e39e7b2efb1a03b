// Parallel loops. All parallelism inside adret goes through here, on oneTBB.
//
// How a loop is split depends on the problem's size only, never on the number of threads; so each chunk computes the
// same numbers whoever runs it, and results have the same bits for any number of threads.
#ifndef ADRET_CORE_PARALLEL_H_
#define ADRET_CORE_PARALLEL_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace adret {

// Calls body(begin, end) for consecutive chunks of [0, n), each of `grain` indices (the last may be shorter), in
// parallel when there is more than one chunk. Chunk c is [c * grain, min(n, (c + 1) * grain)). Choose the grain so that
// a chunk takes tens of microseconds. May be nested.
void ParallelFor(int64_t n, int64_t grain, absl::FunctionRef<void(int64_t begin, int64_t end)> body);

// Threads that this machine runs at the same time.
int HardwareThreads();
// Returns the most threads that a pool may have. Above HardwareThreads(), for tests that compare numbers of threads on
// any machine; far above it a number is a mistake.
int MaxThreads();

// A set of threads to run loops in. Loops outside any pool use every core.
class ThreadPool {
 public:
  // Makes a pool of 1 to MaxThreads() threads, or fails; without a number, of one per core.
  static absl::StatusOr<ThreadPool> Create(std::optional<int> threads);
  ThreadPool(ThreadPool&&) noexcept;
  ThreadPool& operator=(ThreadPool&&) noexcept;
  ~ThreadPool();

  int threads() const;
  // Runs work inside the pool: ParallelFor in it uses the pool's threads. Blocks until done.
  void Run(absl::FunctionRef<void()> work) const;

 private:
  struct Impl;
  explicit ThreadPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Returns a number in [0, threads of the current pool), for scratch memory: no other thread of the pool has it now.
int ThreadSlot();

}  // namespace adret

#endif  // ADRET_CORE_PARALLEL_H_
