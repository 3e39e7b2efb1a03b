// Running sums and the largest numbers of a line. T: float, double or an integer type.
#ifndef ADRET_OPS_KERNELS_SCAN_H_
#define ADRET_OPS_KERNELS_SCAN_H_

#include <cstdint>

namespace adret::kernels {

struct CumSumOptions {
  bool exclusive = false;  // y[i] leaves out x[i]
  bool reverse = false;    // from the end
};

// y[o, i, j] = sum of x[o, :, j] up to i, on [outer, n, inner]. Sums of f32 are carried on in f64; integers wrap
// around.
template <class T>
void CumSum(const T* x, int64_t outer, int64_t n, int64_t inner, const CumSumOptions& options, T* y);

// A number and its place in its line.
template <class T>
struct Ranked {
  T value;
  int64_t index;
};

// The k largest of x[i * stride], i < n, in descending order, NaN before all numbers and equal ones by index, to
// values[i * stride] and indices[i * stride]. scratch: n elements. 1 <= k <= n. Single-threaded.
template <class T>
void TopK(const T* x, int64_t n, int64_t stride, int64_t k, Ranked<T>* scratch, T* values, int64_t* indices);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_SCAN_H_
