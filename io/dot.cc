#include "adret/io/dot.h"

#include <algorithm>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace adret::io {
namespace {

constexpr size_t kMaxAttributes = 60;  // characters shown

// Text of a quoted string in the language: quotes and backslashes escaped, control characters left out.
std::string Escape(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
  }
  return out;
}

// The part of a name before the last '/', or nothing.
absl::string_view ScopeOf(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == absl::string_view::npos ? "" : name.substr(0, slash);
}

std::string Label(const Node& node, const DotOptions& options) {
  std::string label = Escape(node.name);
  if (node.op->name != node.name) absl::StrAppend(&label, "\\n", Escape(node.op->name));
  if (node.op->traits.leaf) absl::StrAppend(&label, "\\n", node.outputs[0].ToString());
  if (options.attributes && !node.op->traits.leaf && !node.attrs.list().empty()) {
    std::string attrs = ToString(node.attrs.list());
    if (attrs.size() > kMaxAttributes) attrs = absl::StrCat(attrs.substr(0, kMaxAttributes), "...");
    absl::StrAppend(&label, "\\n", Escape(attrs));
  }
  return label;
}

absl::string_view Style(const Node& node) {
  if (node.attrs.Is<VariableAttrs>()) return ", fillcolor=\"#d5e8d4\"";
  if (node.attrs.Is<InputAttrs>()) return ", fillcolor=\"#dae8fc\"";
  if (node.attrs.Is<ConstantAttrs>()) return ", fillcolor=\"#eeeeee\"";
  return "";
}

std::vector<bool> Drawn(const Graph& graph, const DotOptions& options) {
  std::vector<bool> drawn(graph.num_nodes(), options.fetches.empty());
  for (const Value& fetch : options.fetches) {
    if (fetch.valid() && fetch.graph() == &graph) drawn[fetch.node()] = true;
  }
  for (NodeId id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!drawn[id]) continue;
    for (ValueId input : graph.node(id).inputs) drawn[input.node] = true;
  }
  return drawn;
}

// The boxes, each within the frames of its scopes. Nodes are ordered by scope, so that a frame is opened once.
void AppendBoxes(const Graph& graph, const std::vector<bool>& drawn, const DotOptions& options, std::string* out) {
  absl::btree_map<std::vector<std::string>, std::vector<NodeId>> by_scope;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (drawn[id]) by_scope[absl::StrSplit(ScopeOf(graph.node(id).name), '/', absl::SkipEmpty())].push_back(id);
  }
  std::vector<std::string> open;
  int frames = 0;
  const auto close_to = [&](size_t depth) {
    for (; open.size() > depth; open.pop_back()) absl::StrAppend(out, std::string(2 * open.size(), ' '), "}\n");
  };
  for (const auto& [scope, ids] : by_scope) {
    const auto differ = std::mismatch(open.begin(), open.end(), scope.begin(), scope.end());
    close_to(differ.first - open.begin());
    while (open.size() < scope.size()) {
      open.push_back(scope[open.size()]);
      absl::StrAppend(out, std::string(2 * open.size(), ' '), "subgraph cluster_", frames++, " { label=\"",
                      Escape(open.back()), "\";\n");
    }
    for (NodeId id : ids) {
      const Node& node = graph.node(id);
      absl::StrAppend(out, std::string(2 * open.size() + 2, ' '), "n", id, " [label=\"", Label(node, options), "\"",
                      Style(node), "];\n");
    }
  }
  close_to(0);
}

}  // namespace

std::string Dot(const Graph& graph, const DotOptions& options) {
  const std::vector<bool> drawn = Drawn(graph, options);
  std::string out =
      "digraph adret {\n"
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=10];\n"
      "  edge [fontname=\"Helvetica\", fontsize=8];\n";
  AppendBoxes(graph, drawn, options, &out);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!drawn[id]) continue;
    for (ValueId input : graph.node(id).inputs) {
      absl::StrAppend(&out, "  n", input.node, " -> n", id, " [label=\"", graph.type(input).ToString(), "\"];\n");
    }
  }
  absl::StrAppend(&out, "}\n");
  return out;
}

}  // namespace adret::io
