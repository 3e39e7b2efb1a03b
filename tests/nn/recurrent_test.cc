#include "adret/nn/recurrent.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/import.h"
#include "adret/core/state.h"
#include "adret/nn/embedding.h"
#include "adret/nn/layers.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/tests/nn/golden_layer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kTime = 4, kBatch = 3, kFeatures = 2, kHidden = 2;

Tensor Waves(DType dtype, const Shape& shape, double frequency) {
  Tensor t(DType::kFloat64, shape);
  auto data = t.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = 0.7 * std::sin(frequency * static_cast<double>(i + 1));
  return t.Cast(dtype);
}

// All results of a layer. first: the states to begin with, as many as the kind has, or none.
Values Call(const std::string& kind, int64_t hidden, const RecurrentOptions& options, Value x, Args first,
            Value lengths = {}) {
  if (kind == "lstm") {
    LstmInputs inputs{.lengths = lengths};
    if (!first.empty()) inputs.h = first[0], inputs.c = first[1];
    const LstmResult r = Lstm(hidden, options).Named("layer")(x, inputs);
    return {r.out, r.h, r.c};
  }
  RecurrentInputs inputs{.lengths = lengths};
  if (!first.empty()) inputs.h = first[0];
  const RecurrentResult r =
      kind == "gru" ? Gru(hidden, options).Named("layer")(x, inputs) : Rnn(hidden, options).Named("layer")(x, inputs);
  return {r.out, r.h};
}

int StatesOf(const std::string& kind) { return kind == "lstm" ? 2 : 1; }

class RecurrentTest : public testing::TestWithParam<std::string> {
 protected:
  void ExpectPyTorchs(const std::string& name, const RecurrentOptions& options, bool states, bool lengths) const {
    const std::string kind = GetParam();
    ExpectGolden("recurrent", absl::StrCat(kind, "/", name), [&](Args x) {
      const Args first = x.subspan(1, states ? StatesOf(kind) : 0);
      return Call(kind, /*hidden=*/2, options, x[0], first, lengths ? x.back() : Value());
    });
  }
};
INSTANTIATE_TEST_SUITE_P(All, RecurrentTest, testing::Values("rnn", "lstm", "gru"),
                         [](const auto& info) { return info.param; });

TEST_P(RecurrentTest, IsPyTorchs) {
  ExpectPyTorchs("plain", {}, false, false);
  ExpectPyTorchs("states", {}, true, false);
  ExpectPyTorchs("stacked", {.layers = 2}, true, false);
  ExpectPyTorchs("lengths", {}, true, true);
  ExpectPyTorchs("all", {.layers = 2, .bidirectional = true}, true, true);
  ExpectPyTorchs("batch_first", {.bidirectional = true, .bias = false, .batch_first = true}, false, true);
  if (GetParam() == "rnn") ExpectPyTorchs("relu", {.layers = 2, .relu = true}, true, false);
}

// Inputs, states and variables are the points of a function, and all results are its values.
TEST_P(RecurrentTest, HasDerivativesOfBothOrders) {
  for (const bool with_lengths : {false, true}) {
    const RecurrentOptions options{.layers = with_lengths ? 1 : 2, .bidirectional = with_lengths};
    Graph net;
    Values leaves = {net.Input("x", DType::kFloat64, {kTime, kBatch, kFeatures})};
    for (int k = 0; k < StatesOf(GetParam()); ++k) {
      leaves.push_back(net.Input(absl::StrCat("state", k), DType::kFloat64, {2, kBatch, kHidden}));
    }
    const Value lengths = with_lengths ? net.Constant(Tensor::From<int64_t>({kBatch}, {2, 4, 0})) : Value();
    const Values results = Call(GetParam(), kHidden, options, leaves[0], Args(leaves).subspan(1), lengths);
    ASSERT_TRUE(net.status().ok()) << net.status();
    for (const Value& v : net.variables()) leaves.push_back(v);
    std::vector<Tensor> points;
    for (const Value& v : leaves) points.push_back(Waves(DType::kFloat64, v.shape(), 0.9 + 0.3 * points.size()));
    const absl::Status s = CheckGradients(
        [&](Args x) {
          std::vector<Substitution> substitutions;
          for (size_t i = 0; i < leaves.size(); ++i) substitutions.push_back({leaves[i], x[i]});
          return *Import(results, substitutions, x[0].graph());
        },
        points);
    EXPECT_TRUE(s.ok()) << s;
  }
}

