#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/body_internal.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/vmap.h"
#include "adret/core/ancestors.h"
#include "adret/core/import.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret {

Graph* ControlFlowGraph(std::initializer_list<const Values*> values) {
  Graph* graph = nullptr;
  for (const Values* some : values) {
    for (const Value& v : *some) {
      if (v.graph() != nullptr && (graph == nullptr || v.graph()->IsInside(graph))) graph = v.graph();
    }
  }
  return graph == nullptr ? nullptr : graph->innermost();
}

namespace {

bool IsNamedLeaf(const Node& node) { return node.attrs.Is<VariableAttrs>() || node.attrs.Is<InputAttrs>(); }

// Returns the value that a body's input, or the input of the input, stands for; others as they are.
Value Origin(Value v) {
  const auto& captures = v.graph()->captures();
  const auto it = std::find_if(captures.begin(), captures.end(), [&](const auto& c) { return c.second == v; });
  return it == captures.end() ? v : Origin(it->first);
}

}  // namespace

Value Captured(Graph* graph, const Value& v) { return v.valid() && graph->IsInside(v.graph()) ? graph->Capture(v) : v; }

bool BodyBuilder::ok() {
  if (!body_.status().ok()) outer_->Fail(body_.status(), {});
  return outer_->status().ok();
}

bool BodyBuilder::Fail(absl::string_view message) {
  outer_->Fail(absl::InvalidArgumentError(absl::StrCat(op_, ": ", message)), location_);
  return false;
}

Value BodyBuilder::AddInput(absl::string_view what, const Type& type) {
  inputs_.push_back(body_.Input(absl::StrCat(what, inputs_.size()), type.dtype, type.shape, location_));
  return inputs_.back();
}

bool BodyBuilder::Write(const std::function<Values()>& function) {
  around_.clear();
  for (Graph* graph = outer_; graph != nullptr; graph = graph->outer()) {
    around_.push_back({graph, graph->num_nodes(), graph->side_updates().size()});
  }
  {
    const BodyScope scope(&body_);
    outputs_ = function();
  }
  if (!ok()) return false;
  around_.push_back({&body_, 0, 0});
  for (const Around& around : around_) {
    const auto& updates = around.graph->side_updates();
    if (updates.size() == around.side_updates) continue;
    return Fail(absl::StrCat("the body updates the variable '", updates.back().first.name(),
                             "' (as batch normalisation does in training), which a body cannot do"));
  }
  for (Value& v : outputs_) {
    if (!v.valid()) return Fail("the body returns a Value that was never built");
    if (v.graph() != &body_ && !body_.IsInside(v.graph()))
      return Fail("the body returns a value of an unrelated graph");
    v = body_.Capture(v);
  }
  return ok();
}

bool BodyBuilder::WriteAll(const std::function<Values()>& function) {
  if (!Write(function)) return false;
  std::vector<Substitution> copies;
  for (size_t i = 0; i < body_.captures().size() && body_.status().ok(); ++i) {
    const auto [outer, own] = body_.captures()[i];
    const Value copy = CopyOf(Origin(outer));
    if (copy.graph() != nullptr) copies.push_back({own, copy});
  }
  if (!copies.empty() && body_.status().ok()) {
    absl::StatusOr<Values> outputs = Import(outputs_, copies, &body_);
    if (!outputs.ok()) return Fail(outputs.status().message());
    outputs_ = *std::move(outputs);
  }
  return ok();
}

// Returns the copy in the body of a value that the function added to a graph around, or no value where it was there
// before.
Value BodyBuilder::CopyOf(const Value& origin) {
  const auto around =
      std::find_if(around_.begin(), around_.end(), [&](const Around& a) { return a.graph == origin.graph(); });
  const Graph& graph = *origin.graph();
  const auto stays = [&](NodeId id) { return id < around->nodes || IsNamedLeaf(graph.node(id)); };
  if (around == around_.end() || stays(origin.node())) return Value();
  std::vector<Substitution> substitutions;
  absl::flat_hash_set<ValueId> seen = {origin.id()};
  std::vector<ValueId> open = {origin.id()};
  while (!open.empty()) {
    const NodeId id = open.back().node;
    open.pop_back();
    for (ValueId input : graph.node(id).inputs) {
      if (!seen.insert(input).second) continue;
      const Value value(origin.graph(), input);
      if (stays(input.node)) substitutions.push_back({value, body_.Capture(value)});
      if (!stays(input.node)) open.push_back(input);
    }
  }
  const absl::StatusOr<Values> copy = Import({origin}, substitutions, &body_);
  return copy.ok() ? (*copy)[0] : body_.Fail(copy.status(), {});
}

Values BodyBuilder::Captures() const {
  const std::vector<bool> needed = Ancestors(body_, outputs_);
  Values captures;
  for (const auto& [outer, own] : body_.captures()) {
    if (own.node() < static_cast<NodeId>(needed.size()) && needed[own.node()]) captures.push_back(outer);
  }
  return captures;
}

SubgraphRef BodyBuilder::Make(const Values& captures) {
  Values inputs = inputs_;
  for (const Value& outer : captures) inputs.push_back(body_.Capture(outer));
  if (!ok()) return nullptr;
  absl::StatusOr<SubgraphRef> made = Subgraph::Make(inputs, outputs_);
  if (made.ok()) return *std::move(made);
  Fail(made.status().message());
  return nullptr;
}

Values UnitedCaptures(std::initializer_list<const BodyBuilder*> bodies) {
  Values united;
  for (const BodyBuilder* body : bodies) {
    for (const Value& v : body->Captures()) {
      if (std::find(united.begin(), united.end(), v) == united.end()) united.push_back(v);
    }
  }
  return united;
}

