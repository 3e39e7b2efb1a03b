#include "adret/core/ancestors.h"

namespace adret {

std::vector<bool> Ancestors(const Graph& graph, absl::Span<const Value> values) {
  std::vector<bool> needed(graph.num_nodes(), false);
  for (const Value& value : values) needed[value.node()] = true;
  for (NodeId id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!needed[id]) continue;
    for (ValueId input : graph.node(id).inputs) needed[input.node] = true;
  }
  return needed;
}

}  // namespace adret
