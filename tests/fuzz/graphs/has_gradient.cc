#include "adret/tests/fuzz/graphs/has_gradient.h"

#include <vector>

#include "adret/core/ancestors.h"
#include "adret/core/subgraph.h"

namespace adret::fuzz {
namespace {

// Whether the node is a loop that goes on without a bound.
bool IsUnbounded(const Node& node) {
  for (const Attr& attr : node.attrs.list()) {
    if (attr.name == "max_iterations" && std::get<int64_t>(attr.value) < 0) return true;
  }
  return false;
}

bool NodeHasGradient(const Node& node) {
  if (node.op->gradient == nullptr || IsUnbounded(node)) return false;
  for (const NamedBody& named : BodiesOf(node)) {
    const Subgraph& body = *named.body;
    for (NodeId id = body.num_inputs(); id < body.graph().num_nodes(); ++id) {
      const Node& inner = body.graph().node(id);
      if (!inner.op->traits.leaf && !NodeHasGradient(inner)) return false;
    }
  }
  return true;
}

}  // namespace

bool HasGradient(const Values& ys, const Values& xs) {
  if (ys.empty() || xs.empty()) return true;
  const Graph& graph = *ys[0].graph();
  const std::vector<bool> needed = Ancestors(graph, ys);
  std::vector<bool> reached(graph.num_nodes(), false);
  for (const Value& x : xs) reached[x.node()] = true;
  for (NodeId id = 0; id < static_cast<NodeId>(needed.size()); ++id) {
    bool follows = false;
    for (ValueId v : graph.node(id).inputs) follows |= reached[v.node];
    if (!follows) continue;
    reached[id] = true;
    if (needed[id] && !NodeHasGradient(graph.node(id))) return false;
  }
  return true;
}

}  // namespace adret::fuzz
