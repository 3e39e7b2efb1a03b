// Many threads with one executor, and what happens when two of them want one state.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using absl::StrContains;

void InThreads(int n, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < n; ++t) threads.emplace_back(body, t);
  for (std::thread& thread : threads) thread.join();
}

Tensor Normal(const Shape& shape, uint64_t seed) {
  RandomStream random(seed);
  Tensor t(DType::kFloat32, shape);
  for (float& v : t.mutable_data<float>()) v = static_cast<float>(random.Normal());
  return t;
}

bool BitEqual(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return x.BitEqual(y); });
}

// A small network of a convolution, pooling and a product, with noise that the state decides; the loss and its slope.
struct Network {
  Network() {
    const Value z = MatMul(Reshape(MaxPool2d(Relu(Conv2d(x, filters))), {-1, 36}), weights);
    y = z + 0.01 * RandomNormalLike(z);
    loss = Mean(Square(y));
    step = Gradients(loss, {filters, weights});
  }
  Updates Descend() const { return {{filters, filters - 0.1 * step[0]}, {weights, weights - 0.1 * step[1]}}; }
  Tensor Images(int64_t batch) const { return Normal({batch, 1, 8, 8}, /*seed=*/100 + batch); }

  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 8, 8});
  Value filters = graph.Variable("filters", Normal({4, 1, 3, 3}, 1)),
        weights = graph.Variable("weights", Normal({36, 3}, 2));
  Value y, loss;
  Values step;
};

// Registered by this test: y = x. While the door is closed, runs wait in it, so that a test knows which are under way.
class Door {
 public:
  void Close() { Set(false); }
  void Open() { Set(true); }
  void Pass() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++inside_);
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --inside_;
  }
  // Waits until this many are inside.
  void Await(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == n; });
  }
  // The most that were inside at once since the door was closed.
  int most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  void Set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    if (!open) most_ = 0;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int inside_ = 0, most_ = 0;
};
Door door;
std::atomic<int> doors_made = 0;  // kernels, one for each plan

const OpRegistration kDoor({
    .name = "test_door",
    .doc = "y = x, when the test lets it.",
    .inputs = {"x"},
    .type = SameType,
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      ++doors_made;
      Kernel kernel;
      kernel.run = [n = spec.x(0).num_elements()](const KernelArgs& args) {
        door.Pass();
        std::copy_n(args.in<float>(0), n, args.out<float>());
        return absl::OkStatus();
      };
      return kernel;
    },
    .no_gradient = "it is for a test",
});

TEST(Threads, SixteenWithOneExecutorAndOneStateGetTheBitsOfOne) {
  constexpr int kThreads = 16, kRuns = 1000;
  const std::vector<int64_t> batches = {1, 2, 3, 5, 8};
  const Network net;
  const State state = *InitialState(net.graph, /*seed=*/1);
  std::vector<Feeds> feeds;
  std::vector<std::vector<Tensor>> expected;
  const Executor alone = *Executor::Create({net.y, net.loss, net.step[0]}, {}, {.threads = 1});
  for (int64_t batch : batches) {
    feeds.push_back({{net.x, net.Images(batch)}});
    expected.push_back(*alone.Run(feeds.back(), state));
  }
  for (const ExecutorOptions& options : {ExecutorOptions{.threads = 1, .max_runs = 8}, ExecutorOptions{.threads = 2}}) {
    const Executor executor = *Executor::Create({net.y, net.loss, net.step[0]}, {}, options);
    std::atomic<int> wrong = 0;
    InThreads(kThreads, [&](int t) {
      std::vector<std::pair<size_t, std::vector<Tensor>>> held;  // results stay as they were
      for (int i = 0; i < kRuns; ++i) {
        const size_t which = (t + i) % batches.size();
        auto results = executor.Run(feeds[which], state);
        if (!results.ok() || !BitEqual(*results, expected[which])) ++wrong;
        if (results.ok() && i % 100 == 0) held.emplace_back(which, *std::move(results));
      }
      for (const auto& [which, results] : held) wrong += !BitEqual(results, expected[which]);
    });
    EXPECT_EQ(wrong, 0);
  }
}

