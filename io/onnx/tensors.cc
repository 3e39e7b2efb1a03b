#include "adret/io/onnx/tensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "adret/core/convert.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/onnx/onnx.pb.h"

namespace adret::onnx {
namespace {

// Tensors of fewer bytes are copied out of their messages.
constexpr size_t kMinTakenBytes = 4096;

struct ElementType {
  int number;
  absl::string_view name;
  std::optional<DType> dtype;
};

// Indexed by number.
constexpr ElementType kElementTypes[] = {
    {0, "undefined", {}},
    {1, "float", DType::kFloat32},
    {2, "uint8", DType::kUint8},
    {3, "int8", DType::kInt8},
    {4, "uint16", DType::kUint16},
    {5, "int16", DType::kInt16},
    {6, "int32", DType::kInt32},
    {7, "int64", DType::kInt64},
    {8, "string", {}},
    {9, "bool", DType::kBool},
    {10, "float16", DType::kFloat16},
    {11, "double", DType::kFloat64},
    {12, "uint32", DType::kUint32},
    {13, "uint64", DType::kUint64},
    {14, "complex64", {}},
    {15, "complex128", {}},
    {16, "bfloat16", DType::kBFloat16},
    {17, "float8e4m3fn", {}},
    {18, "float8e4m3fnuz", {}},
    {19, "float8e5m2", {}},
    {20, "float8e5m2fnuz", {}},
    {21, "uint4", {}},
    {22, "int4", {}},
    {23, "float4e2m1", {}},
    {24, "float8e8m0", {}},
    {25, "uint2", {}},
    {26, "int2", {}},
};

const ElementType* Find(int64_t number) {
  return number >= 0 && number < static_cast<int64_t>(std::size(kElementTypes)) ? &kElementTypes[number] : nullptr;
}

// Copies numbers of a field, one for each element; halves lie in it as the bits of an integer.
template <class T, class Field>
void CopyField(const Field& field, T* to) {
  for (int i = 0; i < field.size(); ++i) {
    if constexpr (kIsHalf<T>) {
      to[i] = std::bit_cast<T>(static_cast<uint16_t>(field[i]));
    } else {
      to[i] = static_cast<T>(field[i]);
    }
  }
}

// Calls f with the field that holds elements of a dtype where they are not raw.
template <class F>
auto WithField(const proto::Tensor& tensor, DType dtype, F&& f) {
  switch (dtype) {
    case DType::kFloat32:
      return f(tensor.float_data());
    case DType::kFloat64:
      return f(tensor.double_data());
    case DType::kInt64:
      return f(tensor.int64_data());
    case DType::kUint32:
    case DType::kUint64:
      return f(tensor.uint64_data());
    default:
      return f(tensor.int32_data());
  }
}

std::string NameOf(const proto::Tensor& tensor) {
  return tensor.name().empty() ? "a tensor without a name" : absl::StrCat("the tensor ", Quoted(tensor.name()));
}

absl::Status Bad(const proto::Tensor& tensor, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(NameOf(tensor), " ", what));
}

absl::StatusOr<Shape> ShapeIn(const proto::Tensor& tensor) {
  for (const int64_t d : tensor.dims()) {
    if (d < 0) return Bad(tensor, absl::StrCat("has a dimension of ", d));
  }
  const Shape shape(absl::MakeConstSpan(tensor.dims().data(), static_cast<size_t>(tensor.dims_size())));
  const absl::Status valid = shape.Validate();
  if (!valid.ok()) return Bad(tensor, absl::StrCat("has ", valid.message()));
  return shape;
}

// Fails unless there are as many raw bytes as a tensor of this type needs.
absl::Status CheckRaw(const proto::Tensor& tensor, const Type& type) {
  const auto bytes = static_cast<uint64_t>(type.bytes());
  if (tensor.raw_data().size() == bytes) return absl::OkStatus();
  return Bad(tensor, absl::StrCat("of type ", type.ToString(), " has ", tensor.raw_data().size(),
                                  " bytes where it needs ", bytes));
}

// Raw bytes become bools 0 and 1, whatever they were.
void NormalizeBools(Tensor* tensor) {
  if (tensor->dtype() != DType::kBool) return;
  auto* bytes = static_cast<uint8_t*>(tensor->mutable_raw());
  for (size_t i = 0; i < tensor->num_bytes(); ++i) bytes[i] = bytes[i] != 0;
}

}  // namespace

