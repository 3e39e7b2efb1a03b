#include "adret/io/npy.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/zip.h"

namespace adret::io {
namespace {

// NumPy's format.py: magic, version, header length, header (a Python dict, padded with spaces), numbers.
constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeader = 65536;
constexpr absl::string_view kSuffix = ".npy";

struct Header {
  DType dtype = DType::kFloat32;
  bool fortran_order = false;
  Shape shape;
};

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a valid .npy array: ", what));
}

// A reader of the header's dict literal, which NumPy writes with exactly the keys descr, fortran_order and shape.
class HeaderReader {
 public:
  explicit HeaderReader(absl::string_view text) : rest_(text) {}

  absl::StatusOr<Header> Read() {
    Header header;
    bool seen[3] = {};
    if (!Take("{")) return Malformed("its header is not a dict");
    while (!Take("}")) {
      AD_ASSIGN_OR_RETURN(const absl::string_view key, ReadString());
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0) return Malformed(absl::StrCat("unknown key '", absl::CHexEscape(key), "' in its header"));
      if (seen[which]) return Malformed(absl::StrCat("the key '", key, "' appears twice in its header"));
      seen[which] = true;
      if (!Take(":")) return Malformed("its header lacks a colon");
      AD_RETURN_IF_ERROR(which == 0   ? ReadDType(&header.dtype)
                         : which == 1 ? ReadBool(&header.fortran_order)
                                      : ReadShape(&header.shape));
      if (!Take(",") && !absl::StartsWith(rest_, "}")) return Malformed("its header lacks a comma");
    }
    if (!seen[0] || !seen[1] || !seen[2]) return Malformed("its header lacks descr, fortran_order or shape");
    if (!absl::StripAsciiWhitespace(rest_).empty()) return Malformed("something follows the dict in its header");
    AD_RETURN_IF_ERROR(header.shape.Validate());
    return header;
  }

 private:
  bool Take(absl::string_view token) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    if (!absl::ConsumePrefix(&rest_, token)) return false;
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return true;
  }

  absl::StatusOr<absl::string_view> ReadString() {
    const absl::string_view quote = rest_.substr(0, 1);
    if ((quote != "'" && quote != "\"") || !Take(quote)) return Malformed("its header lacks a quoted word");
    const size_t end = rest_.find(quote[0]);
    if (end == absl::string_view::npos) return Malformed("a quoted word in its header does not end");
    const absl::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return word;
  }

  absl::Status ReadDType(DType* dtype) {
    if (absl::StartsWith(rest_, "[")) return Malformed("structured arrays are not supported");
    AD_ASSIGN_OR_RETURN(const absl::string_view descr, ReadString());
    std::string known;
    for (DType candidate : kAllDTypes) {
      const absl::string_view name = FactsOf(candidate).npy;
      if (name.empty()) continue;
      absl::StrAppend(&known, known.empty() ? "" : " ", name);
      if (name != descr) continue;
      *dtype = candidate;
      return absl::OkStatus();
    }
    return Malformed(absl::StrCat("the element type '", absl::CHexEscape(descr.substr(0, 40)), "' is not supported (",
                                  known, " are)"));
  }

  absl::Status ReadBool(bool* value) {
    *value = Take("True");
    if (!*value && !Take("False")) return Malformed("fortran_order is neither True nor False");
    return absl::OkStatus();
  }

  absl::Status ReadShape(Shape* shape) {
    if (!Take("(")) return Malformed("its shape is not a tuple");
    while (!Take(")")) {
      const size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
      int64_t dim = 0;
      if (digits == 0 || !absl::SimpleAtoi(rest_.substr(0, digits), &dim)) {
        return Malformed("a dimension of its shape is not a number");
      }
      if (shape->rank() == kMaxRank) return Malformed(absl::StrCat("it has more than ", kMaxRank, " dimensions"));
      shape->push_back(dim);
      rest_.remove_prefix(digits);
      if (!Take(",") && !absl::StartsWith(rest_, ")")) return Malformed("its shape lacks a comma");
    }
    return absl::OkStatus();
  }

  absl::string_view rest_;
};

// Drops the header from the front of *bytes.
absl::StatusOr<Header> ReadHeader(absl::string_view* bytes) {
  if (!absl::ConsumePrefix(bytes, kMagic)) return Malformed("it does not start with \\x93NUMPY");
  if (bytes->size() < 6) return Malformed("it is truncated");
  const int major = (*bytes)[0];
  if (major < 1 || major > 3) return Malformed(absl::StrCat("its version is ", major, ", known are 1 to 3"));
  const size_t length = major == 1 ? LoadLittle<uint16_t>(bytes->data() + 2) : LoadLittle<uint32_t>(bytes->data() + 2);
  bytes->remove_prefix(major == 1 ? 4 : 6);
  if (length > kMaxHeader) return Malformed(absl::StrCat("its header of ", length, " bytes is too long"));
  if (length > bytes->size()) return Malformed("its header is truncated");
  AD_ASSIGN_OR_RETURN(Header header, HeaderReader(bytes->substr(0, length)).Read());
  bytes->remove_prefix(length);
  return header;
}