TEST(Threads, TrainStatesOfTheirOwn) {
  const Network net;
  const Executor executor = *Executor::Create({net.loss}, net.Descend(), {.threads = 2, .max_runs = 4});
  const Feeds feeds = {{net.x, net.Images(8)}};
  const auto train = [&](uint64_t seed) {
    State state = *InitialState(net.graph, seed);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(executor.Run(feeds, &state).ok());
    return state.Digest();
  };
  std::vector<std::string> alone, together(8);
  for (uint64_t seed = 0; seed < together.size(); ++seed) alone.push_back(train(seed));
  InThreads(static_cast<int>(together.size()), [&](int t) { together[t] = train(t); });
  EXPECT_EQ(together, alone);
}

TEST(Threads, ThatUpdateOneStateAreRefusedOrCount) {
  Graph graph;
  const Value w = graph.Variable("w", Tensor::Zeros(DType::kFloat32, {1000}));
  const Executor executor = *Executor::Create({}, {{w, w + 1.0}}, {.threads = 1, .max_runs = 4});
  State state = *InitialState(graph, /*seed=*/1);
  std::atomic<int> done = 0, refused = 0, other = 0;
  InThreads(4, [&](int) {
    for (int i = 0; i < 500; ++i) {
      const absl::Status status = executor.Run({}, &state).status();
      ++(status.ok() ? done : absl::IsFailedPrecondition(status) ? refused : other);
    }
  });
  EXPECT_EQ(other, 0);
  EXPECT_EQ(state.step, static_cast<uint64_t>(done));
  EXPECT_TRUE(state.Get("w")->BitEqual(Tensor::Full(DType::kFloat32, {1000}, done)));
}

// Executors that read or update one variable, behind the door or beside it.
struct Counter {
  Executor Make(bool update, bool wait) {
    const Value seen = wait ? Build("test_door", {w}) : w;
    const ExecutorOptions options{.threads = 1, .max_runs = 4};
    return update ? *Executor::Create({}, {{w, seen + 1.0}}, options) : *Executor::Create({seen * 2.0}, {}, options);
  }
  Graph graph;
  Value w = graph.Variable("w", Tensor::From<float>({2}, {1, 2}));
};

TEST(Threads, RunsOfOneStateExcludeEachOtherWhereOneUpdates) {
  Counter counter;
  for (bool first_updates : {false, true}) {
    for (bool second_updates : {false, true}) {
      const Executor first = counter.Make(first_updates, /*wait=*/true);
      const Executor second = counter.Make(second_updates, /*wait=*/false);
      State state = *InitialState(counter.graph, /*seed=*/1);
      State copy = state;
      door.Close();
      std::thread earlier([&] { EXPECT_EQ(first.Run({}, &state).status(), absl::OkStatus()); });
      door.Await(1);
      const absl::Status met = second.Run({}, &state).status();
      const absl::Status of_copy = second.Run({}, &copy).status();
      door.Open();
      earlier.join();
      EXPECT_EQ(of_copy, absl::OkStatus());
      if (!first_updates && !second_updates) {
        EXPECT_EQ(met, absl::OkStatus());
      } else {
        EXPECT_EQ(met.code(), absl::StatusCode::kFailedPrecondition);
        EXPECT_TRUE(StrContains(met.message(), second_updates ? "cannot update the state" : "cannot read the state"));
        EXPECT_TRUE(StrContains(met.message(), first_updates ? "another run updates it" : "(1 now)")) << met;
      }
      // The refused run has changed nothing, and the next one is welcome.
      EXPECT_EQ(state.Get("w")->At(0), first_updates ? 2 : 1);
      EXPECT_EQ(copy.Get("w")->At(0), second_updates ? 2 : 1);
      EXPECT_EQ(second.Run({}, &state).status(), absl::OkStatus());
      EXPECT_EQ(state.step, static_cast<uint64_t>(first_updates + second_updates));
    }
  }
}

