// Subgraph: a function from values to values, held as data: what an op with a body (a loop, a branch) has as attribute.
//
//   Graph scratch;                                             // y = tanh(x w)
//   Value x = scratch.Input("x", DType::kFloat32, {4, 3}), w = scratch.Input("w", DType::kFloat32, {3, 3});
//   SubgraphRef body = *Subgraph::Make({x, w}, {Tanh(MatMul(x, w))});
//
// A subgraph never changes, so any number of nodes and threads share one. Its first nodes are its inputs, in order; it
// holds only what the outputs need, and no variables: they are inputs like everything else from outside.
#ifndef ADRET_CORE_SUBGRAPH_H_
#define ADRET_CORE_SUBGRAPH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"

namespace adret {

class Subgraph;
using SubgraphRef = std::shared_ptr<const Subgraph>;

class Subgraph {
 public:
  // Copies what lies between the inputs and the outputs, which are values of one graph. An input may be any value: what
  // it was computed from stays behind. Fails with the graph's error, and when the outputs need a variable or an "input"
  // node that is not among the inputs, draw random numbers, or are none.
  static absl::StatusOr<SubgraphRef> Make(const Values& inputs, const Values& outputs);

  const Graph& graph() const { return *graph_; }
  int num_inputs() const { return num_inputs_; }
  const std::vector<ValueId>& outputs() const { return outputs_; }
  const Type& input_type(int i) const { return graph_->type({i, 0}); }
  const Type& output_type(int k) const { return graph_->type(outputs_[k]); }
  // Handles to the inputs and outputs, to import them elsewhere.
  Values InputValues() const;
  Values OutputValues() const;

  // Returns whether a shape inside depends on a symbol.
  bool is_symbolic() const { return symbolic_; }
  // Returns the same function with sizes in the place of symbols.
  absl::StatusOr<SubgraphRef> With(const DimSizes& sizes) const;

  // Returns whether the two are the same function, node by node. Names and source lines make no difference.
  bool SameAs(const Subgraph& other) const;
  // Returns whether it computes the other's outputs, node by node, and perhaps more after them.
  bool Extends(const Subgraph& other) const;
  size_t hash() const { return hash_; }
  // Returns text such as "(f32[4,3], f32[3,3]) -> f32[4,3] of 2 nodes".
  std::string ToString() const;

 private:
  Subgraph() = default;

  std::unique_ptr<Graph> graph_;
  int num_inputs_ = 0;
  std::vector<ValueId> outputs_;
  bool symbolic_ = false;
  size_t hash_ = 0;
};

// A body of a node, with the name of its attribute: "then_branch".
struct NamedBody {
  std::string name;
  SubgraphRef body;
};
// Returns the bodies among the attributes, in order.
std::vector<NamedBody> BodiesOf(const Node& node);
// Returns the symbols whose sizes decide what the node computes and how, those in its bodies included; one may be there
// several times.
std::vector<int> SymbolsOf(const Node& node);

}  // namespace adret

#endif  // ADRET_CORE_SUBGRAPH_H_
