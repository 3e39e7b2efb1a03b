// The container of a model file. Internal to io/: users include io/model.h.
//
// All numbers are little-endian.
//
//  offset  bytes
//       0      8  magic: 0x89 "ADRET" CR LF (a text-mode transfer changes it)
//       8      4  version: 1
//      12      4  flags: 0
//      16      8  size of the whole file
//      24      8  size S of the structure, at least 1
//      32      4  CRC-32 of the structure
//      36     24  0
//      60      4  CRC-32 of bytes [0, 60)
//      64      S  structure: a protobuf message, adret.io.proto.Model (io/model.proto)
//    64+S   0-63  zeros up to a multiple of 64: here the data section starts (unless there are no tensors)
//       D         data section: the tensors in the order of the structure's table. Each starts at the first multiple
//                 of 64 after the one before, with zeros between; the file ends with the last one's last byte.
//
// A tensor is its elements in row-major order; bools are bytes 0 and 1. The table gives for each tensor its dtype,
// dimensions, offset in the data section, size and CRC-32, of which offset and size follow from the rest: they are
// there so that other programs can map a tensor without knowing the rule, and are checked. Hence every byte of a file
// is covered by a checksum or must be zero, and the same contents give the same bytes.
//
// CRC-32 is zlib's. A reader refuses a version above its own, flags it does not know, and fields of the structure it
// does not know: every change of the format gets a new version.
#ifndef ADRET_IO_MODEL_FORMAT_INTERNAL_H_
#define ADRET_IO_MODEL_FORMAT_INTERNAL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/names.h"
#include "adret/core/rounding.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/io/problems_internal.h"

namespace adret::io {

namespace proto {
class Model;
}  // namespace proto

inline constexpr size_t kHeaderBytes = 64;
inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint64_t kTensorAlignment = 64;
// The largest step that random numbers can tell apart (core/random.h).
inline constexpr int64_t kMaxStep = (int64_t{1} << 48) - 1;

struct FileHeader {
  uint64_t file_bytes = 0;
  uint64_t structure_bytes = 0;
  uint32_t structure_crc = 0;
};

inline constexpr uint64_t AlignUp(uint64_t n) { return RoundUp(n, kTensorAlignment); }

// Where the data section starts; a file without tensors has none and ends with the structure.
inline constexpr uint64_t DataStart(uint64_t structure_bytes, bool has_tensors) {
  return has_tensors ? AlignUp(kHeaderBytes + structure_bytes) : kHeaderBytes + structure_bytes;
}

// CRC-32 of bytes that follow bytes whose CRC-32 is `before`.
uint32_t Crc32(const void* data, size_t size, uint32_t before = 0);

std::string EncodeHeader(const FileHeader& header);
// Checks magic, version, checksum, and the sizes against the real size of the file. bytes: the file's first
// kHeaderBytes, or all of it when it is shorter.
absl::StatusOr<FileHeader> DecodeHeader(absl::string_view bytes, uint64_t file_bytes, Problems* problems);
inline absl::StatusOr<FileHeader> DecodeHeader(absl::string_view bytes, uint64_t file_bytes) {
  Problems first(Problems::kStopAtFirst);
  return DecodeHeader(bytes, file_bytes, &first);
}

// Walks a serialised structure without building anything. Refuses what protobuf would swallow: unknown fields, a field
// given twice, groups, invalid UTF-8, more sub-messages or numbers than the limits allow.
absl::Status ScanStructure(absl::string_view bytes, const ModelLimits& limits);

// Which parts of a structure have no problem of their own, so that later rules can be applied to them.
struct SoundParts {
  std::vector<bool> tensors;  // entries of the table
  std::vector<bool> bodies;   // all that is in them
  std::vector<bool> nodes;    // op, inputs and attributes
  std::vector<bool> types;    // of nodes' outputs, as the file states them
};

// Everything that can be checked without building the graph: names, references, the tensors' table against a data
// section of this many bytes, known ops, the signature, the state.
absl::StatusOr<SoundParts> ValidateStructure(const proto::Model& model, const ModelLimits& limits, uint64_t data_bytes,
                                             Problems* problems);

// The bytes of a file, wherever they are.
struct Source {
  uint64_t size = 0;
  std::function<absl::Status(uint64_t offset, uint64_t n, void* data)> read;
};
// What is given must live as long as the source.
Source MemorySource(absl::string_view bytes);
Source FileSource(const InputFile& file);

// Reads a model file. With problems that collect, every rule is applied that does not presuppose another which was
// broken; when anything was found, what is returned is an error.
absl::StatusOr<Model> ReadModel(const Source& source, const ModelLimits& limits, Problems* problems);

// Not-a-numbers and infinities among floating-point numbers.
struct SpecialNumbers {
  int64_t nans = 0;
  int64_t infinities = 0;
};
SpecialNumbers CountSpecial(const Tensor& tensor);

}  // namespace adret::io

#endif  // ADRET_IO_MODEL_FORMAT_INTERNAL_H_
