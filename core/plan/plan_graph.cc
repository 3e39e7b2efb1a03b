#include "adret/core/plan/plan_graph.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/core/infer_types.h"
#include "adret/core/plan/passes.h"
#include "adret/core/plan/rewrite.h"
#include "adret/core/plan/simplify.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"

namespace adret {
namespace {

// Slices that were moved meet paddings, and simplifying a slice of a padding gives another slice to move. Two rounds
// suffice nearly always; any number leaves a right plan.
constexpr int kMaxRounds = 4;

// Returns the attributes with sizes in place of symbols; nothing when no shape among them changes. Views and broadcasts
// are not computed from their attributes, in whose shapes -1 may be what follows from the input: there, shapes with
// named symbols alone change, unless `all` do.
absl::StatusOr<std::optional<Attrs>> BindAttrs(const Node& node, const DimSizes& sizes, bool all = false) {
  all |= !node.op->traits.view && !node.op->traits.broadcast;
  const auto changes = [&](const Attr& attr) {
    const auto* body = std::get_if<SubgraphRef>(&attr.value);
    if (body != nullptr) return *body != nullptr && (*body)->is_symbolic();
    const auto* shape = std::get_if<Shape>(&attr.value);
    return shape != nullptr && (all ? shape->is_symbolic() : shape->has_named_symbol());
  };
  if (std::none_of(node.attrs.list().begin(), node.attrs.list().end(), changes)) return std::nullopt;
  AttrList list = node.attrs.list();
  for (Attr& attr : list) {
    if (!changes(attr)) continue;
    if (auto* body = std::get_if<SubgraphRef>(&attr.value)) {
      AD_ASSIGN_OR_RETURN(*body, (*body)->With(sizes));
      if (!(*body)->is_symbolic()) continue;
      return absl::InvalidArgumentError(absl::StrCat(node.name, ": ", attr.name, " ", (*body)->ToString(),
                                                     " has a size that nothing says where ", sizes.ToString()));
    }
    const Shape symbolic = std::get<Shape>(attr.value), shape = symbolic.With(sizes);
    if (shape.is_symbolic()) {  // or kNoDim: below 0, or too large
      return absl::InvalidArgumentError(
          absl::StrCat(node.name, ": ", attr.name, " ", symbolic.ToString(), " has no size where ", sizes.ToString()));
    }
    attr.value = shape;
  }
  AD_ASSIGN_OR_RETURN(Attrs attrs, node.op->parse_attrs(list, MissingAttrs::kError));
  return attrs;
}

bool HasEmptySize(const DimSizes& sizes) {
  return std::any_of(sizes.entries().begin(), sizes.entries().end(), [](const auto& e) { return e.second == 0; });
}

// The first pass: copies what is needed of the graph, for these sizes. Constants become values without a node, and an
// identity (stop_gradient) is its input, since no kernel computes it.
class Lowering {
 public:
  Lowering(const Graph& graph, const DimSizes& sizes)
      : graph_(graph), sizes_(sizes), has_empty_size_(HasEmptySize(sizes)), first_(graph.num_nodes(), -1) {}

  absl::StatusOr<PlanGraph> Run(absl::Span<const ValueId> fetches,
                                absl::Span<const std::pair<ValueId, ValueId>> updates) {
    plan_.sizes = sizes_;
    std::vector<ValueId> results(fetches.begin(), fetches.end());
    for (auto [variable, value] : updates) results.push_back(variable), results.push_back(value);
    const std::vector<bool> needed = Ancestors(graph_, results);
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (needed[id]) AD_RETURN_IF_ERROR(Add(id));
    }
    for (ValueId v : fetches) plan_.fetches.push_back(Lookup(v));
    for (auto [variable, value] : updates) plan_.updates.emplace_back(Lookup(variable), Lookup(value));
    return std::move(plan_);
  }

 private:
  int Lookup(ValueId v) const { return first_[v.node] >= 0 ? first_[v.node] + v.output : identities_.at(v); }

