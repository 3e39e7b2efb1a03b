#include "adret/core/executor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "adret/autograd/gradients.h"
#include "adret/core/parallel.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using absl::StrContains;

Tensor F(std::initializer_list<float> values) {
  return Tensor::From<float>({static_cast<int64_t>(values.size())}, values);
}

TEST(Executor, UpdatesInPlaceAndFetchesOldValues) {
  Graph graph;
  Value w = graph.Variable("w", F({1, 2, 3}));
  State state = *InitialState(graph, 1);
  const Tensor held = *state.Get("w");
  auto executor = Executor::Create({w, w * 2.0}, {{w, w + 1.0}});
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int i = 0; i < 3; ++i) {
    auto results = executor->Run({}, &state);
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_TRUE((*results)[0].BitEqual(F({1.f + i, 2.f + i, 3.f + i}))) << "fetched before the update";
  }
  EXPECT_TRUE(state.Get("w")->BitEqual(F({4, 5, 6})));
  EXPECT_TRUE(held.BitEqual(F({1, 2, 3}))) << "a tensor that was handed out does not change";
  EXPECT_EQ(state.step, 3u);
}

TEST(Executor, VariablesCanBeSwapped) {
  Graph graph;
  Value a = graph.Variable("a", F({1, 2})), b = graph.Variable("b", F({3, 4}));
  State state = *InitialState(graph, 1);
  auto executor = Executor::Create({}, {{a, b}, {b, a}});
  ASSERT_TRUE(executor.ok()) << executor.status();
  ASSERT_TRUE(executor->Run({}, &state).ok());
  EXPECT_TRUE(state.Get("a")->BitEqual(F({3, 4})));
  EXPECT_TRUE(state.Get("b")->BitEqual(F({1, 2})));
}

TEST(Executor, UpdatesThatReadEachOthersVariablesSeeOldValues) {
  Graph graph;
  Value a = graph.Variable("a", F({1, 2})), b = graph.Variable("b", F({10, 20}));
  State state = *InitialState(graph, 1);
  auto executor = Executor::Create({}, {{a, a + b}, {b, b * a}});
  ASSERT_TRUE(executor->Run({}, &state).ok());
  EXPECT_TRUE(state.Get("a")->BitEqual(F({11, 22})));
  EXPECT_TRUE(state.Get("b")->BitEqual(F({10, 40})));
}

TEST(Executor, AFailedRunChangesNothing) {
  Graph graph;
  Value table = graph.Variable("table", F({1, 2, 3}));
  Value index = graph.Input("index", DType::kInt64, {1});
  Value picked = Gather(table, index, 0);
  State state = *InitialState(graph, 1);
  auto executor = Executor::Create({picked}, {{table, table * 2.0}});
  auto bad = executor->Run({{index, Tensor::From<int64_t>({1}, {7})}}, &state);
  EXPECT_FALSE(bad.ok());
  EXPECT_TRUE(StrContains(bad.status().message(), "gather")) << bad.status();
  EXPECT_TRUE(state.Get("table")->BitEqual(F({1, 2, 3})));
  EXPECT_EQ(state.step, 0u);
  EXPECT_TRUE(executor->Run({{index, Tensor::From<int64_t>({1}, {2})}}, &state).ok());
  EXPECT_TRUE(state.Get("table")->BitEqual(F({2, 4, 6})));
}

TEST(Executor, OnePlanForEachBatch) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2});
  auto executor = Executor::Create({x * 2.0 + 1.0});
  for (int64_t batch : {1, 5, 1, 300}) {
    auto y = executor->Run({{x, Tensor::Full(DType::kFloat32, {batch, 2}, 3)}});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE((*y)[0].BitEqual(Tensor::Full(DType::kFloat32, {batch, 2}, 7)));
  }
}