// A layer's graph for some sizes, which may be symbolic, with the slopes of its input and of all variables.
struct Net {
  Net(const std::string& kind, const RecurrentOptions& options, const Shape& shape, bool with_lengths,
      DType dtype = DType::kFloat64, int64_t hidden = 5, const ExecutorOptions& how = {})
      : x(graph.Input("x", dtype, shape)),
        lengths(with_lengths ? graph.Input("lengths", DType::kInt64, {shape[1]}) : Value()) {
    fetches = Call(kind, hidden, options, x, {}, lengths);
    Value loss = Sum(fetches[0] * fetches[0]) + Sum(fetches[1]);
    Values xs = graph.variables();
    xs.push_back(x);
    for (const Value& dx : Gradients(loss, xs)) fetches.push_back(dx);
    executor = Executor::Create(fetches, {}, how);
  }
  absl::StatusOr<std::vector<Tensor>> Run(const Tensor& numbers, const std::vector<int64_t>& own = {}) {
    AD_RETURN_IF_ERROR(executor.status());
    AD_ASSIGN_OR_RETURN(State state, InitialState(graph, /*seed=*/3));
    Feeds feeds{{x, numbers}};
    if (!own.empty()) {
      feeds.emplace_back(lengths, Tensor::From<int64_t>({static_cast<int64_t>(own.size())}, own));
    }
    return executor->Run(feeds, &state);
  }

  Graph graph;
  Value x, lengths;
  Values fetches;
  absl::StatusOr<Executor> executor = absl::UnknownError("not made");
};

void ExpectSameBits(const absl::StatusOr<std::vector<Tensor>>& a, const absl::StatusOr<std::vector<Tensor>>& b) {
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  ASSERT_EQ(a->size(), b->size());
  for (size_t i = 0; i < a->size(); ++i) EXPECT_TRUE((*a)[i].BitEqual((*b)[i])) << "fetch " << i;
}

TEST_P(RecurrentTest, OneExecutorRunsAllTimesAndBatches) {
  const RecurrentOptions options{.layers = 2, .bidirectional = true};
  Net any(GetParam(), options, {Dim("time"), kAnyBatch, 3}, /*with_lengths=*/true);
  ASSERT_TRUE(any.graph.status().ok()) << any.graph.status();
  for (int64_t time = 1; time <= 20; ++time) {
    const int64_t batch = 1 + time % 4;
    Net fixed(GetParam(), options, {time, batch, 3}, /*with_lengths=*/true);
    std::vector<int64_t> lengths;
    for (int64_t i = 0; i < batch; ++i) lengths.push_back((time + i) % (time + 1));
    const Tensor x = Waves(DType::kFloat64, {time, batch, 3}, 1.3);
    ExpectSameBits(any.Run(x, lengths), fixed.Run(x, lengths));
  }
}

TEST_P(RecurrentTest, SequencesMayHaveNoStepsAndBatchesNoExamples) {
  for (const auto& [time, batch] : std::vector<std::pair<int64_t, int64_t>>{{0, 2}, {0, 0}, {3, 0}, {1, 1}}) {
    Net net(GetParam(), {.layers = 2, .bidirectional = true}, {Dim("time"), kAnyBatch, 3}, /*with_lengths=*/false);
    const auto y = net.Run(Waves(DType::kFloat64, {time, batch, 3}, 1.3));
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0].shape(), (Shape{time, batch, 10}));
    EXPECT_EQ((*y)[1].shape(), (Shape{4, batch, 5}));
    EXPECT_EQ(y->back().shape(), (Shape{time, batch, 3}));
    if (time > 0) continue;
    for (size_t i = 1; i < y->size(); ++i)
      EXPECT_TRUE((*y)[i].BitEqual(Tensor::Zeros(DType::kFloat64, (*y)[i].shape())));
  }
}

TEST_P(RecurrentTest, PaddingMayBeAnything) {
  const RecurrentOptions options{.layers = 2, .bidirectional = true};
  Net net(GetParam(), options, {5, 3, 2}, /*with_lengths=*/true);
  const std::vector<int64_t> lengths{2, 5, 0};
  const Tensor x = Waves(DType::kFloat64, {5, 3, 2}, 1.3);
  Tensor other = x.Clone();
  for (int64_t i = 0; i < other.num_elements(); ++i) {
    if (i / 6 >= lengths[i / 2 % 3]) other.mutable_data<double>()[i] = std::numeric_limits<double>::quiet_NaN();
  }
  const auto y = net.Run(x, lengths);
  ExpectSameBits(y, net.Run(other, lengths));
  // Nothing comes of it, and an example without steps keeps its state.
  for (int64_t i = 0; i < (*y)[0].num_elements(); ++i) {
    EXPECT_EQ((*y)[0].At(i) == 0, i / 30 >= lengths[i / 10 % 3]) << i;
  }
  for (int64_t i = 0; i < x.num_elements(); ++i) EXPECT_EQ(y->back().At(i) == 0, i / 6 >= lengths[i / 2 % 3]) << i;
  for (int64_t i = 0; i < (*y)[1].num_elements(); ++i) EXPECT_EQ((*y)[1].At(i) == 0, i / 5 % 3 == 2) << i;
}

