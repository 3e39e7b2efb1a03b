// Pictures of graphs in Graphviz's language: node by node, or layer by layer.
//
//   AD_RETURN_IF_ERROR(io::WriteFile("net.dot", io::Dot(graph)));      // then: dot -Tsvg net.dot -o net.svg
//   std::string svg = *plot::GraphvizSvg(io::LayerDot(graph, {.fetches = {logits}}));      // or so (plot/graph_svg.h)
//
// Values flow downwards. A box is a node: name, op and attributes; variables are green, inputs blue, constants grey. An
// arrow carries the type of the value. Name scopes ("block1/") are frames.
#ifndef ADRET_IO_DOT_H_
#define ADRET_IO_DOT_H_

#include <functional>
#include <string>
#include <vector>

#include "adret/core/graph.h"

namespace adret::io {

struct DotOptions {
  std::vector<Value> fetches = {};  // draw only what these depend on; empty: everything
  bool attributes = true;
};

std::string Dot(const Graph& graph, const DotOptions& options = {});

struct LayerDotOptions {
  std::vector<Value> fetches = {};  // as above
  // The way that the gradient of this value takes to the inputs is drawn in colour, and `highlight_text` is put into
  // the box that it starts from.
  Value highlight = {};
  std::string highlight_text = {};
  // What a box links to and tells under the mouse, by the name of its layer or input; nothing where that is empty.
  std::function<std::string(const std::string& name)> link = nullptr;
  std::function<std::string(const std::string& name)> tooltip = nullptr;
};

// The layers as nn/summary.h has them: boxes with name, shape of one example and parameters. An arrow says that a layer
// is computed from another. Nodes of no layer are left out, but for those in which ways meet (the sum of a skip
// connection), which are small boxes with the op's name, and fetches. Inputs are blue, layers with parameters green.
std::string LayerDot(const Graph& graph, const LayerDotOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_DOT_H_
