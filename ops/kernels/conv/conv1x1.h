// Convolution with 1x1 windows, stride 1 and no padding: products of matrices as they lie, nothing is copied. Images of
// one pixel share a product.
#ifndef ADRET_OPS_KERNELS_CONV_CONV1X1_H_
#define ADRET_OPS_KERNELS_CONV_CONV1X1_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace adret::kernels {

// x [batch, groups, channels, pixels], w [groups, filters, channels], y [batch, groups, filters, pixels].
struct Conv1x1Shape {
  int64_t batch, groups, channels, filters, pixels;
};

// y = w x for every image and group; with transpose, from y to x: dx = w^T dy. Calls finished once for each range of
// the result.
template <class T>
void Conv1x1Map(const Conv1x1Shape& shape, bool transpose, const T* in, const T* w, T* out,
                absl::FunctionRef<void(int64_t begin, int64_t n)> finished);

// Elements of memory that Conv1x1FilterGradient needs.
int64_t Conv1x1PartialElements(const Conv1x1Shape& shape);

// dw = the sum over the images of dy x^T.
template <class T>
void Conv1x1FilterGradient(const Conv1x1Shape& shape, const T* x, const T* dy, T* partial, T* dw);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_CONV1X1_H_
