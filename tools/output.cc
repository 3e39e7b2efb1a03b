#include "adret/tools/output.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"

ABSL_FLAG(std::string, out, "",
          "file to write, or the folder for several ones; its folder is created if it is missing");

namespace adret::tools {
namespace {

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create the folder ", folder));
}

}  // namespace

absl::Status CreateFolder(const std::string& folder) {
  AD_RETURN_IF_ERROR(MakeFolder(folder));
  // A file that is never committed leaves no trace.
  const absl::Status status = io::AtomicFile::Create((std::filesystem::path(folder) / "picture").string()).status();
  return status.ok() ? status : io::InFile(absl::StrCat("cannot write into the folder ", folder), status);
}

absl::StatusOr<io::AtomicFile> CreateFile(const std::string& path) {
  if (const std::string folder = std::filesystem::path(path).parent_path().string(); !folder.empty()) {
    AD_RETURN_IF_ERROR(MakeFolder(folder));
  }
  return io::AtomicFile::Create(path);
}

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  OutputFile file;
  if (path.empty()) return file;
  file.path_ = path;
  AD_ASSIGN_OR_RETURN(io::AtomicFile created, CreateFile(path));
  file.file_.emplace(std::move(created));
  return file;
}

absl::Status OutputFile::Write(const absl::StatusOr<std::string>& contents) {
  AD_RETURN_IF_ERROR(contents.status());
  AD_RETURN_IF_ERROR(file_->Append(*contents));
  AD_RETURN_IF_ERROR(file_->Commit());
  std::fprintf(stderr, "%s\n", path_.c_str());
  return absl::OkStatus();
}

}  // namespace adret::tools
