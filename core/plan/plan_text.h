// PlanGraphText(): the graph of a plan between two passes, as text.
#ifndef ADRET_CORE_PLAN_PLAN_TEXT_H_
#define ADRET_CORE_PLAN_PLAN_TEXT_H_

#include <string>

#include "adret/core/plan/plan_graph.h"

namespace adret {

// Returns the lines that GraphText() (core/graph_text.h) would print of a graph like this: first its constants, then
// its nodes; and what is fetched and updated:
//
//   0  constant    f32[]         value=f32[] 2
//   1  variable w  f32[4,3]
//   2  mul         f32[4,3]      1 0
//   fetch 2
//   update 1 = 2
std::string PlanGraphText(const PlanGraph& plan);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PLAN_TEXT_H_
