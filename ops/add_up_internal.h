// Sums of many values, as gradients make them.
#ifndef ADRET_OPS_ADD_UP_INTERNAL_H_
#define ADRET_OPS_ADD_UP_INTERNAL_H_

#include <source_location>

#include "adret/core/graph.h"

namespace adret {

// Returns the sum of values of one type: added in order, but for insets (values that are zero outside of a window, as
// the gradients of slices are; see WindowRules). Insets whose windows lie beside each other along an axis are joined
// first. So the gradient of a tensor that was cut into n parts takes one pass over it, where n sums of mostly zeros
// would take n. `values` must not be empty.
Value AddUp(const Values& values, std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_OPS_ADD_UP_INTERNAL_H_
