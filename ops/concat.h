// Joining tensors: concat along an axis they have, stack along a new one.
//
//   Value both = Concat({left, right}, /*axis=*/1);     // [?,3], [?,4] -> [?,7]
//   Value pair = Stack({left, left}, /*axis=*/0);       // [?,3], [?,3] -> [2,?,3]
#ifndef ADRET_OPS_CONCAT_H_
#define ADRET_OPS_CONCAT_H_

#include <cstdint>
#include <source_location>

#include "adret/core/graph.h"

namespace adret {

// Joins values one after the other along an axis (negative: counted from the end). Equal dtypes (any), ranks, and sizes
// of the other axes. Sizes along the axis may be symbolic: [?,3] twice gives [2*?,3].
Value Concat(const Values& xs, int64_t axis = 0, std::source_location location = std::source_location::current());

// Joins values of one type along a new axis at this place of the result.
Value Stack(const Values& xs, int64_t axis = 0, std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_OPS_CONCAT_H_
