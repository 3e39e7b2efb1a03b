#include "adret/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "/adret_file_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FileTest() override {
    for (const std::string& name : Names()) unlink(Path(name).c_str());
    rmdir(folder_.c_str());
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    DIR* dir = opendir(folder_.c_str());
    while (const dirent* entry = readdir(dir)) names.insert(entry->d_name);
    closedir(dir);
    names.erase(".");
    names.erase("..");
    return names;
  }

  std::string folder_;
};

TEST_F(FileTest, WritesAndReads) {
  const std::string path = Path("a");
  std::string contents(1 << 20, 'x');
  contents[12345] = '\0';
  ASSERT_TRUE(WriteFile(path, contents).ok());
  EXPECT_EQ(*ReadFile(path), contents);
  ASSERT_TRUE(WriteFile(path, "short").ok());
  EXPECT_EQ(*ReadFile(path), "short");
  ASSERT_TRUE(WriteFile(path, "").ok());
  EXPECT_EQ(*ReadFile(path), "");
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(FileTest, AppendsInPiecesOfAnySize) {
  const std::string path = Path("a");
  std::string expected;
  auto file = AtomicFile::Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  for (int size : {0, 1, 100, 262143, 262144, 262145, 3, 1000000, 7}) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(file->Append(piece).ok());
    expected += piece;
  }
  EXPECT_EQ(file->size(), static_cast<int64_t>(expected.size()));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(*ReadFile(path), expected);
}

TEST_F(FileTest, ReadsWithinLimits) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFile(path, "0123456789").ok());
  EXPECT_EQ(ReadFile(path, 9).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ReadFile(path, 10).ok());
  auto file = InputFile::Open(path);
  char bytes[10];
  EXPECT_TRUE(file->ReadAt(8, 2, bytes).ok());
  EXPECT_EQ(std::string(bytes, 2), "89");
  EXPECT_EQ(file->ReadAt(9, 2, bytes).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(file->ReadAt(-1, 2, bytes).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(file->ReadAt(5, INT64_MAX, bytes).code(), absl::StatusCode::kOutOfRange);
  ASSERT_EQ(truncate(path.c_str(), 4), 0);
  EXPECT_EQ(file->ReadAt(0, 10, bytes).code(), absl::StatusCode::kDataLoss);
}

TEST_F(FileTest, WithoutCommitNothingHappens) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  {
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file->Append(std::string(1 << 20, 'n')).ok());
  }
  EXPECT_EQ(*ReadFile(path), "old");
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(FileTest, KeepsPermissions) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(info.st_mode & 07777, 0666 & ~mask);
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  ASSERT_TRUE(WriteFile(path, "new").ok());
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(FileTest, FollowsNoLinks) {
  const std::string target = Path("target"), link = Path("link");
  ASSERT_TRUE(WriteFile(target, "precious").ok());
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  const absl::Status status = WriteFile(link, "new");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("symbolic link"));
  EXPECT_EQ(*ReadFile(target), "precious");
  EXPECT_EQ(*ReadFile(link), "precious");
  EXPECT_THAT(Names(), UnorderedElementsAre("target", "link"));
}

TEST_F(FileTest, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(WriteFile("/dev/full", "x").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WriteFile("/dev/null", "x").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WriteFile(folder_, "x").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WriteFile(folder_ + "/", "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFile("", "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFile(Path("missing/a"), "x").code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(WriteFile(Path(std::string("a\0b", 3)), "x").ok());
  EXPECT_FALSE(WriteFile(Path(std::string(300, 'a')), "x").ok());
  EXPECT_EQ(ReadFile(folder_).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile("/dev/zero").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(Path("missing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Names().empty());
}

TEST_F(FileTest, LongestName) {
  const std::string name(255, 'n');
  ASSERT_TRUE(WriteFile(Path(name), "x").ok());
  EXPECT_THAT(Names(), ElementsAre(name));
}

// A limit on file sizes fails writes as a full disk does.
TEST_F(FileTest, FullDiskLeavesTheOldFile) {
  const std::string path = Path("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100000, 100000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const absl::Status status = WriteFile(path, std::string(1 << 20, 'n'));
    _exit(status.code() == absl::StatusCode::kResourceExhausted ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(*ReadFile(path), "old");
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(FileTest, RemovesWhatDeadWritersLeft) {
  // A dead writer's file, a living one's (it holds the lock), and somebody else's.
  for (const char* name : {".adret-1-0.tmp", ".adret-2-0.tmp", ".other.tmp"}) {
    close(open(Path(name).c_str(), O_CREAT | O_WRONLY, 0600));
  }
  const int living = open(Path(".adret-2-0.tmp").c_str(), O_WRONLY);
  ASSERT_EQ(flock(living, LOCK_EX), 0);
  ASSERT_TRUE(WriteFile(Path("a"), "x").ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("a", ".adret-2-0.tmp", ".other.tmp"));
  close(living);
  ASSERT_TRUE(WriteFile(Path("a"), "y").ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("a", ".other.tmp"));
}

}  // namespace
}  // namespace adret::io
