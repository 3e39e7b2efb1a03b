#include "adret/core/plan/check_plan_graph.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

namespace adret {
namespace {

class Checker {
 public:
  explicit Checker(const PlanGraph& plan)
      : plan_(plan),
        num_nodes_(static_cast<int>(plan.nodes.size())),
        num_values_(static_cast<int>(plan.values.size())) {}

  absl::Status Run() const {
    for (int v = 0; v < num_values_; ++v) AD_RETURN_IF_ERROR(CheckValue(v));
    for (int i = 0; i < num_nodes_; ++i) {
      AD_RETURN_IF_ERROR(CheckOutputs(i));
      AD_RETURN_IF_ERROR(CheckInputs(i));
      AD_RETURN_IF_ERROR(CheckTypes(i));
    }
    return CheckResults();
  }

 private:
  // "(2) node 5, add (block/add): reads value 9"
  template <class... Parts>
  absl::Status Wrong(int invariant, int node, const Parts&... parts) const {
    return absl::InternalError(absl::StrCat("(", invariant, ") node ", node, ", ", plan_.op(node).name, " (",
                                            plan_.nodes[node].node->name, "): ", parts...));
  }
  template <class... Parts>
  static absl::Status WrongValue(int invariant, int value, const Parts&... parts) {
    return absl::InternalError(absl::StrCat("(", invariant, ") value ", value, ": ", parts...));
  }

  bool Exists(int v) const {
    return v >= 0 && v < num_values_ && (plan_.values[v].producer >= 0 || plan_.values[v].constant >= 0);
  }

  // Invariant (1) from the side of values, and (4) of constants.
  absl::Status CheckValue(int v) const {
    const PlanGraph::PlanValue& value = plan_.values[v];
    if (value.producer >= num_nodes_) return WrongValue(1, v, "is made by node ", value.producer, ", which is none");
    if (value.producer >= 0) {
      const int first = plan_.nodes[value.producer].first_output;
      const bool listed = v >= first && v < first + plan_.num_outputs(value.producer);
      if (!listed) return WrongValue(1, v, "is no output of node ", value.producer, ", which is to make it");
      if (value.constant >= 0) return WrongValue(1, v, "is a constant and made by node ", value.producer);
    }
    if (value.constant < 0) return absl::OkStatus();
    if (value.constant >= static_cast<int>(plan_.constants.size())) {
      return WrongValue(1, v, "is constant ", value.constant, " of ", plan_.constants.size());
    }
    const Type& type = plan_.constants[value.constant].type();
    if (type == value.type) return absl::OkStatus();
    return WrongValue(4, v, "has type ", value.type.ToString(), " but its tensor has ", type.ToString());
  }

  // Invariant (1) from the side of nodes.
  absl::Status CheckOutputs(int i) const {
    const int first = plan_.nodes[i].first_output;
    const Op& op = plan_.op(i);
    if (!op.variadic_outputs && plan_.num_outputs(i) != static_cast<int>(op.outputs.size())) {
      return Wrong(1, i, "has ", plan_.num_outputs(i), " outputs");
    }
    for (int v = first; v < first + plan_.num_outputs(i); ++v) {
      if (v < 0 || v >= num_values_) return Wrong(1, i, "makes value ", v, " of ", num_values_);
      if (plan_.values[v].producer != i) {
        return Wrong(1, i, "makes value ", v, ", which names node ", plan_.values[v].producer);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckInputs(int i) const {
    for (int v : plan_.nodes[i].inputs) {
      if (!Exists(v)) return Wrong(2, i, "reads value ", v, ", which nothing makes");
      if (plan_.values[v].producer >= i) return Wrong(2, i, "reads value ", v, ", which is made later");
    }
    return absl::OkStatus();
  }

  // Whether a rewrite made the node, rather than the user.
  bool IsOwned(const Node* node) const {
    return std::any_of(plan_.owned_nodes.begin(), plan_.owned_nodes.end(),
                       [&](const auto& owned) { return owned.get() == node; });
  }

  absl::Status CheckTypes(int i) const {
    const Node& node = *plan_.nodes[i].node;
    Types found, inputs, expected;
    for (int k = 0; k < plan_.num_outputs(i); ++k) {
      found.push_back(plan_.values[plan_.nodes[i].first_output + k].type);
    }
    if (node.op->traits.leaf) {
      for (const Type& t : node.outputs) expected.push_back({t.dtype, t.shape.With(plan_.sizes)});
    } else {
      for (int v : plan_.nodes[i].inputs) inputs.push_back(plan_.values[v].type);
      const absl::StatusOr<Types> inferred = InferTypesAt(plan_.sizes, node, inputs);
      if (!inferred.ok()) {
        // What the graph itself asks of these sizes may be impossible: the run says so.
        const bool as_built = node.inputs.size() == inputs.size() && !IsOwned(&node);
        return as_built ? absl::OkStatus() : Wrong(4, i, inferred.status().message());
      }
      expected = *inferred;
    }
    for (size_t k = 0; k < found.size(); ++k) {
      if (found[k] == expected[k]) continue;
      return Wrong(4, i, "output ", k, " is ", expected[k].ToString(), " but the plan says ", found[k].ToString());
    }
    return absl::OkStatus();
  }

  absl::Status CheckResults() const {
    for (int v : plan_.fetches) {
      if (!Exists(v)) return WrongValue(3, v, "is fetched, but nothing makes it");
    }
    for (auto [variable, value] : plan_.updates) {
      if (!Exists(variable)) return WrongValue(3, variable, "is updated, but is not in the plan");
      const int leaf = plan_.values[variable].producer;
      if (leaf < 0 || !plan_.attrs(leaf).Is<VariableAttrs>()) {
        return WrongValue(3, variable, "is updated, but is no variable");
      }
      if (!Exists(value)) return WrongValue(3, value, "is stored into a variable, but nothing makes it");
      if (plan_.values[variable].type == plan_.values[value].type) continue;
      return Wrong(3, leaf, "has type ", plan_.values[variable].type.ToString(), " but is updated with ",
                   plan_.values[value].type.ToString());
    }
    return absl::OkStatus();
  }

  const PlanGraph& plan_;
  const int num_nodes_, num_values_;
};

}  // namespace

absl::Status CheckPlanGraph(const PlanGraph& plan) { return Checker(plan).Run(); }

}  // namespace adret
