#include "adret/tools/output.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"

ABSL_FLAG(std::string, out, "", "file to write; its folder is created if it is missing");

namespace adret::tools {
namespace {

bool IsThere(const std::filesystem::path& path) {
  std::error_code error;
  return path.empty() || std::filesystem::exists(path, error) || error;  // what cannot be looked at says so when opened
}

// The first part of the path that is missing: the file, or the topmost of the folders that Write() has to create. A
// path that names no file stays what it is.
std::filesystem::path FirstMissing(std::filesystem::path path) {
  if (const std::filesystem::path name = path.filename(); name.empty() || name == "." || name == "..") return path;
  while (!IsThere(path.parent_path())) path = path.parent_path();
  return path;
}

absl::Status CreateFolders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create the folder ", folder.string()));
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  OutputFile file;
  if (path.empty()) return file;
  file.path_ = path;
  // Where a file can be created, so can a folder. One that is never committed leaves no trace.
  const std::string missing = FirstMissing(path).string();
  AD_ASSIGN_OR_RETURN(io::AtomicFile created, io::AtomicFile::Create(missing));
  if (missing == path) file.file_.emplace(std::move(created));
  return file;
}

absl::Status OutputFile::Write(const absl::StatusOr<std::string>& contents) {
  AD_RETURN_IF_ERROR(contents.status());
  if (!file_.has_value()) {
    AD_RETURN_IF_ERROR(CreateFolders(std::filesystem::path(path_).parent_path()));
    AD_ASSIGN_OR_RETURN(io::AtomicFile created, io::AtomicFile::Create(path_));
    file_.emplace(std::move(created));
  }
  AD_RETURN_IF_ERROR(file_->Append(*contents));
  AD_RETURN_IF_ERROR(file_->Commit());
  std::fprintf(stderr, "%s\n", path_.c_str());
  return absl::OkStatus();
}

}  // namespace adret::tools
