#include "adret/explain/relu_rules.h"

#include "adret/core/op.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {

Values GuidedRelu(const GradientContext& c) {
  // relu's own rule, on what is left of dy.
  const Value dy = Relu(c.dy());
  return c.node().op->gradient(GradientContext(c.graph(), c.y().node(), absl::MakeConstSpan(&dy, 1)));
}

Values DeconvnetRelu(const GradientContext& c) { return {Relu(c.dy())}; }

Values RedirectedRelu(const GradientContext& c) {
  return {Where(LogicalAnd(LessEqual(c.x(0), 0.0), Less(c.dy(), 0.0)), 0.0, c.dy())};
}

}  // namespace adret::explain
