#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "adret/core/axis_rules.h"
#include "adret/ops/add_up_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

// `part` at the windows of a tensor, zeros elsewhere.
struct Inset {
  Value part;
  Windows windows;

  int64_t begin(int axis) const { return windows[axis].begin; }
  int64_t end(int axis) const { return windows[axis].begin + windows[axis].count; }
};

// Joins insets that do not overlap along an axis, in order, with zeros between them. All their other windows are equal.
Inset Join(const std::vector<Inset>& insets, int axis, std::source_location location) {
  if (insets.size() == 1) return insets[0];
  Graph* graph = insets[0].part.graph();
  Values pieces;
  int64_t end = insets[0].begin(axis);
  for (const Inset& inset : insets) {
    if (inset.begin(axis) > end) {
      Shape gap = inset.part.shape();
      gap.set(axis, inset.begin(axis) - end);
      pieces.push_back(BroadcastTo(graph->Constant(Tensor::Scalar(inset.part.dtype(), 0), location), gap));
    }
    pieces.push_back(inset.part);
    end = inset.end(axis);
  }
  Inset joined{Concat(pieces, axis, location), insets[0].windows};
  joined.windows[axis] = {joined.begin(axis), 1, end - joined.begin(axis)};
  return joined;
}

// Returns whether the places of windows are numbers: along a symbolic axis only those of a whole one are.
bool AreKnown(const Windows& windows, const Shape& whole) {
  for (int a = 0; a < whole.rank(); ++a) {
    if (whole[a] < 0 && !windows[a].IsWhole(whole[a])) return false;
  }
  return true;
}

// What tells windows apart, along all axes but one.
std::vector<int64_t> KeyOf(const Windows& windows, int except = -1) {
  std::vector<int64_t> key;
  for (int a = 0; a < static_cast<int>(windows.size()); ++a) {
    const Window& w = windows[a];
    if (a != except) key.insert(key.end(), {w.begin, w.step, w.count});
  }
  return key;
}

// Joins along an axis what can be: insets are sorted into layers, of which none overlap.
std::vector<Inset> JoinAlong(int axis, std::vector<Inset> insets, std::source_location location) {
  std::map<std::vector<int64_t>, std::vector<Inset>> groups;  // by the windows of the other axes
  std::vector<Inset> result;
  for (Inset& inset : insets) {
    const Window& w = inset.windows[axis];
    if (w.step != 1) {
      result.push_back(std::move(inset));
    } else if (w.count != 0) {  // nothing is added by an empty one; a symbolic one is whole
      groups[KeyOf(inset.windows, axis)].push_back(std::move(inset));
    }
  }
  for (auto& [others, group] : groups) {
    std::stable_sort(group.begin(), group.end(),
                     [&](const Inset& a, const Inset& b) { return a.begin(axis) < b.begin(axis); });
    std::vector<std::vector<Inset>> layers;
    std::multimap<int64_t, size_t> ends;  // of layers
    for (Inset& inset : group) {
      const auto fits = inset.windows[axis].count < 0 ? ends.end() : ends.begin();
      size_t layer = layers.size();
      if (fits != ends.end() && fits->first <= inset.begin(axis)) {
        layer = fits->second;
        ends.erase(fits);
      } else {
        layers.emplace_back();
      }
      ends.emplace(inset.end(axis), layer);
      layers[layer].push_back(std::move(inset));
    }
    for (const auto& layer : layers) result.push_back(Join(layer, axis, location));
  }
  return result;
}

}  // namespace

Value AddUp(const Values& values, std::source_location location) {
  Graph* const graph = values[0].graph();
  LocationScope scope(graph, location);
  if (IsHalf(values[0].dtype()) && values.size() > 1) {
    Values wide;
    for (const Value& v : values) wide.push_back(Cast(Operand(v, location), DType::kFloat32));
    return Cast(Operand(AddUp(wide, location), location), values[0].dtype());
  }
  const auto add = [&](Value a, Value b) { return a.valid() ? Add(Operand(a, location), Operand(b, location)) : b; };
  Value sum;
  std::vector<Inset> insets;
  const Node* pad = nullptr;  // one of those that made the insets
  for (const Value& v : values) {
    const Node& node = graph->node(v.node());
    const AxisRules* rules = node.op->axes.get();
    const bool pads = rules != nullptr && rules->window.kind == WindowRules::Kind::kPad;
    const Windows windows = pads ? rules->window.windows(node.attrs, v.shape()) : Windows();
    if (!pads || !AreKnown(windows, v.shape())) {
      sum = add(sum, v);
      continue;
    }
    insets.push_back({Value(graph, node.inputs[0]), windows});
    pad = &node;
  }
  const Shape& shape = values[0].shape();
  for (int axis = shape.rank() - 1; axis >= 0; --axis) insets = JoinAlong(axis, std::move(insets), location);
  std::map<std::vector<int64_t>, Inset> distinct;
  for (Inset& inset : insets) {
    const auto [it, inserted] = distinct.try_emplace(KeyOf(inset.windows), inset);
    if (!inserted) it->second.part = add(it->second.part, inset.part);
  }
  for (const auto& [key, inset] : distinct) {
    const bool whole = AreWhole(inset.windows, shape);
    const Attrs attrs = whole ? Attrs() : pad->op->axes->window.attrs(shape, inset.windows);
    sum = add(sum, whole ? inset.part : Build(pad->op->name, {Operand(inset.part, location)}, attrs));
  }
  return sum.valid() ? sum : values[0];  // nothing but insets of empty parts
}

}  // namespace adret