// Copies a column-major array to row-major order.
void CopyFortran(const char* from, const Shape& shape, size_t element, char* to) {
  const int rank = shape.rank();
  std::vector<int64_t> index(rank, 0), strides(rank, 1);
  for (int i = 1; i < rank; ++i) strides[i] = strides[i - 1] * shape[i - 1];
  const int64_t n = shape.num_elements();
  int64_t at = 0;
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(to + i * element, from + at * element, element);
    for (int axis = rank - 1; axis >= 0; --axis) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= index[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  AD_ASSIGN_OR_RETURN(const Header header, ReadHeader(&bytes));
  const Type type{header.dtype, header.shape};
  if (static_cast<uint64_t>(type.bytes()) != bytes.size()) {
    return Malformed(absl::StrCat(type.ToString(), " takes ", type.bytes(), " bytes, but ", bytes.size(), " follow"));
  }
  if (header.dtype == DType::kBool &&
      std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0 && c != 1; })) {
    return Malformed("a truth value is neither 0 nor 1");
  }
  Tensor tensor(header.dtype, header.shape);
  if (header.fortran_order && header.shape.rank() > 1) {
    CopyFortran(bytes.data(), header.shape, SizeOf(header.dtype), static_cast<char*>(tensor.mutable_raw()));
  } else if (!bytes.empty()) {
    std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
  }
  return tensor;
}

absl::StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const NpyLimits& limits) {
  AD_ASSIGN_OR_RETURN(std::vector<ZipEntry> entries,
                      ReadZip(bytes, {.max_entries = limits.max_arrays, .max_bytes = limits.max_bytes}));
  NamedTensors tensors;
  for (ZipEntry& entry : entries) {
    absl::string_view name = entry.name;
    if (!absl::ConsumeSuffix(&name, kSuffix) || name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the entry \"", entry.name, "\" is not called <name>.npy"));
    }
    absl::StatusOr<Tensor> tensor = ParseNpy(entry.contents);
    if (!tensor.ok()) return InFile(absl::StrCat("\"", name, "\""), tensor.status());
    entry.contents = std::string();  // the peak is one archive and one array above the result
    tensors.emplace(name, *std::move(tensor));
  }
  return tensors;
}

absl::StatusOr<Tensor> LoadNpy(const std::string& path, const NpyLimits& limits) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.max_bytes));
  absl::StatusOr<Tensor> tensor = ParseNpy(bytes);
  return tensor.ok() ? tensor : InFile(path, tensor.status());
}

absl::StatusOr<NamedTensors> LoadNpz(const std::string& path, const NpyLimits& limits) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.max_bytes));
  absl::StatusOr<NamedTensors> tensors = ParseNpz(bytes, limits);
  return tensors.ok() ? std::move(tensors) : InFile(path, tensors.status());
}

std::string FormatNpy(const Tensor& tensor) {
  const absl::string_view name = FactsOf(tensor.dtype()).npy;
  if (name.empty()) return FormatNpy(tensor.Cast(DType::kFloat32));  // bf16
  std::string dict = absl::StrCat("{'descr': '", name, "', 'fortran_order': False, 'shape': (",
                                  absl::StrJoin(tensor.shape(), ", "), tensor.rank() == 1 ? "," : "", "), }");
  // The numbers start at a multiple of 64 bytes; magic, version and length take 10.
  dict.append(63 - (10 + dict.size()) % 64, ' ');
  dict.push_back('\n');
  std::string out = absl::StrCat(kMagic, absl::string_view("\x01\x00", 2));
  AppendLittle<uint16_t>(static_cast<uint16_t>(dict.size()), &out);
  out += dict;
  out.append(static_cast<const char*>(tensor.raw()), tensor.num_bytes());
  return out;
}

absl::StatusOr<std::string> FormatNpz(const NamedTensors& tensors, const NpzOptions& options) {
  std::vector<ZipEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({absl::StrCat(name, kSuffix), FormatNpy(tensor)});
  return WriteZip(entries, {.compress = options.compress});
}

absl::Status SaveNpy(const std::string& path, const Tensor& tensor) { return WriteFile(path, FormatNpy(tensor)); }

absl::Status SaveNpz(const std::string& path, const NamedTensors& tensors, const NpzOptions& options) {
  absl::StatusOr<std::string> bytes = FormatNpz(tensors, options);
  return bytes.ok() ? WriteFile(path, *bytes) : InFile(path, bytes.status());
}

}  // namespace adret::io
