// Where commands write. Whether they can is found out before anything is computed.
//
//   AD_ASSIGN_OR_RETURN(io::AtomicFile file, tools::CreateFile("pictures/conv2.svg"));
//   ...                                                               // a long computation
//   AD_RETURN_IF_ERROR(file.Append(svg));
//   AD_RETURN_IF_ERROR(file.Commit());
#ifndef ADRET_TOOLS_OUTPUT_H_
#define ADRET_TOOLS_OUTPUT_H_

#include <string>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/io/file.h"

ABSL_DECLARE_FLAG(std::string, out);

namespace adret::tools {

// Creates the folder, and those above it, unless it is there. Fails when nothing can be written into it.
absl::Status CreateFolder(const std::string& folder);

// A file that takes path's place when it is complete (io/file.h); its folder is created.
absl::StatusOr<io::AtomicFile> CreateFile(const std::string& path);

}  // namespace adret::tools

#endif  // ADRET_TOOLS_OUTPUT_H_
