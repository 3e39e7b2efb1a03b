// Pictures of graphs in Graphviz's language, node by node. (nn/layer_dot.h draws layer by layer.)
//
//   AD_RETURN_IF_ERROR(io::WriteFile("net.dot", io::Dot(graph)));      // then: dot -Tsvg net.dot -o net.svg
//
// Values flow downwards. A box is a node: name, op and attributes; variables are green, inputs blue, constants grey. An
// arrow carries the type of the value. Name scopes ("block1/") are frames, and so are, dashed, the bodies of loops and
// branches.
#ifndef ADRET_IO_DOT_H_
#define ADRET_IO_DOT_H_

#include <string>
#include <vector>

#include "adret/core/graph.h"

namespace adret::io {

struct DotOptions {
  std::vector<Value> fetches = {};  // draw only what these depend on; empty: everything
  bool attributes = true;
};

std::string Dot(const Graph& graph, const DotOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_DOT_H_
