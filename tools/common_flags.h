// Flags that mean the same to several commands. What a command adds to them (its default, its unit) is in the text that
// it gives them (tools/command.h).
#ifndef ADRET_TOOLS_COMMON_FLAGS_H_
#define ADRET_TOOLS_COMMON_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"

ABSL_DECLARE_FLAG(std::string, unit);
ABSL_DECLARE_FLAG(std::optional<int>, steps);    // not given: the command's own
ABSL_DECLARE_FLAG(std::optional<double>, rate);  // likewise
ABSL_DECLARE_FLAG(uint64_t, seed);
ABSL_DECLARE_FLAG(std::string, array);
ABSL_DECLARE_FLAG(int, threads);
ABSL_DECLARE_FLAG(int64_t, batch);

namespace adret::tools {

// --threads, for ExecutorOptions: nothing when it is 0. Fails when it is negative or more than adret can use.
absl::StatusOr<std::optional<int>> Threads();
// Returns --batch. Fails when it is less than 1.
absl::StatusOr<int64_t> Batch();

// Replaces a command's own number of steps and rate by --steps and --rate, where they are given; rate may be null.
// Fails unless they are positive.
absl::Status SetStepsAndRate(int* steps, double* rate = nullptr);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_COMMON_FLAGS_H_
