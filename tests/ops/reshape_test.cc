#include "adret/ops/reshape.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/picked.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

std::function<std::vector<Tensor>(absl::Span<const Tensor>)> SameNumbers(Shape shape) {
  return [shape](absl::Span<const Tensor> x) { return std::vector<Tensor>{x[0].Reshaped(shape)}; };
}

const OpCases kCases({
    {.name = "reshape",
     .build =
         [](Args x) {
           return Values{Reshape(x[0], {-1, 6})};
         },
     .inputs = {{.shape = {4, 3, 2}, .batch = true}},
     .reference = SameNumbers({4, 6}),
     .bad =
         [](Graph* g) {
           Reshape(g->Input("x", DType::kFloat32, {4, 3}), {5, -1});
         },
     .bad_message = "do not fit into [5,?]"},
    {.name = "reshape/multiple_of_batch",
     .build =
         [](Args x) {
           return Values{Reshape(x[0], {-1, 2})};
         },
     .inputs = {{.shape = {4, 3, 2}, .batch = true}},
     .reference = SameNumbers({12, 2}),
     .bad =
         [](Graph* g) {
           Reshape(g->Input("x", DType::kFloat32, {4, 3}), {-1, -1});
         },
     .bad_message = "only one dimension of the new shape may be free"},
    {.name = "flatten",
     .build = [](Args x) { return Values{Flatten(x[0])}; },
     .inputs = {{.shape = {3, 2, 4}, .batch = true}},
     .reference = SameNumbers({3, 8})},
    {.name = "squeeze",
     .build =
         [](Args x) {
           return Values{Squeeze(x[0], {1, -1})};
         },
     .inputs = {{.shape = {3, 1, 4, 1}, .batch = true}},
     .reference = SameNumbers({3, 4}),
     .bad =
         [](Graph* g) {
           Squeeze(g->Input("x", DType::kFloat32, {4, 3}), {1});
         },
     .bad_message = "squeeze: axis 1 is not of size 1 (x f32[4,3])"},
    {.name = "squeeze/all",
     .build = [](Args x) { return Values{Squeeze(x[0])}; },
     .inputs = {{.shape = {1, 3, 1}}},
     .reference = SameNumbers({3})},
    {.name = "unsqueeze",
     .build =
         [](Args x) {
           return Values{Unsqueeze(x[0], {0, -1})};
         },
     .inputs = {{.shape = {3, 4}, .batch = true}},
     .reference = SameNumbers({1, 3, 4, 1}),
     .bad =
         [](Graph* g) {
           Unsqueeze(g->Input("x", DType::kFloat32, {4, 3}), {0, 0});
         },
     .bad_message = "axis 0 is named twice"},
});

const GoldenCases kGolden("shapes", {
                                        {"reshape",
                                         [](Args x) {
                                           return Values{Reshape(x[0], {4, -1})};
                                         }},
                                        {"flatten", [](Args x) { return Values{Flatten(x[0])}; }},
                                        {"squeeze", [](Args x) { return Values{Squeeze(x[0], {1})}; }},
                                        {"unsqueeze", [](Args x) { return Values{Unsqueeze(x[0], {-1})}; }},
                                    });

Shape Inferred(const Shape& from, const Shape& to) {
  const absl::StatusOr<Shape> shape = InferReshape(from, to);
  EXPECT_TRUE(shape.ok()) << shape.status();
  return shape.ok() ? *shape : Shape();
}

TEST(Reshape, InfersMultiplesOfTheBatch) {
  EXPECT_EQ(Inferred({-1, 50, 5, 5}, {-1, 1250}), (Shape{-1, 1250}));
  EXPECT_EQ(Inferred({-1, 13, 13, 50}, {-1, 50}), (Shape{-169, 50}));
  EXPECT_EQ(Inferred({-169, 50}, {-1, 13, 13, 50}), (Shape{-1, 13, 13, 50}));
  EXPECT_EQ(Inferred({-169, 50}, {50, -169}), (Shape{50, -169}));
  EXPECT_EQ(Inferred({2, -6}, {-4, 3}), (Shape{-4, 3}));
  EXPECT_EQ(Inferred({6, 4}, {3, -1}), (Shape{3, 8}));
  EXPECT_EQ(Inferred({}, {-1}), (Shape{1}));
  EXPECT_EQ(Inferred({-1, 0, 5}, {-1, 0}), (Shape{-1, 0}));
  EXPECT_EQ(Inferred({0}, {0, 7}), (Shape{0, 7}));
}

TEST(Reshape, RefusesWhatDoesNotFollow) {
  EXPECT_FALSE(InferReshape({6, 4}, {-2, 12}).ok());  // concrete numbers are no batch
  EXPECT_FALSE(InferReshape({-1, 4}, {2, 2}).ok());   // a batch is not 1
  EXPECT_FALSE(InferReshape({-1, 4}, {-2, 4}).ok());  // twice the batch is not the batch
  EXPECT_FALSE(InferReshape({-1, 4}, {-1, 8}).ok());  // half a batch is not known to be whole
  EXPECT_FALSE(InferReshape({3}, {-1, 0}).ok());
  EXPECT_FALSE(InferReshape({4}, {int64_t{1} << 40, int64_t{1} << 40, -1}).ok());
}

// The shape of an input may be symbolic at any axis, in any multiple: its gradient must come back to it.
TEST(Reshape, GradientReturnsToSymbolicShapes) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 3, 2});
  Value odd = Reshape(x, {2, -1});         // [2,3*?]
  Value odder = Reshape(odd, {3, 1, -1});  // [3,1,2*?]
  EXPECT_EQ(odder.shape(), (Shape{3, 1, -2}));
  Value dx = Gradients(odder, {x})[0];
  auto result = Evaluate(dx, {{x, Tensor::Zeros(DType::kFloat64, {5, 3, 2})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->BitEqual(Tensor::Full(DType::kFloat64, {5, 3, 2}, 1)));
}

}  // namespace
}  // namespace adret
