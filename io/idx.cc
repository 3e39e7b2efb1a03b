#include "adret/io/idx.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/compression.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"

namespace adret::io {
namespace {

constexpr size_t kFixedHeader = 4;
constexpr uint64_t kMaxDeflateRatio = 1032;  // zlib's technical notes: no stream expands further

struct TypeCode {
  uint8_t code;
  DType dtype;
};
constexpr TypeCode kTypeCodes[] = {{0x08, DType::kUint8}, {0x09, DType::kInt8},    {0x0B, DType::kInt16},
                                   {0x0C, DType::kInt32}, {0x0D, DType::kFloat32}, {0x0E, DType::kFloat64}};

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a valid IDX file: ", what));
}

struct Header {
  Type type;
  size_t size = 0;  // of the header itself
};

absl::StatusOr<Header> ParseHeader(absl::string_view bytes) {
  if (bytes.size() < kFixedHeader) return Malformed("it is shorter than its header");
  if (bytes[0] != 0 || bytes[1] != 0) return Malformed("it does not start with two zero bytes");
  const auto code = static_cast<uint8_t>(bytes[2]);
  const auto known =
      std::find_if(std::begin(kTypeCodes), std::end(kTypeCodes), [&](const TypeCode& t) { return t.code == code; });
  if (known == std::end(kTypeCodes)) {
    return Malformed(absl::StrCat("unknown element type 0x", absl::Hex(code, absl::kZeroPad2)));
  }
  const int rank = static_cast<uint8_t>(bytes[3]);
  if (rank > kMaxRank) return Malformed(absl::StrCat("it has ", rank, " dimensions, at most ", kMaxRank, " are known"));
  Header header{{known->dtype, {}}, kFixedHeader + 4 * static_cast<size_t>(rank)};
  if (bytes.size() < header.size) return Malformed("it is shorter than its header");
  for (int i = 0; i < rank; ++i) header.type.shape.push_back(LoadBig<uint32_t>(bytes.data() + kFixedHeader + 4 * i));
  AD_RETURN_IF_ERROR(header.type.shape.Validate());
  return header;
}

// Copies n numbers of `size` bytes each between big-endian and the machine's little-endian order.
void CopySwapped(const char* from, size_t n, size_t size, char* to) {
  if (size == 1) {
    std::memcpy(to, from, n);
    return;
  }
  for (size_t i = 0; i < n; ++i) std::reverse_copy(from + i * size, from + (i + 1) * size, to + i * size);
}

absl::Status CheckLimit(const Header& header, const IdxLimits& limits) {
  if (header.type.bytes() > limits.max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("its header announces ", header.type.ToString(), ", ",
                                                     header.type.bytes(), " bytes, more than the limit of ",
                                                     limits.max_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> ParsePlain(absl::string_view bytes, const IdxLimits& limits) {
  AD_ASSIGN_OR_RETURN(const Header header, ParseHeader(bytes));
  AD_RETURN_IF_ERROR(CheckLimit(header, limits));
  bytes.remove_prefix(header.size);
  if (static_cast<uint64_t>(header.type.bytes()) != bytes.size()) {
    return Malformed(absl::StrCat("its header announces ", header.type.ToString(), ", ", header.type.bytes(),
                                  " bytes, but ", bytes.size(), " follow"));
  }
  Tensor tensor(header.type.dtype, header.type.shape);
  CopySwapped(bytes.data(), tensor.num_elements(), SizeOf(tensor.dtype()), static_cast<char*>(tensor.mutable_raw()));
  return tensor;
}

// The file called `name` or `name`.gz in the folder.
absl::StatusOr<std::string> FindPart(const std::string& folder, const std::string& name) {
  const std::filesystem::path plain = std::filesystem::path(folder) / name;
  for (const std::string& path : {plain.string(), plain.string() + ".gz"}) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return absl::NotFoundError(absl::StrCat("no ", name, " or ", name, ".gz in ", folder));
}

absl::StatusOr<Dataset> LoadPart(const std::string& folder, const std::string& prefix, const MnistOptions& options) {
  AD_ASSIGN_OR_RETURN(const std::string images_path, FindPart(folder, prefix + "-images-idx3-ubyte"));
  AD_ASSIGN_OR_RETURN(const std::string labels_path, FindPart(folder, prefix + "-labels-idx1-ubyte"));
  AD_ASSIGN_OR_RETURN(const Tensor images, LoadIdx(images_path, options.limits));
  AD_ASSIGN_OR_RETURN(const Tensor labels, LoadIdx(labels_path, options.limits));
  absl::StatusOr<Dataset> dataset = MakeDataset(images, labels, options.classes);
  if (!dataset.ok()) return InFile(absl::StrCat(images_path, ", ", labels_path), dataset.status());
  return dataset;
}

}  // namespace

absl::StatusOr<Tensor> ParseIdx(absl::string_view bytes, const IdxLimits& limits) {
  if (!IsGzip(bytes)) return ParsePlain(bytes, limits);
  AD_ASSIGN_OR_RETURN(const std::string start,
                      InflatePrefix(bytes, Container::kGzip, kFixedHeader + 4 * size_t{kMaxRank}));
  AD_ASSIGN_OR_RETURN(const Header header, ParseHeader(start));
  AD_RETURN_IF_ERROR(CheckLimit(header, limits));
  const auto size = static_cast<uint64_t>(header.type.bytes());
  if (size / kMaxDeflateRatio > bytes.size()) {
    return Malformed(absl::StrCat("its header announces ", header.type.ToString(), ", ", size, " bytes, but ",
                                  bytes.size(), " compressed bytes cannot hold as many"));
  }
  AD_ASSIGN_OR_RETURN(const std::string plain, Inflate(bytes, Container::kGzip, header.size + size));
  return ParsePlain(plain, limits);
}

absl::StatusOr<Tensor> LoadIdx(const std::string& path, const IdxLimits& limits) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.max_bytes));
  absl::StatusOr<Tensor> tensor = ParseIdx(bytes, limits);
  if (!tensor.ok()) return InFile(path, tensor.status());
  return tensor;
}

