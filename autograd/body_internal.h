// Bodies of control flow (scan, if, while): written from C++ functions, differentiated, applied to batches.
#ifndef ADRET_AUTOGRAD_BODY_INTERNAL_H_
#define ADRET_AUTOGRAD_BODY_INTERNAL_H_

#include <functional>
#include <initializer_list>
#include <source_location>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/attrs.h"
#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/core/op.h"
#include "adret/core/subgraph.h"

namespace adret {

// Returns the graph that control flow with these operands goes to: the innermost body that is being written where the
// values are, or their graph; nullptr when none has a graph.
Graph* ControlFlowGraph(std::initializer_list<const Values*> values);

// Returns what stands in the graph for a value of a graph around it (Graph::Capture); other values as they are.
Value Captured(Graph* graph, const Value& v);

// Writes one body from a C++ function. Errors go to the graph around it, as "<op>: <message>".
//
//   BodyBuilder body("scan", graph, location);
//   const Value h = body.AddInput("carry", type);
//   if (!body.Write([&] { return Values{Tanh(h)}; })) return;
//   SubgraphRef made = body.Make(body.Captures());
class BodyBuilder {
 public:
  BodyBuilder(absl::string_view op, Graph* outer, std::source_location location)
      : op_(op), outer_(outer), location_(location), body_(outer) {}

  // Adds an input of the body. what: the beginning of its name.
  Value AddInput(absl::string_view what, const Type& type);
  // Calls the function and keeps what it returns, with inputs in the place of values from around. Returns whether all
  // went well.
  bool Write(const std::function<Values()>& function);
  // The same, for a function whose nodes must run in the body alone: those that use nothing but values from around, and
  // so became nodes of the graphs around, are copied into the body.
  bool WriteAll(const std::function<Values()>& function);
  // The outputs, which the caller may replace by others of the body before Make().
  Values& outputs() { return outputs_; }
  // Returns the values of the graph around that the body uses.
  Values Captures() const;
  // Makes the body: its inputs are those that were added, then one for each of `captures`, which hold Captures() and
  // perhaps more. nullptr after an error.
  SubgraphRef Make(const Values& captures);

  // Returns whether there is no error so far; hands one of the body on to the graph around.
  bool ok();
  // Records an error. Returns false.
  bool Fail(absl::string_view message);

 private:
  // A graph around the body, and what it had when the function was called.
  struct Around {
    Graph* graph;
    NodeId nodes;
    size_t side_updates;
  };
  Value CopyOf(const Value& origin);

  const std::string op_;
  Graph* const outer_;
  const std::source_location location_;
  Graph body_;
  Values inputs_, outputs_;
  std::vector<Around> around_;
};

// Returns the values that one of the bodies uses, each once, in the order of the bodies.
Values UnitedCaptures(std::initializer_list<const BodyBuilder*> bodies);

// Adds the nodes of a body to a graph, on these inputs; returns the outputs.
absl::StatusOr<Values> Inline(const Subgraph& body, const Values& inputs, Graph* to);

// The same in the body that is being written, with captures in the place of inputs from around; the graph keeps errors.
Values InlineHere(const Subgraph& body, const Values& inputs);

// Returns the body for a batch of examples. batched: which of its inputs have them, in front. All outputs have.
absl::StatusOr<SubgraphRef> BodyForBatch(const Subgraph& body, const std::vector<bool>& batched, int64_t size);

// The gradient of a body, as a body: from its inputs and the cotangents of outputs to the gradients of inputs.
struct BodyGradient {
  SubgraphRef body;
  std::vector<int> outputs;  // those that the cotangents are of: floating-point and asked about
  std::vector<int> inputs;   // those that the gradients are of: floating-point
};
// Differentiates with respect to every floating-point input. asked: of which outputs there are cotangents. body is null
// where there is nothing to compute: no such output or no such input.
absl::StatusOr<BodyGradient> Differentiate(const Subgraph& body, const std::vector<bool>& asked,
                                           const GradientContext::Overrides& overrides);

// Returns where(condition, a, b) for a condition of bool[n], one for each of the n examples along axis 0 of a.
Value WhereExamples(const Value& condition, const Value& a, Operand b);

// Returns the same values, whose gradients are 0 for examples where the condition, bool[n], does not hold: also where a
// body that such an example runs in vain has infinite derivatives, which 0 times would be NaN. batched: which of the
// values have examples in front; others (autograd/if.h), and those without gradients, are returned as they are.
Values GuardExamples(const Value& condition, const Values& values, const std::vector<bool>& batched);

// Returns what a gradient rule returns: the gradients, or nothing where they failed, which is the graph's error then.
Values GradientsOrFail(const GradientContext& c, absl::StatusOr<Values> gradients);
// Returns what a batch rule returns: the outputs, or invalid ones where they failed.
Values OutputsOrFail(const BatchContext& c, absl::StatusOr<Values> outputs);

// Adds a node of control flow, with its attributes; returns its outputs. Invalid ones after an error.
Values AddControlFlow(Graph* graph, const Op& op, const Values& inputs, Attrs attrs, size_t outputs,
                      std::source_location location);

}  // namespace adret

#endif  // ADRET_AUTOGRAD_BODY_INTERNAL_H_
