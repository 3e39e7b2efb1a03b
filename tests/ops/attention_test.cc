#include "adret/ops/attention.h"

#include <cmath>
#include <limits>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/softmax.h"
#include "adret/ops/where.h"
#include "adret/tests/ops/edge_suite.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Options = AttentionOptions;

// Attention of each query with all of its keys at once. x: q, k, v with equal leading axes, and perhaps a mask that
// repeats along all of them.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Reference(double scale, bool causal = false) {
  return [=](absl::Span<const Tensor> x) {
    const Shape &qs = x[0].shape(), &ks = x[1].shape(), &vs = x[2].shape();
    const int64_t queries = qs[qs.rank() - 2], features = qs[qs.rank() - 1], keys = ks[ks.rank() - 2],
                  values = vs[vs.rank() - 1], heads = qs.num_elements() / (queries * features);
    Shape shape = qs;
    shape.set(qs.rank() - 1, values);
    Tensor y = Tensor::Zeros(DType::kFloat64, shape);
    for (int64_t row = 0; row < heads * queries; ++row) {
      std::vector<double> p(keys, 0);
      double sum = 0;
      for (int64_t j = 0; j < (causal ? std::min(keys, row % queries + 1) : keys); ++j) {
        const int64_t key = row / queries * keys + j;
        double score = 0;
        for (int64_t e = 0; e < features; ++e) score += x[0].At(row * features + e) * x[1].At(key * features + e);
        score *= scale;
        if (x.size() == 4) {
          const double mask = x[3].At((row % queries * keys + j) % x[3].num_elements());
          if (IsBool(x[3].dtype()) && mask == 0) continue;
          if (!IsBool(x[3].dtype())) score += mask;
        }
        p[j] = std::exp(score), sum += p[j];
      }
      for (int64_t j = 0; j < keys && sum > 0; ++j) {
        for (int64_t e = 0; e < values; ++e) {
          y.mutable_data<double>()[row * values + e] += p[j] / sum * x[2].At((row / queries * keys + j) * values + e);
        }
      }
    }
    return std::vector<Tensor>{y};
  };
}

std::function<Values(Args)> Attention(bool causal = false, double scale = 0, double dropout = 0) {
  return [=](Args x) {
    Options options{.causal = causal, .scale = scale, .dropout = dropout};
    if (x.size() == 4) options.mask = x[3];
    return Values{ScaledDotProductAttention(x[0], x[1], x[2], options)};
  };
}

const std::vector<double> kSeen = {1, 0, 1, 1, 0, 0, 1,  //
                                   0, 0, 0, 0, 0, 0, 0,  // a query that sees nothing
                                   1, 1, 1, 1, 1, 1, 1,  //
                                   0, 0, 0, 1, 0, 0, 0,  //
                                   0, 1, 1, 0, 1, 1, 0};