TEST_P(RecurrentTest, LengthsOutsideTheSequenceFailTheRun) {
  Net net(GetParam(), {}, {Dim("time"), kAnyBatch, 2}, /*with_lengths=*/true);
  const Tensor x = Waves(DType::kFloat64, {4, 2, 2}, 1.3);
  EXPECT_TRUE(net.Run(x, {0, 4}).ok());
  for (const int64_t bad : {int64_t{-1}, int64_t{5}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_THAT(std::string(net.Run(x, {4, bad}).status().message()), HasSubstr(absl::StrCat(bad)));
  }
}

TEST_P(RecurrentTest, HasTheSameBitsForAnyNumberOfThreads) {
  const Tensor x = Waves(DType::kFloat32, {9, 48, 32}, 1.3);
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 48; ++i) lengths.push_back(i % 10);
  const auto run = [&](int threads) {
    return Net(GetParam(), {.layers = 2, .bidirectional = true}, x.shape(), true, DType::kFloat32, 80,
               {.threads = threads})
        .Run(x, lengths);
  };
  const auto one = run(1);
  for (int threads : {2, 4}) ExpectSameBits(one, run(threads));
}

TEST_P(RecurrentTest, StartsAsPyTorchs) {
  Graph graph;
  Call(GetParam(), 16, {}, graph.Input("x", DType::kFloat32, {3, kAnyBatch, 400}), {});
  const auto state = InitialState(graph, /*seed=*/1);
  ASSERT_TRUE(state.ok()) << state.status();
  for (const Value& v : graph.variables()) {
    const Tensor w = *state->Get(v.name());
    double largest = 0;
    for (int64_t i = 0; i < w.num_elements(); ++i) largest = std::max(largest, std::abs(w.At(i)));
    EXPECT_LE(largest, 0.25) << v.name();
    EXPECT_GT(largest, 0.15) << v.name();
  }
}

TEST(RecurrentLayersTest, NamesShapesAndModes) {
  Graph graph;
  const Value x = graph.Input("tokens", DType::kInt64, {kAnyBatch, Dim("time")});
  const Sequential net{Embedding(30, 6),
                       Gru(4, {.layers = 2, .bidirectional = true, .dropout = 0.5, .batch_first = true}), Dense(5)};
  const Value y = net(x);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(y.type().ToString(), "f32[?,time,5]");
  EXPECT_EQ(graph.Find("gru1")->type().ToString(), "f32[?,time,8]");
  std::vector<std::string> names;
  for (const Value& v : graph.all_variables()) names.push_back(absl::StrCat(v.name(), v.shape().ToString()));
  const auto loop = [](const std::string& suffix, int features) {
    const auto name = [&](const char* stem) { return absl::StrCat("gru1/", stem, suffix); };
    return std::vector<std::string>{absl::StrCat(name("weight_ih"), "[12,", features, "]"),
                                    name("weight_hh") + "[12,4]", name("bias_ih") + "[12]", name("bias_hh") + "[12]"};
  };
  std::vector<std::string> expected{"embedding1/w[30,6]"};
  for (const auto& [suffix, features] :
       std::vector<std::pair<std::string, int>>{{"_l0", 6}, {"_l0_reverse", 6}, {"_l1", 8}, {"_l1_reverse", 8}}) {
    for (const std::string& name : loop(suffix, features)) expected.push_back(name);
  }
  expected.insert(expected.end(), {"dense1/w[5,8]", "dense1/b[5]"});
  EXPECT_EQ(names, expected);
  const auto dropouts = [&] {
    int count = 0;
    for (NodeId id = 0; id < graph.num_nodes(); ++id) count += graph.node(id).op->traits.random;
    return count;
  };
  EXPECT_EQ(dropouts(), 1);
  net(x, Mode::kInference);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  EXPECT_EQ(graph.all_variables().size(), names.size());
  EXPECT_EQ(dropouts(), 1);
}

