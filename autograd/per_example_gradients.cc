#include "adret/autograd/per_example_gradients.h"

#include "adret/autograd/gradients.h"
#include "adret/autograd/transformation_internal.h"

namespace adret {

Values PerExampleGradients(const std::function<Value(Args)>& loss, absl::Span<const Value> inputs,
                           absl::Span<const Value> variables, const VmapOptions& options,
                           std::source_location location) {
  Graph* const graph = GraphOf({inputs, variables});
  if (graph == nullptr) return Values(variables.size());
  const Transformation call("PerExampleGradients", graph, location);
  const auto gradients = [&](Args example) {
    const Value l = loss(example);
    const absl::Span<const Value> losses(&l, 1);
    if (!call.CheckValues(losses, "loss") || !call.CheckScalar(l, "the loss of an example")) {
      return call.Invalid(variables.size());
    }
    return Gradients(l, variables, {}, location);
  };
  return Vmap(gradients, inputs, options, location);
}

}  // namespace adret
