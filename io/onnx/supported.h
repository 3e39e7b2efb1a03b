// Whether a file has operators that are not read: all of them are reported at once.
#ifndef ADRET_IO_ONNX_SUPPORTED_H_
#define ADRET_IO_ONNX_SUPPORTED_H_

#include "absl/status/status.h"
#include "adret/io/onnx/functions.h"

namespace adret::onnx {

// Fails with Unimplemented where nodes of the file, of its sub-graphs or of functions that it calls have no row, or one
// that says why it is not read. The error lists each operator with its operator set, how often it occurs, the first
// node, and what would replace it.
absl::Status CheckSupported(const proto::Model& model, const Functions& functions, const OperatorSets& sets);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SUPPORTED_H_
