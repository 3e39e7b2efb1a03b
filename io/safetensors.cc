#include "adret/io/safetensors.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/rounding.h"
#include "adret/core/status.h"
#include "adret/core/text.h"
#include "adret/io/bytes.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/json_internal.h"

namespace adret::io {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr int64_t kMaxHeaderBytes = 100'000'000;
constexpr absl::string_view kMetadataKey = "__metadata__";
// Tensors of unknown element types that one error names.
constexpr size_t kMaxNamed = 20;

struct DTypeName {
  DType dtype;
  absl::string_view name;
};
// In the order in which the reference implementation writes tensors.
constexpr DTypeName kDTypeNames[] = {
    {DType::kUint64, "U64"}, {DType::kInt64, "I64"}, {DType::kFloat64, "F64"},   {DType::kFloat32, "F32"},
    {DType::kUint32, "U32"}, {DType::kInt32, "I32"}, {DType::kBFloat16, "BF16"}, {DType::kFloat16, "F16"},
    {DType::kUint16, "U16"}, {DType::kInt16, "I16"}, {DType::kInt8, "I8"},       {DType::kUint8, "U8"},
    {DType::kBool, "BOOL"},
};
static_assert(std::size(kDTypeNames) == std::size(kAllDTypes));

// Returns the dtype's place in kDTypeNames.
size_t OrderOf(DType dtype) {
  size_t i = 0;
  while (kDTypeNames[i].dtype != dtype) ++i;
  return i;
}

std::optional<DType> FindDType(absl::string_view name) {
  for (const DTypeName& known : kDTypeNames) {
    if (known.name == name) return known.dtype;
  }
  return std::nullopt;
}

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// Says of what is malformed, but of no other error, what it was meant to be.
absl::Status Explained(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? InFile("not a valid safetensors file", status) : status;
}

absl::Status CheckLimit(uint64_t n, absl::string_view what, int64_t limit) {
  if (limit >= 0 && n <= static_cast<uint64_t>(limit)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(n, " ", what, " are above the limit of ", limit));
}

// ---- The header ---------------------------------------------------------------------------------------------------

// What the header says of a tensor.
struct Entry {
  std::string name;
  Type type;
  uint64_t begin = 0;  // in the data section
  uint64_t end = 0;

  uint64_t bytes() const { return end - begin; }
};

struct Header {
  std::vector<Entry> entries;  // in the order of their bytes
  Metadata metadata;
};

// Returns the size of the header. first: the first kLengthBytes of the file, or all of it when it is shorter.
absl::StatusOr<uint64_t> ReadHeaderSize(absl::string_view first, uint64_t file_bytes, const SafetensorsLimits& limits) {
  if (first.size() < kLengthBytes) {
    return Bad("it has ", first.size(), " bytes, fewer than the ", kLengthBytes, " that state its header's size");
  }
  const uint64_t size = LoadLittle<uint64_t>(first.data());
  if (size > file_bytes - kLengthBytes) {
    return Bad("it states a header of ", size, " bytes, but only ", file_bytes - kLengthBytes, " follow");
  }
  AD_RETURN_IF_ERROR(CheckLimit(size, "bytes of header", std::min(limits.header_bytes, kMaxHeaderBytes)));
  return size;
}

// Reads the header in front of a data section of this many bytes, and checks every rule of the format that can be
// checked without looking at the data.
class HeaderReader {
 public:
  HeaderReader(absl::string_view text, uint64_t data_bytes, const SafetensorsLimits& limits)
      : text_(text), data_bytes_(data_bytes), limits_(limits), json_(text) {}

  absl::StatusOr<Header> Read() {
    AD_RETURN_IF_ERROR(CheckLimit(data_bytes_, "bytes of tensors", limits_.memory_budget));
    if (!IsUtf8(text_)) return Bad("its header is not valid UTF-8");
    if (!absl::StartsWith(text_, "{")) return Bad("its header does not begin with '{'");
    absl::Status read = json_.ReadObject([this](const std::string& key) -> absl::Status {
      if (key == kMetadataKey) return ReadMetadata();
      AD_RETURN_IF_ERROR(CheckLimit(++tensors_, "tensors", limits_.tensors));
      const absl::Status status = ReadTensor(key);
      return status.ok() ? status : InFile(absl::StrCat("tensor ", Quoted(key)), status);
    });
    if (read.ok()) read = json_.ReadEnd();
    if (!read.ok()) return InFile("its header", read);
    AD_RETURN_IF_ERROR(CheckDTypes());
    AD_RETURN_IF_ERROR(CheckRanges());
    return std::move(header_);
  }

