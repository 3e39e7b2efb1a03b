#include "adret/core/plan/body_plan.h"

#include <cstring>
#include <utility>

#include "adret/core/rounding.h"
#include "adret/core/subgraph.h"

namespace adret {
namespace {

constexpr int64_t kPointerBytes = sizeof(void*);

// A plan with the tables that a run needs at the start of its memory: the plan's pointers, its inputs, its fetches.
class PlannedBody : public Body {
 public:
  PlannedBody(SubgraphRef subgraph, std::unique_ptr<const Plan> plan)
      : subgraph_(std::move(subgraph)), plan_(std::move(plan)) {
    const int64_t pointers = plan_->num_pointers() + static_cast<int64_t>(plan_->inputs().size()) +
                             static_cast<int64_t>(plan_->fetch_buffers().size());
    table_bytes_ = RoundUp(pointers * kPointerBytes, int64_t{kAlignment});
  }

  int64_t memory_bytes() const override { return table_bytes_ + plan_->arena_bytes(); }
  double flops() const override { return plan_->Report().flops(); }
  const Plan& plan() const { return *plan_; }

  absl::Status Run(absl::Span<const void* const> inputs, absl::Span<void* const> outputs, void* memory) const override {
    const auto own_pointers = static_cast<size_t>(plan_->num_pointers());
    void** const pointers = static_cast<void**>(memory);
    const void** const in = const_cast<const void**>(pointers + own_pointers);
    void** const out = pointers + own_pointers + plan_->inputs().size();
    // An input of a body is the node of its number.
    for (size_t i = 0; i < plan_->inputs().size(); ++i) in[i] = inputs[plan_->inputs()[i]];
    for (size_t k = plan_->fetches().size(); k-- > 0;) {
      const ValuePlace& place = plan_->fetches()[k].place;
      if (place.kind == ValuePlace::Kind::kFetch) out[place.index] = outputs[k];
    }
    Plan::Bindings bindings;
    bindings.arena = static_cast<char*>(memory) + table_bytes_;
    bindings.inputs = absl::MakeConstSpan(in, plan_->inputs().size());
    bindings.fetches = absl::MakeConstSpan(out, plan_->fetch_buffers().size());
    bindings.pointers = absl::MakeSpan(pointers, own_pointers);
    AD_RETURN_IF_ERROR(plan_->Run(bindings));
    CopyOthers(in, out, outputs);
    return absl::OkStatus();
  }

 private:
  // Writes the outputs that the plan did not: inputs, constants, and values that are several outputs.
  void CopyOthers(const void* const* in, void* const* out, absl::Span<void* const> outputs) const {
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ValuePlace& place = plan_->fetches()[k].place;
      const void* from = place.kind == ValuePlace::Kind::kFetch      ? out[place.index]
                         : place.kind == ValuePlace::Kind::kConstant ? plan_->constant(place.index).raw()
                                                                     : in[place.index];
      const int64_t bytes = subgraph_->output_type(static_cast<int>(k)).bytes();
      if (from != outputs[k] && bytes > 0) std::memcpy(outputs[k], from, bytes);
    }
  }

  SubgraphRef subgraph_;
  std::unique_ptr<const Plan> plan_;
  int64_t table_bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<const Body>>> PlanBodies(const Op& op, const Attrs& attrs,
                                                                    const PlanOptions& options) {
  std::vector<std::shared_ptr<const Body>> planned;
  if (op.bodies == nullptr) return planned;
  PlanOptions own = options;
  own.profile = false;
  own.tamper = nullptr;
  for (const SubgraphRef& body : op.bodies(attrs)) {
    AD_ASSIGN_OR_RETURN(auto plan, Plan::Make(body->graph(), body->outputs(), {}, DimSizes(), own));
    planned.push_back(std::make_shared<PlannedBody>(body, std::move(plan)));
  }
  return planned;
}

const Plan& PlanOf(const Body& body) { return static_cast<const PlannedBody&>(body).plan(); }

}  // namespace adret
