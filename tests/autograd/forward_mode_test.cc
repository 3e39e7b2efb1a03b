// Jvp, HessianVectorProduct, Jacobian and Hessian: what the op suite's rows (tests/ops/transformations_test.cc) do not
// show.
#include <functional>
#include <string>

#include "adret/autograd/gradients.h"
#include "adret/autograd/hessian_vector_product.h"
#include "adret/autograd/jacobian.h"
#include "adret/autograd/jvp.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using testing::HasSubstr;

double At(const Value& v, const Feeds& feeds) {
  auto t = Evaluate(v, feeds);
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? t->At(0) : 0;
}

TEST(Jvp, OfJvps) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {});
  const Value one = OnesLike(x);
  const Feeds feeds = {{x, Tensor::Scalar(DType::kFloat64, 0.3)}};
  Value y = Sin(x);
  const double expected[] = {std::cos(0.3), -std::sin(0.3), -std::cos(0.3), std::sin(0.3)};
  for (double e : expected) {
    y = Jvp({y}, {x}, {one})[0];
    EXPECT_NEAR(At(y, feeds), e, 1e-14);
  }
}

TEST(Jvp, AddsUpOverXsAndIsZeroElsewhere) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {}), w = graph.Input("w", DType::kFloat64, {});
  const Value two = graph.Constant(Tensor::Scalar(DType::kFloat64, 2)),
              ten = graph.Constant(Tensor::Scalar(DType::kFloat64, 10));
  const Values t = Jvp({x * w, Square(w), Square(two), x}, {x, w}, {two, ten});
  const Feeds feeds = {{x, Tensor::Scalar(DType::kFloat64, 3)}, {w, Tensor::Scalar(DType::kFloat64, 5)}};
  EXPECT_EQ(At(t[0], feeds), 2 * 5 + 3 * 10);
  EXPECT_EQ(At(t[1], feeds), 2 * 5 * 10);
  EXPECT_EQ(At(t[2], feeds), 0);
  EXPECT_EQ(At(t[3], feeds), 2);
}

// The multiply-adds of a plan, and of how many products.
double Flops(const Values& fetches) {
  auto executor = Executor::Create(fetches);
  EXPECT_TRUE(executor.ok()) << executor.status();
  const auto report = executor->Report(1);
  EXPECT_TRUE(report.ok()) << report.status();
  double flops = 0;
  for (const auto& step : report->steps) flops += step.flops;
  return flops;
}

// A chain of products: each needs one more for the tangent, and nothing of the backward pass is left.
TEST(Jvp, CostsOneMoreForwardPass) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {64, 64}), y = x;
  constexpr int kLayers = 5;
  for (int i = 0; i < kLayers; ++i) {
    y = Tanh(MatMul(y, graph.Input(absl::StrCat("w", i), DType::kFloat32, {64, 64})));
  }
  const double product = 2.0 * 64 * 64 * 64, forward = Flops({y});
  const double with_tangent = Flops({y, Jvp({y}, {x}, {graph.Input("v", DType::kFloat32, {64, 64})})[0]});
  EXPECT_LT(with_tangent, 2 * kLayers * product * 1.1);
  EXPECT_GT(with_tangent, 2 * kLayers * product);
  EXPECT_LT(forward, kLayers * product * 1.1);
}

TEST(HessianVectorProduct, CostsAboutTwoGradients) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat32, {64, 64}), y = x;
  Values ws, vs;
  for (int i = 0; i < 5; ++i) {
    ws.push_back(graph.Input(absl::StrCat("w", i), DType::kFloat32, {64, 64}));
    vs.push_back(graph.Input(absl::StrCat("v", i), DType::kFloat32, {64, 64}));
    y = Tanh(MatMul(y, ws[i]));
  }
  const Value loss = Sum(Square(y));
  const double gradient = Flops(Gradients(loss, ws)), product = Flops(HessianVectorProduct(loss, ws, vs));
  EXPECT_LT(product, 3 * gradient);
}

