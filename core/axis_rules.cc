#include "adret/core/axis_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"

namespace adret {

Windows WholeWindows(const Shape& shape) {
  Windows windows;
  for (int64_t dim : shape) windows.push_back({0, 1, dim});
  return windows;
}

bool AreWhole(const Windows& windows, const Shape& shape) {
  for (int a = 0; a < shape.rank(); ++a) {
    if (!windows[a].IsWhole(shape[a])) return false;
  }
  return true;
}

Shape CountsOf(const Windows& windows) {
  Shape shape;
  for (const Window& w : windows) shape.push_back(w.count);
  return shape;
}

Windows Compose(const Windows& outer, const Windows& inner) {
  Windows result;
  for (size_t a = 0; a < outer.size(); ++a) {
    result.push_back({outer[a].begin + outer[a].step * inner[a].begin, outer[a].step * inner[a].step, inner[a].count});
  }
  return result;
}

std::shared_ptr<const AxisRules> MakeAxisRules(AxisRules rules) {
  return std::make_shared<const AxisRules>(std::move(rules));
}

uint32_t Inputs(std::initializer_list<int> inputs) {
  uint32_t bits = 0;
  for (int i : inputs) bits |= uint32_t{1} << i;
  return bits;
}

LabelRule LabelsOf(absl::string_view formula) {
  const std::pair<absl::string_view, absl::string_view> sides = absl::StrSplit(formula, absl::string_view("->"));
  const auto parse = [](absl::string_view side, auto* list) {
    for (absl::string_view letters : absl::StrSplit(side, ',')) {
      AxisLabels& labels = list->emplace_back();
      for (char c : letters) labels.push_back({c == '.' ? -1 : c});
    }
  };
  LabelMap map;
  parse(sides.first, &map.inputs);
  parse(sides.second, &map.outputs);
  return [map](const KernelSpec&) { return map; };
}

LabelMap LanesExcept(const KernelSpec& spec, absl::Span<const int64_t> opaque) {
  AxisLabels labels;
  for (int a = 0; a < spec.y().rank(); ++a) {
    labels.push_back({std::find(opaque.begin(), opaque.end(), a) != opaque.end() ? -1 : a});
  }
  LabelMap map;
  map.inputs.assign(spec.inputs.size(), labels);
  map.outputs.assign(spec.outputs.size(), labels);
  return map;
}

LabelMap LabelsFor(const KernelSpec& spec) {
  const AxisRules* rules = spec.op->axes.get();
  if (rules != nullptr && rules->labels != nullptr) return rules->labels(spec);
  if (rules != nullptr && rules->window.kind != WindowRules::Kind::kNone) {
    const Shape& whole = rules->window.kind == WindowRules::Kind::kSlice ? spec.x(0) : spec.y();
    const Windows windows = rules->window.windows(*spec.attrs, whole);
    absl::InlinedVector<int64_t, 4> cut;
    for (int a = 0; a < whole.rank(); ++a) {
      if (!windows[a].IsWhole(whole[a])) cut.push_back(a);
    }
    return LanesExcept(spec, cut);
  }
  return spec.op->elementwise() ? LanesExcept(spec, {}) : LabelMap();
}

const Window* LabelWindows::Find(int id) const {
  for (const Entry& e : entries_) {
    if (e.id == id) return &e.window;
  }
  return nullptr;
}

bool LabelWindows::WorthCutting() const {
  double share = 1;
  for (const Entry& e : entries_) share *= static_cast<double>(e.window.count) / static_cast<double>(e.whole);
  return share <= 0.5;
}

Windows LabelWindows::Along(const AxisLabels& labels, const Shape& shape) const {
  Windows windows = WholeWindows(shape);
  for (int a = 0; a < shape.rank(); ++a) {
    const Window* w = labels[a].id >= 0 ? Find(labels[a].id) : nullptr;
    // Where units are cut apart, steps are 1 (AlongLabel).
    if (w != nullptr) windows[a] = {w->begin * labels[a].unit, w->step, w->count * labels[a].unit};
  }
  return windows;
}

bool AlongLabel(const AxisLabel& label, const Window& window, int64_t dim, LabelWindows::Entry* entry) {
  if (label.id < 0 || window.IsWhole(dim) || window.count >= dim) return false;
  // Steps are left to ops that take them: a label's other axes may have longer units.
  if (window.step != 1 || window.begin % label.unit != 0 || window.count % label.unit != 0) return false;
  *entry = {label.id, {window.begin / label.unit, 1, window.count / label.unit}, dim / label.unit};
  return true;
}

bool MakePartialOp(const KernelSpec& whole, const LabelMap& labels, const LabelWindows& windows, PartialOp* result) {
  result->inputs.assign(whole.inputs.begin(), whole.inputs.end());
  result->outputs.assign(whole.outputs.begin(), whole.outputs.end());
  for (size_t i = 0; i < whole.inputs.size(); ++i) {
    result->inputs[i].shape = CountsOf(windows.Along(labels.inputs[i], whole.inputs[i].shape));
  }
  for (size_t i = 0; i < whole.outputs.size(); ++i) {
    result->outputs[i].shape = CountsOf(windows.Along(labels.outputs[i], whole.outputs[i].shape));
  }
  result->attrs = *whole.attrs;
  if (const AxisRules* rules = whole.op->axes.get(); rules != nullptr) {
    const WindowRules& w = rules->window;
    if (rules->attrs_of_slices != nullptr) {
      result->attrs = rules->attrs_of_slices({whole.op, whole.attrs, result->inputs, result->outputs});
    } else if (w.kind != WindowRules::Kind::kNone) {
      const bool part = w.kind == WindowRules::Kind::kSlice;
      const Shape& shape = part ? result->inputs[0].shape : result->outputs[0].shape;
      Windows cut = w.windows(*whole.attrs, part ? whole.x(0) : whole.y());
      for (int a = 0; a < shape.rank(); ++a) {
        if (windows.Find((part ? labels.inputs : labels.outputs)[0][a].id) != nullptr) cut[a] = {0, 1, shape[a]};
      }
      result->attrs = w.attrs(shape, cut);
    }
  }
  const absl::StatusOr<Types> types = whole.op->type(TypeContext(*whole.op, result->inputs, result->attrs));
  return types.ok() && *types == result->outputs;
}

}  // namespace adret
