// Large initialisers of a file that is written: their numbers go into the file at the end, or into one beside it.
#ifndef ADRET_IO_ONNX_EXTERNAL_H_
#define ADRET_IO_ONNX_EXTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/io/file.h"

namespace adret::onnx {

namespace proto {
class Tensor;
}  // namespace proto

// Tensors of more bytes may lie in another file.
inline constexpr size_t kLargeBytes = 1024;

// An initialiser whose message has a name and a type.
struct LargeTensor {
  Tensor tensor;
  proto::Tensor* to;
};

int64_t TotalBytes(const std::vector<LargeTensor>& tensors);

// Writes the numbers into the messages.
void KeepInside(const std::vector<LargeTensor>& tensors);

// Says in the messages that the numbers are in a file `name` in the folder of the model's, and writes that file. It
// takes its place when the result is committed.
absl::StatusOr<io::AtomicFile> KeepBeside(const std::vector<LargeTensor>& tensors, const std::string& folder,
                                          const std::string& name);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_EXTERNAL_H_
