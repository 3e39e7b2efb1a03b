// Loops of max and average pooling over single planes of images.
#ifndef ADRET_OPS_KERNELS_POOL2D_H_
#define ADRET_OPS_KERNELS_POOL2D_H_

#include <cstdint>

namespace adret::kernels {

// A window sliding over a plane. Every window covers at least one element; what it covers of the padding does not
// count.
struct Pool2dShape {
  int64_t height, width;          // of x
  int64_t out_height, out_width;  // of y
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool count_padding = true;  // averages divide by the window's size within image and padding, not within the image

  // Windows of 2x2 that touch, without padding: the usual case, with loops of its own in f32.
  bool is_halving() const {
    return kernel_h == 2 && kernel_w == 2 && stride_h == 2 && stride_w == 2 && dilation_h == 1 && dilation_w == 1 &&
           pad_top == 0 && pad_left == 0 && out_height == height / 2 && out_width == width / 2;
  }
};

// y and the index in x of each maximum: the first of equal ones in row-major order; the first NaN where there is any.
template <class T>
void MaxPoolPlane(const Pool2dShape& shape, const T* x, T* y, int32_t* argmax);

// dx = the sum, for each element of x, of dy where argmax names it. False, with dx unspecified, when argmax names none.
template <class T>
bool MaxPoolScatterPlane(const Pool2dShape& shape, const T* dy, const int32_t* argmax, T* dx);

// y[o] = x[argmax[o]]. False, with y unspecified, when an index is outside the plane.
template <class T>
bool MaxPoolGatherPlane(const Pool2dShape& shape, const T* x, const int32_t* argmax, T* y);

template <class T>
void AvgPoolPlane(const Pool2dShape& shape, const T* x, T* y);

// The transpose of AvgPoolPlane as a linear map.
template <class T>
void AvgPoolScatterPlane(const Pool2dShape& shape, const T* dy, T* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_POOL2D_H_
