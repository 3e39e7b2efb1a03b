// How the examples of a scan are cut into parts that run side by side.
#include <cstring>

#include "adret/autograd/gradients.h"
#include "adret/autograd/scan.h"
#include "adret/autograd/scan_internal.h"
#include "adret/core/executor.h"
#include "adret/core/parallel.h"
#include "adret/nn/recurrent.h"
#include "adret/ops/binary.h"
#include "adret/ops/concat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

constexpr int64_t kSteps = 3, kIn = 4, kHidden = 5;

Tensor Counted(const Shape& shape) {
  Tensor t(DType::kFloat64, shape);
  double next = 0;
  for (double& v : t.mutable_data<double>()) v = std::sin(next++);
  return t;
}

ScanParts PartsOf(const Value& result) {
  return adret::PartsOf(result.graph()->node(result.node()).attrs.As<ScanAttrs>());
}

// h' = tanh(x w + h u), for a body that does something more with h'.
ScanResult Recurrence(Graph* graph, int64_t batch, const std::function<Value(const Value& h)>& more) {
  const Value w = graph->Constant(Counted({kIn, kHidden})), u = graph->Constant(Counted({kHidden, kHidden}));
  ScanInputs inputs;
  inputs.carry = {graph->Input("h", DType::kFloat64, {batch, kHidden})};
  inputs.each = {graph->Input("x", DType::kFloat64, {kSteps, batch, kIn})};
  return Scan(inputs, [&](const Values& h, const Values& x) {
    const Value next = more(Tanh(MatMul(x[0], w) + MatMul(h[0], u)));
    return ScanStep{.carry = {next}, .out = {next * 2.0}};
  });
}

TEST(ScanPartsTest, DependOnTheNumberOfExamplesAlone) {
  const auto parts = [](int64_t batch) {
    Graph graph;
    return PartsOf(Recurrence(&graph, batch, [](const Value& h) { return h; }).carry[0]).parts;
  };
  EXPECT_EQ(parts(1), 1);
  EXPECT_EQ(parts(63), 1);
  EXPECT_EQ(parts(64), 2);
  EXPECT_EQ(parts(65), 1);
  EXPECT_EQ(parts(66), 2);
  EXPECT_EQ(parts(99), 3);
  EXPECT_EQ(parts(128), 4);
  EXPECT_EQ(parts(4096), 16);
}

TEST(ScanPartsTest, AreNotMadeWhereExamplesKnowEachOther) {
  const auto parts = [](const std::function<Value(const Value& h)>& more) {
    Graph graph;
    const ScanResult r = Recurrence(&graph, 64, more);
    EXPECT_TRUE(graph.status().ok()) << graph.status();
    return PartsOf(r.carry[0]).parts;
  };
  EXPECT_EQ(parts([](const Value& h) { return h - Mean(h, {.axes = {0}}); }), 1);
  EXPECT_EQ(parts([](const Value& h) { return Flip(h, {0}); }), 1);
  EXPECT_EQ(parts([](const Value& h) { return Roll(h, 1, 0); }), 1);
  EXPECT_EQ(parts([](const Value& h) { return h + MatMul(MatMul(h, h, {.transpose_b = true}), h); }), 1);
  EXPECT_EQ(parts([](const Value& h) { return h - Sum(h, {.axes = {1}, .keepdims = true}); }), 2);
  EXPECT_EQ(parts([](const Value& h) { return Reshape(Flip(Reshape(h, {64, kHidden, 1}), {1}), {64, kHidden}); }), 2);
  EXPECT_EQ(parts([](const Value& h) { return Transpose(Tanh(Transpose(h, {1, 0})), {1, 0}); }), 2);
  EXPECT_EQ(parts([](const Value& h) {
              const Value range = Cast(Range(h.graph(), {.limit = 64}), DType::kFloat64);
              return h + MatMul(Unsqueeze(range, {1}), h.graph()->Constant(Counted({1, kHidden})));
            }),
            1);
  EXPECT_EQ(parts([](const Value& h) { return h * h.graph()->outer()->Constant(Counted({64, kHidden})); }), 1);
}