  absl::Status Add(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.op->traits.identity) {
      for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) identities_[{id, k}] = Lookup(node.inputs[k]);
      return absl::OkStatus();
    }
    first_[id] = static_cast<int>(plan_.values.size());
    const bool constant = node.attrs.Is<ConstantAttrs>();
    const int producer = constant ? -1 : static_cast<int>(plan_.nodes.size());
    // Sizes of 0 are those that no rule for symbols speaks for: the maximum of nothing.
    if (node.assumes_sizes || has_empty_size_) AD_RETURN_IF_ERROR(CheckTypes(node));
    for (const Type& t : node.outputs) {
      AD_ASSIGN_OR_RETURN(const Shape shape, Concrete(node, t));
      plan_.values.push_back({{t.dtype, shape}, producer, constant ? static_cast<int>(plan_.constants.size()) : -1});
    }
    if (constant) {
      plan_.constants.push_back(node.attrs.As<ConstantAttrs>().value);
      return absl::OkStatus();
    }
    const Node* bound = &node;
    if (!node.op->traits.leaf) {
      AD_ASSIGN_OR_RETURN(std::optional<Attrs> attrs, BindAttrs(node, sizes_));
      if (attrs.has_value()) bound = plan_.MakeNode(*node.op, *std::move(attrs), node.outputs, node);
    }
    auto& added = plan_.nodes.emplace_back();
    added.node = bound, added.id = id, added.first_output = first_[id];
    for (ValueId v : node.inputs) added.inputs.push_back(Lookup(v));
    return absl::OkStatus();
  }

  absl::Status Refused(const Node& node, absl::string_view why) const {
    return absl::InvalidArgumentError(
        absl::StrCat(node.name, ": ", why, sizes_.empty() ? "" : absl::StrCat(" where ", sizes_.ToString())));
  }

  absl::StatusOr<Shape> Concrete(const Node& node, const Type& type) const {
    Shape shape = type.shape.With(sizes_);
    for (int a = 0; a < shape.rank(); ++a) {
      const auto number = type.shape.dim(a).With(sizes_).number();
      if (shape[a] != kNoDim || !number.has_value()) continue;
      return Refused(node, absl::StrCat(DimText(type.shape[a]), " in ", type.ToString(), " is ", *number));
    }
    if (absl::Status s = shape.Validate(); !s.ok()) return Refused(node, s.message());
    return shape;
  }

  // Fails where the op's type rule refuses the concrete types of the node's inputs, or makes other types of them than
  // the node's symbolic ones stand for.
  absl::Status CheckTypes(const Node& node) const {
    if (node.op->traits.leaf) return absl::OkStatus();
    Types inputs;
    for (ValueId v : node.inputs) inputs.push_back(plan_.values[Lookup(v)].type);
    const absl::StatusOr<Types> outputs = InferTypesAt(sizes_, node, inputs);
    if (!outputs.ok()) return Refused(node, outputs.status().message());
    for (int k = 0; k < static_cast<int>(outputs->size()); ++k) {
      const Type planned{node.outputs[k].dtype, node.outputs[k].shape.With(sizes_)};
      if ((*outputs)[k] == planned) continue;
      return Refused(node, absl::StrCat(node.op->name, " makes ", (*outputs)[k].ToString(), " and not ",
                                        planned.ToString(), ", which ", node.outputs[k].ToString(), " stands for"));
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  const DimSizes& sizes_;
  const bool has_empty_size_;
  PlanGraph plan_;
  std::vector<int> first_;                        // values of nodes
  absl::flat_hash_map<ValueId, int> identities_;  // outputs of identities, and what they equal
};

}  // namespace

absl::StatusOr<Types> InferTypesAt(const DimSizes& sizes, const Node& node, absl::Span<const Type> inputs) {
  AD_ASSIGN_OR_RETURN(const std::optional<Attrs> named, BindAttrs(node, sizes));
  const absl::StatusOr<Types> as_built = InferTypes(*node.op, inputs, named.has_value() ? *named : node.attrs);
  AD_ASSIGN_OR_RETURN(const std::optional<Attrs> bound, BindAttrs(node, sizes, /*all=*/true));
  if (!bound.has_value()) return as_built;
  const bool concrete = as_built.ok() && std::none_of(as_built->begin(), as_built->end(),
                                                      [](const Type& t) { return t.shape.is_symbolic(); });
  return concrete ? as_built : InferTypes(*node.op, inputs, *bound);
}

const Node* PlanGraph::MakeNode(const Op& op, Attrs attrs, Types outputs, const Node& origin) {
  auto node = std::make_unique<Node>();
  node->op = &op;
  node->attrs = std::move(attrs);
  node->outputs = std::move(outputs);
  node->name = origin.name;
  node->location = origin.location;
  owned_nodes.push_back(std::move(node));
  return owned_nodes.back().get();
}

absl::StatusOr<PlanGraph> MakePlanGraph(const Graph& graph, absl::Span<const ValueId> fetches,
                                        absl::Span<const std::pair<ValueId, ValueId>> updates, const DimSizes& sizes,
                                        PassRun* run) {
  std::optional<PassRun> own;
  if (run == nullptr) {
    AD_ASSIGN_OR_RETURN(PassOptions options, PassOptionsFromEnvironment());
    AD_ASSIGN_OR_RETURN(own, PassRun::Create(std::move(options)));
    run = &*own;
  }
  PlanGraph plan;
  const auto lower = [&]() -> absl::StatusOr<bool> {
    AD_ASSIGN_OR_RETURN(plan, Lowering(graph, sizes).Run(fetches, updates));
    return true;
  };
  const auto simplify = [&] {
    plan = Simplify(std::move(plan), run->counter());
    return true;
  };
  const auto slices = [&] { return PushDownSlices(&plan, run->counter()); };
  AD_RETURN_IF_ERROR(run->Apply("lower", &plan, lower).status());
  AD_RETURN_IF_ERROR(run->Apply("simplify", &plan, simplify).status());
  for (int round = 0; round < kMaxRounds; ++round) {
    AD_ASSIGN_OR_RETURN(const bool moved, run->Apply("slices", &plan, slices));
    if (!moved) break;
    AD_RETURN_IF_ERROR(run->Apply("simplify", &plan, simplify).status());
  }
  return plan;
}

}  // namespace adret
