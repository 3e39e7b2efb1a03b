#include "adret/tests/fuzz/graphs/run_plan.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace adret::fuzz {
namespace {

constexpr int64_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0xa7;

// Poisoned memory of some bytes and the guard behind it.
class GuardedMemory {
 public:
  GuardedMemory(int64_t bytes, unsigned char poison) : bytes_(bytes), memory_(*AllocateAligned(bytes + kGuardBytes)) {
    std::memset(data(), poison, bytes);
    std::memset(data() + bytes, kGuard, kGuardBytes);
  }
  char* data() const { return static_cast<char*>(memory_.get()); }
  std::shared_ptr<void> memory() const { return memory_; }
  bool IsIntact() const {
    for (int64_t i = 0; i < kGuardBytes; ++i) {
      if (static_cast<unsigned char>(data()[bytes_ + i]) != kGuard) return false;
    }
    return true;
  }

 private:
  int64_t bytes_;
  std::shared_ptr<void> memory_;
};

}  // namespace

PlanRunner::PlanRunner(const GraphCase& c, Values fetches, const PlanOptions& options, const ThreadPool& pool,
                       unsigned char poison)
    : case_(c), options_(options), pool_(pool), poison_(poison) {
  for (const Value& v : fetches) fetches_.push_back(v.id());
  for (const Update& u : c.updates) updates_.emplace_back(u.variable.id(), u.value.id());
  options_.threads = pool.threads();
  options_.memory_limit = int64_t{1} << 32;
  options_.fall_back = false;  // an unfused plan in place of the fused one would hide a fault
}

absl::StatusOr<std::vector<Tensor>> PlanRunner::Run(const Feeds& feeds, State* state) {
  const DimSizes sizes = SizesOf(feeds);
  std::unique_ptr<Plan>& plan = plans_[sizes.ToString()];
  if (plan == nullptr) {
    AD_ASSIGN_OR_RETURN(plan, Plan::Make(*case_.graph, fetches_, updates_, sizes, options_));
  }
  std::vector<const void*> inputs;
  for (NodeId id : plan->inputs()) inputs.push_back(FindFeed(feeds, id)->raw());
  std::vector<std::pair<std::string, Tensor>> variables;
  std::vector<void*> variable_pointers, fetch_pointers;
  for (NodeId id : plan->variables()) {
    const std::string& name = case_.graph->node(id).name;
    AD_ASSIGN_OR_RETURN(const Tensor before, state->Get(name));
    variables.emplace_back(name, before.Clone());
    variable_pointers.push_back(variables.back().second.mutable_raw());
  }
  std::vector<GuardedMemory> results;
  for (const Type& t : plan->fetch_buffers()) {
    fetch_pointers.push_back(results.emplace_back(t.bytes(), poison_).data());
  }
  const GuardedMemory arena(plan->arena_bytes(), poison_);
  std::vector<void*> pointers(plan->num_pointers());
  std::vector<StepTime> times(plan->num_steps());
  Plan::Bindings bindings;
  bindings.arena = arena.data();
  bindings.variables = variable_pointers;
  bindings.inputs = inputs;
  bindings.fetches = fetch_pointers;
  bindings.pointers = absl::MakeSpan(pointers);
  bindings.times = absl::MakeSpan(times);
  bindings.random = {state->seed, 0, state->step};
  absl::Status status;
  pool_.Run([&] { status = plan->Run(bindings); });
  AD_RETURN_IF_ERROR(status);
  if (!arena.IsIntact()) return absl::InternalError("a byte behind the arena was written");
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].IsIntact()) return absl::InternalError(absl::StrCat("a byte behind result ", i, " was written"));
  }
  for (int i : plan->written_variables()) state->Set(variables[i].first, variables[i].second);
  if (!updates_.empty()) ++state->step;

  std::vector<Tensor> fetched;
  for (const Plan::Fetch& fetch : plan->fetches()) {
    if (fetch.place.kind == ValuePlace::Kind::kFetch) {
      const Type& type = plan->fetch_buffers()[fetch.place.index];
      const GuardedMemory& memory = results[fetch.place.index];
      fetched.push_back(Tensor::Borrow(type.dtype, type.shape, memory.data(), memory.memory()).Reshaped(fetch.shape));
    } else if (fetch.place.kind == ValuePlace::Kind::kConstant) {
      fetched.push_back(plan->constant(fetch.place.index).Reshaped(fetch.shape));
    } else {
      fetched.push_back(FindFeed(feeds, plan->inputs()[fetch.place.index])->Reshaped(fetch.shape));
    }
  }
  return fetched;
}

}  // namespace adret::fuzz
