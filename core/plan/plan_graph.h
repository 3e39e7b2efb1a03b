// PlanGraph: the part of a graph that a plan needs, for one concrete batch, simplified: nothing that no fetch or update
// depends on, constants folded, equal nodes merged, identities dropped, and no more computed than is looked at
// (core/plan/rewrite.h). Every rewrite uses facts that ops declare; no op is named.
#ifndef ADRET_CORE_PLAN_PLAN_GRAPH_H_
#define ADRET_CORE_PLAN_PLAN_GRAPH_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret {

struct PlanGraph {
  // A node that computes something, or a variable or input. Values are numbered densely; a node's outputs are
  // consecutive.
  struct PlanNode {
    const Node* node = nullptr;          // op, attributes, name; its inputs and symbolic types are those of the graph
    NodeId id;                           // of the graph's node that it computes or takes part in
    absl::InlinedVector<int, 3> inputs;  // values
    int first_output;
  };
  struct PlanValue {
    Type type;     // concrete
    int producer;  // index into nodes; -1 for a constant
    int constant;  // index into constants, or -1
  };

  std::vector<PlanNode> nodes;  // in topological order
  std::vector<PlanValue> values;
  std::vector<Tensor> constants;
  std::vector<int> fetches;                              // values
  std::vector<std::pair<int, int>> updates;              // (value of the variable, new value)
  std::vector<std::unique_ptr<const Node>> owned_nodes;  // nodes that the graph does not have

  const Op& op(int node) const { return *nodes[node].node->op; }
  const Attrs& attrs(int node) const { return nodes[node].node->attrs; }
  int num_outputs(int node) const { return static_cast<int>(nodes[node].node->outputs.size()); }

  // A node of op in place of, or on behalf of, the node `origin`, whose name it bears.
  const Node* MakeNode(const Op& op, Attrs attrs, Types outputs, const Node& origin);
};

// Batch takes the place of symbolic dimensions. Fails when a concrete shape is too large.
absl::StatusOr<PlanGraph> MakePlanGraph(const Graph& graph, absl::Span<const ValueId> fetches,
                                        absl::Span<const std::pair<ValueId, ValueId>> updates, int64_t batch);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PLAN_GRAPH_H_
