// Loops that do one thing only, as fast as a core can: what limits every other kernel. ops/machine_limits.h times them.
#ifndef ADRET_OPS_KERNELS_MACHINE_RATES_H_
#define ADRET_OPS_KERNELS_MACHINE_RATES_H_

#include <cstdint>

namespace adret::kernels {

// Multiply-adds of numbers in registers, again and again. Returns the flops done; *result depends on all of them.
double MultiplyAdd(int64_t rounds, float* result);
double MultiplyAdd(int64_t rounds, double* result);

// One pass over memory. n must be a multiple of kPassUnit, the arrays aligned as tensors are.
inline constexpr int64_t kPassUnit = 512;
// Returns the sum.
float ReadPass(const float* x, int64_t n);
void WritePass(float value, float* x, int64_t n);
void CopyPass(const float* from, float* to, int64_t n);

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_MACHINE_RATES_H_
