// The table of how adret's ops are written as ONNX: one row for each op.
//
//   const WriterRegistration kUnary({
//       {.op = "leaky_relu", .to = LeakyReluTo},               // an operator of ONNX
//       {.op = "sigmoid_x_grad", .expand = SigmoidSlope},       // other ops of adret, which then are written
//       {.op = "layer_norm", .to = LayerNormTo, .expand = LayerNormOf, .fits = IsLayerNormalization},  // either
//       {.op = "bernoulli_of", .unsupported = "ONNX's random numbers follow no key"},
//   });
//
// An op that an operator's row names as its equal (Operator::op) needs none.
#ifndef ADRET_IO_ONNX_WRITERS_H_
#define ADRET_IO_ONNX_WRITERS_H_

#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/core/status.h"

namespace adret::onnx {

class Emitter;

// One node, as the row of its op sees it.
struct Site {
  const Node& node;
  std::vector<std::string> inputs;  // names in the file
  std::vector<Type> input_types;
  std::vector<bool> read;  // for each output, whether anything reads it

  const std::string& x(int i = 0) const { return inputs[i]; }
  const Type& type(int i = 0) const { return input_types[i]; }
  const Shape& shape(int i = 0) const { return input_types[i].shape; }
  const Type& y(int i = 0) const { return node.outputs[i]; }
  template <class T>
  const T& attrs() const {
    return node.attrs.As<T>();
  }
};

// Returns an attribute of a node by its name, for ops whose attributes are their own.
template <class T>
const T& AttrNamed(const Node& node, absl::string_view name) {
  for (const Attr& attr : node.attrs.list()) {
    if (attr.name == name) return std::get<T>(attr.value);
  }
  AD_CHECK(false);
}

// Adds the operators that compute what a node computes, and returns the names of its outputs.
using ToOnnx = absl::StatusOr<std::vector<std::string>> (*)(Emitter& emitter, const Site& site);
// Builds the node's outputs of other ops, in the graph of the inputs.
using Expansion = Values (*)(const Node& node, const Values& inputs);

struct Writer {
  absl::string_view op;
  // Exactly one of these three, or `to` where it fits a site (whose inputs have no names then) and `expand` elsewhere.
  ToOnnx to = nullptr;
  Expansion expand = nullptr;
  absl::string_view unsupported = "";  // why it cannot be written
  bool (*fits)(const Site& site, int64_t version) = nullptr;
};

struct WriterRegistration {
  WriterRegistration(std::initializer_list<Writer> rows);
};

// Returns the row of an op; nullptr where it has none.
const Writer* FindWriter(absl::string_view op);
// Returns the operator of ONNX that an op equals, newest first; nullptr where there is none.
const struct Operator* EqualOperator(absl::string_view op, int64_t version);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_WRITERS_H_
