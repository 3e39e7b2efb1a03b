// adret's side of the benchmark that PyTorch runs, too: the same jobs under the same names.
//
//   adret_bench [--threads=2] [--seconds=1.0] [--filter=REGEX] [--noavx512]
#include <cstdio>
#include <regex>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "bench.h"
#include "hwy/targets.h"

ABSL_FLAG(int, threads, 2, "threads of a run");
ABSL_FLAG(double, seconds, 1.0, "measured time per job, at least 5 iterations");
ABSL_FLAG(bool, avx512, true, "false: do without AVX-512, as on CPUs that have none");
ABSL_FLAG(std::string, filter, ".", "jobs to run: those whose name has a match of this regular expression");

namespace {

// The library's regular expressions report errors by exceptions; ours end here.
bool Parse(const std::string& text, std::regex* regex) {
  try {
    *regex = std::regex(text);
    return true;
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Times adret on fixed jobs; prints one JSON object per job.");
  const auto rest = absl::ParseCommandLine(argc, argv);
  std::regex filter;
  if (rest.size() > 1 || !(absl::GetFlag(FLAGS_seconds) >= 0) || !Parse(absl::GetFlag(FLAGS_filter), &filter)) {
    std::fprintf(stderr, "adret_bench: expected --threads=N, --seconds=S (at least 0), --filter=REGEX\n");
    return 1;
  }
  if (!absl::GetFlag(FLAGS_avx512)) hwy::DisableTargets(HWY_AVX2 - 1);  // Highway numbers better targets lower
  adret::bench::Bench bench(std::move(filter), absl::GetFlag(FLAGS_seconds), absl::GetFlag(FLAGS_threads));
  adret::bench::LectureJobs(bench);
  adret::bench::NetworkJobs(bench);
  adret::bench::ConvolutionJobs(bench);
  adret::bench::SequenceJobs(bench);
  adret::bench::DerivativeJobs(bench);
  adret::bench::OtherJobs(bench);
  if (bench.status().ok()) return 0;
  std::fprintf(stderr, "adret_bench: %s\n", std::string(bench.status().message()).c_str());
  return 1;
}
