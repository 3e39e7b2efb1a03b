// LayerDot: the picture of a network in Graphviz's language, layer by layer. (io/dot.h draws node by node.)
//
//   std::string svg = *plot::GraphvizSvg(nn::LayerDot(graph, {.fetches = {logits}}));      // see plot/graph_svg.h
#ifndef ADRET_NN_LAYER_DOT_H_
#define ADRET_NN_LAYER_DOT_H_

#include <functional>
#include <string>
#include <vector>

#include "adret/core/graph.h"

namespace adret::nn {

struct LayerDotOptions {
  std::vector<Value> fetches = {};  // draw only what these depend on; empty: everything
  // The way that the gradient of this value takes to the inputs is drawn in colour, and `highlight_text` is put into
  // the box that it starts from.
  Value highlight = {};
  std::string highlight_text = {};
  // What a box links to and tells under the mouse, by the name of its layer or input; nothing where that is empty.
  std::function<std::string(const std::string& name)> link = nullptr;
  std::function<std::string(const std::string& name)> tooltip = nullptr;
};

// Draws the layers as nn/summary.h has them: boxes with name, shape of one example and parameters. An arrow says that a
// layer is computed from another. Nodes of no layer are left out, but for those in which ways meet (the sum of a skip
// connection), which are small boxes with the op's name, and fetches. Inputs are blue, layers with parameters green.
std::string LayerDot(const Graph& graph, const LayerDotOptions& options = {});

}  // namespace adret::nn

#endif  // ADRET_NN_LAYER_DOT_H_
