#include "adret/autograd/scan.h"

#include <algorithm>
#include <cmath>

#include "adret/autograd/check_gradients.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/gather.h"
#include "adret/ops/matmul.h"
#include "adret/ops/narrow.h"
#include "adret/ops/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using ::testing::HasSubstr;

Tensor Waves(const Shape& shape, double frequency) {
  Tensor t(DType::kFloat64, shape);
  auto data = t.mutable_data<double>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = 0.7 * std::sin(frequency * static_cast<double>(i + 1));
  return t;
}

// A recurrent network; the results are all states and the last one. args: x [T,B,I], h0 [B,H], wx [I,H], wh [H,H].
Values Rnn(Args args, bool reverse = false) {
  const ScanResult r =
      Scan({.carry = {args[1]}, .each = {args[0]}, .reverse = reverse}, [&](const Values& h, const Values& xt) {
        const Value next = Tanh(MatMul(xt[0], args[2]) + MatMul(h[0], args[3]));
        return ScanStep{.carry = {next}, .out = {next * next}};
      });
  return {r.carry[0], r.out[0]};
}

std::vector<Tensor> RnnPoints(int64_t steps) {
  return {Waves({steps, 2, 3}, 1.3), Waves({2, 4}, 0.7), Waves({3, 4}, 2.1), Waves({4, 4}, 1.9)};
}

Values Constants(Graph* graph, const std::vector<Tensor>& tensors) {
  Values values;
  for (size_t i = 0; i < tensors.size(); ++i) {
    values.push_back(graph->Input(absl::StrCat("a", i), tensors[i].dtype(), tensors[i].shape()));
  }
  return values;
}

Shape Drop0(Shape shape) {
  shape.erase(0);
  return shape;
}

Feeds FeedsOf(const Values& values, const std::vector<Tensor>& tensors) {
  Feeds feeds;
  for (size_t i = 0; i < values.size(); ++i) feeds.emplace_back(values[i], tensors[i]);
  return feeds;
}

// What a graph says after one Scan() whose body returns what `body` does.
std::string ErrorOf(const ScanBody& body, bool sequences = true) {
  Graph graph;
  const Value h = graph.Input("h", DType::kFloat32, {4, 8}), x = graph.Input("x", DType::kFloat32, {5, 4, 8});
  Scan({.carry = {h}, .each = sequences ? Values{x} : Values{}}, body);
  return std::string(graph.status().message());
}

TEST(ScanTest, CarriesASumAlong) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {4});
  const Value start = graph.Input("start", DType::kFloat64, {});
  for (const bool reverse : {false, true}) {
    const ScanResult r =
        Scan({.carry = {start}, .each = {x}, .reverse = reverse}, [](const Values& sum, const Values& xt) {
          const Value next = sum[0] + xt[0];
          return ScanStep{.carry = {next}, .out = {next, sum[0]}};
        });
    const auto y = Evaluate({r.carry[0], r.out[0], r.out[1]}, {{x, Tensor::From<double>({4}, {1, 2, 3, 4})},
                                                               {start, Tensor::Scalar(DType::kFloat64, 10)}});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0].At(0), 20);
    const std::vector<double> sums =
        reverse ? std::vector<double>{20, 19, 17, 14} : std::vector<double>{11, 13, 16, 20};
    const std::vector<double> before =
        reverse ? std::vector<double>{19, 17, 14, 10} : std::vector<double>{10, 11, 13, 16};
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ((*y)[1].At(i), sums[i]);
      EXPECT_EQ((*y)[2].At(i), before[i]);
    }
  }
}

TEST(ScanTest, LeavesTheCarryWhereThereAreNoSteps) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(0);
  const Values args = Constants(&graph, points);
  const Values y = Rnn(args);
  const Values dx = Gradients(Sum(y[0]), args);
  const auto results = Evaluate({y[0], dx[1], dx[3]}, FeedsOf(args, points));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].BitEqual(points[1]));
  EXPECT_TRUE((*results)[1].BitEqual(Tensor::Full(DType::kFloat64, {2, 4}, 1)));
  EXPECT_TRUE((*results)[2].BitEqual(Tensor::Zeros(DType::kFloat64, {4, 4})));
}