 private:
  absl::Status ReadMetadata() {
    return json_.ReadObject([this](const std::string& key) -> absl::Status {
      AD_RETURN_IF_ERROR(CheckLimit(header_.metadata.size() + 1, "entries of metadata", limits_.metadata));
      AD_RETURN_IF_ERROR(CheckName(key, "metadata"));
      AD_ASSIGN_OR_RETURN(header_.metadata[key], json_.ReadString());
      return absl::OkStatus();
    });
  }

  absl::Status ReadTensor(const std::string& name) {
    AD_RETURN_IF_ERROR(CheckName(name, "it"));
    Entry entry;
    entry.name = name;
    std::string dtype;
    bool has_dtype = false, has_shape = false, has_offsets = false;
    AD_RETURN_IF_ERROR(json_.ReadObject([&](const std::string& key) -> absl::Status {
      if (key == "dtype") {
        has_dtype = true;
        AD_ASSIGN_OR_RETURN(dtype, json_.ReadString());
        return absl::OkStatus();
      }
      if (key == "shape") {
        has_shape = true;
        return ReadShape(&entry.type.shape);
      }
      if (key != "data_offsets") return Bad("unknown key ", Quoted(key));
      has_offsets = true;
      return ReadOffsets(&entry);
    }));
    if (!has_dtype || !has_shape || !has_offsets) return Bad("it lacks dtype, shape or data_offsets");
    return Add(std::move(entry), dtype);
  }

  absl::Status ReadShape(Shape* shape) {
    return json_.ReadArray([&]() -> absl::Status {
      AD_ASSIGN_OR_RETURN(const uint64_t dim, json_.ReadUint64());
      if (shape->rank() == kMaxRank) return Bad("it has more than ", kMaxRank, " dimensions");
      if (dim > INT64_MAX) return Bad("a dimension of ", dim, " overflows");
      shape->push_back(static_cast<int64_t>(dim));
      return absl::OkStatus();
    });
  }

  absl::Status ReadOffsets(Entry* entry) {
    uint64_t offsets[2] = {};
    size_t n = 0;
    AD_RETURN_IF_ERROR(json_.ReadArray([&]() -> absl::Status {
      if (n == 2) return Bad("it has more than two data_offsets");
      AD_ASSIGN_OR_RETURN(offsets[n++], json_.ReadUint64());
      return absl::OkStatus();
    }));
    if (n < 2) return Bad("it has ", n, " of two data_offsets");
    entry->begin = offsets[0];
    entry->end = offsets[1];
    return absl::OkStatus();
  }

  // Checks a tensor by itself.
  absl::Status Add(Entry entry, absl::string_view dtype_name) {
    const std::optional<DType> dtype = FindDType(dtype_name);
    if (!dtype.has_value()) {
      if (++unknown_count_ <= kMaxNamed) {
        unknown_.push_back(absl::StrCat(Quoted(entry.name), " (", Quoted(dtype_name), ")"));
      }
      return absl::OkStatus();
    }
    entry.type.dtype = *dtype;
    AD_RETURN_IF_ERROR(entry.type.shape.Validate());
    const std::string offsets = absl::StrCat("its data_offsets [", entry.begin, ",", entry.end, "]");
    if (entry.begin > entry.end) return Bad(offsets, " are reversed");
    if (entry.end > data_bytes_) return Bad(offsets, " exceed the ", data_bytes_, " bytes of data");
    if (entry.bytes() != static_cast<uint64_t>(entry.type.bytes())) {
      return Bad(entry.type.ToString(), " takes ", entry.type.bytes(), " bytes, but ", offsets, " hold ",
                 entry.bytes());
    }
    header_.entries.push_back(std::move(entry));
    return absl::OkStatus();
  }

  absl::Status CheckDTypes() const {
    if (unknown_.empty()) return absl::OkStatus();
    const auto append = [](std::string* out, const DTypeName& known) { absl::StrAppend(out, known.name); };
    const size_t more = unknown_count_ - unknown_.size();
    return Bad("there are no such element types: ", absl::StrJoin(unknown_, ", "),
               more == 0 ? "" : absl::StrCat(" and ", more, " more"), "; there are ",
               absl::StrJoin(kDTypeNames, ", ", append));
  }

