// A process that saves over and over is killed at random moments: the file is always the old one or the new one.
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "adret/core/random.h"
#include "adret/io/model.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

constexpr int kKills = 30;
constexpr int64_t kNumbers = 200'000;

// A model of which every number is the step: a mixture of two files would show.
struct Stamped {
  explicit Stamped(uint64_t step) {
    graph.Variable("w", Tensor::Zeros(DType::kFloat64, {kNumbers}));
    state.Set("w", Tensor::Full(DType::kFloat64, {kNumbers}, static_cast<double>(step)));
    state.step = step;
  }
  absl::Status Save(const std::string& path) const { return SaveModel(path, {.graph = &graph, .state = &state}); }
  Graph graph;
  State state;
};

[[noreturn]] void SaveForever(const std::string& path, uint64_t step) {
  for (;; ++step) {
    if (!Stamped(step).Save(path).ok()) _exit(1);
  }
}

int Temporaries(const std::string& folder) {
  int count = 0;
  DIR* dir = opendir(folder.c_str());
  while (const dirent* entry = readdir(dir)) count += absl::EndsWith(entry->d_name, ".tmp");
  closedir(dir);
  return count;
}

TEST(ModelKillTest, TheFileIsAlwaysTheOldOrTheNewOne) {
  std::string folder = testing::TempDir() + "/adret_kill_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/model.adret";
  ASSERT_TRUE(Stamped(1).Save(path).ok());
  RandomStream random(42);
  uint64_t last = 1;
  for (int i = 0; i < kKills; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) SaveForever(path, last + 1);
    usleep(static_cast<useconds_t>(random.Uniform(1, 40) * 1000));
    kill(child, SIGKILL);
    int result = 0;
    ASSERT_EQ(waitpid(child, &result, 0), child);
    ASSERT_TRUE(WIFSIGNALED(result)) << "the child failed to save";

    auto model = LoadModel(path);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_GE(model->state.step, last);
    last = model->state.step;
    for (double v : model->state.Get("w")->data<double>()) ASSERT_EQ(v, static_cast<double>(last));
    EXPECT_LE(Temporaries(folder), 1);
  }
  EXPECT_GT(last, 1u);
  ASSERT_TRUE(Stamped(last).Save(path).ok());
  EXPECT_EQ(Temporaries(folder), 0);
  unlink(path.c_str());
  rmdir(folder.c_str());
}

}  // namespace
}  // namespace adret::io
