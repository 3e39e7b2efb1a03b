// TileGemm: products of matrices that lie in the second-level cache and are read where they are, without being packed
// as a BLAS packs them. For kernels that go through large matrices block by block.
#ifndef ADRET_OPS_KERNELS_TILE_GEMM_H_
#define ADRET_OPS_KERNELS_TILE_GEMM_H_

#include <cstdint>

namespace adret::kernels {

// c = a b, or c += a b: a [m, k], b [k, n], c [m, n]. Element (i, q) of a is at a[i * row + q * term], so that either
// order of a's axes will do; rows of b and c are contiguous. Each number is a sum in order of q, also where numbers are
// infinite or NaN.
template <class T>
struct TileGemm {
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t row = 0, term = 1;
  const T* b = nullptr;
  int64_t ldb = 0;
  T* c = nullptr;
  int64_t ldc = 0;
  bool add = false;

  void Run() const;
};

// to [columns, rows] = from [rows, columns], each with so many elements from row to row.
template <class T>
void TransposeTile(int64_t rows, int64_t columns, const T* from, int64_t from_row, T* to, int64_t to_row);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_TILE_GEMM_H_