TEST(ScanTest, EqualsTheUnrolledLoop) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(5);
  const Values args = Constants(&graph, points);
  Values sequence, h = {args[1]};
  for (int t = 0; t < 5; ++t) {
    sequence.push_back(graph.Input(absl::StrCat("x", t), DType::kFloat64, {2, 3}));
    h.push_back(Tanh(MatMul(sequence[t], args[2]) + MatMul(h[t], args[3])));
  }
  Feeds feeds = FeedsOf(args, points);
  for (int t = 0; t < 5; ++t) {
    Tensor xt(DType::kFloat64, {2, 3});
    for (int i = 0; i < 6; ++i) xt.mutable_data<double>()[i] = points[0].At(t * 6 + i);
    feeds.emplace_back(sequence[t], xt);
  }
  const Value scanned = Rnn(args)[0];
  const Value a = Gradients(Sum(scanned * scanned), {args[3]})[0];
  const Value b = Gradients(Sum(h[5] * h[5]), {args[3]})[0];
  const auto y = Evaluate({scanned, h[5], a, b}, feeds);
  ASSERT_TRUE(y.ok()) << y.status();
  for (int i = 0; i < 8; ++i) EXPECT_NEAR((*y)[0].At(i), (*y)[1].At(i), 1e-14);
  for (int i = 0; i < 16; ++i) EXPECT_NEAR((*y)[2].At(i), (*y)[3].At(i), 1e-13);
}

TEST(ScanTest, HasGradientsOfBothOrders) {
  for (const bool reverse : {false, true}) {
    const absl::Status s = CheckGradients([&](Args args) { return Rnn(args, reverse); }, RnnPoints(4));
    EXPECT_TRUE(s.ok()) << s;
  }
}

TEST(ScanTest, NestsAndCapturesThroughBothBodies) {
  const auto nested = [](Args args) {
    const ScanResult outer = Scan({.carry = {args[1]}, .each = {args[0]}}, [&](const Values& h, const Values& rows) {
      const ScanResult inner = Scan({.carry = {h[0]}, .each = {rows[0]}}, [&](const Values& g, const Values& x) {
        return ScanStep{.carry = {Tanh(g[0] * args[2] + x[0])}, .out = {g[0] * x[0]}};
      });
      return ScanStep{.carry = inner.carry, .out = {Sum(inner.out[0]) * args[2]}};
    });
    return Values{outer.carry[0], outer.out[0]};
  };
  const absl::Status s = CheckGradients(nested, {Waves({3, 2}, 1.1), Waves({}, 0.4), Waves({}, 1.7)});
  EXPECT_TRUE(s.ok()) << s;
}

TEST(ScanTest, BindsSymbolsInTheBody) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(6);
  Values args = Constants(&graph, points);
  args[0] = graph.Input("x", DType::kFloat64, {Dim("time"), kAnyBatch, 3});
  args[1] = graph.Input("h", DType::kFloat64, {kAnyBatch, 4});
  const auto y = Evaluate(Rnn(args), FeedsOf(args, points));
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[1].shape(), Shape({6, 2, 4}));
}

TEST(ScanTest, HasOnePlanStepWhateverTheLength) {
  int64_t bytes[2] = {};
  int steps[2] = {};
  for (int i = 0; i < 2; ++i) {
    Graph graph;
    const std::vector<Tensor> points = RnnPoints(i == 0 ? 100 : 10000);
    const Values args = Constants(&graph, points);
    const Values dx = Gradients(Sum(Rnn(args)[0]), args);
    const auto executor = Executor::Create(dx);
    ASSERT_TRUE(executor.ok()) << executor.status();
    ASSERT_TRUE(executor->Run(FeedsOf(args, points)).ok());
    bytes[i] = *executor->PeakBytes();
    steps[i] = static_cast<int>(executor->Report()->steps.size());
  }
  EXPECT_EQ(steps[0], steps[1]);
  EXPECT_LE(bytes[1], 101 * bytes[0]);
}