// What an LSTM of two layers and two directions with lengths gives for a batch, and the gradients of its inputs.
std::vector<Tensor> RunLstm(int64_t batch, int64_t from, int threads) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {7, batch, kIn});
  const Value lengths = graph.Input("lengths", DType::kInt64, {batch});
  const nn::Lstm lstm(kHidden, {.layers = 2, .bidirectional = true});
  const nn::LstmResult y = lstm(x, nn::LstmInputs{.lengths = lengths});
  Values fetches = {y.out, y.h, y.c};
  fetches.push_back(Gradients(Sum(Sin(y.out)) + Sum(y.c), {x})[0]);
  EXPECT_TRUE(graph.status().ok()) << graph.status();
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (graph.node(id).op->name != "scan") continue;
    EXPECT_EQ(adret::PartsOf(graph.node(id).attrs.As<ScanAttrs>()).parts, batch / 32) << graph.node(id).name;
  }
  State state;
  state.seed = 3;
  EXPECT_TRUE(InitializeMissing(graph, 3, &state).ok());
  ExecutorOptions options;
  options.threads = threads;
  const absl::StatusOr<Executor> executor = Executor::Create(fetches, {}, options);
  EXPECT_TRUE(executor.ok()) << executor.status();
  const Tensor all = Counted({7, 96, kIn});
  Tensor own(DType::kFloat64, {7, batch, kIn}), length(DType::kInt64, {batch});
  for (int64_t t = 0; t < 7; ++t) {
    std::memcpy(own.mutable_data<double>().data() + t * batch * kIn, all.data<double>().data() + (t * 96 + from) * kIn,
                batch * kIn * sizeof(double));
  }
  for (int64_t i = 0; i < batch; ++i) length.mutable_data<int64_t>()[i] = (from + i) % 8;
  auto result = executor->Run({{x, own}, {lengths, length}}, &state);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : std::vector<Tensor>();
}

TEST(ScanPartsTest, GiveWhatEachGivesAlone) {
  const std::vector<Tensor> whole = RunLstm(96, 0, 1);
  ASSERT_EQ(whole.size(), 4u);
  for (int64_t part = 0; part < 3; ++part) {
    const std::vector<Tensor> alone = RunLstm(32, 32 * part, 1);
    ASSERT_EQ(alone.size(), 4u);
    for (size_t k = 0; k < alone.size(); ++k) {  // [steps or layers, batch, features]
      const int64_t rows = alone[k].shape()[0], features = alone[k].shape()[2];
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t i = 0; i < 32 * features; ++i) {
          ASSERT_NEAR(whole[k].At((r * 96 + 32 * part) * features + i), alone[k].At(r * 32 * features + i), 1e-14)
              << "part " << part << ", result " << k;
        }
      }
    }
  }
}

TEST(ScanPartsTest, GiveTheSameBitsAtAnyNumberOfThreads) {
  const std::vector<Tensor> one = RunLstm(96, 0, 1), several = RunLstm(96, 0, MaxThreads());
  for (size_t k = 0; k < one.size(); ++k) {
    EXPECT_EQ(std::memcmp(one[k].raw(), several[k].raw(), one[k].num_bytes()), 0) << k;
  }
}

TEST(ScanPartsTest, HaveNoStepsWhereThereAreNone) {
  Graph graph;
  const Value h = graph.Input("h", DType::kFloat64, {64, 2}), x = graph.Input("x", DType::kFloat64, {0, 64, 2});
  const ScanResult r = Scan({.carry = {h}, .each = {x}},
                            [](const Values& c, const Values& e) { return ScanStep{.carry = {c[0] + e[0]}}; });
  EXPECT_EQ(PartsOf(r.carry[0]).parts, 2);
  const Tensor numbers = Counted({64, 2});
  const auto result = Evaluate(r.carry, {{h, numbers}, {x, Tensor::Zeros(DType::kFloat64, {0, 64, 2})}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::memcmp((*result)[0].raw(), numbers.raw(), numbers.num_bytes()), 0);
}

}  // namespace
}  // namespace adret
