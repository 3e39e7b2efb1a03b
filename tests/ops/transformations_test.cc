// The transformations of graphs on every row of the op suite: each is compared with finite differences or with another,
// and Vmap with a loop over examples.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/hessian_vector_product.h"
#include "adret/autograd/jacobian.h"
#include "adret/autograd/jvp.h"
#include "adret/autograd/recompute.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/autograd/vmap.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/ops/op_suite.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

constexpr int kExamples = 3;

Tensor RandomLike(const Type& type, RandomStream* random) {
  Tensor t(DType::kFloat64, type.shape);
  for (double& v : t.mutable_data<double>()) v = random->Normal();
  return t.Cast(type.dtype);
}

Tensor Moved(const Tensor& x, const Tensor& v, double step) {
  Tensor result = x.Clone();
  for (int64_t i = 0; i < x.num_elements(); ++i) result.mutable_data<double>()[i] += step * v.At(i);
  return result;
}

double Dot(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    for (int64_t i = 0; i < a[k].num_elements(); ++i) sum += a[k].At(i) * b[k].At(i);
  }
  return sum;
}

double Largest(const std::vector<Tensor>& tensors) {
  double largest = 1;
  for (const Tensor& t : tensors) {
    for (int64_t i = 0; i < t.num_elements(); ++i) largest = std::max(largest, std::abs(t.At(i)));
  }
  return largest;
}

bool Equal(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// Closeness relative to the largest number, at least 1.
testing::AssertionResult Close(const std::vector<Tensor>& found, const std::vector<Tensor>& expected,
                               double tolerance) {
  if (found.size() != expected.size()) return testing::AssertionFailure() << "different numbers of results";
  const double largest = Largest(expected);
  for (size_t k = 0; k < found.size(); ++k) {
    if (found[k].type() != expected[k].type()) {
      return testing::AssertionFailure() << "result " << k << " is " << found[k].type().ToString() << " instead of "
                                         << expected[k].type().ToString();
    }
    for (int64_t i = 0; i < found[k].num_elements(); ++i) {
      const double f = found[k].At(i), e = expected[k].At(i);
      if (!Equal(f, e) && !(std::abs(f - e) <= tolerance * largest)) {
        return testing::AssertionFailure()
               << "element " << i << " of result " << k << " is " << f << " instead of " << e;
      }
    }
  }
  return testing::AssertionSuccess();
}

Values Of(DType dtype, const Values& values) {
  Values result;
  for (const Value& v : values) {
    if (v.valid() && v.dtype() == dtype) result.push_back(v);
  }
  return result;
}

// A row in a graph of its own.
struct RowGraph {
  explicit RowGraph(const OpCase& c, DType dtype = DType::kFloat64) : RowGraph(c, MakeInputs(c, dtype), dtype) {}
  RowGraph(const OpCase& c, const std::vector<Tensor>& inputs, DType dtype = DType::kFloat64) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      x.push_back(graph.Input(absl::StrCat("x", i), inputs[i].dtype(), inputs[i].shape()));
      feeds.emplace_back(x.back(), inputs[i]);
    }
    y = c.build(x);
    ys = Of(dtype, y);
    // What no y depends on (an input of which only the shape counts) has no derivative to speak of.
    for (size_t i = 0; i < x.size(); ++i) {
      if (!IsFloating(x[i].dtype()) || !graph.status().ok() || !Reaches(x[i], ys)) continue;
      xs.push_back(x[i]);
      at.push_back(inputs[i]);
      places.push_back(i);
    }
  }

  bool HasDerivatives() const { return !xs.empty() && !ys.empty(); }

  // A constant of random numbers for each value.
  std::vector<Tensor> Directions(const Values& values, RandomStream* random) const {
    std::vector<Tensor> directions;
    for (const Value& v : values) directions.push_back(RandomLike(v.type(), random));
    return directions;
  }
  Values Constants(const std::vector<Tensor>& tensors) {
    Values values;
    for (const Tensor& t : tensors) values.push_back(graph.Constant(t));
    return values;
  }

  absl::StatusOr<std::vector<Tensor>> Run(const Values& fetches, const Feeds& at_feeds,
                                          const ExecutorOptions& options = {}) {
    AD_RETURN_IF_ERROR(graph.status());
    AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, {}, options));
    State state;
    state.seed = 3;
    return executor.Run(at_feeds, &state);
  }
  std::vector<Tensor> Results(const Values& fetches) { return Results(fetches, feeds); }
  std::vector<Tensor> Results(const Values& fetches, const Feeds& at_feeds) {
    auto results = Run(fetches, at_feeds);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<Tensor>();
  }
  // The feeds with the floating inputs moved.
  Feeds Moved(const std::vector<Tensor>& v, double step) const {
    Feeds moved = feeds;
    for (size_t i = 0; i < places.size(); ++i) moved[places[i]].second = adret::Moved(at[i], v[i], step);
    return moved;
  }

  Graph graph;
  Values x, y;    // all inputs and results
  Values xs, ys;  // the floating-point ones, and of the inputs those that a y depends on
  std::vector<Tensor> at;
  std::vector<size_t> places;  // of xs among x
  Feeds feeds;
};

