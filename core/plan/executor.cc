#include "adret/core/executor.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/plan.h"
#include "adret/core/plan/run_pool.h"
#include "adret/core/subgraph.h"

namespace adret {
namespace {

// Returns whether nobody else holds the tensor's buffer: it may be written then. What others did with it, in whichever
// thread, is over.
bool IsUnshared(const Tensor& tensor) {
  if (tensor.is_shared()) return false;
#ifdef __SANITIZE_THREAD__
  const Tensor counted = tensor;  // ThreadSanitizer follows counts, but no fences
#else
  std::atomic_thread_fence(std::memory_order_acquire);  // the count was read without one
#endif
  return true;
}

}  // namespace

struct Executor::Impl {
  Graph* graph = nullptr;
  std::vector<ValueId> fetches;
  std::vector<std::pair<ValueId, ValueId>> updates;
  ExecutorOptions options;
  std::vector<NodeId> needed_inputs;
  std::vector<int> symbols;  // those that needed values' sizes depend on, ordered
  RunPool runs;
  std::unique_ptr<Impl> unfused;  // for CheckNodeByNode; null when that is not asked for

  Impl(ThreadPool threads, const ExecutorOptions& o)
      : options(o),
        runs([this](const DimSizes& sizes) { return MakePlan(sizes); }, std::move(threads),
             o.max_runs.value_or(HardwareThreads()), std::max(1, o.max_plans)) {}

  void FindNeeded(absl::Span<const Value> results);
  absl::StatusOr<std::unique_ptr<Plan>> MakePlan(const DimSizes& sizes) const;
  // Returns the sizes that the plan for these is known by: those of `symbols`, all of which must be there.
  absl::StatusOr<DimSizes> PlanSizes(const DimSizes& sizes) const;
  absl::StatusOr<DimSizes> CheckFeeds(const Feeds& feeds) const;
  absl::Status MatchFeed(const Value& input, const Tensor& fed, DimSizes* sizes, bool* undecided) const;
  void BindInputs(const Plan& plan, const Feeds& feeds, RunFrame* frame) const;
  absl::Status BindVariables(const Plan& plan, State* state, RunFrame* frame) const;
  absl::Status FindVariables(const Plan& plan, State* state, RunFrame* frame) const;
  absl::Status BindFetches(const Plan& plan, RunFrame* frame) const;
  std::vector<Tensor> Collect(const Plan& plan, const RunFrame& frame, const Feeds& feeds) const;
  absl::StatusOr<std::vector<Tensor>> Run(const Feeds& feeds, State* state);
  absl::Status RunOn(const RunPool::Turn& turn, const Feeds& feeds, State* state) const;
  absl::Status CheckNodeByNode(const Feeds& feeds, const State* state) const;
};

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
  if (options.max_runs.has_value() && *options.max_runs < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number of runs at a time must be at least 1, not ", *options.max_runs));
  }
  const auto make = [&](const ExecutorOptions& o) -> absl::StatusOr<std::unique_ptr<Impl>> {
    AD_ASSIGN_OR_RETURN(ThreadPool threads, ThreadPool::Create(o.threads));
    auto impl = std::make_unique<Impl>(std::move(threads), o);
    impl->graph = graph;
    for (const Value& v : fetches) impl->fetches.push_back(v.id());
    impl->updates = stores;
    impl->FindNeeded(all);
    return impl;
  };
  AD_ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, make(options));
  if (options.check_numerics && options.fuse) {
    ExecutorOptions unfused = options;
    unfused.fuse = false;
    AD_ASSIGN_OR_RETURN(impl->unfused, make(unfused));
  }
  if (impl->symbols.empty()) AD_RETURN_IF_ERROR(impl->runs.ArenaBytes(DimSizes()).status());
  return Executor(std::move(impl));
}

