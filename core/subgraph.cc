#include "adret/core/subgraph.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/import.h"
#include "adret/core/status.h"

namespace adret {
namespace {

absl::Status CheckNode(const Node& node) {
  const char* why = nullptr;
  if (node.attrs.Is<VariableAttrs>()) why = "a variable has to be an input of it";
  if (node.attrs.Is<InputAttrs>()) why = "it is not one of the inputs";
  if (node.op->traits.random) why = "random numbers have to be drawn outside";
  if (why == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a body cannot hold '", node.name, "' (", node.op->name, "): ", why));
}

size_t HashOf(const Graph& graph, const std::vector<ValueId>& outputs) {
  size_t h = absl::HashOf(outputs);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    h = absl::HashOf(h, node.op->name, node.inputs, node.attrs);
  }
  return h;
}

}  // namespace

absl::StatusOr<SubgraphRef> Subgraph::Make(const Values& inputs, const Values& outputs) {
  if (outputs.empty()) return absl::InvalidArgumentError("a body needs at least one output");
  std::shared_ptr<Subgraph> made(new Subgraph);
  made->graph_ = std::make_unique<Graph>();
  made->num_inputs_ = static_cast<int>(inputs.size());
  std::vector<Substitution> substitutions;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].valid()) return absl::InvalidArgumentError("an input of a body is a Value that was never built");
    const Type& type = inputs[i].type();
    const Value own = made->graph_->Input(absl::StrCat("in", i), type.dtype, type.shape, {});
    substitutions.push_back({inputs[i], own});
  }
  AD_ASSIGN_OR_RETURN(const Values copies, Import(outputs, substitutions, made->graph_.get()));
  for (const Value& v : copies) made->outputs_.push_back(v.id());
  for (NodeId id = 0; id < made->graph_->num_nodes(); ++id) {
    const Node& node = made->graph_->node(id);
    if (id >= made->num_inputs_) AD_RETURN_IF_ERROR(CheckNode(node));
    made->symbolic_ |= !SymbolsOf(node).empty();
  }
  made->hash_ = HashOf(*made->graph_, made->outputs_);
  return SubgraphRef(std::move(made));
}

Values Subgraph::InputValues() const {
  Values values;
  for (int i = 0; i < num_inputs_; ++i) values.emplace_back(graph_.get(), ValueId{i, 0});
  return values;
}

Values Subgraph::OutputValues() const {
  Values values;
  for (ValueId id : outputs_) values.emplace_back(graph_.get(), id);
  return values;
}

absl::StatusOr<SubgraphRef> Subgraph::With(const DimSizes& sizes) const {
  Graph bound;
  Values inputs;
  std::vector<Substitution> substitutions;
  for (const Value& from : InputValues()) {
    inputs.push_back(bound.Input(from.name(), from.dtype(), from.shape().With(sizes), {}));
    substitutions.push_back({from, inputs.back()});
  }
  AD_ASSIGN_OR_RETURN(const Values outputs, Import(OutputValues(), substitutions, &bound, {.sizes = sizes}));
  return Make(inputs, outputs);
}

bool Subgraph::SameAs(const Subgraph& other) const {
  return hash_ == other.hash_ && outputs_.size() == other.outputs_.size() && Extends(other);
}

bool Subgraph::Extends(const Subgraph& other) const {
  if (this == &other) return true;
  if (num_inputs_ != other.num_inputs_ || outputs_.size() < other.outputs_.size()) return false;
  if (!std::equal(other.outputs_.begin(), other.outputs_.end(), outputs_.begin())) return false;
  if (graph_->num_nodes() != other.graph_->num_nodes()) return false;
  for (NodeId id = 0; id < graph_->num_nodes(); ++id) {
    const Node &a = graph_->node(id), &b = other.graph_->node(id);
    if (a.op != b.op || a.inputs != b.inputs || !(a.attrs == b.attrs) || a.outputs != b.outputs) return false;
  }
  return true;
}

std::string Subgraph::ToString() const {
  const auto types = [](const Values& values) {
    return absl::StrJoin(values, ", ", [](std::string* out, const Value& v) { *out += v.type().ToString(); });
  };
  return absl::StrCat("(", types(InputValues()), ") -> ", types(OutputValues()), " of ",
                      graph_->num_nodes() - num_inputs_, " nodes");
}

std::vector<NamedBody> BodiesOf(const Node& node) {
  std::vector<NamedBody> bodies;
  for (const Attr& attr : node.attrs.list()) {
    const auto* body = std::get_if<SubgraphRef>(&attr.value);
    if (body != nullptr && *body != nullptr) bodies.push_back({attr.name, *body});
  }
  return bodies;
}

std::vector<int> SymbolsOf(const Node& node) {
  std::vector<int> symbols;
  const auto add = [&](const Shape& shape) {
    for (int a = shape.symbolic_axis(); a >= 0 && a < shape.rank(); ++a) {
      if (shape[a] < 0) shape.dim(a).ForEachSymbol([&](int symbol) { symbols.push_back(symbol); });
    }
  };
  for (const Type& t : node.outputs) add(t.shape);
  // Kernels may take a size from an attribute that no value has. Views and broadcasts take none.
  for (const Attr& attr : node.attrs.list()) {
    const Shape* shape = std::get_if<Shape>(&attr.value);
    if (shape != nullptr && !node.op->traits.view && !node.op->traits.broadcast) add(*shape);
  }
  for (const NamedBody& named : BodiesOf(node)) {
    const Graph& body = named.body->graph();
    for (NodeId id = 0; named.body->is_symbolic() && id < body.num_nodes(); ++id) {
      const std::vector<int> inside = SymbolsOf(body.node(id));
      symbols.insert(symbols.end(), inside.begin(), inside.end());
    }
  }
  return symbols;
}

}  // namespace adret
