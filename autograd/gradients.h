// Gradients(): reverse-mode differentiation of any value with respect to any values, by adding nodes to the same graph.
//
//   Values dw = Gradients(loss, graph.variables());
//   Value slope = Gradients(activation, {image})[0];
//   Value curvature = Gradients(slope_dot_v, {image})[0];     // a gradient is a graph: differentiate it again
//
// It does not know what a weight is, and names no op but add.
#ifndef ADRET_AUTOGRAD_GRADIENTS_H_
#define ADRET_AUTOGRAD_GRADIENTS_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

struct GradientOptions {
  // Cotangents of ys, of the same types; by default ones. An invalid Value stands for ones.
  Values seeds = {};
  // Gradient rules that replace those of the named ops for this call (guided backprop, redirected relu).
  absl::flat_hash_map<std::string, GradientRule> overrides = {};
};

// Returns d(sum of seeds . ys) / dx for every x of xs. Where no y depends on an x the gradient is zeros of x's type.
// In a body (autograd/scan.h), an x may be a value of the graph around.
// Errors (an op without gradient on the way, named with the path to it; a y that is not floating-point; another graph's
// value) are kept by the graph, and the results are invalid.
Values Gradients(absl::Span<const Value> ys, absl::Span<const Value> xs, const GradientOptions& options = {},
                 std::source_location location = std::source_location::current());
Values Gradients(Value y, absl::Span<const Value> xs, const GradientOptions& options = {},
                 std::source_location location = std::source_location::current());
inline Values Gradients(Value y, std::initializer_list<Value> xs, const GradientOptions& options = {},
                        std::source_location location = std::source_location::current()) {
  return Gradients(y, absl::MakeConstSpan(xs.begin(), xs.size()), options, location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_GRADIENTS_H_
