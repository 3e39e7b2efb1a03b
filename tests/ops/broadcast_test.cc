#include "adret/ops/broadcast.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

// Element i of y at x's place, axis by axis.
Tensor NaiveBroadcast(const Tensor& x, const Shape& shape) {
  Tensor y(DType::kFloat64, shape);
  const auto strides = Strides(x.shape()), y_strides = Strides(shape);
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    int64_t from = 0;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const int y_axis = axis + shape.rank() - x.rank();
      const int64_t index = i / y_strides[y_axis] % shape[y_axis];
      from += (x.shape()[axis] == 1 ? 0 : index) * strides[axis];
    }
    y.mutable_data<double>()[i] = x.At(from);
  }
  return y;
}

OpCase To(std::string name, Shape from, Shape to, DType dtype = DType::kFloat64) {
  return {.name = std::move(name),
          .build = [to](Args x) { return Values{BroadcastTo(x[0], to)}; },
          .inputs = {{.shape = from, .dtype = dtype, .lo = -9, .hi = 9}},
          .reference = [to](absl::Span<const Tensor> x) { return std::vector<Tensor>{NaiveBroadcast(x[0], to)}; },
          .differentiable = IsFloating(dtype)};
}

OpCase Bad(OpCase c, std::function<void(Graph*)> bad, std::string message) {
  c.bad = std::move(bad);
  c.bad_message = std::move(message);
  return c;
}

const OpCases kBroadcasts({
    Bad(
        To("broadcast_to", {3, 1, 2}, {3, 4, 2}),
        [](Graph* g) {
          BroadcastTo(g->Input("x", DType::kFloat32, {2, 3}), {4, 3});
        },
        "broadcast_to: x does not broadcast to [4,3] (x f32[2,3])"),
    Bad(
        To("broadcast_to/scalar", {}, {3, 5}),
        [](Graph* g) {
          BroadcastTo(g->Input("x", DType::kFloat32, {2, 3}), {3});
        },
        "x does not broadcast to [3]"),
    To("broadcast_to/inner", {4, 1}, {4, 19}),
    To("broadcast_to/leading", {3}, {2, 5, 3}),
    To("broadcast_to/alternating", {2, 1, 3, 1}, {2, 4, 3, 5}),
    To("broadcast_to/u8", {2, 1}, {2, 33}, DType::kInt32),
    {.name = "broadcast_to/batch",
     .build = [](Args x) { return Values{x[0] * BroadcastTo(x[1], x[0].shape())}; },
     .inputs = {{.shape = {4, 3}, .batch = true}, {.shape = {3}}},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y(DType::kFloat64, {4, 3});
           for (int i = 0; i < 12; ++i) y.mutable_data<double>()[i] = x[0].At(i) * x[1].At(i % 3);
           return std::vector<Tensor>{y};
         }},
    {.name = "sum_to",
     .build =
         [](Args x) {
           return Values{SumTo(Square(x[0]), {3, 1})};
         },
     .inputs = {{.shape = {2, 3, 4}}},
     .reference =
         [](absl::Span<const Tensor> x) {
           Tensor y = Tensor::Zeros(DType::kFloat64, {3, 1});
           for (int i = 0; i < 24; ++i) y.mutable_data<double>()[i / 4 % 3] += x[0].At(i) * x[0].At(i);
           return std::vector<Tensor>{y};
         }},
    {.name = "full_like",
     .build = [](Args x) { return Values{x[0] * FullLike(x[0], 3) + ZerosLike(x[0]) + OnesLike(x[0])}; },
     .inputs = {{.shape = {4, 3}, .batch = true}},
     .reference = Elementwise([](double x) { return 3 * x + 1; })},
    {.name = "identity",
     .build = [](Args x) { return Values{Identity(Square(Identity(x[0])))}; },
     .inputs = {{.shape = {4, 3}, .batch = true}},
     .reference = Elementwise([](double x) { return x * x; })},
    {.name = "stop_gradient",
     .build = [](Args x) { return Values{StopGradient(x[0])}; },
     .inputs = {{.shape = {4, 3}, .batch = true}},
     .reference = Elementwise([](double x) { return x; }),
     .differentiable = false},
});

const GoldenCases kGolden("elementwise", {
                                             {"broadcast_to",
                                              [](Args x) {
                                                return Values{BroadcastTo(x[0], {2, 3, 4, 5})};
                                              }},
                                             {"broadcast_mul", [](Args x) { return Values{x[0] * x[1]}; }},
                                         });

TEST(Broadcast, StopGradientStops) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {2});
  const Value dx = Gradients(x * StopGradient(x), {x})[0];
  auto result = Evaluate(dx, {{x, Tensor::From<double>({2}, {3, 5})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->At(0), 3);
  EXPECT_EQ(result->At(1), 5);
}

TEST(Broadcast, LargeOutputsAreSplitAnywhere) {
  // More than one parallel chunk, with rows that straddle them.
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {7, 1, 13});
  const Shape shape{7, 331, 13};
  RandomStream random(1);
  Tensor numbers(DType::kFloat64, {7, 1, 13});
  for (double& v : numbers.mutable_data<double>()) v = random.Uniform();
  auto y = Evaluate(BroadcastTo(x, shape), {{x, numbers}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(y->BitEqual(NaiveBroadcast(numbers, shape)));
}

}  // namespace
}  // namespace adret
