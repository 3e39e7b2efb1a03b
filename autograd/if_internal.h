// The op "if", for its builder and its rules.
#ifndef ADRET_AUTOGRAD_IF_INTERNAL_H_
#define ADRET_AUTOGRAD_IF_INTERNAL_H_

#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/core/subgraph.h"

namespace adret {

// The node's inputs are the condition and the captures; both branches take all captures.
struct IfAttrs {
  SubgraphRef then_branch, else_branch;
  template <class V>
  void Fields(V&& v) {
    v("then_branch", then_branch), v("else_branch", else_branch);
  }
};

// Adds a node; returns its outputs.
Values AddIf(Graph* graph, const Values& inputs, IfAttrs attrs, std::source_location location);

Values IfGradient(const GradientContext& c);
Values IfBatch(const BatchContext& c);

}  // namespace adret

#endif  // ADRET_AUTOGRAD_IF_INTERNAL_H_
