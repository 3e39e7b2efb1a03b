#include "adret/core/plan_graph.h"

#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/run_op.h"
#include "adret/core/status.h"

namespace adret {
namespace {

// A constant result above this size is computed at each run instead of being kept.
constexpr int64_t kMaxFoldedBytes = int64_t{16} << 20;

// What makes two nodes equal.
struct NodeKey {
  const Op* op;
  const Attrs* attrs;
  absl::Span<const int> inputs;

  friend bool operator==(const NodeKey& a, const NodeKey& b) {
    return a.op == b.op && a.inputs == b.inputs && *a.attrs == *b.attrs;
  }
  template <class H>
  friend H AbslHashValue(H h, const NodeKey& k) {
    return H::combine(std::move(h), k.op, *k.attrs, k.inputs);
  }
};

class Simplifier {
 public:
  Simplifier(const Graph& graph, int64_t batch) : graph_(graph), batch_(batch) {}

  absl::StatusOr<PlanGraph> Run(absl::Span<const ValueId> fetches,
                                absl::Span<const std::pair<ValueId, ValueId>> updates) {
    std::vector<bool> needed = Needed(fetches, updates);
    first_.assign(graph_.num_nodes(), -1);
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (needed[id]) AD_RETURN_IF_ERROR(Visit(id));
    }
    for (ValueId v : fetches) plan_.fetches.push_back(Lookup(v));
    for (auto [variable, value] : updates) plan_.updates.emplace_back(Lookup(variable), Lookup(value));
    return Prune();
  }

 private:
  std::vector<bool> Needed(absl::Span<const ValueId> fetches,
                           absl::Span<const std::pair<ValueId, ValueId>> updates) const {
    std::vector<bool> needed(graph_.num_nodes(), false);
    for (ValueId v : fetches) needed[v.node] = true;
    for (auto [variable, value] : updates) needed[variable.node] = needed[value.node] = true;
    for (NodeId id = graph_.num_nodes() - 1; id >= 0; --id) {
      if (!needed[id]) continue;
      for (ValueId v : graph_.node(id).inputs) needed[v.node] = true;
    }
    return needed;
  }

  // The plan's value for a value of the graph. Values of one node that was replaced are listed in renamed_.
  int Lookup(ValueId v) const {
    const int first = first_[v.node];
    return renamed_[first + v.output];
  }

  absl::Status Visit(NodeId id) {
    const Node& node = graph_.node(id);
    absl::InlinedVector<int, 3> inputs;
    for (ValueId v : node.inputs) inputs.push_back(Lookup(v));
    first_[id] = static_cast<int>(renamed_.size());
    Types types;
    for (const Type& t : node.outputs) {
      types.push_back({t.dtype, t.shape.WithBatch(batch_)});
      if (absl::Status s = types.back().shape.Validate(); !s.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(node.name, ": ", s.message()));
      }
    }
    if (const auto* constant = ConstantOf(node)) {
      renamed_.push_back(AddConstant(*constant));
      return absl::OkStatus();
    }
    const int same = SameAs(node, inputs, types);
    if (same >= 0) {
      renamed_.push_back(same);
      return absl::OkStatus();
    }
    if (Fold(node, inputs, types)) return absl::OkStatus();
    Emit(id, std::move(inputs), types);
    return absl::OkStatus();
  }

  static const Tensor* ConstantOf(const Node& node) {
    return node.attrs.Is<ConstantAttrs>() ? &node.attrs.As<ConstantAttrs>().value : nullptr;
  }

  int AddConstant(Tensor value) {
    // Scalars are merged by value, so that nodes on equal scalars merge too.
    if (value.num_elements() == 1) {
      auto [it, inserted] = scalars_.try_emplace(
          std::pair(value.type(), std::string(static_cast<const char*>(value.raw()), value.num_bytes())), 0);
      if (!inserted) return it->second;
      it->second = static_cast<int>(plan_.values.size());
    }
    plan_.values.push_back({value.type(), -1, static_cast<int>(plan_.constants.size())});
    plan_.constants.push_back(std::move(value));
    return static_cast<int>(plan_.values.size()) - 1;
  }

  // The value itself if it is a constant, or the scalar constant that it repeats.
  const Tensor* KnownNumbers(int value) const {
    for (;;) {
      const auto& v = plan_.values[value];
      if (v.constant >= 0) return &plan_.constants[v.constant];
      const auto& producer = plan_.nodes[v.producer];
      if (!producer.node->op->traits.broadcast || plan_.values[producer.inputs[0]].type.shape.num_elements() != 1) {
        return nullptr;
      }
      value = producer.inputs[0];
    }
  }