std::optional<DType> DTypeOf(int64_t element_type) {
  const ElementType* found = Find(element_type);
  return found == nullptr ? std::nullopt : found->dtype;
}

int ElementTypeOf(DType dtype) {
  const auto* found = std::find_if(std::begin(kElementTypes), std::end(kElementTypes),
                                   [&](const ElementType& type) { return type.dtype == dtype; });
  return found == std::end(kElementTypes) ? 0 : found->number;
}

std::string ElementTypeName(int64_t element_type) {
  const ElementType* found = Find(element_type);
  return found == nullptr ? absl::StrCat("element type ", element_type) : std::string(found->name);
}

void WriteTensorType(const Type& type, proto::Tensor* to) {
  to->set_data_type(ElementTypeOf(type.dtype));
  for (const int64_t d : type.shape) to->add_dims(d);
}

void WriteTensor(const Tensor& from, proto::Tensor* to) {
  WriteTensorType(from.type(), to);
  to->set_raw_data(from.raw(), from.num_bytes());
}

void WriteValueInfo(const std::string& name, const Type& type, proto::ValueInfo* to) {
  to->set_name(name);
  proto::Type::TensorType* tensor = to->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(ElementTypeOf(type.dtype));
  tensor->mutable_shape();  // of a scalar: no dimensions
  for (const int64_t d : type.shape) {
    proto::Shape::Dimension* dim = tensor->mutable_shape()->add_dim();
    if (d >= 0) {
      dim->set_dim_value(d);
    } else {
      dim->set_dim_param(d == kAnyBatch ? "batch" : DimText(d));
    }
  }
}

absl::Status TensorReader::Count(DType dtype, const Shape& shape) {
  AD_RETURN_IF_ERROR(shape.Validate());
  const int64_t bytes = shape.num_elements() * static_cast<int64_t>(SizeOf(dtype));
  if (bytes > budget_ - bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat("the tensors need more than the limit of ", budget_, " bytes"));
  }
  ++tensors_;
  bytes_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<Tensor> TensorReader::Allocate(DType dtype, const Shape& shape) {
  AD_RETURN_IF_ERROR(Count(dtype, shape));
  return Tensor::Allocate(dtype, shape);
}

absl::StatusOr<Tensor> TensorReader::Take(proto::Tensor* tensor) {
  const std::optional<DType> dtype = DTypeOf(tensor->data_type());
  if (tensor->raw_data().size() < kMinTakenBytes || dtype.value_or(DType::kBool) == DType::kBool ||
      tensor->data_location() == 1) {
    return Read(*tensor);
  }
  AD_ASSIGN_OR_RETURN(const Shape shape, ShapeIn(*tensor));
  AD_RETURN_IF_ERROR(CheckRaw(*tensor, {*dtype, shape}));
  AD_RETURN_IF_ERROR(Count(*dtype, shape));
  auto owner = std::make_shared<std::string>();
  owner->swap(*tensor->mutable_raw_data());
  return Tensor::Borrow(*dtype, shape, owner->data(), owner);
}

absl::StatusOr<Tensor> TensorReader::Read(const proto::Tensor& tensor) {
  const std::optional<DType> dtype = DTypeOf(tensor.data_type());
  if (!dtype.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat(NameOf(tensor), " holds ", ElementTypeName(tensor.data_type()), ", which adret has no dtype for"));
  }
  AD_ASSIGN_OR_RETURN(const Shape shape, ShapeIn(tensor));
  if (tensor.data_location() == 1) return ReadExternal(tensor, *dtype, shape);

  const int64_t n = shape.num_elements();
  if (tensor.has_raw_data()) {
    AD_RETURN_IF_ERROR(CheckRaw(tensor, {*dtype, shape}));
    AD_ASSIGN_OR_RETURN(Tensor result, Allocate(*dtype, shape));
    if (n > 0) std::memcpy(result.mutable_raw(), tensor.raw_data().data(), result.num_bytes());
    NormalizeBools(&result);
    return result;
  }
  const int64_t found = WithField(tensor, *dtype, [](const auto& field) { return int64_t{field.size()}; });
  if (found != n) {
    return Bad(tensor,
               absl::StrCat("of type ", Type{*dtype, shape}.ToString(), " has ", found, " numbers where it needs ", n));
  }
  AD_ASSIGN_OR_RETURN(Tensor result, Allocate(*dtype, shape));
  VisitDType(*dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    WithField(tensor, *dtype, [&](const auto& field) { CopyField(field, static_cast<T*>(result.mutable_raw())); });
  });
  return result;
}

