// Summary(): what a network is made of, as a table.
//
//   std::puts(nn::Summary(logits).c_str());
//
//  layer    output         parameters   multiply-adds
//  conv1    25x26x26              250         152,100
//  pool1    25x13x13
//  ...
//
// Everything is derived from nodes and their names, so that a graph loaded from a file has a summary, too. A layer is a
// node that somebody named (automatic names are the op's, with a number: relu, relu_1); nodes and variables named
// "conv1/..." belong to it. Element-wise layers without parameters are left out.
#ifndef ADRET_NN_SUMMARY_H_
#define ADRET_NN_SUMMARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret::nn {

struct LayerSummary {
  std::string name;
  Shape output;               // the first axis is the batch where the shape is symbolic
  int64_t parameters = 0;     // elements of trainable variables
  int64_t multiply_adds = 0;  // for one example: batch 1
};

// Returns true for the names that a graph gives by itself: "relu", "conv1/relu_1".
bool HasAutomaticName(const Node& node);

// Returns the layers that values of one graph are computed by, in order.
std::vector<LayerSummary> Layers(absl::Span<const Value> values);
std::vector<LayerSummary> Layers(Value value);
// Returns all layers of a graph.
std::vector<LayerSummary> Layers(const Graph& graph);

// Returns, for each node of a graph, the position of its layer among those of these names, or -1.
std::vector<int> LayerOfNodes(const Graph& graph, const std::vector<std::string>& layers);

// Returns the layers as a table with totals.
std::string Summary(Value value);
std::string Summary(const Graph& graph);

// Returns text such as "25x26x26", without the batch.
std::string ExampleShape(const Shape& shape);
// Returns text such as "137,660".
std::string WithCommas(int64_t n);

}  // namespace adret::nn

#endif  // ADRET_NN_SUMMARY_H_
