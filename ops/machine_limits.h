// What this machine can do at best: the limits that a plan's times are compared with.
//
//   std::cout << *executor.Explain(/*batch=*/128, MeasureMachineLimits());
#ifndef ADRET_OPS_MACHINE_LIMITS_H_
#define ADRET_OPS_MACHINE_LIMITS_H_

#include <cstdint>

#include "adret/core/dtype.h"
#include "adret/core/parallel.h"
#include "adret/core/plan_report.h"

namespace adret {

// Measures in about 0.1 s, with the instructions that adret's kernels would choose, on this many threads (at least
// one). Best taken while the machine has nothing else to do.
MachineLimits MeasureMachineLimits(int threads = HardwareThreads());

// Measures a part of it. Rates are those of all threads together, each of which works on its own for this many seconds.

// Measures multiply-adds of numbers in registers, in flops per second. dtype is f32 or f64.
double MeasureFlops(DType dtype, int threads, double seconds);

// Going over data again and again, in bytes per second, read and written ones counted alike.
enum class MemoryAccess { kRead, kWrite, kCopy };
// Measures reading or writing `bytes` of data, divided among the threads.
double MeasureBandwidth(MemoryAccess access, int64_t bytes, int threads, double seconds);

}  // namespace adret

#endif  // ADRET_OPS_MACHINE_LIMITS_H_
