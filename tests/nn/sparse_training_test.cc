// Training tables row by row: EmbeddingOptions::sparse.
#include <string>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/io/model.h"
#include "adret/nn/embedding.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/nn/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

Tensor SparseGolden(const std::string& name) { return GoldenArray("sparse", name); }

// The problem of sparse.py.
void ExpectTrajectory(const std::string& name, const Optimizer& optimizer) {
  for (const bool padded : {false, true}) {
    const Tensor ws = SparseGolden(padded ? name + "/padded" : name), ids = SparseGolden("ids");
    Graph graph;
    const Value tokens = graph.Input("tokens", DType::kInt64, {ids.shape()[1]});
    const Value rows = Embedding(8, 3,
                                 {.padding_index = padded ? 2 : -1,
                                  .dtype = DType::kFloat64,
                                  .initializer = [](const Type&, RandomKey) { return SparseGolden("w0").Clone(); },
                                  .sparse = true})(tokens);
    const Value answer = MatMul(Tanh(rows), graph.Constant(SparseGolden("v")));
    const Value loss = MeanSquaredError(answer, graph.Constant(SparseGolden("t")));
    auto executor = Executor::Create({loss}, optimizer.Minimize(loss, graph.variables()));
    ASSERT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(graph, 1);
    state.Set("embedding1/w", SparseGolden("w0").Clone());  // PyTorch's padding row is not zero here
    for (int64_t step = 0; step < ws.shape()[0]; ++step) {
      ASSERT_TRUE(executor->Run({{tokens, Row(ids, step)}}, &state).ok());
      ExpectNear(*state.Get("embedding1/w"), Row(ws, step), 1e-10, name);
    }
  }
}

TEST(SparseTraining, FollowsPyTorch) {
  ExpectTrajectory("sgd", Sgd({.learning_rate = 0.3}));
  ExpectTrajectory("adagrad", Adagrad({.learning_rate = 0.1}));
  ExpectTrajectory("adagrad_decay", Adagrad({.learning_rate = 0.1, .rate_decay = 0.1, .initial_accumulator = 0.2}));
  ExpectTrajectory("sparse_adam", SparseAdam({.learning_rate = 0.05}));
  ExpectTrajectory("sparse_adam_betas",
                   SparseAdam({.learning_rate = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}));
}

// A table of words, looked up for pairs, and a layer on top.
struct Words {
  explicit Words(bool sparse, int64_t count = 50, int64_t width = 7) {
    tokens = graph.Input("tokens", DType::kInt32, {kAnyBatch, 2});
    const Value x = Embedding(count, width, {.padding_index = 3, .sparse = sparse})(tokens);
    y = Dense(2)(Flatten()(x));
    loss = Mean(Square(y - 1.0));
  }
  Tensor Batch(int64_t n, uint64_t seed, int32_t below = 10) const {
    Tensor batch(DType::kInt32, {n, 2});
    RandomStream random(seed);
    for (int32_t& i : batch.mutable_data<int32_t>()) i = static_cast<int32_t>(random.Below(below));
    return batch;
  }
  Graph graph;
  Value tokens, y, loss;
};

State Train(bool sparse, const Optimizer& optimizer, int threads = 1, int64_t width = 7) {
  Words words(sparse, 50, width);
  auto executor =
      Executor::Create({words.loss}, optimizer.Minimize(words.loss, words.graph.variables()), {.threads = threads});
  EXPECT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(words.graph, 1);
  for (int step = 0; executor.ok() && step < 5; ++step) {
    EXPECT_TRUE(executor->Run({{words.tokens, words.Batch(step == 3 ? 0 : 20, step)}}, &state).ok());
  }
  return state;
}

TEST(SparseTraining, HasTheBitsOfDenseTraining) {
  for (const Optimizer& optimizer :
       {Sgd({.learning_rate = 0.3}), Sgd({.learning_rate = 0.3, .common = {.clip_value = 0.01}}),
        Adagrad({.learning_rate = 0.1, .initial_accumulator = 0.1})}) {
    EXPECT_EQ(Train(true, optimizer).Digest(), Train(false, optimizer).Digest());
  }
  const Optimizer clipped = Sgd({.learning_rate = 0.3, .common = {.clip_norm = 0.05}});
  const State sparse = Train(true, clipped), dense = Train(false, clipped);
  ExpectNear(*sparse.Get("embedding1/w"), *dense.Get("embedding1/w"), 1e-6, "clipped to a norm");
}

TEST(SparseTraining, HasTheSameBitsForAnyNumberOfThreads) {
  const Optimizer optimizer = SparseAdam({.learning_rate = 0.1});
  EXPECT_EQ(Train(true, optimizer, 1, 300).Digest(), Train(true, optimizer, 4, 300).Digest());
}

