#include "adret/ops/gather.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "gather",
     .build = [](Args x) { return Values{Gather(x[0], x[1], 1)}; },
     .inputs = {{.shape = {3, 5, 2}, .batch = true}, {.shape = {4}, .dtype = DType::kInt64, .lo = 0, .hi = 5}},
     .reference = Picked({3, 4, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], static_cast<int64_t>(x[1].At(i[1])), i[2]});
                         }),
     .bad = [](Graph* g) { Gather(g->Input("x", DType::kFloat32, {3}), g->Input("i", DType::kFloat32, {2})); },
     .bad_message = "gather: indices must be i32 or i64 (x f32[3], indices f32[2])"},
    {.name = "gather/table",
     .build = [](Args x) { return Values{Gather(x[0], x[1])}; },
     .inputs = {{.shape = {6}}, {.shape = {3, 2}, .dtype = DType::kInt32, .lo = 0, .hi = 6, .batch = true}},
     .reference = Picked({3, 2}, [](auto x, const Index& i) { return x[0].At(static_cast<int64_t>(At(x[1], i))); }),
     .bad =
         [](Graph* g) {
           Gather(g->Input("x", DType::kFloat32, {kAnyBatch, 3}), g->Input("i", DType::kFloat32, {kAnyBatch}), 1);
         },
     .bad_message = "gather: indices must be i32 or i64 (x f32[?,3], indices f32[?])"},
    {.name = "scatter_add",
     .build = [](Args x) { return Values{ScatterAdd(x[0], x[1], x[2], -1)}; },
     .inputs = {{.shape = {3, 4}, .batch = true},
                {.shape = {6}, .dtype = DType::kInt32, .lo = 0, .hi = 4},
                {.shape = {3, 6}, .batch = true}},
     .reference = Picked({3, 4},
                         [](auto x, const Index& i) {
                           double sum = At(x[0], i);
                           for (int64_t k = 0; k < 6; ++k) {
                             if (x[1].At(k) == i[1]) sum += At(x[2], {i[0], k});
                           }
                           return sum;
                         }),
     .bad =
         [](Graph* g) {
           ScatterAdd(g->Input("x", DType::kFloat32, {3, 4}), g->Input("i", DType::kInt32, {2}),
                      g->Input("u", DType::kFloat32, {3, 4}));
         },
     .bad_message = "updates must be f32[2,4]"},
    {.name = "scatter",
     .build = [](Args x) { return Values{Scatter(x[0], x[1], x[2], 1)}; },
     .inputs = {{.shape = {3, 5, 2}, .batch = true},
                {.shape = {2, 3}, .dtype = DType::kInt64, .lo = 0, .hi = 5},
                {.shape = {3, 2, 3, 2}, .batch = true}},
     .reference = Picked({3, 5, 2},
                         [](auto x, const Index& i) {
                           double put = At(x[0], i);
                           for (int64_t k = 0; k < 6; ++k) {
                             if (x[1].At(k) == i[1]) put = At(x[2], {i[0], k / 3, k % 3, i[2]});
                           }
                           return put;
                         }),
     .bad =
         [](Graph* g) {
           Scatter(g->Input("x", DType::kFloat32, {3, 4}), g->Input("i", DType::kInt32, {2}),
                   g->Input("u", DType::kFloat64, {2, 4}));
         },
     .bad_message = "scatter: updates must be f32[2,4]"},
    {.name = "scatter/rows",
     .build = [](Args x) { return Values{Scatter(x[0], x[1], x[2])}; },
     .inputs = {{.shape = {4, 3}},
                {.shape = {7}, .dtype = DType::kInt32, .lo = 0, .hi = 4, .batch = true},
                {.shape = {7, 3}, .batch = true}},
     .reference = Picked({4, 3},
                         [](auto x, const Index& i) {
                           double put = At(x[0], i);
                           for (int64_t k = 0; k < 7; ++k) {
                             if (x[1].At(k) == i[0]) put = At(x[2], {k, i[1]});
                           }
                           return put;
                         }),
     .bad = [](Graph* g) { Scatter(g->Input("x", DType::kFloat32, {}), g->Input("i", DType::kInt32, {}), 1.0); },
     .bad_message = "scatter"},
    {.name = "gather_elements",
     .build = [](Args x) { return Values{GatherElements(x[0], x[1], 1)}; },
     .inputs = {{.shape = {3, 5, 2}, .batch = true},
                {.shape = {3, 4, 2}, .dtype = DType::kInt64, .lo = 0, .hi = 5, .batch = true}},
     .reference = Picked({3, 4, 2},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], static_cast<int64_t>(At(x[1], i)), i[2]});
                         }),
     .bad =
         [](Graph* g) {
           GatherElements(g->Input("x", DType::kFloat32, {3, 4}), g->Input("i", DType::kInt32, {2, 4}), 1);
         },
     .bad_message = "indices must have the shape of x but for axis 1"},
    {.name = "scatter_elements_add",
     .build = [](Args x) { return Values{ScatterElementsAdd(x[0], x[1], x[2], 1)}; },
     .inputs = {{.shape = {3, 4}, .batch = true},
                {.shape = {3, 6}, .dtype = DType::kInt32, .lo = 0, .hi = 4, .batch = true},
                {.shape = {3, 6}, .batch = true}},
     .reference = Picked({3, 4},
                         [](auto x, const Index& i) {
                           double sum = At(x[0], i);
                           for (int64_t k = 0; k < 6; ++k) {
                             if (At(x[1], {i[0], k}) == i[1]) sum += At(x[2], {i[0], k});
                           }
                           return sum;
                         }),
     .bad =
         [](Graph* g) {
           ScatterElementsAdd(g->Input("x", DType::kBool, {3, 4}), g->Input("i", DType::kInt32, {3, 4}),
                              g->Input("u", DType::kBool, {3, 4}));
         },
     .bad_message = "x must be numbers"},
    {.name = "one_hot",
     .build = [](Args x) { return Values{OneHot(x[0], 5, DType::kFloat64)}; },
     .inputs = {{.shape = {4, 2}, .dtype = DType::kInt64, .lo = 0, .hi = 5, .batch = true}},
     .reference = Picked({4, 2, 5},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[0], i[1]}) == i[2] ? 1.0 : 0.0;
                         }),
     .differentiable = false,
     .bad = [](Graph* g) { OneHot(g->Input("x", DType::kInt64, {3}), 0); },
     .bad_message = "one_hot: depth must be positive but is 0"},
});

