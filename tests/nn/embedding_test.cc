#include "adret/nn/embedding.h"

#include <string>

#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/nn/layers.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/nn/golden_layer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

TEST(EmbeddingTest, IsPyTorchs) {
  const EmbeddingOptions f64{.dtype = DType::kFloat64};
  ExpectGolden("windows", "layer_embedding", [&](Args x) { return Embedding(7, 5, f64).Named("layer")(x[0]); });
  const EmbeddingOptions padded{.padding_index = 3, .dtype = DType::kFloat64};
  ExpectGolden("windows", "layer_embedding_padded",
               [&](Args x) { return Embedding(7, 5, padded).Named("layer")(x[0]); });
}

TEST(EmbeddingTest, ShapesAndTheFirstNumbers) {
  Graph graph;
  const Value tokens = graph.Input("tokens", DType::kInt32, {kAnyBatch, 12});
  const Value y = Embedding(100, 8, {.padding_index = 2})(tokens);
  EXPECT_EQ(y.type(), (Type{DType::kFloat32, {kAnyBatch, 12, 8}}));
  EXPECT_EQ(Embedding(10, 3)(graph.Input("token", DType::kInt64, {})).shape(), (Shape{3}));
  auto state = InitialState(graph, /*seed=*/1);
  ASSERT_TRUE(state.ok()) << state.status();
  const Tensor w = *state->Get("embedding1/w");
  for (int64_t i = 0; i < 800; ++i) EXPECT_EQ(w.At(i) == 0, i / 8 == 2) << i;
}

// Rows that are not looked up, and the padding's, stay.
TEST(EmbeddingTest, TrainingMovesWhatIsLookedUp) {
  Graph graph;
  const Value tokens = graph.Input("tokens", DType::kInt64, {kAnyBatch});
  const Value loss = Sum(Square(Embedding(6, 2, {.padding_index = 0})(tokens)));
  auto executor = Executor::Create({loss}, Sgd({.learning_rate = 0.1}).Minimize(loss, graph.variables()));
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto state = InitialState(graph, /*seed=*/1);
  ASSERT_TRUE(state.ok()) << state.status();
  const Tensor before = state->Get("embedding1/w")->Clone();
  Tensor batch(DType::kInt64, {4});
  const int64_t indices[] = {3, 0, 5, 3};
  std::copy(indices, indices + 4, batch.mutable_data<int64_t>().begin());
  ASSERT_TRUE(executor->Run({{tokens, batch}}, &*state).ok());
  const Tensor after = *state->Get("embedding1/w");
  for (int64_t i = 0; i < 12; ++i) {
    const int64_t row = i / 2;
    const double step = row == 3 ? 0.4 : row == 5 ? 0.2 : 0;  // row 3 is there twice
    EXPECT_NEAR(after.At(i), before.At(i) * (1 - step), 1e-6) << i;
  }
}

TEST(EmbeddingTest, Errors) {
  const auto message = [](const Layer& layer, DType dtype) {
    Graph graph;
    layer(graph.Input("x", dtype, {kAnyBatch, 3}));
    return std::string(graph.status().message());
  };
  EXPECT_THAT(message(Embedding(0, 3), DType::kInt64), HasSubstr("embedding1: count must be at least 1, but is 0"));
  EXPECT_THAT(message(Embedding(4, 3, {.padding_index = 4}), DType::kInt64),
              HasSubstr("padding_index must be in [-1, 4), but is 4"));
  EXPECT_THAT(message(Embedding(4, 3), DType::kFloat32), HasSubstr("expects indices, integers, but x is f32[?,3]"));
  Graph graph;
  const Value x = graph.Input("x", DType::kInt64, {2});
  auto executor = Executor::Create({Embedding(4, 3)(x)});
  ASSERT_TRUE(executor.ok()) << executor.status();
  auto state = InitialState(graph, /*seed=*/1);
  Tensor bad = Tensor::Full(DType::kInt64, {2}, 4);
  EXPECT_THAT(std::string(executor->Run({{x, bad}}, &*state).status().message()),
              HasSubstr("index 4 at place 0 is outside an axis of size 4"));
}

}  // namespace
}  // namespace adret::nn
