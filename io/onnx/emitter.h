// Emitter: what the rows of writers.h write a file's nodes with.
//
//   absl::StatusOr<std::vector<std::string>> ClipTo(Emitter& e, const Site& s) {
//     const ClipAttrs& a = s.attrs<ClipAttrs>();
//     return Names{e.Node("Clip", {s.x(), e.Scalar(s.type().dtype, a.min), e.Scalar(s.type().dtype, a.max)})};
//   }
#ifndef ADRET_IO_ONNX_EMITTER_H_
#define ADRET_IO_ONNX_EMITTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx/external.h"
#include "adret/io/onnx/writers.h"

namespace adret {
class Subgraph;
}  // namespace adret

namespace adret::onnx {

namespace proto {
class Attribute;
class Graph;
class Node;
class Tensor;
}  // namespace proto

using Names = std::vector<std::string>;

// An attribute of an operator.
struct EmittedAttr {
  std::string name;
  std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, Tensor, proto::Graph*> value;
};
using EmittedAttrs = std::vector<EmittedAttr>;

// Returns, for each node, whether values depend on it. What only has to run before something else, or again, does not
// count (autograd/recompute.h).
std::vector<bool> NeededNodes(const Graph& graph, const std::vector<Value>& values);

class Emitter {
 public:
  // Writes nodes into *graph for an operator set of this version. `outer` is the emitter of the graph around it, whose
  // names it sees and whose initialisers take its constants; null for the graph of the file.
  Emitter(proto::Graph* graph, int64_t version, Emitter* outer = nullptr);
  ~Emitter();

  int64_t version() const { return version_; }

  // Adds a node with one output, and returns its name.
  std::string Node(absl::string_view op_type, Names inputs, const EmittedAttrs& attrs = {});
  // Adds a node with several outputs.
  Names NodeMulti(absl::string_view op_type, Names inputs, int outputs, const EmittedAttrs& attrs = {});

  // Return the name of a constant: any tensor; a scalar; a list of integers, i64[n].
  std::string Constant(const Tensor& tensor);
  std::string Scalar(DType dtype, double value) { return Constant(Tensor::Scalar(dtype, value)); }
  std::string Integers(const std::vector<int64_t>& numbers);
  // Returns the name of i64[rank], the dimensions of a shape. Those that a run decides are computed from the shapes of
  // the inputs that have them.
  std::string Dimensions(const Shape& shape);
  // Returns the name of i64[1], a dimension.
  std::string Dimension(const Dim& dim);

  // Return what many operators need: a reshape; a cast.
  std::string Reshape(const std::string& x, const Shape& shape);
  std::string Cast(const std::string& x, DType dtype);
  // Returns the name of a tensor of this type that holds one number.
  std::string Full(const Type& type, double value);

  // Adds an input to the graph, under a name that is taken: where Dimension() finds symbols.
  void Input(const std::string& name, const Type& type);
  // Adds an output to the graph, which something in it has that name.
  void Output(const std::string& name, const Type& type);
  // Adds a tensor under a name. What is large waits in large_tensors().
  void Initializer(const std::string& name, const Tensor& tensor);
  // Returns the initialisers of the file whose numbers are not written yet.
  const std::vector<LargeTensor>& large_tensors() const { return large_tensors_; }

  // Returns a name that the file does not have yet, and takes it.
  std::string Unique(absl::string_view wish);

  // Writes the nodes that compute values of a graph (with expansions of ops that ONNX does not have), given the names
  // of its inputs and variables in the file, by their names in the graph. Returns the values' names: `wanted`, which
  // are taken, where that is not empty.
  absl::StatusOr<Names> Write(const std::vector<Value>& values,
                              const absl::flat_hash_map<std::string, std::string>& leaves, const Names& wanted = {});

  // Returns an emitter of a graph for an attribute of the node that is added to this one next: EmittedAttr takes its
  // graph().
  std::unique_ptr<Emitter> NewBody();
  proto::Graph* graph() const { return graph_; }
  // Writes a body of a node as such a graph. Its first inputs are its own, called by names of the body; those from
  // `captured` on are the values of these names in the graph around.
  absl::StatusOr<proto::Graph*> Body(const Subgraph& body, const Names& captured);
  // Writes the nodes of a body into this graph, on these inputs. Returns its outputs: `wanted`, as Write() does.
  absl::StatusOr<Names> Inline(const Subgraph& body, const Names& inputs, const Names& wanted = {});

 private:
  struct Place {
    int node, output;
  };

  Emitter& root() { return outer_ == nullptr ? *this : outer_->root(); }
  // Returns whether inputs, of this graph and those around, have axes of the sizes of all symbols in it.
  bool Knows(const Dim& dim) const;
  // Returns the name of i64[1], the size of a symbol that an input of this graph has.
  std::string Symbol(int symbol);
  std::string Term(const Dim::Term& term);
  absl::StatusOr<Names> WriteNode(const Site& site);
  // Returns whether `name` is an output of node `first` of this graph, or of a later one, that nothing has read.
  bool IsNew(const std::string& name, int first) const;
  // Gives the output `name` of a node, which nothing has read, another name.
  void Rename(const std::string& name, const std::string& to);

  proto::Graph* const graph_;
  const int64_t version_;
  Emitter* const outer_;
  absl::flat_hash_map<std::string, Place> made_;                // outputs of this graph's nodes
  absl::flat_hash_set<std::string> read_;                       // what this graph's nodes read
  absl::flat_hash_map<std::string, std::string> dims_;          // names of i64[1], by the text of the dimension
  absl::flat_hash_map<int, std::pair<std::string, int>> axes_;  // a value and an axis of a symbol's size
  // Of the whole file; the root's.
  absl::Status status_;
  absl::flat_hash_map<std::string, std::string> constants_;  // by type and bytes
  absl::flat_hash_set<std::string> taken_;
  absl::flat_hash_map<std::string, int> next_;  // suffixes
  std::vector<std::unique_ptr<proto::Graph>> bodies_;
  std::vector<LargeTensor> large_tensors_;
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_EMITTER_H_