const OpCases kCases({
    {.name = "scaled_dot_product_attention",
     .build = Attention(),
     .inputs = {{.shape = {2, 5, 4}, .batch = true},
                {.shape = {2, 7, 4}, .batch = true},
                {.shape = {2, 7, 3}, .batch = true}},
     .reference = Reference(0.5),
     .bad =
         [](Graph* g) {
           const Value q = g->Input("q", DType::kFloat32, {2, 5, 4}), k = g->Input("k", DType::kFloat32, {2, 7, 3});
           ScaledDotProductAttention(q, k, k);
         },
     .bad_message = "scaled_dot_product_attention: q has 4 features but k has 3"},
    {.name = "scaled_dot_product_attention/causal",
     .build = Attention(/*causal=*/true, /*scale=*/-1.5),
     .inputs = {{.shape = {2, 6, 3}}, {.shape = {2, 6, 3}}, {.shape = {2, 6, 2}}},
     .reference = Reference(-1.5, true),
     .bad =
         [](Graph* g) {
           const Value q = g->Input("q", DType::kFloat32, {2, 5, 4}), k = g->Input("k", DType::kFloat32, {2, 7, 4});
           ScaledDotProductAttention(q, k, g->Input("v", DType::kFloat32, {2, 6, 4}));
         },
     .bad_message = "k has 7 keys but v has 6"},
    {.name = "scaled_dot_product_attention/matrices",
     .build = Attention(/*causal=*/true),
     .inputs = {{.shape = {3, 1}}, {.shape = {5, 1}}, {.shape = {5, 1}}},
     .reference = Reference(1, true)},
    {.name = "scaled_dot_product_attention/mask",
     .build = Attention(),
     .inputs = {{.shape = {2, 1, 5, 4}, .batch = true},
                {.shape = {2, 1, 7, 4}, .batch = true},
                {.shape = {2, 1, 7, 4}, .batch = true},
                {.shape = {5, 7}, .dtype = DType::kBool, .values = kSeen}},
     .reference = Reference(0.5),
     .bad =
         [](Graph* g) {
           const Value q = g->Input("q", DType::kFloat32, {2, 5, 4});
           ScaledDotProductAttention(q, q, q, {.mask = g->Input("mask", DType::kBool, {4, 5})});
         },
     .bad_message = "mask must broadcast to [2,5,5]"},
    {.name = "scaled_dot_product_attention/mask_of_keys",
     .build = Attention(/*causal=*/true),
     .inputs = {{.shape = {3, 5, 4}},
                {.shape = {3, 5, 4}},
                {.shape = {3, 5, 4}},
                {.shape = {3, 1, 5}, .dtype = DType::kBool, .values = {1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1}}}},
    {.name = "scaled_dot_product_attention/bias",
     .build = Attention(),
     .inputs = {{.shape = {2, 5, 4}}, {.shape = {2, 7, 4}}, {.shape = {2, 7, 4}}, {.shape = {5, 7}}},
     .reference = Reference(0.5)},
    {.name = "scaled_dot_product_attention/bias_of_queries",
     .build = Attention(),
     .inputs = {{.shape = {2, 2, 3, 4}}, {.shape = {2, 2, 4, 4}}, {.shape = {2, 2, 4, 4}}, {.shape = {2, 1, 3, 1}}}},
    {.name = "scaled_dot_product_attention/leading_axes",
     .build = Attention(),
     .inputs = {{.shape = {2, 3, 4, 2}}, {.shape = {3, 5, 2}}, {.shape = {2, 1, 5, 3}}}},
    {.name = "scaled_dot_product_attention/no_keys",
     .build = Attention(),
     .inputs = {{.shape = {2, 3, 4}}, {.shape = {2, 0, 4}}, {.shape = {2, 0, 3}}}},
    // What is dropped is compared with a composition below.
    {.name = "scaled_dot_product_attention_dropout",
     .build = Attention(false, 0, 0.4),
     .inputs = {{.shape = {2, 5, 4}, .batch = true},
                {.shape = {2, 7, 4}, .batch = true},
                {.shape = {2, 7, 3}, .batch = true}},
     .bad =
         [](Graph* g) {
           const Value q = g->Input("q", DType::kFloat32, {2, 5, 4});
           ScaledDotProductAttention(q, q, q, {.dropout = 1});
         },
     .bad_message = "scaled_dot_product_attention_dropout: the rate of dropout must be in [0, 1), but is 1"},
    {.name = "scaled_dot_product_attention_dropout/causal",
     .build = Attention(true, -1.5, 0.3),
     .inputs = {{.shape = {2, 6, 3}}, {.shape = {2, 6, 3}}, {.shape = {2, 6, 2}}}},
    {.name = "scaled_dot_product_attention_dropout/bias",
     .build = Attention(false, 0, 0.5),
     .inputs = {{.shape = {2, 5, 4}}, {.shape = {2, 7, 4}}, {.shape = {2, 7, 4}}, {.shape = {5, 7}}}},
    {.name = "scaled_dot_product_attention_dropout/mask",
     .build = Attention(false, 0, 0.2),
     .inputs = {{.shape = {2, 1, 5, 4}, .batch = true},
                {.shape = {2, 1, 7, 4}, .batch = true},
                {.shape = {2, 1, 7, 4}, .batch = true},
                {.shape = {5, 7}, .dtype = DType::kBool, .values = kSeen}}},
});