bool DrawsNumbers(const Graph& graph) {
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (graph.node(id).op->traits.random) return true;
  }
  return false;
}

bool HasBarriersOrBodies(const Graph& graph) {
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (graph.node(id).op->traits.barrier || graph.node(id).op->bodies != nullptr) return true;
  }
  return false;
}

class Rows : public testing::TestWithParam<OpCase> {};

TEST_P(Rows, JvpMatchesFiniteDifferencesAndGradients) {
  const OpCase& c = GetParam();
  RowGraph g(c);
  if (!c.differentiable || !g.HasDerivatives()) return;
  RandomStream random(/*seed=*/5);
  const std::vector<Tensor> v = g.Directions(g.xs, &random), u = g.Directions(g.ys, &random);
  const Values jv = Jvp(g.ys, g.xs, g.Constants(v));
  const Values ju = Gradients(g.ys, g.xs, {.seeds = g.Constants(u)});
  ASSERT_TRUE(g.graph.status().ok()) << g.graph.status();
  const std::vector<Tensor> found = g.Results(jv), transposed = g.Results(ju);
  constexpr double kStep = 1e-5;
  const std::vector<Tensor> plus = g.Results(g.ys, g.Moved(v, kStep)), minus = g.Results(g.ys, g.Moved(v, -kStep));
  std::vector<Tensor> expected;
  for (size_t k = 0; k < plus.size(); ++k) {
    Tensor slope = plus[k].Clone();
    for (int64_t i = 0; i < slope.num_elements(); ++i) {
      slope.mutable_data<double>()[i] = (plus[k].At(i) - minus[k].At(i)) / (2 * kStep);
    }
    expected.push_back(slope);
  }
  EXPECT_TRUE(Close(found, expected, 10 * c.gradient_tolerance));
  const double left = Dot(u, found), right = Dot(transposed, v);
  EXPECT_NEAR(left, right, 1e-10 * (std::max(1.0, std::abs(left)) + Largest(found) + Largest(transposed)));
}

// Gradient rules are linear in the cotangent, and show it: what a Jvp computes does not need one. A barrier may wait
// for it and a loop may carry it along, but what is not a number stays out of the result.
TEST_P(Rows, JvpComputesNothingFromItsCotangents) {
  const OpCase& c = GetParam();
  RowGraph g(c);
  if (!c.differentiable || !g.HasDerivatives()) return;
  RandomStream random(/*seed=*/5);
  Values u;
  for (const Value& y : g.ys) u.push_back(g.graph.Input(absl::StrCat("u", u.size()), y.dtype(), y.shape()));
  const Values dx = Gradients(g.ys, g.xs, {.seeds = u});
  const Values t = Gradients(dx, u, {.seeds = g.Constants(g.Directions(g.xs, &random))});
  Feeds feeds = g.feeds;
  for (const Value& v : u) {
    if (HasBarriersOrBodies(g.graph)) feeds.emplace_back(v, Tensor::Full(v.dtype(), v.shape(), NAN));
  }
  for (const Tensor& found : g.Results(t, feeds)) {
    for (int64_t i = 0; i < found.num_elements(); ++i) ASSERT_FALSE(std::isnan(found.At(i)));
  }
}

TEST_P(Rows, HessianVectorProductIsTheJvpOfTheGradient) {
  const OpCase& c = GetParam();
  RowGraph g(c);
  if (!c.differentiable || c.order < 2 || !g.HasDerivatives()) return;
  RandomStream random(/*seed=*/5);
  Value loss = Sum(Square(g.ys[0]) * g.graph.Constant(RandomLike(g.ys[0].type(), &random)));
  for (size_t k = 1; k < g.ys.size(); ++k) loss = loss + Sum(Square(g.ys[k]));
  const Values v = g.Constants(g.Directions(g.xs, &random));
  const Values hv = HessianVectorProduct(loss, g.xs, v), slopes = Gradients(loss, g.xs);
  // Slopes that depend on no x do not change.
  Values curved, along, forward;
  for (size_t i = 0; i < g.xs.size(); ++i) {
    if (Reaches(g.xs[i], slopes)) curved.push_back(g.xs[i]), along.push_back(v[i]);
  }
  for (const Value& x : g.xs) forward.push_back(ZerosLike(x));
  if (!curved.empty()) forward = Jvp(slopes, curved, along);
  ASSERT_TRUE(g.graph.status().ok()) << g.graph.status();
  EXPECT_TRUE(Close(g.Results(hv), g.Results(forward), 1e-9));
}

