#include "adret/ops/kernels/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "adret/ops/kernels/blas.h"

namespace adret::kernels {
namespace {

// Products of at most this many rows (or columns) read the large matrix once per row, as matrix-vector products:
// packing it for a blocked product costs more.
constexpr int64_t kFewVectors = 3;
// A block is worth a task of its own above this much arithmetic. Once there are a few of them, they grow with the
// product, which has 1.4 times the tasks when it is twice as long, wide and deep: each block reads and packs its rows
// and columns anew, which costs blocks of 128 x 64 a third of their time and blocks of 512 x 256 a tenth.
constexpr double kFlopsPerTask = 8e6;
constexpr double kFewTasks = 4;
// Smaller blocks, or sums of fewer terms, pack more than they multiply.
constexpr int64_t kMinArea = 6000, kMinSide = 64, kMinDepth = 256;
// Sums of this many times more terms than a block has rows or columns are cut first: parts of the sums read each matrix
// once, parts of the result read one of them again (512 x 128 results of 6400 terms: 48 GFlop/s become 77). Not where
// the partial sums would be large.
constexpr int64_t kLongSums = 4, kMostPartialSums = int64_t{1} << 18;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

CBLAS_TRANSPOSE Op(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }

void BlasGemm(const Gemm<float>& g) {
  cblas_sgemm(CblasRowMajor, Op(g.transpose_a), Op(g.transpose_b), g.m, g.n, g.k, 1.0f, g.a, g.lda, g.b, g.ldb, g.beta,
              g.c, g.ldc);
}
void BlasGemm(const Gemm<double>& g) {
  cblas_dgemm(CblasRowMajor, Op(g.transpose_a), Op(g.transpose_b), g.m, g.n, g.k, 1.0, g.a, g.lda, g.b, g.ldb, g.beta,
              g.c, g.ldc);
}

// Blocks that OpenBLAS multiplies unpacked: whole register tiles of 48 columns by a multiple of 4 rows, where two of
// them fit the limit. Packing costs products of short sums a fifth of their time, odd sizes half of it.
constexpr int64_t kUnpackedColumns = 48, kUnpackedDepth = 448, kFewUnpackedRows = 64;

bool RunUnpacked(const Gemm<double>&) { return false; }

// The same for sums along the rows of both matrices: pieces of a few of them. Large products are worth packing.
bool RunUnpackedRows(const Gemm<float>& g) {
  if (std::min(g.m, g.n) > kFewUnpackedRows) return false;
  Gemm<float> part = g;
  for (int64_t q = 0; q < g.k; q += kUnpackedDepth) {
    part.k = std::min(kUnpackedDepth, g.k - q), part.beta = q == 0 ? g.beta : 1;
    for (int64_t i = 0; i < g.m; i += 16) {
      for (int64_t j = 0; j < g.n; j += 64) {
        part.m = std::min<int64_t>(16, g.m - i), part.n = std::min<int64_t>(64, g.n - j);
        part.a = g.a + i * g.lda + q, part.b = g.b + j * g.ldb + q, part.c = g.c + i * g.ldc + j;
        BlasGemm(part);
      }
    }
  }
  return true;
}

// Runs g in blocks that need no packing; returns false where there are none.
bool RunUnpacked(const Gemm<float>& g) {
  if (static_cast<double>(g.m) * g.n * g.k <= kUnpackedProducts || !BlasMultipliesUnpacked()) return false;
  Gemm<float> part = g;
  if (g.transpose_b) return !g.transpose_a && RunUnpackedRows(g);
  const int64_t most_rows = 64 * 2 * kUnpackedColumns * g.k <= kUnpackedProducts ? 64 : 32;
  const int64_t rows = CeilDiv(CeilDiv(g.m, CeilDiv(g.m, most_rows)), 4) * 4;
  const int64_t most = static_cast<int64_t>(kUnpackedProducts / static_cast<double>(rows * g.k * kUnpackedColumns));
  if (most < 2) return false;
  const int64_t tiles = CeilDiv(g.n, kUnpackedColumns);
  const int64_t columns = CeilDiv(tiles, CeilDiv(tiles, most)) * kUnpackedColumns;
  for (int64_t j = 0; j < g.n; j += columns) {
    for (int64_t i = 0; i < g.m; i += rows) {
      part.m = std::min(rows, g.m - i), part.n = std::min(columns, g.n - j);
      part.a = g.a + (g.transpose_a ? i : i * g.lda), part.b = g.b + j, part.c = g.c + i * g.ldc + j;
      BlasGemm(part);
    }
  }
  return true;
}

// y += op(a) x, where a is stored as [rows, columns].
void BlasGemv(bool transpose, int64_t rows, int64_t columns, const float* a, int64_t lda, const float* x, int64_t incx,
              float* y, int64_t incy) {
  cblas_sgemv(CblasRowMajor, Op(transpose), rows, columns, 1.0f, a, lda, x, incx, 1.0f, y, incy);
}
void BlasGemv(bool transpose, int64_t rows, int64_t columns, const double* a, int64_t lda, const double* x,
              int64_t incx, double* y, int64_t incy) {
  cblas_dgemv(CblasRowMajor, Op(transpose), rows, columns, 1.0, a, lda, x, incx, 1.0, y, incy);
}

template <class T>
void Clear(const Gemm<T>& g) {
  for (int64_t i = 0; i < g.m; ++i) std::fill_n(g.c + i * g.ldc, g.n, T{0});
}

// Row i of c is op(b)^T times row i of op(a).
template <class T>
void ByRows(const Gemm<T>& g) {
  for (int64_t i = 0; i < g.m; ++i) {
    const T* x = g.transpose_a ? g.a + i : g.a + i * g.lda;
    BlasGemv(!g.transpose_b, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n, g.b, g.ldb, x,
             g.transpose_a ? g.lda : 1, g.c + i * g.ldc, 1);
  }
}

// Column j of c is op(a) times column j of op(b).
template <class T>
void ByColumns(const Gemm<T>& g) {
  for (int64_t j = 0; j < g.n; ++j) {
    const T* x = g.transpose_b ? g.b + j * g.ldb : g.b + j;
    BlasGemv(g.transpose_a, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k, g.a, g.lda, x,
             g.transpose_b ? 1 : g.ldb, g.c + j, g.ldc);
  }
}

}  // namespace

template <class T>
void Gemm<T>::Run() const {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (beta == T{0}) Clear(*this);
    return;
  }
  const OneBlasThread blas;
  const bool rows = m <= kFewVectors, columns = n <= kFewVectors;
  if (!rows && !columns) {
    if (!RunUnpacked(*this)) BlasGemm(*this);
    return;
  }
  // Cleared here, as 0 * y would keep a NaN of uninitialised memory in some versions of gemv.
  if (beta == T{0}) Clear(*this);
  if (rows && (!columns || m <= n)) return ByRows(*this);
  ByColumns(*this);
}

