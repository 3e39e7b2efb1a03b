#include "adret/tests/fuzz/graphs/run_nodes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/infer_types.h"
#include "adret/core/plan/run_op.h"
#include "adret/core/subgraph.h"
#include "adret/tests/fuzz/graphs/run_bodies.h"

namespace adret::fuzz {
namespace {

template <class T>
void Disturb(Noise* noise, bool by_largest, absl::Span<T> data) {
  const double unit = noise->units * std::numeric_limits<T>::epsilon();
  double largest = 0;
  for (T v : data) {
    if (std::isfinite(v)) largest = std::max<double>(largest, std::abs(v));
  }
  for (T& v : data) {
    const double size = by_largest ? largest : std::abs(static_cast<double>(v));
    v = static_cast<T>(v + unit * size * noise->random.Uniform(-1, 1));
  }
}

// Kernels may take numbers together before they use them (fast convolutions), so what they read is disturbed relative
// to the largest number of the tensor; what element-wise ops read, each number relative to itself.
Tensor Disturbed(const Tensor& t, const Op& op, Noise* noise) {
  if (!IsFloating(t.dtype())) return t;
  Tensor copy = t.Clone();
  const bool by_largest = !op.elementwise() && !op.traits.view && !op.traits.broadcast;
  VisitFloating(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Disturb<T>(noise, by_largest, copy.mutable_data<T>());
  });
  return copy;
}

absl::StatusOr<Tensor> Leaf(const Node& node, const State& state) {
  if (node.attrs.Is<ConstantAttrs>()) return node.attrs.As<ConstantAttrs>().value;
  if (node.attrs.Is<VariableAttrs>()) return state.Get(node.name);
  return absl::InvalidArgumentError(absl::StrCat("input '", node.name, "' is not fed"));
}

// Whether a node is what its type says, as executors ask where dimensions were taken for equal that are not. A type
// that the op's own rule gave has to be right for all sizes.
bool IsAsBuilt(const Graph& graph, const Node& node, const Types& outputs, const DimSizes& sizes) {
  bool same = true;
  for (size_t k = 0; k < outputs.size(); ++k) same &= outputs[k].shape == node.outputs[k].shape.With(sizes);
  if (same) return true;
  Types inputs;
  for (ValueId v : node.inputs) inputs.push_back(graph.type(v));
  return InferTypes(*node.op, inputs, node.attrs).ok();
}

}  // namespace

absl::StatusOr<ConcreteOp> AtSizes(const Op& op, const Attrs& attrs, absl::Span<const Type> inputs,
                                   const DimSizes& sizes) {
  AttrList list = attrs.list();
  for (Attr& attr : list) {
    if (auto* body = std::get_if<SubgraphRef>(&attr.value); body != nullptr && *body != nullptr) {
      AD_ASSIGN_OR_RETURN(*body, (*body)->With(sizes));
      if (!(*body)->is_symbolic()) continue;
      return absl::InvalidArgumentError(absl::StrCat("a body has a size that nothing says: ", sizes.ToString()));
    }
    auto* shape = std::get_if<Shape>(&attr.value);
    if (shape == nullptr) continue;
    *shape = shape->With(sizes);
    if (shape->is_symbolic() && !op.traits.view && !op.traits.broadcast) {
      return absl::InvalidArgumentError(absl::StrCat(attr.name, " has no size where ", sizes.ToString()));
    }
  }
  AD_ASSIGN_OR_RETURN(Attrs bound, op.parse_attrs(list, MissingAttrs::kError));
  AD_ASSIGN_OR_RETURN(Types outputs, InferTypes(op, inputs, bound));
  for (const Type& type : outputs) {
    if (!type.shape.is_symbolic()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("no input that is fed says what ", type.shape.ToString(), " is: ", sizes.ToString()));
  }
  return ConcreteOp{std::move(bound), std::move(outputs)};
}

absl::StatusOr<std::vector<Tensor>> RunConcreteOp(const Op& op, const ConcreteOp& at, absl::Span<const Type> types,
                                                  absl::Span<const Tensor> inputs, const RandomKey& random,
                                                  Noise* noise) {
  if (HasDefinition(op)) return RunNodeWithBodies(op, at.attrs, at.outputs, inputs, noise);
  return RunOp(op, at.attrs, types, at.outputs, inputs, random);
}

absl::StatusOr<NodeOutputs> RunNodes(const Graph& graph, const std::vector<bool>& needed, const Feeds& feeds,
                                     const State& state, Noise* noise) {
  NodeOutputs known(graph.num_nodes());
  for (const auto& [input, tensor] : feeds) known[input.node()] = {tensor};
  return RunOtherNodes(graph, needed, std::move(known), SizesOf(feeds), state, noise);
}

absl::StatusOr<NodeOutputs> RunOtherNodes(const Graph& graph, const std::vector<bool>& needed, NodeOutputs known,
                                          const DimSizes& sizes, const State& state, Noise* noise) {
  NodeOutputs outputs = std::move(known);
  const RandomKey random{state.seed, 0, state.step};
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!needed[id] || !outputs[id].empty()) continue;
    const Node& node = graph.node(id);
    if (node.op->traits.leaf) {
      AD_ASSIGN_OR_RETURN(Tensor leaf, Leaf(node, state));
      outputs[id] = {std::move(leaf)};
      continue;
    }
    std::vector<Tensor> inputs;
    Types types;
    for (ValueId v : node.inputs) {
      const Tensor& input = outputs[v.node][v.output];
      inputs.push_back(noise == nullptr ? input : Disturbed(input, *node.op, noise));
      types.push_back(input.type());
    }
    AD_ASSIGN_OR_RETURN(const ConcreteOp op, AtSizes(*node.op, node.attrs, types, sizes));
    if (!IsAsBuilt(graph, node, op.outputs, sizes))
      return absl::InvalidArgumentError("other sizes were taken for equal");
    auto made = RunConcreteOp(*node.op, op, types, inputs, random, noise);
    if (!made.ok()) {
      return absl::Status(made.status().code(), absl::StrCat(node.name, ": ", made.status().message()));
    }
    outputs[id] = *std::move(made);
  }
  return outputs;
}

void ApplyUpdates(const Updates& updates, const NodeOutputs& outputs, State* state) {
  for (const Update& u : updates) {
    state->Set(u.variable.name(), outputs[u.value.node()][u.value.id().output].Clone());
  }
  if (!updates.empty()) ++state->step;
}

}  // namespace adret::fuzz
