// The limits of this machine, that adret's times are compared with: multiply-adds from registers, and memory bandwidth
// by the size of the data; on one thread and on all. Takes ten seconds, on a machine that does nothing else.
//
//   machine_limits [--threads=N] [--seconds=0.03] [--noavx512] [--json]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/adret.h"
#include "hwy/targets.h"

ABSL_FLAG(std::optional<int>, threads, std::nullopt, "what \"all threads\" means; one per core if not given");
ABSL_FLAG(double, seconds, 0.03, "time per measurement, of which each number needs three");
ABSL_FLAG(bool, avx512, true, "false: do without AVX-512, as on CPUs that have none");
ABSL_FLAG(bool, json, false, "print one JSON object instead of tables");

namespace {

using adret::DType;
using adret::MemoryAccess;

constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;

// Bytes per thread: within the first, second and third cache of most CPUs, and beyond.
constexpr int64_t kSizes[] = {16 * kKiB, 32 * kKiB, 256 * kKiB, kMiB, 4 * kMiB, 16 * kMiB, 128 * kMiB};
constexpr struct {
  MemoryAccess access;
  const char* name;
} kAccesses[] = {{MemoryAccess::kRead, "read"}, {MemoryAccess::kWrite, "write"}, {MemoryAccess::kCopy, "copy"}};

struct Limits {
  int threads = 1;
  double f32 = 0, f64 = 0;                                      // flops per second
  double memory[std::size(kSizes)][std::size(kAccesses)] = {};  // bytes per second
};

// The best of three: other programs can only slow a measurement down.
template <class F>
double Best(F measure) {
  return std::max({measure(), measure(), measure()});
}

Limits Measure(int threads, double seconds) {
  Limits limits{.threads = threads};
  limits.f32 = Best([&] { return adret::MeasureFlops(DType::kFloat32, threads, seconds); });
  limits.f64 = Best([&] { return adret::MeasureFlops(DType::kFloat64, threads, seconds); });
  for (size_t s = 0; s < std::size(kSizes); ++s) {
    for (size_t a = 0; a < std::size(kAccesses); ++a) {
      limits.memory[s][a] =
          Best([&] { return adret::MeasureBandwidth(kAccesses[a].access, kSizes[s] * threads, threads, seconds); });
    }
  }
  return limits;
}

// As Linux calls it; empty elsewhere.
std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (absl::StartsWith(line, "model name")) {
      return std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
    }
  }
  return "";
}

std::string SizeName(int64_t bytes) {
  return bytes < kMiB ? absl::StrCat(bytes / kKiB, " KiB") : absl::StrCat(bytes / kMiB, " MiB");
}

std::string Heading(const Limits& limits) {
  return limits.threads == 1 ? "1 thread" : absl::StrCat(limits.threads, " threads");
}

void PrintTables(const std::vector<Limits>& all) {
  std::printf("%s\n\n%-24s", CpuName().c_str(), "multiply-add, Gflop/s");
  for (const Limits& l : all) std::printf("%12s", Heading(l).c_str());
  std::printf("\n%-24s", "  f32");
  for (const Limits& l : all) std::printf("%12.1f", l.f32 * 1e-9);
  std::printf("\n%-24s", "  f64");
  for (const Limits& l : all) std::printf("%12.1f", l.f64 * 1e-9);
  std::printf("\n\n%-24s", "memory, GB/s");
  for (const Limits& l : all) std::printf("%12s%24s", Heading(l).c_str(), "");
  std::printf("\n%-24s", "  data per thread");
  for (size_t i = 0; i < all.size(); ++i) {
    for (const auto& access : kAccesses) std::printf("%12s", access.name);
  }
  for (size_t s = 0; s < std::size(kSizes); ++s) {
    std::printf("\n  %-22s", SizeName(kSizes[s]).c_str());
    for (const Limits& l : all) {
      for (double rate : l.memory[s]) std::printf("%12.1f", rate * 1e-9);
    }
  }
  std::printf("\n");
}

std::string Json(const Limits& l) {
  std::vector<std::string> rows;
  for (size_t s = 0; s < std::size(kSizes); ++s) {
    std::string row = absl::StrCat("{\"bytes_per_thread\": ", kSizes[s]);
    for (size_t a = 0; a < std::size(kAccesses); ++a) {
      absl::StrAppend(&row, ", \"", kAccesses[a].name, "\": ", l.memory[s][a]);
    }
    rows.push_back(row + "}");
  }
  return absl::StrCat("{\"threads\": ", l.threads, ", \"f32_flops\": ", l.f32, ", \"f64_flops\": ", l.f64,
                      ", \"memory\": [", absl::StrJoin(rows, ", "), "]}");
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Measures multiply-add rate and memory bandwidth, on one thread and on all.");
  const auto rest = absl::ParseCommandLine(argc, argv);
  const int threads = absl::GetFlag(FLAGS_threads).value_or(adret::HardwareThreads());
  const double seconds = absl::GetFlag(FLAGS_seconds);
  if (rest.size() > 1 || threads < 1 || threads > adret::MaxThreads() || !(seconds > 0)) {
    std::fprintf(stderr, "machine_limits: expected --threads=N (1 to %d), --seconds=S (above 0), --json\n",
                 adret::MaxThreads());
    return 1;
  }
  if (!absl::GetFlag(FLAGS_avx512)) hwy::DisableTargets(HWY_AVX2 - 1);  // Highway numbers better targets lower
  std::vector<Limits> all = {Measure(1, seconds)};
  if (threads > 1) all.push_back(Measure(threads, seconds));
  if (!absl::GetFlag(FLAGS_json)) {
    PrintTables(all);
    return 0;
  }
  const std::string objects =
      absl::StrJoin(all, ", ", [](std::string* out, const Limits& l) { absl::StrAppend(out, Json(l)); });
  std::printf("{\"cpu\": \"%s\", \"limits\": [%s]}\n", CpuName().c_str(), objects.c_str());
  return 0;
}
