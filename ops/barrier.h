// barrier: a value that is there no sooner than others are.
//
//   Value late = Barrier(x, {y});        // x, for those who shall not read it before y is computed
//
// Plans keep the order of steps that barriers ask for, and do not take what follows from `late` for what follows from
// x. So what is computed from `late` is computed again, and only then (autograd/recompute.h).
#ifndef ADRET_OPS_BARRIER_H_
#define ADRET_OPS_BARRIER_H_

#include "adret/core/graph.h"

namespace adret {

// Returns x, of any type; what reads it runs after the values of `after`, of any types, have been computed. Costs
// nothing itself. Without `after`, or where all of them are constants, it is x.
Value Barrier(Operand x, const Values& after);

}  // namespace adret

#endif  // ADRET_OPS_BARRIER_H_
