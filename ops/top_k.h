// The k largest elements along an axis.
//
//   TopKResult top = TopK(scores, 5);      // [?,1000] -> top.values [?,5], top.indices i64[?,5]
#ifndef ADRET_OPS_TOP_K_H_
#define ADRET_OPS_TOP_K_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret {

struct TopKAttrs {
  int64_t k = 1;
  int64_t axis = -1;
  template <class V>
  void Fields(V&& v) {
    v("k", k), v("axis", axis);
  }
};

struct TopKResult {
  Value values;   // of x's dtype
  Value indices;  // i64
};

// Finds the k largest, in descending order; of equal elements the one with the lower index first; NaN before all
// numbers. x is f32, f64 or of an integer dtype; 1 <= k <= size of the axis.
TopKResult TopK(Operand x, int64_t k, int64_t axis = -1);

}  // namespace adret

#endif  // ADRET_OPS_TOP_K_H_
