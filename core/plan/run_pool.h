// RunPool: what the runs of an executor share, and what they take turns at.
//
//   AD_ASSIGN_OR_RETURN(const RunPool::Turn turn, pool.Take(sizes));   // waits while all arenas are taken
//   AD_RETURN_IF_ERROR(turn.arena().Grow(turn.plan().arena_bytes()));
//
// All share the plans, one for all sizes of its symbols. A turn keeps its plan alive, if the pool has it or not. What
// one run at a time has to itself are an arena with its threads, of which there are ExecutorOptions::max_runs, and
// a frame of its plan. Both are made when no free one is left, and the last one given back is the first to be taken: a
// thread that makes run after run alone gets the same memory each time.
#ifndef ADRET_CORE_PLAN_RUN_POOL_H_
#define ADRET_CORE_PLAN_RUN_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/plan.h"
#include "adret/core/state.h"
#include "adret/core/tensor.h"

namespace adret {

// The memory that a run computes in, and the threads that it computes with.
struct RunArena {
  explicit RunArena(ThreadPool pool) : threads(std::move(pool)) {}
  // Makes the memory this large, unless it is; what was in it is lost.
  absl::Status Grow(int64_t size);

  ThreadPool threads;
  std::shared_ptr<void> memory;
  int64_t bytes = 0;
};

// What a run of one plan writes to besides the arena, and what it remembers for the next run with this frame.
struct RunFrame {
  explicit RunFrame(const Plan& plan) : pointers(plan.num_pointers()), times(plan.num_steps()) {}

  // Plan::Bindings are views of these.
  std::vector<void*> pointers, variables, fetches;
  std::vector<const void*> inputs;
  std::vector<StepTime> times;
  // The last run's, written again when nobody else holds them any more.
  std::vector<Tensor> fetch_tensors;
  // The tensors of the plan's variables, and which state they were looked up in.
  std::vector<Tensor*> variable_tensors;
  const State* state = nullptr;
  uint64_t state_version = 0;
};

class RunPool {
  struct CachedPlan {
    DimSizes sizes;
    std::unique_ptr<const Plan> plan;
    // Guarded by the pool's mutex.
    std::vector<std::unique_ptr<RunFrame>> free_frames;
    PlanTimes times;
  };

 public:
  // What one run has to itself; given back when it is destroyed.
  class Turn {
   public:
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    const Plan& plan() const { return *cached_->plan; }
    RunArena& arena() const { return *arena_; }
    RunFrame& frame() const { return *frame_; }
    // Adds the frame's times to the plan's: for runs with PlanOptions::profile that ended well.
    void AddTimes() const;

   private:
    friend class RunPool;
    Turn(RunPool* pool, std::shared_ptr<CachedPlan> cached) : pool_(pool), cached_(std::move(cached)) {}

    RunPool* pool_;
    std::shared_ptr<CachedPlan> cached_;
    std::unique_ptr<RunArena> arena_;  // null after a move
    std::unique_ptr<RunFrame> frame_;
  };
  using PlanMaker = std::function<absl::StatusOr<std::unique_ptr<Plan>>(const DimSizes& sizes)>;

  // A pool that makes its plans with `make`, one at a time, and keeps max_plans of them; the oldest goes first. The
  // first of max_runs arenas gets these threads, the others get as many.
  RunPool(PlanMaker make, ThreadPool threads, int max_runs, int max_plans);

  // Returns a turn at the plan for these sizes; waits for an arena. Fails when no plan can be made.
  absl::StatusOr<Turn> Take(const DimSizes& sizes);
  // Returns what the plan for these sizes does, and what its profiled runs took.
  absl::StatusOr<PlanReport> Report(const DimSizes& sizes);
  absl::StatusOr<int64_t> ArenaBytes(const DimSizes& sizes);
  int threads() const { return threads_; }

 private:
  // Returns the plan for these sizes, which it makes when there is none.
  absl::StatusOr<std::shared_ptr<CachedPlan>> PlanFor(const DimSizes& sizes);
  absl::StatusOr<std::shared_ptr<CachedPlan>> MakePlan(const DimSizes& sizes);
  // Returns the plan or null; mutex_ is held.
  std::shared_ptr<CachedPlan> Find(const DimSizes& sizes) const;
  // Gives the turn an arena and a frame; mutex_ is held.
  absl::Status Equip(Turn* turn);

  const PlanMaker make_;
  const int threads_, max_runs_, max_plans_;
  std::mutex making_;  // held while a plan is made
  std::mutex mutex_;   // guards what follows; is never held while a plan is made
  std::condition_variable arena_given_back_;
  std::deque<std::shared_ptr<CachedPlan>> plans_;  // the oldest first
  std::vector<std::unique_ptr<RunArena>> free_arenas_;
  int num_arenas_ = 1;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_RUN_POOL_H_
