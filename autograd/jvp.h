// Jvp(): forward-mode differentiation: how values change when others move in a given direction.
//
//   Value direction = graph.Input("direction", DType::kFloat32, {3, 2});           // of x's type
//   Value change = Jvp({y}, {x}, {direction})[0];                                  // J v, of y's type
//
// One direction costs about as much as computing ys, whatever their number; Gradients() costs that for one y, whatever
// the number of xs. There are no rules for it. The gradient rule of an op computes J^T u, which is linear in u; so the
// gradient of <v, J^T u> with respect to u is J v, and u itself, whose value does not matter, drops out of the graph
// (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
#ifndef ADRET_AUTOGRAD_JVP_H_
#define ADRET_AUTOGRAD_JVP_H_

#include <source_location>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// Returns, for each y, the sum over xs of (dy / dx) tangent: a value of y's type. There is one tangent, of x's type,
// for each x; types are floating-point. The result is differentiable. Errors, kept by the graph: a tangent of another
// type; an x that no y depends on; an op without a gradient on the way.
Values Jvp(absl::Span<const Value> ys, absl::Span<const Value> xs, absl::Span<const Value> tangents,
           std::source_location location = std::source_location::current());
inline Values Jvp(std::initializer_list<Value> ys, std::initializer_list<Value> xs,
                  std::initializer_list<Value> tangents,
                  std::source_location location = std::source_location::current()) {
  return Jvp(absl::MakeConstSpan(ys.begin(), ys.size()), absl::MakeConstSpan(xs.begin(), xs.size()),
             absl::MakeConstSpan(tangents.begin(), tangents.size()), location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_JVP_H_
