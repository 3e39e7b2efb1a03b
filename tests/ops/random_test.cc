#include "adret/ops/random.h"

#include <cmath>
#include <limits>
#include <set>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/kernels/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// Adds noise to x, whose gradient the suite can check.
OpCase Noise(std::string name, std::function<Value(Value)> noise) {
  return {.name = std::move(name),
          .build = [noise = std::move(noise)](Args x) { return Values{Square(x[0]) + noise(x[0])}; },
          .inputs = {{.shape = {5, 13}, .batch = true}},
          // The dtypes draw different numbers.
          .f32_tolerance = 10};
}

OpCase Bad(OpCase c, std::function<void(Graph*)> bad, std::string message) {
  c.bad = std::move(bad);
  c.bad_message = std::move(message);
  return c;
}

const OpCases kRandom({
    Bad(
        Noise("random_uniform", [](Value x) { return RandomUniformLike(x, {.lo = -1, .hi = 2}); }),
        [](Graph* g) { RandomUniform(g, DType::kFloat32, {2}, {.lo = 1, .hi = 1}); },
        "random_uniform: [1, 1) is not an interval"),
    Bad(
        Noise("random_normal", [](Value x) { return RandomNormalLike(x, {.mean = 1, .stddev = 0.5}); }),
        [](Graph* g) { RandomNormal(g, DType::kInt32, {2}); }, "random_normal: makes f32 or f64, not i32"),
    Bad(
        Noise("random_bernoulli", [](Value x) { return RandomBernoulliLike(x, {.p = 0.3}); }),
        [](Graph* g) { RandomBernoulli(g, DType::kBool, {2}, {.p = 1.5}); }, "p must be in [0, 1], not 1.5"),
    Bad(
        {.name = "dropout",
         .build = [](Args x) { return Values{Dropout(x[0], {.rate = 0.25})}; },
         .inputs = {{.shape = {5, 13}, .batch = true}}},
        [](Graph* g) { Dropout(g->Input("x", DType::kFloat32, {2}), {.rate = 2}); },
        "dropout: expects a rate in [0, 1]"),
    {.name = "bernoulli_of",
     .build =
         [](Args x) {
           return Values{BernoulliOf(x[0], {.p = 0.3, .dtype = DType::kFloat64, .shape = {3, 5}})};
         },
     .inputs = {{.shape = {4}, .dtype = DType::kInt64, .batch = true, .values = {-1, 0, 7, 1e15}}},
     .reference = Picked({4, 3, 5},
                         [](auto x, const Index& i) {
                           const uint64_t key = static_cast<uint64_t>(x[0].template data<int64_t>()[i[0]]);
                           const int64_t place = i[1] * 5 + i[2];
                           const uint32_t word = RandomKey{.seed = key}.Block(place / 4)[place % 4];
                           return UnitFloat(word) < std::lround(0.3 * 0x1p24) * 0x1p-24 ? 1.0 : 0.0;
                         }),
     .differentiable = false,
     .bad = [](Graph* g) { BernoulliOf(g->Input("key", DType::kInt32, {}), {.shape = {2}}); },
     .bad_message = "bernoulli_of: key must be i64 (key i32[])"},
    {.name = "draw_key",
     .build =
         [](Args x) {
           const Value drawn = BernoulliOf(DrawKey(x[0].graph()), {.dtype = x[0].dtype(), .shape = {13}});
           return Values{x[0] * drawn};
         },
     .inputs = {{.shape = {5, 13}, .batch = true}}},
});

TEST(DrawKey, IsAnotherOneInEachStepAndForEachNode) {
  Graph graph;
  auto executor = Executor::Create({DrawKey(&graph), DrawKey(&graph)});
  ASSERT_TRUE(executor.ok()) << executor.status();
  std::set<int64_t> keys;
  for (uint64_t step = 0; step < 10; ++step) {
    State state;
    state.seed = 3, state.step = step;
    const auto drawn = executor->Run({}, &state);
    ASSERT_TRUE(drawn.ok()) << drawn.status();
    for (const Tensor& key : *drawn) keys.insert(key.data<int64_t>()[0]);
  }
  EXPECT_EQ(keys.size(), 20u);
  EXPECT_GE(*keys.begin(), 0);
}

TEST(RandomKernels, WordsAreThoseOfTheKey) {
  const RandomKey key{.seed = 0x123456789ABCDEF0, .stream = 77, .step = (uint64_t{3} << 40) + 5};
  for (int64_t blocks : {1, 7, 8, 61}) {
    const uint64_t first = (uint64_t{1} << 32) - 20;  // counts past 32 bits
    std::vector<uint32_t> words(4 * blocks);
    kernels::RandomWords(key, first, blocks, words.data());
    for (int64_t i = 0; i < 4 * blocks; ++i) ASSERT_EQ(words[i], key.Block(first + i / 4)[i % 4]) << i;
  }
}

