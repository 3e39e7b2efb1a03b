#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "adret/autograd/apply_to_batch_internal.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/batch.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

// In the place of symbols; windows of usual sizes fit in.
constexpr int64_t kAnySize = 60;

using AxisOfEach = absl::InlinedVector<int, 3>;  // an axis of each input or output, or -1

// The rules that follow from what an op declares.
class Derivation {
 public:
  explicit Derivation(const BatchContext& c) : c_(c), node_(c.node()), op_(*c.node().op), rules_(op_.axes.get()) {}

  Values Run() const {
    if (op_.elementwise() || op_.traits.identity) return BuildStacked(c_, node_.attrs);
    if (op_.traits.view || op_.traits.broadcast) return OtherShape();
    if (Values y = Fold(/*repeat=*/false); !y.empty()) return y;
    return Fold(/*repeat=*/true);
  }

 private:
  Types InputTypes() const {
    Types types;
    for (ValueId v : node_.inputs) types.push_back(c_.graph()->type(v));
    return types;
  }

  Values Add(absl::Span<const Value> inputs, Attrs attrs) const {
    Values outputs(node_.outputs.size(), Value(c_.graph(), {-1, 0}));
    absl::InlinedVector<ValueId, 3> ids;
    for (const Value& v : inputs) {
      if (!v.valid()) return outputs;
      ids.push_back(v.id());
    }
    const NodeId id = c_.graph()->AddNode(op_, ids, std::move(attrs), node_.location);
    for (size_t k = 0; id >= 0 && k < outputs.size(); ++k) outputs[k] = Value(c_.graph(), {id, static_cast<int>(k)});
    return outputs;
  }

  // A view or a broadcast whose attributes follow from the shapes. Broadcasting aligns axes to the right, so an example
  // gets axes of 1 between that of the examples and its own.
  Values OtherShape() const {
    if (rules_ == nullptr || rules_->attrs_of_slices == nullptr || c_.num_inputs() != 1) return {};
    const Type& y = node_.outputs[0];
    Value x = c_.x(0);
    if (op_.traits.broadcast) {
      Shape shape = c_.x(0).shape();
      while (shape.rank() <= y.shape.rank()) shape.insert(1, 1);
      if (shape != x.shape()) x = Reshape(x, shape);
    }
    const Types inputs{x.type()}, outputs{{y.dtype, c_.WithExamples(y.shape)}};
    return Add({&x, 1}, rules_->attrs_of_slices({&op_, &node_.attrs, inputs, outputs}));
  }

  // Examples as more positions along a label: y[n, k] needs only x[n], so the images of all examples are images. The
  // inputs with examples and the outputs must have the label. Where others have it, too, they are repeated.
  Values Fold(bool repeat) const {
    const Types inputs = Concrete(InputTypes()), outputs = Concrete(node_.outputs);
    const std::optional<Attrs> attrs = ConcreteAttrs();
    if (!attrs.has_value()) return {};
    const LabelMap labels = LabelsFor({&op_, &*attrs, inputs, outputs});
    if (labels.inputs.size() != inputs.size()) return {};
    for (const AxisLabel& label : labels.outputs[0]) {
      if (label.id < 0) continue;
      if (Values y = FoldAlong(labels, label.id, repeat); !y.empty()) return y;
    }
    return {};
  }

  static int AxisOf(const AxisLabels& labels, int id) {
    const auto it = std::find_if(labels.begin(), labels.end(), [&](const AxisLabel& l) { return l.id == id; });
    return it == labels.end() ? -1 : static_cast<int>(it - labels.begin());
  }

  Values FoldAlong(const LabelMap& labels, int id, bool repeat) const {
    AxisOfEach in, out;
    for (int i = 0; i < c_.num_inputs(); ++i) {
      in.push_back(AxisOf(labels.inputs[i], id));
      if (c_.batched(i) ? in[i] < 0 : in[i] >= 0 && !repeat) return {};
    }
    for (const AxisLabels& l : labels.outputs) {
      out.push_back(AxisOf(l, id));
      if (out.back() < 0) return {};
    }
    const std::optional<Attrs> attrs = AttrsOfFolded(id, in, out);
    if (!attrs.has_value()) return {};
    Values folded;
    for (int i = 0; i < c_.num_inputs(); ++i) {
      folded.push_back(in[i] < 0 ? c_.x(i) : FoldExamples(Stacked(c_, i), in[i]));
    }
    Values y = Add(folded, *attrs);
    for (size_t k = 0; k < y.size(); ++k) {
      y[k] = UnfoldExamples(y[k], out[k], c_.size(), node_.outputs[k].shape[out[k]]);
    }
    return y;
  }

