// A folder for the files of a test, which no other run of the tests shares.
//
//   const TempFolder folder;
//   io::SaveModel(folder / "model.adret", ...);
#ifndef ADRET_TESTS_TEMP_FOLDER_H_
#define ADRET_TESTS_TEMP_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "adret/core/status.h"
#include "gtest/gtest.h"

namespace adret {

// Creates a folder, and removes it with all that is in it.
class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "/adret_XXXXXX") { AD_CHECK(mkdtemp(path_.data()) != nullptr); }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace adret

#endif  // ADRET_TESTS_TEMP_FOLDER_H_
