// PlanBodies(): plans of the bodies of a node. They go through the passes, fusion and verification that a graph does.
#ifndef ADRET_CORE_PLAN_BODY_PLAN_H_
#define ADRET_CORE_PLAN_BODY_PLAN_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/op.h"
#include "adret/core/plan/plan.h"

namespace adret {

// Returns a plan for each of the op's bodies (Op::bodies), whose shapes must be concrete; none for an op without any.
// Of the options, those that concern numbers, memory and threads count. Fails as Plan::Make() does.
absl::StatusOr<std::vector<std::shared_ptr<const Body>>> PlanBodies(const Op& op, const Attrs& attrs,
                                                                    const PlanOptions& options);

// Returns the plan of a body that PlanBodies() made.
const Plan& PlanOf(const Body& body);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_BODY_PLAN_H_
