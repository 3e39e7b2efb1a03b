// Bodies: graphs that are attributes of a node, for branches and loops.
//
//   BodyCall body(c, *graph);
//   const ScanResult r = Scan(inputs, [&](const Values& carry, const Values& each) {
//     const Values outputs = body.Build(carry, carry, 0);   // errors stay in body.status()
//     ...
//   });
//   AD_RETURN_IF_ERROR(body.status());
//
// Builders of adret that take a function (Scan(), While(), If()) must be given values by it, whatever happens in it: so
// a body that cannot be read returns others of the right types, and what is built of them is never run.
#ifndef ADRET_IO_ONNX_BODIES_H_
#define ADRET_IO_ONNX_BODIES_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"
#include "adret/io/onnx/call.h"

namespace adret::onnx {

class BodyCall {
 public:
  // The body must have this many inputs and outputs.
  BodyCall(const Call& call, const proto::Graph& body, int inputs, int outputs);

  // Builds the body. Returns its outputs, of which number `first` and following have the types of `states`: what a loop
  // hands from step to step. After an error: `states` at their places, and zeros.
  Values Build(const Values& inputs, const Values& states, int first);
  // Returns why a body could not be built; the first error.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status CheckStates(const Values& outputs, const Values& states, int first) const;

  const Call& call_;
  const proto::Graph& body_;
  const int outputs_;
  absl::Status status_;
};

// Returns a value of this type. Its numbers are zeros.
Value Placeholder(Graph* graph, const Type& type);

// Returns an input of one element as a scalar. Fails where it has more, or is of another dtype.
absl::StatusOr<Value> ScalarInput(Call& c, int i, DType dtype);

// Returns 0, 1, ..., n - 1: i64[n], the numbers of the steps of a loop.
Value StepNumbers(Graph* graph, const Dim& n);

// Returns x with one of its axes moved to the front, and back.
Value AxisToFront(const Value& x, int64_t axis);
Value FrontToAxis(const Value& x, int64_t axis);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_BODIES_H_
