// Target: what is to be explained, one number for each image: the value of a unit of a layer.
//
//   explain::Target cat = {.units = {3}};                                   // the network's output 3, for every image
//   explain::Target filter = {.layer = "conv2", .units = {7}};              // the sum of filter 7's map
//   explain::TargetGraph f = *explain::TargetGraph::Create(network, filter);  // f.y depends on f.images, f.unit
//   Value slope = Gradients(f.y, {f.images})[0];
#ifndef ADRET_EXPLAIN_TARGET_H_
#define ADRET_EXPLAIN_TARGET_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/explain/scores.h"

namespace adret::explain {

struct Target {
  std::string layer = "";           // by name; none: the network's output
  std::vector<int64_t> units = {};  // one for each image, or one for all; none: the largest of each image
  bool probability = false;         // not the unit's value, but its probability among the layer's [n, units]
  // Row and column: a map's value there. Without them a map counts as its sum.
  std::optional<std::array<int64_t, 2>> position = {};
};

// The target's value as a function of images, in a graph of its own.
struct TargetGraph {
  // Builds a target's graph. `more` are further values of network.graph() that are wanted in the same copy. Fails when
  // the network lacks the layer (the nearest names are suggested), a unit or position is out of range, or a probability
  // is asked for of units that have maps.
  static absl::StatusOr<TargetGraph> Create(const Network& network, const Target& target,
                                            absl::Span<const Value> more = {});

  // Returns the target's unit for each of the images [n, channels, height, width]. Fails when there are units, but
  // neither one nor n.
  absl::StatusOr<std::vector<int64_t>> UnitsOf(const Network& network, const Target& target, const Tensor& images,
                                               const ExecutorOptions& options = {}) const;

  UnitLayer layer;  // of the network
  std::unique_ptr<Graph> graph;
  Value images;  // input [?, channels, height, width]
  Value unit;    // input i64[?]: as UnitsOf says
  Value units;   // [?, units]: the values of all units of the layer, at the position
  Value y;       // [?]: the target's value
  Values more;   // the copies
};

// Returns one number for each unit of a layer's value [n, units, ...]: [n, units]. Maps are summed.
Value UnitValues(Operand layer);

// Picks values[i, unit[i]]: [n] of values [n, units] and unit i64[n].
Value Pick(Operand values, Operand unit);

// Returns ok for a layer [n, classes]: what has probabilities.
absl::Status CheckClasses(const UnitLayer& layer);

// Returns true where y follows from x, another value of the same graph.
bool FollowsFrom(const Value& y, const Value& x);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_TARGET_H_
