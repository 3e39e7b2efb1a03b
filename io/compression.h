// Deflate streams (RFC 1951), bare or in gzip's container (RFC 1952), through zlib, safe against decompression bombs.
//
//   AD_ASSIGN_OR_RETURN(std::string bytes, io::Inflate(compressed, io::Container::kGzip, /*limit=*/1 << 20));
#ifndef ADRET_IO_COMPRESSION_H_
#define ADRET_IO_COMPRESSION_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::io {

enum class Container { kNone, kGzip };

// Returns whether bytes start like a gzip file.
bool IsGzip(absl::string_view bytes);

// Returns the uncompressed bytes. A gzip file may have several members, whose contents follow each other. The result
// grows as data arrives and never beyond limit: ResourceExhausted when there is more. DataLoss when the stream is
// truncated or corrupt (checksums included), or other bytes follow it.
absl::StatusOr<std::string> Inflate(absl::string_view bytes, Container container, size_t limit);

// Returns the first min(count, all) uncompressed bytes: enough to read a header before deciding about the rest.
absl::StatusOr<std::string> InflatePrefix(absl::string_view bytes, Container container, size_t count);

// Returns the compressed bytes.
std::string Deflate(absl::string_view bytes, Container container);

// Returns the checksum of zip and gzip.
uint32_t Crc32(absl::string_view bytes);

}  // namespace adret::io

#endif  // ADRET_IO_COMPRESSION_H_
