// CheckPlanGraph(): whether a plan graph is one. Every pass must leave a graph of which this is true; tests and debug
// builds check it after each (core/plan/passes.h).
#ifndef ADRET_CORE_PLAN_CHECK_PLAN_GRAPH_H_
#define ADRET_CORE_PLAN_CHECK_PLAN_GRAPH_H_

#include "absl/status/status.h"
#include "adret/core/plan/plan_graph.h"

namespace adret {

// Returns the first of these invariants that does not hold, as an internal error that begins with its number. Linear in
// the size of the graph.
//   (1) A value is a constant, an output of one node, or nothing (what a pass dropped and the next one removes). What
//       values say of their producers and what nodes say of their outputs agree.
//   (2) A node reads constants and outputs of nodes before it.
//   (3) Fetches, updated variables and their new values exist; what is updated is a variable, of its new value's type.
//   (4) The types of a node's outputs are those that its op's type rule derives from the types of its inputs; a
//       constant's type is that of its tensor, and a leaf's is that of its attributes.
absl::Status CheckPlanGraph(const PlanGraph& plan);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_CHECK_PLAN_GRAPH_H_
