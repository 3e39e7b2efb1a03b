// Replays the fuzzers' corpora: files that are valid, files that were once trouble, and one for each known threat.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "adret/io/file.h"
#include "adret/tests/fuzz/fuzz_targets.h"
#include "gtest/gtest.h"

namespace adret::fuzz {
namespace {

struct Target {
  std::string name;  // of the folder in tests/fuzz/corpus
  std::function<void(absl::string_view)> run;
};

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

class CorpusTest : public testing::TestWithParam<Target> {};

TEST_P(CorpusTest, Replays) {
  const std::string folder = "tests/fuzz/corpus/" + GetParam().name;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  ASSERT_FALSE(paths.empty());
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const auto bytes = io::ReadFile(path);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    GetParam().run(*bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CorpusTest,
                         testing::Values(Target{"model", FuzzModel}, Target{"onnx", FuzzOnnx}, Target{"idx", FuzzIdx},
                                         Target{"csv", FuzzCsv}, Target{"png", FuzzPng}, Target{"npz", FuzzNpz},
                                         Target{"safetensors", FuzzSafetensors}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace adret::fuzz
