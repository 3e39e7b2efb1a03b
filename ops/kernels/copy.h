// Moving elements about: a copy between two strided views of equal size, as fast as memory allows. The loops behind
// transpose, slice, concat, roll and pad. Elements are bytes here: 1, 2, 4 or 8 of them.
//
//   // y[j,i] = x[i,j] for x f32[3,5]
//   kernels::StridedCopy copy({5, 3}, /*src_strides=*/{1, 5}, /*dst_strides=*/{3, 1}, sizeof(float));
//   copy.Run(x, y);
#ifndef ADRET_OPS_KERNELS_COPY_H_
#define ADRET_OPS_KERNELS_COPY_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"

namespace adret::kernels {

// dst[sum_a i_a * dst_strides[a]] = src[sum_a i_a * src_strides[a]] for all i < dims. Strides are in elements and may
// be negative on the source side; two different i never write to the same place. Made once, run often.
class StridedCopy {
 public:
  StridedCopy(absl::Span<const int64_t> dims, absl::Span<const int64_t> src_strides,
              absl::Span<const int64_t> dst_strides, size_t element_size);

  // src and dst point to the elements at i = 0.
  void Run(const void* src, void* dst) const;

 private:
  struct Axis {
    int64_t size, src, dst;
  };
  template <class T>
  void RunRows(const T* src, T* dst) const;
  template <class T>
  void RunTiles(const T* src, T* dst) const;

  absl::InlinedVector<Axis, 6> outer_;  // all axes but the inner (and, for tiles, the across) one
  Axis inner_{1, 1, 1};                 // the axis along which dst is written
  Axis across_{1, 1, 1};                // for tiles: the axis along which src is contiguous
  bool tiled_ = false;
  bool empty_ = false;
  int64_t outer_size_ = 1;
  size_t element_size_;
};

// dst[0 .. bytes) = src[0 .. bytes), in parallel.
void CopyBytes(const void* src, void* dst, int64_t bytes);
// dst[0 .. bytes) = 0, in parallel.
void ZeroBytes(void* dst, int64_t bytes);
// dst[i] = *value for i < n, in parallel; an element is 1, 2, 4 or 8 bytes.
void FillElements(void* dst, const void* value, int64_t n, size_t element_size);

// Calls f(T{}) with an unsigned integer type of 1, 2, 4 or 8 bytes, which copies like any element of that size.
template <class F>
decltype(auto) VisitElementSize(size_t element_size, F&& f) {
  switch (element_size) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_COPY_H_
