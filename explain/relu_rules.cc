#include "adret/explain/relu_rules.h"

#include "adret/core/op.h"
#include "adret/ops/unary.h"

namespace adret::explain {

Values GuidedRelu(const GradientContext& c) {
  // relu's own rule, on what is left of dy.
  const Value dy = Relu(c.dy());
  return c.node().op->gradient(GradientContext(c.graph(), c.y().node(), absl::MakeConstSpan(&dy, 1)));
}

Values DeconvnetRelu(const GradientContext& c) { return {Relu(c.dy())}; }

}  // namespace adret::explain
