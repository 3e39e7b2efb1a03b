#include "adret/core/executor.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/plan.h"

namespace adret {
namespace {

// The batch when no input says what it is.
constexpr int64_t kNoBatch = -1;
constexpr int64_t kMismatch = -2;

struct CachedPlan {
  int64_t batch;
  std::unique_ptr<Plan> plan;
  // Of the last run; reused when nobody else holds them any more.
  std::vector<Tensor> fetch_tensors;
  // The state's tensors, and which state they were looked up in.
  std::vector<Tensor*> variables;
  const State* state = nullptr;
  uint64_t state_version = 0;
};

// Returns the batch that makes the symbolic `expected` equal to `found`; kNoBatch when expected is concrete, kMismatch
// when they cannot be equal.
int64_t MatchBatch(const Shape& expected, const Shape& found) {
  if (expected.rank() != found.rank()) return kMismatch;
  int64_t batch = kNoBatch;
  for (int d = 0; d < expected.rank(); ++d) {
    if (expected[d] >= 0) {
      if (expected[d] != found[d]) return kMismatch;
    } else {
      if (found[d] % expected[d] != 0) return kMismatch;
      batch = found[d] / -expected[d];
    }
  }
  return batch;
}

}  // namespace

struct Executor::Impl {
  Graph* graph = nullptr;
  std::vector<ValueId> fetches;
  std::vector<std::pair<ValueId, ValueId>> updates;
  ExecutorOptions options;
  ThreadPool pool;
  std::vector<NodeId> needed_inputs;
  bool symbolic = false;  // some needed value depends on the batch
  std::deque<CachedPlan> plans;
  std::shared_ptr<void> arena;
  int64_t arena_bytes = 0;
  // Scratch of Run, kept to avoid allocating.
  std::vector<const void*> input_pointers;
  std::vector<void*> variable_pointers, fetch_pointers;

  explicit Impl(ThreadPool p) : pool(std::move(p)) {}

  void FindNeeded(absl::Span<const Value> results);
  absl::StatusOr<CachedPlan*> PlanFor(int64_t batch);
  absl::StatusOr<int64_t> CheckFeeds(const Feeds& feeds) const;
  absl::Status BindInputs(const Plan& plan, const Feeds& feeds);
  absl::Status BindVariables(CachedPlan* cached, State* state);
  absl::Status BindFetches(CachedPlan* cached);
  absl::Status GrowArena(int64_t bytes);
  std::vector<Tensor> Collect(const CachedPlan& cached, const Feeds& feeds) const;
  absl::StatusOr<std::vector<Tensor>> Run(const Feeds& feeds, State* state);
  absl::Status CheckNodeByNode(const Feeds& feeds, const State* state);

  std::atomic<bool> busy = false;  // a call is in progress
  std::unique_ptr<Impl> unfused;   // for CheckNodeByNode
};

namespace {

// Makes calls from two threads an error of the later one. (Plans, arena and pointers belong to one run at a time.)
class OneCall {
 public:
  explicit OneCall(std::atomic<bool>* busy) : busy_(busy), first_(!busy->exchange(true, std::memory_order_acquire)) {}
  ~OneCall() {
    if (first_) busy_->store(false, std::memory_order_release);
  }
  absl::Status status() const {
    if (first_) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "the executor is in use by another thread: make an executor for each thread, or take turns");
  }

 private:
  std::atomic<bool>* busy_;
  const bool first_;
};

}  // namespace

Executor::Executor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;
Executor::~Executor() = default;

