// Picking elements by index along an axis, and adding into picked elements. A tensor is seen as [outer, extent, inner].
#ifndef ADRET_OPS_KERNELS_GATHER_H_
#define ADRET_OPS_KERNELS_GATHER_H_

#include <cstddef>
#include <cstdint>

namespace adret::kernels {

// [outer, extent, inner] picked with n indices for the axis in the middle.
struct GatherPlan {
  int64_t outer, extent, inner, n;
};

// The place of the first index outside [0, extent), or -1. Index: int32_t or int64_t.
template <class Index>
int64_t FirstOutOfRange(const Index* indices, int64_t count, int64_t extent);

// y[o,k,i] = x[o,indices[k],i] for k < n; elements of 1, 2, 4 or 8 bytes.
template <class Index>
void Gather(const GatherPlan& plan, const void* x, const Index* indices, void* y, size_t element_size);

// y[o,indices[k],i] += updates[o,k,i], for k = 0, 1, ... in this order. T: float, double or an integer
// type; integers wrap around.
template <class T, class Index>
void ScatterAdd(const GatherPlan& plan, const Index* indices, const T* updates, T* y);

// y[o,indices[k],i] = updates[o,k,i], for k = 0, 1, ... in this order; elements of any size.
template <class Index>
void Scatter(const GatherPlan& plan, const Index* indices, const void* updates, void* y, size_t element_size);

// y[k] = the largest j < n with x[j] = x[k]. table: LastOccurrenceWorkspace(n) bytes.
template <class Index>
void LastOccurrence(const Index* x, int64_t n, int64_t* table, int64_t* y);
int64_t LastOccurrenceWorkspace(int64_t n);

// y[o,k,i] = x[o,indices[o,k,i],i].
template <class Index>
void GatherElements(const GatherPlan& plan, const void* x, const Index* indices, void* y, size_t element_size);

// y[o,indices[o,k,i],i] += updates[o,k,i], for k = 0, 1, ... in this order.
template <class T, class Index>
void ScatterElementsAdd(const GatherPlan& plan, const Index* indices, const T* updates, T* y);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_GATHER_H_
