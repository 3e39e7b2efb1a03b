// Reductions that must meet the elements of a line in order: argmax, the place of a maximum, products of all others.
#ifndef ADRET_OPS_KERNELS_REDUCE_LINES_H_
#define ADRET_OPS_KERNELS_REDUCE_LINES_H_

#include <cstdint>

#include "adret/ops/kernels/reduce.h"
#include "adret/ops/kernels/reduce_plan.h"

namespace adret::kernels {

// y[o, i] = the index of the first maximum (minimum) of x[o, :, i], of the first NaN where there is one. n >= 1.
// reduction is kMax or kMin. T: float, double or an integer type.
template <class T>
void ArgReduce(Reduction reduction, const T* x, int64_t outer, int64_t n, int64_t inner, int64_t* y);

// y = 1 at the first maximum (minimum, NaN) of each line of x, elsewhere 0. T: float, double.
template <class T>
void ExtremumMask(Reduction reduction, const Lines& lines, const T* x, T* y);

// y[k] = product of x[j] over all j != k of the line. T: float, double.
template <class T>
void ProductOfOthers(const Lines& lines, const T* x, T* y);

// dx[k] = sum over i != k of dy[i] * product of x[j] over all j not in {i, k}: the gradient of ProductOfOthers.
// work: as many numbers as x has.
template <class T>
void ProductOfOthersGrad(const Lines& lines, const T* x, const T* dy, T* work, T* dx);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_REDUCE_LINES_H_