void Executor::Impl::FindNeeded(absl::Span<const Value> results) {
  const std::vector<bool> needed = Ancestors(*graph, results);
  for (NodeId id = 0; id < graph->num_nodes(); ++id) {
    if (!needed[id]) continue;
    const std::vector<int> own = SymbolsOf(graph->node(id));
    symbols.insert(symbols.end(), own.begin(), own.end());
    if (graph->node(id).attrs.Is<InputAttrs>()) needed_inputs.push_back(id);
  }
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
}

absl::StatusOr<DimSizes> Executor::Impl::PlanSizes(const DimSizes& sizes) const {
  DimSizes result;
  for (int symbol : symbols) {
    const auto what = [&] { return symbol == 0 ? "the batch" : absl::StrCat("'", SymbolName(symbol), "'"); };
    const std::optional<int64_t> size = sizes.Find(symbol);
    if (!size.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("no input that is fed says what ", what(), " is"));
    }
    if (*size < 0) return absl::InvalidArgumentError(absl::StrCat(what(), " cannot be negative: ", *size));
    result.Set(symbol, *size);
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Plan>> Executor::Impl::MakePlan(const DimSizes& sizes) const {
  const PlanOptions plan_options{.threads = runs.threads(),
                                 .memory_limit = options.memory_limit,
                                 .fuse = options.fuse,
                                 .profile = options.profile,
                                 .strict = options.strict,
                                 .check = options.check_numerics,
                                 .fall_back = std::getenv("ADRET_NO_FALLBACK") == nullptr};
  return Plan::Make(*graph, fetches, updates, sizes, plan_options);
}

// Adds what one input was fed to the sizes that others said.
absl::Status Executor::Impl::MatchFeed(const Value& input, const Tensor& fed, DimSizes* sizes, bool* undecided) const {
  const Type& expected = input.type();
  DimSizes own;
  bool fits = fed.dtype() == expected.dtype && fed.shape().rank() == expected.shape.rank();
  for (int d = 0; fits && d < fed.shape().rank(); ++d) {
    fits = MatchDim(expected.shape[d], fed.shape()[d], &own, undecided);
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat("input '", input.name(), "' expects ", expected.ToString(),
                                                   " but was fed ", fed.type().ToString()));
  }
  for (const auto& [symbol, size] : own.entries()) {
    const std::optional<int64_t> known = sizes->Find(symbol);
    if (known.has_value() && *known != size) {
      const std::string what = symbol == 0 ? "a batch" : absl::StrCat("a '", SymbolName(symbol), "'");
      return absl::InvalidArgumentError(absl::StrCat("input '", input.name(), "' was fed ", fed.type().ToString(), ", ",
                                                     what, " of ", size, ", but another input has ", what, " of ",
                                                     *known));
    }
    sizes->Set(symbol, size);
  }
  return absl::OkStatus();
}

absl::StatusOr<DimSizes> Executor::Impl::CheckFeeds(const Feeds& feeds) const {
  DimSizes sizes;
  bool undecided = false;
  for (const auto& [value, tensor] : feeds) {
    if (value.graph() != graph || !value.valid() || !graph->node(value.node()).attrs.Is<InputAttrs>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot feed '", value.name(), "': it is not an input of the graph"));
    }
    AD_RETURN_IF_ERROR(MatchFeed(value, tensor, &sizes, &undecided));
  }
  for (size_t i = 0; undecided && i < feeds.size(); ++i) {
    // Dimensions such as rows * columns, which say something only once all sizes are known.
    const auto& [value, tensor] = feeds[i];
    const Shape expected = value.shape().With(sizes);
    if (expected.is_symbolic() || expected == tensor.shape()) continue;
    return absl::InvalidArgumentError(absl::StrCat("input '", value.name(), "' expects ", value.type().ToString(),
                                                   " where ", sizes.ToString(), ", but was fed ",
                                                   tensor.type().ToString()));
  }
  for (NodeId id : needed_inputs) {
    const bool fed = std::any_of(feeds.begin(), feeds.end(), [&](const auto& f) { return f.first.node() == id; });
    if (!fed) return absl::InvalidArgumentError(absl::StrCat("input '", graph->node(id).name, "' is not fed"));
  }
  return sizes;
}

