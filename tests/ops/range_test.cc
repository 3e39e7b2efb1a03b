#include "adret/ops/range.h"

#include <cmath>
#include <vector>

#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

const OpCases kCases({
    {.name = "range",
     .build =
         [](Args x) {
           return Values{x[0] * Range(x[0].graph(), {.dtype = x[0].dtype(), .start = 2, .limit = -0.4, .step = -0.5})};
         },
     .inputs = {{.shape = {3, 5}, .batch = true}},
     .reference = Picked({3, 5}, [](auto x, const Index& i) { return At(x[0], i) * (2 - 0.5 * i[1]); }),
     .bad = [](Graph* g) { Range(g, {.limit = 3, .step = 0}); },
     .bad_message = "range: step must not be 0"},
});

const GoldenCases kGolden("shapes",
                          {
                              {"range",
                               [](Args x) {
                                 return Values{
                                     x[0] * Range(x[0].graph(),
                                                  {.dtype = DType::kFloat64, .start = -1, .limit = 2, .step = 0.25})};
                               }},
                          });

TEST(Range, CountsInEveryNumberType) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUint8}) {
    Graph graph;
    auto result = Evaluate(Range(&graph, {.dtype = dtype, .start = 250, .limit = 256, .step = 2}));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->BitEqual(Tensor::From<double>({3}, {250, 252, 254}).Cast(dtype))) << Name(dtype);
  }
}

TEST(Range, IsEmptyWhereTheLimitLiesBehind) {
  Graph graph;
  EXPECT_EQ(Range(&graph, {.start = 3, .limit = 1}).shape(), (Shape{0}));
}

TEST(Range, RefusesWhatItCannotCount) {
  const std::vector<RangeAttrs> impossible = {{.dtype = DType::kBool, .limit = 1},
                                              {.limit = INFINITY},
                                              {.start = NAN, .limit = 1},
                                              {.limit = 1e300},
                                              {.start = -1e308, .limit = 1e308, .step = 1e-308},
                                              {.dtype = DType::kUint8, .limit = 300},
                                              {.dtype = DType::kInt32, .limit = 3, .step = 0.5},
                                              {.dtype = DType::kInt64, .start = 0x1p60, .limit = 0x1p60 + 4096}};
  for (const RangeAttrs& a : impossible) {
    Graph graph;
    Range(&graph, a);
    EXPECT_FALSE(graph.status().ok());
  }
}

}  // namespace
}  // namespace adret
