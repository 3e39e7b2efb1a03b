// The sweep that moves slices towards producers: slice(f(x, w)) = f(slice(x), slice(w)). core/plan/rewrite.h has the
// example.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "adret/core/axis_rules.h"
#include "adret/core/plan/rewrite.h"

namespace adret {
namespace {

using Kind = WindowRules::Kind;

// Visits nodes from the last to the first. When a node's turn comes, all of its readers are as they will be. Where they
// are slices that have a window in common, the node is cut: it computes that window only, from slices of its operands,
// which are new nodes right behind the operands' producers. A reader that took just this window is dropped (alias_ says
// what it equals), any other takes what is left to take. Nodes are changed in place, and put in order again at the end.
//
// In the example, relu (node 3) has one reader, the slice at 2 of axis 1:
//   visit relu     relu computes [8,1,4,4] of a new slice of conv2d's result; the old slice is dropped
//   visit conv2d   conv2d computes [8,1,4,4] from x and a new slice of w; the slice that relu wanted is dropped
//   visit w        w is a leaf: its slice stays
class SlicePushdown {
 public:
  SlicePushdown(PlanGraph* plan, RewriteCounter* counter)
      : plan_(*plan), counter_(*counter), num_old_(static_cast<int>(plan->nodes.size())) {}

  bool Run() {
    for (int i = 0; i < num_old_ && slice_op_ == nullptr; ++i) {
      if (IsSlice(i)) slice_op_ = &plan_.op(i);
    }
    if (slice_op_ == nullptr) return false;
    FindReaders();
    behind_.resize(num_old_);
    for (int i = num_old_ - 1; i >= 0; --i) Visit(i);
    if (changed_) Reassemble();
    return changed_;
  }

 private:
  bool Allow(int node) { return counter_.Allow(RewriteRule::kSlices, *plan_.nodes[node].node); }
  const AxisRules* RulesOf(int node) const { return plan_.op(node).axes.get(); }
  bool IsSlice(int node) const { return RulesOf(node) != nullptr && RulesOf(node)->window.kind == Kind::kSlice; }
  const Type& TypeOf(int value) const { return plan_.values[value].type; }
  int Output(int node) const { return plan_.nodes[node].first_output; }
  Windows WindowsOf(int part) const {
    return RulesOf(part)->window.windows(plan_.attrs(part), TypeOf(plan_.nodes[part].inputs[0]).shape);
  }

  using Readers = std::vector<int>;
  static Readers Take(Readers& readers) { return std::exchange(readers, Readers()); }

  void FindReaders() {
    readers_.resize(plan_.values.size());
    kept_whole_.assign(plan_.values.size(), false);
    has_former_readers_.assign(plan_.values.size(), false);
    dropped_.assign(num_old_, false);
    for (int i = 0; i < num_old_; ++i) {
      for (int v : plan_.nodes[i].inputs) readers_[v].push_back(i);
    }
    for (int v : plan_.fetches) kept_whole_[v] = true;
    for (auto [variable, value] : plan_.updates) kept_whole_[variable] = kept_whole_[value] = true;
  }

  void Visit(int i) {
    for (int k = 0; k < plan_.num_outputs(i); ++k) DropFormerReaders(Output(i) + k);
    const Op& op = plan_.op(i);
    if (op.traits.leaf || op.traits.random || IsSlice(i)) return;
    if (op.traits.broadcast) {
      CutForEachReader(i);
    } else if (op.axes != nullptr && op.axes->joined_axis != nullptr) {
      PickJoined(i);
    }
    CutForAllReaders(i);
  }

  // Takes nodes that read v no longer out of its list of readers. Lists are brought up to date only here, when v's turn
  // comes:
  // they may be long, and each replaced operand would go through one.
  void DropFormerReaders(int v) {
    if (!has_former_readers_[v]) return;
    std::erase_if(readers_[v], [&](int r) {
      const auto& inputs = plan_.nodes[r].inputs;
      return std::find(inputs.begin(), inputs.end(), v) == inputs.end();
    });
  }

  struct NodeTypes {
    Types inputs, outputs;
  };
  NodeTypes TypesOf(int i) const {
    NodeTypes types;
    for (int v : plan_.nodes[i].inputs) types.inputs.push_back(TypeOf(v));
    for (int k = 0; k < plan_.num_outputs(i); ++k) types.outputs.push_back(TypeOf(Output(i) + k));
    return types;
  }

  // ---- One cut for all readers ----

  // Returns the windows along labels that all readers of the node's outputs look through; none when somebody wants all
  // of it.
  LabelWindows CommonWindows(int i, const LabelMap& labels) const {
    LabelWindows common;
    bool first = true;
    for (int k = 0; k < plan_.num_outputs(i); ++k) {
      const int v = Output(i) + k;
      if (kept_whole_[v]) return {};
      for (int r : readers_[v]) {
        if (!IsSlice(r)) return {};
        const LabelWindows wanted = AlongLabels(labels.outputs[k], WindowsOf(r), TypeOf(v).shape);
        if (first) {
          common = wanted;
        } else {
          auto& entries = common.entries();
          for (size_t e = entries.size(); e-- > 0;) {
            const Window* w = wanted.Find(entries[e].id);
            if (w == nullptr || !(*w == entries[e].window)) entries.erase(entries.begin() + e);
          }
        }
        first = false;
        if (common.empty()) return {};
      }
    }
    return common;
  }

