// GraphText(): a graph as text, a line for each node.
//
//   std::cout << GraphText(graph);
//
//  0  input x     f32[?,1,6,6]
//  1  variable w  f32[4,1,3,3]
//  2  conv2d      f32[?,4,4,4]                0 1
//  3  max_pool2d  f32[?,4,2,2], i32[?,4,2,2]  2    kernel=[2,2]  conv1/pool
//  4  exp         f32[?,4,2,2]                3
//
// The columns: the node's number, its op (for leaves also the name), the types of its outputs, the numbers of its
// inputs ("3:1" is output 1 of node 3), the attributes that differ from the op's defaults and are not in the types
// already, and the name where somebody chose one. Nodes come in the order of their creation, which is a topological
// order.
#ifndef ADRET_CORE_GRAPH_TEXT_H_
#define ADRET_CORE_GRAPH_TEXT_H_

#include <string>

#include "adret/core/graph.h"

namespace adret {

std::string GraphText(const Graph& graph);

}  // namespace adret

#endif  // ADRET_CORE_GRAPH_TEXT_H_
