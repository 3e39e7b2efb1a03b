#include "adret/tools/common_flags.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"

ABSL_FLAG(
    std::string, unit, "",
    "what to look at: conv2:7, conv2:*, conv2:0-9, conv2:7@3,5 (row, column), logits:5% (probability), conv2 (the "
    "layer's energy), or a mix such as conv2:7+0.5*dense1:3");
ABSL_FLAG(std::optional<int>, steps, std::nullopt, "steps");
ABSL_FLAG(std::optional<double>, rate, std::nullopt, "how far a step goes");
ABSL_FLAG(uint64_t, seed, 1, "of all random numbers");
ABSL_FLAG(std::string, array, "", "also write the numbers to this file");
ABSL_FLAG(int64_t, batch, 1, "examples at once");
ABSL_FLAG(int, threads, 0, "threads; 0: one per core. Results do not depend on it");

namespace adret::tools {

absl::StatusOr<std::optional<int>> Threads() {
  const int threads = absl::GetFlag(FLAGS_threads);
  if (threads == 0) return std::nullopt;
  if (threads > 0 && threads <= MaxThreads()) return threads;
  return absl::InvalidArgumentError(
      absl::StrCat("--threads must be between 0 and ", MaxThreads(), ", but is ", threads));
}

absl::Status SetStepsAndRate(int* steps, double* rate) {
  if (const std::optional<int> given = absl::GetFlag(FLAGS_steps)) {
    if (*given < 1) return absl::InvalidArgumentError(absl::StrCat("--steps must be at least 1, but is ", *given));
    *steps = *given;
  }
  const std::optional<double> given = absl::GetFlag(FLAGS_rate);
  if (!given.has_value() || rate == nullptr) return absl::OkStatus();
  if (!(*given > 0)) return absl::InvalidArgumentError(absl::StrCat("--rate must be positive, but is ", *given));
  *rate = *given;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Batch() {
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  if (batch >= 1) return batch;
  return absl::InvalidArgumentError(absl::StrCat("--batch must be at least 1, but is ", batch));
}

}  // namespace adret::tools
