// Flags that mean the same to several commands. What a command adds to them (its default, its unit) is in the text that
// it gives them (tools/command.h).
#ifndef ADRET_TOOLS_COMMON_FLAGS_H_
#define ADRET_TOOLS_COMMON_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"

ABSL_DECLARE_FLAG(std::string, unit);
ABSL_DECLARE_FLAG(std::optional<int>, steps);    // not given: the command's own
ABSL_DECLARE_FLAG(std::optional<double>, rate);  // likewise
ABSL_DECLARE_FLAG(uint64_t, seed);
ABSL_DECLARE_FLAG(std::string, array);
ABSL_DECLARE_FLAG(int, threads);
ABSL_DECLARE_FLAG(int64_t, batch);
ABSL_DECLARE_FLAG(std::string, sizes);

namespace adret::tools {

// --threads, for ExecutorOptions: nothing when it is 0. Fails when it is negative or more than adret can use.
absl::StatusOr<std::optional<int>> Threads();
// Returns the sizes of all symbolic dimensions of the graph's inputs: --batch, those of --sizes, and 1 for the others.
// Fails when one is negative, --batch is less than 1, or --sizes names what the inputs do not have.
absl::StatusOr<DimSizes> Sizes(Graph* graph);

// Replaces a command's own number of steps and rate by --steps and --rate, where they are given; rate may be null.
// Fails unless they are positive.
absl::Status SetStepsAndRate(int* steps, double* rate = nullptr);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_COMMON_FLAGS_H_