TEST(Executor, BadFeedsAreNamed) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 2}), y = graph.Input("y", DType::kFloat32, {kAnyBatch});
  Value sum = x + Reshape(y, {-1, 1});
  auto executor = Executor::Create({sum});
  ASSERT_TRUE(executor.ok()) << executor.status();
  const auto message = [&](const Feeds& feeds) { return std::string(executor->Run(feeds).status().message()); };
  const Tensor good_x = Tensor::Zeros(DType::kFloat32, {3, 2}), good_y = Tensor::Zeros(DType::kFloat32, {3});
  EXPECT_EQ(message({{x, good_x}}), "input 'y' is not fed");
  EXPECT_EQ(message({{x, Tensor::Zeros(DType::kFloat64, {3, 2})}, {y, good_y}}),
            "input 'x' expects f32[?,2] but was fed f64[3,2]");
  EXPECT_EQ(message({{x, Tensor::Zeros(DType::kFloat32, {3, 4})}, {y, good_y}}),
            "input 'x' expects f32[?,2] but was fed f32[3,4]");
  EXPECT_TRUE(StrContains(message({{x, good_x}, {y, Tensor::Zeros(DType::kFloat32, {4})}}), "a batch of 4"));
  EXPECT_TRUE(StrContains(message({{sum, good_x}}), "not an input"));
  EXPECT_TRUE(StrContains(message({{x, Tensor::Zeros(DType::kFloat32, {0, 2})}, {y, good_y}}), "a batch of 0"));
}

TEST(Executor, BadRequestsAreNamed) {
  Graph graph;
  Value w = graph.Variable("w", F({1, 2})), x = graph.Input("x", DType::kFloat32, {2});
  EXPECT_TRUE(StrContains(Executor::Create({}, {{x, x}}).status().message(), "not a variable"));
  EXPECT_TRUE(StrContains(Executor::Create({}, {{w, w}, {w, x}}).status().message(), "updated twice"));
  EXPECT_FALSE(Executor::Create({}).ok());
  auto needs_state = Executor::Create({w});
  EXPECT_TRUE(StrContains(needs_state->Run({}).status().message(), "'w'"));
  State empty;
  EXPECT_TRUE(StrContains(needs_state->Run({}, &empty).status().message(), "'w'"));
  empty.Set("w", F({1, 2, 3}));
  EXPECT_TRUE(StrContains(needs_state->Run({}, &empty).status().message(), "f32[3]"));
}

TEST(Executor, TheSameUpdateGivenTwiceIsOne) {
  Graph graph;
  const Value w = graph.Variable("w", F({1, 2}));
  const Value next = w + 1.0;
  absl::StatusOr<Executor> executor = Executor::Create({}, {{w, next}, {w, next}});
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(graph, 1);
  ASSERT_TRUE(executor->Run({}, &state).ok());
  EXPECT_EQ(state.Get("w")->At(1), 3);
}

