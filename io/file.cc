#include "adret/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/core/names.h"
#include "adret/core/status.h"

namespace adret::io {
namespace {

constexpr absl::string_view kTempPrefix = ".adret-";
constexpr absl::string_view kTempSuffix = ".tmp";
constexpr size_t kBufferBytes = 1 << 18;
constexpr size_t kMaxTransfer = size_t{1} << 30;  // Linux moves less than 2 GiB per call
// O_NONBLOCK: opening a FIFO that nobody writes to must not hang; it is refused once it is open.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

absl::Status ErrnoStatus(int error_number, absl::string_view path, absl::string_view what) {
  const std::string message = absl::StrCat(what, " ", path);
  // The disk is full, the quota is used up, or the file may not grow this far.
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) {
    return absl::ResourceExhaustedError(absl::StrCat(message, ": no space left (", strerror(error_number), ")"));
  }
  return absl::ErrnoToStatus(error_number, message);
}

const char* KindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFLNK:
      return "a symbolic link";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "of an unknown kind";
  }
}

template <class F>
auto RetryInterrupted(F call) {
  while (true) {
    auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Removes temporary files in the folder whose writers are gone. A living writer holds a lock on its file.
void RemoveStaleTemporaries(int folder) {
  const int listing = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return;
  DIR* dir = fdopendir(listing);
  if (dir == nullptr) {
    close(listing);
    return;
  }
  while (const dirent* entry = readdir(dir)) {
    const absl::string_view name = entry->d_name;
    if (!absl::StartsWith(name, kTempPrefix) || !absl::EndsWith(name, kTempSuffix)) continue;
    const int fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(folder, entry->d_name, 0);
    close(fd);
  }
  closedir(dir);
}

std::string TempName() {
  static std::atomic<uint64_t> counter{0};
  return absl::StrCat(kTempPrefix, getpid(), "-", counter.fetch_add(1), kTempSuffix);
}

}  // namespace

// ---- Reading ----------------------------------------------------------------------------------------------------

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  if (path.find('\0') != std::string::npos) return absl::InvalidArgumentError("a path holds a NUL byte");
  return FromDescriptor(path, RetryInterrupted([&] { return open(path.c_str(), kReadFlags); }));
}

absl::StatusOr<InputFile> InputFile::OpenBeneath(const std::string& folder, const std::string& path) {
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("the path ", Quoted(path), " ", why));
  };
  if (path.empty() || path.find('\0') != std::string::npos) return refuse("names no file");
  if (path[0] == '/') return refuse("is not relative");
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  int at = RetryInterrupted([&] { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (at < 0) return ErrnoStatus(errno, folder, "cannot open");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "..") {
      close(at);
      return refuse("leaves its folder");
    }
    const int flags = kReadFlags | O_NOFOLLOW | (i + 1 < parts.size() ? O_DIRECTORY : 0);
    const char* part = parts[i].empty() ? "." : parts[i].c_str();
    const int next = RetryInterrupted([&] { return openat(at, part, flags); });
    const int error = errno;
    close(at);
    if (next < 0 && error == ELOOP) return refuse("goes through a link");
    errno = error;
    at = next;
    if (at < 0) break;
  }
  return FromDescriptor(absl::StrCat(folder, "/", path), at);
}

absl::StatusOr<InputFile> InputFile::FromDescriptor(const std::string& path, int fd) {
  if (fd < 0) return ErrnoStatus(errno, path, "cannot open");
  InputFile file(path, fd, 0);
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, path, "cannot examine");
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is ", KindOf(info.st_mode), ", not a regular file"));
  }
  file.size_ = info.st_size;
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

InputFile::~InputFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status InputFile::ReadAt(int64_t offset, int64_t n, void* data) const {
  if (offset < 0 || n < 0 || offset > size_ || n > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat(path_, " has ", size_, " bytes, but ", n, " are wanted from ", offset));
  }
  char* to = static_cast<char*>(data);
  while (n > 0) {
    const size_t want = std::min<size_t>(static_cast<size_t>(n), kMaxTransfer);
    const ssize_t got = RetryInterrupted([&] { return pread(fd_, to, want, offset); });
    if (got < 0) return ErrnoStatus(errno, path_, "cannot read");
    if (got == 0) return absl::DataLossError(absl::StrCat(path_, " became shorter while it was read"));
    to += got, offset += got, n -= got;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const char>> InputFile::Map() const {
  const size_t n = static_cast<size_t>(size_);
  void* data = mmap(nullptr, n, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, path_, "cannot map");
  return std::shared_ptr<const char>(static_cast<const char*>(data), [data, n](const char*) { munmap(data, n); });
}

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  AD_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  if (file.size() > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " has ", file.size(), " bytes; at most ", max_bytes, " are read"));
  }
  std::string contents(static_cast<size_t>(file.size()), '\0');
  AD_RETURN_IF_ERROR(file.ReadAt(0, file.size(), contents.data()));
  return contents;
}

// ---- Writing ----------------------------------------------------------------------------------------------------

