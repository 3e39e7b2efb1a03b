// ApplyToBatch(): one node, built for every example of a batch.
#ifndef ADRET_AUTOGRAD_APPLY_TO_BATCH_INTERNAL_H_
#define ADRET_AUTOGRAD_APPLY_TO_BATCH_INTERNAL_H_

#include "adret/core/batch.h"
#include "adret/core/graph.h"

namespace adret {

// Returns the outputs of the node for all examples, with the axis of examples in front; nothing when neither the op has
// a rule nor one follows from what it declares.
Values ApplyToBatch(const BatchContext& c);

}  // namespace adret

#endif  // ADRET_AUTOGRAD_APPLY_TO_BATCH_INTERNAL_H_
