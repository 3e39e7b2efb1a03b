// StepSchedule: a PlanGraph cut into steps. A step is a kernel, a fused chain of element-wise nodes, or a kernel
// followed by such a chain on every part of its output (its epilogue). A kernel that treats planes of its only input
// one by one (OpTraits::planes) may follow such a step in the same way, with its own chain: it is a step that names its
// producer_step.
//
// How chains are found. Every value has a stage: the number of fusion barriers on the longest path to it. An
// element-wise node has the stage of its inputs, where those are element-wise of the same size; everything else is one
// stage above its inputs. A path that leaves a set of element-wise nodes of one stage through any other node comes back
// at a higher stage, so nodes of one stage that are connected by element-wise edges can be one step without creating a
// cycle. Linear in the size of the graph.
#ifndef ADRET_CORE_PLAN_STEP_SCHEDULE_H_
#define ADRET_CORE_PLAN_STEP_SCHEDULE_H_

#include <vector>

#include "adret/core/plan/plan_graph.h"

namespace adret {

struct Step {
  int kernel = -1;         // node with a kernel, or -1
  std::vector<int> chain;  // element-wise nodes in topological order
  int level = 0;           // steps of one level may run at the same time, but for producers and their consumers
  int producer_step = -1;  // the step just before, on parts of whose result the kernel may run as they are finished
};

struct StepSchedule {
  std::vector<Step> steps;  // in order of execution
  // For every value: the value that holds its numbers (itself, unless it is a view).
  std::vector<int> root;
  // For every value: the step that computes its root; -1 for leaves and constants.
  std::vector<int> step_of;
  // For every value (root): must be in memory, because something outside its own chain reads it.
  std::vector<bool> stored;
};

// fuse = false makes every node a step of its own.
StepSchedule MakeStepSchedule(const PlanGraph& plan, bool fuse);

// An operand of a chain's node as the chain reads it: through views, and through a broadcast that need not be stored.
struct ChainOperand {
  int value;      // root that is read
  int broadcast;  // the node that repeats it, or -1 for a flat operand
};
ChainOperand ResolveOperand(const PlanGraph& plan, const StepSchedule& schedule, int node, int operand);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_STEP_SCHEDULE_H_
