// Recompute(): a part of a graph whose intermediate values are not kept for the gradient, but computed a second time.
//
//   const auto block = [&](Args v) { return Values{Tanh(MatMul(Tanh(MatMul(v[0], w)), w))}; };
//   Value y2 = Recompute(block, {y})[0];         // the same numbers, and the same gradients
//
// Differentiation needs what a network computed on its way, so all of it stays in memory until the backward pass comes
// by. Of a region, only its inputs and outputs stay; the gradient begins with a copy of the region. That trades a
// second forward pass for memory (T. Chen et al., "Training deep nets with sublinear memory cost", 2016): with n layers
// in sqrt(n) regions, memory grows with sqrt(n). `executor.PeakBytes(batch)` shows what it saves. The copy reads its
// inputs through barriers (ops/barrier.h), so plans run it no sooner than the gradient arrives, and do not take it for
// the first computation. Regions may hold regions.
#ifndef ADRET_AUTOGRAD_RECOMPUTE_H_
#define ADRET_AUTOGRAD_RECOMPUTE_H_

#include <functional>
#include <source_location>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// Returns region(inputs), as values whose gradient recomputes what the region adds to the graph. The region may capture
// values and create variables. Values and gradients have the same bits as without; random nodes draw the same numbers
// again. Errors, kept by the graph: a result that is no value of the graph.
Values Recompute(const std::function<Values(Args)>& region, absl::Span<const Value> inputs,
                 std::source_location location = std::source_location::current());
inline Values Recompute(const std::function<Values(Args)>& region, std::initializer_list<Value> inputs,
                        std::source_location location = std::source_location::current()) {
  return Recompute(region, absl::MakeConstSpan(inputs.begin(), inputs.size()), location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_RECOMPUTE_H_
