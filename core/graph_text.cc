#include "adret/core/graph_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/core/node_listing_internal.h"
#include "adret/core/text.h"

namespace adret {
namespace {

std::string TypesText(absl::Span<const Type> types) {
  return absl::StrJoin(types, ", ", [](std::string* out, const Type& t) { out->append(t.ToString()); });
}

// Whether the op alone explains the name: "conv2d", "conv2d_3".
bool IsDefaultName(absl::string_view name, absl::string_view op) {
  if (!absl::ConsumePrefix(&name, op)) return false;
  if (name.empty()) return true;
  return absl::ConsumePrefix(&name, "_") && !name.empty() && std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

// Whether one of the types that the line shows, or of the node's own, says as much.
bool IsInTypes(const AttrValue& value, const Node& node, absl::Span<const Type> shown) {
  const auto says = [&](const Type& type) {
    const auto* shape = std::get_if<Shape>(&value);
    const auto* dtype = std::get_if<DType>(&value);
    return (shape != nullptr && *shape == type.shape) || (dtype != nullptr && *dtype == type.dtype);
  };
  return std::any_of(shown.begin(), shown.end(), says) || std::any_of(node.outputs.begin(), node.outputs.end(), says);
}

std::string AttrsText(const Node& node, absl::Span<const Type> outputs) {
  const absl::StatusOr<Attrs> defaults = node.op->parse_attrs({}, MissingAttrs::kDefault);
  AttrList shown;
  for (const Attr& attr : node.attrs.list()) {
    const bool is_default =
        defaults.ok() && std::find(defaults->list().begin(), defaults->list().end(), attr) != defaults->list().end();
    if (!is_default && !IsInTypes(attr.value, node, outputs)) shown.push_back(attr);
  }
  return CleanText(ToString(shown));
}

}  // namespace

std::string ListedValue(ValueId value) {
  return value.output == 0 ? absl::StrCat(value.node) : absl::StrCat(value.node, ":", value.output);
}

NodeListing::NodeListing() : table_({"", "", "", "", "", ""}) {}

void NodeListing::AddNode(const Node& node, absl::Span<const Type> outputs, absl::Span<const ValueId> inputs) {
  const bool chosen = !IsDefaultName(node.name, node.op->name), leaf = node.op->traits.leaf;
  const std::string name = chosen ? CleanText(node.name) : std::string();
  table_.AddRow({absl::StrCat(num_lines_++), absl::StrCat(node.op->name, leaf && chosen ? " " : "", leaf ? name : ""),
                 TypesText(outputs),
                 absl::StrJoin(inputs, " ", [](std::string* out, ValueId v) { out->append(ListedValue(v)); }),
                 AttrsText(node, outputs), leaf ? std::string() : name});
}

void NodeListing::AddConstant(const Tensor& value) {
  table_.AddRow({absl::StrCat(num_lines_++), "constant", value.type().ToString(), "",
                 adret::ToString(AttrList{{"value", value}}), ""});
}

std::string GraphText(const Graph& graph) {
  NodeListing listing;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    listing.AddNode(node, node.outputs, node.inputs);
  }
  return listing.ToString();
}

}  // namespace adret
