#include "adret/io/zip.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/core/text.h"
#include "adret/io/bytes.h"
#include "adret/io/compression.h"
#include "adret/io/in_file.h"

namespace adret::io {
namespace {

// PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
constexpr absl::string_view kLocalSignature("PK\x03\x04", 4);
constexpr absl::string_view kCentralSignature("PK\x01\x02", 4);
constexpr absl::string_view kEndSignature("PK\x05\x06", 4);
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
constexpr size_t kMaxComment = 65535, kMaxName = 1024;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kEncrypted = 1;
// The name is UTF-8. Where it is not set, readers take other bytes than ASCII for IBM's code page 437.
constexpr uint16_t kUtf8Name = 1 << 11;
constexpr uint16_t kZip64Extra = 1;
constexpr uint32_t kMax32 = 0xffffffff;

absl::Status Corrupt(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a valid zip archive: ", what));
}

// One record of the central directory.
struct Record {
  std::string name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t packed_size = 0;
  uint64_t size = 0;
  uint64_t offset = 0;  // of the local header
};

struct Directory {
  size_t offset = 0;
  size_t size = 0;
  size_t entries = 0;
};

absl::StatusOr<Directory> FindDirectory(absl::string_view bytes) {
  if (bytes.size() < kEndSize) return Corrupt("it is too short");
  const size_t first = bytes.size() - std::min(bytes.size(), kEndSize + kMaxComment);
  for (size_t at = bytes.size() - kEndSize + 1; at-- > first;) {
    const char* p = bytes.data() + at;
    if (bytes.substr(at, 4) != kEndSignature) continue;
    if (at + kEndSize + LoadLittle<uint16_t>(p + 20) != bytes.size()) continue;
    const uint32_t size = LoadLittle<uint32_t>(p + 12), offset = LoadLittle<uint32_t>(p + 16);
    if (offset == kMax32 || size == kMax32) return Corrupt("the 64-bit end record is not supported");
    if (LoadLittle<uint16_t>(p + 4) != 0 || LoadLittle<uint16_t>(p + 6) != 0) return Corrupt("it spans several disks");
    if (uint64_t{offset} + size != at) return Corrupt("its directory is not where it says");
    return Directory{offset, size, LoadLittle<uint16_t>(p + 10)};
  }
  return Corrupt("it has no end record; it may be truncated");
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty()) return Corrupt("an entry has no name");
  if (name.size() > kMaxName) return Corrupt("an entry's name is longer than 1 KiB");
  for (const unsigned char c : name) {
    if (c < 0x20 || c == 0x7f) {
      return Corrupt(absl::StrCat("the entry name \"", absl::CHexEscape(name), "\" has a control character"));
    }
  }
  return absl::OkStatus();
}

// Takes the 64-bit values for those 32-bit fields that are all ones.
absl::Status ReadZip64Extra(absl::string_view extra, Record* record) {
  while (extra.size() >= 4) {
    const uint16_t id = LoadLittle<uint16_t>(extra.data()), size = LoadLittle<uint16_t>(extra.data() + 2);
    extra.remove_prefix(4);
    if (size > extra.size()) return Corrupt("an extra field exceeds its record");
    absl::string_view field = extra.substr(0, size);
    extra.remove_prefix(size);
    if (id != kZip64Extra) continue;
    for (uint64_t* value : {&record->size, &record->packed_size, &record->offset}) {
      if (*value != kMax32) continue;
      if (field.size() < 8) return Corrupt("a 64-bit extra field is too short");
      *value = LoadLittle<uint64_t>(field.data());
      field.remove_prefix(8);
    }
  }
  return absl::OkStatus();
}

// Reads the record at the start of *rest and drops it.
absl::StatusOr<Record> ReadRecord(absl::string_view* rest) {
  if (rest->size() < kCentralSize || !absl::StartsWith(*rest, kCentralSignature)) {
    return Corrupt("its directory has fewer entries than it says");
  }
  const char* p = rest->data();
  const size_t name = LoadLittle<uint16_t>(p + 28), extra = LoadLittle<uint16_t>(p + 30),
               comment = LoadLittle<uint16_t>(p + 32);
  if (kCentralSize + name + extra + comment > rest->size()) return Corrupt("a directory entry exceeds the directory");
  Record record{.name = std::string(rest->substr(kCentralSize, name)),
                .flags = LoadLittle<uint16_t>(p + 8),
                .method = LoadLittle<uint16_t>(p + 10),
                .crc = LoadLittle<uint32_t>(p + 16),
                .packed_size = LoadLittle<uint32_t>(p + 20),
                .size = LoadLittle<uint32_t>(p + 24),
                .offset = LoadLittle<uint32_t>(p + 42)};
  AD_RETURN_IF_ERROR(CheckName(record.name));
  AD_RETURN_IF_ERROR(ReadZip64Extra(rest->substr(kCentralSize + name, extra), &record));
  rest->remove_prefix(kCentralSize + name + extra + comment);
  return record;
}

// The packed bytes of an entry; they must lie before the directory.
absl::StatusOr<absl::string_view> PackedBytes(absl::string_view before_directory, const Record& record) {
  if (record.offset > before_directory.size() || before_directory.size() - record.offset < kLocalSize) {
    return Corrupt(absl::StrCat("\"", record.name, "\" starts beyond the entries"));
  }
  absl::string_view rest = before_directory.substr(record.offset);
  const size_t name = LoadLittle<uint16_t>(rest.data() + 26), extra = LoadLittle<uint16_t>(rest.data() + 28);
  if (!absl::StartsWith(rest, kLocalSignature) || rest.substr(kLocalSize, name) != record.name) {
    return Corrupt(absl::StrCat("\"", record.name, "\" is not where the directory says"));
  }
  const size_t header = kLocalSize + name + extra;
  if (header > rest.size() || record.packed_size > rest.size() - header) {
    return Corrupt(absl::StrCat("\"", record.name, "\" exceeds the file"));
  }
  return rest.substr(header, record.packed_size);
}

absl::StatusOr<std::string> Unpack(absl::string_view packed, const Record& record) {
  std::string contents;
  if (record.method == kStored) {
    contents = std::string(packed);
  } else {
    AD_ASSIGN_OR_RETURN(contents, Inflate(packed, Container::kNone, record.size));
  }
  if (contents.size() != record.size) {
    return absl::DataLossError(absl::StrCat("has ", contents.size(), " bytes instead of ", record.size));
  }
  if (Crc32(contents) != record.crc) return absl::DataLossError("its checksum does not match");
  return contents;
}

absl::Status CheckRecord(const Record& record, int64_t budget) {
  if (record.flags & kEncrypted) return Corrupt(absl::StrCat("\"", record.name, "\" is encrypted"));
  if (record.method != kStored && record.method != kDeflated) {
    return Corrupt(absl::StrCat("\"", record.name, "\" is packed by the unknown method ", record.method));
  }
  if (record.method == kStored && record.size != record.packed_size) {
    return Corrupt(absl::StrCat("\"", record.name, "\" is stored but has two different sizes"));
  }
  if (record.size > static_cast<uint64_t>(budget)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("\"", record.name, "\" unpacks to ", record.size, " bytes; the limit leaves ", budget));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ZipEntry>> ReadZip(absl::string_view bytes, const ZipLimits& limits) {
  AD_ASSIGN_OR_RETURN(const Directory directory, FindDirectory(bytes));
  if (directory.entries > static_cast<uint64_t>(limits.max_entries)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("has ", directory.entries, " entries, more than the limit of ", limits.max_entries));
  }
  absl::string_view rest = bytes.substr(directory.offset, directory.size);
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  int64_t budget = limits.max_bytes;
  for (size_t i = 0; i < directory.entries; ++i) {
    AD_ASSIGN_OR_RETURN(Record record, ReadRecord(&rest));
    if (!names.insert(record.name).second) return Corrupt(absl::StrCat("\"", record.name, "\" appears twice"));
    AD_RETURN_IF_ERROR(CheckRecord(record, budget));
    AD_ASSIGN_OR_RETURN(absl::string_view packed, PackedBytes(bytes.substr(0, directory.offset), record));
    absl::StatusOr<std::string> contents = Unpack(packed, record);
    if (!contents.ok()) {
      return InFile(absl::StrCat("\"", record.name, "\""), contents.status());
    }
    budget -= static_cast<int64_t>(record.size);
    entries.push_back({std::move(record.name), *std::move(contents)});
  }
  if (!rest.empty()) return Corrupt("its directory has more entries than it says");
  return entries;
}

absl::StatusOr<std::string> WriteZip(const std::vector<ZipEntry>& entries, const ZipOptions& options) {
  constexpr uint16_t kVersion = 20, kDate1980 = 0x21;
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    AD_RETURN_IF_ERROR(CheckName(entry.name));
    if (!IsUtf8(entry.name)) {
      return absl::InvalidArgumentError(absl::StrCat("the entry name ", Quoted(entry.name), " is not valid UTF-8"));
    }
    const bool is_ascii =
        std::all_of(entry.name.begin(), entry.name.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
    const std::string deflated = options.compress ? Deflate(entry.contents, Container::kNone) : "";
    const bool pack = options.compress && deflated.size() < entry.contents.size();
    const std::string& packed = pack ? deflated : entry.contents;
    if (entry.contents.size() >= kMax32 || out.size() + packed.size() >= kMax32) {
      return absl::ResourceExhaustedError("a zip archive holds at most 4 GiB");
    }
    std::string common;  // the fields that both headers share
    AppendLittle<uint16_t>(kVersion, &common);
    AppendLittle<uint16_t>(is_ascii ? 0 : kUtf8Name, &common);
    AppendLittle<uint16_t>(pack ? kDeflated : kStored, &common);
    AppendLittle<uint16_t>(0, &common);
    AppendLittle<uint16_t>(kDate1980, &common);
    AppendLittle<uint32_t>(Crc32(entry.contents), &common);
    AppendLittle<uint32_t>(static_cast<uint32_t>(packed.size()), &common);
    AppendLittle<uint32_t>(static_cast<uint32_t>(entry.contents.size()), &common);
    AppendLittle<uint16_t>(static_cast<uint16_t>(entry.name.size()), &common);
    AppendLittle<uint16_t>(0, &common);

    absl::StrAppend(&directory, kCentralSignature);
    AppendLittle<uint16_t>(kVersion, &directory);
    absl::StrAppend(&directory, common);
    directory.append(10, '\0');  // comment, disk, attributes
    AppendLittle<uint32_t>(static_cast<uint32_t>(out.size()), &directory);
    absl::StrAppend(&directory, entry.name);
    absl::StrAppend(&out, kLocalSignature, common, entry.name, packed);
  }
  if (entries.size() > 65535 || out.size() + directory.size() >= kMax32) {
    return absl::ResourceExhaustedError("a zip archive holds at most 65,535 entries and 4 GiB");
  }
  const auto offset = static_cast<uint32_t>(out.size());
  absl::StrAppend(&out, directory, kEndSignature);
  AppendLittle<uint32_t>(0, &out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(entries.size()), &out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(entries.size()), &out);
  AppendLittle<uint32_t>(static_cast<uint32_t>(directory.size()), &out);
  AppendLittle<uint32_t>(offset, &out);
  AppendLittle<uint16_t>(0, &out);
  return out;
}

}  // namespace adret::io