TEST(Executor, AbsurdNumbersOfThreadsAreRefused) {
  Graph graph;
  Value w = graph.Variable("w", F({1, 2}));
  for (int threads : {0, -1, -4, MaxThreads() + 1, 1 << 20, std::numeric_limits<int>::min()}) {
    const absl::Status status = Executor::Create({w}, {}, {.threads = threads}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(StrContains(status.message(), absl::StrCat("between 1 and ", MaxThreads()))) << status;
    EXPECT_TRUE(StrContains(status.message(), absl::StrCat("not ", threads))) << status;
  }
  for (std::optional<int> threads : {std::optional<int>(), std::optional<int>(1), std::optional<int>(MaxThreads())}) {
    EXPECT_TRUE(Executor::Create({w}, {}, {.threads = threads}).ok());
  }
}

TEST(Executor, MemoryLimitsHoldAndAreNamed) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 64});
  auto executor = Executor::Create({MatMul(Tanh(x), Sin(x), {.transpose_a = true})}, {}, {.memory_limit = 100 << 10});
  ASSERT_TRUE(executor.ok()) << executor.status();
  EXPECT_TRUE(executor->PeakBytes(/*batch=*/5).ok());
  const absl::Status plan = executor->Run({{x, Tensor::Zeros(DType::kFloat32, {300, 64})}}).status();
  EXPECT_EQ(plan.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(StrContains(plan.message(), "above the memory limit of 100.0 KiB")) << plan;
  const absl::Status value = executor->PeakBytes(/*batch=*/4096).status();
  EXPECT_EQ(value.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(StrContains(value.message(), "f32[4096,64] needs 1.0 MiB, above the memory limit of 100.0 KiB")) << value;
  // Sizes of which no sum is taken.
  Value big = BroadcastTo(graph.Constant(Tensor::Scalar(DType::kFloat32, 1)), {1 << 20, 1 << 10});
  EXPECT_EQ(Executor::Create({MatMul(big, big, {.transpose_b = true})}, {}, {.memory_limit = 1 << 20}).status().code(),
            absl::StatusCode::kResourceExhausted);
  for (int64_t limit : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    const absl::Status status = Executor::Create({Sum(x)}, {}, {.memory_limit = limit}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(StrContains(status.message(), absl::StrCat("positive number of bytes, not ", limit))) << status;
  }
}

TEST(Executor, AStateMayBeReplacedBetweenRuns) {
  Graph graph;
  Value w = graph.Variable("w", F({1}));
  auto executor = Executor::Create({w + 0.5}, {{w, w + 1.0}});
  State state = *InitialState(graph, 1);
  ASSERT_TRUE(executor->Run({}, &state).ok());
  const State saved = state;
  ASSERT_TRUE(executor->Run({}, &state).ok());
  EXPECT_EQ(state.Get("w")->At(0), 3);
  EXPECT_EQ(saved.Get("w")->At(0), 2);
  state = saved;
  ASSERT_TRUE(executor->Run({}, &state).ok());
  EXPECT_EQ(state.Get("w")->At(0), 3);
}

TEST(Executor, AStateThatWasMovedFromIsEmpty) {
  Graph graph;
  Value w = graph.Variable("w", F({1}));
  auto executor = Executor::Create({w + 0.5});
  State state = *InitialState(graph, 1);
  ASSERT_TRUE(executor->Run({}, &state).ok());
  State moved = std::move(state);
  EXPECT_EQ(executor->Run({}, &moved).status(), absl::OkStatus());
  EXPECT_EQ(executor->Run({}, &state).status().code(), absl::StatusCode::kNotFound);  // NOLINT: what it is for
  state = std::move(moved);
  EXPECT_EQ(executor->Run({}, &state).status(), absl::OkStatus());
  EXPECT_EQ(executor->Run({}, &moved).status().code(), absl::StatusCode::kNotFound);  // NOLINT
}

TEST(Executor, FetchedResultsOutliveLaterRuns) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {2});
  auto executor = Executor::Create({x + 1.0, Reshape(x + 1.0, {2, 1}), x});
  auto first = *executor->Run({{x, F({1, 2})}});
  auto second = *executor->Run({{x, F({5, 6})}});
  EXPECT_TRUE(first[0].BitEqual(F({2, 3})));
  EXPECT_TRUE(first[2].BitEqual(F({1, 2})));
  EXPECT_TRUE(second[1].BitEqual(F({6, 7}).Reshaped({2, 1})));
}

TEST(Executor, MergesFoldsAndFuses) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {64});
  Value c = graph.Constant(Tensor::Scalar(DType::kFloat32, 2)) * 3.0;
  Value y = Tanh(x * c) + Tanh(x * c) * 1.0 + 0.0;
  auto executor = Executor::Create({y});
  const std::string plan = *executor->Explain();
  EXPECT_TRUE(StrContains(plan, "mul + tanh + add")) << plan;
  EXPECT_EQ(std::count(plan.begin(), plan.end(), '\n'), 3) << plan;  // heading, one step, total
}

