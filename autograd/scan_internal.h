// The op "scan", for its builder and its gradient.
#ifndef ADRET_AUTOGRAD_SCAN_INTERNAL_H_
#define ADRET_AUTOGRAD_SCAN_INTERNAL_H_

#include <cstdint>
#include <vector>

#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/core/subgraph.h"

namespace adret {

// The node's inputs are the carry, the sequences and the captures, in this order, as the body's are. The body returns
// the next carry and one element of each result.
struct ScanAttrs {
  SubgraphRef body;
  int64_t carries = 0;  // how many of the inputs are the carry
  int64_t each = 1;     // how many are sequences
  bool reverse = false;
  template <class V>
  void Fields(V&& v) {
    v("body", body), v("carries", carries), v("each", each), v("reverse", reverse);
  }
};

// Returns the type of one step's part of a sequence.
inline Type ScanElement(Type sequence) {
  sequence.shape.erase(0);
  return sequence;
}

// Adds a node; returns its outputs, the last carry and the results.
Values AddScan(Graph* graph, const Values& inputs, ScanAttrs attrs, std::source_location location);

// Returns the same outputs by a scan over blocks of so many steps, each of which is a scan, and one over the steps that
// are left. The gradient of the outer one finds nothing but the carry at the start of each block.
Values AddScanOfBlocks(Graph* graph, const Values& inputs, const ScanAttrs& attrs, int64_t block,
                       std::source_location location);

// How the examples of a body, along axis 0 of every carry, are cut into parts that know nothing of each other, so that
// each can go through all steps on a thread of its own. How many there are depends on their number alone.
struct ScanParts {
  SubgraphRef body;                // for one part
  int64_t parts = 1;               // 1: nothing is cut
  std::vector<bool> has_examples;  // of the inputs of the body; others are the same for all parts
};
ScanParts PartsOf(const ScanAttrs& attrs);

Values ScanGradient(const GradientContext& c);
Values ScanBatch(const BatchContext& c);

}  // namespace adret

#endif  // ADRET_AUTOGRAD_SCAN_INTERNAL_H_