  int SameAs(const Node& node, absl::Span<const int> inputs, absl::Span<const Type> outputs) const {
    const Op& op = *node.op;
    if (op.traits.identity) return inputs[0];
    if ((op.traits.view || op.traits.broadcast) && plan_.values[inputs[0]].type == outputs[0]) return inputs[0];
    if (op.same_as_input == nullptr || outputs.size() != 1) return -1;
    absl::InlinedVector<const Tensor*, 3> constants;
    absl::InlinedVector<Type, 3> types;
    for (int v : inputs) {
      constants.push_back(KnownNumbers(v));
      types.push_back(plan_.values[v].type);
    }
    const int i = op.same_as_input(node.attrs, types, constants);
    return i >= 0 && types[i] == outputs[0] ? inputs[i] : -1;
  }

  bool Fold(const Node& node, absl::Span<const int> inputs, absl::Span<const Type> outputs) {
    const Op& op = *node.op;
    // A repeated constant is cheaper to repeat again than to keep.
    if (op.traits.leaf || op.traits.random || op.traits.broadcast) return false;
    int64_t bytes = 0;
    for (const Type& t : outputs) {
      if (t.bytes() > kMaxFoldedBytes - bytes) return false;
      bytes += t.bytes();
    }
    std::vector<Type> types;
    std::vector<Tensor> tensors;
    for (int v : inputs) {
      const auto& value = plan_.values[v];
      if (value.constant < 0 && !op.traits.shape_only) return false;
      types.push_back(value.type);
      tensors.push_back(value.constant < 0 ? Tensor() : plan_.constants[value.constant]);
    }
    auto results = RunOp(op, node.attrs, types, outputs, tensors);
    if (!results.ok()) return false;  // the error belongs to the run
    for (Tensor& t : *results) renamed_.push_back(AddConstant(std::move(t)));
    return true;
  }

  void Emit(NodeId id, absl::InlinedVector<int, 3> inputs, absl::Span<const Type> outputs) {
    const Node& node = graph_.node(id);
    const int first = static_cast<int>(plan_.values.size());
    plan_.nodes.push_back({&node, id, std::move(inputs), first});
    const auto& added = plan_.nodes.back();
    if (!node.op->traits.random && !node.op->traits.leaf) {
      // The inputs that the key refers to are copied: plan_.nodes moves its elements as it grows.
      key_inputs_.push_back({added.inputs.begin(), added.inputs.end()});
      auto [it, inserted] = seen_.try_emplace(NodeKey{node.op, &node.attrs, key_inputs_.back()}, first);
      if (!inserted) {
        key_inputs_.pop_back();
        plan_.nodes.pop_back();
        for (int i = 0; i < static_cast<int>(outputs.size()); ++i) renamed_.push_back(it->second + i);
        return;
      }
    }
    const int producer = static_cast<int>(plan_.nodes.size()) - 1;
    for (const Type& t : outputs) {
      renamed_.push_back(static_cast<int>(plan_.values.size()));
      plan_.values.push_back({t, producer, -1});
    }
  }

  // Rewriting leaves nodes that nobody needs any more.
  PlanGraph Prune() {
    const int n = static_cast<int>(plan_.nodes.size());
    std::vector<bool> needed(n, false);
    auto need = [&](int value) {
      if (plan_.values[value].producer >= 0) needed[plan_.values[value].producer] = true;
    };
    for (int v : plan_.fetches) need(v);
    for (auto [variable, value] : plan_.updates) need(variable), need(value);
    for (int i = n - 1; i >= 0; --i) {
      if (!needed[i]) continue;
      for (int v : plan_.nodes[i].inputs) need(v);
    }
    std::vector<int> renumbered(n, -1);
    std::vector<PlanGraph::PlanNode> kept;
    for (int i = 0; i < n; ++i) {
      if (!needed[i]) continue;
      renumbered[i] = static_cast<int>(kept.size());
      kept.push_back(std::move(plan_.nodes[i]));
    }
    plan_.nodes = std::move(kept);
    for (auto& v : plan_.values) {
      if (v.producer >= 0) v.producer = renumbered[v.producer];
    }
    return std::move(plan_);
  }

  const Graph& graph_;
  const int64_t batch_;
  PlanGraph plan_;
  std::vector<int> first_;    // of a node of the graph: index into renamed_
  std::vector<int> renamed_;  // value of the graph (first_ + output) -> value of the plan
  std::deque<std::vector<int>> key_inputs_;
  absl::flat_hash_map<NodeKey, int> seen_;
  absl::flat_hash_map<std::pair<Type, std::string>, int> scalars_;
};

}  // namespace

absl::StatusOr<PlanGraph> MakePlanGraph(const Graph& graph, absl::Span<const ValueId> fetches,
                                        absl::Span<const std::pair<ValueId, ValueId>> updates, int64_t batch) {
  return Simplifier(graph, batch).Run(fetches, updates);
}

}  // namespace adret
