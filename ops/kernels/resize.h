// Interpolation of single planes of images, and its transpose.
#ifndef ADRET_OPS_KERNELS_RESIZE_H_
#define ADRET_OPS_KERNELS_RESIZE_H_

#include <cstdint>
#include <vector>

namespace adret::kernels {

// Along one axis, output i mixes inputs low and high: (1 - weight) * x[low] + weight * x[high].
struct ResizeTap {
  int64_t low, high;
  double weight;
};
using ResizeAxis = std::vector<ResizeTap>;  // one tap per output

// Linear interpolation as PyTorch does it: corners of the pixels' areas are aligned, or with align_corners the centres
// of the first and the last pixels. in and out are positive.
ResizeAxis LinearAxis(int64_t in, int64_t out, bool align_corners);
// Output i is input floor(i * in / out), with weight 0.
ResizeAxis NearestAxis(int64_t in, int64_t out);

struct Resize2d {
  bool linear;  // otherwise only x[low] counts
  ResizeAxis rows, columns;
  int64_t in_height, in_width;
};

template <class T>
void ResizePlane(const Resize2d& resize, const T* x, T* y);
// dx = the transpose of ResizePlane applied to dy.
template <class T>
void ResizeScatterPlane(const Resize2d& resize, const T* dy, T* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_RESIZE_H_
