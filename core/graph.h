// Graph and Value: a computation as an append-only list of nodes.
//
//   Graph graph;
//   Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
//   Value w = graph.Variable("w", Tensor::Zeros(DType::kFloat32, {3, 2}));
//   Value y = Tanh(MatMul(x, w)) + 1.0;
//
// A node's index is its topological order. Types are checked when a node is added. Builders never fail: the graph
// keeps the first error, with the place of the call, every builder after it returns an invalid Value, and the error
// surfaces where a Status is returned (status(), Executor::Create, Save).
#ifndef ADRET_CORE_GRAPH_H_
#define ADRET_CORE_GRAPH_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/attrs.h"
#include "adret/core/op.h"
#include "adret/core/shape.h"
#include "adret/core/tensor.h"

namespace adret {

class Graph;

using NodeId = int32_t;

// Output `output` of node `node`.
struct ValueId {
  NodeId node = -1;
  int32_t output = 0;
  friend bool operator==(ValueId a, ValueId b) { return a.node == b.node && a.output == b.output; }
  friend bool operator<(ValueId a, ValueId b) { return a.node != b.node ? a.node < b.node : a.output < b.output; }
  template <class H>
  friend H AbslHashValue(H h, ValueId v) {
    return H::combine(std::move(h), v.node, v.output);
  }
};

// A handle to a value of a graph. Cheap to copy; symbolic, never numbers. Lives as long as its graph.
// Arithmetic operators and functions on values are in ops/.
class Value {
 public:
  Value() = default;  // no value: valid() is false
  Value(Graph* graph, ValueId id) : graph_(graph), id_(id) {}

  // Returns false for a default-constructed Value and for what a builder returns after an error. The latter still knows
  // its graph, and so the error.
  bool valid() const { return id_.node >= 0; }
  Graph* graph() const { return graph_; }
  ValueId id() const { return id_; }
  NodeId node() const { return id_.node; }

  // Returns the type; f32[] when invalid.
  const Type& type() const;
  DType dtype() const { return type().dtype; }
  const Shape& shape() const { return type().shape; }
  int rank() const { return shape().rank(); }
  // Returns the node's name; "name:1" for a further output. Unique in the graph.
  std::string name() const;
  // Renames the node (within the current name scope) and returns the value. A name that is taken is an error.
  Value Named(absl::string_view name) const;

  friend bool operator==(const Value& a, const Value& b) { return a.graph_ == b.graph_ && a.id_ == b.id_; }
  template <class H>
  friend H AbslHashValue(H h, const Value& v) {
    return H::combine(std::move(h), v.graph_, v.id_);
  }

 private:
  Graph* graph_ = nullptr;
  ValueId id_;
};

// Arguments of a function over values.
using Args = absl::Span<const Value>;

// A parameter of a builder: a value or a number, and the place in the user's code that passed it. Builders take
// operands by value and convert numbers to constants of the dtype of their other operands. Integers keep all their 64
// bits on the way.
class Operand {
 public:
  using Location = std::source_location;
  Operand(Value value, Location location = Location::current())  // NOLINT(google-explicit-constructor)
      : value_(value), location_(location) {}
  template <class T>
  requires std::is_arithmetic_v<T> Operand(
      T number, Location location = Location::current())  // NOLINT(google-explicit-constructor)
      : is_number_(true), number_(static_cast<double>(number)), location_(location) {
    if constexpr (std::is_integral_v<T>) {
      if (std::in_range<int64_t>(+number)) integer_ = static_cast<int64_t>(number);
    }
  }

  bool is_number() const { return is_number_; }
  // The number, rounded where it is an integer beyond 2^53.
  double number() const { return number_; }
  // Whether the number can be said in a dtype: floating dtypes round, the others do not.
  bool FitsIn(DType dtype) const;
  const Location& location() const { return location_; }
  Graph* graph() const { return value_.graph(); }

