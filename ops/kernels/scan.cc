#include "adret/ops/kernels/scan.h"

#include <algorithm>
#include <type_traits>

#include "adret/core/dtype.h"
#include "adret/core/parallel.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 16384;
constexpr int64_t kColumns = 128;

// What running sums of T are carried on in: integers as unsigned, so that they wrap around.
template <class T>
using Running =
    std::conditional_t<!std::is_integral_v<T>, double, std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>>;

// At most kColumns columns of n numbers, rows `stride` apart.
template <class T>
void CumSumColumns(const T* x, int64_t n, int64_t stride, int64_t columns, const CumSumOptions& options, T* y) {
  using Sum = Running<T>;
  Sum sums[kColumns] = {};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t offset = (options.reverse ? n - 1 - i : i) * stride;
    for (int64_t j = 0; j < columns; ++j) {
      const Sum before = sums[j];
      sums[j] += static_cast<Sum>(x[offset + j]);
      y[offset + j] = static_cast<T>(options.exclusive ? before : sums[j]);
    }
  }
}

template <class T>
bool Before(const Ranked<T>& a, const Ranked<T>& b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan != b_nan) return a_nan;
  if (!a_nan && a.value != b.value) return a.value > b.value;
  return a.index < b.index;
}

}  // namespace

template <class T>
void CumSum(const T* x, int64_t outer, int64_t n, int64_t inner, const CumSumOptions& options, T* y) {
  if (outer * n * inner == 0) return;
  const int64_t width = std::min(inner, kColumns);
  const int64_t blocks = (inner + width - 1) / width;
  ParallelFor(outer * blocks, std::max<int64_t>(1, kTaskElements / (n * width)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % blocks * width;
      const int64_t offset = i / blocks * n * inner + column;
      CumSumColumns(x + offset, n, inner, std::min(width, inner - column), options, y + offset);
    }
  });
}

template <class T>
void TopK(const T* x, int64_t n, int64_t stride, int64_t k, Ranked<T>* scratch, T* values, int64_t* indices) {
  for (int64_t i = 0; i < n; ++i) scratch[i] = {x[i * stride], i};
  if (k < n / 8) {
    std::partial_sort(scratch, scratch + k, scratch + n, Before<T>);
  } else {
    std::sort(scratch, scratch + n, Before<T>);
  }
  for (int64_t i = 0; i < k; ++i) {
    values[i * stride] = scratch[i].value;
    indices[i * stride] = scratch[i].index;
  }
}

#define ADRET_INSTANTIATE(T)                                                           \
  template void CumSum(const T*, int64_t, int64_t, int64_t, const CumSumOptions&, T*); \
  template void TopK(const T*, int64_t, int64_t, int64_t, Ranked<T>*, T*, int64_t*);
ADRET_ARITHMETIC_TYPES(ADRET_INSTANTIATE)
#undef ADRET_INSTANTIATE

}  // namespace adret::kernels
