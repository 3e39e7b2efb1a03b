#include "adret/ops/concat.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "concat",
     .build =
         [](Args x) {
           return Values{Concat({x[0], x[1], x[0]}, 1)};
         },
     .inputs = {{.shape = {3, 2, 2}, .batch = true}, {.shape = {3, 4, 2}, .batch = true}},
     .reference = Picked({3, 8, 2},
                         [](auto x, const Index& i) {
                           const int64_t k = i[1];
                           if (k < 2) return At(x[0], i);
                           return k < 6 ? At(x[1], {i[0], k - 2, i[2]}) : At(x[0], {i[0], k - 6, i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Concat({g->Input("a", DType::kFloat32, {2, 3}), g->Input("b", DType::kFloat32, {3, 3})}, 1);
         },
     .bad_message = "inputs may differ along axis 1 only, but input 1 does elsewhere (x0 f32[2,3], x1 f32[3,3])"},
    {.name = "concat/batch",
     .build =
         [](Args x) {
           return Values{Concat({x[0], x[1]})};
         },
     .inputs = {{.shape = {3, 2}, .batch = true}, {.shape = {3, 2}, .batch = true}},
     .reference = Picked({6, 2},
                         [](auto x, const Index& i) {
                           return At(x[i[0] / 3], {i[0] % 3, i[1]});
                         }),
     .bad =
         [](Graph* g) {
           Concat({g->Input("a", DType::kFloat32, {kAnyBatch, 3}), g->Input("b", DType::kFloat32, {3, 3})}, 1);
         },
     .bad_message = "inputs may differ along axis 1 only, but input 1 does elsewhere (x0 f32[?,3], x1 f32[3,3])"},
    {.name = "stack",
     .build =
         [](Args x) {
           return Values{Stack({x[0], x[1]}, -1)};
         },
     .inputs = {{.shape = {3, 2}, .batch = true}, {.shape = {3, 2}, .batch = true}},
     .reference = Picked({3, 2, 2},
                         [](auto x, const Index& i) {
                           return At(x[i[2]], {i[0], i[1]});
                         }),
     .bad =
         [](Graph* g) {
           Stack({g->Input("a", DType::kFloat32, {2, 3}), g->Input("b", DType::kFloat64, {2, 3})});
         },
     .bad_message = "stack: expects values of one type, but finds f32[2,3] and f64[2,3]"},
});

const GoldenCases kGolden("shapes", {
                                        {"concat",
                                         [](Args x) {
                                           return Values{Concat({x[0], x[1]}, 1)};
                                         }},
                                        {"stack",
                                         [](Args x) {
                                           return Values{Stack({x[0], x[1]}, 1)};
                                         }},
                                    });

TEST(Concat, ManySymbolicBatchesAreAMultiple) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2});
  Value y = Concat({x, x, x});
  EXPECT_EQ(y.shape(), (Shape{-3, 2}));
  Value dx = Gradients(y * y, {x})[0];  // 6 x
  auto result = Evaluate(dx, {{x, Tensor::Full(DType::kFloat64, {2, 2}, 0.5)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->BitEqual(Tensor::Full(DType::kFloat64, {2, 2}, 3)));
}

TEST(Concat, OfOneIsItself) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2});
  Value y = Concat({x}, 0);
  auto result = Evaluate({y, Gradients(y, {x})[0]}, {{x, Tensor::Full(DType::kFloat64, {2, 2}, 3)}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE((*result)[0].BitEqual(Tensor::Full(DType::kFloat64, {2, 2}, 3)));
}

}  // namespace
}  // namespace adret