  // Checks that the tensors cover the data section, each byte once.
  absl::Status CheckRanges() {
    std::vector<Entry>& entries = header_.entries;
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    uint64_t position = 0;
    const Entry* before = nullptr;
    for (const Entry& entry : entries) {
      if (entry.begin < position) return Bad("tensors ", Quoted(before->name), " and ", Quoted(entry.name), " overlap");
      if (entry.begin > position) {
        return Bad("no tensor holds bytes [", position, ",", entry.begin, ") of the data, before ", Quoted(entry.name));
      }
      position = entry.end;
      before = &entry;
    }
    if (position != data_bytes_) return Bad("after the last tensor, ", data_bytes_ - position, " bytes follow");
    return absl::OkStatus();
  }

  const absl::string_view text_;
  const uint64_t data_bytes_;
  const SafetensorsLimits& limits_;
  JsonReader json_;
  Header header_;
  uint64_t tensors_ = 0;
  std::vector<std::string> unknown_;
  size_t unknown_count_ = 0;
};

// ---- Reading ------------------------------------------------------------------------------------------------------

// Makes a tensor with memory of its own, which fill writes.
absl::StatusOr<Tensor> MakeTensor(const Type& type, absl::FunctionRef<absl::Status(void* to)> fill) {
  AD_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type.dtype, type.shape));
  if (tensor.num_bytes() > 0) AD_RETURN_IF_ERROR(fill(tensor.mutable_raw()));
  if (!IsBool(type.dtype)) return tensor;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (size_t i = 0; i < tensor.num_bytes(); ++i) {
    if (bytes[i] > 1) return Bad("element ", i, " is neither false (0) nor true (1) but ", bytes[i]);
  }
  return tensor;
}

absl::StatusOr<Safetensors> ReadTensors(Header header,
                                        absl::FunctionRef<absl::StatusOr<Tensor>(const Entry& entry)> read) {
  Safetensors result;
  result.metadata = std::move(header.metadata);
  for (Entry& entry : header.entries) {
    absl::StatusOr<Tensor> tensor = read(entry);
    if (!tensor.ok()) return InFile(absl::StrCat("tensor ", Quoted(entry.name)), tensor.status());
    result.tensors.emplace(std::move(entry.name), *std::move(tensor));
  }
  return result;
}

