// Repeating an array along axes.
//
//   kernels::BroadcastPlan plan = kernels::PlanBroadcast({1, 3}, {2, 3}, sizeof(float));
//   kernels::Broadcast(plan, x, y);   // y[i][j] = x[0][j]
#ifndef ADRET_OPS_KERNELS_BROADCAST_H_
#define ADRET_OPS_KERNELS_BROADCAST_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "adret/core/shape.h"

namespace adret::kernels {

// How to walk the output: neighbouring axes that are both repeated or both not are one.
struct BroadcastPlan {
  struct Axis {
    int64_t extent;
    int64_t stride;  // in elements of x; 0 where x is repeated
  };
  absl::InlinedVector<Axis, 4> outer;
  Axis inner{1, 0};  // its stride is 0 or 1
  int64_t num_elements = 1;
  size_t element_size = 1;
};

// x broadcasts to y; both are concrete.
BroadcastPlan PlanBroadcast(const Shape& x, const Shape& y, size_t element_size);

// Writes y; parallel.
void Broadcast(const BroadcastPlan& plan, const void* x, void* y);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_BROADCAST_H_