void Executor::Impl::BindInputs(const Plan& plan, const Feeds& feeds, RunFrame* frame) const {
  frame->inputs.clear();
  for (NodeId id : plan.inputs()) {
    for (const auto& [value, tensor] : feeds) {
      if (value.node() == id) {
        frame->inputs.push_back(tensor.raw());
        break;
      }
    }
  }
  AD_CHECK(frame->inputs.size() == plan.inputs().size());
}

// Looks the plan's variables up in the state.
absl::Status Executor::Impl::FindVariables(const Plan& plan, State* state, RunFrame* frame) const {
  frame->variable_tensors.clear();
  frame->state = nullptr;
  for (NodeId id : plan.variables()) {
    const Node& node = graph->node(id);
    auto it = state->tensors_.find(node.name);
    if (it == state->tensors_.end()) {
      return absl::NotFoundError(absl::StrCat("the state has no variable '", node.name, "'"));
    }
    if (it->second.type() != node.outputs[0]) {
      return absl::InvalidArgumentError(absl::StrCat("variable '", node.name, "' expects ", node.outputs[0].ToString(),
                                                     " but the state holds ", it->second.type().ToString()));
    }
    frame->variable_tensors.push_back(&it->second);
  }
  frame->state = state;
  frame->state_version = state->version_.number;
  return absl::OkStatus();
}

absl::Status Executor::Impl::BindVariables(const Plan& plan, State* state, RunFrame* frame) const {
  if (plan.variables().empty()) return absl::OkStatus();
  if (state == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the run needs a state: it reads variable '", graph->node(plan.variables()[0]).name, "'"));
  }
  if (frame->state != state || frame->state_version != state->version_.number) {
    AD_RETURN_IF_ERROR(FindVariables(plan, state, frame));
  }
  // Whoever holds a copy of a tensor keeps the old numbers.
  for (int i : plan.written_variables()) {
    Tensor& tensor = *frame->variable_tensors[i];
    if (!IsUnshared(tensor)) tensor = tensor.Clone();
  }
  frame->variables.clear();
  for (Tensor* t : frame->variable_tensors) frame->variables.push_back(t->mutable_raw());
  return absl::OkStatus();
}

absl::Status Executor::Impl::BindFetches(const Plan& plan, RunFrame* frame) const {
  const auto& types = plan.fetch_buffers();
  frame->fetch_tensors.resize(types.size());
  frame->fetches.clear();
  for (size_t i = 0; i < types.size(); ++i) {
    Tensor& t = frame->fetch_tensors[i];
    if (t.type() != types[i] || !IsUnshared(t)) {
      AD_ASSIGN_OR_RETURN(t, Tensor::Allocate(types[i].dtype, types[i].shape));
    }
    frame->fetches.push_back(t.mutable_raw());
  }
  return absl::OkStatus();
}

std::vector<Tensor> Executor::Impl::Collect(const Plan& plan, const RunFrame& frame, const Feeds& feeds) const {
  std::vector<Tensor> results;
  for (const Plan::Fetch& fetch : plan.fetches()) {
    const Tensor* source = nullptr;
    if (fetch.place.kind == ValuePlace::Kind::kFetch) {
      source = &frame.fetch_tensors[fetch.place.index];
    } else if (fetch.place.kind == ValuePlace::Kind::kConstant) {
      source = &plan.constant(fetch.place.index);
    } else {
      const NodeId input = plan.inputs()[fetch.place.index];
      for (const auto& [value, tensor] : feeds) {
        if (value.node() == input) source = &tensor;
      }
    }
    results.push_back(source->Reshaped(fetch.shape));
  }
  return results;
}

