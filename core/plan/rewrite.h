// Rewrites that spare work that nobody looks at. Looking at one unit of a layer should cost one unit, and so should its
// gradient; ops say by axis labels (core/axis_rules.h) when that is possible.
//
// Slices move towards producers: part(f(x, w)) = f(part(x), part(w)) along a label, when nobody needs the rest of f.
//
// The gradient of a part is an inset: the part's gradient among zeros. Insets move towards readers, and leave parts of
// other operands behind, which move on towards their producers:
//   f(inset(x), w) = inset(f(x, part(w)))    where f is zero with x, along a label of the result;
//   f(inset(x), w) = f(x, part(w))           where f sums over the label and is linear in x.
//
// The gradient of picking elements (a pooling's) is a scatter of as few; what is linear and element by element may as
// well be done before it, and its sum is a sum of what is scattered.
//
// Terms that were zero times something are dropped: results differ by the order of summation, and where something was
// infinite or NaN. Rules are local and lower the work, and their number is linear in the size of the plan.
#ifndef ADRET_CORE_PLAN_REWRITE_H_
#define ADRET_CORE_PLAN_REWRITE_H_

#include <optional>

#include "absl/types/span.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/simplify.h"

namespace adret {

// The rules that look from a node at its operands: values that the outputs of op on these inputs equal, or nothing.
std::optional<PlanValues> RewriteFromOperands(PlanBuilder& builder, const Op& op, const Attrs& attrs,
                                              absl::Span<const int> inputs, absl::Span<const Type> outputs);

// Moves parts towards producers, in one sweep from results to operands. False when there was nothing to do. Types and
// attributes are right afterwards; equal parts are not merged yet.
bool PushDownSlices(PlanGraph* plan);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_REWRITE_H_
