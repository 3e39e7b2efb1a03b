#include "adret/ops/machine_limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "adret/core/status.h"
#include "adret/core/tensor.h"
#include "adret/ops/kernels/machine_rates.h"

namespace adret {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMiB = 1 << 20;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Work per second of threads that all repeat body(thread) for a while. body returns how much work it did. These are
// threads of its own, as a pool does not promise that every loop gets one to itself.
double Rate(int threads, double seconds, absl::FunctionRef<double(int thread)> body) {
  std::atomic<int> ready{0};
  std::vector<double> rates(threads);
  const auto work = [&](int thread) {
    body(thread);  // fills caches and page tables
    for (++ready; ready < threads;) std::this_thread::yield();
    const Clock::time_point start = Clock::now();
    double done = 0, elapsed = 0;
    do {
      done += body(thread);
      elapsed = SecondsSince(start);
    } while (elapsed < seconds);
    rates[thread] = done / elapsed;
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
  work(0);
  for (std::thread& t : others) t.join();
  double total = 0;
  for (double rate : rates) total += rate;
  return total;
}

template <class T>
double MeasureFlopsOf(int threads, double seconds) {
  constexpr int64_t kRounds = 10'000;  // tens of microseconds
  return Rate(threads, seconds, [](int) {
    T result{};
    return kernels::MultiplyAdd(kRounds, &result);
  });
}

// One pass over a thread's n numbers; returns the bytes read and written. A copy goes from the first half to the
// second.
double Pass(MemoryAccess access, float* x, int64_t n) {
  switch (access) {
    case MemoryAccess::kRead:
      kernels::ReadPass(x, n);
      break;
    case MemoryAccess::kWrite:
      kernels::WritePass(1, x, n);
      break;
    case MemoryAccess::kCopy:
      kernels::CopyPass(x, x + n / 2, n / 2);
      break;
  }
  return static_cast<double>(n) * sizeof(float);
}

}  // namespace

double MeasureFlops(DType dtype, int threads, double seconds) {
  threads = std::max(threads, 1);
  return dtype == DType::kFloat64 ? MeasureFlopsOf<double>(threads, seconds) : MeasureFlopsOf<float>(threads, seconds);
}

double MeasureBandwidth(MemoryAccess access, int64_t bytes, int threads, double seconds) {
  threads = std::max(threads, 1);
  constexpr int64_t kUnit = 2 * kernels::kPassUnit;
  const int64_t n = std::max<int64_t>(1, bytes / threads / (kUnit * static_cast<int64_t>(sizeof(float)))) * kUnit;
  const auto data = AllocateAligned(static_cast<size_t>(threads * n) * sizeof(float));
  if (!data.ok()) return 0;
  float* numbers = static_cast<float*>(data->get());
  // Small data are gone over many times between two looks at the clock.
  const int64_t passes = std::max<int64_t>(1, 64 * 1024 / n);
  std::vector<char> written(threads, false);
  return Rate(threads, seconds, [&](int thread) {
    float* own = numbers + thread * n;
    if (!written[thread]) kernels::WritePass(1, own, n);
    written[thread] = true;
    double done = 0;
    for (int64_t p = 0; p < passes; ++p) done += Pass(access, own, n);
    return done;
  });
}

MachineLimits MeasureMachineLimits(int threads) {
  constexpr double kSeconds = 0.002;
  constexpr int kRepeats = 2;  // the better one counts: disturbances only slow down
  constexpr int64_t kUncachedBytes = 128 * kMiB;
  threads = std::max(threads, 1);
  const auto best = [](auto measure) {
    double result = 0;
    for (int i = 0; i < kRepeats; ++i) result = std::max(result, measure());
    return result;
  };
  MachineLimits limits;
  limits.f32_flops = best([&] { return MeasureFlops(DType::kFloat32, threads, kSeconds); });
  limits.f64_flops = best([&] { return MeasureFlops(DType::kFloat64, threads, kSeconds); });
  // Data that fit the first and the second cache of each thread, that fit all caches, and that fit none.
  for (int64_t bytes : {16 * 1024 * int64_t{threads}, kMiB / 2 * threads, 4 * kMiB * threads, kUncachedBytes}) {
    double rate = 0;
    for (MemoryAccess access : {MemoryAccess::kRead, MemoryAccess::kCopy}) {
      rate = std::max(rate, best([&] { return MeasureBandwidth(access, bytes, threads, kSeconds); }));
    }
    // More threads than the last size has room for would break the order.
    if (limits.memory.empty() || limits.memory.back().bytes < bytes) limits.memory.push_back({bytes, rate});
  }
  return limits;
}

}  // namespace adret
