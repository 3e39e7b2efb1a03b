// The inner loops of convolution, on planes laid out so that every filter tap is one constant distance.
//
// An image plane of height H and width W is a flat run of numbers with `pitch` >= W of them per row, zeros in the gap.
// The outputs of a stride-1 window are numbered the same way: output (i, j) is flat position i * pitch + j, and tap (r,
// s) reads position + r * pitch + s. So a convolution is a matrix product whose second factor needs no copy of the
// image (no im2col): row (c, r, s) of it is the plane of c, shifted. Positions that fall into the gap are computed and
// dropped; for zero padding the gap is shared by the end of one row and the start of the next.
#ifndef ADRET_OPS_KERNELS_CONV_TAPS_H_
#define ADRET_OPS_KERNELS_CONV_TAPS_H_

#include <cstdint>

namespace adret::kernels {

// Properties of the vectors that this CPU has, for elements of type T.
struct TapTraits {
  int lanes;        // elements per vector
  int filter_tile;  // filters that CorrelateTaps handles at once
};
template <class T>
TapTraits GetTapTraits();

// Which lanes of one vector of flat positions are outputs, and where the first of them goes. Outputs are dense: the
// lanes that are left after dropping the others go to consecutive places.
struct FlatStore {
  int64_t out = 0;
  int32_t count = 0;
  uint64_t lanes = 0;  // bit i: lane i is an output
};

// out[f * out_plane + ...] = sum_{c, t} weights[c, t, f] * in[c * plane + taps[t] + position] for `filters` filters (at
// most filter_tile) and `vectors` vectors of positions. Reads whole vectors: up to lanes - 1 elements behind the last
// position.
template <class T>
struct TapBlock {
  const T* in;
  int64_t plane;
  int64_t channels;
  const int64_t* taps;
  int64_t num_taps;
  const T* weights;  // [channels, num_taps, filters]
  int filters;
  T* out;
  int64_t out_plane;
  const FlatStore* stores;
  int64_t vectors;
};
template <class T>
void CorrelateTaps(const TapBlock<T>& block);

// to[i * pitch + j] = from[i * stride + j * step] for j < width and 0 for width <= j < pitch; i < rows. May write up to
// lanes - 1 elements behind the last row.
template <class T>
struct RowCopy {
  const T* from;
  int64_t stride, width, rows;
  T* to;
  int64_t pitch;
  int64_t step = 1;
};
template <class T>
void CopyRows(const RowCopy<T>& copy);

// dw[f * dw_stride + j] += sum_u sum_position dy[u][f * dy_plane + position] * x[u][offsets[j] + position], for
// `vectors` whole vectors of positions; dy holds zeros at positions that are no outputs. A number of x that is not
// finite makes NaN of sums that read it at such a position.
template <class T>
struct TapGradient {
  const T* const* x;  // one pointer per unit (an image, or some of its rows)
  const T* const* dy;
  int64_t units;
  const int64_t* offsets;  // channel and tap: [columns]
  int64_t columns;
  int64_t dy_plane;
  int64_t filters;
  int64_t vectors;
  T* dw;
  int64_t dw_stride;
};
template <class T>
void AccumulateTapGradient(const TapGradient<T>& gradient);

// Whether all of n numbers are finite.
template <class T>
bool AllFinite(const T* numbers, int64_t n);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_CONV_TAPS_H_
