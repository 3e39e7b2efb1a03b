// A minimal zip container: what .npz files need. Stored and deflated entries, no encryption, no multi-disk archives.
//
//   AD_ASSIGN_OR_RETURN(std::vector<io::ZipEntry> entries, io::ReadZip(bytes, {}));
//   std::string archive = *io::WriteZip({{"x.npy", contents}}, {.compress = true});
#ifndef ADRET_IO_ZIP_H_
#define ADRET_IO_ZIP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::io {

struct ZipEntry {
  std::string name;
  std::string contents;
};

struct ZipLimits {
  int64_t max_entries = 65535;
  int64_t max_bytes = int64_t{4} << 30;  // of all contents together, unpacked
};

// Returns all entries, in the archive's order. Fails on anything that is not a complete archive: directory or entries
// outside the file, names that are empty, repeated, longer than 1 KiB or hold control characters, sizes or checksums
// that differ from the contents, sizes above the limits.
absl::StatusOr<std::vector<ZipEntry>> ReadZip(absl::string_view bytes, const ZipLimits& limits);

struct ZipOptions {
  bool compress = false;
};

// Returns an archive of these entries. The same entries give the same bytes: all carry the date 1980-01-01. Names are
// UTF-8, and marked as such where they are not ASCII. Fails on a name that ReadZip() refuses or that is not UTF-8, and
// when the archive would need the 64-bit extension (4 GiB, 65,535 entries).
absl::StatusOr<std::string> WriteZip(const std::vector<ZipEntry>& entries, const ZipOptions& options = {});

}  // namespace adret::io

#endif  // ADRET_IO_ZIP_H_