const GoldenCases kGoldens("attention", {
                                            {.name = "plain", .build = Attention()},
                                            {.name = "causal", .build = Attention(true)},
                                            {.name = "causal_wide", .build = Attention(true)},
                                            {.name = "causal_high", .build = Attention(true)},
                                            {.name = "mask", .build = Attention()},
                                            {.name = "bias", .build = Attention(false, 0.3)},
                                            {.name = "blocks", .build = Attention(true)},
                                        });

EdgeRow Edge(std::string name, std::function<Values(Args)> build, std::vector<std::string> inputs) {
  return {.name = "scaled_dot_product_attention" + name,
          .build = std::move(build),
          .inputs = std::move(inputs),
          .ulp = 8,
          .gradient_ulp = 32,
          .of_largest = true,
          .signed_zeros = false};
}

const EdgeRows kEdges({
    Edge("", Attention(), {"queries", "keys", "values"}),
    Edge("/causal", Attention(true), {"queries", "keys", "values"}),
    Edge("/masked", Attention(), {"queries", "keys", "values", "seen"}),
    Edge("/biased", Attention(), {"some_queries", "some_keys", "some_values", "score_biases"}),
    Edge("/no_queries", Attention(), {"no_queries", "keys", "values"}),
    Edge("/no_keys", Attention(), {"some_queries", "no_keys", "no_values"}),
    // Too rarely for a random number of 24 bits to say so.
    Edge("_dropout/hardly_ever", Attention(false, 0, 1e-17), {"queries", "keys", "values"}),
    Edge("_dropout/hardly_ever_masked", Attention(false, 0, 1e-17), {"queries", "keys", "values", "seen"}),
    Edge("_dropout/no_queries", Attention(false, 0, 0.5), {"no_queries", "keys", "values"}),
    Edge("_dropout/no_keys", Attention(false, 0, 0.5), {"some_queries", "no_keys", "no_values"}),
});

// ---- Blocks -----------------------------------------------------------------------------------------------------

struct Sizes {
  int64_t heads, queries, keys, features, values;
  bool causal;
};

void PrintTo(const Sizes& s, std::ostream* out) {
  *out << s.heads << " heads, " << s.queries << " queries, " << s.keys << " keys, " << s.features << ", " << s.values
       << (s.causal ? ", causal" : "");
}

Tensor Normal(const Shape& shape, RandomStream* random) {
  Tensor t(DType::kFloat64, shape);
  for (double& v : t.mutable_data<double>()) v = random->Uniform(-1, 1);
  return t;
}

class AttentionBlocks : public testing::TestWithParam<Sizes> {};

// The kernel, which sees blocks of scores, against the composition that sees all of them.
TEST_P(AttentionBlocks, GiveWhatTheWholeMatrixGives) {
  const Sizes s = GetParam();
  RandomStream random(/*seed=*/11);
  Graph graph;
  Feeds feeds;
  const auto input = [&](const char* name, const Shape& shape) {
    const Value v = graph.Input(name, DType::kFloat64, shape);
    feeds.emplace_back(v, Normal(shape, &random));
    return v;
  };
  const Value q = input("q", {s.heads, s.queries, s.features}), k = input("k", {s.heads, s.keys, s.features});
  const Value v = input("v", {s.heads, s.keys, s.values}), dy = input("dy", {s.heads, s.queries, s.values});
  Tensor seen(DType::kBool, {s.queries, s.keys});
  for (int64_t i = 0; i < seen.num_elements(); ++i) {
    const bool before = i % s.keys <= i / s.keys;
    seen.mutable_data<bool>()[i] = !s.causal || before;
  }
  const Value mask = graph.Constant(seen);
  const Value scores = MatMul(q, k, {.transpose_b = true}) * (1 / std::sqrt(static_cast<double>(s.features)));
  const Value whole = MatMul(Softmax(Where(mask, scores, -std::numeric_limits<double>::infinity())), v);
  const Value blocks = ScaledDotProductAttention(q, k, v, {.causal = s.causal});
  const Value masked = ScaledDotProductAttention(q, k, v, {.mask = mask});
  Values fetches;
  for (const Value& y : {whole, blocks, masked}) {
    fetches.push_back(y);
    for (const Value& d : Gradients(Values{y}, {q, k, v}, {.seeds = {dy}})) fetches.push_back(d);
  }
  auto executor = Executor::Create(fetches);
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto results = executor->Run(feeds);
  ASSERT_TRUE(results.ok()) << results.status();
  for (int i = 0; i < 4; ++i) {
    for (const int other : {4 + i, 8 + i}) {
      const Tensor &expected = (*results)[i], &found = (*results)[other];
      ASSERT_EQ(found.shape(), expected.shape());
      for (int64_t e = 0; e < expected.num_elements(); ++e) {
        ASSERT_NEAR(found.At(e), expected.At(e), 1e-12) << "result " << other << ", element " << e;
      }
    }
  }
}

