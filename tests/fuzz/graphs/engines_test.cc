#include "adret/tests/fuzz/graphs/engines.h"

#include "adret/autograd/gradients.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret::fuzz {
namespace {

// Plans that were wrong once.

TEST(EnginesTest, AChainReadsItsKernelsResultAlsoThroughAnotherKernel) {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {3});
  const Value y = Sum(x, {.axes = {}, .keepdims = true});
  const Value a = Squeeze(y * 2.0);
  const Value b = Sum(y);
  c.fetches = {a + b};
  c.runs = {{{x, Tensor::From<double>({3}, {1, 2, 3})}}};
  EXPECT_EQ(CompareEngines(c), absl::OkStatus());
}

TEST(EnginesTest, ABatchOfOneIsLikeTwo) {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {kAnyBatch, 3});
  const Value y = MatMul(x, c.graph->Constant(Tensor::Full(DType::kFloat64, {3, 1}, 1)));
  const Value a = Square(Reshape(y * 2.0, Shape{-1}));
  const Value b = Sum(y, {.axes = {1}});
  c.fetches = {a + b};
  c.runs = {{{x, Tensor::From<double>({2, 3}, {1, 2, 3, 4, 5, 6})}}, {{x, Tensor::From<double>({1, 3}, {1, 2, 3})}}};
  EXPECT_EQ(CompareEngines(c), absl::OkStatus());
}

TEST(EnginesTest, ClippedTrainingOnABatchOfOne) {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {kAnyBatch, 2});
  const Value y = nn::Sequential{nn::Dense(2), nn::Dense(1)}(x);
  const Value target = c.graph->Input("target", DType::kFloat64, y.shape());
  Value loss = nn::MeanSquaredError(y, target);
  for (const Value& w : c.graph->variables()) loss = loss + 1e-2 * Sum(Square(w));
  c.updates = nn::Sgd({.common = {.clip_norm = 1}}).Minimize(loss, c.graph->variables());
  c.fetches = {loss};
  c.state = *InitialState(*c.graph, 1);
  c.runs = {{{x, Tensor::Full(DType::kFloat64, {1, 2}, 1)}, {target, Tensor::Full(DType::kFloat64, {1, 1}, 3)}}};
  EXPECT_EQ(CompareEngines(c), absl::OkStatus());
}

TEST(EnginesTest, AnImageNoLargerThanAStride) {
  GraphCase c;
  const Value x = c.graph->Input("x", DType::kFloat64, {1, 1, 1, 4});
  const Value w = c.graph->Constant(Tensor::Full(DType::kFloat64, {1, 1, 1, 1}, 2));
  const Value y = Conv2d(Relu(x), w, {.stride = {2, 1}});
  c.fetches = {Gradients(y, {x})[0]};
  c.runs = {{{x, Tensor::From<double>({1, 1, 1, 4}, {1, 2, 3, -4})}}};
  EXPECT_EQ(CompareEngines(c), absl::OkStatus());
}

// A batch of 0 leaves nothing to find a minimum among, and no minimum to find.
TEST(EnginesTest, ExtremaOfNothingThatNobodyAsksForAreEmpty) {
  for (const char* op : {"min", "max"}) {
    GraphCase c;
    const Value x = c.graph->Input("x", DType::kFloat32, {kAnyBatch, 0, 1, 0});
    c.fetches = c.Add(op, {x}, {{"axes", std::vector<int64_t>{0, 2}}, {"keepdims", false}});
    c.runs.push_back({{x, Tensor(DType::kFloat32, {0, 0, 1, 0})}});
    EXPECT_EQ(CompareEngines(c), absl::OkStatus());
    EXPECT_TRUE(RunEngine(c, Engine::kFused).ok());
  }
}

}  // namespace
}  // namespace adret::fuzz