  // The types of tensors in which so many examples are folded into these axes.
  static Types Folded(Types types, const AxisOfEach& axes, int64_t examples) {
    for (size_t i = 0; i < types.size(); ++i) {
      if (axes[i] >= 0) types[i].shape.set(axes[i], types[i].shape.dim(axes[i]) * Dim::Of(examples));
    }
    return types;
  }

  Attrs AttrsFor(const Attrs& attrs, const Types& inputs, const Types& outputs) const {
    if (rules_ == nullptr || rules_->attrs_of_slices == nullptr) return attrs;
    return rules_->attrs_of_slices({&op_, &attrs, inputs, outputs});
  }

  // The attributes of the op on folded operands; nothing unless the op's own word confirms, for two examples, that each
  // is a part of that.
  std::optional<Attrs> AttrsOfFolded(int id, const AxisOfEach& in, const AxisOfEach& out) const {
    constexpr int64_t kExamples = 2;
    const Types example_inputs = Concrete(InputTypes()), example_outputs = Concrete(node_.outputs);
    const Types inputs = Folded(example_inputs, in, kExamples), outputs = Folded(example_outputs, out, kExamples);
    const std::optional<Attrs> example_attrs = ConcreteAttrs();
    if (!example_attrs.has_value()) return std::nullopt;
    const Attrs attrs = AttrsFor(*example_attrs, inputs, outputs);
    const absl::StatusOr<Types> types = op_.type(TypeContext(op_, inputs, attrs));
    if (!types.ok() || *types != outputs) return std::nullopt;
    const KernelSpec whole{&op_, &attrs, inputs, outputs};
    const LabelMap labels = LabelsFor(whole);
    if (labels.inputs.size() != inputs.size()) return std::nullopt;
    const int64_t positions = outputs[0].shape[out[0]] / labels.outputs[0][out[0]].unit;
    LabelWindows first;
    first.entries().push_back({id, {0, 1, positions / kExamples}, positions});
    PartialOp part;
    const bool parts = MakePartialOp(whole, labels, first, &part) && part.attrs == *example_attrs &&
                       std::equal(part.inputs.begin(), part.inputs.end(), example_inputs.begin()) &&
                       part.outputs == example_outputs;
    if (!parts) return std::nullopt;
    return AttrsFor(node_.attrs, Folded(InputTypes(), in, c_.size()), Folded(node_.outputs, out, c_.size()));
  }

  // Labels are asked for concrete shapes.
  static Types Concrete(Types types) {
    for (Type& t : types) t.shape = t.shape.WithEvery(kAnySize);
    return types;
  }

  // The attributes that go with Concrete() types; nothing where the op refuses those.
  std::optional<Attrs> ConcreteAttrs() const {
    AttrList list = node_.attrs.list();
    bool changed = false;
    for (Attr& attr : list) {
      auto* shape = std::get_if<Shape>(&attr.value);
      if (shape == nullptr || !shape->is_symbolic()) continue;
      *shape = shape->WithEvery(kAnySize);
      changed = true;
    }
    if (!changed) return node_.attrs;
    absl::StatusOr<Attrs> attrs = op_.parse_attrs(list, MissingAttrs::kError);
    return attrs.ok() ? std::optional<Attrs>(*std::move(attrs)) : std::nullopt;
  }

  const BatchContext& c_;
  const Node& node_;
  const Op& op_;
  const AxisRules* rules_;
};

}  // namespace

Values ApplyToBatch(const BatchContext& c) {
  if (const BatchRule& rule = c.node().op->batch; rule != nullptr) {
    if (Values y = rule(c); !y.empty()) return y;
  }
  return Derivation(c).Run();
}

}  // namespace adret