TEST(Threads, NoMoreRunsThanMaxRunsAreUnderWay) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  for (int max_runs : {1, 2, 3}) {
    const Executor executor = *Executor::Create({Build("test_door", {x})}, {}, {.threads = 1, .max_runs = max_runs});
    door.Close();
    std::thread opener([&] {
      door.Await(max_runs);
      door.Open();
    });
    InThreads(8, [&](int) {
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(executor.Run({{x, Tensor::Zeros(DType::kFloat32, {2})}}).ok());
      }
    });
    opener.join();
    EXPECT_EQ(door.most(), max_runs);
  }
}

TEST(Threads, ThatNeedOnePlanMakeItOnce) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch});
  const Executor executor = *Executor::Create({Build("test_door", {x})}, {}, {.threads = 1, .max_runs = 8});
  doors_made = 0;
  InThreads(8, [&](int) {
    for (int64_t batch : {3, 4, 3}) {
      EXPECT_TRUE(executor.Run({{x, Tensor::Zeros(DType::kFloat32, {batch})}}).ok());
    }
  });
  EXPECT_EQ(doors_made, 2);
}

TEST(Threads, APlanThatWasDroppedStaysForItsRuns) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch});
  const Value y = Build("test_door", {x}) + 1.0;
  const Executor executor = *Executor::Create({y}, {}, {.threads = 1, .max_plans = 1, .max_runs = 2});
  door.Close();
  std::vector<Tensor> results;
  std::thread earlier([&] { results = *executor.Run({{x, Tensor::Full(DType::kFloat32, {1}, 7)}}); });
  door.Await(1);
  for (int64_t batch : {2, 3}) EXPECT_TRUE(executor.PeakBytes(batch).ok());
  door.Open();
  earlier.join();
  EXPECT_EQ(results[0].At(0), 8);
  // All the time.
  std::atomic<int> wrong = 0;
  InThreads(4, [&](int t) {
    for (int i = 0; i < 50; ++i) {
      const int64_t batch = 1 + (t + i) % 3;
      auto run = executor.Run({{x, Tensor::Full(DType::kFloat32, {batch}, i)}});
      if (!run.ok() || !(*run)[0].BitEqual(Tensor::Full(DType::kFloat32, {batch}, i + 1))) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, ProfilesCountTheRunsOfAll) {
  const Network net;
  const State state = *InitialState(net.graph, /*seed=*/1);
  const Executor executor = *Executor::Create({net.loss}, {}, {.threads = 1, .profile = true, .max_runs = 4});
  InThreads(4, [&](int) {
    for (int i = 0; i < 25; ++i) {
      EXPECT_TRUE(executor.Run({{net.x, net.Images(2)}}, state).ok());
      EXPECT_TRUE(executor.Trace(2).ok());
    }
  });
  const PlanReport report = *executor.Report(2);
  EXPECT_EQ(report.profiled_runs, 100);
  for (const StepReport& step : report.steps) EXPECT_LE(step.last_start, step.last_end);
}

TEST(Threads, CheckedRunsAreCheckedEach) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2}),
              w = graph.Variable("w", Tensor::Full(DType::kFloat32, {2}, 3));
  const Executor executor = *Executor::Create({Log(x) * w}, {}, {.max_runs = 3, .check_numerics = true});
  const State state = *InitialState(graph, /*seed=*/1);
  InThreads(6, [&](int t) {
    for (int i = 0; i < 50; ++i) {
      const bool good = (t + i) % 2 == 0;
      const absl::Status status = executor.Run({{x, Tensor::Full(DType::kFloat32, {2}, good ? 1 : 0)}}, state).status();
      EXPECT_EQ(status.code(), good ? absl::StatusCode::kOk : absl::StatusCode::kOutOfRange);
    }
  });
}

TEST(Threads, AnExecutorNeedsARunAtLeast) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2});
  for (int max_runs : {0, -3}) {
    const absl::Status status = Executor::Create({x + 1.0}, {}, {.max_runs = max_runs}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), absl::StrCat("the number of runs at a time must be at least 1, not ", max_runs));
  }
}

}  // namespace
}  // namespace adret