// Design: chains of 100,000 nodes build, differentiate, compile and run.
TEST(Executor, DeepChainsAreNormal) {
  Graph graph;
  Value x = graph.Variable("x", Tensor::Scalar(DType::kFloat64, 0.5));
  Value y = x;
  for (int i = 0; i < 100'000; ++i) y = y * 0.99999;
  Value dx = Gradients(y, {x})[0];
  State state = *InitialState(graph, 1);
  for (bool fuse : {true, false}) {
    ExecutorOptions options;
    options.fuse = fuse;
    auto executor = Executor::Create({dx}, {}, options);
    ASSERT_TRUE(executor.ok()) << executor.status();
    auto result = executor->Run({}, &state);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_NEAR((*result)[0].At(0), std::pow(0.99999, 100'000), 1e-9);
  }
}

TEST(Executor, DeepChainsOfKernelsToo) {
  Graph graph;
  Value x = graph.Variable("x", Tensor::Full(DType::kFloat32, {2, 2}, 0.5));
  Value y = x;
  for (int i = 0; i < 20'000; ++i) y = MatMul(y, x);
  State state = *InitialState(graph, 1);
  auto executor = Executor::Create({y});
  ASSERT_TRUE(executor.ok()) << executor.status();
  EXPECT_LT(*executor->PeakBytes(), 1 << 20) << "buffers are reused";
  auto result = executor->Run({}, &state);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ((*result)[0].At(0), 0.5);
}

// A chain that became one kernel's epilogue was moved on to another's, which left a cycle: no step ran at all.
TEST(Executor, ChainsBetweenTwoSumsOfOneElementAreComputed) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {3});
  Value y = Sum(x, {.axes = {}, .keepdims = true});
  Value a = Reshape(y * 2.0, {}), b = Sum(y);
  auto executor = Executor::Create({a + b});
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto results = executor->Run({{x, F({1, 2, 3})}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].At(0), 18);
  EXPECT_TRUE(StrContains(*executor->Explain(), "sum")) << *executor->Explain();
}

TEST(Executor, OneExecutorIsRightForBatchesOfAnySize) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  Value ones = graph.Constant(Tensor::Full(DType::kFloat32, {3, 1}, 1));
  Value y = MatMul(x, ones);
  Value a = Square(Reshape(y * 2.0, {-1})), b = Sum(y, {.axes = {1}});
  auto executor = Executor::Create({a + b, Mean(y), Gradients(Sum(a + b), {x})[0]});
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int64_t batch : {2, 1, 0, 5, 1}) {
    auto results = executor->Run({{x, Tensor::Full(DType::kFloat32, {batch, 3}, 1)}});
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_TRUE((*results)[0].BitEqual(Tensor::Full(DType::kFloat32, {batch}, 39))) << batch;
    EXPECT_TRUE((*results)[2].BitEqual(Tensor::Full(DType::kFloat32, {batch, 3}, 25))) << batch;
    if (batch == 0) {
      EXPECT_TRUE(std::isnan((*results)[1].At(0))) << "the mean of nothing, as NumPy's";
    } else {
      EXPECT_EQ((*results)[1].At(0), 3);
    }
  }
}

TEST(Executor, GradientsOfPartsOfABatchOfZeroAreEmpty) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 5, 3});
  Value y = Square(Slice(x, /*axis=*/2, 1, 2)) + Reshape(x, {-1, 5, 3});
  auto executor = Executor::Create(Gradients(Sum(y), {x}));
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (int64_t batch : {2, 0}) {
    auto results = executor->Run({{x, Tensor::Full(DType::kFloat32, {batch, 5, 3}, 1)}});
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_EQ((*results)[0].shape(), Shape({batch, 5, 3}));
  }
}