// What dropout does, with the numbers that another node draws for the same key; derivatives of order 1 and 2.
TEST_P(AttentionBlocks, DropWhatAMatrixOfRandomNumbersDrops) {
  const Sizes s = GetParam();
  RandomStream random(/*seed=*/14);
  Graph graph;
  Feeds feeds;
  const auto input = [&](const char* name, const Shape& shape) {
    const Value v = graph.Input(name, DType::kFloat64, shape);
    feeds.emplace_back(v, Normal(shape, &random));
    return v;
  };
  const Value q = input("q", {s.heads, s.queries, s.features}), k = input("k", {s.heads, s.keys, s.features});
  const Value v = input("v", {s.heads, s.keys, s.values}), dy = input("dy", {s.heads, s.queries, s.values});
  constexpr double kRate = 0.3;
  const Value blocks = ScaledDotProductAttention(q, k, v, {.causal = s.causal, .dropout = kRate});
  const Value key(&graph, graph.node(blocks.node()).inputs.back());
  const Value kept =
      BernoulliOf(key, {.p = 1 - kRate, .dtype = DType::kFloat64, .shape = {s.heads, s.queries, s.keys}});
  Tensor seen(DType::kBool, {s.queries, s.keys});
  for (int64_t i = 0; i < seen.num_elements(); ++i) {
    seen.mutable_data<bool>()[i] = !s.causal || i % s.keys <= i / s.keys;
  }
  const Value scores = MatMul(q, k, {.transpose_b = true}) * (1 / std::sqrt(static_cast<double>(s.features)));
  const Value weights = Softmax(Where(graph.Constant(seen), scores, -std::numeric_limits<double>::infinity()));
  const Value whole = MatMul(weights * kept * (1 / (1 - kRate)), v);
  const bool second = s.heads * s.queries * s.keys <= 20'000;
  Values fetches;
  size_t half = 0;
  for (const Value& y : {whole, blocks}) {
    half = fetches.size();
    fetches.push_back(y);
    const Values first = Gradients(Values{y}, {q, k, v}, {.seeds = {dy}});
    fetches.insert(fetches.end(), first.begin(), first.end());
    if (!second) continue;
    Value sum = Sum(y * y * y);
    for (const Value& d : first) sum = sum + Sum(d * d);
    for (const Value& d : Gradients(sum, {q, k, v, dy})) fetches.push_back(d);
  }
  auto executor = Executor::Create(fetches);
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state;
  state.seed = 5, state.step = 7;
  auto results = executor->Run(feeds, &state);
  ASSERT_TRUE(results.ok()) << results.status();
  for (size_t i = 0; i < half; ++i) {
    const Tensor &expected = (*results)[i], &found = (*results)[half + i];
    ASSERT_EQ(found.shape(), expected.shape());
    for (int64_t e = 0; e < expected.num_elements(); ++e) {
      ASSERT_NEAR(found.At(e), expected.At(e), 1e-11 * std::max(1.0, std::abs(expected.At(e))))
          << "result " << i << ", element " << e;
    }
  }
}

std::vector<Sizes> AllSizes() {
  std::vector<Sizes> result;
  for (const bool causal : {false, true}) {
    for (const int64_t heads : {1, 9}) {
      for (const int64_t queries : {1, 63, 64, 65, 130}) {
        for (const int64_t keys : {1, 191, 192, 193, 400}) result.push_back({heads, queries, keys, 5, 3, causal});
      }
      result.push_back({heads, 128, 128, 64, 64, causal});
      result.push_back({heads, 400, 400, 16, 48, causal});
    }
  }
  return result;
}

