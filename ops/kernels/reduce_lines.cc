#include "adret/ops/kernels/reduce_lines.h"

#include <algorithm>

#include "adret/core/dtype.h"
#include "adret/core/parallel.h"

namespace adret::kernels {
namespace {

constexpr int64_t kTaskElements = 32768;

int64_t Grain(int64_t work) { return std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, work)); }

// Does b beat a, the best so far? A NaN beats all numbers.
template <class T>
bool Beats(Reduction reduction, T b, T a) {
  if (a != a) return false;
  if (b != b) return true;
  return reduction == Reduction::kMax ? b > a : b < a;
}

template <class T>
int64_t ArgReduceRow(Reduction reduction, const T* x, int64_t n) {
  T best;
  ReduceRows(reduction, x, 1, n, &best);
  int64_t i = 0;
  while (i + 1 < n && x[i] != best && x[i] == x[i]) ++i;
  return i;
}

}  // namespace

template <class T>
void ArgReduce(Reduction reduction, const T* x, int64_t outer, int64_t n, int64_t inner, int64_t* y) {
  if (inner == 1) {
    ParallelFor(outer, Grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) y[o] = ArgReduceRow(reduction, x + o * n, n);
    });
    return;
  }
  constexpr int64_t kBlock = 256;
  const int64_t blocks = (inner + kBlock - 1) / kBlock;
  ParallelFor(outer * blocks, Grain(n * std::min(inner, kBlock)), [&](int64_t begin, int64_t end) {
    T best[kBlock];
    for (int64_t task = begin; task < end; ++task) {
      const int64_t column = task % blocks * kBlock;
      const int64_t columns = std::min(kBlock, inner - column);
      const T* from = x + task / blocks * n * inner + column;
      int64_t* to = y + task / blocks * inner + column;
      std::copy(from, from + columns, best);
      std::fill(to, to + columns, 0);
      for (int64_t i = 1; i < n; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          const T candidate = from[i * inner + j];
          if (Beats(reduction, candidate, best[j])) {
            best[j] = candidate;
            to[j] = i;
          }
        }
      }
    }
  });
}

template <class T>
void ExtremumMask(Reduction reduction, const Lines& lines, const T* x, T* y) {
  if (lines.length() == 0) return;
  ParallelFor(lines.count(), Grain(lines.length()), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t start = lines.Start(line);
      int64_t best = start;
      lines.ForEach(start, [&](int64_t i) {
        y[i] = 0;
        if (Beats(reduction, x[i], x[best])) best = i;
      });
      y[best] = 1;
    }
  });
}

template <class T>
void ProductOfOthers(const Lines& lines, const T* x, T* y) {
  ParallelFor(lines.count(), Grain(lines.length()), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t start = lines.Start(line);
      T before = 1, after = 1;
      lines.ForEach(start, [&](int64_t i) {
        y[i] = before;
        before *= x[i];
      });
      lines.ForEachReverse(start, [&](int64_t i) {
        y[i] *= after;
        after *= x[i];
      });
    }
  });
}

// With P the product of the elements before k, D the same with each factor x_i in turn replaced by dy_i and summed, and
// P', D' likewise for the elements after k: dx_k = D P' + P D'.
template <class T>
void ProductOfOthersGrad(const Lines& lines, const T* x, const T* dy, T* work, T* dx) {
  ParallelFor(lines.count(), Grain(lines.length()), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const int64_t start = lines.Start(line);
      // At the ends, where P or P' has no factors, D or D' has no terms: a 0 in their place would meet infinities.
      const int64_t n = lines.length();
      int64_t place = 0;
      T product = 1, derivative = 0;
      lines.ForEach(start, [&](int64_t i) {
        work[i] = product;
        dx[i] = derivative;
        derivative = place++ == 0 ? dy[i] : derivative * x[i] + product * dy[i];
        product *= x[i];
      });
      product = 1, derivative = 0;
      lines.ForEachReverse(start, [&](int64_t i) {
        if (place != n) dx[i] = (place == 1 ? T{0} : dx[i] * product) + work[i] * derivative;
        derivative = place-- == n ? dy[i] : derivative * x[i] + product * dy[i];
        product *= x[i];
      });
    }
  });
}

#define ADRET_INSTANTIATE(T) template void ArgReduce(Reduction, const T*, int64_t, int64_t, int64_t, int64_t*);
ADRET_ARITHMETIC_TYPES(ADRET_INSTANTIATE)
#undef ADRET_INSTANTIATE
template void ExtremumMask(Reduction, const Lines&, const float*, float*);
template void ExtremumMask(Reduction, const Lines&, const double*, double*);
template void ProductOfOthers(const Lines&, const float*, float*);
template void ProductOfOthers(const Lines&, const double*, double*);
template void ProductOfOthersGrad(const Lines&, const float*, const float*, float*, float*);
template void ProductOfOthersGrad(const Lines&, const double*, const double*, double*, double*);

}  // namespace adret::kernels