absl::Status AtomicFile::Error(int error_number, absl::string_view what) const {
  return ErrnoStatus(error_number, path_, what);
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  AtomicFile file;
  file.path_ = path;
  const size_t slash = path.rfind('/');
  file.base_ = slash == std::string::npos ? path : path.substr(slash + 1);
  if (file.base_.empty() || file.base_ == "." || file.base_ == ".." || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' does not name a file"));
  }
  std::string folder = ".";
  if (slash != std::string::npos) folder = slash == 0 ? "/" : path.substr(0, slash);
  file.folder_ = RetryInterrupted([&] { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (file.folder_ < 0) return ErrnoStatus(errno, path, absl::StrCat("cannot open the folder ", folder, " to write"));
  AD_RETURN_IF_ERROR(file.Open());
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      base_(std::move(other.base_)),
      temp_name_(std::exchange(other.temp_name_, "")),
      buffer_(std::move(other.buffer_)),
      folder_(std::exchange(other.folder_, -1)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_) {}

AtomicFile::~AtomicFile() {
  if (!temp_name_.empty()) unlinkat(folder_, temp_name_.c_str(), 0);
  if (fd_ >= 0) close(fd_);
  if (folder_ >= 0) close(folder_);
}

absl::Status AtomicFile::Open() {
  struct stat old;
  const bool exists = fstatat(folder_, base_.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && errno != ENOENT) return Error(errno, "cannot examine");
  if (exists && !S_ISREG(old.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", path_, ": it is ", KindOf(old.st_mode), ", not a regular file"));
  }
  // What an earlier process left when it was killed is garbage from now on.
  RemoveStaleTemporaries(folder_);
  if (!OpenUnnamed().ok()) AD_RETURN_IF_ERROR(OpenNamed());
  // The owner may not be ours to keep; the permissions are. A file system without permissions refuses, which is fine.
  if (exists && fchmod(fd_, old.st_mode & 0777) != 0 && errno != EPERM && errno != EOPNOTSUPP) {
    return Error(errno, "cannot set the permissions of");
  }
  buffer_.reserve(kBufferBytes);
  return absl::OkStatus();
}

absl::Status AtomicFile::OpenUnnamed() {
#ifdef O_TMPFILE
  fd_ = RetryInterrupted([&] { return openat(folder_, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666); });
  if (fd_ < 0) return Error(errno, "cannot create a temporary file for");
  // GiveName() needs /proc.
  if (access(absl::StrCat("/proc/self/fd/", fd_).c_str(), F_OK) == 0) {
    flock(fd_, LOCK_EX | LOCK_NB);  // in the moment between linkat and renameat it is not stale
    return absl::OkStatus();
  }
  close(std::exchange(fd_, -1));
#endif
  return absl::UnimplementedError("no unnamed files here");
}

absl::Status AtomicFile::OpenNamed() {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = TempName();
    fd_ = RetryInterrupted(
        [&] { return openat(folder_, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0666); });
    if (fd_ < 0 && errno == EEXIST) continue;
    if (fd_ < 0) return Error(errno, "cannot create a temporary file for");
    flock(fd_, LOCK_EX | LOCK_NB);
    // Another writer may have taken the file for a stale one before the lock was there.
    struct stat info;
    if (fstat(fd_, &info) == 0 && info.st_nlink == 1) {
      temp_name_ = name;
      return absl::OkStatus();
    }
    close(std::exchange(fd_, -1));
  }
  return absl::UnavailableError(absl::StrCat("cannot create a temporary file for ", path_));
}

absl::Status AtomicFile::WriteAll(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t want = std::min(bytes.size(), kMaxTransfer);
    const ssize_t done = RetryInterrupted([&] { return write(fd_, bytes.data(), want); });
    if (done < 0) return Error(errno, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Flush() {
  AD_RETURN_IF_ERROR(WriteAll(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status AtomicFile::Append(absl::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (buffer_.size() + bytes.size() > kBufferBytes) AD_RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kBufferBytes) return WriteAll(bytes);
  buffer_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status AtomicFile::GiveName() {
  const std::string source = absl::StrCat("/proc/self/fd/", fd_);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = TempName();
    if (linkat(AT_FDCWD, source.c_str(), folder_, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temp_name_ = name;
      return absl::OkStatus();
    }
    if (errno != EEXIST) return Error(errno, "cannot link the temporary file of");
  }
  return absl::UnavailableError(absl::StrCat("cannot name the temporary file of ", path_));
}

absl::Status AtomicFile::Commit() {
  AD_RETURN_IF_ERROR(Flush());
  if (RetryInterrupted([&] { return fsync(fd_); }) != 0) return Error(errno, "cannot sync");
  if (temp_name_.empty()) AD_RETURN_IF_ERROR(GiveName());
  if (renameat(folder_, temp_name_.c_str(), folder_, base_.c_str()) != 0) return Error(errno, "cannot replace");
  temp_name_.clear();
  if (RetryInterrupted([&] { return fsync(folder_); }) != 0) return Error(errno, "cannot sync the folder of");
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, absl::string_view contents) {
  AD_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  AD_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

}  // namespace adret::io
