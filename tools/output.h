// Where commands write. Whether they can is found out before anything is computed.
//
//   AD_ASSIGN_OR_RETURN(io::AtomicFile file, tools::CreateFile("pictures/conv2.svg"));
//   ...                                                               // a long computation
//   AD_RETURN_IF_ERROR(file.Append(svg));
//   AD_RETURN_IF_ERROR(file.Commit());
#ifndef ADRET_TOOLS_OUTPUT_H_
#define ADRET_TOOLS_OUTPUT_H_

#include <optional>
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

// A file that a flag names, or none.
class OutputFile {
 public:
  // With an empty path, a file that nobody wants. Otherwise fails as CreateFile() does.
  static absl::StatusOr<OutputFile> Create(const std::string& path);

  bool wanted() const { return file_.has_value(); }
  // Writes the whole contents and says on stderr which file it was, or returns the error that there is instead. Once.
  absl::Status Write(const absl::StatusOr<std::string>& contents);

 private:
  std::string path_;
  std::optional<io::AtomicFile> file_;
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_OUTPUT_H_
