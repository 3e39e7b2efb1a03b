#include "adret/core/graph.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/infer_types.h"
#include "adret/core/names.h"
#include "adret/core/nearest_names.h"

namespace adret {
namespace {

absl::StatusOr<Types> LeafType(const Type& type) {
  AD_RETURN_IF_ERROR(type.shape.Validate());
  return Types{type};
}

const OpRegistration kVariable({
    .name = "variable",
    .doc = "A tensor that lives in a State; runs read it and updates replace it.",
    .parse_attrs = &ParseAttrs<VariableAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<VariableAttrs>();
      if (a.shape.is_symbolic()) return c.Error("the shape ", a.shape.ToString(), " must be concrete");
      return LeafType({a.dtype, a.shape});
    },
    .traits = {.leaf = true},
});
const OpRegistration kInput({
    .name = "input",
    .doc = "A tensor that is fed at each run.",
    .parse_attrs = &ParseAttrs<InputAttrs>,
    .type =
        [](const TypeContext& c) {
          return LeafType({c.attrs<InputAttrs>().dtype, c.attrs<InputAttrs>().shape});
        },
    .traits = {.leaf = true},
});
const OpRegistration kConstant({
    .name = "constant",
    .doc = "A fixed tensor.",
    .parse_attrs = &ParseAttrs<ConstantAttrs>,
    .type = [](const TypeContext& c) { return LeafType(c.attrs<ConstantAttrs>().value.type()); },
    .traits = {.leaf = true},
});

}  // namespace

const Type& Value::type() const {
  static const Type kNone;
  return valid() ? graph_->type(id_) : kNone;
}

std::string SourceLine(const std::source_location& location) {
  if (location.line() == 0) return "";
  const absl::string_view path = location.file_name();
  return absl::StrCat(path.substr(path.rfind('/') + 1), ":", location.line());
}

std::string Value::name() const {
  if (!valid()) return "";
  const std::string& name = graph_->node(id_.node).name;
  return id_.output == 0 ? name : absl::StrCat(name, ":", id_.output);
}

Value Value::Named(absl::string_view name) const {
  if (!valid()) return *this;
  absl::Status status = graph_->Rename(id_.node, name);
  if (!status.ok()) graph_->Fail(status, graph_->node(id_.node).location);
  return *this;
}

bool Operand::FitsIn(DType dtype) const {
  if (IsAnyFloating(dtype) || (dtype == DType::kInt64 && integer_.has_value())) return true;
  if (dtype == DType::kUint64 && integer_.has_value()) return *integer_ >= 0;
  // One number looks like another to At(), which rounds: i64 saturates to 2^63 - 1, u64 to 2^64 - 1.
  return Tensor::Scalar(dtype, number_).At(0) == number_ && number_ < (dtype == DType::kUint64 ? 0x1p64 : 0x1p63);
}

Value Operand::In(Graph* graph, DType dtype) const {
  if (!is_number_) return value_;
  if (!IsInteger(dtype) || !integer_.has_value()) return graph->Constant(Tensor::Scalar(dtype, number_), location_);
  return graph->Constant(Tensor::From<int64_t>({}, {*integer_}).Cast(dtype), location_);
}

Value Graph::Input(absl::string_view name, DType dtype, const Shape& shape, std::source_location location) {
  return AddLeaf(kInput, Attrs(InputAttrs{dtype, shape}), location, name);
}

Value Graph::Variable(absl::string_view name, DType dtype, const Shape& shape, Initializer initializer, bool trainable,
                      std::source_location location) {
  const Value variable = AddLeaf(kVariable, Attrs(VariableAttrs{dtype, shape, trainable}), location, name);
  if (variable.valid()) initializers_[variable.node()] = std::move(initializer);
  return variable;
}

Value Graph::Variable(absl::string_view name, Tensor initial, bool trainable, std::source_location location) {
  const Type type = initial.type();
  return Variable(
      name, type.dtype, type.shape, [initial = std::move(initial)](const Type&, RandomKey) { return initial; },
      trainable, location);
}

int64_t Graph::NextSerial() {
  static std::atomic<int64_t> next = 1;
  return next.fetch_add(1, std::memory_order_relaxed);
}

Value Graph::Constant(Tensor value, std::source_location location) {
  return AddLeaf(kConstant, Attrs(ConstantAttrs{std::move(value)}), location, std::nullopt);
}

Values Graph::all_variables() {
  Values result;
  for (NodeId id : variables_) result.push_back(Value(this, {id, 0}));
  return result;
}

Values Graph::variables() {
  Values result;
  for (NodeId id : variables_) {
    if (nodes_[id].attrs.As<VariableAttrs>().trainable) result.push_back(Value(this, {id, 0}));
  }
  return result;
}

Values Graph::inputs() {
  Values result;
  for (NodeId id = 0; id < num_nodes(); ++id) {
    if (nodes_[id].op == kInput.op) result.push_back(Value(this, {id, 0}));
  }
  return result;
}

