#include "adret/core/plan/rewrite.h"

#include <algorithm>
#include <array>
#include <utility>

#include "adret/core/axis_rules.h"

namespace adret {
namespace {

using Kind = WindowRules::Kind;

// What produces a value of the plan so far. A copy: rules add nodes, which moves the plan's.
struct Produced {
  const Op* op = nullptr;  // null for constants
  const Attrs* attrs = nullptr;
  std::array<int, 2> inputs{-1, -1};  // the first two
  int output = 0;

  const AxisRules* rules() const { return op == nullptr ? nullptr : op->axes.get(); }
  bool IsWindow(Kind kind) const { return rules() != nullptr && rules()->window.kind == kind; }
};

// The rules, for one node that is about to be added.
class Rules {
 public:
  Rules(PlanBuilder& builder, const Op& op, const Attrs& attrs, absl::Span<const int> inputs,
        absl::Span<const Type> outputs)
      : builder_(builder), op_(op), attrs_(attrs), inputs_(inputs), outputs_(outputs), rules_(*op.axes) {}

  // Returns what the first rule that applies makes of the node.
  std::optional<PlanValues> Run() {
    if (rules_.window.kind != Kind::kNone) return ComposeWindows();
    if (auto moved = MovePadding()) return moved;
    if (auto before = WorkBeforeScatter()) return before;
    return SumBeforeScatter();
  }

 private:
  const Type& TypeOf(int value) const { return builder_.plan().values[value].type; }

  Produced ProducerOf(int value) const {
    const PlanGraph& plan = builder_.plan();
    const int p = plan.values[value].producer;
    if (p < 0) return {};
    const auto& node = plan.nodes[p];
    Produced result{node.node->op, &node.node->attrs, {-1, -1}, value - node.first_output};
    std::copy_n(node.inputs.begin(), std::min<size_t>(node.inputs.size(), 2), result.inputs.begin());
    return result;
  }

  KernelSpec Spec(const Op& op, const Attrs& attrs, absl::Span<const int> inputs, absl::Span<const Type> outputs) {
    types_.clear();
    for (int v : inputs) types_.push_back(TypeOf(v));
    return {&op, &attrs, types_, outputs};
  }

  // ---- Windows ----

  // Returns a slice of a value, or a padding of it to `whole`; the value itself where the windows are whole.
  int AddSlice(const Op& op, int value, const Windows& windows) {
    const Shape whole = TypeOf(value).shape;
    if (AreWhole(windows, whole)) return value;
    return builder_.Add(op, op.axes->window.attrs(whole, windows), {value})[0];
  }
  int AddPadding(const Op& op, int value, const Shape& whole, const Windows& windows) {
    if (AreWhole(windows, whole)) return value;
    return builder_.Add(op, op.axes->window.attrs(whole, windows), {value})[0];
  }

  // slice(slice(x)) = slice(x) and pad(pad(x)) = pad(x), with the windows composed. Changes no number.
  std::optional<PlanValues> ComposeWindows() {
    const Produced inner = ProducerOf(inputs_[0]);
    if (inner.rules() == nullptr || inner.rules()->window.kind == Kind::kNone) return std::nullopt;
    const bool part = rules_.window.kind == Kind::kSlice;
    const Shape whole = part ? TypeOf(inputs_[0]).shape : outputs_[0].shape;
    const Windows windows = rules_.window.windows(attrs_, whole);
    const bool inner_is_slice = inner.IsWindow(Kind::kSlice);
    if (part && !inner_is_slice) return SliceOfPadding(inner, windows);
    if (part != inner_is_slice) return std::nullopt;
    const Shape inner_whole = inner_is_slice ? TypeOf(inner.inputs[0]).shape : TypeOf(inputs_[0]).shape;
    const Windows inner_windows = inner.rules()->window.windows(*inner.attrs, inner_whole);
    if (!builder_.Allow(RewriteRule::kWindows)) return std::nullopt;
    if (part) return PlanValues{AddSlice(op_, inner.inputs[0], Compose(inner_windows, windows))};
    return PlanValues{AddPadding(op_, inner.inputs[0], whole, Compose(windows, inner_windows))};
  }

  // slice(pad(x)) = pad(slice(x)), where on each axis one of the two is whole, or the slice lies within what was
  // padded. Before: x [4] padded to [20] at 5 .. 8, sliced at 6 .. 7. After: x sliced at 1 .. 2, and no padding.
  // Not done where a slice takes padded elements and zeros of one axis, nor where either has steps. Changes no number.
  std::optional<PlanValues> SliceOfPadding(const Produced& inset, const Windows& part) {
    const Shape whole = TypeOf(inputs_[0]).shape;
    const Windows set = inset.rules()->window.windows(*inset.attrs, whole);
    Windows cut = WholeWindows(TypeOf(inset.inputs[0]).shape), rest = WholeWindows(whole);
    for (int a = 0; a < whole.rank(); ++a) {
      if (part[a].IsWhole(whole[a])) {
        rest[a] = set[a];
        continue;
      }
      rest[a] = {0, 1, part[a].count};
      if (part[a] == set[a]) continue;
      const int64_t begin = part[a].begin - set[a].begin;
      if (part[a].step != 1 || set[a].step != 1 || begin < 0 || begin + part[a].count > set[a].count) {
        return std::nullopt;
      }
      cut[a] = {begin, 1, part[a].count};
    }
    if (!builder_.Allow(RewriteRule::kWindows)) return std::nullopt;
    const Op& pad_op = *inset.op;
    const int inner = AddSlice(op_, inset.inputs[0], cut);
    return PlanValues{AddPadding(pad_op, inner, outputs_[0].shape, rest)};
  }

