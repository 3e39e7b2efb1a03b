// Ancestors(): what values depend on; Descendants(): what depends on them.
//
//   std::vector<bool> needed = Ancestors(graph, {loss});
//   if (!needed[label.node()]) std::puts("the loss does not know the labels");
#ifndef ADRET_CORE_ANCESTORS_H_
#define ADRET_CORE_ANCESTORS_H_

#include <initializer_list>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// Returns, for each node, whether it computes one of these values of the graph or something that they depend on.
std::vector<bool> Ancestors(const Graph& graph, absl::Span<const ValueId> values);
std::vector<bool> Ancestors(const Graph& graph, absl::Span<const Value> values);
inline std::vector<bool> Ancestors(const Graph& graph, std::initializer_list<Value> values) {
  return Ancestors(graph, absl::MakeConstSpan(values.begin(), values.size()));
}

// Returns, for each node, whether it computes this value of the graph or something that depends on it.
std::vector<bool> Descendants(const Graph& graph, Value value);

}  // namespace adret

#endif  // ADRET_CORE_ANCESTORS_H_