absl::StatusOr<Values> Inline(const Subgraph& body, const Values& inputs, Graph* to) {
  std::vector<Substitution> substitutions;
  const Values own = body.InputValues();
  for (size_t i = 0; i < own.size(); ++i) substitutions.push_back({own[i], inputs[i]});
  return Import(body.OutputValues(), substitutions, to);
}

Values InlineHere(const Subgraph& body, const Values& inputs) {
  Graph* const graph = ControlFlowGraph({&inputs});
  Values own;
  for (const Value& v : inputs) own.push_back(Captured(graph, v));
  absl::StatusOr<Values> outputs = graph->status().ok() ? Inline(body, own, graph) : graph->status();
  if (outputs.ok()) return *std::move(outputs);
  return Values(body.outputs().size(), graph->Fail(outputs.status(), {}));
}

absl::StatusOr<SubgraphRef> BodyForBatch(const Subgraph& body, const std::vector<bool>& batched, int64_t size) {
  Graph step;
  Values inputs;
  VmapOptions options;
  for (int i = 0; i < body.num_inputs(); ++i) {
    Shape shape = body.input_type(i).shape;
    if (batched[i]) shape.insert(0, size);
    inputs.push_back(step.Input(absl::StrCat("x", i), body.input_type(i).dtype, shape, {}));
    options.in_axes.push_back(batched[i] ? 0 : kShared);
  }
  if (std::find(batched.begin(), batched.end(), true) == batched.end()) {
    AD_ASSIGN_OR_RETURN(Values outputs, Inline(body, inputs, &step));
    for (Value& v : outputs) {
      Shape shape = v.shape();
      shape.insert(0, size);
      v = BroadcastTo(v, shape);
    }
    return Subgraph::Make(inputs, outputs);
  }
  absl::Status inlined;
  const auto one_example = [&](Args example) {
    absl::StatusOr<Values> outputs = Inline(body, Values(example.begin(), example.end()), &step);
    inlined = outputs.status();
    return outputs.ok() ? *std::move(outputs) : Values(body.outputs().size());
  };
  const Values outputs = Vmap(one_example, inputs, options);
  AD_RETURN_IF_ERROR(inlined);
  AD_RETURN_IF_ERROR(step.status());
  return Subgraph::Make(inputs, outputs);
}

absl::StatusOr<BodyGradient> Differentiate(const Subgraph& body, const std::vector<bool>& asked,
                                           const GradientContext::Overrides& overrides) {
  Graph graph;
  BodyGradient result;
  Values inputs, floating;
  for (int i = 0; i < body.num_inputs(); ++i) {
    const Type& type = body.input_type(i);
    inputs.push_back(graph.Input(absl::StrCat("x", i), type.dtype, type.shape, {}));
    if (!IsAnyFloating(type.dtype)) continue;
    result.inputs.push_back(i);
    floating.push_back(inputs.back());
  }
  AD_ASSIGN_OR_RETURN(const Values outputs, Inline(body, inputs, &graph));
  GradientOptions options{.overrides = overrides};
  Values ys;
  for (int k = 0; k < static_cast<int>(outputs.size()); ++k) {
    const Type& type = body.output_type(k);
    if (!asked[k] || !IsAnyFloating(type.dtype)) continue;
    result.outputs.push_back(k);
    ys.push_back(outputs[k]);
    options.seeds.push_back(graph.Input(absl::StrCat("dy", k), type.dtype, type.shape, {}));
  }
  if (ys.empty() || floating.empty()) return result;
  const Values gradients = Gradients(ys, floating, options);
  AD_RETURN_IF_ERROR(graph.status());
  inputs.insert(inputs.end(), options.seeds.begin(), options.seeds.end());
  AD_ASSIGN_OR_RETURN(result.body, Subgraph::Make(inputs, gradients));
  return result;
}

Value WhereExamples(const Value& condition, const Value& a, Operand b) {
  std::vector<int64_t> axes;
  for (int axis = 1; axis < a.rank(); ++axis) axes.push_back(axis);
  return Where(axes.empty() ? condition : Unsqueeze(condition, axes), a, b);
}

Values GuardExamples(const Value& condition, const Values& values, const std::vector<bool>& batched) {
  Values guarded = values;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!batched[i] || !IsAnyFloating(values[i].dtype())) continue;
    guarded[i] = WhereExamples(condition, values[i], StopGradient(values[i]));
  }
  return guarded;
}

Values GradientsOrFail(const GradientContext& c, absl::StatusOr<Values> gradients) {
  if (gradients.ok()) return *std::move(gradients);
  c.graph()->Fail(gradients.status(), c.node().location);
  return Values(c.num_inputs());
}

Values OutputsOrFail(const BatchContext& c, absl::StatusOr<Values> outputs) {
  if (outputs.ok()) return *std::move(outputs);
  return Values(c.node().outputs.size(), c.graph()->Fail(outputs.status(), c.node().location));
}

Values AddControlFlow(Graph* graph, const Op& op, const Values& inputs, Attrs attrs, size_t outputs,
                      std::source_location location) {
  absl::InlinedVector<ValueId, 3> ids;
  for (const Value& v : inputs) ids.push_back(v.id());
  const bool valid = std::all_of(inputs.begin(), inputs.end(), [](const Value& v) { return v.valid(); });
  const NodeId id = valid ? graph->AddNode(op, ids, std::move(attrs), location) : -1;
  Values values;
  for (size_t k = 0; k < outputs; ++k) values.emplace_back(graph, ValueId{id, id < 0 ? 0 : static_cast<int32_t>(k)});
  return values;
}

}  // namespace adret