  static LabelWindows AlongLabels(const AxisLabels& labels, const Windows& windows, const Shape& shape) {
    LabelWindows result;
    for (int a = 0; a < shape.rank(); ++a) {
      LabelWindows::Entry entry;
      if (AlongLabel(labels[a], windows[a], shape[a], &entry)) result.entries().push_back(entry);
    }
    return result;
  }

  // slice(f(x, w)) = f(slice(x), slice(w)), for the window that all readers have in common. Not done where there is
  // none, where it leaves more than half, and where the type rule does not confirm the parts. Results are those of a
  // smaller kernel: sums may be added in another order.
  void CutForAllReaders(int i) {
    bool possible = plan_.op(i).elementwise() || RulesOf(i) != nullptr;
    for (int k = 0; k < plan_.num_outputs(i) && possible; ++k) {
      const auto& readers = readers_[Output(i) + k];
      possible = readers.empty() || IsSlice(readers[0]);
    }
    if (!possible) return;
    const NodeTypes types = TypesOf(i);
    const KernelSpec spec{&plan_.op(i), &plan_.attrs(i), types.inputs, types.outputs};
    const LabelMap labels = LabelsFor(spec);
    if (labels.inputs.size() != types.inputs.size()) return;
    const LabelWindows windows = CommonWindows(i, labels);
    PartialOp partial;
    if (!windows.WorthCutting() || !MakePartialOp(spec, labels, windows, &partial) || !Allow(i)) return;
    // The readers' windows are those of the whole outputs: used before these shrink.
    for (int k = 0; k < plan_.num_outputs(i); ++k) {
      for (int r : readers_[Output(i) + k]) ShrinkReader(r, labels.outputs[k], windows, partial.outputs[k].shape);
    }
    Cut(i, labels, windows, partial);
    for (int k = 0; k < plan_.num_outputs(i); ++k) plan_.values[Output(i) + k].type = partial.outputs[k];
  }

  // Lets a reader of an output that has been cut take what is left to take, or drops it where that is all.
  void ShrinkReader(int reader, const AxisLabels& labels, const LabelWindows& windows, const Shape& now) {
    Windows rest = WindowsOf(reader);
    for (int a = 0; a < now.rank(); ++a) {
      if (windows.Find(labels[a].id) != nullptr) rest[a] = {0, 1, now[a]};
    }
    if (AreWhole(rest, now)) {
      alias_[Output(reader)] = plan_.nodes[reader].inputs[0];
      dropped_[reader] = true;
    } else {
      SetNode(reader, plan_.op(reader), RulesOf(reader)->window.attrs(now, rest));
    }
  }

  // ---- A cut for each reader ----

  // slice(broadcast(x)) = broadcast(slice(x)), for each reader by itself: repeating costs nothing, so it may be done
  // for each. Changes no number.
  void CutForEachReader(int i) {
    const NodeTypes types = TypesOf(i);
    const KernelSpec spec{&plan_.op(i), &plan_.attrs(i), types.inputs, types.outputs};
    const LabelMap labels = LabelsFor(spec);
    if (labels.inputs.size() != types.inputs.size()) return;
    for (int r : Take(readers_[Output(i)])) {
      PartialOp partial;
      LabelWindows windows;
      if (IsSlice(r)) windows = AlongLabels(labels.outputs[0], WindowsOf(r), types.outputs[0].shape);
      const bool all = IsSlice(r) && windows.Along(labels.outputs[0], types.outputs[0].shape) == WindowsOf(r);
      if (windows.empty() || !all || !MakePartialOp(spec, labels, windows, &partial) || !Allow(i)) {
        readers_[Output(i)].push_back(r);
        continue;
      }
      plan_.nodes[r].inputs = plan_.nodes[i].inputs;
      for (int v : plan_.nodes[r].inputs) readers_[v].push_back(r);
      SetNode(r, plan_.op(i), partial.attrs);
      Cut(r, labels, windows, partial);
    }
  }

  // slice(concat(x, y)) = slice(x), where the slice lies within x. Not done where it takes of both. Changes no number.
  void PickJoined(int i) {
    const int axis = RulesOf(i)->joined_axis(plan_.attrs(i));
    std::vector<int64_t> ends;
    for (int v : plan_.nodes[i].inputs) ends.push_back((ends.empty() ? 0 : ends.back()) + TypeOf(v).shape[axis]);
    for (int r : Take(readers_[Output(i)])) {
      if (!IsSlice(r) || !PickFrom(i, r, axis, ends)) readers_[Output(i)].push_back(r);
    }
  }