TEST_P(Rows, JacobiansAndHessiansAreMadeOfProducts) {
  const OpCase& c = GetParam();
  RowGraph g(c);
  if (!c.differentiable || !g.HasDerivatives()) return;
  RandomStream random(/*seed=*/5);
  for (const Value& y : g.ys) {
    for (const Value& x : g.xs) {
      const int64_t rows = y.shape().num_elements(), columns = x.shape().num_elements();
      if (!Reaches(x, {&y, 1}) || rows * columns > 20000) continue;
      const Tensor v = RandomLike(x.type(), &random);
      const std::vector<Tensor> results = g.Results({Jacobian(y, x), Jvp({y}, {x}, {g.graph.Constant(v)})[0]});
      ASSERT_EQ(results.size(), 2u);
      ASSERT_EQ(results[0].shape().rank(), y.rank() + x.rank());
      Tensor product(DType::kFloat64, y.shape());
      for (int64_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < columns; ++j) sum += results[0].At(i * columns + j) * v.At(j);
        product.mutable_data<double>()[i] = sum;
      }
      EXPECT_TRUE(Close({product}, {results[1]}, 1e-9)) << y.name() << " by " << x.name();
      if (c.order < 2 || columns > 40) continue;
      const Value loss = Sum(Square(y));
      const std::vector<Tensor> second =
          g.Results({Hessian(loss, x), HessianVectorProduct(loss, {x}, {g.graph.Constant(v)})[0]});
      ASSERT_EQ(second.size(), 2u);
      Tensor along(DType::kFloat64, x.shape());
      for (int64_t i = 0; i < columns; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < columns; ++j) sum += second[0].At(i * columns + j) * v.At(j);
        along.mutable_data<double>()[i] = sum;
      }
      EXPECT_TRUE(Close({along}, {second[1]}, 1e-9)) << "Hessian by " << x.name();
    }
  }
}

// ---- Vmap against a loop ----------------------------------------------------------------------------------------

// The row's results, their gradients, and the gradients' gradients: ops that only derivatives are made of are among
// them.
Values WithGradients(const OpCase& c, Args x, absl::Span<const size_t> differentiated) {
  Values results = c.build(x);
  if (!c.differentiable) return results;
  const Values ys = Of(DType::kFloat64, results);
  Values xs;
  for (size_t i : differentiated) xs.push_back(x[i]);
  if (xs.empty() || ys.empty()) return results;
  const Values dx = Gradients(ys, xs);
  results.insert(results.end(), dx.begin(), dx.end());
  if (c.order < 2) return results;
  Values squares;
  for (const Value& d : dx) squares.push_back(Square(d));
  const Values dx2 = Gradients(squares, xs);
  results.insert(results.end(), dx2.begin(), dx2.end());
  return results;
}

std::vector<size_t> FloatingPlaces(const OpCase& c) {
  std::vector<size_t> places;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (IsFloating(c.inputs[i].dtype)) places.push_back(i);
  }
  return places;
}

Tensor StackOf(const std::vector<Tensor>& examples) {
  Shape shape = examples[0].shape();
  shape.insert(0, static_cast<int64_t>(examples.size()));
  Tensor all(examples[0].dtype(), shape);
  char* to = static_cast<char*>(all.mutable_raw());
  for (const Tensor& t : examples) to = std::copy_n(static_cast<const char*>(t.raw()), t.num_bytes(), to);
  return all;
}

Tensor ExampleOf(const Tensor& all, int64_t example) {
  Shape shape = all.shape();
  shape.erase(0);
  Tensor one(all.dtype(), shape);
  std::memcpy(one.mutable_raw(), static_cast<const char*>(all.raw()) + example * one.num_bytes(), one.num_bytes());
  return one;
}

// The row's inputs for each example. Those that examples share are the first example's.
std::vector<std::vector<Tensor>> InputsOfExamples(const OpCase& c, const std::vector<bool>& shared) {
  std::vector<std::vector<Tensor>> inputs;
  for (int e = 0; e < kExamples; ++e) {
    inputs.push_back(MakeInputs(c, DType::kFloat64, /*seed=*/7 + e));
    for (size_t i = 0; i < shared.size(); ++i) {
      if (shared[i]) inputs[e][i] = inputs[0][i];
    }
  }
  return inputs;
}

