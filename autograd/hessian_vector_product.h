// HessianVectorProduct(): how the gradient of a loss changes when its arguments move in a given direction.
//
//   Value direction = graph.Input("direction", DType::kFloat32, {3, 2});              // of w's type
//   Value hv = HessianVectorProduct(loss, {w}, {direction})[0];
//
// It is the gradient of <v, gradient of the loss> (B. Pearlmutter, "Fast exact multiplication by the Hessian", Neural
// Computation 1994): about two gradients' work, and never a matrix. Newton's method with conjugate gradients needs
// nothing else.
#ifndef ADRET_AUTOGRAD_HESSIAN_VECTOR_PRODUCT_H_
#define ADRET_AUTOGRAD_HESSIAN_VECTOR_PRODUCT_H_

#include <source_location>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// Returns, for each x, the sum over all x' of (d2 loss / dx dx') v': a value of x's type. The loss is a scalar; there
// is one v, of x's type, for each x. The result is differentiable. Errors, kept by the graph: a v of another type; an x
// that the loss does not depend on; an op without a gradient on the way.
Values HessianVectorProduct(Value loss, absl::Span<const Value> xs, absl::Span<const Value> vs,
                            std::source_location location = std::source_location::current());
inline Values HessianVectorProduct(Value loss, std::initializer_list<Value> xs, std::initializer_list<Value> vs,
                                   std::source_location location = std::source_location::current()) {
  return HessianVectorProduct(loss, absl::MakeConstSpan(xs.begin(), xs.size()),
                              absl::MakeConstSpan(vs.begin(), vs.size()), location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_HESSIAN_VECTOR_PRODUCT_H_
