// A walk over a serialised ONNX model before anything is built of it.
#ifndef ADRET_IO_ONNX_SCAN_H_
#define ADRET_IO_ONNX_SCAN_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "adret/io/model.h"

namespace adret::onnx {

// Fails where the bytes are no message of protobuf, where messages lie too deep in each other, or where there are more
// of them than the limits allow: millions of empty messages take a hundred times their bytes once they are parsed.
// Unknown fields are let through, since newer versions of ONNX have more.
absl::Status ScanModel(absl::string_view bytes, const io::ModelLimits& limits);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_SCAN_H_
