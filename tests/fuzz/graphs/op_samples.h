// OpSamples: what nodes of each op look like, learned from the op suite's rows. A new op is fuzzed as soon as it has a
// row there.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_OP_SAMPLES_H_
#define ADRET_TESTS_FUZZ_GRAPHS_OP_SAMPLES_H_

#include <string>
#include <vector>

#include "adret/core/graph.h"

namespace adret::fuzz {

// A node that some row builds, or a gradient of order 1 or 2 of it. The row's floating type is f64.
struct OpSample {
  const Op* op;
  Attrs attrs;
  Types inputs;
};

struct OpSamples {
  const Op* op;
  std::vector<OpSample> samples;  // all different
};

// All ops but leaves, by name, each with at least one sample where the op suite reaches it. Made once.
const std::vector<OpSamples>& AllOpSamples();

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_OP_SAMPLES_H_
