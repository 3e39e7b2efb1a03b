// Reductions over any axes.
//
//   Value total = Sum(x);                                          // over all axes: a scalar
//   Value per_channel = Mean(image, {.axes = {0, 2, 3}});           // [?,3,28,28] -> [3]
//   Value best = Max(scores, {.axes = {-1}, .keepdims = true});    // [?,10] -> [?,1]
//   Value digit = ArgMax(scores, {.axis = 1});                     // [?,10] -> i64[?]
//
// x is f32, f64 or of an integer dtype (Mean, LogSumExp and Norm: f32 or f64). Integers wrap around. Of no elements,
// the sum is 0, the product 1, the mean NaN; there is no maximum, minimum or place of one: a type error, or a run's.
#ifndef ADRET_OPS_REDUCE_H_
#define ADRET_OPS_REDUCE_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

struct ReduceAttrs {
  std::vector<int64_t> axes = {};  // which to reduce; negative ones count from the end; none: all
  bool keepdims = false;           // keep reduced axes with size 1
  template <class V>
  void Fields(V&& v) {
    v("axes", axes), v("keepdims", keepdims);
  }
};

// Sums along the axes. Sums of f32 are accurate to a few units in the last place of the sum of absolute values, at any
// length.
Value Sum(Operand x, const ReduceAttrs& attrs = {});
// Computes Sum(x) / Size(x).
Value Mean(Operand x, const ReduceAttrs& attrs = {});
// Multiplies along the axes. First and second derivatives are exact where elements are zero, too; from the third on,
// they need nonzero elements.
Value Prod(Operand x, const ReduceAttrs& attrs = {});
// Takes the maximum: NaN where any element is NaN. The gradient goes to the first maximum (in row-major order), as in
// max pooling.
Value Max(Operand x, const ReduceAttrs& attrs = {});
Value Min(Operand x, const ReduceAttrs& attrs = {});
// Computes log(sum(exp(x))), without overflow; -infinity of no elements. Its gradient is Softmax(x).
Value LogSumExp(Operand x, const ReduceAttrs& attrs = {});
// Computes the Euclidean norm, sqrt(sum(x^2)): it neither overflows nor vanishes where only the squares do. The
// gradient is x / y, and 0 where y is 0.
Value Norm(Operand x, const ReduceAttrs& attrs = {});

struct ArgReduceAttrs {
  int64_t axis = -1;
  bool keepdims = false;
  template <class V>
  void Fields(V&& v) {
    v("axis", axis), v("keepdims", keepdims);
  }
};

// Returns the i64 index along the axis of the first maximum; of the first NaN where there is one.
Value ArgMax(Operand x, const ArgReduceAttrs& attrs = {});
Value ArgMin(Operand x, const ArgReduceAttrs& attrs = {});

// Returns the number of x's elements along the axes (none: all) as a scalar of x's dtype. Known where x's shape is; x's
// numbers are not needed.
Value Size(Operand x, const std::vector<int64_t>& axes = {});

// Returns 1 where x has its first maximum (minimum) along the axes, elsewhere 0: where the gradients of Max and Min go.
Value MaxMask(Operand x, const std::vector<int64_t>& axes = {});
Value MinMask(Operand x, const std::vector<int64_t>& axes = {});

// Repeats y along axes to x's shape, where y has the shape of a reduction of x over these axes (non-negative,
// ascending; kept or not). What the gradients of reductions are made of.
Value BroadcastReduced(const Value& y, const Value& x, const std::vector<int64_t>& axes);

}  // namespace adret

#endif  // ADRET_OPS_REDUCE_H_