absl::StatusOr<Value> Graph::Find(absl::string_view name) {
  absl::string_view base = name;
  int output = 0;
  auto it = by_name_.find(base);
  if (const size_t colon = name.rfind(':'); it == by_name_.end() && colon != absl::string_view::npos) {
    if (absl::SimpleAtoi(name.substr(colon + 1), &output)) it = by_name_.find(base.substr(0, colon));
  }
  if (it != by_name_.end() && output >= 0 && output < static_cast<int>(nodes_[it->second].outputs.size())) {
    return Value(this, {it->second, output});
  }
  std::vector<std::string> names;
  for (const auto& [known, id] : by_name_) names.push_back(known);
  const std::string nearest = absl::StrJoin(NearestNames(name, std::move(names), 3), ", ");
  return absl::NotFoundError(absl::StrCat("the graph has no value '", absl::CEscape(name), "'",
                                          nearest.empty() ? "" : "; the nearest names are ", nearest));
}

const Initializer& Graph::initializer(NodeId variable) const {
  static const Initializer kNone;
  auto it = initializers_.find(variable);
  return it == initializers_.end() ? kNone : it->second;
}

bool Graph::IsInside(const Graph* other) const {
  for (const Graph* g = outer_; g != nullptr; g = g->outer_) {
    if (g == other) return true;
  }
  return false;
}

Graph* Graph::innermost() {
  Graph* graph = this;
  while (graph->inner_ != nullptr) graph = graph->inner_;
  return graph;
}

Value Graph::Capture(const Value& value) {
  if (value.graph() == this) return value;
  if (!value.valid() || !IsInside(value.graph())) return Value(this, {-1, 0});
  const Value outer = outer_->Capture(value);
  if (!outer.valid()) return Value(this, {-1, 0});
  for (const auto& [from, to] : captures_) {
    if (from == outer) return to;
  }
  const Node& node = outer_->node(outer.node());
  const bool constant = node.op == kConstant.op;
  const NodeId id = AddNode(constant ? *node.op : *kInput.op, {},
                            constant ? node.attrs : Attrs(InputAttrs{outer.dtype(), outer.shape()}), node.location);
  const Value own(this, {id, 0});
  if (id >= 0 && !constant) captures_.emplace_back(outer, own);
  return own;
}

Value Graph::Add(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs) {
  Values all = AddMulti(op, operands, std::move(attrs));
  return all.empty() ? Value() : all[0];
}

Values Graph::AddMulti(absl::string_view name, absl::Span<const Operand> operands, Attrs attrs) {
  const Op* op = FindOp(name);
  const std::source_location location = operands.empty() ? std::source_location::current() : operands[0].location();
  if (op == nullptr) {
    return {Fail(absl::InvalidArgumentError(absl::StrCat("there is no op '", absl::CEscape(name), "'")), location)};
  }
  Values results(op->outputs.size(), Value(this, {-1, 0}));
  const Value* first = nullptr;
  for (const Operand& operand : operands) {
    if (operand.is_number()) continue;
    if (operand.graph() == nullptr || (!operand.value().valid() && operand.graph() == this)) {
      InvalidResult(name, {Value(this, {-1, 0})}, location);
      return results;
    }
    if (operand.graph() != this && !IsInside(operand.graph())) {
      Fail(absl::InvalidArgumentError(absl::StrCat(name, ": operands belong to different graphs")), location);
      return results;
    }
    if (first == nullptr) first = &operand.value();
  }
  absl::InlinedVector<ValueId, 3> inputs;
  for (const Operand& operand : operands) {
    const bool outside = !operand.is_number() && operand.graph() != this;
    const Value value =
        outside ? Capture(operand.value()) : operand.In(this, first == nullptr ? DType::kFloat32 : first->dtype());
    if (!value.valid()) return results;
    inputs.push_back(value.id());
  }
  const NodeId id = AddNode(*op, inputs, std::move(attrs), location);
  if (id >= 0) results.resize(node(id).outputs.size());
  for (int i = 0; id >= 0 && i < static_cast<int>(results.size()); ++i) results[i] = Value(this, {id, i});
  return results;
}

Value Graph::AddLeaf(const OpRegistration& registration, Attrs attrs, std::source_location location,
                     std::optional<absl::string_view> name) {
  if (registration.op == nullptr) {
    return Fail(
        absl::FailedPreconditionError("a graph was built before adret's static initialisers had registered ops"),
        location);
  }
  const Op& op = *registration.op;
  if (name.has_value() && name->empty()) return Fail(CheckName(*name, absl::StrCat("the ", op.name)), location);
  return Value(this, {AddNode(op, {}, std::move(attrs), location, name.has_value() ? Scoped(*name) : ""), 0});
}

