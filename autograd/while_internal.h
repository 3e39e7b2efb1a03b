// The op "while", for its builder and its rules.
#ifndef ADRET_AUTOGRAD_WHILE_INTERNAL_H_
#define ADRET_AUTOGRAD_WHILE_INTERNAL_H_

#include <cstdint>

#include "adret/autograd/while.h"
#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/core/subgraph.h"

namespace adret {

// The node's inputs are the carry and the captures, which are those of the condition and of the body. The outputs are
// the last carry and the number of iterations, i64[].
struct WhileAttrs {
  SubgraphRef condition, body;
  int64_t carries = 1;
  int64_t max_iterations = -1;
  template <class V>
  void Fields(V&& v) {
    v("condition", condition), v("body", body), v("carries", carries), v("max_iterations", max_iterations);
  }
};

// Does what While() does, in this graph, which all values of the carry belong to.
WhileResult BuildWhile(Graph* graph, const WhileInputs& inputs, const WhileCondition& condition, const WhileBody& body,
                       std::source_location location);

Values WhileGradient(const GradientContext& c);
Values WhileBatch(const BatchContext& c);

}  // namespace adret

#endif  // ADRET_AUTOGRAD_WHILE_INTERNAL_H_
