#include "adret/ops/attention.h"

#include <cmath>
#include <limits>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
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

std::function<Values(Args)> Attention(bool causal = false, double scale = 0) {
  return [=](Args x) {
    Options options{.causal = causal, .scale = scale};
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
TEST(AttentionTest, ThreadsKeepTheBits) {
  for (const int64_t heads : {2, 20}) {
    RandomStream random(/*seed=*/12);
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {heads, 300, 24});
    const Value y = ScaledDotProductAttention(x, x, x, {.causal = true});
    const Values fetches{y, Gradients(Sum(y * y), {x})[0]};
    const Tensor numbers = Normal(x.shape(), &random).Cast(DType::kFloat32);
    std::vector<std::vector<Tensor>> results;
    for (const int threads : {1, 2, 4}) {
      auto executor = Executor::Create(fetches, {}, {.threads = threads});
      ASSERT_TRUE(executor.ok()) << executor.status();
      auto result = executor->Run({{x, numbers}});
      ASSERT_TRUE(result.ok()) << result.status();
      results.push_back(*result);
      for (int i = 0; i < 2; ++i) EXPECT_TRUE(results.back()[i].BitEqual(results.front()[i])) << threads << " threads";
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

// What is kept is far less than the matrix of scores.
TEST(AttentionTest, MemoryDoesNotGrowWithTheSquare) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {1, 4096, 16});
  const Value dx = Gradients(Sum(ScaledDotProductAttention(x, x, x, {.causal = true})), {x})[0];
  auto executor = Executor::Create({dx});
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto bytes = executor->PeakBytes(1);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_LT(*bytes, 8 << 20);  // the matrix would take 64 MiB
}

}  // namespace
}  // namespace adret
