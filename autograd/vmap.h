// Vmap(): a function of one example, applied to every example of a batch at once.
//
//   const auto distance = [](Args v) { return Values{Norm(v[0] - v[1])}; };           // of two vectors
//   Value distances = Vmap(distance, {x, y})[0];                                      // of many pairs: [n]
//   Value to_one = Vmap(distance, {x, target}, {.in_axes = {0, kShared}})[0];         // one target for all
//
// The function is called once, on values of one example's type. The nodes that it adds are then built again for the
// whole batch: nothing is computed example by example. Values that it captures are the same for all examples. A random
// node that it adds draws numbers of its own for every example.
//
// How an op is built for a batch follows from what it declares: it works element by element, or its axis labels say
// along which axis examples can be folded (core/axis_rules.h); otherwise from Op::batch. The nodes of one example stay
// in the graph, where nobody fetches them.
#ifndef ADRET_AUTOGRAD_VMAP_H_
#define ADRET_AUTOGRAD_VMAP_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <source_location>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// In the place of an axis: the input is one value for all examples.
inline constexpr int64_t kShared = std::numeric_limits<int64_t>::min();

struct VmapOptions {
  // The axis of examples in each input, or kShared; a negative axis counts from the end. By default axis 0 of each.
  std::vector<int64_t> in_axes = {};
};

using ExampleFunction = std::function<Values(Args)>;

// Returns the function's results for all examples, with the axis of examples in front: a result that does not depend on
// the example is repeated. The number of examples may be symbolic. Errors, kept by the graph: no input with examples;
// an axis that an input lacks; inputs with different numbers of examples; a result that is no value of the graph; an op
// that cannot be built for a batch; a function that updates variables (batch normalisation in training).
Values Vmap(const ExampleFunction& function, absl::Span<const Value> inputs, const VmapOptions& options = {},
            std::source_location location = std::source_location::current());
inline Values Vmap(const ExampleFunction& function, std::initializer_list<Value> inputs,
                   const VmapOptions& options = {}, std::source_location location = std::source_location::current()) {
  return Vmap(function, absl::MakeConstSpan(inputs.begin(), inputs.size()), options, location);
}

}  // namespace adret

#endif  // ADRET_AUTOGRAD_VMAP_H_
