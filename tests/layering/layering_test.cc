// The rules of the house that a compiler does not check: which folder may include which, that the engine names no op,
// that files stay readable.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;    // "ops/kernels/conv/conv2d.cc"
  std::string folder;  // "ops/kernels/conv"
  std::vector<std::string> lines;
};

// What each folder may include besides itself (CONTRIBUTING.md says what each is for).
const std::map<std::string, std::set<std::string>>& Floors() {
  static const auto* floors = new std::map<std::string, std::set<std::string>>{
      {"core", {}},
      {"core/plan", {"core"}},
      {"io", {"core"}},
      {"ops/kernels", {"core"}},
      {"ops/kernels/conv", {"core", "ops/kernels"}},
      {"ops", {"core", "ops/kernels", "ops/kernels/conv"}},
      {"autograd", {"core", "ops"}},
      {"io/onnx", {"core", "io", "ops", "ops/kernels", "autograd"}},
      {"nn", {"core", "io", "ops", "autograd"}},
      {"explain", {"core", "ops", "autograd", "nn"}},
      {"plot", {"core", "io"}},
      {"tools/report", {"core", "ops", "nn", "explain", "io", "plot"}},
      {"tools", {"core", "ops", "autograd", "nn", "explain", "io", "plot", "tools/report"}},
      {"tools/commands", {"core", "ops", "autograd", "nn", "explain", "io", "plot", "tools", "tools/report"}},
  };
  return *floors;
}

const std::vector<SourceFile>& Library() {
  static const auto* files = [] {
    auto* result = new std::vector<SourceFile>;
    for (const auto& [folder, unused] : Floors()) {
      const fs::path directory = fs::path(ADRET_SOURCE_DIR) / folder;
      if (!fs::exists(directory)) continue;
      for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cc") continue;
        SourceFile file{absl::StrCat(folder, "/", entry.path().filename().string()), folder, {}};
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);) file.lines.push_back(line);
        result->push_back(std::move(file));
      }
    }
    std::sort(result->begin(), result->end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return result;
  }();
  return *files;
}

// The header that a line includes, as it is spelled; empty for other lines.
std::string Included(const std::string& line) {
  static const std::regex kInclude("^\\s*#\\s*include\\s+[<\"]([^>\"]+)[>\"].*");
  std::smatch match;
  return std::regex_match(line, match, kInclude) ? match[1].str() : "";
}

// "core/tensor.h" of "adret/core/tensor.h"; empty for headers that are not ours.
std::string Ours(const std::string& header) {
  return absl::StartsWith(header, "adret/") ? header.substr(6) : std::string();
}

template <class F>
std::vector<std::string> LinesWhere(F&& wrong) {
  std::vector<std::string> found;
  for (const SourceFile& file : Library()) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (wrong(file, file.lines[i])) found.push_back(absl::StrCat(file.path, ":", i + 1, ": ", file.lines[i]));
    }
  }
  return found;
}

// The library's headers may not lean on what only some folders are meant to know.
bool OutsideHeaderAllowed(const SourceFile& file, const std::string& header) {
  const bool is_header = absl::EndsWith(file.path, ".h") && !absl::EndsWith(file.path, "_internal.h");
  if (absl::StartsWith(header, "hwy/")) return absl::StartsWith(file.folder, "ops/kernels");
  if (header == "cblas.h") return !is_header && absl::StartsWith(file.folder, "ops");
  if (absl::StartsWith(header, "tbb/") || absl::StartsWith(header, "oneapi/")) {
    return absl::StartsWith(file.folder, "core") && !is_header;
  }
  if (absl::StartsWith(header, "google/") || absl::EndsWith(header, ".pb.h"))
    return absl::StartsWith(file.folder, "io") && !is_header;
  if (header == "png.h" || header == "zlib.h") return absl::StartsWith(file.folder, "io") && !is_header;
  if (absl::StartsWith(header, "cairo") || absl::StartsWith(header, "graphviz/")) {
    return file.folder == "plot" && !is_header;
  }
  return true;
}

TEST(Layering, FindsTheSources) { EXPECT_GT(Library().size(), 30u); }

TEST(Layering, NothingIncludesAFloorAbove) {
  EXPECT_THAT(LinesWhere([](const SourceFile& file, const std::string& line) {
                const std::string header = Ours(Included(line));
                if (header.empty()) return false;
                const std::string floor = fs::path(header).parent_path().string();
                return floor != file.folder && Floors().at(file.folder).count(floor) == 0;
              }),
              testing::IsEmpty());
}

