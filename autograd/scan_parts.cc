#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "adret/autograd/scan_internal.h"
#include "adret/core/axis_rules.h"
#include "adret/core/infer_types.h"

namespace adret {
namespace {

// Enough rows for a product of matrices to be worth its preparation, and enough parts for the threads there may be.
constexpr int64_t kLeastRows = 32, kMostParts = 16;

// Follows the axis of examples through a body, from the carry, by the labels of its nodes.
class Split {
 public:
  explicit Split(const Subgraph& body) : body_(body), graph_(body.graph()), axes_(graph_.num_nodes()) {
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) axes_[id].assign(graph_.node(id).outputs.size(), kNone);
  }

  // Returns whether every output is made of one part of the examples for each part of it, all along axis 0.
  bool Find(int carries) {
    for (int i = 0; i < carries; ++i) {
      if (!Assign({i, 0}, 0)) return false;
    }
    do {
      changed_ = false;
      for (NodeId id = body_.num_inputs(); id < graph_.num_nodes(); ++id) {
        if (!Visit(id)) return false;
      }
    } while (changed_);
    for (int i = 0; i < body_.num_inputs(); ++i) {
      if (axes_[i][0] > 0) return false;
    }
    const auto& outputs = body_.outputs();
    return std::all_of(outputs.begin(), outputs.end(), [&](ValueId v) { return axes_[v.node][v.output] == 0; });
  }

  bool HasExamples(int input) const { return axes_[input][0] == 0; }

