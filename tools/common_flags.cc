#include "adret/tools/common_flags.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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
ABSL_FLAG(std::string, sizes, "", "sizes of symbolic dimensions besides the batch: time=100,rows=3; 1 if not given");
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

absl::StatusOr<DimSizes> Sizes(Graph* graph) {
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  if (batch < 1) return absl::InvalidArgumentError(absl::StrCat("--batch must be at least 1, but is ", batch));
  DimSizes sizes(batch);
  std::map<std::string, int> symbols;  // those with names
  for (const Value& input : graph->inputs()) {
    for (int a = 0; a < input.rank(); ++a) {
      input.shape().dim(a).ForEachSymbol([&](int symbol) {
        if (symbol != 0) symbols[SymbolName(symbol)] = symbol, sizes.Set(symbol, 1);
      });
    }
  }
  for (absl::string_view given : absl::StrSplit(absl::GetFlag(FLAGS_sizes), ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(given, absl::MaxSplits('=', 1));
    int64_t size = 0;
    if (!absl::SimpleAtoi(parts.second, &size) || size < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--sizes must be a list such as time=100,rows=3, but has \"", absl::CEscape(given), "\""));
    }
    const auto it = symbols.find(parts.first);
    if (it == symbols.end()) {
      std::vector<std::string> names;
      for (const auto& [name, symbol] : symbols) names.push_back(name);
      return absl::NotFoundError(absl::StrCat("the model's inputs have no dimension \"", absl::CEscape(parts.first),
                                              "\"; they have ",
                                              names.empty() ? "none with a name" : absl::StrJoin(names, ", ")));
    }
    sizes.Set(it->second, size);
  }
  return sizes;
}

}  // namespace adret::tools