NodeId Graph::AddNode(const Op& op, absl::Span<const ValueId> inputs, Attrs attrs, std::source_location location,
                      absl::string_view name) {
  if (!status_.ok()) return -1;
  if (forced_location_ != nullptr) location = *forced_location_;
  absl::InlinedVector<Type, 3> types;
  for (ValueId id : inputs) types.push_back(type(id));
  bool assumes_sizes = false;
  absl::StatusOr<Types> outputs = InferTypesOfNewNode(op, types, attrs, &assumes_sizes);
  if (!outputs.ok()) {
    Fail(outputs.status(), location);
    return -1;
  }
  std::string unique = name.empty() ? UniqueName(Scoped(op.name)) : std::string(name);
  absl::Status usable = CheckName(unique, op.traits.leaf ? absl::StrCat("the ", op.name) : "the node");
  if (usable.ok() && by_name_.contains(unique)) {
    usable = absl::InvalidArgumentError(absl::StrCat("the name ", Quoted(unique), " is taken"));
  }
  if (!usable.ok()) {
    Fail(std::move(usable), location);
    return -1;
  }
  const NodeId id = num_nodes();
  by_name_[unique] = id;
  if (&op == kVariable.op) variables_.push_back(id);
  // Random streams of loaded nodes stay apart from those of nodes added later.
  for (const Attr& a : attrs.list()) {
    if (op.traits.random && a.name == "stream") next_stream_ = std::max(next_stream_, std::get<int64_t>(a.value) + 1);
  }
  nodes_.push_back(Node{&op,
                        {inputs.begin(), inputs.end()},
                        std::move(attrs),
                        *std::move(outputs),
                        std::move(unique),
                        location,
                        derivative_depth_ > 0,
                        assumes_sizes});
  is_named_.push_back(!name.empty());
  return id;
}

Value Graph::Fail(absl::Status status, std::source_location location) {
  const Value invalid(this, {-1, 0});
  if (!status_.ok() || status.ok()) return invalid;
  if (forced_location_ != nullptr) location = *forced_location_;
  const std::string line = SourceLine(location);
  status_ = absl::Status(status.code(), absl::StrCat(status.message(), line.empty() ? "" : " at ", line,
                                                     scope_.empty() ? "" : absl::StrCat(" in scope ", scope_)));
  return invalid;
}

std::string Graph::Scoped(absl::string_view name) const { return absl::StrCat(scope_, name); }

std::string Graph::UniqueName(absl::string_view base) {
  int& suffix = next_suffix_[base];
  for (;;) {
    std::string candidate = suffix == 0 ? std::string(base) : absl::StrCat(base, "_", suffix);
    ++suffix;
    if (!by_name_.contains(candidate)) return candidate;
  }
}

absl::Status Graph::Rename(NodeId id, absl::string_view name) {
  const std::string full = Scoped(name);
  Node& node = nodes_[id];
  // An empty name would leave that of the scope.
  AD_RETURN_IF_ERROR(CheckName(name.empty() ? name : full, "the node"));
  is_named_[id] = true;
  if (node.name == full) return absl::OkStatus();
  if (by_name_.contains(full)) {
    return absl::InvalidArgumentError(absl::StrCat("the name ", Quoted(full), " is taken"));
  }
  by_name_.erase(node.name);
  by_name_[full] = id;
  node.name = full;
  return absl::OkStatus();
}

NameScope::NameScope(Graph* graph, absl::string_view name, std::source_location location)
    : graph_(graph), saved_(graph->scope_) {
  graph->Fail(CheckName(name, "the scope"), location);
  graph->scope_ = absl::StrCat(saved_, name, "/");
}
NameScope::~NameScope() { graph_->scope_ = saved_; }

LocationScope::LocationScope(Graph* graph, std::source_location location) : graph_(graph), location_(location) {
  if (graph_ == nullptr || graph_->forced_location_ != nullptr) return;
  graph_->forced_location_ = &location_;
  active_ = true;
}
LocationScope::~LocationScope() {
  if (active_) graph_->forced_location_ = nullptr;
}

Values BuildMulti(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs) {
  Graph* graph = nullptr;  // of the innermost body
  for (const Operand& operand : operands) {
    if (operand.is_number() || operand.graph() == nullptr) continue;
    if (graph == nullptr || operand.graph()->IsInside(graph)) graph = operand.graph();
  }
  if (graph != nullptr) return graph->AddMulti(op, operands, std::move(attrs));
  // No graph to keep an error: every operand is a Value that was never built.
  const Op* known = FindOp(op);
  return Values(known == nullptr ? 1 : known->outputs.size());
}

Value InvalidResult(absl::string_view builder, absl::Span<const Value> operands, std::source_location location) {
  const Value* known = nullptr;
  for (const Value& v : operands) {
    if (v.graph() == nullptr) continue;
    if (!v.graph()->status().ok()) return Value(v.graph(), {-1, 0});
    if (known == nullptr) known = &v;
  }
  if (known == nullptr) return Value();  // nobody to tell
  return known->graph()->Fail(
      absl::InvalidArgumentError(absl::StrCat(builder, ": an operand is a Value that was never built")), location);
}

Value Build(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs) {
  return BuildMulti(op, operands, std::move(attrs))[0];
}

}  // namespace adret
