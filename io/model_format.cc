#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/bytes.h"
#include "adret/io/model_format_internal.h"

namespace adret::io {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are written as they lie in memory");

constexpr char kMagic[8] = {'\x89', 'A', 'D', 'R', 'E', 'T', '\r', '\n'};

// Offsets of the header's fields.
constexpr size_t kVersionAt = 8, kFlagsAt = 12, kFileBytesAt = 16, kStructureBytesAt = 24, kStructureCrcAt = 32,
                 kReservedAt = 36, kHeaderCrcAt = 60;

template <class T>
T Get(absl::string_view bytes, size_t at) {
  return LoadLittle<T>(bytes.data() + at);
}

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

}  // namespace

uint32_t Crc32(const void* data, size_t size, uint32_t before) {
  return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(data), size));
}

std::string EncodeHeader(const FileHeader& header) {
  std::string bytes(std::begin(kMagic), std::end(kMagic));
  AppendLittle<uint32_t>(kFormatVersion, &bytes);
  AppendLittle<uint32_t>(0, &bytes);
  AppendLittle<uint64_t>(header.file_bytes, &bytes);
  AppendLittle<uint64_t>(header.structure_bytes, &bytes);
  AppendLittle<uint32_t>(header.structure_crc, &bytes);
  bytes.resize(kHeaderCrcAt);
  AppendLittle<uint32_t>(Crc32(bytes.data(), bytes.size()), &bytes);
  return bytes;
}

absl::StatusOr<FileHeader> DecodeHeader(absl::string_view bytes, uint64_t file_bytes, Problems* problems) {
  if (file_bytes == 0) return Bad("the file is empty");
  const size_t magic_bytes = std::min(bytes.size(), sizeof kMagic);
  if (std::memcmp(bytes.data(), kMagic, magic_bytes) != 0) return Bad("not an adret model file");
  if (bytes.size() < kHeaderBytes) {
    return Bad("the file is truncated: it has ", file_bytes, " bytes, and the header alone has ", kHeaderBytes);
  }
  const uint32_t version = Get<uint32_t>(bytes, kVersionAt);
  if (version == 0 || version > kFormatVersion) {
    return Bad("the file is version ", version, ", this build reads up to version ", kFormatVersion);
  }
  if (Get<uint32_t>(bytes, kHeaderCrcAt) != Crc32(bytes.data(), kHeaderCrcAt)) {
    return Bad("the checksum of the header does not match: the file is damaged");
  }
  const absl::string_view reserved = bytes.substr(kReservedAt, kHeaderCrcAt - kReservedAt);
  if (Get<uint32_t>(bytes, kFlagsAt) != 0 || reserved.find_first_not_of('\0') != absl::string_view::npos) {
    AD_RETURN_IF_ERROR(problems->Note(Bad("the header has flags that this build does not know")));
  }
  const FileHeader header = {.file_bytes = Get<uint64_t>(bytes, kFileBytesAt),
                             .structure_bytes = Get<uint64_t>(bytes, kStructureBytesAt),
                             .structure_crc = Get<uint32_t>(bytes, kStructureCrcAt)};
  if (header.file_bytes > file_bytes) {
    AD_RETURN_IF_ERROR(
        problems->Note(Bad("the file is truncated: it has ", file_bytes, " bytes of ", header.file_bytes)));
  }
  if (header.file_bytes < file_bytes) {
    AD_RETURN_IF_ERROR(problems->Note(
        Bad("the file has ", file_bytes - header.file_bytes, " trailing bytes after its ", header.file_bytes)));
  }
  if (header.structure_bytes == 0) return Bad("the structure is empty");
  if (header.structure_bytes > file_bytes - kHeaderBytes) {
    return Bad("the structure has ", header.structure_bytes, " bytes, more than the file of ", file_bytes);
  }
  return header;
}

}  // namespace adret::io
