#include "adret/nn/finetune.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"

namespace adret::nn {
namespace {

// For each node, whether it depends on an input of the graph.
std::vector<bool> DependOnInputs(const Graph& graph) {
  std::vector<bool> depends(graph.num_nodes(), false);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    depends[id] = node.attrs.Is<InputAttrs>();
    for (const ValueId input : node.inputs) depends[id] = depends[id] || depends[input.node];
  }
  return depends;
}

}  // namespace

absl::StatusOr<Value> FeaturesOf(const Value& logits) {
  if (!logits.valid()) return absl::InvalidArgumentError("FeaturesOf: a value that was never built");
  const Graph& graph = *logits.graph();
  const std::vector<bool> needed = Ancestors(graph, {logits}), depends = DependOnInputs(graph);
  for (NodeId id = logits.node(); id >= 0; --id) {
    const Node& node = graph.node(id);
    if (!needed[id] || node.op->multiply_adds == nullptr || node.inputs.size() != 2) continue;
    const ValueId a = node.inputs[0], b = node.inputs[1];
    if (depends[a.node] == depends[b.node]) continue;
    return Value(logits.graph(), depends[a.node] ? a : b);
  }
  return absl::NotFoundError(absl::StrCat("no layer with weights leads to '", logits.name(), "'"));
}

}  // namespace adret::nn
