// LoadExamples(): the data that a report looks at, from files.
//
//   absl::StatusOr<report::NamedExamples> data = report::LoadExamples("mnist", network);
//   std::puts(data->name.c_str());                                              // "10,000 test images of mnist"
#ifndef ADRET_TOOLS_REPORT_EXAMPLES_H_
#define ADRET_TOOLS_REPORT_EXAMPLES_H_

#include <string>

#include "absl/status/statusor.h"
#include "adret/explain/network.h"
#include "adret/nn/batches.h"

namespace adret::report {

struct NamedExamples {
  nn::Examples examples;  // may be none
  std::string name;       // what they are
};

// A folder with MNIST's files: its test images. A file of NumPy's, .npz, with the arrays "images" [n, ...] and "labels"
// [n], integers (or "x" and "y"). "": digits that adret draws, when the network takes such and knows ten classes;
// otherwise none.
absl::StatusOr<NamedExamples> LoadExamples(const std::string& path, const explain::Network& network);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_EXAMPLES_H_
