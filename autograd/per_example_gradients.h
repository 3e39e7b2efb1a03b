// PerExampleGradients(): the gradient of every example's loss, not only their mean: for gradient clipping by example
// (differential privacy), for influence functions, for the noise of a gradient.
//
//   Value ExampleLoss(Args v) {
//     const Value logits = MatMul(Reshape(v[0], {1, -1}), w);                       // a batch of one
//     return nn::SoftmaxCrossEntropy(logits, Reshape(v[1], {1}));
//   }
//   Value gradients = PerExampleGradients(ExampleLoss, {image, label}, {w})[0];     // [examples] + w's shape
//
// It is Vmap() of a gradient. What the function uses but the examples do not change, such as w, is shared.
#ifndef ADRET_AUTOGRAD_PER_EXAMPLE_GRADIENTS_H_
#define ADRET_AUTOGRAD_PER_EXAMPLE_GRADIENTS_H_

#include <functional>
#include <source_location>

#include "absl/types/span.h"
#include "adret/autograd/vmap.h"
#include "adret/core/graph.h"

namespace adret {

// Returns, for each variable (or any other floating-point value that the examples share), the gradients of the loss of
// every example: shape [examples] + variable.shape. `loss` builds a scalar from one example of each input; inputs and
// options are those of Vmap(). Where a loss does not depend on a variable, its gradient is zero. Errors, kept by the
// graph: a loss that is not a scalar, and those of Vmap() and Gradients().
Values PerExampleGradients(const std::function<Value(Args)>& loss, absl::Span<const Value> inputs,
                           absl::Span<const Value> variables, const VmapOptions& options = {},
                           std::source_location location = std::source_location::current());
inline Values PerExampleGradients(const std::function<Value(Args)>& loss, std::initializer_list<Value> inputs,
                                  const Values& variables, const VmapOptions& options = {},
                                  std::source_location location = std::source_location::current()) {
  return PerExampleGradients(loss, absl::MakeConstSpan(inputs.begin(), inputs.size()), absl::MakeConstSpan(variables),
                             options, location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_PER_EXAMPLE_GRADIENTS_H_
