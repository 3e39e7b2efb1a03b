// Shrink(): a smaller case that still fails.
//
// Fetches, updates, runs and nodes are dropped, sizes and numbers made small, one change after the other, as long as
// the case fails. A node is dropped by a leaf that holds what it computed, or by one of its inputs.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_SHRINK_H_
#define ADRET_TESTS_FUZZ_GRAPHS_SHRINK_H_

#include <functional>

#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

// Stops after so many seconds with what it has got to.
GraphCase Shrink(GraphCase c, const std::function<bool(const GraphCase&)>& fails, double seconds = 20);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_SHRINK_H_