TEST(RecurrentLayersTest, AStepAtATimeIsTheSequence) {
  Graph graph;
  const Lstm lstm(6, {.layers = 2});
  const Value x = graph.Input("x", DType::kFloat64, {Dim("time"), 2, 3});
  const Value h = graph.Input("h", DType::kFloat64, {2, 2, 6}), c = graph.Input("c", DType::kFloat64, {2, 2, 6});
  const LstmResult r = lstm(x, {.h = h, .c = c});
  const auto executor = Executor::Create({r.out, r.h, r.c});
  ASSERT_TRUE(executor.ok()) << executor.status();
  State state = *InitialState(graph, /*seed=*/1);
  const Tensor all = Waves(DType::kFloat64, {7, 2, 3}, 1.3);
  const Tensor zeros = Tensor::Zeros(DType::kFloat64, {2, 2, 6});
  const auto whole = executor->Run({{x, all}, {h, zeros}, {c, zeros}}, &state);
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::vector<Tensor> last{Tensor(), zeros, zeros};
  for (int64_t t = 0; t < 7; ++t) {
    Tensor step(DType::kFloat64, {1, 2, 3});
    std::copy_n(all.data<double>().begin() + 6 * t, 6, step.mutable_data<double>().begin());
    auto next = executor->Run({{x, step}, {h, last[1]}, {c, last[2]}}, &state);
    ASSERT_TRUE(next.ok()) << next.status();
    last = *std::move(next);
    for (int64_t i = 0; i < 12; ++i) EXPECT_NEAR(last[0].At(i), (*whole)[0].At(12 * t + i), 1e-14);
  }
  for (int k : {1, 2}) {
    for (int64_t i = 0; i < 24; ++i) EXPECT_NEAR(last[k].At(i), (*whole)[k].At(i), 1e-14);
  }
}

TEST(RecurrentLayersTest, Errors) {
  const auto message = [](auto&& build) {
    Graph graph;
    build(graph.Input("x", DType::kFloat32, {Dim("time"), 4, 3}));
    return std::string(graph.status().message());
  };
  const auto input = [](Value x, DType dtype, const Shape& shape) { return x.graph()->Input("other", dtype, shape); };
  EXPECT_EQ(message([](Value x) { Lstm(8)(x, LstmInputs()); }), "");
  EXPECT_THAT(message([](Value x) { Lstm(0)(x); }),
              HasSubstr("lstm1: hidden must be at least 1, but is 0 at recurrent_test.cc"));
  EXPECT_THAT(message([](Value x) { Gru(4, {.layers = 0})(x); }), HasSubstr("gru1: layers must be at least 1"));
  EXPECT_THAT(message([](Value x) { Gru(4, {.dropout = 1})(x); }), HasSubstr("gru1: dropout must be in [0, 1)"));
  EXPECT_THAT(message([](Value x) { Gru(4, {.relu = true})(x); }), HasSubstr("gru1: relu is for nn::Rnn"));
  EXPECT_THAT(message([&](Value x) {
                Rnn(4)(input(x, DType::kFloat32, {4, 3}));
              }),
              HasSubstr("rnn1: expects floating-point [time, batch, features], but x is f32[4,3]"));
  EXPECT_THAT(message([&](Value x) {
                Rnn(4, {.batch_first = true})(input(x, DType::kInt64, {4, 2, 3}));
              }),
              HasSubstr("rnn1: expects floating-point [batch, time, features], but x is i64[4,2,3]"));
  EXPECT_THAT(message([&](Value x) { Rnn(4)(x, {.lengths = input(x, DType::kFloat32, {4})}); }),
              HasSubstr("rnn1: lengths is f32[4], expected i64[4]"));
  EXPECT_THAT(message([&](Value x) { Rnn(4)(x, {.lengths = input(x, DType::kInt32, {kAnyBatch})}); }),
              HasSubstr("rnn1: lengths is i32[?], expected i32[4]"));
  EXPECT_THAT(message([&](Value x) {
                Gru(6, {.bidirectional = true})(x, {.h = input(x, DType::kFloat32, {1, 4, 6})});
              }),
              HasSubstr("gru1: h is f32[1,4,6], expected f32[2,4,6]"));
  EXPECT_THAT(message([&](Value x) {
                Lstm(6)(x, {.c = input(x, DType::kFloat64, {1, 4, 6})});
              }),
              HasSubstr("lstm1: c is f64[1,4,6], expected f32[1,4,6]"));
  // A layer keeps its variables' types.
  EXPECT_THAT(message([&](Value x) {
                const Gru gru(6);
                gru(x), gru(input(x, DType::kFloat32, {3, 4, 5}));
              }),
              HasSubstr("gru1: its variable weight_ih_l0 is f32[18,3], but this input needs f32[18,5]"));
  const LstmResult nothing = Lstm(6)(Value(), LstmInputs());
  EXPECT_FALSE(nothing.out.valid() || nothing.h.valid() || nothing.c.valid());
}

}  // namespace
}  // namespace adret::nn
