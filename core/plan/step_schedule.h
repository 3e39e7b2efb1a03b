// StepSchedule: a PlanGraph cut into steps, in the order in which they run.
//
// A step is one of
//   - a kernel: a convolution, a sum;
//   - a chain: element-wise nodes of one size that read each other, run in one pass over memory;
//   - a kernel and a chain behind it, which runs on each range of the kernel's output 0 as soon as that is final (its
//     epilogue).
// A kernel that works plane by plane (OpTraits::planes) may, with its own chain, consume what a step with a kernel
// makes, range by range: it is a step of its own that names its producer, and the two make a unit. For
//
//   y = relu(conv2d(x, w) + b);  p = max_pool2d(y);  z = exp(p)
//
// the steps are {conv2d, add + relu} and {max_pool2d, exp}, one unit.
//
// Why there is always an order. Each node has a stage. Leaves and constants have none to wait for; else
//   (a) the stage of a node is at least the stage of each of its operands' nodes, and
//   (b) greater, unless both are element-wise and the operand is read element by element (it can join the chain).
// Chains are the connected sets of (b)'s exceptions within one stage. So a path that leaves a chain comes to a higher
// stage and never back. Now give each unit a rank:
//   - a chain alone: (stage of the chain, 0);
//   - a unit that begins with a kernel: (stage of that kernel, 1, number of that kernel).
// A chain joins a kernel, and a step its producer, only where everything else that it reads has a lower rank than that
// kernel (Scheduler::IsBefore). Hence every unit reads from units of lower rank only, and no two can wait for each
// other. That a schedule is complete and in order is checked whenever a plan is made (core/plan/verify.h).
#ifndef ADRET_CORE_PLAN_STEP_SCHEDULE_H_
#define ADRET_CORE_PLAN_STEP_SCHEDULE_H_

#include <string>
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

// Lists the steps, a line each: the names of their nodes and of the steps that they read.
std::string ToText(const PlanGraph& plan, const StepSchedule& schedule);

// An operand of a chain's node as the chain reads it: through views, and through a broadcast that need not be stored.
struct ChainOperand {
  int value;      // root that is read
  int broadcast;  // the node that repeats it, or -1 for a flat operand
};
ChainOperand ResolveOperand(const PlanGraph& plan, const StepSchedule& schedule, int node, int operand);

// Calls f(node) for each barrier (OpTraits::barrier) between a value and the numbers that a reader of it reads: behind
// views and broadcasts.
template <class F>
void ForEachBarrier(const PlanGraph& plan, int value, F f) {
  for (int p = plan.values[value].producer; p >= 0; p = plan.values[value].producer) {
    const OpTraits& traits = plan.op(p).traits;
    if (!traits.view && !traits.broadcast && !traits.barrier) return;
    if (traits.barrier) f(p);
    value = plan.nodes[p].inputs[0];
  }
}

}  // namespace adret

#endif  // ADRET_CORE_PLAN_STEP_SCHEDULE_H_
