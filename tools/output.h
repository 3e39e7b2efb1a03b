// Where commands write. Whether they can is found out before anything is computed.
//
//   AD_ASSIGN_OR_RETURN(tools::OutputFile file, tools::OutputFile::Create("pictures/conv2.svg"));
//   ...                                                               // a long computation
//   AD_RETURN_IF_ERROR(file.Write(svg));
#ifndef ADRET_TOOLS_OUTPUT_H_
#define ADRET_TOOLS_OUTPUT_H_

#include <optional>
#include <string>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/io/file.h"

ABSL_DECLARE_FLAG(std::string, out);

namespace adret::tools {

// A file that a flag names, or none. It takes its path's place when it is complete (io/file.h).
class OutputFile {
 public:
  // With an empty path, a file that nobody wants. Otherwise fails when the file, or its folder where that is missing,
  // cannot be created. Leaves nothing behind: a missing folder is created by Write() only.
  static absl::StatusOr<OutputFile> Create(const std::string& path);

  bool wanted() const { return !path_.empty(); }
  // Writes the whole contents and says on stderr which file it was, or returns the error that there is instead. Once.
  absl::Status Write(const absl::StatusOr<std::string>& contents);

 private:
  std::string path_;
  std::optional<io::AtomicFile> file_;  // none while the folder is missing
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_OUTPUT_H_