absl::StatusOr<Executor> Executor::Create(absl::Span<const Value> fetches, const Updates& updates,
                                          const ExecutorOptions& options) {
  std::vector<Value> all(fetches.begin(), fetches.end());
  for (const Update& u : updates) all.push_back(u.variable), all.push_back(u.value);
  if (all.empty()) return absl::InvalidArgumentError("an executor needs something to fetch or to update");
  // A graph's first error is why values of it are invalid, or missing.
  for (const Value& v : all) {
    if (v.graph() != nullptr) AD_RETURN_IF_ERROR(v.graph()->status());
  }
  Graph* graph = all[0].graph();
  for (const Value& v : all) {
    if (v.graph() == nullptr) return absl::InvalidArgumentError("an executor was given a Value that was never built");
    if (v.graph() != graph) return absl::InvalidArgumentError("an executor was given values of different graphs");
    if (!v.valid()) return absl::InvalidArgumentError("an executor was given an invalid Value");
  }
  std::vector<std::pair<ValueId, ValueId>> stores;
  absl::flat_hash_map<NodeId, ValueId> updated;
  for (const Update& u : updates) {
    const std::string name = u.variable.name();
    if (!graph->node(u.variable.node()).attrs.Is<VariableAttrs>()) {
      return absl::InvalidArgumentError(absl::StrCat("cannot update '", name, "': it is not a variable"));
    }
    if (u.variable.type() != u.value.type()) {
      return absl::InvalidArgumentError(absl::StrCat("cannot update variable '", name, "' of type ",
                                                     u.variable.type().ToString(), " with a value of type ",
                                                     u.value.type().ToString()));
    }
    const auto [known, is_new] = updated.try_emplace(u.variable.node(), u.value.id());
    if (is_new) {
      stores.emplace_back(u.variable.id(), u.value.id());
    } else if (known->second != u.value.id()) {
      return absl::InvalidArgumentError(absl::StrCat("variable '", name, "' is updated twice, with different values"));
    }
  }
  if (options.memory_limit <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the memory limit must be a positive number of bytes, not ", options.memory_limit));
  }
  AD_ASSIGN_OR_RETURN(ThreadPool pool, ThreadPool::Create(options.threads));
  auto impl = std::make_unique<Impl>(std::move(pool));
  impl->graph = graph;
  impl->options = options;
  for (const Value& v : fetches) impl->fetches.push_back(v.id());
  impl->updates = std::move(stores);
  impl->FindNeeded(all);
  if (!impl->symbolic) AD_RETURN_IF_ERROR(impl->PlanFor(kNoBatch).status());
  return Executor(std::move(impl));
}

void Executor::Impl::FindNeeded(absl::Span<const Value> results) {
  const std::vector<bool> needed = Ancestors(*graph, results);
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    if (!needed[id]) continue;
    const Node& node = graph->node(id);
    for (const Type& t : node.outputs) symbolic |= t.shape.is_symbolic();
    if (node.attrs.Is<InputAttrs>()) needed_inputs.push_back(id);
  }
}

absl::StatusOr<CachedPlan*> Executor::Impl::PlanFor(int64_t batch) {
  if (!symbolic) batch = kNoBatch;
  for (CachedPlan& cached : plans) {
    if (cached.batch == batch) return &cached;
  }
  if (symbolic && batch == kNoBatch) return absl::InvalidArgumentError("no input that is fed says what the batch is");
  if (symbolic && batch < 0) return absl::InvalidArgumentError(absl::StrCat("the batch cannot be negative: ", batch));
  const PlanOptions plan_options{.threads = pool.threads(),
                                 .memory_limit = options.memory_limit,
                                 .fuse = options.fuse,
                                 .profile = options.profile,
                                 .strict = options.strict,
                                 .check = options.check_numerics,
                                 .fall_back = std::getenv("ADRET_NO_FALLBACK") == nullptr};
  AD_ASSIGN_OR_RETURN(auto plan, Plan::Make(*graph, fetches, updates, batch, plan_options));
  while (static_cast<int>(plans.size()) >= std::max(1, options.max_plans)) plans.pop_front();
  plans.push_back({batch, std::move(plan), {}, {}});
  return &plans.back();
}

absl::StatusOr<int64_t> Executor::Impl::CheckFeeds(const Feeds& feeds) const {
  int64_t batch = kNoBatch;
  for (const auto& [value, tensor] : feeds) {
    if (value.graph() != graph || !value.valid() || !graph->node(value.node()).attrs.Is<InputAttrs>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot feed '", value.name(), "': it is not an input of the graph"));
    }
    const Type& expected = value.type();
    const int64_t found = MatchBatch(expected.shape, tensor.shape());
    if (tensor.dtype() != expected.dtype || found == kMismatch) {
      return absl::InvalidArgumentError(absl::StrCat("input '", value.name(), "' expects ", expected.ToString(),
                                                     " but was fed ", tensor.type().ToString()));
    }
    if (found != kNoBatch && batch != kNoBatch && found != batch) {
      return absl::InvalidArgumentError(absl::StrCat("input '", value.name(), "' was fed ", tensor.type().ToString(),
                                                     ", a batch of ", found, ", but another input has a batch of ",
                                                     batch));
    }
    if (found != kNoBatch) batch = found;
  }
  for (NodeId id : needed_inputs) {
    const bool fed = std::any_of(feeds.begin(), feeds.end(), [&](const auto& f) { return f.first.node() == id; });
    if (!fed) return absl::InvalidArgumentError(absl::StrCat("input '", graph->node(id).name, "' is not fed"));
  }
  return batch;
}