struct Moments {
  double mean = 0, variance = 0, min = INFINITY, max = -INFINITY;
};
Moments MomentsOf(const Tensor& t) {
  Moments m;
  for (int64_t i = 0; i < t.num_elements(); ++i) {
    m.mean += t.At(i) / t.num_elements();
    m.min = std::min(m.min, t.At(i)), m.max = std::max(m.max, t.At(i));
  }
  for (int64_t i = 0; i < t.num_elements(); ++i) m.variance += std::pow(t.At(i) - m.mean, 2) / t.num_elements();
  return m;
}

constexpr int64_t kMany = 200'000;  // standard errors below 0.003

TEST(Random, HasTheMomentsItPromises) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Graph graph;
    auto results = Evaluate(Values{RandomUniform(&graph, dtype, {kMany}, {.lo = -1, .hi = 3}),
                                   RandomNormal(&graph, dtype, {kMany}, {.mean = 2, .stddev = 0.5}),
                                   RandomBernoulli(&graph, dtype, {kMany}, {.p = 0.2})});
    ASSERT_TRUE(results.ok()) << results.status();
    const Moments uniform = MomentsOf((*results)[0]), normal = MomentsOf((*results)[1]);
    EXPECT_NEAR(uniform.mean, 1, 0.01);
    EXPECT_NEAR(uniform.variance, 16.0 / 12, 0.01);
    EXPECT_GE(uniform.min, -1);
    EXPECT_LT(uniform.max, 3);
    EXPECT_NEAR(normal.mean, 2, 0.005);
    EXPECT_NEAR(normal.variance, 0.25, 0.005);
    EXPECT_GT(normal.max, 2 + 0.5 * 3.8);
    EXPECT_NEAR(MomentsOf((*results)[2]).mean, 0.2, 0.005);
  }
}

TEST(Random, BernoulliOfCertaintiesIsConstant) {
  Graph graph;
  auto results = Evaluate(Values{RandomBernoulli(&graph, DType::kInt32, {999}, {.p = 0}),
                                 RandomBernoulli(&graph, DType::kUint8, {999}, {.p = 1})});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(MomentsOf((*results)[0]).max, 0);
  EXPECT_EQ(MomentsOf((*results)[1]).min, 1);
}

TEST(Random, DependsOnSeedStepAndStreamOnly) {
  Graph graph;
  const Value a = RandomNormal(&graph, DType::kFloat32, {50'001}), b = RandomNormal(&graph, DType::kFloat32, {50'001});
  const auto run = [&](uint64_t seed, int64_t step, int threads) {
    ExecutorOptions options;
    options.threads = threads;
    auto executor = Executor::Create({a, b}, {}, options);
    State state;
    state.seed = seed;
    state.step = step;
    return *executor->Run({}, &state);
  };
  const auto first = run(1, 0, 1);
  EXPECT_FALSE(first[0].BitEqual(first[1]));
  EXPECT_TRUE(first[0].BitEqual(run(1, 0, 4)[0]));
  EXPECT_FALSE(first[0].BitEqual(run(2, 0, 1)[0]));
  EXPECT_FALSE(first[0].BitEqual(run(1, 1, 1)[0]));
}

TEST(Random, DropoutScalesWhatItKeepsAndItsGradientUsesTheSameMask) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1000});
  const Value y = Dropout(x, {.rate = 0.75});
  const Value dx = Gradients(y, {x})[0];
  auto results = Evaluate(Values{y, dx}, {{x, Tensor::Full(DType::kFloat32, {20, 1000}, 2)}});
  ASSERT_TRUE(results.ok()) << results.status();
  std::set<double> seen;
  for (int64_t i = 0; i < 20'000; ++i) {
    seen.insert((*results)[0].At(i));
    ASSERT_EQ((*results)[0].At(i), 2 * (*results)[1].At(i));
  }
  EXPECT_EQ(seen, (std::set<double>{0, 8}));
  EXPECT_NEAR(MomentsOf((*results)[0]).mean, 2, 0.1);
}

TEST(Random, DroppedIsZeroWhereXIsNotFinite) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {1000});
  const Value y = Dropout(x, {.rate = 0.5});
  const Value dx = Gradients(Sum(y * y), {x})[0];  // also infinite, or NaN
  for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    auto results = Evaluate({y, dx}, {{x, Tensor::Full(DType::kFloat32, {1000}, value)}});
    ASSERT_TRUE(results.ok()) << results.status();
    int64_t dropped = 0;
    for (int64_t i = 0; i < 1000; ++i) {
      const double found = (*results)[0].At(i), slope = (*results)[1].At(i);
      dropped += found == 0;
      EXPECT_TRUE(found == 0 ? slope == 0 : !std::isfinite(found) && !std::isfinite(slope)) << found << " " << slope;
    }
    EXPECT_GT(dropped, 400);
    EXPECT_LT(dropped, 600);
  }
}

TEST(Random, DropoutAtTheEndsOfItsRange) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {3});
  EXPECT_EQ(Dropout(x, {.rate = 0}), x);
  auto y = Evaluate(Dropout(x, {.rate = 1}), {{x, Tensor::Full(DType::kFloat32, {3}, 2)}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->At(1), 0);
}

}  // namespace
}  // namespace adret
