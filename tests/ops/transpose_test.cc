#include "adret/ops/transpose.h"

#include "adret/core/executor.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "transpose",
     .build =
         [](Args x) {
           return Values{Transpose(x[0], {2, 0, -1, 1})};
         },
     .inputs = {{.shape = {2, 3, 4, 5}, .batch = true}},
     .reference = Picked({4, 2, 5, 3},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[1], i[3], i[0], i[2]});
                         }),
     .bad =
         [](Graph* g) {
           Transpose(g->Input("x", DType::kFloat32, {2, 3, 4}), {0, 2, 2});
         },
     .bad_message = "transpose: the permutation names axis 2 twice (x f32[2,3,4])"},
    {.name = "transpose/tiles",
     .build = [](Args x) { return Values{Transpose(x[0])}; },
     .inputs = {{.shape = {37, 50}, .batch = true}},
     .reference = Picked({50, 37},
                         [](auto x, const Index& i) {
                           return At(x[0], {i[1], i[0]});
                         }),
     .bad =
         [](Graph* g) {
           Transpose(g->Input("x", DType::kFloat32, {2, 3, 4}), {0, 1});
         },
     .bad_message = "names 2 axes but x has 3"},
});

const GoldenCases kGolden("shapes", {
                                        {"transpose",
                                         [](Args x) {
                                           return Values{Transpose(x[0], {2, 0, 3, 1})};
                                         }},
                                    });

TEST(Transpose, WorksForEveryDType) {
  for (DType dtype : kAllDTypes) {
    Graph graph;
    const Tensor x = Tensor::From<double>({2, 3}, {0, 1, 0, 1, 1, 0}).Cast(dtype);
    auto y = Evaluate(Transpose(graph.Constant(x)));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_TRUE(y->BitEqual(Tensor::From<double>({3, 2}, {0, 1, 1, 1, 0, 0}).Cast(dtype))) << Name(dtype);
  }
}

}  // namespace
}  // namespace adret
