#include "adret/core/plan/run_pool.h"

namespace adret {

absl::Status RunArena::Grow(int64_t size) {
  if (size <= bytes) return absl::OkStatus();
  memory.reset();
  bytes = 0;
  AD_ASSIGN_OR_RETURN(memory, AllocateAligned(size));
  bytes = size;
  return absl::OkStatus();
}

RunPool::RunPool(PlanMaker make, ThreadPool threads, int max_runs, int max_plans)
    : make_(std::move(make)), threads_(threads.threads()), max_runs_(max_runs), max_plans_(max_plans) {
  free_arenas_.push_back(std::make_unique<RunArena>(std::move(threads)));
}

std::shared_ptr<RunPool::CachedPlan> RunPool::Find(const DimSizes& sizes) const {
  for (const auto& cached : plans_) {
    if (cached->sizes == sizes) return cached;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<RunPool::CachedPlan>> RunPool::MakePlan(const DimSizes& sizes) {
  const std::lock_guard making(making_);
  // Another thread may have made it while this one waited.
  std::unique_lock lock(mutex_);
  if (auto cached = Find(sizes)) return cached;
  lock.unlock();
  auto cached = std::make_shared<CachedPlan>();
  cached->sizes = sizes;
  AD_ASSIGN_OR_RETURN(cached->plan, make_(sizes));
  std::shared_ptr<CachedPlan> oldest;  // outlives the lock: freeing a plan takes its time
  lock.lock();
  if (static_cast<int>(plans_.size()) >= max_plans_) {
    oldest = std::move(plans_.front());
    plans_.pop_front();
  }
  plans_.push_back(cached);
  lock.unlock();
  return cached;
}

absl::StatusOr<std::shared_ptr<RunPool::CachedPlan>> RunPool::PlanFor(const DimSizes& sizes) {
  std::unique_lock lock(mutex_);
  if (auto cached = Find(sizes)) return cached;
  lock.unlock();
  return MakePlan(sizes);
}

absl::Status RunPool::Equip(Turn* turn) {
  if (free_arenas_.empty()) {
    AD_ASSIGN_OR_RETURN(ThreadPool threads, ThreadPool::Create(threads_));
    turn->arena_ = std::make_unique<RunArena>(std::move(threads));
    ++num_arenas_;
  } else {
    turn->arena_ = std::move(free_arenas_.back());
    free_arenas_.pop_back();
  }
  auto& frames = turn->cached_->free_frames;
  if (frames.empty()) {
    turn->frame_ = std::make_unique<RunFrame>(turn->plan());
  } else {
    turn->frame_ = std::move(frames.back());
    frames.pop_back();
  }
  return absl::OkStatus();
}

absl::StatusOr<RunPool::Turn> RunPool::Take(const DimSizes& sizes) {
  std::unique_lock lock(mutex_);
  std::shared_ptr<CachedPlan> cached = Find(sizes);
  if (cached == nullptr) {
    lock.unlock();
    AD_ASSIGN_OR_RETURN(cached, MakePlan(sizes));
    lock.lock();
  }
  arena_given_back_.wait(lock, [&] { return !free_arenas_.empty() || num_arenas_ < max_runs_; });
  Turn turn(this, std::move(cached));
  AD_RETURN_IF_ERROR(Equip(&turn));
  return turn;
}

RunPool::Turn::~Turn() {
  if (arena_ == nullptr) return;
  {
    const std::lock_guard lock(pool_->mutex_);
    cached_->free_frames.push_back(std::move(frame_));
    pool_->free_arenas_.push_back(std::move(arena_));
  }
  pool_->arena_given_back_.notify_one();
}

void RunPool::Turn::AddTimes() const {
  const std::lock_guard lock(pool_->mutex_);
  cached_->times.Add(frame_->times);
}

absl::StatusOr<PlanReport> RunPool::Report(const DimSizes& sizes) {
  AD_ASSIGN_OR_RETURN(const std::shared_ptr<CachedPlan> cached, PlanFor(sizes));
  std::unique_lock lock(mutex_);
  const PlanTimes times = cached->times;
  lock.unlock();
  return cached->plan->Report(times);
}

absl::StatusOr<int64_t> RunPool::ArenaBytes(const DimSizes& sizes) {
  AD_ASSIGN_OR_RETURN(const std::shared_ptr<CachedPlan> cached, PlanFor(sizes));
  return cached->plan->arena_bytes();
}

}  // namespace adret