TEST(ScanTest, ShowsItsBodyInReportsAndErrors) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(3);
  const Values args = Constants(&graph, points);
  const auto executor = Executor::Create(Rnn(args));
  ASSERT_TRUE(executor.ok()) << executor.status();
  const auto table = executor->Explain();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table, HasSubstr(".body.0"));
  EXPECT_THAT(*table, HasSubstr("scan_test.cc:"));
  const Value places = graph.Input("places", DType::kInt64, {3});
  const ScanResult picked = Scan({.each = {places}}, [&](const Values&, const Values& t) {
    return ScanStep{.carry = {}, .out = {Gather(args[1], t[0]).Named("pick")}};
  });
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto wrong = Evaluate(picked.out, {{args[1], points[1]}, {places, Tensor::From<int64_t>({3}, {0, 1, 7})}});
  EXPECT_THAT(wrong.status().message(), HasSubstr("pick"));
  EXPECT_THAT(wrong.status().message(), HasSubstr("7"));
}

int NumScans(const PlanReport& report) {
  int scans = 0;
  for (const StepReport& step : report.steps) {
    scans += static_cast<int>(std::count(step.ops.begin(), step.ops.end(), "scan"));
  }
  return scans;
}

TEST(ScanTest, RunsTheForwardPassOnce) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(9);
  const Values args = Constants(&graph, points);
  const Values y = Rnn(args);
  const Value loss = Sum(y[0]) + Sum(y[1]);
  Values fetches = Gradients(loss, args);
  fetches.push_back(loss);
  const auto executor = Executor::Create(fetches);
  ASSERT_TRUE(executor.ok()) << executor.status();
  EXPECT_EQ(NumScans(*executor->Report()), 2);
  const auto together = executor->Run(FeedsOf(args, points));
  ASSERT_TRUE(together.ok()) << together.status();
  const auto alone = Evaluate(loss, FeedsOf(args, points));
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_TRUE(together->back().BitEqual(*alone));
}

// The gradients of both weights are products of their own behind the loop, for all steps; no step adds to a sum.
TEST(ScanTest, MultipliesFactorsOfAllStepsAtOnce) {
  Graph graph;
  const Values args = Constants(&graph, RnnPoints(9));
  const auto executor = Executor::Create(Gradients(Rnn(args)[1], {args[2], args[3]}));
  ASSERT_TRUE(executor.ok()) << executor.status();
  const PlanReport report = *executor->Report();
  int products = 0;
  for (const StepReport& step : report.steps) {
    products += static_cast<int>(std::count(step.ops.begin(), step.ops.end(), "matmul"));
  }
  EXPECT_EQ(products, 2);
}

TEST(ScanTest, MergesEqualLoopsOnly) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(3);
  const Values args = Constants(&graph, points);
  const auto same = Executor::Create({Rnn(args)[0], Rnn(args)[0]});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(NumScans(*same->Report()), 1);
  const auto different = Executor::Create({Rnn(args)[0], Rnn(args, /*reverse=*/true)[0]});
  ASSERT_TRUE(different.ok()) << different.status();
  EXPECT_EQ(NumScans(*different->Report()), 2);
}

TEST(ScanTest, RunsEveryExampleOfABatch) {
  Graph graph;
  const std::vector<Tensor> batch = {Waves({5, 4, 2, 3}, 1.3), Waves({2, 4}, 0.7), Waves({3, 4}, 2.1),
                                     Waves({5, 4, 4}, 1.9)};
  const Values args = Constants(&graph, batch);
  const Values y = Vmap([](Args a) { return Rnn(a); }, args, {.in_axes = {0, kShared, kShared, 0}});
  Values fetches = {y[0], y[1]};
  for (int n = 0; n < 5; ++n) {
    const auto example = [&](const Value& v) {
      return Reshape(Narrow(v, 0, Dim(int64_t{n}), Dim(int64_t{1})), Drop0(v.shape()));
    };
    for (const Value& v : Rnn(Values{example(args[0]), args[1], args[2], example(args[3])})) fetches.push_back(v);
  }
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const auto results = Evaluate(fetches, FeedsOf(args, batch));
  ASSERT_TRUE(results.ok()) << results.status();
  for (int k = 0; k < 2; ++k) {
    const int64_t size = (*results)[2 + k].num_elements();
    ASSERT_EQ((*results)[k].num_elements(), 5 * size);
    for (int64_t i = 0; i < 5 * size; ++i) {
      EXPECT_NEAR((*results)[k].At(i), (*results)[2 + 2 * (i / size) + k].At(i % size), 1e-14);
    }
  }
}

