#include "adret/nn/layer_dot.h"

#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/io/dot_internal.h"
#include "adret/nn/summary.h"

namespace adret::nn {
namespace {

constexpr char kHighlight[] = "#c2410c";

// One picture in the making. Each node is in a box or passes on what its inputs come from.
class LayerDrawing {
 public:
  LayerDrawing(const Graph& graph, const LayerDotOptions& options)
      : graph_(graph), options_(options), drawn_(io::DrawnNodes(graph, options.fetches)), sources_(graph.num_nodes()) {
    layers_ = options.fetches.empty() ? Layers(graph) : Layers(options.fetches);
    std::vector<std::string> names;
    for (const LayerSummary& layer : layers_) names.push_back(layer.name);
    layer_of_ = LayerOfNodes(graph, names);
    const bool colours = options.highlight.valid() && options.highlight.graph() == &graph;
    on_path_ = colours ? Ancestors(graph, {options.highlight}) : std::vector<bool>(graph.num_nodes(), false);
    for (const Value& fetch : options.fetches) {
      if (fetch.valid() && fetch.graph() == &graph) fetched_.insert(fetch.node());
    }
  }

  std::string Draw() {
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (drawn_[id]) Visit(id);
    }
    std::string out = io::kDotHead;
    for (const Box& box : boxes_) absl::StrAppend(&out, "  ", box.id, " [", Attributes(box), "];\n");
    for (const auto& [ends, highlighted] : edges_) {
      absl::StrAppend(&out, "  ", boxes_[ends.first].id, " -> ", boxes_[ends.second].id,
                      highlighted ? absl::StrCat(" [color=\"", kHighlight, "\", penwidth=2]") : "", ";\n");
    }
    return out + "}\n";
  }

 private:
  enum Kind { kInput, kLayer, kJunction, kResult };
  struct Box {
    Kind kind;
    std::string id;    // in the language
    std::string name;  // of the layer or the node
    std::string lines;
    bool parameters = false;
    bool highlighted = false;  // on the gradient's way
  };
  using Sources = absl::btree_set<int>;  // boxes

  void Visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.attrs.Is<InputAttrs>()) {
      sources_[id] = {AddBox(kInput, absl::StrCat("input", id), node.name, ExampleShape(node.outputs[0].shape))};
      boxes_.back().highlighted = on_path_[id];
    }
    if (node.op->traits.leaf) return;
    Sources from;
    for (ValueId input : node.inputs) from.insert(sources_[input.node].begin(), sources_[input.node].end());
    const int box = layer_of_[id] >= 0 ? LayerBox(layer_of_[id]) : OtherBox(id, from);
    if (box < 0) {
      sources_[id] = std::move(from);
      return;
    }
    // What depends on no input (a regulariser) is no part of the network.
    for (int source : from) {
      if (source != box) edges_[{source, box}] |= on_path_[id];
    }
    boxes_[box].highlighted |= on_path_[id] && !from.empty();
    sources_[id] = {box};
  }

  int LayerBox(int layer) {
    if (auto known = layer_boxes_.find(layer); known != layer_boxes_.end()) return known->second;
    const LayerSummary& summary = layers_[layer];
    std::string lines = ExampleShape(summary.output);
    if (summary.parameters > 0) absl::StrAppend(&lines, "\\n", WithCommas(summary.parameters), " parameters");
    const int box = AddBox(kLayer, absl::StrCat("layer", layer), summary.name, std::move(lines));
    boxes_[box].parameters = summary.parameters > 0;
    return layer_boxes_[layer] = box;
  }

  // The box of a node of no layer, or -1.
  int OtherBox(NodeId id, const Sources& from) {
    const Node& node = graph_.node(id);
    const std::string name = absl::StrCat("node", id);
    if (fetched_.contains(id)) return AddBox(kResult, name, node.name, ExampleShape(node.outputs[0].shape));
    return from.size() > 1 ? AddBox(kJunction, name, node.op->name, "") : -1;
  }

  int AddBox(Kind kind, std::string id, std::string name, std::string lines) {
    boxes_.push_back({kind, std::move(id), std::move(name), std::move(lines)});
    return static_cast<int>(boxes_.size()) - 1;
  }

  std::string Attributes(const Box& box) const {
    std::string label = io::DotEscape(box.name);
    if (!box.lines.empty()) absl::StrAppend(&label, "\\n", box.lines);
    if (Highlighted(box)) absl::StrAppend(&label, "\\n", io::DotEscape(options_.highlight_text));
    std::string out = absl::StrCat("label=\"", label, "\"");
    if (box.kind == kInput) absl::StrAppend(&out, ", fillcolor=\"", io::kInputFill, "\"");
    if (box.parameters) absl::StrAppend(&out, ", fillcolor=\"", io::kVariableFill, "\"");
    if (box.kind == kJunction) absl::StrAppend(&out, ", shape=ellipse, fontsize=8, width=0.3, height=0.2");
    if (box.highlighted) absl::StrAppend(&out, ", color=\"", kHighlight, "\", penwidth=2");
    if (box.kind != kInput && box.kind != kLayer) return out;
    const auto add = [&](absl::string_view key, const auto& hook) {
      const std::string text = hook == nullptr ? "" : hook(box.name);
      if (!text.empty()) absl::StrAppend(&out, ", ", key, "=\"", io::DotEscape(text), "\"");
    };
    add("URL", options_.link);
    add("tooltip", options_.tooltip);
    return out;
  }

  // Does the gradient start from this box?
  bool Highlighted(const Box& box) const {
    if (!box.highlighted || options_.highlight_text.empty()) return false;
    const Sources& start = sources_[options_.highlight.node()];
    return start.size() == 1 && &boxes_[*start.begin()] == &box;
  }

  const Graph& graph_;
  const LayerDotOptions& options_;
  std::vector<bool> drawn_, on_path_;
  absl::btree_set<NodeId> fetched_;
  std::vector<LayerSummary> layers_;
  std::vector<int> layer_of_;
  std::vector<Sources> sources_;  // of nodes: the boxes that their values come from
  std::vector<Box> boxes_;
  absl::btree_map<int, int> layer_boxes_;
  absl::btree_map<std::pair<int, int>, bool> edges_;  // and whether the gradient takes them
};

}  // namespace

std::string LayerDot(const Graph& graph, const LayerDotOptions& options) { return LayerDrawing(graph, options).Draw(); }

}  // namespace adret::nn
