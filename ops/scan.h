// Running sums.
//
//   Value totals = CumSum(x, {.axis = 1});                      // [1,2,3] -> [1,3,6]
//   Value rest = CumSum(x, {.exclusive = true, .reverse = true});   // [1,2,3] -> [5,3,0]
#ifndef ADRET_OPS_SCAN_H_
#define ADRET_OPS_SCAN_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret {

struct CumSumAttrs {
  int64_t axis = -1;
  bool exclusive = false;  // element i leaves out x_i
  bool reverse = false;    // sums run from the end
  template <class V>
  void Fields(V&& v) {
    v("axis", axis), v("exclusive", exclusive), v("reverse", reverse);
  }
};

// Computes y_i = x_0 + ... + x_i along the axis; f32 (carried on in f64), f64, integers (wrapping around). ONNX's
// CumSum.
Value CumSum(Operand x, const CumSumAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_SCAN_H_