TEST(SparseTraining, SparseAdamLeavesRowsAloneThatNobodyLooksUp) {
  Words words(true);
  const Updates updates = SparseAdam({.learning_rate = 0.1}).Minimize(words.loss, words.graph.variables());
  auto executor = Executor::Create({words.loss}, updates);
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(words.graph, 1);
  ASSERT_TRUE(executor->Run({{words.tokens, words.Batch(20, 1)}}, &state).ok());
  const Tensor w = state.Get("embedding1/w")->Clone(), m = state.Get("sparse_adam/m/embedding1/w")->Clone();
  const Tensor bias = state.Get("dense1/b")->Clone();
  Tensor batch(DType::kInt32, {1, 2});
  batch.mutable_data<int32_t>()[0] = 4, batch.mutable_data<int32_t>()[1] = 4;
  ASSERT_TRUE(executor->Run({{words.tokens, batch}}, &state).ok());
  for (int64_t i = 0; i < w.num_elements(); ++i) {
    EXPECT_EQ(state.Get("embedding1/w")->At(i) != w.At(i), i / 7 == 4) << i;
    EXPECT_EQ(state.Get("sparse_adam/m/embedding1/w")->At(i) != m.At(i), i / 7 == 4) << i;
  }
  EXPECT_NE(state.Get("dense1/b")->At(0), bias.At(0)) << "other variables move as a whole";
}

// Neither the arena nor what steps read and write grows with the table.
TEST(SparseTraining, CostsWhatTheBatchLooksUp) {
  for (const Optimizer& optimizer : {Sgd({.learning_rate = 0.1}), Adagrad({.learning_rate = 0.1}),
                                     SparseAdam({.learning_rate = 0.1, .common = {.clip_norm = 1}})}) {
    int64_t arena[2];
    for (int large = 0; large < 2; ++large) {
      Words words(true, large == 1 ? 100'000 : 100);
      auto executor = Executor::Create({words.loss}, optimizer.Minimize(words.loss, words.graph.variables()));
      ASSERT_TRUE(executor.ok()) << executor.status();
      arena[large] = *executor->PeakBytes(32);
      const PlanReport report = *executor->Report(32);
      for (const StepReport& step : report.steps) {
        if (step.node.find("scatter") == std::string::npos || step.outputs[0].shape[0] < 100) continue;
        EXPECT_THAT(step.place, HasSubstr("variable")) << "the table is copied";
      }
      State state = *InitialState(words.graph, 1);
      const void* before = state.Get("embedding1/w")->raw();
      ASSERT_TRUE(executor->Run({{words.tokens, words.Batch(32, 1)}}, &state).ok());
      EXPECT_EQ(state.Get("embedding1/w")->raw(), before);
    }
    EXPECT_EQ(arena[0], arena[1]);
  }
}

// A copy of the state keeps its numbers.
TEST(SparseTraining, CopiesOfTheStateStay) {
  Words words(true);
  auto executor = Executor::Create({words.loss}, Sgd().Minimize(words.loss, words.graph.variables()));
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(words.graph, 1);
  const State copy = state;
  const std::string digest = copy.Digest();
  ASSERT_TRUE(executor->Run({{words.tokens, words.Batch(20, 1)}}, &state).ok());
  EXPECT_EQ(copy.Digest(), digest);
  EXPECT_NE(state.Digest(), digest);
}

// Of two tables the second one's index is wrong: the first one must not have moved, nor the layer above.
TEST(SparseTraining, AFailedRunChangesNothing) {
  for (const bool first_is_wrong : {false, true}) {
    Graph graph;
    const Value a = graph.Input("a", DType::kInt64, {kAnyBatch}), b = graph.Input("b", DType::kInt64, {kAnyBatch});
    const EmbeddingOptions sparse{.sparse = true};
    const Value y = Dense(3)(Embedding(10, 4, sparse)(a) * Embedding(20, 4, sparse)(b));
    const Value loss = Mean(Square(y));
    // The wrong index is used by an update alone, so that no lookup fails before it.
    Updates updates = Sgd({.learning_rate = 0.1}).Minimize(loss, graph.variables());
    const Value more = graph.Input("more", DType::kInt64, {2});
    const Value c = graph.Variable("c", Tensor::Zeros(DType::kFloat32, {5}));
    const Value d = graph.Variable("d", Tensor::Zeros(DType::kFloat32, {5}));
    const Value one = graph.Constant(Tensor::Full(DType::kFloat32, {2}, 1));
    updates.push_back({c, ScatterAdd(c, first_is_wrong ? more : Clip(more, {.max = 4}), one)});
    updates.push_back({d, Scatter(d, more, one * Sum(Square(y)))});
    auto executor = Executor::Create({loss}, updates);
    ASSERT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(graph, 1);
    const std::string before = state.Digest();
    const Tensor indices = Tensor::Full(DType::kInt64, {2}, 3), wrong = Tensor::From<int64_t>({2}, {1, 5});
    const auto failed = executor->Run({{a, indices}, {b, indices}, {more, wrong}}, &state);
    EXPECT_THAT(std::string(failed.status().message()), HasSubstr("index 5 at place 1 is outside an axis of size 5"));
    EXPECT_EQ(state.Digest(), before);
    EXPECT_EQ(state.step, 0u);
    const Tensor right = Tensor::From<int64_t>({2}, {1, 4});
    EXPECT_TRUE(executor->Run({{a, indices}, {b, indices}, {more, right}}, &state).ok());
    EXPECT_NE(state.Digest(), before);
  }
}

// The new table is fetched, and read by others: then it is written elsewhere first.
TEST(SparseTraining, FetchesSeeTheOldTableAndTheNew) {
  Graph graph;
  const Value w = graph.Variable("w", Tensor::From<float>({3}, {1, 2, 3}));
  const Value i = graph.Input("i", DType::kInt64, {1});
  const Value next = ScatterAdd(w, i, Gather(w, i));
  auto executor = Executor::Create({w, next, Sum(next) - Sum(w)}, {{w, next}});
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(graph, 1);
  const auto results = executor->Run({{i, Tensor::From<int64_t>({1}, {2})}}, &state);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].BitEqual(Tensor::From<float>({3}, {1, 2, 3})));
  EXPECT_TRUE((*results)[1].BitEqual(Tensor::From<float>({3}, {1, 2, 6})));
  EXPECT_EQ((*results)[2].At(0), 3);
  EXPECT_TRUE(state.Get("w")->BitEqual(Tensor::From<float>({3}, {1, 2, 6})));
}

