// Files: reading with limits, and writing that never loses what was there before.
//
//   AD_ASSIGN_OR_RETURN(std::string text, io::ReadFile("train.csv"));
//   AD_RETURN_IF_ERROR(io::WriteFile("sheet.png", bytes));      // complete and synced, or the old file stays
//
// Readers accept regular files only: a FIFO would block and a device never ends. Writers put everything into a
// temporary file in the target's own folder, sync it, and rename it over the target: whoever opens the target sees the
// old file or the new one. Errors name the path and what went wrong.
#ifndef ADRET_IO_FILE_H_
#define ADRET_IO_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adret::io {

// A regular file opened for reading at any position. Moves, does not copy.
class InputFile {
 public:
  // Opens a file: NotFound, PermissionDenied, or InvalidArgument when path is not a regular file.
  static absl::StatusOr<InputFile> Open(const std::string& path);
  // Opens a file by a path within `folder`, where the path comes from a stranger: it must be relative, without "..",
  // and no part of it may be a link.
  static absl::StatusOr<InputFile> OpenBeneath(const std::string& folder, const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  const std::string& path() const { return path_; }
  // Returns the size when it was opened.
  int64_t size() const { return size_; }
  // Fills data[0, n) from [offset, offset + n). Fails when the file has no such bytes (any more).
  absl::Status ReadAt(int64_t offset, int64_t n, void* data) const;
  // Maps the whole file for reading; it must have a byte at least. Whoever holds the result may look at size() bytes.
  // They are the file's own: they change when somebody overwrites it in place, and when somebody shortens it, a look at
  // what is gone ends the process (SIGBUS). A file that is replaced, as writers here do, stays as it was.
  absl::StatusOr<std::shared_ptr<const char>> Map() const;

 private:
  // Takes over what open() returned.
  static absl::StatusOr<InputFile> FromDescriptor(const std::string& path, int fd);
  InputFile(std::string path, int fd, int64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}

  std::string path_;
  int fd_ = -1;
  int64_t size_ = 0;
};

// Reads the whole file. ResourceExhausted when it is larger than max_bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes = int64_t{1} << 30);

// A new file that takes path's place at Commit(). Without a Commit, the destructor leaves nothing behind.
//
// The temporary file has no name until Commit (O_TMPFILE) where the file system can do that, so that even a killed
// process leaves none; elsewhere it is called ".adret-*.tmp", and the next writer in that folder removes those whose
// writer is gone. The new file keeps the old one's permissions.
class AtomicFile {
 public:
  // Fails when the folder is missing or not writable, or when path is something else than a regular file: a link is
  // not followed, so that nothing outside the folder is ever replaced.
  static absl::StatusOr<AtomicFile> Create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Appends bytes; ResourceExhausted when the disk is full.
  absl::Status Append(absl::string_view bytes);
  // Returns the number of bytes appended so far.
  int64_t size() const { return size_; }
  // Syncs, renames, syncs the folder. Call at most once, as the last thing.
  absl::Status Commit();

 private:
  AtomicFile() = default;
  absl::Status Open();
  absl::Status OpenUnnamed();
  absl::Status OpenNamed();
  absl::Status GiveName();
  absl::Status Flush();
  absl::Status WriteAll(absl::string_view bytes);
  absl::Status Error(int error_number, absl::string_view what) const;

  std::string path_;
  std::string base_;       // the target's name in its folder
  std::string temp_name_;  // empty while the file has no name
  std::string buffer_;
  int folder_ = -1;
  int fd_ = -1;
  int64_t size_ = 0;
};

// Writes a file with these contents, as AtomicFile does.
absl::Status WriteFile(const std::string& path, absl::string_view contents);

}  // namespace adret::io

#endif  // ADRET_IO_FILE_H_
