// Survey: what a network does with every example of a data set, in one pass.
//
//   absl::StatusOr<report::Survey> survey = report::RunSurvey(network, {0, 2}, digits.test.images);
//   report::Survey::Top best = survey->tops[1][7][0];       // what activates unit 7 of layer 2 most
#ifndef ADRET_TOOLS_REPORT_SURVEY_H_
#define ADRET_TOOLS_REPORT_SURVEY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"

namespace adret::report {

struct SurveyOptions {
  int64_t top = 9;  // examples kept for each unit
  int64_t batch = 250;
  std::optional<int> threads = {};
};

struct Survey {
  struct Top {
    double activation = 0;
    int64_t example = 0;
  };
  // tops[i][unit]: of the i-th layer asked for, the examples that activate it most (the sum of a filter's map), the
  // largest first; of equal ones the earlier. Fewer where activations are no numbers.
  std::vector<std::vector<std::vector<Top>>> tops;

  // Where the output is [?, classes]: for each example the likeliest class, and the logarithm of its probability.
  // Probabilities themselves are 1 too often to tell sure from surer.
  std::vector<int64_t> answers;
  std::vector<double> log_confidences;
};

// examples [n, ...] as the network takes them; bytes are divided by 255. `layers` are indices into network.layers().
absl::StatusOr<Survey> RunSurvey(const explain::Network& network, const std::vector<size_t>& layers,
                                 const Tensor& examples, const SurveyOptions& options = {});

// Some examples as images [n, channels, height, width] of the network's dtype.
Tensor ExampleImages(const explain::Network& network, const Tensor& examples, const std::vector<int64_t>& which);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_SURVEY_H_
