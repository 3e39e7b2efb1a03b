// range: evenly spaced numbers, without an input.
//
//   Value columns = Range(&graph, {.dtype = DType::kInt64, .limit = 28});         // 0, 1, ..., 27
//   Value grid = Range(&graph, {.start = -1, .limit = 1, .step = 0.5});           // -1, -0.5, 0, 0.5
#ifndef ADRET_OPS_RANGE_H_
#define ADRET_OPS_RANGE_H_

#include <source_location>

#include "adret/core/graph.h"

namespace adret {

struct RangeAttrs {
  DType dtype = DType::kFloat32;
  double start = 0;
  double limit = 0;  // exclusive
  double step = 1;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype), v("start", start), v("limit", limit), v("step", step);
  }
};

// Computes y[i] = start + i * step for i < ceil((limit - start) / step); empty where that is negative. Errors: a step
// of 0; numbers that are not finite or that an integer dtype cannot hold; dtype bool.
Value Range(Graph* graph, const RangeAttrs& attrs, std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_OPS_RANGE_H_
