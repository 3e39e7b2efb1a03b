// HasGradient(): whether Gradients() can be asked for.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_HAS_GRADIENT_H_
#define ADRET_TESTS_FUZZ_GRAPHS_HAS_GRADIENT_H_

#include "adret/core/graph.h"

namespace adret::fuzz {

// Returns whether all nodes on the way from the xs to the ys, those in bodies included, have gradients.
bool HasGradient(const Values& ys, const Values& xs);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_HAS_GRADIENT_H_
