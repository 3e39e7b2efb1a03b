#include "adret/ops/kernels/resize.h"

#include <algorithm>

namespace adret::kernels {

ResizeAxis LinearAxis(int64_t in, int64_t out, bool align_corners) {
  ResizeAxis axis(out);
  const double scale = !align_corners ? static_cast<double>(in) / static_cast<double>(out)
                       : out > 1      ? static_cast<double>(in - 1) / static_cast<double>(out - 1)
                                      : 0.0;
  for (int64_t i = 0; i < out; ++i) {
    const double at = align_corners ? scale * i : std::max(0.0, scale * (i + 0.5) - 0.5);
    const int64_t low = std::min(static_cast<int64_t>(at), in - 1);
    const int64_t high = std::min(low + 1, in - 1);
    axis[i] = {low, high, high == low ? 0.0 : at - low};
  }
  return axis;
}

ResizeAxis NearestAxis(int64_t in, int64_t out) {
  ResizeAxis axis(out);
  for (int64_t i = 0; i < out; ++i) axis[i] = {i * in / out, i * in / out, 0.0};
  return axis;
}

namespace {

// Returns (1 - weight) a + weight b. With a weight of 0, b is not read: it may be infinite or NaN.
template <class T>
T Mix(T a, T b, T weight) {
  return weight == 0 ? a : (1 - weight) * a + weight * b;
}

// Adds the transpose of Mix() to a and b.
template <class T>
void Spread(T y, T weight, T* a, T* b) {
  *a += weight == 0 ? y : (1 - weight) * y;
  if (weight != 0) *b += weight * y;
}

}  // namespace

template <class T>
void ResizePlane(const Resize2d& r, const T* x, T* y) {
  for (const ResizeTap& row : r.rows) {
    const T* top = x + row.low * r.in_width;
    const T* bottom = x + row.high * r.in_width;
    if (!r.linear) {
      for (const ResizeTap& column : r.columns) *y++ = top[column.low];
      continue;
    }
    const T h = static_cast<T>(row.weight);
    for (const ResizeTap& column : r.columns) {
      const T w = static_cast<T>(column.weight);
      *y++ = Mix(Mix(top[column.low], top[column.high], w), Mix(bottom[column.low], bottom[column.high], w), h);
    }
  }
}

template <class T>
void ResizeScatterPlane(const Resize2d& r, const T* dy, T* dx) {
  std::fill_n(dx, r.in_height * r.in_width, T{0});
  for (const ResizeTap& row : r.rows) {
    T* top = dx + row.low * r.in_width;
    T* bottom = dx + row.high * r.in_width;
    if (!r.linear) {
      for (const ResizeTap& column : r.columns) top[column.low] += *dy++;
      continue;
    }
    const T h = static_cast<T>(row.weight);
    for (const ResizeTap& column : r.columns) {
      const T w = static_cast<T>(column.weight), g = *dy++;
      T of_top = 0, of_bottom = 0;
      Spread(g, h, &of_top, &of_bottom);
      Spread(of_top, w, top + column.low, top + column.high);
      if (h != 0) Spread(of_bottom, w, bottom + column.low, bottom + column.high);
    }
  }
}

template void ResizePlane<float>(const Resize2d&, const float*, float*);
template void ResizePlane<double>(const Resize2d&, const double*, double*);
template void ResizeScatterPlane<float>(const Resize2d&, const float*, float*);
template void ResizeScatterPlane<double>(const Resize2d&, const double*, double*);

}  // namespace adret::kernels