INSTANTIATE_TEST_SUITE_P(All, AttentionBlocks, testing::ValuesIn(AllSizes()));

// Many tasks: in few heads each block of queries and of keys is one, in many each head.
// Each weight is exp(score - largest), of scores that are rounded alike.
TEST(AttentionTest, TheLargestScoreHasWeightOneHoweverLargeItIs) {
  Graph graph;
  const auto row = [&](const std::vector<float>& numbers) {
    const auto n = static_cast<int64_t>(numbers.size());
    return graph.Constant(Tensor::From<float>({n, 1}, numbers));
  };
  for (const float q : {3e10f, -3e10f, 7.7777e9f, 1e30f}) {
    for (const float k : {1.0f, 0.3f}) {
      const Value y = ScaledDotProductAttention(row({q}), row({k, k}), row({2, 4}), {.scale = 0.1});
      const absl::StatusOr<Tensor> found = Evaluate(y);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->At(0), 3) << q << " * " << k;
    }
  }
}

TEST(AttentionTest, ThreadsKeepTheBits) {
  for (const int64_t heads : {2, 20}) {
    RandomStream random(/*seed=*/12);
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {heads, 300, 24});
    const Value y = ScaledDotProductAttention(x, x, x, {.causal = true});
    const Value z = ScaledDotProductAttention(x, x, x, {.causal = true, .dropout = 0.5});
    const Values fetches{y, Gradients(Sum(y * y), {x})[0], z, Gradients(Sum(z * z), {x})[0]};
    const Tensor numbers = Normal(x.shape(), &random).Cast(DType::kFloat32);
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 2, 4}) {
      auto executor = Executor::Create(fetches, {}, {.threads = threads});
      ASSERT_TRUE(executor.ok()) << executor.status();
      auto result = executor->Run({{x, numbers}});
      ASSERT_TRUE(result.ok()) << result.status();
      results.push_back(*result);
      for (int i = 0; i < 4; ++i) EXPECT_TRUE(results.back()[i].BitEqual(results.front()[i])) << threads << " threads";
    }
  }
}

// The number of places may be known to the run only.
TEST(AttentionTest, TimeMayBeSymbolic) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {2, kAnyBatch, 3});
  const Value y = ScaledDotProductAttention(x, x, x, {.causal = true});
  const Value dx = Gradients(Sum(y * y), {x})[0];
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(y.shape(), x.shape());
  RandomStream random(/*seed=*/13);
  for (const int64_t time : {1, 5}) {
    const auto found = Evaluate({y, dx}, {{x, Normal({2, time, 3}, &random)}});
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*found)[1].shape(), (Shape{2, time, 3}));
  }
}

// What is kept is far less than the matrix of scores, also where weights are dropped.
TEST(AttentionTest, MemoryDoesNotGrowWithTheSquare) {
  for (const double dropout : {0.0, 0.1}) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {1, 4096, 16});
    const Value y = ScaledDotProductAttention(x, x, x, {.causal = true, .dropout = dropout});
    auto executor = Executor::Create({Gradients(Sum(y), {x})[0]});
    ASSERT_TRUE(executor.ok()) << executor.status();
    auto bytes = executor->PeakBytes(1);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_LT(*bytes, 8 << 20);  // the matrix would take 64 MiB
  }
}

// Each step drops other weights, and constants are no reason to draw once only.
TEST(AttentionTest, DropsOtherWeightsAtEachStep) {
  Graph graph;
  const Value x = graph.Constant(Tensor::Full(DType::kFloat32, {1, 40, 4}, 1));
  const Value y = ScaledDotProductAttention(x, x, x, {.dropout = 0.5});
  const Value other = ScaledDotProductAttention(x, x, x, {.dropout = 0.5});
  auto executor = Executor::Create({y, other});
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state;
  const auto one = executor->Run({}, &state), again = executor->Run({}, &state);
  ++state.step;
  const auto two = executor->Run({}, &state);
  ASSERT_TRUE(one.ok() && again.ok() && two.ok());
  EXPECT_TRUE((*one)[0].BitEqual((*again)[0]));
  EXPECT_FALSE((*one)[0].BitEqual((*two)[0]));
  EXPECT_FALSE((*one)[0].BitEqual((*one)[1]));
  double mean = 0;
  for (int64_t i = 0; i < 160; ++i) mean += (*one)[0].At(i) / 160;
  EXPECT_NEAR(mean, 1, 0.1);
}

