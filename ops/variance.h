// How far numbers lie from their mean, along any axes.
//
//   Value spread = Std(x);                                         // of all numbers of x: a scalar
//   Value noise = Var(image, {.axes = {0, 2, 3}});                 // [?,3,28,28] -> [3]
//   Value biased = Var(x, {.axes = {-1}, .correction = 0});        // divided by n, not n - 1
//
// Both are compositions in two passes (the mean, then differences from it), accurate far from zero; x is f32 or f64.
#ifndef ADRET_OPS_VARIANCE_H_
#define ADRET_OPS_VARIANCE_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

struct VarianceAttrs {
  std::vector<int64_t> axes = {};  // over which; negative ones count from the end; none: all
  bool keepdims = false;           // keep these axes with size 1
  int64_t correction = 1;          // what is taken from the number of elements before it divides; at least 0
};

// Computes sum((x - mean)^2) / max(0, n - correction), as torch.var: NaN where nothing is divided by 0.
Value Var(Operand x, const VarianceAttrs& attrs = {});
// Computes the square root of Var(x), right even where that overflows. Its gradient is 0 where all numbers are equal.
Value Std(Operand x, const VarianceAttrs& attrs = {});

}  // namespace adret

#endif  // ADRET_OPS_VARIANCE_H_