absl::StatusOr<Safetensors> ReadBytes(absl::string_view bytes, const SafetensorsLimits& limits) {
  AD_ASSIGN_OR_RETURN(const uint64_t size, ReadHeaderSize(bytes.substr(0, kLengthBytes), bytes.size(), limits));
  const absl::string_view data = bytes.substr(kLengthBytes + size);
  AD_ASSIGN_OR_RETURN(Header header, HeaderReader(bytes.substr(kLengthBytes, size), data.size(), limits).Read());
  return ReadTensors(std::move(header), [&](const Entry& entry) {
    return MakeTensor(entry.type, [&](void* to) {
      std::memcpy(to, data.data() + entry.begin, entry.bytes());
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<std::string> ReadString(const InputFile& file, uint64_t offset, uint64_t n) {
  std::string result(n, '\0');
  AD_RETURN_IF_ERROR(file.ReadAt(static_cast<int64_t>(offset), static_cast<int64_t>(n), result.data()));
  return result;
}

// What is checked is read, not mapped: another program could change it after the check.
absl::StatusOr<Safetensors> ReadFileOfTensors(const InputFile& file, const SafetensorsOptions& options) {
  const uint64_t file_bytes = static_cast<uint64_t>(file.size());
  AD_ASSIGN_OR_RETURN(const std::string first, ReadString(file, 0, std::min(file_bytes, kLengthBytes)));
  AD_ASSIGN_OR_RETURN(const uint64_t size, ReadHeaderSize(first, file_bytes, options.limits));
  AD_ASSIGN_OR_RETURN(const std::string text, ReadString(file, kLengthBytes, size));
  const uint64_t data_start = kLengthBytes + size;
  AD_ASSIGN_OR_RETURN(Header header, HeaderReader(text, file_bytes - data_start, options.limits).Read());
  std::shared_ptr<const char> mapped;
  if (options.map) {
    AD_ASSIGN_OR_RETURN(mapped, file.Map());
  }
  return ReadTensors(std::move(header), [&](const Entry& entry) -> absl::StatusOr<Tensor> {
    const auto [dtype, shape] = entry.type;
    const uint64_t offset = data_start + entry.begin;
    if (mapped != nullptr && !IsBool(dtype) && offset % SizeOf(dtype) == 0) {
      return Tensor::Borrow(dtype, shape, mapped.get() + offset, mapped);
    }
    return MakeTensor(entry.type, [&](void* to) {
      return file.ReadAt(static_cast<int64_t>(offset), static_cast<int64_t>(entry.bytes()), to);
    });
  });
}

// ---- Writing ------------------------------------------------------------------------------------------------------

// The first bytes of a file, and the tensors in the order in which theirs follow.
struct Layout {
  std::string start;
  std::vector<const NamedTensors::value_type*> tensors;
};

absl::Status CheckTexts(const NamedTensors& tensors, const Metadata& metadata) {
  for (const auto& [name, tensor] : tensors) {
    AD_RETURN_IF_ERROR(CheckName(name, "a tensor"));
    if (name == kMetadataKey) return Bad("no tensor may have the name ", Quoted(name), ", which means the metadata");
  }
  for (const auto& [key, text] : metadata) {
    AD_RETURN_IF_ERROR(CheckName(key, "metadata"));
    if (!IsUtf8(text)) return Bad("metadata ", Quoted(key), " is not valid UTF-8");
  }
  return absl::OkStatus();
}

absl::StatusOr<Layout> MakeLayout(const NamedTensors& tensors, const Metadata& metadata) {
  AD_RETURN_IF_ERROR(CheckTexts(tensors, metadata));
  Layout layout;
  for (const auto& named : tensors) layout.tensors.push_back(&named);
  const auto order = [](const auto* named) { return OrderOf(named->second.dtype()); };
  std::stable_sort(layout.tensors.begin(), layout.tensors.end(),
                   [&](const auto* a, const auto* b) { return order(a) < order(b); });
  std::vector<std::string> members;
  if (!metadata.empty()) {
    const auto append = [](std::string* out, const auto& entry) {
      absl::StrAppend(out, JsonString(entry.first), ":", JsonString(entry.second));
    };
    members.push_back(absl::StrCat("\"", kMetadataKey, "\":{", absl::StrJoin(metadata, ",", append), "}"));
  }
  uint64_t position = 0;
  for (const auto* named : layout.tensors) {
    const auto& [name, tensor] = *named;
    const uint64_t end = position + tensor.num_bytes();
    members.push_back(absl::StrCat(JsonString(name), ":{\"dtype\":\"", kDTypeNames[OrderOf(tensor.dtype())].name,
                                   "\",\"shape\":[", absl::StrJoin(tensor.shape(), ","), "],\"data_offsets\":[",
                                   position, ",", end, "]}"));
    position = end;
  }
  std::string header = absl::StrCat("{", absl::StrJoin(members, ","), "}");
  header.resize(RoundUp(header.size(), kLengthBytes), ' ');
  AD_RETURN_IF_ERROR(CheckLimit(header.size(), "bytes of header", kMaxHeaderBytes));
  AppendLittle<uint64_t>(header.size(), &layout.start);
  layout.start += header;
  return layout;
}

// Hands the file to append, part after part.
absl::Status Write(const NamedTensors& tensors, const Metadata& metadata,
                   absl::FunctionRef<absl::Status(absl::string_view)> append) {
  AD_ASSIGN_OR_RETURN(const Layout layout, MakeLayout(tensors, metadata));
  AD_RETURN_IF_ERROR(append(layout.start));
  for (const auto* named : layout.tensors) {
    // In memory, a bool may be any byte; in a file it is 0 or 1.
    const Tensor& tensor = named->second;
    const Tensor stored = IsBool(tensor.dtype()) ? tensor.Cast(DType::kUint8) : tensor;
    AD_RETURN_IF_ERROR(append({static_cast<const char*>(stored.raw()), stored.num_bytes()}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes, const SafetensorsLimits& limits) {
  absl::StatusOr<Safetensors> read = ReadBytes(bytes, limits);
  if (!read.ok()) return Explained(read.status());
  return read;
}

absl::StatusOr<Safetensors> LoadSafetensors(const std::string& path, const SafetensorsOptions& options) {
  AD_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  absl::StatusOr<Safetensors> read = ReadFileOfTensors(file, options);
  if (!read.ok()) return InFile(path, Explained(read.status()));
  return read;
}

absl::StatusOr<std::string> SerializeSafetensors(const NamedTensors& tensors, const Metadata& metadata) {
  std::string bytes;
  AD_RETURN_IF_ERROR(Write(tensors, metadata, [&](absl::string_view part) {
    bytes.append(part.data(), part.size());
    return absl::OkStatus();
  }));
  return bytes;
}

absl::Status SaveSafetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  AD_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  const absl::Status written = Write(tensors, metadata, [&](absl::string_view part) { return file.Append(part); });
  if (!written.ok()) return InFile(path, written);
  return file.Commit();
}

}  // namespace adret::io
