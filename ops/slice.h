// Parts of a tensor along its axes: slice (with steps, also backwards), split, flip; and roll, which turns an axis
// round.
//
//   Value filter_k = Slice(maps, /*axis=*/1, k, k + 1);                  // maps[:, k:k+1]
//   Value odd = Slice(x, {.axes = {0}, .begins = {1}, .ends = {kSliceToEnd}, .steps = {2}});   // x[1::2]
//   Value mirrored = Flip(image, {3});
#ifndef ADRET_OPS_SLICE_H_
#define ADRET_OPS_SLICE_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "adret/core/graph.h"

namespace adret {

// As an end: up to and including the last element. As a begin with a negative step: from the last element.
inline constexpr int64_t kSliceToEnd = std::numeric_limits<int64_t>::max();
// As an end with a negative step: down to and including element 0.
inline constexpr int64_t kSliceToBegin = std::numeric_limits<int64_t>::min();

// x[begin:end:step] in Python's notation along each of the axes named; the others stay whole.
struct SliceAttrs {
  std::vector<int64_t> axes = {};    // negative: counted from the end; none twice
  std::vector<int64_t> begins = {};  // negative: counted from the axis' end
  std::vector<int64_t> ends = {};    // exclusive; negative: counted from the axis' end
  std::vector<int64_t> steps = {};   // not 0; left out: all 1
  template <class V>
  void Fields(V&& v) {
    v("axes", axes), v("begins", begins), v("ends", ends), v("steps", steps);
  }
};

// Cuts out a part of x, of any dtype. Unlike Python's, a begin or end outside the axis is an error and is not clamped.
// Of a symbolic axis, x[0:-1] has size time - 1; that the axis is long enough for begins and ends is checked when a run
// says how long it is. Begins and sizes that are symbolic themselves: Narrow(), in ops/narrow.h.
Value Slice(Operand x, const SliceAttrs& attrs);
// Cuts out x[begin:end] along one axis.
Value Slice(Operand x, int64_t axis, int64_t begin, int64_t end);

// Cuts x into consecutive parts along an axis; the sizes must add up to it.
Values Split(Operand x, const std::vector<int64_t>& sizes, int64_t axis = 0);

// Reverses the order of the elements along each axis named; the batch may be one of them.
Value Flip(Operand x, const std::vector<int64_t>& axes);

struct RollAttrs {
  int64_t shift = 0;
  int64_t axis = 0;
  template <class V>
  void Fields(V&& v) {
    v("shift", shift), v("axis", axis);
  }
};

// Computes y[(i + shift) mod n] = x[i] along an axis of size n, which may be the batch. Any dtype, any shift.
Value Roll(Operand x, int64_t shift, int64_t axis);

}  // namespace adret

#endif  // ADRET_OPS_SLICE_H_