absl::Status Executor::Impl::BindInputs(const Plan& plan, const Feeds& feeds) {
  input_pointers.clear();
  for (NodeId id : plan.inputs()) {
    for (const auto& [value, tensor] : feeds) {
      if (value.node() == id) {
        input_pointers.push_back(tensor.raw());
        break;
      }
    }
  }
  AD_CHECK(input_pointers.size() == plan.inputs().size());
  return absl::OkStatus();
}

absl::Status Executor::Impl::BindVariables(CachedPlan* cached, State* state) {
  const Plan& plan = *cached->plan;
  if (plan.variables().empty()) return absl::OkStatus();
  if (state == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the run needs a state: it reads variable '", graph->node(plan.variables()[0]).name, "'"));
  }
  if (cached->state != state || cached->state_version != state->version_.number) {
    cached->variables.clear();
    cached->state = nullptr;
    for (NodeId id : plan.variables()) {
      const Node& node = graph->node(id);
      auto it = state->tensors_.find(node.name);
      if (it == state->tensors_.end()) {
        return absl::NotFoundError(absl::StrCat("the state has no variable '", node.name, "'"));
      }
      if (it->second.type() != node.outputs[0]) {
        return absl::InvalidArgumentError(absl::StrCat("variable '", node.name, "' expects ",
                                                       node.outputs[0].ToString(), " but the state holds ",
                                                       it->second.type().ToString()));
      }
      cached->variables.push_back(&it->second);
    }
    cached->state = state;
    cached->state_version = state->version_.number;
  }
  // Whoever holds a copy of a tensor keeps the old numbers.
  for (int i : plan.written_variables()) {
    Tensor& tensor = *cached->variables[i];
    if (tensor.is_shared()) tensor = tensor.Clone();
  }
  variable_pointers.clear();
  for (Tensor* t : cached->variables) variable_pointers.push_back(t->mutable_raw());
  return absl::OkStatus();
}

absl::Status Executor::Impl::BindFetches(CachedPlan* cached) {
  const auto& types = cached->plan->fetch_buffers();
  cached->fetch_tensors.resize(types.size());
  fetch_pointers.clear();
  for (size_t i = 0; i < types.size(); ++i) {
    Tensor& t = cached->fetch_tensors[i];
    if (t.type() != types[i] || t.is_shared()) {
      AD_ASSIGN_OR_RETURN(t, Tensor::Allocate(types[i].dtype, types[i].shape));
    }
    fetch_pointers.push_back(t.mutable_raw());
  }
  return absl::OkStatus();
}

absl::Status Executor::Impl::GrowArena(int64_t bytes) {
  if (bytes <= arena_bytes) return absl::OkStatus();
  arena.reset();
  arena_bytes = 0;
  AD_ASSIGN_OR_RETURN(arena, AllocateAligned(bytes));
  arena_bytes = bytes;
  return absl::OkStatus();
}

std::vector<Tensor> Executor::Impl::Collect(const CachedPlan& cached, const Feeds& feeds) const {
  std::vector<Tensor> results;
  for (const Plan::Fetch& fetch : cached.plan->fetches()) {
    const Tensor* source = nullptr;
    if (fetch.place.kind == ValuePlace::Kind::kFetch) {
      source = &cached.fetch_tensors[fetch.place.index];
    } else if (fetch.place.kind == ValuePlace::Kind::kConstant) {
      source = &cached.plan->constant(fetch.place.index);
    } else {
      const NodeId input = cached.plan->inputs()[fetch.place.index];
      for (const auto& [value, tensor] : feeds) {
        if (value.node() == input) source = &tensor;
      }
    }
    results.push_back(source->Reshaped(fetch.shape));
  }
  return results;
}