  // Returns the value; a number becomes a scalar constant of this dtype in graph.
  Value In(Graph* graph, DType dtype) const;
  // Returns the value; must not be a number.
  const Value& value() const { return value_; }
  operator Value() const { return value_; }  // NOLINT(google-explicit-constructor)
  const Value* operator->() const { return &value_; }

 private:
  Value value_;
  bool is_number_ = false;
  double number_ = 0;
  std::optional<int64_t> integer_;  // the number, exactly, where it was given as an integer
  Location location_;
};

// Returns text like "train.cc:31", without the folders of the machine that compiled it; empty for nodes of loaded
// graphs, which have no place in any code.
std::string SourceLine(const std::source_location& location);

// One node: data without behaviour.
struct Node {
  const Op* op = nullptr;
  absl::InlinedVector<ValueId, 3> inputs;
  Attrs attrs;
  Types outputs;
  std::string name;
  std::source_location location;
  bool gradient = false;       // added while something was differentiated: a part of a derivative
  bool assumes_sizes = false;  // its types hold for some sizes of symbols only: plans ask its type rule again
};

// Fills a fresh tensor of this type for a variable; key names the random sequence it may use.
using Initializer = std::function<Tensor(const Type& type, RandomKey key)>;

// Attributes of the leaf op "variable".
struct VariableAttrs {
  DType dtype = DType::kFloat32;
  Shape shape;
  bool trainable = true;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype), v("shape", shape), v("trainable", trainable);
  }
};
// Attributes of the leaf op "input".
struct InputAttrs {
  DType dtype = DType::kFloat32;
  Shape shape;
  template <class V>
  void Fields(V&& v) {
    v("dtype", dtype), v("shape", shape);
  }
};
// Attributes of the leaf op "constant".
struct ConstantAttrs {
  Tensor value;
  template <class V>
  void Fields(V&& v) {
    v("value", value);
  }
};

class Graph {
 public:
  Graph() = default;
  // Makes the graph of a body that is being written inside `outer`. Builders that are given a value of `outer`, or of a
  // graph that it is inside of, use an input in its place, of which there is one for each such value (Capture()). Lives
  // no longer than `outer`.
  explicit Graph(Graph* outer) : outer_(outer) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Adds a leaf that is fed at each run. Dimensions may be symbolic: kAnyBatch, Dim("time"). Names, here and below,
  // follow core/names.h; another one is an error.
  Value Input(absl::string_view name, DType dtype, const Shape& shape,
              std::source_location location = std::source_location::current());
  // Adds a leaf whose tensor lives in a State. The name, with the current name scope before it, is unique in the graph.
  Value Variable(absl::string_view name, DType dtype, const Shape& shape, Initializer initializer,
                 bool trainable = true, std::source_location location = std::source_location::current());
  // Adds a variable that starts as a given tensor.
  Value Variable(absl::string_view name, Tensor initial, bool trainable = true,
                 std::source_location location = std::source_location::current());
  Value Constant(Tensor value, std::source_location location = std::source_location::current());

  // Returns a number that no other graph of this process has or had: what belongs to a graph is found by it, since
  // another graph may come to stand at the address of one that is gone.
  int64_t serial() const { return serial_; }

  // Returns the first error of any builder, or ok.
  const absl::Status& status() const { return status_; }

  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  const Node& node(NodeId id) const { return nodes_[id]; }
  const Type& type(ValueId id) const { return nodes_[id.node].outputs[id.output]; }

  // Returns the trainable variables, in order of creation: what an optimiser descends on.
  Values variables();
  // Returns all variables: also running statistics and optimiser slots.
  Values all_variables();
  Values inputs();
  // Returns the value called `name` (as Value::name() prints it). NotFound suggests the nearest names.
  absl::StatusOr<Value> Find(absl::string_view name);
  // Returns whether a node has this full name.
  bool Contains(absl::string_view name) const { return by_name_.contains(name); }
  // Returns whether somebody gave the node its name, which then is not made from the op's.
  bool IsNamed(NodeId id) const { return is_named_[id]; }
  // Returns the current name scope: "" or "block1/".
  const std::string& scope() const { return scope_; }
  // Returns the initialiser of a variable; empty when the graph came from a file.
  const Initializer& initializer(NodeId variable) const;
  void SetInitializer(NodeId variable, Initializer initializer) { initializers_[variable] = std::move(initializer); }

