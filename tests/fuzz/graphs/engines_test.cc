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

// The sign of what is left of a sum that cancels: a plan that adds up in another order may find 0 there, which is no
// difference.
TEST(EnginesTest, ASignThatRoundingChoosesIsNoDifference) {
  GraphCase c;
  Value v0 = c.graph->Variable("v0", Tensor::Full(DType::kFloat32, {3}, 0));
  c.state.Set("v0", Tensor::Full(DType::kFloat32, {3}, 0));
  Value v1 = c.graph->Input("v1", DType::kInt32, {1, 3, 4, 4});
  Value v2 = c.Add("sign", {v0}, {})[0];  // f32[3]
  Value v3 = c.graph->Input("v3", DType::kFloat32, {1, 3, 4, 4});
  Value v4 = c.Add("max_pool2d_x_grad", {v3, v1},
                   {{"kernel", std::vector<int64_t>{2, 2}},
                    {"stride", std::vector<int64_t>{2, 2}},
                    {"padding.mode", std::string("explicit")},
                    {"padding.top", int64_t{0}},
                    {"padding.left", int64_t{0}},
                    {"padding.bottom", int64_t{0}},
                    {"padding.right", int64_t{0}},
                    {"dilation", std::vector<int64_t>{1, 1}},
                    {"ceil_mode", false},
                    {"size", std::vector<int64_t>{9, 9}}})[0];                                       // f32[1,3,9,9]
  Value v5 = c.Add("sum", {v4}, {{"axes", std::vector<int64_t>{0, 2, 3}}, {"keepdims", false}})[0];  // f32[3]
  Value v6 = c.Add("add", {v2, v5}, {})[0];                                                          // f32[3]
  Value v7 = c.Add("sub", {v0, v6}, {})[0];                                                          // f32[3]
  c.fetches = {};
  c.updates.push_back({v0, v7});
  c.runs.push_back({});
  c.runs.back().emplace_back(
      v1, Tensor::From<int32_t>({1, 3, 4, 4}, {1,  3,  13, 15, 19, 30, 32, 33, 36, 38, 50, 42, 63, 57, 58, 70,
                                               10, 12, 4,  6,  28, 30, 32, 33, 36, 47, 49, 52, 63, 56, 59, 70,
                                               0,  2,  14, 16, 18, 21, 31, 24, 45, 39, 49, 51, 55, 56, 59, 69}));
  c.runs.back().emplace_back(v3, Tensor::From<float>({1, 3, 4, 4}, {0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0.0010113129,
                                                                    0.00070866593,
                                                                    0.00079577335,
                                                                    0.00085394504,
                                                                    -0.00025853814,
                                                                    -0.00017683575,
                                                                    -0.0013282045,
                                                                    -1.916784e-05,
                                                                    0.0005881853,
                                                                    0.00046551455,
                                                                    -0.0017284531,
                                                                    -0.0015094233,
                                                                    0.0005157837,
                                                                    0.0009636283,
                                                                    -0.0017509811,
                                                                    0.00086879503}));
  c.runs.push_back({});
  c.runs.back().emplace_back(
      v1, Tensor::From<int32_t>({1, 3, 4, 4}, {1, 2,  14, 16, 19, 29, 32, 25, 46, 38, 41, 42, 54, 56, 67, 60,
                                               1, 11, 13, 16, 19, 29, 31, 24, 45, 47, 50, 43, 55, 65, 67, 69,
                                               0, 2,  13, 15, 28, 29, 23, 33, 45, 48, 40, 52, 55, 66, 68, 70}));
  c.runs.back().emplace_back(
      v3, Tensor::From<float>(
              {1, 3, 4, 4},
              {-0.0068988483, -0.007054054,  -0.00672624,   -0.006678846,  -0.006453031, -0.0066564158, -0.007186936,
               -0.006971374,  -0.0073279925, -0.0059664976, -0.007024413,  -0.006865856, -0.0070108105, -0.0073837223,
               -0.007741005,  -0.006876663,  -0.0031570168, -0.009077115,  -0.014523016, -0.012250608,  -0.009541548,
               -0.014113389,  -0.01811101,   -0.015630342,  -0.0104138935, -0.019274574, -0.01577937,   -0.018719189,
               -0.017190307,  -0.014783951,  -0.018153228,  -0.019451387,  0.013685637,  0.0025897382,  0.008157506,
               0.010899213,   0.012793928,   0.013973082,   0.015006058,   0.013907415,  0.014463655,   0.011983014,
               0.00892853,    0.013576482,   0.0066275033,  0.011650899,   0.014081067,  0.01434997}));
  c.runs.push_back({});
  c.runs.back().emplace_back(
      v1, Tensor::From<int32_t>({1, 3, 4, 4}, {9, 2, 5,  7,  27, 29, 22, 34, 36, 39, 49, 52, 55, 57, 68, 70,
                                               1, 2, 4,  6,  18, 30, 23, 33, 36, 48, 41, 52, 54, 57, 68, 61,
                                               0, 2, 14, 16, 27, 30, 31, 33, 37, 47, 50, 51, 54, 56, 67, 69}));
  c.runs.back().emplace_back(v3, Tensor::From<float>({1, 3, 4, 4}, {-0.003528072,
                                                                    -0.007798192,
                                                                    -0.004904013,
                                                                    -0.004344567,
                                                                    -0.0072632325,
                                                                    -0.0032334013,
                                                                    -0.008209184,
                                                                    -0.004258567,
                                                                    -0.004498496,
                                                                    -0.0071882447,
                                                                    -0.008306718,
                                                                    -0.0038066804,
                                                                    -0.0019214521,
                                                                    -0.008236755,
                                                                    -0.008894584,
                                                                    -0.0086570345,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0,
                                                                    0.002488331,
                                                                    0.0033235291,
                                                                    0.0024092325,
                                                                    0.00409537,
                                                                    0.0041094893,
                                                                    0.0025325052,
                                                                    0.0014605381,
                                                                    0.0019540077,
                                                                    0.0031720444,
                                                                    0.00226967,
                                                                    -0.0011837728,
                                                                    0.0022628568,
                                                                    0.0041054264,
                                                                    -0.00039116692,
                                                                    0.0039596125,
                                                                    0.0038194726}));
  c.state.seed = 329;
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
