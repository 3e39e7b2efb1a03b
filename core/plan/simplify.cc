#include "adret/core/plan/simplify.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "adret/core/axis_rules.h"
#include "adret/core/plan/rewrite.h"
#include "adret/core/plan/run_op.h"
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

// Rebuilds old_ as plan_, node by node. A node goes through Emit(): the rules there either name values of plan_ that
// equal its outputs, or it is appended. renamed_ says for each value of old_ which value of plan_ stands for it.
class Simplifier : public PlanBuilder {
 public:
  Simplifier(PlanGraph old, RewriteCounter* counter) : old_(std::move(old)), counter_(*counter) {}

  PlanGraph Run() {
    plan_.owned_nodes = std::move(old_.owned_nodes);
    plan_.sizes = old_.sizes;
    CountReaders();
    renamed_.assign(old_.values.size(), -1);
    for (size_t v = 0; v < old_.values.size(); ++v) {
      if (old_.values[v].constant >= 0) Rename(v, AddConstant(std::move(old_.constants[old_.values[v].constant])));
    }
    for (current_ = 0; current_ < static_cast<int>(old_.nodes.size()); ++current_) Visit();
    for (int v : old_.fetches) plan_.fetches.push_back(renamed_[v]);
    for (auto [variable, value] : old_.updates) plan_.updates.emplace_back(renamed_[variable], renamed_[value]);
    return Prune();
  }

  const PlanGraph& plan() const override { return plan_; }
  bool Allow(RewriteRule rule) override { return counter_.Allow(rule, *Origin().node); }

  PlanValues Add(const Op& op, Attrs attrs, PlanValues inputs) override {
    absl::InlinedVector<Type, 3> types;
    for (int v : inputs) types.push_back(plan_.values[v].type);
    absl::StatusOr<Types> outputs = op.type(TypeContext(op, types, attrs));
    AD_CHECK(outputs.ok());
    const Node* node = plan_.MakeNode(op, std::move(attrs), *outputs, *Origin().node);
    return Emit(node, std::move(inputs), *outputs);
  }

