// Loops of max and average pooling over single planes of images.
#ifndef ADRET_OPS_KERNELS_POOL2D_H_
#define ADRET_OPS_KERNELS_POOL2D_H_

#include <algorithm>
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

  // A range of a window's rows or columns.
  struct Taps {
    int64_t begin, end;
  };
  // The first row and column of windows, which may be padding, and what of the window lies inside the plane.
  int64_t RowOf(int64_t i) const { return i * stride_h - pad_top; }
  int64_t ColumnOf(int64_t j) const { return j * stride_w - pad_left; }
  Taps RowsInside(int64_t row) const { return Inside(row, kernel_h, dilation_h, height); }
  Taps ColumnsInside(int64_t column) const { return Inside(column, kernel_w, dilation_w, width); }
  static Taps Inside(int64_t start, int64_t kernel, int64_t dilation, int64_t size) {
    if (start >= 0 && start + (kernel - 1) * dilation < size) return {0, kernel};
    const int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
    const int64_t end = start >= size ? 0 : std::min(kernel, (size - start + dilation - 1) / dilation);
    return {begin, std::max(begin, end)};
  }
  // Calls f(o, rows, columns, row, column) for every output o: the taps of its window that lie inside, and where it
  // begins.
  template <class F>
  void ForEachWindow(F&& f) const {
    int64_t o = 0;
    for (int64_t i = 0; i < out_height; ++i) {
      const Taps rows = RowsInside(RowOf(i));
      for (int64_t j = 0; j < out_width; ++j, ++o) f(o, rows, ColumnsInside(ColumnOf(j)), RowOf(i), ColumnOf(j));
    }
  }

  // What the average of the window beginning at (row, column) divides by. Averages know no dilation.
  double Divisor(int64_t row, int64_t column) const {
    return static_cast<double>(DividedRows(row) * DividedColumns(column));
  }
  int64_t DividedRows(int64_t row) const {
    return std::min(row + kernel_h, height + (count_padding ? pad_bottom : 0)) -
           (count_padding ? row : std::max<int64_t>(row, 0));
  }
  int64_t DividedColumns(int64_t column) const {
    return std::min(column + kernel_w, width + (count_padding ? pad_right : 0)) -
           (count_padding ? column : std::max<int64_t>(column, 0));
  }

  // Windows of 2x2 that touch, without padding: each element of x belongs to one window at most.
  bool is_halving() const {
    return kernel_h == 2 && kernel_w == 2 && stride_h == 2 && stride_w == 2 && dilation_h == 1 && dilation_w == 1 &&
           pad_top == 0 && pad_left == 0 && out_height == height / 2 && out_width == width / 2;
  }
};

// y and the index in x of each maximum: the first of equal ones in row-major order; the first NaN where there is any.
// One of them may be nullptr.
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
