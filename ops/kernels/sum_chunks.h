// Partial sums of parallel tasks, added in the order of their index: the same bits for any number of threads.
#ifndef ADRET_OPS_KERNELS_SUM_CHUNKS_H_
#define ADRET_OPS_KERNELS_SUM_CHUNKS_H_

#include <algorithm>
#include <cstdint>

#include "adret/core/parallel.h"

namespace adret::kernels {

// sum[i] = partial[0 * size + i] + partial[1 * size + i] + ... for i < size; chunks >= 1. Calls finished(begin, n) once
// for each range of sums.
template <class T, class Finished>
void SumChunks(const T* partial, int64_t chunks, int64_t size, T* sum, Finished&& finished) {
  ParallelFor(size, 1 << 14, [&](int64_t begin, int64_t end) {
    std::copy(partial + begin, partial + end, sum + begin);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      const T* from = partial + chunk * size;
      for (int64_t i = begin; i < end; ++i) sum[i] += from[i];
    }
    finished(begin, end - begin);
  });
}

template <class T>
void SumChunks(const T* partial, int64_t chunks, int64_t size, T* sum) {
  SumChunks(partial, chunks, size, sum, [](int64_t, int64_t) {});
}

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_SUM_CHUNKS_H_
