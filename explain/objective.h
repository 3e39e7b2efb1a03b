// Objectives: what an image is to please, as one number a(x) for each image of a batch.
//
//   explain::Objective filter = explain::Unit("conv2", 7);                    // a = the sum of filter 7's map
//   explain::Objective pixel = explain::Unit("conv2", 7, {.position = {{3, 5}}});
//   explain::Objective seven = explain::Probability("logits", 7);
//   explain::Objective dream = explain::Energy("conv2");                      // a = the mean of the layer's squares
//   explain::Objective mix = filter + 0.5 * explain::Unit("dense1", 3);
//   std::vector<explain::Objective> all = *explain::ParseObjectives("conv2:*", network);
//
// An objective is data: a sum of terms, each linear in the values of one layer, or in their softmax, or their energy.
// So the objectives of a batch, one for each image, are computed together.
//
// As text, which the command line takes:
//  conv2:7    a filter (the sum of its map), a neuron, a logit      conv2:7@3,5    its value at row 3, column 5
//  conv2:*    each unit, an objective for every one                 logits:5%      the probability of class 5
//  conv2:0-9  conv2:1,4,8   some of them                            conv2          the energy of the layer
//  conv2:7+0.5*dense1:3     a mix
#ifndef ADRET_EXPLAIN_OBJECTIVE_H_
#define ADRET_EXPLAIN_OBJECTIVE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/explain/network.h"

namespace adret::explain {

enum class Measure {
  kValue,        // what the layer computes
  kProbability,  // its softmax over the units; what is probabilities already stays (explain/scores.h)
  kEnergy,       // the mean of the squares of all its values; units do not matter
};

struct Term {
  std::string layer;
  Measure measure = Measure::kValue;
  std::vector<std::pair<int64_t, double>> units = {};   // unit and weight
  std::optional<std::array<int64_t, 2>> position = {};  // row and column; without one the whole map counts
  bool mean = false;                                    // the mean of the map, not its sum
  double weight = 1;
};

struct Objective {
  std::string name;
  std::vector<Term> terms;
};

struct UnitOptions {
  std::optional<std::array<int64_t, 2>> position = {};
  bool mean = false;
};
// Returns a = sum_ij a_ij, the sum of the map of filter `unit` (its mean, one of its values), or what a neuron
// computes.
Objective Unit(absl::string_view layer, int64_t unit, const UnitOptions& options = {});
// Returns the probability of `unit` among those of a layer.
Objective Probability(absl::string_view layer, int64_t unit);
// Returns sum_k direction[k] a_k, with a_k the mean of map k.
Objective Direction(absl::string_view layer, const std::vector<double>& direction);
Objective Energy(absl::string_view layer);

Objective operator+(const Objective& a, const Objective& b);
Objective operator-(const Objective& a, const Objective& b);
Objective operator*(double weight, const Objective& a);

// Units of one layer, as text says: "conv2:7@3,5".
struct Units {
  std::string layer;
  std::vector<int64_t> units = {};  // none: the layer as a whole
  std::optional<std::array<int64_t, 2>> position = {};
  bool probability = false;
};
// Reads units from text; InvalidArgument for text that says nothing of the kind; NotFound for a layer that the network
// does not have, with the nearest names; OutOfRange for units and positions outside the layer.
absl::StatusOr<Units> ParseUnits(absl::string_view text, const Network& network);
// Returns an objective for each unit of the text; a mix is one objective. Fails as ParseUnits does.
absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text, const Network& network);

// Builds [n] from images [n, channels, height, width] in any graph, n concrete: objective i of image i. Fails as
// ParseUnits does, and when there are not n objectives.
absl::StatusOr<Value> Activation(const Network& network, absl::Span<const Objective> objectives, Value images);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_OBJECTIVE_H_