// Private: not installed (CONTRIBUTING.md).
bool IsPrivate(const std::string& path) {
  return absl::EndsWith(path, "_internal.h") || absl::StartsWith(path, "tools/") ||
         absl::StartsWith(path, "core/plan/") || absl::StartsWith(path, "io/onnx/") ||
         absl::StartsWith(path, "ops/kernels/");
}

TEST(Layering, InstalledHeadersIncludeInstalledOnes) {
  EXPECT_THAT(LinesWhere([](const SourceFile& file, const std::string& line) {
                return absl::EndsWith(file.path, ".h") && !IsPrivate(file.path) && IsPrivate(Ours(Included(line)));
              }),
              testing::IsEmpty());
}

TEST(Layering, KernelsKnowNoGraph) {
  EXPECT_THAT(LinesWhere([](const SourceFile& file, const std::string& line) {
                static const std::set<std::string> kGraphHeaders = {"core/graph.h", "core/executor.h", "core/state.h",
                                                                    "core/op.h", "core/attrs.h"};
                return absl::StartsWith(file.folder, "ops/kernels") && kGraphHeaders.count(Ours(Included(line))) > 0;
              }),
              testing::IsEmpty());
}

TEST(Layering, OurHeadersAreSpelledInFull) {
  EXPECT_THAT(LinesWhere([](const SourceFile&, const std::string& line) {
                const std::string header = Included(line);
                return absl::StartsWith(header, "core/") || absl::StartsWith(header, "ops/") ||
                       absl::StartsWith(header, "nn/") || absl::StartsWith(header, "../");
              }),
              testing::IsEmpty());
}

TEST(Layering, ComponentsStayWhereTheyBelong) {
  EXPECT_THAT(LinesWhere([](const SourceFile& file, const std::string& line) {
                return !OutsideHeaderAllowed(file, Included(line));
              }),
              testing::IsEmpty());
}

// Comments may use an op as an example; code may not name one.
TEST(Layering, EngineNamesNoOp) {
  EXPECT_THAT(LinesWhere([](const SourceFile& file, const std::string& line) {
                if (!absl::StartsWith(file.folder, "core") && file.folder != "autograd") return false;
                std::string code = line.substr(0, line.find("//"));
                std::transform(code.begin(), code.end(), code.begin(), ::tolower);
                static const std::regex kOp("conv(?!er)|relu|matmul|softmax|pool2d|sigmoid");
                return std::regex_search(code, kOp);
              }),
              testing::IsEmpty());
}

TEST(Layering, FilesAreOfAFewHundredLines) {
  std::vector<std::string> long_files;
  for (const SourceFile& file : Library()) {
    if (file.lines.size() > 500) long_files.push_back(absl::StrCat(file.path, " has ", file.lines.size(), " lines"));
  }
  EXPECT_THAT(long_files, testing::IsEmpty());
}

// A header of ops/ that declares a builder is for users.
TEST(Layering, TheOneHeaderIncludesEveryBuilder) {
  std::ifstream in(fs::path(ADRET_SOURCE_DIR) / "adret.h");
  std::set<std::string> included;
  for (std::string line; std::getline(in, line);) included.insert(Ours(Included(line)));
  for (const SourceFile& file : Library()) {
    const bool builds = std::any_of(file.lines.begin(), file.lines.end(), [](const std::string& line) {
      return absl::StartsWith(line, "Value ") || absl::StartsWith(line, "Values ");
    });
    if (file.folder != "ops" || !absl::EndsWith(file.path, ".h") || !builds) continue;
    if (absl::EndsWith(file.path, "_internal.h")) continue;
    EXPECT_EQ(included.count(file.path), 1u) << "adret.h lacks " << file.path;
  }
}

TEST(Layering, HeadersOpenWithACommentAndAGuard) {
  std::vector<std::string> wrong;
  for (const SourceFile& file : Library()) {
    if (!absl::EndsWith(file.path, ".h")) continue;
    std::string guard = absl::StrCat("ADRET_", file.path, "_");
    std::transform(guard.begin(), guard.end(), guard.begin(),
                   [](unsigned char c) { return std::isalnum(c) ? static_cast<char>(std::toupper(c)) : '_'; });
    const bool comment = !file.lines.empty() && absl::StartsWith(file.lines[0], "//");
    const bool guarded = std::find(file.lines.begin(), file.lines.end(), "#ifndef " + guard) != file.lines.end();
    // Included once per SIMD target, such a header has a guard of another form.
    const bool per_target = std::any_of(file.lines.begin(), file.lines.end(), [](const std::string& line) {
      return absl::StrContains(line, "HWY_TARGET_TOGGLE");
    });
    if (!comment || !(guarded || per_target)) wrong.push_back(file.path);
  }
  EXPECT_THAT(wrong, testing::IsEmpty());
}

}  // namespace
}  // namespace adret
