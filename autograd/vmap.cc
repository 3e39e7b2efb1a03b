#include "adret/autograd/vmap.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/apply_to_batch_internal.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/core/batch.h"
#include "adret/ops/batch.h"
#include "adret/ops/broadcast.h"

namespace adret {
namespace {

class Vectorizer {
 public:
  Vectorizer(const Transformation& call, absl::Span<const Value> inputs, const VmapOptions& options)
      : call_(call), graph_(call.graph()), inputs_(inputs.begin(), inputs.end()), in_axes_(options.in_axes) {
    if (in_axes_.empty()) in_axes_.assign(inputs.size(), 0);
  }

  Values Run(const ExampleFunction& function) {
    CheckInputs();
    const Values examples = MakeExamples();
    const size_t updates = graph_->side_updates().size();
    const Values results = function(examples);
    if (call_.ok()) CheckResults(results, updates);
    if (call_.ok()) BuildForBatch(results);
    Values all;
    for (const Value& v : results) all.push_back(call_.ok() ? ForAll(v) : Value(graph_, {-1, 0}));
    return all;
  }

 private:
  bool IsShared(size_t i) const { return in_axes_[i] == kShared; }

  // Finds the number of examples, and moves their axis to the front.
  void CheckInputs() {
    if (in_axes_.size() != inputs_.size()) {
      call_.Fail(absl::StrCat("there are ", in_axes_.size(), " in_axes for ", inputs_.size(), " inputs"));
      in_axes_.assign(inputs_.size(), kShared);
    }
    std::optional<size_t> first;
    for (size_t i = 0; i < inputs_.size() && call_.ok(); ++i) {
      Value& x = inputs_[i];
      if (!x.valid() || x.graph() != graph_) {
        call_.Fail(absl::StrCat("input ", i, " is not a value of the graph"));
      } else if (!IsShared(i)) {
        const absl::StatusOr<int> axis = NormalizeAxis(in_axes_[i], x.rank());
        if (!axis.ok()) {
          call_.Fail(
              absl::StrCat("input ", i, ", ", x.type().ToString(), ", has no axis ", in_axes_[i], " of examples"));
          return;
        }
        const int64_t size = x.shape()[*axis];
        if (!first.has_value()) first = i, size_ = size;
        if (size != size_) {
          call_.Fail(absl::StrCat("input ", *first, " has ", Shape{size_}.ToString(), " examples but input ", i,
                                  " has ", Shape{size}.ToString()));
        }
        x = MoveAxis(x, *axis, 0);
      }
    }
    if (call_.ok() && !first.has_value()) call_.Fail("no input has an axis of examples");
  }

  // Returns the arguments of the function: a value of one example's type for each input, whose numbers nobody reads.
  Values MakeExamples() {
    first_ = graph_->num_nodes();
    Values examples;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Value& x = inputs_[i];
      if (IsShared(i) || !call_.ok()) {
        examples.push_back(call_.ok() ? x : Value(graph_, {-1, 0}));
        continue;
      }
      Shape shape = x.shape();
      shape.erase(0);
      // A node of its own, also where the shape is that of the constant.
      const Value zero = graph_->Constant(Tensor::Zeros(x.dtype(), {}), call_.location());
      examples.push_back(Identity(Operand(BroadcastTo(Operand(zero, call_.location()), shape), call_.location())));
      if (examples[i].valid()) for_batch_[examples[i].id()] = {x, true};
    }
    return examples;
  }

  void CheckResults(const Values& results, size_t updates) const {
    for (size_t i = 0; i < results.size(); ++i) {
      const Value& v = results[i];
      if (v.valid() && v.graph() == graph_) continue;
      call_.Fail(absl::StrCat("result ", i, " of the function is ",
                              v.valid() ? "a value of another graph" : "a Value that was never built"));
      return;
    }
    if (graph_->side_updates().size() == updates) return;
    call_.Fail(absl::StrCat("the function updates the variable '", graph_->side_updates().back().first.name(),
                            "', which examples cannot do at once"));
  }

  // Builds what the results need of the function's nodes for all examples.
  void BuildForBatch(const Values& results) {
    const NodeId end = graph_->num_nodes();
    std::vector<bool> needed(end, false);
    for (const Value& v : results) needed[v.node()] = true;
    for (NodeId id = end - 1; id >= first_; --id) {
      if (!needed[id] || for_batch_.contains(ValueId{id, 0})) continue;
      for (ValueId v : graph_->node(id).inputs) needed[v.node] = true;
    }
    for (NodeId id = first_; id < end && call_.ok(); ++id) {
      if (needed[id] && !for_batch_.contains(ValueId{id, 0})) Visit(id);
    }
  }

  void Visit(NodeId id) {
    const Node& node = graph_->node(id);  // stays good while nodes are added
    absl::InlinedVector<BatchContext::Input, 4> inputs;
    bool batched = node.op->traits.random;
    for (ValueId v : node.inputs) {
      const auto it = for_batch_.find(v);
      inputs.push_back(it == for_batch_.end() ? BatchContext::Input{Value(graph_, v), false} : it->second);
      batched |= inputs.back().batched;
    }
    // A node that needs shapes only is the same for all examples: the example's.
    if (!batched || node.op->traits.shape_only) return;
    const LocationScope location(graph_, node.location);
    std::optional<DerivativeScope> derivative;
    if (node.gradient) derivative.emplace(graph_);
    if (size_ == 0) return NoExamples(id);
    const Values outputs = ApplyToBatch(BatchContext(graph_, id, size_, inputs));
    if (!call_.ok()) return;
    if (outputs.empty()) {
      call_.Fail(absl::StrCat(node.op->name, " ('", node.name,
                              "') cannot be built for a batch: the op has no batch rule, and its axis labels name no "
                              "axis along which examples can be folded"));
      return;
    }
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      const Type expected = ForBatch(node.outputs[k]);
      if (outputs.size() == node.outputs.size() && outputs[k].type() == expected) {
        for_batch_[{id, k}] = {outputs[k], true};
        continue;
      }
      call_.Fail(absl::StrCat("the batch rule of ", node.op->name, " did not return ", expected.ToString(),
                              " for output ", k));
      return;
    }
  }

  // No examples: there is nothing to compute, and type rules need not think about it.
  void NoExamples(NodeId id) {
    const Node& node = graph_->node(id);
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      const Value zero = graph_->Constant(Tensor::Zeros(node.outputs[k].dtype, {}), node.location);
      for_batch_[{id, k}] = {BroadcastTo(zero, ForBatch(node.outputs[k]).shape), true};
    }
  }

  Type ForBatch(Type type) const {
    type.shape.insert(0, size_);
    return type;
  }

  // A result for all examples.
  Value ForAll(const Value& v) const {
    const auto it = for_batch_.find(v.id());
    if (it != for_batch_.end()) return it->second.value;
    return BroadcastTo(Operand(v, call_.location()), ForBatch(v.type()).shape);
  }

  const Transformation& call_;
  Graph* const graph_;
  Values inputs_;  // with examples in front
  std::vector<int64_t> in_axes_;
  int64_t size_ = 0;  // the number of examples
  NodeId first_ = 0;  // of the function's nodes
  absl::flat_hash_map<ValueId, BatchContext::Input> for_batch_;
};

}  // namespace

Values Vmap(const ExampleFunction& function, absl::Span<const Value> inputs, const VmapOptions& options,
            std::source_location location) {
  Graph* const graph = GraphOf({inputs});
  if (graph == nullptr) return function(inputs);
  const Transformation call("Vmap", graph, location);
  return Vectorizer(call, inputs, options).Run(function);
}

}  // namespace adret