// A table that is tied to a product has a dense gradient, which any optimiser takes.
TEST(SparseTraining, TiedTablesAreMovedAsAWhole) {
  const auto train = [](bool sparse) {
    Graph graph;
    const Value tokens = graph.Input("tokens", DType::kInt64, {kAnyBatch});
    const Value x = Embedding(6, 4, {.sparse = sparse})(tokens);
    const Value table = graph.variables()[0];
    const Value loss = SoftmaxCrossEntropy(MatMul(x, table, {.transpose_b = true}), tokens);
    auto executor = Executor::Create({loss}, Adam({.learning_rate = 0.1}).Minimize(loss, graph.variables()));
    EXPECT_TRUE(executor.ok()) << executor.status();
    State state = *InitialState(graph, 1);
    EXPECT_TRUE(executor->Run({{tokens, Tensor::From<int64_t>({3}, {1, 5, 1})}}, &state).ok());
    return state.Digest();
  };
  EXPECT_EQ(train(true), train(false));
}

TEST(SparseTraining, OtherOptimizersRefuse) {
  const auto message = [](const Optimizer& optimizer) {
    Words words(true);
    optimizer.Minimize(words.loss, words.graph.variables());
    return std::string(words.graph.status().message());
  };
  EXPECT_THAT(message(Adam()),
              HasSubstr("adam: the gradient of variable 'embedding1/w' is sparse, but these options move what has no "
                        "gradient, too; SparseAdam, and Sgd and Adagrad without momentum and weight_decay, take sparse "
                        "gradients"));
  EXPECT_THAT(message(AdamW()), HasSubstr("adamw: the gradient of variable"));
  EXPECT_THAT(message(RmsProp()), HasSubstr("is sparse"));
  EXPECT_THAT(message(Sgd({.momentum = 0.9})), HasSubstr("is sparse"));
  EXPECT_THAT(message(Sgd({.weight_decay = 0.1})), HasSubstr("is sparse"));
  EXPECT_THAT(message(Adagrad({.weight_decay = 0.1})), HasSubstr("is sparse"));
  EXPECT_EQ(message(Sgd()), "");
  EXPECT_THAT(message(SparseAdam({.beta1 = 1})), HasSubstr("sparse_adam: beta1 must be in [0, 1), but is 1"));
}

// A model file keeps updates of rows, and its graph trains on.
TEST(SparseTraining, IsSavedAndGoesOn) {
  Words words(true);
  const Updates updates = SparseAdam().Minimize(words.loss, words.graph.variables());
  State state = *InitialState(words.graph, 1);
  const auto bytes = io::SerializeModel({.graph = &words.graph, .state = &state, .updates = updates});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto model = io::ParseModel(*bytes);
  ASSERT_TRUE(model.ok()) << model.status();
  const Tensor batch = words.Batch(20, 1);
  auto here = Executor::Create({}, updates);
  auto there = Executor::Create({}, model->updates);
  ASSERT_TRUE(here.ok() && there.ok()) << here.status() << there.status();
  ASSERT_TRUE(here->Run({{words.tokens, batch}}, &state).ok());
  ASSERT_TRUE(there->Run({{*model->graph->Find("tokens"), batch}}, &model->state).ok());
  EXPECT_EQ(model->state.Digest(), state.Digest());
}

}  // namespace
}  // namespace adret::nn
