// Reductions of rows and of columns: the inner loops under sum, prod, max, min, logsumexp and norm.
//
//   kernels::ReduceRows(kernels::Reduction::kSum, x, /*rows=*/2, /*n=*/3, y);        // [2,3] -> [2]
//   kernels::ReduceColumns(kernels::Reduction::kMax, x, /*n=*/2, /*stride=*/3, /*columns=*/3, y);   // [2,3] -> [3]
//
// Sums of f32 are accurate: blocks of at most a few thousand numbers are summed in several f32 accumulators, and the
// blocks' sums are added in f64. Max and min return NaN where any number is NaN. Integers wrap around.
// Single-threaded; kernels::ReducePlan spreads a reduction over threads.
#ifndef ADRET_OPS_KERNELS_REDUCE_H_
#define ADRET_OPS_KERNELS_REDUCE_H_

#include <concepts>
#include <cstdint>

namespace adret::kernels {

enum class Reduction { kSum, kProd, kMax, kMin, kLogSumExp, kNorm };

// y[i] = the reduction of the n numbers that start at x + i * n, for i < rows. n >= 1. Only floats have kLogSumExp
// and kNorm, the square root of the sum of squares.
void ReduceRows(Reduction reduction, const float* x, int64_t rows, int64_t n, float* y);
void ReduceRows(Reduction reduction, const double* x, int64_t rows, int64_t n, double* y);
template <std::integral T>
void ReduceRows(Reduction reduction, const T* x, int64_t rows, int64_t n, T* y);

// y[j] = the reduction over i < n of x[i * stride + j], for j < columns. n >= 1.
void ReduceColumns(Reduction reduction, const float* x, int64_t n, int64_t stride, int64_t columns, float* y);
void ReduceColumns(Reduction reduction, const double* x, int64_t n, int64_t stride, int64_t columns, double* y);
template <std::integral T>
void ReduceColumns(Reduction reduction, const T* x, int64_t n, int64_t stride, int64_t columns, T* y);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_REDUCE_H_