// Steps of an Rnn with as many examples as there are lengths.
Values Padded(Args args, const Value& lengths, bool reverse) {
  const ScanResult r = Scan({.carry = {args[1]}, .each = {args[0]}, .reverse = reverse, .lengths = lengths},
                            [&](const Values& h, const Values& xt) {
                              const Value next = Tanh(MatMul(xt[0], args[2]) + MatMul(h[0], args[3]));
                              return ScanStep{.carry = {next}, .out = {next * next}};
                            });
  return {r.carry[0], r.out[0]};
}

TEST(ScanTest, EndsEachExampleAtItsLength) {
  const std::vector<Tensor> points = RnnPoints(5);
  const std::vector<int64_t> lengths = {3, 0};
  for (const bool reverse : {false, true}) {
    Graph graph;
    const Values args = Constants(&graph, points);
    const Value n = graph.Constant(Tensor::From<int64_t>({2}, lengths));
    const auto padded = Evaluate(Padded(args, n, reverse), FeedsOf(args, points));
    ASSERT_TRUE(padded.ok()) << graph.status() << padded.status();
    const Values cut = {Narrow(args[0], 0, Dim(int64_t{0}), Dim(int64_t{3})), args[1], args[2], args[3]};
    const auto alone = Evaluate(Rnn(cut, reverse), FeedsOf(args, points));
    ASSERT_TRUE(alone.ok()) << alone.status();
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ((*padded)[0].At(j), (*alone)[0].At(j)) << "example 0 has three steps";
      EXPECT_EQ((*padded)[0].At(4 + j), points[1].At(4 + j)) << "example 1 has none";
      for (int t = 0; t < 5; ++t) {
        EXPECT_EQ((*padded)[1].At(t * 8 + j), t < 3 ? (*alone)[1].At(t * 8 + j) : 0);
        EXPECT_EQ((*padded)[1].At(t * 8 + 4 + j), 0);
      }
    }
    const absl::Status s = CheckGradients(
        [&](Args a) { return Padded(a, a[0].graph()->Constant(Tensor::From<int64_t>({2}, lengths)), reverse); },
        points);
    EXPECT_TRUE(s.ok()) << s;
  }
}

TEST(ScanTest, RefusesLengthsThatDoNotFit) {
  Graph graph;
  const std::vector<Tensor> points = RnnPoints(5);
  const Values args = Constants(&graph, points);
  const Value n = graph.Input("n", DType::kInt32, {2});
  const Values y = Padded(args, n, false);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  for (const int32_t length : {6, -1}) {
    Feeds feeds = FeedsOf(args, points);
    feeds.emplace_back(n, Tensor::From<int32_t>({2}, {5, length}));
    EXPECT_THAT(Evaluate(y, feeds).status().message(),
                HasSubstr(absl::StrCat("element 1 is ", length, ", outside of 0 to 5")));
  }
  Padded(args, args[1], false);
  EXPECT_THAT(graph.status().message(), HasSubstr("lengths have to be i32[n] or i64[n], but are f64[2,4]"));
  Graph other;
  const Values others = Constants(&other, points);
  Padded(others, other.Input("n", DType::kInt64, {3}), false);
  EXPECT_THAT(other.status().message(), HasSubstr("needs an axis 0 of size 3, but one value is f64[2,4]"));
}