// Examples draw for themselves where each makes its key, and alike where they share one; their gradients follow.
TEST(AttentionTest, DropsForEachExample) {
  Graph graph;
  const Value q = graph.Input("q", DType::kFloat64, {3, 2, 5, 4}), k = graph.Input("k", DType::kFloat64, {3, 2, 6, 4});
  RandomStream random(/*seed=*/15);
  Feeds feeds = {{q, Normal(q.shape(), &random)}, {k, Normal(k.shape(), &random)}};
  for (int64_t i = 1; i < 3; ++i) {  // all examples are alike
    for (auto& [input, numbers] : feeds) {
      const int64_t n = numbers.num_elements() / 3;
      std::copy_n(numbers.data<double>().begin(), n, numbers.mutable_data<double>().begin() + i * n);
    }
  }
  const auto sum = [](const Value& y) { return Sum(y * y * y); };
  const auto own = [&](Args x) {
    const Value y = ScaledDotProductAttention(x[0], x[1], x[1], {.dropout = 0.4});
    return Values{y, Gradients(sum(y), {x[1]})[0], Gradients(sum(Gradients(sum(y), {x[1]})[0]), {x[0]})[0]};
  };
  const Values each = Vmap(own, {q, k});
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  // What all examples together say of their gradients, with the same keys.
  Values fetches = each;
  fetches.push_back(Gradients(sum(each[0]), {k})[0]);
  fetches.push_back(Gradients(sum(each[1]), {q})[0]);
  const auto results = Evaluate(fetches, feeds);
  ASSERT_TRUE(results.ok()) << results.status();
  for (int i = 0; i < 2; ++i) {
    for (int64_t e = 0; e < (*results)[i + 1].num_elements(); ++e) {
      ASSERT_NEAR((*results)[i + 1].At(e), (*results)[i + 3].At(e), 1e-11) << "gradient " << i << ", element " << e;
    }
  }
  int64_t differences = 0;
  for (int64_t e = 0; e < 40; ++e) differences += (*results)[0].At(e) != (*results)[0].At(40 + e);
  EXPECT_GT(differences, 20) << "examples drop the same weights";
}

// A dropped key does not count, however large its value.
TEST(AttentionTest, WhatIsDroppedDoesNotCount) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {1, 1, 1}), k = graph.Input("k", DType::kFloat32, {1, 4, 1});
  const Value v = graph.Input("v", DType::kFloat32, {1, 4, 1});
  const Value y = ScaledDotProductAttention(x, k, v, {.dropout = 0.5});
  auto executor = Executor::Create({y, Gradients(y, {k})[0], Gradients(y, {v})[0]});
  ASSERT_TRUE(executor.ok()) << executor.status();
  int finite = 0;
  for (uint64_t step = 0; step < 40; ++step) {
    State state;
    state.step = step;
    const float inf = std::numeric_limits<float>::infinity();
    const auto results = executor->Run({{x, Tensor::Full(DType::kFloat32, {1, 1, 1}, 1)},
                                        {k, Tensor::Full(DType::kFloat32, {1, 4, 1}, 1)},
                                        {v, Tensor::From<float>({1, 4, 1}, {inf, 1, inf, 1})}},
                                       &state);
    ASSERT_TRUE(results.ok()) << results.status();
    const bool dropped = (*results)[2].At(0) == 0 && (*results)[2].At(2) == 0;
    EXPECT_EQ(std::isfinite((*results)[0].At(0)), dropped) << "step " << step;
    for (int64_t j = 0; dropped && j < 4; ++j) EXPECT_TRUE(std::isfinite((*results)[1].At(j)));
    finite += dropped;
  }
  EXPECT_GT(finite, 0);
  EXPECT_LT(finite, 40);
}

}  // namespace
}  // namespace adret