  // Adds a node: what builders are made of. Scalars among the operands become constants of the first value's dtype. On
  // error (or if the graph has one already) the result is invalid.
  Value Add(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs = Attrs());
  // Adds a node of an op with several outputs, as Add() does.
  Values AddMulti(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs = Attrs());
  // Adds a node, as Add() and AddMulti() do underneath; returns it, or -1 after an error.
  NodeId AddNode(const Op& op, absl::Span<const ValueId> inputs, Attrs attrs, std::source_location location,
                 absl::string_view name = "");

  // Records an error unless there is one already: "<message> at <file>:<line> (in <scope>)". Returns an invalid value
  // of this graph: what a builder returns after an error, so that whoever is given it finds the error.
  Value Fail(absl::Status status, std::source_location location);
  // Returns the graph around this one, if it is that of a body, or nullptr.
  Graph* outer() const { return outer_; }
  // Returns whether this is the graph of a body inside `other`, at any depth.
  bool IsInside(const Graph* other) const;
  // Returns the innermost body that is being written inside this graph (BodyScope), or the graph itself.
  Graph* innermost();
  // Returns what stands for a value of a graph around this one: its input, or the same constant. A value of
  // this graph is returned as it is; for one of an unrelated graph the result is invalid.
  Value Capture(const Value& value);
  // Returns the pairs (value of the outer graph, input that stands for it), in the order of their first use.
  const std::vector<std::pair<Value, Value>>& captures() const { return captures_; }

  // Adds a value that runs also store into a variable when training (running statistics of batch_norm).
  void AddSideUpdate(Value variable, Value value) { side_updates_.emplace_back(variable, value); }
  const std::vector<std::pair<Value, Value>>& side_updates() const { return side_updates_; }

  // Returns a number that no other call on this graph returned: the stream of a random node.
  int64_t NewRandomStream() { return next_stream_++; }

 private:
  friend class BodyScope;
  friend class NameScope;
  friend class LocationScope;
  friend class DerivativeScope;
  friend class Value;

  // Adds a leaf; one without a name is called after its op.
  Value AddLeaf(const OpRegistration& registration, Attrs attrs, std::source_location location,
                std::optional<absl::string_view> name);
  std::string UniqueName(absl::string_view base);
  std::string Scoped(absl::string_view name) const;
  absl::Status Rename(NodeId node, absl::string_view name);

  static int64_t NextSerial();

  Graph* const outer_ = nullptr;
  Graph* inner_ = nullptr;  // see BodyScope
  std::vector<std::pair<Value, Value>> captures_;
  const int64_t serial_ = NextSerial();
  std::deque<Node> nodes_;  // stable addresses
  absl::Status status_;
  absl::flat_hash_map<std::string, NodeId> by_name_;
  absl::flat_hash_map<std::string, int> next_suffix_;
  absl::flat_hash_map<NodeId, Initializer> initializers_;
  std::vector<NodeId> variables_;
  std::vector<std::pair<Value, Value>> side_updates_;
  std::string scope_;                                      // "" or "block1/"
  const std::source_location* forced_location_ = nullptr;  // see LocationScope
  int derivative_depth_ = 0;                               // see DerivativeScope
  int64_t next_stream_ = 1;
  std::vector<bool> is_named_;  // by node
};

// While it lives, a body is being written inside the graph around it: loops and branches that are added go there.
class BodyScope {
 public:
  explicit BodyScope(Graph* body) : outer_(body->outer_), saved_(outer_->inner_) { outer_->inner_ = body; }
  ~BodyScope() { outer_->inner_ = saved_; }
  BodyScope(const BodyScope&) = delete;
  BodyScope& operator=(const BodyScope&) = delete;

