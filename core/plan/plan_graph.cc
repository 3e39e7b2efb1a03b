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

namespace adret {
namespace {

// Slices that were moved meet paddings, and simplifying a slice of a padding gives another slice to move. Two rounds
// suffice nearly always; any number leaves a right plan.
constexpr int kMaxRounds = 4;

// Fails where the op's type rule refuses the concrete types of the node's inputs, which `value_of` finds in the plan.
template <class F>
absl::Status CheckTypes(const PlanGraph& plan, const Node& node, int64_t batch, F value_of) {
  Types inputs;
  for (ValueId v : node.inputs) inputs.push_back(plan.values[value_of(v)].type);
  const absl::StatusOr<Types> outputs = InferTypesForBatch(node, inputs, batch);
  if (outputs.ok()) return absl::OkStatus();
  return absl::Status(outputs.status().code(), absl::StrCat(node.name, ": ", outputs.status().message()));
}

// The first pass: copies what is needed of the graph, for this batch. Constants become values without a node, and an
// identity (stop_gradient) is its input, since no kernel computes it.
absl::StatusOr<PlanGraph> Lower(const Graph& graph, absl::Span<const ValueId> fetches,
                                absl::Span<const std::pair<ValueId, ValueId>> updates, int64_t batch) {
  PlanGraph plan;
  plan.batch = batch;
  std::vector<ValueId> results(fetches.begin(), fetches.end());
  for (auto [variable, value] : updates) results.push_back(variable), results.push_back(value);
  const std::vector<bool> needed = Ancestors(graph, results);
  std::vector<int> first(graph.num_nodes(), -1);
  absl::flat_hash_map<ValueId, int> identities;  // outputs of identities, and what they equal
  const auto lookup = [&](ValueId v) { return first[v.node] >= 0 ? first[v.node] + v.output : identities.at(v); };
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!needed[id]) continue;
    const Node& node = graph.node(id);
    if (node.op->traits.identity) {
      for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) identities[{id, k}] = lookup(node.inputs[k]);
      continue;
    }
    first[id] = static_cast<int>(plan.values.size());
    const bool constant = node.attrs.Is<ConstantAttrs>();
    const int producer = constant ? -1 : static_cast<int>(plan.nodes.size());
    for (const Type& t : node.outputs) {
      const Shape shape = t.shape.WithBatch(batch);
      if (absl::Status s = shape.Validate(); !s.ok()) {
        return absl::InvalidArgumentError(absl::StrCat(node.name, ": ", s.message()));
      }
      plan.values.push_back({{t.dtype, shape}, producer, constant ? static_cast<int>(plan.constants.size()) : -1});
    }
    if (constant) {
      plan.constants.push_back(node.attrs.As<ConstantAttrs>().value);
      continue;
    }
    // A batch of zero is the one that type rules of symbolic shapes do not speak for: the maximum of nothing.
    if (batch == 0) AD_RETURN_IF_ERROR(CheckTypes(plan, node, batch, lookup));
    auto& added = plan.nodes.emplace_back();
    added.node = &node, added.id = id, added.first_output = first[id];
    for (ValueId v : node.inputs) added.inputs.push_back(lookup(v));
  }
  for (ValueId v : fetches) plan.fetches.push_back(lookup(v));
  for (auto [variable, value] : updates) plan.updates.emplace_back(lookup(variable), lookup(value));
  return plan;
}

}  // namespace

absl::StatusOr<Types> InferTypesForBatch(const Node& node, absl::Span<const Type> inputs, int64_t batch) {
  AttrList list = node.attrs.list();
  bool symbolic = false;
  for (Attr& attr : list) {
    auto* shape = std::get_if<Shape>(&attr.value);
    if (shape == nullptr || !shape->is_symbolic()) continue;
    *shape = shape->WithBatch(batch);
    symbolic = true;
  }
  const absl::StatusOr<Types> as_built = InferTypes(*node.op, inputs, node.attrs);
  if (!symbolic) return as_built;
  const bool concrete = as_built.ok() && std::none_of(as_built->begin(), as_built->end(),
                                                      [](const Type& t) { return t.shape.is_symbolic(); });
  if (concrete) return as_built;
  AD_ASSIGN_OR_RETURN(const Attrs attrs, node.op->parse_attrs(list, MissingAttrs::kError));
  return InferTypes(*node.op, inputs, attrs);
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
                                        absl::Span<const std::pair<ValueId, ValueId>> updates, int64_t batch,
                                        PassRun* run) {
  std::optional<PassRun> own;
  if (run == nullptr) {
    AD_ASSIGN_OR_RETURN(PassOptions options, PassOptionsFromEnvironment());
    AD_ASSIGN_OR_RETURN(own, PassRun::Create(std::move(options)));
    run = &*own;
  }
  PlanGraph plan;
  const auto lower = [&]() -> absl::StatusOr<bool> {
    AD_ASSIGN_OR_RETURN(plan, Lower(graph, fetches, updates, batch));
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
