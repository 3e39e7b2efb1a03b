// GraphCase: a graph with everything that its runs need, as one thing that engines run, the shrinker cuts down and
// ToCpp() prints.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_GRAPH_CASE_H_
#define ADRET_TESTS_FUZZ_GRAPHS_GRAPH_CASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/attrs.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"
#include "adret/core/subgraph.h"

namespace adret::fuzz {

// Two values that are equal up to rounding, in the first run. margin: how much more they may differ, or no value.
struct EqualValues {
  Value a, b;
  Value margin;
};

struct GraphCase {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  Values fetches;
  Updates updates;
  std::vector<Feeds> runs;  // one run for each, in order; each continues from the variables of the one before
  State state;              // before the first run
  // What else must hold, of fetches.
  std::vector<EqualValues> equal;
  // Empty, or a law (laws.h) that must hold of the function from the inputs to the fetches. Then the case stands for
  // the graph in which that function is computed in two ways.
  std::string law;
  uint64_t law_seed = 0;

  // Adds a node whose attributes are given as a list, and returns its outputs: what printed cases are made of. An
  // attribute that does not fit the op is the graph's error.
  Values Add(absl::string_view op, const Values& inputs, const AttrList& attrs);
};

// The nodes that the fetches and updates depend on.
std::vector<bool> NeededNodes(const GraphCase& c);
// The sizes that these feeds give to symbols; nothing where they contradict each other.
std::optional<DimSizes> FindSizes(const Feeds& feeds);
// The same of feeds that do not.
DimSizes SizesOf(const Feeds& feeds);
// The tensor fed for an input node, or null.
const Tensor* FindFeed(const Feeds& feeds, NodeId input);

// C++ that builds the case and compares all engines on it, to be pasted into a test that includes engines.h.
std::string ToCpp(const GraphCase& c, absl::string_view comment = "");

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_GRAPH_CASE_H_
