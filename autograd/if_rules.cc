// The gradient of an if, and an if for a batch of examples.
#include <utility>

#include "adret/autograd/body_internal.h"
#include "adret/autograd/if_internal.h"
#include "adret/core/status.h"
#include "adret/ops/compare.h"

namespace adret {
namespace {

// An if whose branches are the gradients of the branches. Both are asked for the same outputs and inputs, so they have
// the same types.
absl::StatusOr<Values> Gradient(const GradientContext& c) {
  const auto& a = c.attrs<IfAttrs>();
  std::vector<bool> asked;
  for (int k = 0; k < c.num_outputs(); ++k) asked.push_back(c.has_dy(k));
  AD_ASSIGN_OR_RETURN(const BodyGradient then_gradient, Differentiate(*a.then_branch, asked, c.overrides()));
  AD_ASSIGN_OR_RETURN(const BodyGradient else_gradient, Differentiate(*a.else_branch, asked, c.overrides()));
  Values result(c.num_inputs());
  if (then_gradient.body == nullptr || else_gradient.body == nullptr) return result;
  Values inputs;
  for (int i = 0; i < c.num_inputs(); ++i) inputs.push_back(c.x(i));
  for (int k : then_gradient.outputs) inputs.push_back(c.dy(k));
  const Values dx = AddIf(c.graph(), inputs, {then_gradient.body, else_gradient.body}, c.node().location);
  AD_RETURN_IF_ERROR(c.graph()->status());
  for (size_t j = 0; j < dx.size(); ++j) result[1 + then_gradient.inputs[j]] = dx[j];
  return result;
}

// Returns the branch's outputs for all examples, computed outside of any branch.
absl::StatusOr<Values> Unconditional(const BatchContext& c, const Subgraph& branch, const std::vector<bool>& batched,
                                     const Values& inputs) {
  AD_ASSIGN_OR_RETURN(const SubgraphRef body, BodyForBatch(branch, batched, c.size()));
  return Inline(*body, inputs, c.graph());
}

absl::StatusOr<Values> ForBatch(const BatchContext& c) {
  IfAttrs attrs = c.attrs<IfAttrs>();
  Values captures;
  std::vector<bool> batched;
  for (int i = 1; i < c.num_inputs(); ++i) captures.push_back(c.x(i)), batched.push_back(c.batched(i));
  if (!c.batched(0)) {
    AD_ASSIGN_OR_RETURN(attrs.then_branch, BodyForBatch(*attrs.then_branch, batched, c.size()));
    AD_ASSIGN_OR_RETURN(attrs.else_branch, BodyForBatch(*attrs.else_branch, batched, c.size()));
    captures.insert(captures.begin(), c.x(0));
    return AddIf(c.graph(), captures, std::move(attrs), c.node().location);
  }
  const Values then_inputs = GuardExamples(c.x(0), captures, batched),
               else_inputs = GuardExamples(LogicalNot(c.x(0)), captures, batched);
  AD_ASSIGN_OR_RETURN(Values chosen, Unconditional(c, *attrs.then_branch, batched, then_inputs));
  AD_ASSIGN_OR_RETURN(const Values others, Unconditional(c, *attrs.else_branch, batched, else_inputs));
  for (size_t k = 0; k < chosen.size(); ++k) {
    chosen[k] = WhereExamples(c.x(0), chosen[k], others[k]);
  }
  return chosen;
}

}  // namespace

Values IfGradient(const GradientContext& c) { return GradientsOrFail(c, Gradient(c)); }

Values IfBatch(const BatchContext& c) { return OutputsOrFail(c, ForBatch(c)); }

}  // namespace adret