TEST(Executor, TypeRulesHaveTheirSayAboutABatchOfZero) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  auto executor = Executor::Create({Max(x, {.axes = {0}})});
  ASSERT_TRUE(executor.ok()) << executor.status();
  const absl::Status status = executor->Run({{x, Tensor::Zeros(DType::kFloat32, {0, 3})}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(StrContains(status.message(), "max: ")) << status;
}

TEST(CheckNumerics, NamesTheNodeThatMadeIt) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {3});
  Value y = Log(x * 2.0 + 0.0).Named("bad_log");
  const int line = __LINE__ - 1;
  Value loss = Sum(Exp(y));
  Value root = Sum(Sqrt(x).Named("root"));
  auto executor = Executor::Create({loss}, {}, {.check_numerics = true});
  auto gradient = Executor::Create(Gradients(root, {x}), {}, {.check_numerics = true});
  ASSERT_TRUE(executor.ok() && gradient.ok());
  EXPECT_EQ(executor->Run({{x, F({1, 2, 3})}}).status(), absl::OkStatus());
  const std::string made(executor->Run({{x, F({1, 0, 3})}}).status().message());
  for (const std::string& part :
       {std::string("log 'bad_log'"), absl::StrCat("executor_test.cc:", line), std::string("not of a derivative"),
        std::string("-infinity"), std::string("element 1 of f32[3]")}) {
    EXPECT_TRUE(StrContains(made, part)) << made;
  }
  const std::string derivative(gradient->Run({{x, F({1, 2, 0})}}).status().message());
  EXPECT_TRUE(StrContains(derivative, "(of a derivative)")) << derivative;
  // What comes in is not what a step made.
  EXPECT_EQ(executor->Run({{x, F({1, INFINITY, 3})}}).status(), absl::OkStatus());
}

TEST(CheckNumerics, LeavesTheStateAlone) {
  Graph graph;
  Value w = graph.Variable("w", F({1, 0, 4}));
  const Updates updates = {{w, Reciprocal(w)}};
  State state = *InitialState(graph, 1);
  for (bool fuse : {true, false}) {
    auto executor = Executor::Create({}, updates, {.fuse = fuse, .check_numerics = true});
    ASSERT_TRUE(executor.ok());
    EXPECT_EQ(executor->Run({}, &state).status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_TRUE(state.Get("w")->BitEqual(F({1, 0, 4})));
    EXPECT_EQ(state.step, 0u);
  }
}

// Registered by this test: forgets the last element of its result.
const OpRegistration kForgetful({
    .name = "test_forgetful",
    .doc = "y = x but for the last element, which is not written.",
    .inputs = {"x"},
    .type = SameType,
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      const int64_t n = spec.x(0).num_elements();
      Kernel kernel;
      kernel.run = [n](const KernelArgs& args) {
        std::copy_n(args.in<float>(0), n - 1, args.out<float>());
        return absl::OkStatus();
      };
      return kernel;
    },
    .no_gradient = "it is for a test",
});

TEST(CheckNumerics, FindsElementsThatNobodyWrote) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {3});
  auto executor = Executor::Create({Build("test_forgetful", {x})}, {}, {.check_numerics = true});
  ASSERT_TRUE(executor.ok());
  const absl::Status status = executor->Run({{x, F({1, 2, 3})}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(StrContains(status.message(), "left element 2 of f32[3] unwritten")) << status;
}

// A pool has its threads whatever other pools there are, and TBB says nothing about them.
TEST(Parallel, PoolsDoNotLimitEachOther) {
  const int most = std::min(MaxThreads(), HardwareThreads() + 3);
  testing::internal::CaptureStderr();
  const absl::StatusOr<ThreadPool> small = ThreadPool::Create(1), machine = ThreadPool::Create(std::nullopt),
                                   large = ThreadPool::Create(most);
  small->Run([] { ParallelFor(4, 1, [](int64_t, int64_t) {}); });
  machine->Run([] { ParallelFor(4, 1, [](int64_t, int64_t) {}); });
  // As many chunks as threads: each waits until all are there, which needs a thread for each.
  std::atomic<int> arrived = 0;
  large->Run([&] {
    ParallelFor(most, 1, [&](int64_t, int64_t) {
      ++arrived;
      const absl::Time deadline = absl::Now() + absl::Seconds(20);
      while (arrived < most && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
      EXPECT_EQ(arrived.load(), most);
    });
  });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Parallel, ChunksCoverTheRangeOnce) {
  auto pool = ThreadPool::Create(3);
  std::vector<int> hits(1000, 0);
  pool->Run([&] {
    ParallelFor(1000, 7, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(begin % 7, 0);
      for (int64_t i = begin; i < end; ++i) ++hits[i];
    });
  });
  EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), 1000);
}

}  // namespace
}  // namespace adret
