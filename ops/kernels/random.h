// Arrays of random numbers: parallel, vectorised, and a pure function of the key and the element's index.
#ifndef ADRET_OPS_KERNELS_RANDOM_H_
#define ADRET_OPS_KERNELS_RANDOM_H_

#include <cstdint>

#include "adret/core/dtype.h"
#include "adret/core/random.h"

namespace adret::kernels {

// Blocks [first, first + blocks) of the sequence, four words each: what key.Block() says, several at a time.
void RandomWords(const RandomKey& key, uint64_t first, int64_t blocks, uint32_t* out);

struct Interval {
  double lo, hi;
};
// n numbers of f32 (one word each) or f64 (two words each) in [lo, hi).
void FillUniform(const RandomKey& key, DType dtype, Interval interval, int64_t n, void* out);

struct Gaussian {
  double mean, stddev;
};
// n numbers of f32 (one word each) or f64 (two words each), by Box and Muller 1958.
void FillNormal(const RandomKey& key, DType dtype, Gaussian gaussian, int64_t n, void* out);

// n numbers of any dtype: 1 with probability p (to 24 bits), else 0. One word each.
void FillBernoulli(const RandomKey& key, DType dtype, double p, int64_t n, void* out);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_RANDOM_H_
