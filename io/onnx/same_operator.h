// As<"Add">: the row of an op that an operator of ONNX equals, with the same operands and results and no attributes.
#ifndef ADRET_IO_ONNX_SAME_OPERATOR_H_
#define ADRET_IO_ONNX_SAME_OPERATOR_H_

#include <algorithm>
#include <cstddef>

#include "adret/io/onnx/emitter.h"

namespace adret::onnx {

// A name as a template's argument.
template <size_t N>
struct OperatorName {
  constexpr OperatorName(const char (&name)[N]) { std::copy(name, name + N, text); }  // NOLINT
  char text[N];
};

template <OperatorName kName>
absl::StatusOr<Names> As(Emitter& e, const Site& s) {
  return e.NodeMulti(kName.text, s.inputs, static_cast<int>(s.node.outputs.size()));
}

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SAME_OPERATOR_H_