  // ---- Paddings towards consumers ----

  // Returns the windows, along labels, outside which the op's results are zero (the label is one of the results'), or
  // outside which its sum has only zeros (the label is summed over). They come from the paddings among the operands.
  // `pad_op` becomes the op of one of them.
  LabelWindows MovableWindows(const LabelMap& labels, const Op** pad_op) {
    LabelWindows result;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const uint32_t bit = uint32_t{1} << std::min<size_t>(i, 31);
      const Produced p = ProducerOf(inputs_[i]);
      if (!p.IsWindow(Kind::kPad) || !((rules_.linear_in | rules_.zero_with) & bit)) continue;
      const Shape& whole = TypeOf(inputs_[i]).shape;
      const Windows windows = p.rules()->window.windows(*p.attrs, whole);
      for (int a = 0; a < whole.rank(); ++a) {
        LabelWindows::Entry entry;
        if (!AlongLabel(labels.inputs[i][a], windows[a], whole[a], &entry) || result.Find(entry.id)) continue;
        const bool kept = std::all_of(labels.outputs.begin(), labels.outputs.end(),
                                      [&](const AxisLabels& y) { return HasLabel(y, entry.id); });
        const bool linear = (rules_.linear_in & bit) != 0;
        if (!linear && !(kept && OthersAreZero(labels, i, entry))) continue;
        result.entries().push_back(entry);
        *pad_op = p.op;
      }
    }
    return result;
  }

  static bool HasLabel(const AxisLabels& labels, int id) {
    for (const AxisLabel& l : labels) {
      if (l.id == id) return true;
    }
    return false;
  }

  // Whether all inputs that make zeros only together with input i are zero outside the window, too: x and y of x + y.
  bool OthersAreZero(const LabelMap& labels, size_t i, const LabelWindows::Entry& entry) {
    for (size_t j = 0; j < inputs_.size(); ++j) {
      if (j == i || !(rules_.zero_with >> j & 1) || IsZero(inputs_[j])) continue;
      const Produced p = ProducerOf(inputs_[j]);
      if (!p.IsWindow(Kind::kPad)) return false;
      const Shape& whole = TypeOf(inputs_[j]).shape;
      const Windows windows = p.rules()->window.windows(*p.attrs, whole);
      bool equal = false;
      for (int a = 0; a < whole.rank(); ++a) {
        LabelWindows::Entry other;
        equal |= AlongLabel(labels.inputs[j][a], windows[a], whole[a], &other) && other.id == entry.id &&
                 other.window == entry.window;
      }
      if (!equal) return false;
    }
    return true;
  }

  bool IsZero(int value) const {
    const Tensor* t = builder_.ConstantValue(value);
    return t != nullptr && t->num_elements() == 1 && t->At(0) == 0;
  }

  bool PaddingHasLightReaders() const {
    for (int v : inputs_) {
      if (ProducerOf(v).IsWindow(Kind::kPad) && builder_.NumLightReaders(v) > 1) return true;
    }
    return false;
  }

  bool ReadsPadding() const {
    for (int v : inputs_) {
      if (ProducerOf(v).IsWindow(Kind::kPad)) return true;
    }
    return false;
  }

  // f(pad(x), w) = pad(f(x, slice(w))), where f is zero along the padding's label with x; without the pad where f sums
  // over the label. Before, with d [1, 4] padded to 20 rows:        After:
  //   2  slice_x_grad  f64[20,4]  d                              2  matmul        f64[1,3]   d w
  //   3  matmul        f64[20,3]  2 w                            3  slice_x_grad  f64[20,3]  2
  // Drops terms 0 * w: where w is infinite or NaN, the result was NaN there.
  std::optional<PlanValues> MovePadding() {
    if ((rules_.linear_in | rules_.zero_with) == 0 || !ReadsPadding()) return std::nullopt;
    // Where nothing follows but light work, several paddings in place of one would cost more than they spare.
    const bool light = op_.elementwise() || op_.traits.view || op_.traits.broadcast;
    if (light && !builder_.FeedsHeavyOp() && PaddingHasLightReaders()) return std::nullopt;
    const KernelSpec spec = Spec(op_, attrs_, inputs_, outputs_);
    const LabelMap labels = LabelsFor(spec);
    if (labels.inputs.size() != inputs_.size()) return std::nullopt;
    const Op* pad_op = nullptr;
    const LabelWindows windows = MovableWindows(labels, &pad_op);
    PartialOp partial;
    if (!windows.WorthCutting() || !MakePartialOp(spec, labels, windows, &partial)) {
      return std::nullopt;
    }
    const Op* slice_op = FindOp(pad_op->axes->window.other);
    if (slice_op == nullptr || !builder_.Allow(RewriteRule::kPadding)) return std::nullopt;
    PlanValues parts;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      parts.push_back(AddSlice(*slice_op, inputs_[i], windows.Along(labels.inputs[i], TypeOf(inputs_[i]).shape)));
    }
    PlanValues results = builder_.Add(op_, partial.attrs, parts);
    // A result that has the label is padded; one that lacks it was summed over it, and is complete.
    for (size_t k = 0; k < results.size(); ++k) {
      const Shape& whole = outputs_[k].shape;
      results[k] = AddPadding(*pad_op, results[k], whole, windows.Along(labels.outputs[k], whole));
    }
    return results;
  }