absl::StatusOr<std::vector<Tensor>> Executor::Impl::Run(const Feeds& feeds, State* state) {
  AD_ASSIGN_OR_RETURN(const DimSizes fed, CheckFeeds(feeds));
  AD_ASSIGN_OR_RETURN(const DimSizes sizes, PlanSizes(fed));
  AD_ASSIGN_OR_RETURN(const RunPool::Turn turn, runs.Take(sizes));
  AD_ASSIGN_OR_RETURN(const State::Use use, State::Use::Begin(state, !updates.empty()));
  if (unfused != nullptr) AD_RETURN_IF_ERROR(CheckNodeByNode(feeds, state));
  AD_RETURN_IF_ERROR(RunOn(turn, feeds, state));
  if (options.profile) turn.AddTimes();
  return Collect(turn.plan(), turn.frame(), feeds);
}

absl::Status Executor::Impl::RunOn(const RunPool::Turn& turn, const Feeds& feeds, State* state) const {
  const Plan& plan = turn.plan();
  RunFrame& frame = turn.frame();
  BindInputs(plan, feeds, &frame);
  AD_RETURN_IF_ERROR(BindVariables(plan, state, &frame));
  AD_RETURN_IF_ERROR(turn.arena().Grow(plan.arena_bytes()));
  AD_RETURN_IF_ERROR(BindFetches(plan, &frame));
  Plan::Bindings bindings;
  bindings.arena = static_cast<char*>(turn.arena().memory.get());
  bindings.variables = absl::MakeConstSpan(frame.variables);
  bindings.inputs = absl::MakeConstSpan(frame.inputs);
  bindings.fetches = absl::MakeConstSpan(frame.fetches);
  bindings.pointers = absl::MakeSpan(frame.pointers);
  bindings.times = absl::MakeSpan(frame.times);
  if (state != nullptr) bindings.random = {state->seed, 0, state->step};
  absl::Status status;
  turn.arena().threads.Run([&] { status = plan.Run(bindings); });
  if (status.ok() && state != nullptr && !updates.empty()) ++state->step;
  return status;
}

// Runs the same, checked, with a step for every node, on a copy of the state: within a fused step nobody sees what one
// node hands to the next.
absl::Status Executor::Impl::CheckNodeByNode(const Feeds& feeds, const State* state) const {
  if (state == nullptr) return unfused->Run(feeds, nullptr).status();
  State copy = *state;
  return unfused->Run(feeds, &copy).status();
}

absl::StatusOr<std::vector<Tensor>> Executor::Run(const Feeds& feeds, State* state) const {
  return impl_->Run(feeds, state);
}

absl::StatusOr<std::vector<Tensor>> Executor::Run(const Feeds& feeds, const State& state) const {
  if (!impl_->updates.empty()) {
    return absl::InvalidArgumentError("the executor has updates, so its runs need a state that may change");
  }
  // Without updates nothing is written through the pointer.
  return Run(feeds, const_cast<State*>(&state));
}

absl::StatusOr<int64_t> Executor::PeakBytes(const DimSizes& sizes) const {
  AD_ASSIGN_OR_RETURN(const DimSizes needed, impl_->PlanSizes(sizes));
  return impl_->runs.ArenaBytes(needed);
}

absl::StatusOr<PlanReport> Executor::Report(const DimSizes& sizes) const {
  AD_ASSIGN_OR_RETURN(const DimSizes needed, impl_->PlanSizes(sizes));
  return impl_->runs.Report(needed);
}

absl::StatusOr<std::string> Executor::Explain(const DimSizes& sizes, const MachineLimits& limits) const {
  AD_ASSIGN_OR_RETURN(const PlanReport report, Report(sizes));
  return ExplainTable(report, limits);
}

absl::StatusOr<std::string> Executor::Trace(const DimSizes& sizes) const {
  AD_ASSIGN_OR_RETURN(const PlanReport report, Report(sizes));
  if (report.profiled_runs == 0) {
    return absl::FailedPreconditionError("a trace needs a run of these sizes with ExecutorOptions::profile");
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