// The network of Rnn() with checkpoints.
Values Checkpointed(Args args, int64_t every, bool reverse = false) {
  const ScanResult r = Scan({.carry = {args[1]}, .each = {args[0]}, .reverse = reverse, .checkpoint_every = every},
                            [&](const Values& h, const Values& xt) {
                              const Value next = Tanh(MatMul(xt[0], args[2]) + MatMul(h[0], args[3]));
                              return ScanStep{.carry = {next}, .out = {next * next}};
                            });
  return {r.carry[0], r.out[0]};
}

TEST(ScanTest, HasTheSameNumbersWithCheckpoints) {
  for (const bool reverse : {false, true}) {
    for (const int64_t steps : {0, 1, 6, 7}) {
      Graph graph;
      const std::vector<Tensor> points = RnnPoints(steps);
      Values args = Constants(&graph, points);
      const auto fetches = [&](const Values& y) {
        Values all = y;
        for (const Value& dx : Gradients({y[0], y[1]}, args)) all.push_back(dx);
        return all;
      };
      const auto kept = Evaluate(fetches(Rnn(args, reverse)), FeedsOf(args, points));
      const auto blocks = Evaluate(fetches(Checkpointed(args, 3, reverse)), FeedsOf(args, points));
      ASSERT_TRUE(kept.ok()) << kept.status();
      ASSERT_TRUE(blocks.ok()) << graph.status() << blocks.status();
      for (size_t i = 0; i < kept->size(); ++i) {
        if (i < 4) {
          EXPECT_TRUE((*kept)[i].BitEqual((*blocks)[i])) << steps << " " << i;
        }
        for (int64_t j = 0; j < (*kept)[i].num_elements(); ++j) {  // sums over steps are sums of sums over blocks
          EXPECT_NEAR((*kept)[i].At(j), (*blocks)[i].At(j), 1e-13);
        }
      }
    }
  }
  const absl::Status s = CheckGradients([](Args a) { return Checkpointed(a, 2); }, RnnPoints(5));
  EXPECT_TRUE(s.ok()) << s;
}

TEST(ScanTest, NeedsTheRootOfTheMemoryWithCheckpoints) {
  int64_t bytes[2] = {};
  for (const int64_t every : {0, 100}) {
    Graph graph;
    Values args = Constants(&graph, RnnPoints(10));
    args[0] = graph.Input("x", DType::kFloat64, {Dim("time"), 2, 3});
    const ScanResult r = Scan({.carry = {args[1]}, .each = {args[0]}, .checkpoint_every = every},
                              [&](const Values& h, const Values& xt) {
                                return ScanStep{.carry = {Tanh(MatMul(xt[0], args[2]) + MatMul(h[0], args[3]))}};
                              });
    const auto executor = Executor::Create(Gradients(r.carry[0], {args[2], args[3]}));
    ASSERT_TRUE(executor.ok()) << executor.status();
    const auto peak = executor->PeakBytes({{"time", 10000}});
    ASSERT_TRUE(peak.ok()) << peak.status();
    bytes[every == 0 ? 0 : 1] = *peak;
  }
  const int64_t dx = 10000 * 2 * 3 * 8;  // the gradient of the sequence, which both compute
  EXPECT_LT((bytes[1] - dx) * 20, bytes[0] - dx) << bytes[1] << " " << bytes[0];
}