template struct Gemm<float>;
template struct Gemm<double>;

GemmSplit SplitGemm(int64_t batch, int64_t m, int64_t n, int64_t k, bool split_k) {
  const double small = 2.0 * batch * m * n * k / kFlopsPerTask;
  const double wanted = std::min(small, kFewTasks * std::pow(std::max(small / kFewTasks, 1.0), 1.0 / 6));
  GemmSplit s{.rows = std::max<int64_t>(m, 1), .columns = std::max<int64_t>(n, 1), .depth = std::max<int64_t>(k, 1)};
  const auto halve = [](int64_t total, int64_t* size, int64_t* parts) {
    const int64_t half = CeilDiv(total, 2 * *parts), unit = half >= 2 * kMinSide ? 16 : 4;  // whole register tiles
    *size = CeilDiv(half, unit) * unit;
    *parts = CeilDiv(total, *size);
  };
  // Within half a power of two of what is wanted.
  while (1.5 * static_cast<double>(batch * s.parts()) < wanted) {
    // Rows are packed with less effort than columns, so blocks are rather high than wide.
    const bool by_rows = s.rows >= 2 * s.columns;
    const bool is_long = s.depth >= std::max(2 * kMinDepth, kLongSums * std::max(s.rows, s.columns));
    if (split_k && is_long && batch * m * n <= kMostPartialSums) {
      halve(k, &s.depth, &s.parts_k);
    } else if (std::max(s.rows, kMinSide) * std::max(s.columns, kMinSide) >= 2 * kMinArea) {
      by_rows ? halve(m, &s.rows, &s.parts_m) : halve(n, &s.columns, &s.parts_n);
    } else if (split_k && s.depth >= 2 * kMinDepth) {
      halve(k, &s.depth, &s.parts_k);
    } else {
      break;
    }
  }
  return s;
}

}  // namespace adret::kernels