  // Returns the body for so many of the examples; nullptr where an op does not confirm what its labels say.
  SubgraphRef BodyFor(int64_t examples, int64_t rows) const {
    Graph part;
    std::vector<NodeId> copies;
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (id < body_.num_inputs()) {
        copies.push_back(part.Input(node.name, node.outputs[0].dtype, Part({id, 0}, rows).shape, node.location).node());
        continue;
      }
      // Every part would multiply the same matrices once more.
      if (!Touched(id) && node.op->multiply_adds != nullptr) return nullptr;
      const std::optional<Attrs> attrs = AttrsFor(id, examples, rows);
      if (!attrs.has_value()) return nullptr;
      absl::InlinedVector<ValueId, 3> inputs;
      for (ValueId v : node.inputs) inputs.push_back({copies[v.node], v.output});
      copies.push_back(part.AddNode(*node.op, inputs, *attrs, node.location, node.name));
      if (copies.back() < 0) return nullptr;
      for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
        if (part.type({copies.back(), k}) != Part({id, k}, rows)) return nullptr;
      }
    }
    Values inputs, outputs;
    for (int i = 0; i < body_.num_inputs(); ++i) inputs.emplace_back(&part, ValueId{copies[i], 0});
    for (ValueId v : body_.outputs()) outputs.emplace_back(&part, ValueId{copies[v.node], v.output});
    absl::StatusOr<SubgraphRef> made = Subgraph::Make(inputs, outputs);
    return made.ok() ? *std::move(made) : nullptr;
  }

 private:
  static constexpr int kNone = -1;

  int AxisOf(ValueId v) const { return axes_[v.node][v.output]; }

  // Notes that a value has the examples along this axis.
  bool Assign(ValueId v, int axis) {
    int& known = axes_[v.node][v.output];
    if (known == axis) return true;
    // What is made of nothing (a constant, a range) is not the same for a part.
    const bool made = v.node >= body_.num_inputs() && graph_.node(v.node).inputs.empty();
    if (known != kNone || graph_.type(v).shape.rank() <= axis || made) return false;
    known = axis;
    changed_ = true;
    return true;
  }

  Types InputTypes(const Node& node) const {
    Types types;
    for (ValueId v : node.inputs) types.push_back(graph_.type(v));
    return types;
  }

  // Returns the label of the axis of examples in the operands and results of a node, as far as they have one: nothing
  // where none has, -1 where labels say nothing of it.
  std::optional<int> LabelOf(NodeId id, const LabelMap& labels) const {
    const Node& node = graph_.node(id);
    std::optional<int> label;
    const auto look = [&](ValueId v, const AxisLabels& axes) {
      if (AxisOf(v) == kNone) return;
      const AxisLabel& own = axes[AxisOf(v)];
      label = own.unit != 1 || label.value_or(own.id) != own.id ? -1 : own.id;
    };
    for (size_t i = 0; i < node.inputs.size(); ++i) look(node.inputs[i], labels.inputs[i]);
    for (size_t k = 0; k < node.outputs.size(); ++k) look({id, static_cast<int32_t>(k)}, labels.outputs[k]);
    return label;
  }

  bool Touched(NodeId id) const {
    const Node& node = graph_.node(id);
    const auto has = [&](ValueId v) { return AxisOf(v) != kNone; };
    return std::any_of(node.inputs.begin(), node.inputs.end(), has) ||
           std::any_of(axes_[id].begin(), axes_[id].end(), [](int axis) { return axis != kNone; });
  }

  // Notes what a node's labels say. Returns false where examples cannot be told apart behind it.
  bool Visit(NodeId id) {
    if (!Touched(id)) return true;
    const Node& node = graph_.node(id);
    const Types inputs = InputTypes(node);
    const LabelMap labels = LabelsFor({node.op, &node.attrs, inputs, node.outputs});
    if (labels.inputs.size() != inputs.size() || labels.outputs.size() != node.outputs.size()) return false;
    const int label = *LabelOf(id, labels);
    if (label < 0) return false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!AssignLabel(node.inputs[i], labels.inputs[i], label, /*must=*/false)) return false;
    }
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      if (!AssignLabel({id, static_cast<int32_t>(k)}, labels.outputs[k], label, /*must=*/true)) return false;
    }
    return true;
  }

  bool AssignLabel(ValueId v, const AxisLabels& labels, int label, bool must) {
    const auto it = std::find_if(labels.begin(), labels.end(), [&](const AxisLabel& l) { return l.id == label; });
    if (it == labels.end()) return !must && AxisOf(v) == kNone;
    return it->unit == 1 && Assign(v, static_cast<int>(it - labels.begin()));
  }

  // Returns the type of a value for so many examples.
  Type Part(ValueId v, int64_t rows) const {
    Type type = graph_.type(v);
    if (AxisOf(v) != kNone) type.shape.set(AxisOf(v), rows);
    return type;
  }

  std::optional<Attrs> AttrsFor(NodeId id, int64_t examples, int64_t rows) const {
    const Node& node = graph_.node(id);
    if (!Touched(id)) return node.attrs;
    const Types inputs = InputTypes(node);
    const KernelSpec whole{node.op, &node.attrs, inputs, node.outputs};
    const LabelMap labels = LabelsFor(whole);
    LabelWindows first;
    first.entries().push_back({*LabelOf(id, labels), {0, 1, rows}, examples});
    PartialOp part;
    if (!MakePartialOp(whole, labels, first, &part)) return std::nullopt;
    return part.attrs;
  }

  const Subgraph& body_;
  const Graph& graph_;
  std::vector<absl::InlinedVector<int, 1>> axes_;  // of the outputs, by node
  bool changed_ = false;
};

// Returns into how many equal parts of at least kLeastRows examples are cut.
int64_t NumParts(int64_t examples) {
  int64_t parts = std::min(kMostParts, examples / kLeastRows);
  while (parts > 1 && examples % parts != 0) --parts;
  return std::max<int64_t>(parts, 1);
}

}  // namespace

ScanParts PartsOf(const ScanAttrs& a) {
  const ScanParts whole{a.body, 1, std::vector<bool>(a.body->num_inputs(), true)};
  if (a.carries == 0 || a.body->is_symbolic() || a.body->input_type(0).shape.rank() == 0) return whole;
  const int64_t examples = a.body->input_type(0).shape[0], parts = NumParts(examples);
  if (parts == 1) return whole;
  for (int i = 1; i < static_cast<int>(a.carries); ++i) {
    const Shape& carry = a.body->input_type(i).shape;
    if (carry.rank() == 0 || carry[0] != examples) return whole;
  }
  Split split(*a.body);
  if (!split.Find(static_cast<int>(a.carries))) return whole;
  ScanParts result{split.BodyFor(examples, examples / parts), parts, {}};
  if (result.body == nullptr) return whole;
  for (int i = 0; i < a.body->num_inputs(); ++i) result.has_examples.push_back(split.HasExamples(i));
  return result;
}

}  // namespace adret