absl::StatusOr<std::string> FormatIdx(const Tensor& tensor, const IdxOptions& options) {
  const auto known = std::find_if(std::begin(kTypeCodes), std::end(kTypeCodes),
                                  [&](const TypeCode& t) { return t.dtype == tensor.dtype(); });
  if (known == std::end(kTypeCodes)) {
    return absl::InvalidArgumentError(absl::StrCat("IDX has no element type ", Name(tensor.dtype())));
  }
  std::string out(2, '\0');
  out.push_back(static_cast<char>(known->code));
  out.push_back(static_cast<char>(tensor.rank()));
  for (const int64_t dim : tensor.shape()) {
    if (dim > int64_t{0xffffffff}) return absl::InvalidArgumentError("IDX holds dimensions below 2^32");
    AppendBig<uint32_t>(static_cast<uint32_t>(dim), &out);
  }
  const size_t header = out.size();
  out.resize(header + tensor.num_bytes());
  CopySwapped(static_cast<const char*>(tensor.raw()), tensor.num_elements(), SizeOf(tensor.dtype()),
              out.data() + header);
  return options.gzip ? Deflate(out, Container::kGzip) : out;
}

absl::Status SaveIdx(const std::string& path, const Tensor& tensor, const IdxOptions& options) {
  absl::StatusOr<std::string> bytes = FormatIdx(tensor, options);
  if (!bytes.ok()) return InFile(path, bytes.status());
  return WriteFile(path, *bytes);
}

absl::StatusOr<Dataset> MakeDataset(const Tensor& images, const Tensor& labels, int64_t classes) {
  if (images.dtype() != DType::kUint8 || images.rank() != 3 || images.num_elements() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("images are ", images.type().ToString(), "; expected is u8[n,height,width] with n > 0"));
  }
  if (labels.dtype() != DType::kUint8 || labels.rank() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("labels are ", labels.type().ToString(), "; expected is u8[n]"));
  }
  const int64_t n = images.shape()[0];
  if (labels.num_elements() != n) {
    return absl::InvalidArgumentError(absl::StrCat(n, " images but ", labels.num_elements(), " labels"));
  }
  const absl::Span<const uint8_t> values = labels.data<uint8_t>();
  for (int64_t i = 0; i < n; ++i) {
    if (values[i] < classes) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("label ", i, " is ", int{values[i]}, "; expected is a number below ", classes));
  }
  return Dataset{images.Reshaped({n, 1, images.shape()[1], images.shape()[2]}), labels.Cast(DType::kInt64)};
}

absl::StatusOr<TrainAndTest> LoadMnist(const std::string& folder, const MnistOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return absl::NotFoundError(absl::StrCat(folder, " is not a folder; expected is one with the files of MNIST"));
  }
  AD_ASSIGN_OR_RETURN(Dataset train, LoadPart(folder, "train", options));
  AD_ASSIGN_OR_RETURN(Dataset test, LoadPart(folder, "t10k", options));
  for (const int axis : {2, 3}) {
    if (train.images.shape()[axis] == test.images.shape()[axis]) continue;
    return absl::InvalidArgumentError(absl::StrCat(folder, ": training images are ", train.images.type().ToString(),
                                                   " but test images are ", test.images.type().ToString()));
  }
  return TrainAndTest{std::move(train), std::move(test)};
}

}  // namespace adret::io