const GoldenCases kGolden("shapes",
                          {
                              {"gather", [](Args x) { return Values{Gather(x[0], x[1], 1)}; }},
                              {"gather_2d", [](Args x) { return Values{Gather(x[0], x[1], 0)}; }},
                              {"scatter_add", [](Args x) { return Values{ScatterAdd(x[0], x[1], x[2], 1)}; }},
                              {"scatter", [](Args x) { return Values{Scatter(x[0], x[1], x[2], 1)}; }},
                              {"gather_elements", [](Args x) { return Values{GatherElements(x[0], x[1], 1)}; }},
                              {"scatter_elements_add",
                               [](Args x) { return Values{ScatterElementsAdd(x[0], x[1], x[2], 1)}; }},
                              {"one_hot", [](Args x) { return Values{OneHot(x[0], 4, DType::kFloat64)}; }},
                          });

TEST(Gather, NamesAnIndexOutOfRange) {
  for (const int64_t bad : {int64_t{-1}, int64_t{3}, std::numeric_limits<int64_t>::min()}) {
    Graph graph;
    Value i = graph.Input("i", DType::kInt64, {4});
    Value x = graph.Constant(Tensor::From<float>({3}, {1, 2, 3}));
    const Tensor indices = Tensor::From<int64_t>({4}, {0, 2, bad, bad});
    const std::string expected = absl::StrCat("index ", bad, " at place 2 is outside an axis of size 3");
    const Value updates = graph.Constant(Tensor::Zeros(DType::kFloat32, {4}));
    for (Value y :
         {Gather(x, i), ScatterAdd(x, i, updates), Scatter(x, i, updates), GatherElements(x, i), OneHot(i, 3)}) {
      auto result = Evaluate(y, {{i, indices}});
      ASSERT_FALSE(result.ok());
      EXPECT_TRUE(absl::StrContains(result.status().message(), expected)) << result.status();
    }
  }
}

// Additions into one place keep the order of the indices, over many chunks, for any number of threads.
TEST(ScatterAdd, AddsInTheOrderOfTheIndices) {
  constexpr int64_t kIndices = 3000, kInner = 300;
  Tensor indices(DType::kInt32, {kIndices}), updates(DType::kFloat32, {kIndices, kInner});
  RandomStream random(1);
  for (int32_t& i : indices.mutable_data<int32_t>()) i = random.Below(3);
  for (float& u : updates.mutable_data<float>()) u = static_cast<float>(random.Normal());
  Tensor expected = Tensor::Zeros(DType::kFloat32, {3, kInner});
  for (int64_t k = 0; k < kIndices; ++k) {
    for (int64_t j = 0; j < kInner; ++j) {
      expected.mutable_data<float>()[indices.data<int32_t>()[k] * kInner + j] += updates.data<float>()[k * kInner + j];
    }
  }
  Graph graph;
  Value u = graph.Input("u", DType::kFloat32, updates.shape());
  Value y = ScatterAdd(graph.Constant(Tensor::Zeros(DType::kFloat32, {3, kInner})), graph.Constant(indices), u);
  auto result = Evaluate(y, {{u, updates}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->BitEqual(expected));
}

TEST(ScatterAdd, IntegersWrapAround) {
  Graph graph;
  Value x = graph.Constant(Tensor::From<int32_t>({1}, {std::numeric_limits<int32_t>::max()}));
  auto result = Evaluate(
      ScatterAdd(x, graph.Constant(Tensor::From<int32_t>({1}, {0})), graph.Constant(Tensor::From<int32_t>({1}, {1}))));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->data<int32_t>()[0], std::numeric_limits<int32_t>::min());
}

}  // namespace
}  // namespace adret