 private:
  Graph* outer_;
  Graph* saved_;
};

// While it lives, names of new nodes start with "name/".
class NameScope {
 public:
  NameScope(Graph* graph, absl::string_view name, std::source_location location = std::source_location::current());
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;

 private:
  Graph* graph_;
  std::string saved_;
};

// While it lives, new nodes and errors carry this place instead of their own: for functions that build several nodes
// on behalf of a caller. The outermost scope wins.
class LocationScope {
 public:
  LocationScope(Graph* graph, std::source_location location);
  ~LocationScope();
  LocationScope(const LocationScope&) = delete;
  LocationScope& operator=(const LocationScope&) = delete;

 private:
  Graph* graph_;
  std::source_location location_;
  bool active_ = false;
};

// While it lives, new nodes are marked as parts of a derivative (Node::gradient).
class DerivativeScope {
 public:
  explicit DerivativeScope(Graph* graph) : graph_(graph) { ++graph_->derivative_depth_; }
  ~DerivativeScope() { --graph_->derivative_depth_; }
  DerivativeScope(const DerivativeScope&) = delete;
  DerivativeScope& operator=(const DerivativeScope&) = delete;

 private:
  Graph* graph_;
};

// Builds a node in the graph of the operands, of which at least one must be a value.
Value Build(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs = Attrs());
inline Value Build(absl::string_view op, std::initializer_list<Operand> operands, Attrs attrs = Attrs()) {
  return Build(op, absl::MakeConstSpan(operands.begin(), operands.size()), std::move(attrs));
}
Values BuildMulti(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs = Attrs());
inline Values BuildMulti(absl::string_view op, std::initializer_list<Operand> operands, Attrs attrs = Attrs()) {
  return BuildMulti(op, absl::MakeConstSpan(operands.begin(), operands.size()), std::move(attrs));
}

// Returns what a builder returns for operands of which one is invalid: an invalid value of their graph. The graph keeps
// "<builder>: an operand is a Value that was never built" unless it has an error already, which then is the reason.
Value InvalidResult(absl::string_view builder, absl::Span<const Value> operands,
                    std::source_location location = std::source_location::current());
inline Value InvalidResult(absl::string_view builder, std::initializer_list<Value> operands,
                           std::source_location location = std::source_location::current()) {
  return InvalidResult(builder, absl::MakeConstSpan(operands.begin(), operands.size()), location);
}

// What a gradient rule sees of the node it differentiates.
class GradientContext {
 public:
  using Overrides = absl::flat_hash_map<std::string, GradientRule>;

  GradientContext(Graph* graph, NodeId node, absl::Span<const Value> dy, const Overrides* overrides = nullptr)
      : graph_(graph), node_(node), dy_(dy), overrides_(overrides) {}

  Graph* graph() const { return graph_; }
  const Node& node() const { return graph_->node(node_); }
  int num_inputs() const { return static_cast<int>(node().inputs.size()); }
  int num_outputs() const { return static_cast<int>(node().outputs.size()); }
  Value x(int i = 0) const { return Value(graph_, node().inputs[i]); }
  Value y(int i = 0) const { return Value(graph_, ValueId{node_, i}); }
  // Returns the cotangent of output i, of the same type as the output. Always valid for output 0 of an op with one
  // output; otherwise invalid where no gradient arrives (has_dy).
  Value dy(int i = 0) const { return dy_[i]; }
  bool has_dy(int i) const { return dy_[i].valid(); }
  // Returns the rules that replace those of the named ops in this differentiation: what a rule that differentiates
  // other nodes must hand on.
  Overrides overrides() const { return overrides_ == nullptr ? Overrides() : *overrides_; }
  template <class T>
  const T& attrs() const {
    return node().attrs.As<T>();
  }

 private:
  Graph* graph_;
  NodeId node_;
  absl::Span<const Value> dy_;
  const Overrides* overrides_;
};

}  // namespace adret

#endif  // ADRET_CORE_GRAPH_H_
