// Model files load for ever (CHANGELOG.md): tests/io/released has the file that each release left behind, made by
// make_model.cc of that release, and what it computed then.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/io/model.h"
#include "adret/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

std::vector<std::string> Releases() {
  std::vector<std::string> releases;
  for (const auto& entry : std::filesystem::directory_iterator("tests/io/released")) {
    if (entry.path().extension() == ".adret") releases.push_back(entry.path().stem().string());
  }
  return releases;
}

class ReleasedTest : public testing::TestWithParam<std::string> {};

TEST(ReleasesTest, ThereIsOneAtLeast) { EXPECT_THAT(Releases(), testing::Contains("0.1.0")); }

TEST_P(ReleasedTest, LoadsAndTrainsOnToTheNumbersOfThatRelease) {
  const std::string stem = absl::StrCat("tests/io/released/", GetParam());
  EXPECT_THAT(CheckModel(stem + ".adret"), testing::IsEmpty());
  absl::StatusOr<Model> model = LoadModel(stem + ".adret");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->metadata["release"], GetParam());
  const absl::StatusOr<NamedTensors> golden = LoadNpz(stem + ".npz");
  ASSERT_TRUE(golden.ok()) << golden.status();

  Feeds feeds;
  for (const NamedValue& input : model->inputs) {
    feeds.emplace_back(input.value, golden->at(absl::StrCat("input/", input.name)));
  }
  std::vector<Value> fetches;
  for (const NamedValue& output : model->outputs) fetches.push_back(output.value);
  absl::StatusOr<Executor> executor = Executor::Create(fetches, model->updates);
  ASSERT_TRUE(executor.ok()) << executor.status();

  int compared = 0;
  for (int step = 0; golden->contains(absl::StrCat("step", step, "/", model->outputs[0].name)); ++step) {
    const absl::StatusOr<std::vector<Tensor>> results = executor->Run(feeds, &model->state);
    ASSERT_TRUE(results.ok()) << results.status();
    for (size_t i = 0; i < fetches.size(); ++i) {
      const std::string name = absl::StrCat("step", step, "/", model->outputs[i].name);
      const Tensor& expected = golden->at(name);
      ASSERT_EQ(results->at(i).type(), expected.type()) << name;
      for (int64_t k = 0; k < expected.num_elements(); ++k) {
        const double e = expected.At(k), tolerance = 1e-10 * std::max(1.0, std::abs(e));
        EXPECT_NEAR(results->at(i).At(k), e, tolerance) << name << " at " << k;
      }
    }
    ++compared;
  }
  EXPECT_GE(compared, 3);
}

INSTANTIATE_TEST_SUITE_P(Releases, ReleasedTest, testing::ValuesIn(Releases()), [](const auto& info) {
  std::string name;
  for (char c : info.param) name += absl::ascii_isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

}  // namespace
}  // namespace adret::io