  // ---- Scatters ----

  // Whether p scatters fewer elements than it fills: otherwise work before it is no less than after it.
  bool IsScatter(const Produced& p, int value) const {
    return p.rules() != nullptr && !p.rules()->scatter_of.empty() &&
           TypeOf(p.inputs[0]).shape.num_elements() < TypeOf(value).shape.num_elements();
  }

  // f(scatter(d, places), y) = scatter(f(d, p), places), where p is what was picked from y at those places, and f works
  // element by element and is linear in its first operand: f of the zeros between the places is zero. Elements that
  // meet at one place are added after f now, no longer before it.
  std::optional<PlanValues> WorkBeforeScatter() {
    if (!op_.elementwise() || (rules_.linear_in & 1) == 0) return std::nullopt;
    const Produced scatter = ProducerOf(inputs_[0]);
    // Another reader would still need the scatter: then it is done twice.
    if (!IsScatter(scatter, inputs_[0]) || builder_.NumReaders(inputs_[0]) != 1) return std::nullopt;
    const Produced reader = ProducerOf(scatter.inputs[1]);
    if (reader.rules() == nullptr || reader.rules()->reads_as != scatter.rules()->scatter_of || reader.output != 1) {
      return std::nullopt;
    }
    const int picked = builder_.plan().nodes[builder_.plan().values[scatter.inputs[1]].producer].first_output;
    PlanValues operands{scatter.inputs[0]};
    for (size_t i = 1; i < inputs_.size(); ++i) {
      if (inputs_[i] != reader.inputs[0]) return std::nullopt;
      operands.push_back(picked);
    }
    if (!builder_.Allow(RewriteRule::kScatter)) return std::nullopt;
    const Attrs attrs = attrs_, scatter_attrs = *scatter.attrs;
    const int few = builder_.Add(op_, attrs, operands)[0];
    return builder_.Add(*scatter.op, scatter_attrs, {few, scatter.inputs[1]});
  }

  // sum(scatter(d, places)) = sum(d), where the sum runs over all axes along which the places lie. Each element of d is
  // added to one place, so the sum has the same terms, in another order.
  std::optional<PlanValues> SumBeforeScatter() {
    if (inputs_.size() != 1 || outputs_.size() != 1 || (rules_.linear_in & 1) == 0) return std::nullopt;
    const Produced scatter = ProducerOf(inputs_[0]);
    if (!IsScatter(scatter, inputs_[0])) return std::nullopt;
    const LabelMap labels = LabelsFor(Spec(op_, attrs_, inputs_, outputs_));
    const Types scattered{TypeOf(inputs_[0])};
    const LabelMap moves = LabelsFor(Spec(*scatter.op, *scatter.attrs, scatter.inputs, scattered));
    if (labels.inputs.empty() || moves.outputs.empty()) return std::nullopt;
    for (int a = 0; a < scattered[0].shape.rank(); ++a) {
      const int id = labels.inputs[0][a].id;
      const bool summed = id >= 0 && !HasLabel(labels.outputs[0], id);
      if (moves.outputs[0][a].id < 0 && !summed) return std::nullopt;
    }
    const Types before{TypeOf(scatter.inputs[0])};
    const absl::StatusOr<Types> types = op_.type(TypeContext(op_, before, attrs_));
    if (!types.ok() || (*types)[0] != outputs_[0] || !builder_.Allow(RewriteRule::kScatter)) return std::nullopt;
    return builder_.Add(op_, attrs_, {scatter.inputs[0]});
  }

  PlanBuilder& builder_;
  const Op& op_;
  const Attrs& attrs_;
  absl::Span<const int> inputs_;
  absl::Span<const Type> outputs_;
  const AxisRules& rules_;
  Types types_;  // what the last Spec() refers to
};

}  // namespace

std::optional<PlanValues> RewriteFromOperands(PlanBuilder& builder, const Op& op, const Attrs& attrs,
                                              absl::Span<const int> inputs, absl::Span<const Type> outputs) {
  if (op.axes == nullptr || inputs.empty()) return std::nullopt;
  return Rules(builder, op, attrs, inputs, outputs).Run();
}

}  // namespace adret
