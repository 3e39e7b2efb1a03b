// Tensors of ONNX files: in the message itself, in a field of numbers or as raw bytes; or in a file beside the model's.
#ifndef ADRET_IO_ONNX_TENSORS_H_
#define ADRET_IO_ONNX_TENSORS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/dtype.h"
#include "adret/core/tensor.h"
#include "adret/io/file.h"

namespace adret::onnx {

namespace proto {
class SparseTensor;
class Tensor;
class ValueInfo;
}  // namespace proto

// Returns the dtype that holds elements of this type (the numbers of ONNX's TensorProto.DataType); nothing for strings,
// complex numbers, and numbers of 8 bits and less that adret has no dtype for.
std::optional<DType> DTypeOf(int64_t element_type);
// Returns the inverse.
int ElementTypeOf(DType dtype);
// Returns ONNX's name of an element type, such as "float8e4m3fn"; "element type 77" for an unknown number.
std::string ElementTypeName(int64_t element_type);

// Writes a tensor's type.
void WriteTensorType(const Type& type, proto::Tensor* to);
// Writes a tensor's type and numbers, as raw bytes.
void WriteTensor(const Tensor& from, proto::Tensor* to);
// Writes a name and a type. Symbolic dimensions are named: "batch" for the batch, and as they print for others.
void WriteValueInfo(const std::string& name, const Type& type, proto::ValueInfo* to);

// Reads the tensors of one model, and counts their bytes.
class TensorReader {
 public:
  // folder: where external data are; empty: there may be none. budget: bytes of all tensors together.
  TensorReader(std::string folder, int64_t budget) : folder_(std::move(folder)), budget_(budget) {}

  // Reads a tensor. Everything that its fields say is checked before memory is allocated: dtype, dimensions, and that
  // there are exactly as many numbers or bytes as they need.
  absl::StatusOr<Tensor> Read(const proto::Tensor& tensor);
  // Reads a tensor, and takes the memory of large ones out of the message instead of copying it.
  absl::StatusOr<Tensor> Take(proto::Tensor* tensor);
  // Reads a sparse tensor as a dense one.
  absl::StatusOr<Tensor> Read(const proto::SparseTensor& tensor);

  int64_t tensors() const { return tensors_; }
  int64_t bytes() const { return bytes_; }

 private:
  // Counts the bytes of a tensor; fails above the budget.
  absl::Status Count(DType dtype, const Shape& shape);
  absl::StatusOr<Tensor> Allocate(DType dtype, const Shape& shape);
  absl::StatusOr<Tensor> ReadExternal(const proto::Tensor& tensor, DType dtype, const Shape& shape);
  absl::StatusOr<const io::InputFile*> Open(const std::string& location);

  const std::string folder_;
  const int64_t budget_;
  int64_t tensors_ = 0, bytes_ = 0;
  std::map<std::string, io::InputFile> files_;
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_TENSORS_H_
