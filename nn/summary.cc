#include "adret/nn/summary.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/core/ancestors.h"

namespace adret::nn {
namespace {

absl::string_view LastPart(absl::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == absl::string_view::npos ? name : name.substr(slash + 1);
}

// A named node that computes something. Later calls of a layer (conv1/inference) are no layers of their own.
bool IsLayer(const Node& node) {
  const absl::string_view last = LastPart(node.name);
  return !node.op->traits.leaf && !HasAutomaticName(node) && last != "inference" && last != "training";
}

int64_t MultiplyAdds(const Graph& graph, const Node& node) {
  if (node.op->multiply_adds == nullptr) return 0;
  std::vector<Type> inputs;
  for (ValueId id : node.inputs) inputs.push_back({graph.type(id).dtype, graph.type(id).shape.WithEvery(1)});
  return node.op->multiply_adds(inputs, {node.outputs[0].dtype, node.outputs[0].shape.WithEvery(1)});
}

using LayerIndex = absl::flat_hash_map<std::string, int>;

// The layer that a node belongs to: the one with the longest name that is the node's or a scope around it; or -1.
int LayerOf(absl::string_view scope, const LayerIndex& index) {
  for (;;) {
    if (auto layer = index.find(scope); layer != index.end()) return layer->second;
    const size_t slash = scope.rfind('/');
    if (slash == absl::string_view::npos) return -1;
    scope = scope.substr(0, slash);
  }
}

// Adds what a node contributes to its layer.
void Attribute(const Graph& graph, const Node& node, const LayerIndex& index, std::vector<LayerSummary>& layers) {
  const int layer = LayerOf(node.name, index);
  if (layer < 0) return;
  LayerSummary& summary = layers[layer];
  summary.multiply_adds += MultiplyAdds(graph, node);
  if (node.attrs.Is<VariableAttrs>() && node.attrs.As<VariableAttrs>().trainable) {
    summary.parameters += node.outputs[0].shape.num_elements();
  }
}

std::vector<LayerSummary> LayersOf(const Graph& graph, const std::vector<bool>& needed) {
  std::vector<LayerSummary> layers;
  std::vector<bool> elementwise;
  LayerIndex index;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (!needed[id] || !IsLayer(node)) continue;
    index[node.name] = static_cast<int>(layers.size());
    layers.push_back({.name = node.name, .output = node.outputs[0].shape});
    elementwise.push_back(node.op->elementwise() || node.op->traits.identity);
  }
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (needed[id]) Attribute(graph, graph.node(id), index, layers);
  }
  std::vector<LayerSummary> kept;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!elementwise[i] || layers[i].parameters > 0 || layers[i].multiply_adds > 0)
      kept.push_back(std::move(layers[i]));
  }
  return kept;
}

std::string Table(const std::vector<LayerSummary>& layers) {
  size_t name_width = 5, shape_width = 6;
  int64_t parameters = 0, multiply_adds = 0;
  for (const LayerSummary& layer : layers) {
    name_width = std::max(name_width, layer.name.size());
    shape_width = std::max(shape_width, ExampleShape(layer.output).size());
    parameters += layer.parameters;
    multiply_adds += layer.multiply_adds;
  }
  std::string text;
  const auto row = [&](absl::string_view name, absl::string_view shape, absl::string_view p, absl::string_view m) {
    const std::string line = absl::StrFormat("%-*s  %-*s  %12s  %15s", static_cast<int>(name_width), name,
                                             static_cast<int>(shape_width), shape, p, m);
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  };
  const auto count = [](int64_t n) { return n == 0 ? std::string() : WithCommas(n); };
  row("layer", "output", "parameters", "multiply-adds");
  for (const LayerSummary& layer : layers) {
    row(layer.name, ExampleShape(layer.output), count(layer.parameters), count(layer.multiply_adds));
  }
  row("total", "", WithCommas(parameters), WithCommas(multiply_adds));
  return text;
}

}  // namespace

bool HasAutomaticName(const Node& node) {
  absl::string_view last = LastPart(node.name);
  if (!absl::ConsumePrefix(&last, node.op->name)) return false;
  if (last.empty()) return true;
  if (!absl::ConsumePrefix(&last, "_") || last.empty()) return false;
  return std::all_of(last.begin(), last.end(), absl::ascii_isdigit);
}

std::vector<LayerSummary> Layers(absl::Span<const Value> values) {
  if (values.empty() || !values[0].valid()) return {};
  const Graph& graph = *values[0].graph();
  return LayersOf(graph, Ancestors(graph, values));
}

std::vector<LayerSummary> Layers(Value value) { return Layers(absl::MakeConstSpan(&value, 1)); }

std::vector<LayerSummary> Layers(const Graph& graph) {
  return LayersOf(graph, std::vector<bool>(graph.num_nodes(), true));
}

std::vector<int> LayerOfNodes(const Graph& graph, const std::vector<std::string>& layers) {
  LayerIndex index;
  for (size_t i = 0; i < layers.size(); ++i) index[layers[i]] = static_cast<int>(i);
  std::vector<int> result(graph.num_nodes());
  for (NodeId id = 0; id < graph.num_nodes(); ++id) result[id] = LayerOf(graph.node(id).name, index);
  return result;
}

std::string Summary(Value value) { return Table(Layers(value)); }
std::string Summary(const Graph& graph) { return Table(Layers(graph)); }

std::string ExampleShape(const Shape& shape) {
  const int first = shape.rank() > 0 && shape.symbolic_axis() == 0 ? 1 : 0;
  return absl::StrJoin(shape.begin() + first, shape.end(), "x");
}

std::string WithCommas(int64_t n) {
  const std::string digits = absl::StrCat(n);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > (n < 0 ? 1 : 0) && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace adret::nn
