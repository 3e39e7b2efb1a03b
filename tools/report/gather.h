// Gather(): looks into a network and finds what a report tells about it.
//
//   const io::Dataset test = io::LoadMnist("mnist")->test;
//   absl::StatusOr<report::ReportData> data = report::Gather(network, {test.images, test.labels}, {.seed = 1});
//   absl::StatusOr<std::string> page = report::RenderPage(*data);
//
// Equal arguments give equal data, for any number of threads.
#ifndef ADRET_TOOLS_REPORT_GATHER_H_
#define ADRET_TOOLS_REPORT_GATHER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/explain/network.h"
#include "adret/nn/batches.h"
#include "adret/tools/report/report_data.h"

namespace adret::report {

struct GatherOptions {
  uint64_t seed = 1;  // of the noise from which images climb
  std::optional<int> threads = {};
  int steps = 100;      // of each climb
  int64_t units = 128;  // of each layer, at most; of the output, at least 128
  // In each group of a class, and in each cell of mistakes, at most; fewer where all of them together are too many.
  int64_t examples = 8;
  std::vector<std::string> classes = {};  // their names; by default their numbers
  // What it is about to do, for people who wait.
  std::function<void(absl::string_view)> on_stage = nullptr;
};

// All but ReportData's title, data and history, and the facts that only a file knows.
//
// examples.x [n, ...] are as the network's input takes them, bytes divided by 255; examples.y are classes i64[n]. There
// may be none; then the report is about units alone. Fails when examples do not fit the network, when a label is not
// among the classes, and when images cannot be shown because they have neither 1 nor 3 channels.
//
// Examples are those of the 100 most frequent mistakes and of the 128 classes with the largest share of them, and as
// many as keep the page to a few dozen megabytes. A network that is too large to draw has a report without a drawing.
absl::StatusOr<ReportData> Gather(const explain::Network& network, const nn::Examples& examples,
                                  const GatherOptions& options = {});

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_GATHER_H_
