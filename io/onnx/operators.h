// The table of ONNX operators: one row for each operator and each operator set that changed what it means.
//
//   const OperatorRegistration kMath({
//       {.name = "Sin", .since = 7, .op = "sin"},
//       {.name = "Softmax", .since = 13, .from = SoftmaxFrom},
//       {.name = "Softmax", .since = 1, .from = FlatteningSoftmaxFrom},
//       {.name = "Unique", .since = 11, .unsupported = "the size of its result depends on numbers"},
//   });
//
// A row is the only place that knows its operator: the reader, docs/onnx.md and the list of the node suite's cases are
// made from the table.
#ifndef ADRET_IO_ONNX_OPERATORS_H_
#define ADRET_IO_ONNX_OPERATORS_H_

#include <initializer_list>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"

namespace adret::onnx {

class Call;

// Adds the nodes that compute what one node of a file computes. Returns its outputs, in order; an invalid value stands
// for one that Call::wants() says nobody reads, and trailing ones of that kind may be left out. Errors of builders are
// found by the reader.
using FromOnnx = absl::StatusOr<Values> (*)(Call& call);

// What becomes of operands in bf16 and f16, in which adret does not compute.
enum class Halves {
  kCompute,  // Call::x() converts them to f32, and f32 results are converted back
  kMove      // they are what they are: the operator only moves, compares or converts numbers
};

struct Operator {
  absl::string_view name;
  int since = 1;                  // the first operator set in which it means this
  absl::string_view domain = "";  // "": ai.onnx
  // Exactly one of these three.
  FromOnnx from = nullptr;
  absl::string_view op = "";           // an op of adret with the same operands and results, and no attributes
  absl::string_view unsupported = "";  // why it is not read, and what would replace it; "" for what is read

  Halves halves = Halves::kCompute;
  absl::string_view gradient = "";  // where it is not differentiable in its floating-point operands: why
  absl::string_view note = "";      // what is not supported of it, for docs/onnx.md
};

struct OperatorRegistration {
  OperatorRegistration(std::initializer_list<Operator> rows);
};

// Returns the row of an operator in a version of its operator set: the newest that is not newer; nullptr where there is
// none.
const Operator* FindOperator(absl::string_view domain, absl::string_view name, int64_t version);
// Returns all rows, by domain and name, the newest first.
std::vector<const Operator*> AllOperators();

// The newest version of ai.onnx that is read.
inline constexpr int64_t kNewestVersion = 27;

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_OPERATORS_H_