absl::StatusOr<std::vector<Tensor>> Executor::Impl::Run(const Feeds& feeds, State* state) {
  AD_ASSIGN_OR_RETURN(const int64_t batch, CheckFeeds(feeds));
  if (options.check_numerics && options.fuse) AD_RETURN_IF_ERROR(CheckNodeByNode(feeds, state));
  CachedPlan* cached = nullptr;
  AD_ASSIGN_OR_RETURN(cached, PlanFor(batch));
  AD_RETURN_IF_ERROR(BindInputs(*cached->plan, feeds));
  AD_RETURN_IF_ERROR(BindVariables(cached, state));
  AD_RETURN_IF_ERROR(GrowArena(cached->plan->arena_bytes()));
  AD_RETURN_IF_ERROR(BindFetches(cached));
  Plan::Bindings bindings;
  bindings.arena = static_cast<char*>(arena.get());
  bindings.variables = absl::MakeConstSpan(variable_pointers);
  bindings.inputs = absl::MakeConstSpan(input_pointers);
  bindings.fetches = absl::MakeConstSpan(fetch_pointers);
  if (state != nullptr) bindings.random = {state->seed, 0, state->step};
  absl::Status status;
  pool.Run([&] { status = cached->plan->Run(bindings); });
  AD_RETURN_IF_ERROR(status);
  if (state != nullptr && !updates.empty()) ++state->step;
  return Collect(*cached, feeds);
}

// Runs the same, checked, with a step for every node, on a copy of the state: within a fused step nobody sees what one
// node hands to the next.
absl::Status Executor::Impl::CheckNodeByNode(const Feeds& feeds, const State* state) {
  if (unfused == nullptr) {
    AD_ASSIGN_OR_RETURN(ThreadPool threads, ThreadPool::Create(pool.threads()));
    unfused = std::make_unique<Impl>(std::move(threads));
    unfused->graph = graph, unfused->fetches = fetches, unfused->updates = updates;
    unfused->options = options;
    unfused->options.fuse = false;
    unfused->needed_inputs = needed_inputs;
    unfused->symbolic = symbolic;
  }
  if (state == nullptr) return unfused->Run(feeds, nullptr).status();
  State copy = *state;
  return unfused->Run(feeds, &copy).status();
}

absl::StatusOr<std::vector<Tensor>> Executor::Run(const Feeds& feeds, State* state) {
  const OneCall call(&impl_->busy);
  AD_RETURN_IF_ERROR(call.status());
  return impl_->Run(feeds, state);
}

absl::StatusOr<std::vector<Tensor>> Executor::Run(const Feeds& feeds, const State& state) {
  if (!impl_->updates.empty()) {
    return absl::InvalidArgumentError("the executor has updates, so its runs need a state that may change");
  }
  // Without updates nothing is written through the pointer.
  return Run(feeds, const_cast<State*>(&state));
}

absl::StatusOr<int64_t> Executor::PeakBytes(int64_t batch) {
  const OneCall call(&impl_->busy);
  AD_RETURN_IF_ERROR(call.status());
  CachedPlan* cached = nullptr;
  AD_ASSIGN_OR_RETURN(cached, impl_->PlanFor(batch));
  return cached->plan->arena_bytes();
}

absl::StatusOr<PlanReport> Executor::Report(int64_t batch) {
  const OneCall call(&impl_->busy);
  AD_RETURN_IF_ERROR(call.status());
  CachedPlan* cached = nullptr;
  AD_ASSIGN_OR_RETURN(cached, impl_->PlanFor(batch));
  return cached->plan->Report();
}

absl::StatusOr<std::string> Executor::Explain(int64_t batch, const MachineLimits& limits) {
  AD_ASSIGN_OR_RETURN(const PlanReport report, Report(batch));
  return ExplainTable(report, limits);
}

absl::StatusOr<std::string> Executor::Trace(int64_t batch) {
  AD_ASSIGN_OR_RETURN(const PlanReport report, Report(batch));
  if (report.profiled_runs == 0) {
    return absl::FailedPreconditionError("a trace needs a run of this batch with ExecutorOptions::profile");
  }
  return ChromeTrace(report);
}

absl::StatusOr<std::vector<Tensor>> Evaluate(absl::Span<const Value> values, const Feeds& feeds, const State* state) {
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(values));
  return state == nullptr ? executor.Run(feeds) : executor.Run(feeds, *state);
}

absl::StatusOr<Tensor> Evaluate(Value value, const Feeds& feeds, const State* state) {
  AD_ASSIGN_OR_RETURN(std::vector<Tensor> results, Evaluate(absl::MakeConstSpan(&value, 1), feeds, state));
  return results[0];
}

}  // namespace adret
