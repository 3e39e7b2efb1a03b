// The chunks that a PNG file consists of after its signature: length, type, data, checksum.
//
//   io::PngChunk chunk;
//   absl::string_view wrong = io::TakePngChunk(&bytes, &chunk);      // "", and bytes goes on after the chunk
#ifndef ADRET_IO_PNG_CHUNKS_INTERNAL_H_
#define ADRET_IO_PNG_CHUNKS_INTERNAL_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "adret/io/bytes.h"
#include "adret/io/compression.h"

namespace adret::io {

inline constexpr absl::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

struct PngChunk {
  absl::string_view type;  // four letters
  absl::string_view data;
};

// Takes the first chunk off bytes; what is wrong if there is none, otherwise nothing. Checksums are left to others.
inline absl::string_view TakePngChunk(absl::string_view* bytes, PngChunk* chunk) {
  constexpr size_t kOverhead = 12;
  if (bytes->size() < kOverhead) return "it is truncated";
  const uint32_t length = LoadBig<uint32_t>(bytes->data());
  if (length > bytes->size() - kOverhead) return "a chunk exceeds the file";
  *chunk = {bytes->substr(4, 4), bytes->substr(8, length)};
  bytes->remove_prefix(kOverhead + length);
  return "";
}

inline void AppendPngChunk(absl::string_view type, absl::string_view data, std::string* out) {
  AppendBig<uint32_t>(static_cast<uint32_t>(data.size()), out);
  const size_t begin = out->size();
  absl::StrAppend(out, type, data);
  AppendBig<uint32_t>(Crc32(absl::string_view(*out).substr(begin)), out);
}

}  // namespace adret::io

#endif  // ADRET_IO_PNG_CHUNKS_INTERNAL_H_
