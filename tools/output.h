// Where commands write. Whether they can is found out before anything is computed.
//
//   tools::OutputFiles outputs({"digits.adret"});                     // what is read is not overwritten
//   AD_ASSIGN_OR_RETURN(tools::OutputFile file, outputs.Create("pictures/conv2.svg", ".svg"));
//   std::string svg = *plot::GraphvizSvg(nn::LayerDot(graph));          // or another long computation
//   AD_RETURN_IF_ERROR(file.Write(svg));
#ifndef ADRET_TOOLS_OUTPUT_H_
#define ADRET_TOOLS_OUTPUT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/statusor.h"
#include "adret/io/file.h"

ABSL_DECLARE_FLAG(std::string, out);

namespace adret::tools {

// A file that a flag names, or none. It takes its path's place when it is complete (io/file.h).
class OutputFile {
 public:
  bool wanted() const { return !path_.empty(); }
  // Writes the whole contents and says on stderr which file it was, or returns the error that there is instead. Once.
  absl::Status Write(const absl::StatusOr<std::string>& contents);

 private:
  friend class OutputFiles;
  std::string path_;
  std::optional<io::AtomicFile> file_;  // none while the folder is missing
};

// The files that one run of a command writes.
class OutputFiles {
 public:
  // files_read may have pictures' numbers behind their names ("test.npy[17]").
  explicit OutputFiles(std::vector<std::string> files_read);

  // With an empty path, a file that nobody wants. Otherwise fails when the file would take the place of one that is
  // read or of another one that is written, when it is called like something else than what is written (extension, such
  // as
  // ".png"; "": anything), or when it, or its folder where that is missing, cannot be created. Leaves nothing behind: a
  // missing folder is created by Write() only.
  absl::StatusOr<OutputFile> Create(const std::string& path, absl::string_view extension);

 private:
  std::vector<std::string> read_, written_;
};

}  // namespace adret::tools

#endif  // ADRET_TOOLS_OUTPUT_H_
