// Matrix products on one thread, and how to split a large one.
#ifndef ADRET_OPS_KERNELS_GEMM_H_
#define ADRET_OPS_KERNELS_GEMM_H_

#include <cstdint>

namespace adret::kernels {

// c = op(a) op(b) + beta * c with op(a) [m, k], op(b) [k, n], c [m, n]; row-major, op = transposition where asked. lda,
// ldb and ldc are the distances between rows as stored. beta is 0 (c may be uninitialised) or 1. Every size is below
// 2^31.
template <class T>
struct Gemm {
  bool transpose_a = false, transpose_b = false;
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t lda = 0;
  const T* b = nullptr;
  int64_t ldb = 0;
  T beta = 0;
  T* c = nullptr;
  int64_t ldc = 0;

  void Run() const;
};

// A product cut into parts_m x parts_n blocks of c, of at most rows x columns, each a sum of parts_k products over at
// most `depth` terms. Depends on the sizes only.
struct GemmSplit {
  int64_t rows = 0, columns = 0, depth = 0;
  int64_t parts_m = 1, parts_n = 1, parts_k = 1;

  int64_t parts() const { return parts_m * parts_n * parts_k; }
};
// batch: how many such products run in parallel anyway. Sums are cut (parts_k > 1) only where split_k allows it.
GemmSplit SplitGemm(int64_t batch, int64_t m, int64_t n, int64_t k, bool split_k = false);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_GEMM_H_
