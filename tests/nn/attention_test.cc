#include "adret/nn/attention.h"

#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/tests/nn/golden_layer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AttentionLayersTest, SelfAttentionIsPyTorchs) {
  ExpectGolden("attention", "self", [](Args x) { return MultiHeadAttention(2).Named("layer")(x[0]); });
}

TEST(AttentionLayersTest, CrossAttentionIsPyTorchs) {
  ExpectGolden("attention", "cross",
               [](Args x) { return MultiHeadAttention(3).Named("layer")(x[0], {.key = x[1], .value = x[2]}); });
}

TEST(AttentionLayersTest, PaddingIsPyTorchs) {
  ExpectGolden("attention", "padded", [](Args x) {
    const Value mask = x[0].graph()->Constant(GoldenArray("attention", "padded/mask"));
    return MultiHeadAttention(2).Named("layer")(x[0], {.key = x[1], .mask = mask});
  });
}

TEST(AttentionLayersTest, EncodersArePyTorchs) {
  ExpectGolden("attention", "post_norm", [](Args x) {
    return TransformerEncoderLayer(2, {.hidden = 10}).Named("layer")(x[0], Mode::kInference);
  });
  ExpectGolden("attention", "pre_norm", [](Args x) {
    const TransformerEncoderLayer layer(2, {.hidden = 10, .gelu = true, .norm_first = true, .causal = true});
    return layer.Named("layer")(x[0], Mode::kInference);
  });
}

TEST(AttentionLayersTest, NamesAndShapes) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 7, 12});
  const Sequential net{SinusoidalPositions(), TransformerEncoderLayer(3, {.hidden = 20}), Dense(5)};
  const Value y = net(x);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(y.shape(), (Shape{kAnyBatch, 7, 5}));
  std::vector<std::string> names;
  for (const Value& v : graph.all_variables()) names.push_back(v.name());
  EXPECT_THAT(names,
              ElementsAre("encoder1/attention/q_w", "encoder1/attention/q_b", "encoder1/attention/k_w",
                          "encoder1/attention/k_b", "encoder1/attention/v_w", "encoder1/attention/v_b",
                          "encoder1/attention/out_w", "encoder1/attention/out_b", "encoder1/norm1/scale",
                          "encoder1/norm1/bias", "encoder1/hidden_w", "encoder1/hidden_b", "encoder1/out_w",
                          "encoder1/out_b", "encoder1/norm2/scale", "encoder1/norm2/bias", "dense1/w", "dense1/b"));
  // A second call shares them.
  net(x, Mode::kInference);
  EXPECT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(graph.all_variables().size(), names.size());
}

TEST(AttentionLayersTest, TrainingDropsAndInferenceDoesNot) {
  const auto dropouts = [](Mode mode, double rate) {
    Graph graph;
    TransformerEncoderLayer(2, {.hidden = 4, .dropout = rate})(graph.Input("x", DType::kFloat32, {2, 3, 4}), mode);
    EXPECT_TRUE(graph.status().ok()) << graph.status();
    int count = 0;
    for (NodeId id = 0; id < graph.num_nodes(); ++id) count += graph.node(id).op->traits.random;
    return count;
  };
  EXPECT_EQ(dropouts(Mode::kTraining, 0.1), 4);
  EXPECT_EQ(dropouts(Mode::kTraining, 0), 0);
  EXPECT_EQ(dropouts(Mode::kInference, 0.1), 0);
}

TEST(AttentionLayersTest, PositionsAreSinesAndCosines) {
  // The time may be known to the run only: then places are counted.
  for (const int64_t time : {int64_t{5}, kAnyBatch}) {
    for (const int64_t features : {1, 5, 6}) {
      Graph graph;
      const Value x = graph.Input("x", DType::kFloat64, {2, time, features});
      const Value y = SinusoidalPositions({.base = 100})(x);
      ASSERT_TRUE(graph.status().ok()) << graph.status();
      const auto found = Evaluate(y, {{x, Tensor::Full(DType::kFloat64, {2, 5, features}, 3)}});
      ASSERT_TRUE(found.ok()) << found.status();
      for (int64_t i = 0; i < found->num_elements(); ++i) {
        const double place = static_cast<double>(i / features % 5), f = static_cast<double>(i % features);
        const double phase = place / std::pow(100, (f - std::fmod(f, 2)) / static_cast<double>(features));
        ASSERT_NEAR(found->At(i), 3 + (i % features % 2 == 0 ? std::sin(phase) : std::cos(phase)), 1e-13) << i;
      }
    }
  }
}

TEST(AttentionLayersTest, Errors) {
  const auto message = [](auto&& build) {
    Graph graph;
    build(graph.Input("x", DType::kFloat32, {kAnyBatch, 7, 12}));
    return std::string(graph.status().message());
  };
  EXPECT_THAT(message([](Value x) { MultiHeadAttention(5)(x); }),
              HasSubstr("attention1: 5 heads do not divide a width of 12 at attention_test.cc"));
  EXPECT_THAT(message([](Value x) {
                MultiHeadAttention(2)(x, {.key = x.graph()->Input("key", DType::kFloat32, {kAnyBatch, 12})});
              }),
              HasSubstr("query, key and value are f32[?,7,12], f32[?,12] and f32[?,12]"));
  EXPECT_THAT(message([](Value x) {
                MultiHeadAttention(2)(x, {.mask = x.graph()->Input("mask", DType::kBool, {kAnyBatch, 7})});
              }),
              HasSubstr("mask must broadcast to [?,2,7,7]"));
  EXPECT_THAT(message([](Value x) { MultiHeadAttention(2, {.dropout = 1})(x); }),
              HasSubstr("attention1: dropout must be in [0, 1), but is 1"));
  EXPECT_THAT(message([](Value x) { TransformerEncoderLayer(2, {.dropout = 1})(x); }),
              HasSubstr("encoder1: dropout must be in [0, 1), but is 1"));
  EXPECT_THAT(message([](Value x) { SinusoidalPositions({.base = 0})(x); }), HasSubstr("base must be"));
  EXPECT_THAT(message([](Value x) {
                const Value bad = x.graph()->Input("bad", DType::kFloat32, {-3, -4});
                MultiHeadAttention(2)(x, {.key = bad});
              }),
              HasSubstr("expects floating-point [batch, time, features]"));
}

}  // namespace
}  // namespace adret::nn