absl::StatusOr<Tensor> TensorReader::Read(const proto::SparseTensor& tensor) {
  AD_ASSIGN_OR_RETURN(const Tensor values, Read(tensor.values()));
  AD_ASSIGN_OR_RETURN(const Tensor indices, Read(tensor.indices()));
  for (const int64_t d : tensor.dims()) {
    if (d < 0) return Bad(tensor.values(), absl::StrCat("has a dimension of ", d));
  }
  const Shape shape(absl::MakeConstSpan(tensor.dims().data(), static_cast<size_t>(tensor.dims_size())));
  const int64_t n = values.num_elements();
  const bool flat = indices.rank() == 1;
  if (indices.dtype() != DType::kInt64 || values.rank() != 1 || indices.rank() < 1 || indices.rank() > 2 ||
      indices.shape()[0] != n || (!flat && indices.shape()[1] != shape.rank())) {
    return Bad(tensor.values(), absl::StrCat("is sparse with values ", values.type().ToString(), " and indices ",
                                             indices.type().ToString(), ", which do not go together"));
  }
  AD_ASSIGN_OR_RETURN(Tensor result, Allocate(values.dtype(), shape));
  if (result.num_bytes() > 0) std::memset(result.mutable_raw(), 0, result.num_bytes());
  const size_t size = SizeOf(values.dtype());
  const absl::Span<const int64_t> places = indices.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    int64_t place = flat ? places[i] : 0;
    bool inside = place >= 0;
    for (int a = 0; !flat && a < shape.rank(); ++a) {
      const int64_t index = places[i * shape.rank() + a];
      inside = inside && index >= 0 && index < shape[a];
      place = inside ? place * shape[a] + index : 0;
    }
    if (!inside || place >= result.num_elements()) {
      return Bad(tensor.values(), absl::StrCat("is sparse, and index ", i, " is outside of ", shape.ToString()));
    }
    std::memcpy(static_cast<char*>(result.mutable_raw()) + place * size,
                static_cast<const char*>(values.raw()) + i * size, size);
  }
  return result;
}

absl::StatusOr<const io::InputFile*> TensorReader::Open(const std::string& location) {
  const auto found = files_.find(location);
  if (found != files_.end()) return &found->second;
  AD_ASSIGN_OR_RETURN(io::InputFile file, io::InputFile::OpenBeneath(folder_, location));
  return &files_.emplace(location, std::move(file)).first->second;
}

absl::StatusOr<Tensor> TensorReader::ReadExternal(const proto::Tensor& tensor, DType dtype, const Shape& shape) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const proto::Entry& entry : tensor.external_data()) {
    bool good = true;
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") good = absl::SimpleAtoi(entry.value(), &offset) && offset >= 0;
    if (entry.key() == "length") good = absl::SimpleAtoi(entry.value(), &length) && length >= 0;
    if (!good) return Bad(tensor, absl::StrCat("has external data with the ", entry.key(), " ", Quoted(entry.value())));
  }
  if (folder_.empty()) return Bad(tensor, "is in another file, which a model in memory cannot have");
  const absl::StatusOr<const io::InputFile*> file = Open(location);
  if (!file.ok()) {
    return absl::Status(file.status().code(),
                        absl::StrCat(NameOf(tensor), " is in another file: ", file.status().message()));
  }
  const int64_t bytes = shape.num_elements() * static_cast<int64_t>(SizeOf(dtype));
  const int64_t rest = std::max<int64_t>((*file)->size() - offset, 0);
  if ((length >= 0 && length != bytes) || bytes > rest) {
    return Bad(tensor,
               absl::StrCat("of type ", Type{dtype, shape}.ToString(), " needs ", bytes, " bytes from ", offset, " of ",
                            Quoted(location), ", where ", length >= 0 ? std::min(length, rest) : rest, " are"));
  }
  AD_ASSIGN_OR_RETURN(Tensor result, Allocate(dtype, shape));
  AD_RETURN_IF_ERROR((*file)->ReadAt(offset, bytes, result.mutable_raw()));
  NormalizeBools(&result);
  return result;
}

}  // namespace adret::onnx
