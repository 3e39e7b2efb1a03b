#include "adret/tools/output.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
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

bool IsSameFile(const std::string& a, const std::string& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) return true;
  const auto full = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  };
  return full(a) == full(b);
}

absl::Status CreateFolders(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create the folder ", folder.string()));
}

}  // namespace

OutputFiles::OutputFiles(std::vector<std::string> files_read) : read_(std::move(files_read)) {
  for (std::string& file : read_) {
    if (absl::EndsWith(file, "]")) file.resize(std::min(file.size(), file.rfind('[')));
  }
}

absl::StatusOr<OutputFile> OutputFiles::Create(const std::string& path, absl::string_view extension) {
  OutputFile file;
  if (path.empty()) return file;
  for (const std::string& other : read_) {
    if (IsSameFile(path, other)) return absl::InvalidArgumentError(absl::StrCat(path, " would overwrite what is read"));
  }
  for (const std::string& other : written_) {
    if (IsSameFile(path, other)) return absl::InvalidArgumentError(absl::StrCat(path, " would be written twice"));
  }
  const std::string given = std::filesystem::path(path).extension().string();
  if (!extension.empty() && !given.empty() && !absl::EqualsIgnoreCase(given, extension)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " would not be what its name says: what is written is ", extension.substr(1)));
  }
  written_.push_back(path);
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
