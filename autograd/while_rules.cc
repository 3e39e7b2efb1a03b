// The gradient of a while, and a while for a batch of examples.
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/if.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/while_internal.h"
#include "adret/core/status.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/reduce.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

Values Concatenated(const Values& a, const Values& b) {
  Values all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// The loop as a body with a fixed number of steps, each of which does nothing once the condition has failed.
absl::StatusOr<SubgraphRef> BoundedLoop(const WhileAttrs& a) {
  Graph graph;
  Values carry, captures;
  for (int i = 0; i < a.body->num_inputs(); ++i) {
    const Type& type = a.body->input_type(i);
    (i < a.carries ? carry : captures).push_back(graph.Input(absl::StrCat("x", i), type.dtype, type.shape, {}));
  }
  const Values inputs = Concatenated(carry, captures);
  const auto holds = [&](const Values& c) { return InlineHere(*a.condition, Concatenated(c, captures))[0]; };
  const Value step = graph.Constant(Tensor::Scalar(DType::kUint8, 0));
  carry.push_back(holds(carry));
  const ScanInputs steps{.carry = carry, .each = {BroadcastTo(step, {a.max_iterations})}};
  const ScanResult loop = Scan(steps, [&](const Values& before, const Values&) {
    const auto go_on = [&] {
      const Values now(before.begin(), before.end() - 1);
      Values next = InlineHere(*a.body, Concatenated(now, captures));
      next.push_back(holds(next));
      return next;
    };
    return ScanStep{.carry = If(before.back(), go_on, [&] { return before; })};
  });
  AD_RETURN_IF_ERROR(graph.status());
  return Subgraph::Make(inputs, Values(loop.carry.begin(), loop.carry.end() - 1));
}

absl::StatusOr<Values> Gradient(const GradientContext& c) {
  const auto& a = c.attrs<WhileAttrs>();
  if (a.max_iterations < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "while: '", c.node().name, "' has no bound on its iterations (max_iterations), so it has no gradient"));
  }
  std::vector<bool> asked;
  for (int k = 0; k < static_cast<int>(a.carries); ++k) asked.push_back(c.has_dy(k));
  AD_ASSIGN_OR_RETURN(const SubgraphRef loop, BoundedLoop(a));
  AD_ASSIGN_OR_RETURN(const BodyGradient gradient, Differentiate(*loop, asked, c.overrides()));
  Values result(c.num_inputs());
  if (gradient.body == nullptr) return result;
  Values inputs;
  for (int i = 0; i < c.num_inputs(); ++i) inputs.push_back(c.x(i));
  for (int k : gradient.outputs) inputs.push_back(c.dy(k));
  AD_ASSIGN_OR_RETURN(const Values dx, Inline(*gradient.body, inputs, c.graph()));
  for (size_t j = 0; j < dx.size(); ++j) result[gradient.inputs[j]] = dx[j];
  return result;
}

// A loop for all examples: it goes on while one of them does. The carry has one value more: how often each example's
// body ran.
absl::StatusOr<Values> ForBatch(const BatchContext& c) {
  const auto& a = c.attrs<WhileAttrs>();
  Values carry, captures;
  std::vector<bool> batched;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const bool carried = i < a.carries;
    (carried ? carry : captures).push_back(carried ? Stacked(c, i) : c.x(i));
    batched.push_back(carried || c.batched(i));
  }
  AD_ASSIGN_OR_RETURN(const SubgraphRef condition, BodyForBatch(*a.condition, batched, c.size()));
  AD_ASSIGN_OR_RETURN(const SubgraphRef body, BodyForBatch(*a.body, batched, c.size()));
  const auto examples = [&](const Values& now) {  // without the count
    return Concatenated(Values(now.begin(), now.end() - 1), captures);
  };
  const auto holds = [&](const Values& now) { return InlineHere(*condition, examples(now))[0]; };
  const auto next = [&](const Values& now) {
    const Value active = holds(now);
    Values result = InlineHere(*body, GuardExamples(active, examples(now), batched));
    for (size_t k = 0; k < result.size(); ++k) result[k] = WhereExamples(active, result[k], now[k]);
    result.push_back(now.back() + Cast(active, DType::kInt64));
    return result;
  };
  const Value zero = c.graph()->Constant(Tensor::Scalar(DType::kInt64, 0), c.node().location);
  carry.push_back(BroadcastTo(zero, {c.size()}));
  const WhileResult loop = BuildWhile(
      c.graph(), {.carry = carry, .max_iterations = a.max_iterations},
      [&](const Values& now) { return Greater(Sum(Cast(holds(now), DType::kInt64)), 0.0); }, next, c.node().location);
  AD_RETURN_IF_ERROR(c.graph()->status());
  return loop.carry;
}

}  // namespace

Values WhileGradient(const GradientContext& c) { return GradientsOrFail(c, Gradient(c)); }

Values WhileBatch(const BatchContext& c) { return OutputsOrFail(c, ForBatch(c)); }

}  // namespace adret