// Sequences and captures of 16 bits, which the body casts.
TEST(ScanTest, GivesGradientsOfHalves) {
  Graph graph;
  const Value h = graph.Input("h", DType::kFloat32, {2}), rows = graph.Input("rows", DType::kInt64, {3});
  const auto gradients = [&](DType dtype) {
    const Value x = graph.Input(absl::StrCat("x_", Name(dtype)), dtype, {3, 2});
    const Value table = graph.Input(absl::StrCat("table_", Name(dtype)), dtype, {4, 2});
    const ScanResult r = Scan({.carry = {h}, .each = {x, rows}}, [&](const Values& c, const Values& t) {
      const Value w = Cast(Gather(table, t[1]), DType::kFloat32);
      return ScanStep{.carry = {Tanh(c[0] * w + Cast(t[0], DType::kFloat32))}};
    });
    return std::pair(Values{x, table}, Gradients(Sum(r.carry[0]), {x, table}));
  };
  const auto [halves, dhalves] = gradients(DType::kBFloat16);
  const auto [floats, dfloats] = gradients(DType::kFloat32);
  ASSERT_TRUE(graph.status().ok()) << graph.status();
  const Tensor x = Waves({3, 2}, 1.3).Cast(DType::kBFloat16), table = Waves({4, 2}, 0.9).Cast(DType::kBFloat16);
  const auto result =
      Evaluate({dhalves[0], dhalves[1], dfloats[0], dfloats[1]}, {{h, Waves({2}, 0.7).Cast(DType::kFloat32)},
                                                                  {rows, Tensor::From<int64_t>({3}, {0, 3, 0})},
                                                                  {halves[0], x},
                                                                  {halves[1], table},
                                                                  {floats[0], x.Cast(DType::kFloat32)},
                                                                  {floats[1], table.Cast(DType::kFloat32)}});
  ASSERT_TRUE(result.ok()) << result.status();
  for (int i = 0; i < 2; ++i) {
    const Tensor expected = (*result)[2 + i].Cast(DType::kBFloat16);
    for (int64_t j = 0; j < expected.num_elements(); ++j) {  // each step's part of a sum is rounded
      EXPECT_NEAR((*result)[i].At(j), expected.At(j), 0.01 * std::abs(expected.At(j))) << i << " " << j;
    }
  }
  EXPECT_NE((*result)[1].At(0), 0);
}

TEST(ScanTest, RefusesRandomNumbersInBodies) {
  EXPECT_THAT(
      ErrorOf([](const Values& h, const Values&) { return ScanStep{.carry = {h[0] + RandomNormalLike(h[0])}}; }),
      HasSubstr("random numbers have to be drawn outside"));
}

TEST(ScanTest, HasTheSameBitsForAnyNumberOfThreads) {
  Graph graph;
  const std::vector<Tensor> points = {Waves({7, 64, 32}, 1.3), Waves({64, 96}, 0.7), Waves({32, 96}, 2.1),
                                      Waves({96, 96}, 1.9)};
  const Values args = Constants(&graph, points);
  const Values y = Rnn(args);
  const Values dx = Gradients(y[1], args);
  std::vector<Tensor> first;
  for (int threads : {1, 2, 4}) {
    const auto executor = Executor::Create(dx, {}, {.threads = threads});
    ASSERT_TRUE(executor.ok()) << executor.status();
    const auto results = executor->Run(FeedsOf(args, points));
    ASSERT_TRUE(results.ok()) << results.status();
    if (first.empty()) first = *results;
    for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(first[i].BitEqual((*results)[i])) << threads;
  }
}

TEST(ScanTest, SaysWhatIsWrongWithABody) {
  const auto same = [](const Values& h, const Values&) { return ScanStep{.carry = h}; };
  EXPECT_EQ(ErrorOf(same), "");
  EXPECT_THAT(ErrorOf(same, false), HasSubstr("scan: needs at least one sequence"));
  EXPECT_THAT(ErrorOf([](const Values& h, const Values&) { return ScanStep{.carry = {Sum(h[0])}}; }),
              HasSubstr("scan: carry 0 is f32[4,8] but the body returns f32[]"));
  EXPECT_THAT(ErrorOf([](const Values&, const Values&) { return ScanStep{}; }),
              HasSubstr("scan: the body returns 0 values for a carry of 1"));
  EXPECT_THAT(ErrorOf([](const Values&, const Values&) { return ScanStep{.carry = {Value()}}; }),
              HasSubstr("scan: the body returns a Value that was never built"));
  Graph other;
  const Value stranger = other.Input("s", DType::kFloat32, {4, 8});
  EXPECT_THAT(ErrorOf([&](const Values&, const Values&) { return ScanStep{.carry = {stranger}}; }),
              HasSubstr("scan: the body returns a value of an unrelated graph"));
  EXPECT_THAT(ErrorOf([](const Values& h, const Values& x) { return ScanStep{.carry = {MatMul(h[0], x[0])}}; }),
              HasSubstr("matmul"));
}

}  // namespace
}  // namespace adret
