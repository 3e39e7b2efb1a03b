// InFile(): says in which file something went wrong.
//
//   absl::StatusOr<Tensor> image = io::DecodePng(bytes);
//   if (!image.ok()) return io::InFile(path, image.status());     // "cat.png: not a PNG picture: ..."
#ifndef ADRET_IO_IN_FILE_H_
#define ADRET_IO_IN_FILE_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace adret::io {

// Returns status with "where: " before its message.
inline absl::Status InFile(absl::string_view where, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

}  // namespace adret::io

#endif  // ADRET_IO_IN_FILE_H_
