#include "adret/core/ancestors.h"

#include <algorithm>

namespace adret {

std::vector<bool> Ancestors(const Graph& graph, absl::Span<const ValueId> values) {
  std::vector<bool> needed(graph.num_nodes(), false);
  for (ValueId value : values) needed[value.node] = true;
  for (NodeId id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!needed[id]) continue;
    for (ValueId input : graph.node(id).inputs) needed[input.node] = true;
  }
  return needed;
}

std::vector<bool> Ancestors(const Graph& graph, absl::Span<const Value> values) {
  std::vector<ValueId> ids;
  for (const Value& value : values) ids.push_back(value.id());
  return Ancestors(graph, ids);
}

std::vector<bool> Descendants(const Graph& graph, Value value) {
  std::vector<bool> follows(graph.num_nodes(), false);
  for (NodeId id = value.node(); id < graph.num_nodes(); ++id) {
    const auto& inputs = graph.node(id).inputs;
    follows[id] =
        id == value.node() || std::any_of(inputs.begin(), inputs.end(), [&](ValueId v) { return follows[v.node]; });
  }
  return follows;
}

}  // namespace adret
