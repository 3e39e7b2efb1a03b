#include "adret/tools/common_flags.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"

ABSL_FLAG(
    std::string, unit, "",
    "what to look at: conv2:7, conv2:*, conv2:0-9, conv2:7@3,5 (row, column), logits:5% (probability), conv2 (the "
    "layer's energy), or a mix such as conv2:7+0.5*dense1:3");
ABSL_FLAG(int, steps, 0, "steps");
ABSL_FLAG(double, rate, 0, "how far a step goes");
ABSL_FLAG(uint64_t, seed, 1, "of all random numbers");
ABSL_FLAG(std::string, array, "", "also write the numbers to this file");
ABSL_FLAG(int, threads, 0, "threads; 0: one per core. Results do not depend on it");

namespace adret::tools {

absl::StatusOr<std::optional<int>> Threads() {
  const int threads = absl::GetFlag(FLAGS_threads);
  if (threads == 0) return std::nullopt;
  if (threads > 0 && threads <= MaxThreads()) return threads;
  return absl::InvalidArgumentError(
      absl::StrCat("--threads must be between 0 and ", MaxThreads(), ", but is ", threads));
}

}  // namespace adret::tools