// Builds the row for a batch of examples: all of them at once. symbolic: the number of examples is.
void BuildForBatch(const OpCase& c, const std::vector<std::vector<Tensor>>& inputs, const std::vector<bool>& shared,
                   bool symbolic, RowGraph* g, Values* results) {
  VmapOptions options;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    std::vector<Tensor> each;
    for (const auto& of_example : inputs) each.push_back(of_example[i]);
    const Tensor t = shared[i] ? each[0] : StackOf(each);
    Shape shape = t.shape();
    if (symbolic && !shared[i]) shape.set(0, kAnyBatch);
    g->x.push_back(g->graph.Input(absl::StrCat("x", i), t.dtype(), shape));
    g->feeds.emplace_back(g->x.back(), t);
    options.in_axes.push_back(shared[i] ? kShared : 0);
  }
  const std::vector<size_t> places = FloatingPlaces(c);
  *results = Vmap([&](Args x) { return WithGradients(c, x, places); }, g->x, options);
}

void CompareWithLoop(const OpCase& c, const std::vector<bool>& shared, bool symbolic) {
  const std::vector<std::vector<Tensor>> inputs = InputsOfExamples(c, shared);
  const OpCase nothing{.name = "", .build = [](Args) { return Values(); }, .inputs = {}};
  RowGraph batch(nothing, std::vector<Tensor>());
  Values results;
  BuildForBatch(c, inputs, shared, symbolic, &batch, &results);
  ASSERT_TRUE(batch.graph.status().ok()) << batch.graph.status();
  const std::vector<Tensor> all = batch.Results(results);
  const std::vector<size_t> places = FloatingPlaces(c);
  for (int e = 0; e < kExamples; ++e) {
    RowGraph one(nothing, std::vector<Tensor>());
    for (size_t i = 0; i < inputs[e].size(); ++i) {
      one.x.push_back(one.graph.Input(absl::StrCat("x", i), inputs[e][i].dtype(), inputs[e][i].shape()));
      one.feeds.emplace_back(one.x.back(), inputs[e][i]);
    }
    const Values loop = WithGradients(c, one.x, places);
    ASSERT_TRUE(one.graph.status().ok()) << one.graph.status();
    ASSERT_EQ(loop.size(), all.size());
    std::vector<Tensor> of_example;
    for (const Tensor& t : all) of_example.push_back(ExampleOf(t, e));
    if (DrawsNumbers(one.graph)) continue;  // each example draws its own
    EXPECT_TRUE(Close(of_example, one.Results(loop), 1e-10)) << "example " << e;
  }
}

// Fails, and names it, for an op that cannot be built for a batch.
TEST_P(Rows, VmapMatchesALoop) {
  const OpCase& c = GetParam();
  const size_t n = c.inputs.size();
  if (n == 0) return;
  CompareWithLoop(c, std::vector<bool>(n, false), /*symbolic=*/false);
  for (size_t i = 0; n > 1 && i < n && !testing::Test::HasFailure(); ++i) {
    std::vector<bool> shared(n, true);
    shared[i] = false;
    SCOPED_TRACE(absl::StrCat("only input ", i, " differs"));
    CompareWithLoop(c, shared, /*symbolic=*/false);
  }
}

TEST_P(Rows, VmapMatchesALoopForASymbolicNumberOfExamples) {
  const OpCase& c = GetParam();
  if (!c.inputs.empty()) CompareWithLoop(c, std::vector<bool>(c.inputs.size(), false), /*symbolic=*/true);
}

// ---- Recompute --------------------------------------------------------------------------------------------------

TEST_P(Rows, RecomputeKeepsTheBits) {
  const OpCase& c = GetParam();
  if (c.inputs.empty()) return;
  std::vector<std::vector<Tensor>> results;
  const RowGraph kept(c, DType::kFloat32);
  for (const bool recompute : {false, true}) {
    OpCase row = c;
    if (recompute) row.build = [&](Args x) { return Recompute(c.build, x); };
    RowGraph g(row, DType::kFloat32);
    Values fetches = g.y, xs;
    for (size_t i : kept.places) xs.push_back(g.x[i]);
    if (c.differentiable && kept.HasDerivatives()) {
      // Not ones: a gradient that is known when the plan is made is nothing to wait for.
      Values losses;
      for (const Value& y : g.ys) losses.push_back(Sum(Square(y)));
      const Values dx = Gradients(losses, xs);
      fetches.insert(fetches.end(), dx.begin(), dx.end());
    }
    ASSERT_TRUE(g.graph.status().ok()) << g.graph.status();
    results.push_back(g.Results(fetches));
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(results[0][i].BitEqual(results[1][i]))
        << "result " << i << ": " << results[0][i].ToString() << " against " << results[1][i].ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Rows, testing::ValuesIn(AllCases()),
                         [](const auto& test) { return CaseName(test.param.name); });

}  // namespace
}  // namespace adret