  bool PickFrom(int joined, int reader, int axis, const std::vector<int64_t>& ends) {
    Windows windows = WindowsOf(reader);
    Window& window = windows[axis];
    const auto end = std::upper_bound(ends.begin(), ends.end(), window.begin);
    if (window.step != 1 || window.count == 0 || end == ends.end() || window.begin + window.count > *end) return false;
    if (!Allow(joined)) return false;
    const int v = plan_.nodes[joined].inputs[end - ends.begin()];
    window.begin -= *end - TypeOf(v).shape[axis];
    plan_.nodes[reader].inputs = {v};
    readers_[v].push_back(reader);
    SetNode(reader, plan_.op(reader), slice_op_->axes->window.attrs(TypeOf(v).shape, windows));
    return true;
  }

  // ---- Changes ----

  // Makes node i compute its part, from slices of its operands.
  void Cut(int i, const LabelMap& labels, const LabelWindows& windows, const PartialOp& partial) {
    if (!(partial.attrs == plan_.attrs(i))) SetNode(i, plan_.op(i), partial.attrs);
    for (size_t k = 0; k < labels.inputs.size(); ++k) {
      const int v = plan_.nodes[i].inputs[k];
      const Windows cut = windows.Along(labels.inputs[k], TypeOf(v).shape);
      if (AreWhole(cut, TypeOf(v).shape)) continue;
      plan_.nodes[i].inputs[k] = SliceOf(v, cut, i);
      has_former_readers_[v] = true;
    }
    changed_ = true;
  }

  // Returns the output of a slice of v, made on behalf of a node: one for all who want the same.
  int SliceOf(int v, const Windows& windows, int node) {
    const Shape& whole = TypeOf(v).shape;
    Attrs attrs = slice_op_->axes->window.attrs(whole, windows);
    int& made = slices_.try_emplace(std::pair(v, attrs), -1).first->second;
    if (made >= 0) return made;
    const Type type{TypeOf(v).dtype, CountsOf(windows)};
    const int producer = plan_.values[v].producer;
    const int part = static_cast<int>(plan_.nodes.size());
    made = static_cast<int>(plan_.values.size());
    const PlanGraph::PlanNode origin = plan_.nodes[node];
    auto& added = plan_.nodes.emplace_back();
    added.node = plan_.MakeNode(*slice_op_, std::move(attrs), {type}, *origin.node);
    added.id = origin.id, added.inputs = {v}, added.first_output = made;
    plan_.values.push_back({type, part, -1});
    readers_[v].push_back(part);
    readers_.emplace_back();
    kept_whole_.push_back(false);
    has_former_readers_.push_back(false);
    dropped_.push_back(false);
    (producer < 0 ? in_front_ : behind_[producer]).push_back(part);
    return made;
  }

  void SetNode(int i, const Op& op, Attrs attrs) {
    const Node& old = *plan_.nodes[i].node;
    plan_.nodes[i].node = plan_.MakeNode(op, std::move(attrs), old.outputs, old);
    changed_ = true;
  }

  // Puts the new slices behind what they read, leaves out what was dropped, and lets everybody read what stands for it.
  void Reassemble() {
    std::vector<PlanGraph::PlanNode> nodes;
    const auto append = [&](int i) {
      if (dropped_[i]) {
        for (int k = 0; k < plan_.num_outputs(i); ++k) plan_.values[Output(i) + k].producer = -1;
        return;
      }
      for (int& v : plan_.nodes[i].inputs) v = Resolve(v);
      for (int k = 0; k < plan_.num_outputs(i); ++k) {
        plan_.values[Output(i) + k].producer = static_cast<int>(nodes.size());
      }
      nodes.push_back(plan_.nodes[i]);
    };
    for (int part : in_front_) append(part);
    for (int i = 0; i < num_old_; ++i) {
      append(i);
      for (int part : behind_[i]) append(part);
    }
    for (int& v : plan_.fetches) v = Resolve(v);
    for (auto& [variable, value] : plan_.updates) value = Resolve(value);
    plan_.nodes = std::move(nodes);
  }
  // Returns the value that stands for v: itself, or what a dropped slice of it equals.
  int Resolve(int v) const {
    for (auto it = alias_.find(v); it != alias_.end(); it = alias_.find(v)) v = it->second;
    return v;
  }

  PlanGraph& plan_;
  RewriteCounter& counter_;
  const int num_old_;             // nodes before the sweep
  const Op* slice_op_ = nullptr;  // what makes new parts
  bool changed_ = false;
  std::vector<Readers> readers_;          // nodes that read a value
  std::vector<bool> has_former_readers_;  // among readers_ of a value
  std::vector<bool> kept_whole_;          // values that are fetched or stored
  std::vector<bool> dropped_;             // nodes
  std::vector<std::vector<int>> behind_;  // new parts, by the node whose output they read
  std::vector<int> in_front_;             // new parts of constants
  absl::flat_hash_map<std::pair<int, Attrs>, int> slices_;
  absl::flat_hash_map<int, int> alias_;  // a dropped part's output -> what it equals
};

}  // namespace

bool PushDownSlices(PlanGraph* plan, RewriteCounter* counter) { return SlicePushdown(plan, counter).Run(); }

}  // namespace adret