TEST(Jacobian, ByRowsAndByColumns) {
  Graph graph;
  const Tensor at = Tensor::From<double>({2}, {3, 4}), matrix = Tensor::From<double>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Value x = graph.Constant(at), a = graph.Constant(matrix);
  const Value wide = Sum(BroadcastTo(x * x, {1, 2}) * 1.0);  // fewer rows
  const Value tall = MatMul(BroadcastTo(x, {1, 2}), a);      // fewer columns
  EXPECT_TRUE(Evaluate(Jacobian(wide, x))->BitEqual(Tensor::From<double>({2}, {6, 8})));
  EXPECT_TRUE(Evaluate(Jacobian(tall, x))->BitEqual(Tensor::From<double>({1, 3, 2}, {1, 4, 2, 5, 3, 6})));
  EXPECT_TRUE(Evaluate(Hessian(wide, x))->BitEqual(Tensor::From<double>({2, 2}, {2, 0, 0, 2})));
}

TEST(Jacobian, OfNothing) {
  Graph graph;
  const Value x = graph.Constant(Tensor::Zeros(DType::kFloat32, {0, 3}));
  EXPECT_EQ(Evaluate(Jacobian(x * 2.0, x))->shape(), Shape({0, 3, 0, 3}));
  EXPECT_EQ(Evaluate(Hessian(Sum(x * x), x))->shape(), Shape({0, 3, 0, 3}));
}

TEST(Hessian, OfALinearLossIsZero) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<double>({2}, {3, 4}));
  EXPECT_TRUE(Evaluate(Hessian(Sum(x * 3.0), x))->BitEqual(Tensor::Zeros(DType::kFloat64, {2, 2})));
}

TEST(Transformations, BadInputIsNamed) {
  struct Parts {
    Value x, y, z;
  };
  struct Case {
    std::function<void(const Parts&)> build;
    std::string message;
  };
  Graph other;
  const Value stranger = other.Constant(Tensor::Scalar(DType::kFloat32, 1));
  const std::vector<Case> cases = {
      {[](const Parts& p) { Jvp({p.y}, {p.x}, {p.z}); }, "Jvp: the tangent of 'x' is f32[3] where f32[2] is expected"},
      {[](const Parts& p) { Jvp({p.y}, {p.z}, {p.z}); }, "Jvp: no y depends on 'z'"},
      {[](const Parts& p) { Jvp({p.y}, {p.x}, {}); }, "Jvp: 0 tangents for 1 xs"},
      {[](const Parts& p) { Jvp({p.y}, {p.x}, {Value()}); }, "Jvp: the tangent of 'x' is not a value of the graph"},
      {[](const Parts& p) { Jvp({Greater(p.x, 0.0)}, {p.x}, {p.x}); }, "'greater' is bool[2]; only floating-point"},
      {[&](const Parts& p) { Jvp({p.y}, {stranger}, {stranger}); }, "values belong to different graphs"},
      {[](const Parts& p) { HessianVectorProduct(p.y, {p.x}, {p.x}); },
       "HessianVectorProduct: the loss 'sin' is f32[2] where a scalar is expected"},
      {[](const Parts& p) { HessianVectorProduct(Sum(p.y), {p.x}, {p.z}); },
       "HessianVectorProduct: the v of 'x' is f32[3] where f32[2] is expected"},
      {[](const Parts& p) { HessianVectorProduct(Sum(p.y), {p.z}, {p.z}); },
       "HessianVectorProduct: no y depends on 'z'"},
      {[](const Parts& p) { Jacobian(p.y, p.z); }, "Jacobian: no y depends on 'z'"},
      {[](const Parts& p) {
         const Value batch = p.x.graph()->Input("batch", DType::kFloat32, {kAnyBatch, 2});
         Jacobian(Sin(batch), batch);
       },
       "Jacobian: 'sin_1' is f32[?,2]; a known shape is needed"},
      {[](const Parts& p) { Hessian(p.y, p.x); }, "Hessian: the loss 'sin' is f32[2] where a scalar is expected"},
  };
  for (const Case& c : cases) {
    Graph graph;
    const Value x = graph.Input("x", DType::kFloat32, {2}), z = graph.Input("z", DType::kFloat32, {3});
    c.build({x, Sin(x), z});
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr(c.message));
    EXPECT_THAT(std::string(graph.status().message()), HasSubstr("forward_mode_test.cc:"));
  }
}

}  // namespace
}  // namespace adret
