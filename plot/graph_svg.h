// Drawings of graphs as SVG, by Graphviz.
//
//   absl::StatusOr<std::string> svg = plot::GraphvizSvg(nn::LayerDot(graph, {.fetches = {logits}}));
//   AD_RETURN_IF_ERROR(io::WriteFile("net.svg", *svg));
#ifndef ADRET_PLOT_GRAPH_SVG_H_
#define ADRET_PLOT_GRAPH_SVG_H_

#include <string>

#include "absl/status/statusor.h"

namespace adret::plot {

struct GraphSvgOptions {
  // Put before every id, so that several drawings can be in one page.
  std::string id_prefix = "adret-";
};

// Returns an <svg> element, to be a file of its own or a part of an HTML page: it refers to no other file. `dot` is a
// graph in Graphviz's language (io/dot.h); layout is the program dot's. Widths of text come from tables of Graphviz's
// own, not from fonts of this machine: the same graph gives the same bytes.
//
// InvalidArgument when `dot` cannot be read; ResourceExhausted above 5000 nodes or 20,000 edges; Unimplemented when
// adret was built without Graphviz. Thread-safe, but one drawing is made at a time: Graphviz keeps its state in
// globals.
absl::StatusOr<std::string> GraphvizSvg(const std::string& dot, const GraphSvgOptions& options = {});

}  // namespace adret::plot

#endif  // ADRET_PLOT_GRAPH_SVG_H_
