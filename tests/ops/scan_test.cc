#include "adret/ops/scan.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "adret/core/executor.h"
#include "adret/ops/top_k.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<double>;

Line CumSumOf(const Line& v) {
  Line y(v.size());
  std::partial_sum(v.begin(), v.end(), y.begin());
  return y;
}
Line ExclusiveReverseOf(const Line& v) {
  Line y(v.size());
  for (size_t i = v.size() - 1; i > 0; --i) y[i - 1] = y[i] + v[i];
  return y;
}

// The k largest along axis 1 of [outer, n, inner], and their places.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceTopK(int64_t k, Shape y) {
  return [=](absl::Span<const Tensor> x) {
    Tensor values(DType::kFloat64, y), indices(DType::kFloat64, y);
    const auto in = LinesOf(x[0].shape(), {1}), out = LinesOf(y, {1});
    for (size_t line = 0; line < in.size(); ++line) {
      std::vector<int64_t> order(in[line].size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return x[0].At(in[line][a]) > x[0].At(in[line][b]); });
      for (int64_t i = 0; i < k; ++i) {
        values.mutable_data<double>()[out[line][i]] = x[0].At(in[line][order[i]]);
        indices.mutable_data<double>()[out[line][i]] = order[i];
      }
    }
    return std::vector<Tensor>{values.Cast(x[0].dtype()), indices.Cast(DType::kInt64)};
  };
}

Values Both(const TopKResult& r) { return {r.values, r.indices}; }

const OpCases kCases({
    {.name = "cumsum",
     .build = [](Args x) { return Values{CumSum(x[0])}; },
     .inputs = {{.shape = {3, 17}, .batch = true}},
     .reference = ReferenceLines({1}, CumSumOf),
     .bad =
         [](Graph* g) {
           CumSum(g->Input("x", DType::kFloat32, {2, 3}), {.axis = 2});
         },
     .bad_message = "cumsum: axis 2 is out of range for rank 2 (x f32[2,3])"},
    {.name = "cumsum/exclusive_reverse",
     .build = [](Args x) { return Values{CumSum(x[0], {.axis = 1, .exclusive = true, .reverse = true})}; },
     .inputs = {{.shape = {2, 5, 150}, .batch = true}},
     .reference = ReferenceLines({1}, ExclusiveReverseOf)},
    {.name = "cumsum/batch",
     .build = [](Args x) { return Values{CumSum(x[0], {.axis = 0})}; },
     .inputs = {{.shape = {6, 3}, .batch = true}},
     .reference = ReferenceLines({0}, CumSumOf)},
    {.name = "cumsum/i64",
     .build = [](Args x) { return Values{CumSum(x[0], {.axis = 0})}; },
     .inputs = {{.shape = {6, 3}, .dtype = DType::kInt64, .lo = -9, .hi = 9}},
     .reference = ReferenceLines({0}, CumSumOf),
     .differentiable = false},
    {.name = "top_k",
     .build = [](Args x) { return Both(TopK(x[0], 3)); },
     .inputs = {{.shape = {4, 40}, .batch = true}},
     .reference = ReferenceTopK(3, {4, 3}),
     .bad =
         [](Graph* g) {
           TopK(g->Input("x", DType::kFloat32, {2, 3}), 4);
         },
     .bad_message = "top_k: k must be in [1, size of axis 1], but is 4 (x f32[2,3])"},
    {.name = "top_k/axis",
     .build = [](Args x) { return Both(TopK(x[0], 4, 1)); },
     .inputs = {{.shape = {2, 6, 3}, .batch = true}},
     .reference = ReferenceTopK(4, {2, 4, 3}),
     .bad =
         [](Graph* g) {
           TopK(g->Input("x", DType::kFloat32, {2, 3}), 0);
         },
     .bad_message = "top_k: k must be in"},
    {.name = "top_k/ties",
     .build = [](Args x) { return Both(TopK(x[0], 5)); },
     .inputs = {{.shape = {3, 50}, .dtype = DType::kInt32, .lo = 0, .hi = 4}},
     .reference = ReferenceTopK(5, {3, 5}),
     .differentiable = false},
});

const GoldenCases kGolden("scan", {
                                      {"cumsum", [](Args x) { return Values{CumSum(x[0], {.axis = 1})}; }},
                                      {"top_k", [](Args x) { return Both(TopK(x[0], 3)); }},
                                  });

TEST(CumSum, OfSinglePrecisionIsAccurate) {
  Graph graph;
  const Value x = graph.Constant(Tensor::Full(DType::kFloat32, {1 << 20}, 0.1));
  const auto y = Evaluate(CumSum(x));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_FLOAT_EQ(y->At((1 << 20) - 1), (1 << 20) * static_cast<double>(0.1f));
}

TEST(TopK, NotANumberComesFirst) {
  Graph graph;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const TopKResult top = TopK(graph.Constant(Tensor::From<float>({4}, {1, nan, 3, nan})), 3);
  const auto y = Evaluate({top.values, top.indices});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE((*y)[1].BitEqual(Tensor::From<int64_t>({3}, {1, 3, 2}))) << (*y)[1].ToString();
}

TEST(TopK, ABatchMayBeTooSmall) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch});
  const auto y = Evaluate(TopK(x, 3).values, {{x, Tensor::Zeros(DType::kFloat32, {2})}});
  ASSERT_FALSE(y.ok());
  EXPECT_NE(std::string(y.status().message()).find("k must be in [1, size of axis 0], but is 3 (x f32[2])"),
            std::string::npos);
}

}  // namespace
}  // namespace adret