  const Tensor* ConstantValue(int value) const override {
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

  int NumReaders(int value) const override { return ReadersOf(value).all; }
  int NumLightReaders(int value) const override { return ReadersOf(value).light; }
  bool FeedsHeavyOp() const override { return feeds_heavy_op_[current_]; }

 private:
  const PlanGraph::PlanNode& Origin() const { return old_.nodes[current_]; }

  struct Readers {
    int all = 0, light = 0;
  };
  Readers ReadersOf(int value) const {
    return value < static_cast<int>(new_readers_.size()) ? new_readers_[value] : Readers();
  }

  // Counts the readers of the old plan's values, and finds, from the last node to the first, which nodes lead to heavy
  // ops.
  void CountReaders() {
    old_readers_.assign(old_.values.size(), {});
    feeds_heavy_op_.assign(old_.nodes.size(), false);
    const auto count = [&](int v, bool light) { ++old_readers_[v].all, old_readers_[v].light += light; };
    for (int v : old_.fetches) count(v, true);
    for (auto [variable, value] : old_.updates) count(variable, true), count(value, true);
    for (int i = static_cast<int>(old_.nodes.size()) - 1; i >= 0; --i) {
      const Op& op = old_.op(i);
      const bool light = op.elementwise() || op.traits.view || op.traits.broadcast || op.traits.barrier;
      const bool works = light ? feeds_heavy_op_[i] : op.axes != nullptr && op.axes->labels != nullptr;
      for (int v : old_.nodes[i].inputs) {
        count(v, !works);
        if (works && old_.values[v].producer >= 0) feeds_heavy_op_[old_.values[v].producer] = true;
      }
    }
  }

  // Lets `value` stand for a value of the old plan, with its readers.
  void Rename(int old_value, int value) {
    renamed_[old_value] = value;
    if (static_cast<int>(new_readers_.size()) <= value) new_readers_.resize(value + 1);
    new_readers_[value].all += old_readers_[old_value].all;
    new_readers_[value].light += old_readers_[old_value].light;
  }

  // Rebuilds the current node.
  void Visit() {
    const auto& node = Origin();
    PlanValues inputs;
    Types types;
    for (int v : node.inputs) inputs.push_back(renamed_[v]);
    const auto& longest = old_.nodes[Longest(inputs)];
    for (size_t k = 0; k < longest.node->outputs.size(); ++k) {
      types.push_back(old_.values[longest.first_output + static_cast<int>(k)].type);
    }
    const PlanValues outputs = Emit(longest.node, std::move(inputs), types);
    for (int k = 0; k < old_.num_outputs(current_); ++k) Rename(node.first_output + k, outputs[k]);
  }

  // extend, a case of merge: a node whose outputs another one computes too (Op::extends) is that other one, here.
  //   1  scan  f64[2] f64[9,2]           c x   body=A            1  scan  f64[2] f64[9,2] f64[9,2]  c x   body=A'
  //   2  scan  f64[2] f64[9,2] f64[9,2]  c x   body=A' (A and more)        nothing: merged with 1
  // Returns the node to put in the current one's place: itself, or the one with most outputs. Changes no number.
  int Longest(absl::Span<const int> inputs) {
    const Node& own = *Origin().node;
    int longest = current_;
    for (int i = 0; own.op->extends != nullptr && i < static_cast<int>(old_.nodes.size()); ++i) {
      const auto& other = old_.nodes[i];
      if (other.node->op != own.op || old_.num_outputs(i) <= old_.num_outputs(longest)) continue;
      const auto same = [&](int v, int input) { return renamed_[v] == input; };
      if (!std::equal(other.inputs.begin(), other.inputs.end(), inputs.begin(), inputs.end(), same)) continue;
      if (own.op->extends(other.node->attrs, own.attrs)) longest = i;
    }
    return longest == current_ || Allow(RewriteRule::kMerge) ? longest : current_;
  }

  // Returns the values that a node's outputs equal, and adds the node only where no rule names others. Rules that look
  // at operands come before merging, so that equal nodes are rewritten alike and then merged.
  PlanValues Emit(const Node* node, PlanValues inputs, const Types& types) {
    if (const int same = SameAs(*node, inputs, types); same >= 0 && Allow(RewriteRule::kIdentity)) return {same};
    PlanValues outputs;
    if (Fold(*node, inputs, types, &outputs)) return outputs;
    if (auto rewritten = RewriteFromOperands(*this, *node->op, node->attrs, inputs, types)) return *rewritten;
    return Append(node, std::move(inputs), types);
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

  // identity: f(x, constants) = x. Returns the input that the node equals by its op's own word (x * 1, a slice of
  // everything), or because it is a view or a broadcast to the shape that there is already; otherwise -1.
  //   1  mul  f32[8,4,4,4]  0 x    (0 repeats the constant 1)      nothing: readers of 1 read x
  // Not done where the op says nothing (0 * x is NaN where x is infinite). Changes no number.
  int SameAs(const Node& node, absl::Span<const int> inputs, absl::Span<const Type> outputs) const {
    const Op& op = *node.op;
    if ((op.traits.view || op.traits.broadcast) && plan_.values[inputs[0]].type == outputs[0]) return inputs[0];
    if (op.same_as_input == nullptr || outputs.size() != 1) return -1;
    absl::InlinedVector<const Tensor*, 3> constants;
    absl::InlinedVector<Type, 3> types;
    for (int v : inputs) {
      constants.push_back(ConstantValue(v));
      types.push_back(plan_.values[v].type);
    }
    const int i = op.same_as_input(node.attrs, types, constants);
    return i >= 0 && types[i] == outputs[0] ? inputs[i] : -1;
  }

  // fold: f(constants) is a constant. Runs the op's kernel now. Returns whether it did.
  //   0  constant  f64[]  value=4         0  constant  f64[]  value=2
  //   1  sqrt      f64[]  0
  // Not done for random numbers, for broadcasts (to repeat a constant again is cheaper than to keep the copies), for
  // large results, and where the kernel fails: then the run fails, if anybody runs it. Numbers are those of the unfused
  // kernel.
  bool Fold(const Node& node, absl::Span<const int> inputs, absl::Span<const Type> types, PlanValues* outputs) {
    const Op& op = *node.op;
    // A repeated constant is cheaper to repeat again than to keep.
    if (op.traits.leaf || op.traits.random || op.traits.broadcast) return false;
    int64_t bytes = 0;
    for (const Type& t : types) {
      if (t.bytes() > kMaxFoldedBytes - bytes) return false;
      bytes += t.bytes();
    }
    std::vector<Type> input_types;
    std::vector<Tensor> tensors;
    for (int v : inputs) {
      const auto& value = plan_.values[v];
      if (value.constant < 0 && !op.traits.shape_only) return false;
      input_types.push_back(value.type);
      tensors.push_back(value.constant < 0 ? Tensor() : plan_.constants[value.constant]);
    }
    auto results = RunOp(op, node.attrs, input_types, types, tensors);
    if (!results.ok()) return false;  // the error belongs to the run
    if (!Allow(RewriteRule::kFold)) return false;
    for (Tensor& t : *results) outputs->push_back(AddConstant(std::move(t)));
    return true;
  }

  // merge: two nodes of one op, with equal attributes and the same inputs, are one.
  //   1  exp  f64[4]  x                   1  exp  f64[4]  x
  //   2  exp  f64[4]  x                   nothing: readers of 2 read 1
  // Not done for random numbers and for leaves. Changes no number.
  PlanValues Append(const Node* node, PlanValues inputs, absl::Span<const Type> types) {
    const int first = static_cast<int>(plan_.values.size());
    PlanValues outputs;
    if (!node->op->traits.random && !node->op->traits.leaf) {
      // The inputs that the key refers to are copied: plan_.nodes moves its elements as it grows.
      key_inputs_.push_back({inputs.begin(), inputs.end()});
      auto [it, inserted] = seen_.try_emplace(NodeKey{node->op, &node->attrs, key_inputs_.back()}, first);
      if (!inserted) key_inputs_.pop_back();
      if (!inserted && Allow(RewriteRule::kMerge)) {
        for (size_t k = 0; k < types.size(); ++k) outputs.push_back(it->second + static_cast<int>(k));
        return outputs;
      }
    }
    const int producer = static_cast<int>(plan_.nodes.size());
    plan_.nodes.push_back({node, Origin().id, std::move(inputs), first});
    for (const Type& t : types) {
      outputs.push_back(static_cast<int>(plan_.values.size()));
      plan_.values.push_back({t, producer, -1});
    }
    return outputs;
  }

  // Returns plan_ without the nodes and constants that nobody needs any more, numbered anew: constants first.
  PlanGraph Prune() {
    const int n = static_cast<int>(plan_.nodes.size());
    std::vector<bool> needed(plan_.values.size(), false), kept(n, false);
    auto need = [&](int value) {
      needed[value] = true;
      if (plan_.values[value].producer >= 0) kept[plan_.values[value].producer] = true;
    };
    for (int v : plan_.fetches) need(v);
    for (auto [variable, value] : plan_.updates) need(variable), need(value);
    for (int i = n - 1; i >= 0; --i) {
      if (!kept[i]) continue;
      for (int v : plan_.nodes[i].inputs) need(v);
    }
    PlanGraph result;
    result.sizes = plan_.sizes;
    std::vector<int> renumbered(plan_.values.size(), -1);
    const auto keep = [&](int v) {
      renumbered[v] = static_cast<int>(result.values.size());
      result.values.push_back(std::move(plan_.values[v]));
    };
    for (int v = 0; v < static_cast<int>(plan_.values.size()); ++v) {
      if (plan_.values[v].constant < 0 || !needed[v]) continue;
      keep(v);
      result.constants.push_back(std::move(plan_.constants[result.values.back().constant]));
      result.values.back().constant = static_cast<int>(result.constants.size()) - 1;
    }
    for (int i = 0; i < n; ++i) {
      if (!kept[i]) continue;
      const int outputs = plan_.num_outputs(i), first = plan_.nodes[i].first_output;
      auto& node = result.nodes.emplace_back(std::move(plan_.nodes[i]));
      for (int& v : node.inputs) v = renumbered[v];
      node.first_output = static_cast<int>(result.values.size());
      for (int k = 0; k < outputs; ++k) {
        keep(first + k);
        result.values.back().producer = static_cast<int>(result.nodes.size()) - 1;
      }
    }
    for (int v : plan_.fetches) result.fetches.push_back(renumbered[v]);
    for (auto [variable, value] : plan_.updates) result.updates.emplace_back(renumbered[variable], renumbered[value]);
    result.owned_nodes = std::move(plan_.owned_nodes);
    return result;
  }

  PlanGraph old_, plan_;
  RewriteCounter& counter_;
  int current_ = 0;                                                 // node of old_ that is visited
  std::vector<int> renamed_;                                        // value of old_ -> value of plan_
  std::vector<Readers> old_readers_, new_readers_;                  // of values
  std::vector<bool> feeds_heavy_op_;                                // of old_'s nodes
  std::deque<std::vector<int>> key_inputs_;                         // what the keys of seen_ refer to
  absl::flat_hash_map<NodeKey, int> seen_;                          // node -> first output
  absl::flat_hash_map<std::pair<Type, std::string>, int> scalars_;  // bytes of a scalar constant -> value
};

}  // namespace

PlanGraph Simplify(PlanGraph plan, RewriteCounter* counter) { return Simplifier(std::move(plan), counter).Run(); }

}  // namespace adret
