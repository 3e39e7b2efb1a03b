#include "adret/io/dot.h"

#include <algorithm>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "adret/core/ancestors.h"
#include "adret/core/subgraph.h"
#include "adret/core/text.h"
#include "adret/io/dot_internal.h"

namespace adret::io {
namespace {

constexpr size_t kMaxAttributes = 80;  // characters shown
constexpr size_t kLineWidth = 34;      // characters after which attributes go on in the next line

// The part of a name before the last '/', or nothing.
absl::string_view ScopeOf(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == absl::string_view::npos ? "" : name.substr(0, slash);
}

// The attributes in lines.
std::string AttributeLines(const Node& node) {
  std::string attrs = ToString(node.attrs.list()), lines;
  if (attrs.size() > kMaxAttributes) attrs = absl::StrCat(attrs.substr(0, kMaxAttributes), "...");
  size_t width = 0;
  for (const absl::string_view part : absl::StrSplit(attrs, ", ")) {
    const bool breaks = width > 0 && width + part.size() > kLineWidth;
    absl::StrAppend(&lines, width == 0 ? "" : breaks ? ",\\n" : ", ", DotEscape(part));
    width = breaks ? part.size() : width + part.size() + 2;
  }
  return lines;
}

std::string Label(const Node& node, const DotOptions& options) {
  std::string label = DotEscape(node.name);
  if (node.op->name != node.name) absl::StrAppend(&label, "\\n", DotEscape(node.op->name));
  if (node.op->traits.leaf) absl::StrAppend(&label, "\\n", node.outputs[0].ToString());
  if (options.attributes && !node.op->traits.leaf && !node.attrs.list().empty()) {
    absl::StrAppend(&label, "\\n", AttributeLines(node));
  }
  return label;
}

std::string Style(const Node& node) {
  absl::string_view fill;
  if (node.attrs.Is<VariableAttrs>()) fill = kVariableFill;
  if (node.attrs.Is<InputAttrs>()) fill = kInputFill;
  if (node.attrs.Is<ConstantAttrs>()) fill = kPlainFill;
  return fill.empty() ? "" : absl::StrCat(", fillcolor=\"", fill, "\"");
}

void AppendGraph(const Graph& graph, const std::vector<bool>& drawn, const std::string& prefix,
                 const DotOptions& options, std::string* out);

// Frames with the bodies of a node. prefix: that of the node's own box, "n12".
void AppendBodies(const Node& node, const std::string& prefix, const DotOptions& options, std::string* out) {
  for (const auto& [name, body] : BodiesOf(node)) {
    const std::string own = absl::StrCat(prefix, "_", name, "_");
    absl::StrAppend(out, "  subgraph cluster_", own, " { label=\"", DotEscape(absl::StrCat(node.name, ": ", name)),
                    "\"; style=dashed;\n");
    AppendGraph(body->graph(), std::vector<bool>(body->graph().num_nodes(), true), own, options, out);
    absl::StrAppend(out, "  }\n");
  }
}

// The boxes, each within the frames of its scopes. Nodes are ordered by scope, so that a frame is opened once. prefix:
// what names of boxes begin with.
void AppendBoxes(const Graph& graph, const std::vector<bool>& drawn, const std::string& prefix,
                 const DotOptions& options, std::string* out) {
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
      absl::StrAppend(out, std::string(2 * open.size(), ' '), "subgraph cluster_", prefix == "n" ? "" : prefix,
                      frames++, " { label=\"", DotEscape(open.back()), "\";\n");
    }
    for (NodeId id : ids) {
      const Node& node = graph.node(id);
      absl::StrAppend(out, std::string(2 * open.size() + 2, ' '), prefix, id, " [label=\"", Label(node, options), "\"",
                      Style(node), "];\n");
    }
  }
  close_to(0);
}

void AppendGraph(const Graph& graph, const std::vector<bool>& drawn, const std::string& prefix,
                 const DotOptions& options, std::string* out) {
  AppendBoxes(graph, drawn, prefix, options, out);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!drawn[id]) continue;
    for (ValueId input : graph.node(id).inputs) {
      absl::StrAppend(out, "  ", prefix, input.node, " -> ", prefix, id, " [label=\"", graph.type(input).ToString(),
                      "\"];\n");
    }
    AppendBodies(graph.node(id), absl::StrCat(prefix, id), options, out);
  }
}

}  // namespace

std::string DotEscape(absl::string_view text) {
  return absl::StrReplaceAll(CleanText(text), {{"&", "&amp;"}, {"\"", "\\\""}, {"\\", "\\\\"}, {"\n", ""}, {"\t", ""}});
}

std::vector<bool> DrawnNodes(const Graph& graph, const std::vector<Value>& fetches) {
  std::vector<Value> ours;
  for (const Value& fetch : fetches) {
    if (fetch.valid() && fetch.graph() == &graph) ours.push_back(fetch);
  }
  return fetches.empty() ? std::vector<bool>(graph.num_nodes(), true) : Ancestors(graph, ours);
}

std::string Dot(const Graph& graph, const DotOptions& options) {
  const std::vector<bool> drawn = DrawnNodes(graph, options.fetches);
  std::string out = kDotHead;
  AppendGraph(graph, drawn, "n", options, &out);
  absl::StrAppend(&out, "}\n");
  return out;
}

}  // namespace adret::io
