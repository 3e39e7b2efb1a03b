// Softmaxes where numbers are far apart, huge, infinite, not numbers, or absent.
#include <cmath>
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/op.h"
#include "adret/core/random.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/transpose.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<long double>;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor Make(DType dtype, Shape shape, const std::vector<double>& numbers) {
  Tensor x(DType::kFloat64, std::move(shape));
  std::copy(numbers.begin(), numbers.end(), x.mutable_data<double>().begin());
  return x.Cast(dtype);
}

std::vector<Tensor> RunAll(absl::Span<const Value> values) {
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(values);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>();
}

// The sum of exp(x_i - max) over all i but k, which is the first maximum.
long double RestOf(const Line& x, size_t k) {
  long double rest = 0;
  for (size_t i = 0; i < x.size(); ++i) rest += i == k ? 0 : std::exp(x[i] - x[k]);
  return rest;
}
size_t FirstMaxOf(const Line& x) { return std::max_element(x.begin(), x.end()) - x.begin(); }

Line LogSoftmaxOf(const Line& x) {
  const size_t k = FirstMaxOf(x);
  const long double log_sum = std::log1p(RestOf(x, k));
  Line y;
  for (long double v : x) y.push_back(v - x[k] - log_sum);
  return y;
}
Line SoftmaxOf(const Line& x) {
  Line y;
  for (long double v : LogSoftmaxOf(x)) y.push_back(std::exp(v));
  return y;
}
// sum_j y_j (d_i - d_j) times y_i: no terms cancel that are not differences of inputs.
Line SoftmaxGradOf(const Line& x, const Line& d) {
  const Line y = SoftmaxOf(x);
  Line dx;
  for (size_t i = 0; i < x.size(); ++i) {
    long double sum = 0;
    for (size_t j = 0; j < x.size(); ++j) sum += y[j] * (d[i] - d[j]);
    dx.push_back(y[i] * sum);
  }
  return dx;
}
// d_i (1 - y_i) - y_i (sum of the other d_j), with 1 - y_i the sum of the other y_j.
Line LogSoftmaxGradOf(const Line& x, const Line& d) {
  const Line y = SoftmaxOf(x);
  Line dx;
  for (size_t i = 0; i < x.size(); ++i) {
    long double others_y = 0, others_d = 0;
    for (size_t j = 0; j < x.size(); ++j) {
      if (j != i) others_y += y[j], others_d += d[j];
    }
    dx.push_back(d[i] * others_y - y[i] * others_d);
  }
  return dx;
}

Line LineOf(const Tensor& t) {
  Line line;
  for (int64_t i = 0; i < t.num_elements(); ++i) line.push_back(t.At(i));
  return line;
}

void ExpectRelative(const Tensor& found, const Line& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.num_elements(), static_cast<int64_t>(expected.size())) << what;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]);
    EXPECT_NEAR(found.At(i), e, std::abs(e) * tolerance) << what << ", element " << i;
  }
}

// Logits of one row of which the first wins by far, in a precision that rounds its probability to 1.
struct Tail {
  DType dtype;
  Tensor x;
  double tolerance;
};
std::vector<Tail> Tails() {
  std::vector<double> small{20, 0, -3, 1.5, -40}, large{40, 0, -3, 1.5, -400}, wide(37, -1.25);
  wide[11] = 30;
  return {{DType::kFloat32, Make(DType::kFloat32, {5}, small), 1e-5},
          {DType::kFloat64, Make(DType::kFloat64, {5}, large), 1e-13},
          {DType::kFloat32, Make(DType::kFloat32, {37}, wide), 1e-5}};
}

// f along the last axis of a row, and of a matrix whose columns all are that row.
Values AlongBoth(const Value& x, const std::function<Value(const Value& x, int64_t axis)>& f) {
  const int64_t n = x.shape()[0];
  return {Reshape(f(Reshape(x, {1, n}), 1), {n}), Reshape(f(Reshape(x, {n, 1}), 0), {n})};
}

TEST(SoftmaxEdge, DerivativesAreRightWhereAProbabilityRoundsToOne) {
  for (const Tail& tail : Tails()) {
    Tensor d = Tensor::Zeros(tail.dtype, tail.x.shape());
    for (const bool one_hot : {true, false}) {
      for (int64_t i = 0; i < d.num_elements(); ++i) {
        const double value = one_hot ? (i == 0 ? 1 : 0) : 0.5 - 0.125 * static_cast<double>(i % 7);
        if (tail.dtype == DType::kFloat32) d.mutable_data<float>()[i] = static_cast<float>(value);
        if (tail.dtype == DType::kFloat64) d.mutable_data<double>()[i] = value;
      }
      Graph graph;
      const Value x = graph.Constant(tail.x), dy = graph.Constant(d);
      const Values dx = AlongBoth(x, [&](const Value& v, int64_t axis) {
        return Gradients(Softmax(v, axis), {v}, {.seeds = {Reshape(dy, v.shape())}})[0];
      });
      const Line expected = SoftmaxGradOf(LineOf(tail.x), LineOf(d));
      const std::vector<Tensor> found = RunAll(dx);
      ExpectRelative(found[0], expected, tail.tolerance, "softmax's gradient, row");
      ExpectRelative(found[1], expected, tail.tolerance, "softmax's gradient, column");
    }
  }
}

TEST(SoftmaxEdge, LogarithmsAreRightWhereAProbabilityRoundsToOne) {
  for (const Tail& tail : Tails()) {
    Graph graph;
    const Value x = graph.Constant(tail.x);
    const int64_t k = static_cast<int64_t>(FirstMaxOf(LineOf(tail.x)));
    Tensor d = Tensor::Zeros(tail.dtype, tail.x.shape());
    Values values = AlongBoth(x, [](const Value& v, int64_t axis) { return LogSoftmax(v, axis); });
    for (const int64_t at : {k, k == 0 ? int64_t{1} : int64_t{0}}) {
      Line numbers(d.num_elements(), 0);
      numbers[at] = 1;
      Tensor one_hot = Make(tail.dtype, tail.x.shape(), std::vector<double>(numbers.begin(), numbers.end()));
      const Value dy = graph.Constant(one_hot);
      for (const Value& v : AlongBoth(x, [&](const Value&v, int64_t axis) {
             return Gradients(LogSoftmax(v, axis), {v}, {.seeds = {Reshape(dy, v.shape())}})[0];
           })) {
        values.push_back(v);
      }
      const std::vector<Tensor> found = RunAll(values);
      const Line expected = LogSoftmaxGradOf(LineOf(tail.x), numbers);
      ExpectRelative(found[0], LogSoftmaxOf(LineOf(tail.x)), tail.tolerance, "log_softmax, row");
      ExpectRelative(found[1], LogSoftmaxOf(LineOf(tail.x)), tail.tolerance, "log_softmax, column");
      ExpectRelative(found[found.size() - 2], expected, tail.tolerance, "log_softmax's gradient, row");
      ExpectRelative(found[found.size() - 1], expected, tail.tolerance, "log_softmax's gradient, column");
    }
  }
}

TEST(SoftmaxEdge, CrossEntropyOfASureAnswerIsSmallButNotZero) {
  for (const Tail& tail : Tails()) {
    const int64_t n = tail.x.num_elements();
    const int64_t k = static_cast<int64_t>(FirstMaxOf(LineOf(tail.x)));
    Line one_hot(n, 0);
    one_hot[k] = 1;
    Graph graph;
    const Value x = Reshape(graph.Constant(tail.x), {1, n});
    const Value index = graph.Constant(Tensor::From<int64_t>({1}, {k}));
    const Value given = graph.Constant(Make(tail.dtype, {1, n}, std::vector<double>(one_hot.begin(), one_hot.end())));
    const Value by_index = SoftmaxCrossEntropy(x, index), by_probability = SoftmaxCrossEntropy(x, given);
    const std::vector<Tensor> found =
        RunAll({by_index, by_probability, Gradients(by_index, {x})[0], Gradients(by_probability, {x})[0]});
    Line gradient = LogSoftmaxGradOf(LineOf(tail.x), one_hot);
    for (long double& g : gradient) g = -g;
    const Line loss{-LogSoftmaxOf(LineOf(tail.x))[k]};
    ExpectRelative(found[0], loss, tail.tolerance, "loss by index");
    ExpectRelative(found[1], loss, tail.tolerance, "loss by probability");
    ExpectRelative(found[2], gradient, tail.tolerance, "gradient by index");
    ExpectRelative(found[3], gradient, tail.tolerance, "gradient by probability");
  }
}

// The reported case: a class that is masked out by -inf and has probability 0 among the labels.
TEST(SoftmaxEdge, ZeroTimesMinusInfinityIsZeroInACrossEntropy) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    Graph graph;
    const Value x = graph.Constant(Make(dtype, {2, 3}, {1, -kInf, 2, -kInf, -kInf, 3}));
    const Value given = graph.Constant(Make(dtype, {2, 3}, {1, 0, 0, 0, 0, 1}));
    const Value index = graph.Constant(Tensor::From<int64_t>({2}, {0, 2}));
    const Value a = SoftmaxCrossEntropy(x, given), b = SoftmaxCrossEntropy(x, index);
    const std::vector<Tensor> y = RunAll({a, b, Gradients(a, {x})[0], Gradients(b, {x})[0]});
    ExpectRelative(y[0], {std::log1p(std::exp(1.0L)), 0}, 1e-6, "loss");
    ExpectRelative(y[1], LineOf(y[0]), 1e-6, "loss by index");
    ExpectRelative(y[2], LineOf(y[3]), 1e-6, "gradient");
    EXPECT_EQ(y[2].At(1), 0);
    EXPECT_NEAR(y[2].At(0), 1 / (1 + std::exp(1.0)) - 1, 1e-6);
  }
}

TEST(SoftmaxEdge, AnImpossibleClassThatIsTrueCostsInfinity) {
  Graph graph;
  const Value x = graph.Constant(Make(DType::kFloat32, {1, 3}, {1, -kInf, 2}));
  const Value given = graph.Constant(Make(DType::kFloat32, {1, 3}, {0.5, 0.5, 0}));
  const Value index = graph.Constant(Tensor::From<int64_t>({1}, {1}));
  for (const Tensor& y :
       RunAll({SoftmaxCrossEntropy(x, given), SoftmaxCrossEntropy(x, index),
               SoftmaxCrossEntropy(x, graph.Constant(Tensor::From<int64_t>({1}, {0})), {.label_smoothing = 0.1})})) {
    EXPECT_EQ(y.At(0), kInf);
  }
}

TEST(SoftmaxEdge, RowsWithoutAFiniteMaximumAreNotNumbersAndLeaveOthersAlone) {
  const double rows[3][3] = {{-kInf, -kInf, -kInf}, {kInf, 0, 1}, {kNan, 0, -kInf}};
  for (const auto& row : rows) {
    Graph graph;
    const Value x = graph.Constant(Make(DType::kFloat32, {2, 3}, {row[0], row[1], row[2], 1, 2, 4}));
    const Value index = graph.Constant(Tensor::From<int64_t>({2}, {1, 1}));
    const Value given = graph.Constant(Make(DType::kFloat32, {2, 3}, {0, 1, 0, 0, 1, 0}));
    const auto columns = [&](Value (*f)(Operand, int64_t)) { return Transpose(f(Transpose(x, {1, 0}), 0), {1, 0}); };
    const Value loss = SoftmaxCrossEntropy(x, index), other = SoftmaxCrossEntropy(x, given);
    const std::vector<Tensor> found = RunAll({Softmax(x), LogSoftmax(x), columns(Softmax), columns(LogSoftmax),
                                              Gradients(loss, {x})[0], Gradients(other, {x})[0], loss, other});
    for (const Tensor& y : found) {
      const int64_t n = y.num_elements() / 2;
      for (int64_t i = 0; i < n; ++i) {
        EXPECT_TRUE(std::isnan(y.At(i))) << y.ToString() << " of " << row[0];
        EXPECT_TRUE(std::isfinite(y.At(n + i))) << y.ToString() << " of " << row[0];
      }
    }
  }
}

// The reported case: exp(x - logsumexp(x)) is off by as much as its rounding, e^0.0005 at 1e4 and e^4 at 1e8.
TEST(SoftmaxEdge, TheGradientOfLogSumExpSumsToOneFarFromZero) {
  for (const double at : {0.0, 1e4, 1e8, -1e8}) {
    const Tensor x = Make(DType::kFloat32, {2, 3}, {at, at + 1, at, at - 1, at, at - 3});
    for (const std::vector<int64_t>& axes : {std::vector<int64_t>{0, 1}, {1}, {0}}) {
      Graph graph;
      const Value v = graph.Constant(x);
      const Value dx = Gradients(LogSumExp(v, {.axes = axes}), {v})[0];
      const std::vector<Tensor> y = RunAll({Sum(dx), dx});
      EXPECT_NEAR(y[0].At(0), axes.size() == 2 ? 1 : axes[0] == 1 ? 2 : 3, 1e-6) << at;
      if (axes.size() == 2) ExpectRelative(y[1], SoftmaxOf(LineOf(x)), 1e-6, "gradient of logsumexp");
    }
  }
  // Axes that are not neighbours.
  Tensor x(DType::kFloat32, {3, 2, 4});
  for (int64_t i = 0; i < x.num_elements(); ++i) x.mutable_data<float>()[i] = static_cast<float>(1e4 + i % 5);
  Graph graph;
  const Value v = graph.Constant(x);
  const std::vector<Tensor> y = RunAll({Sum(Gradients(LogSumExp(v, {.axes = {0, 2}}), {v})[0], {.axes = {0, 2}})});
  ExpectRelative(y[0], {1, 1}, 1e-6, "gradient of logsumexp over axes 0 and 2");
}

TEST(SoftmaxEdge, ReductionsOfNothing) {
  Graph graph;
  const Value none = graph.Constant(Tensor(DType::kFloat32, {0})),
              rows = graph.Constant(Tensor(DType::kFloat64, {3, 0}));
  const std::vector<Tensor> y =
      RunAll({LogSumExp(none), LogSumExp(rows, {.axes = {1}}), LogSumExp(rows, {.axes = {0}}), Sum(none), Prod(none),
              Mean(none), Gradients(LogSumExp(none), {none})[0], Gradients(LogSumExp(rows, {.axes = {1}}), {rows})[0]});
  EXPECT_EQ(y[0].At(0), -kInf);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(y[1].At(i), -kInf);
  EXPECT_EQ(y[2].shape(), Shape({0}));
  EXPECT_EQ(y[3].At(0), 0);
  EXPECT_EQ(y[4].At(0), 1);
  EXPECT_TRUE(std::isnan(y[5].At(0)));
  EXPECT_EQ(y[6].shape(), Shape({0}));
  EXPECT_EQ(y[7].shape(), Shape({3, 0}));
}

TEST(SoftmaxEdge, NoRowsAndNoClasses) {
  for (const Shape& shape : {Shape{0, 5}, Shape{5, 0}, Shape{0, 0}}) {
    Graph graph;
    const Value x = graph.Constant(Tensor(DType::kFloat32, shape));
    for (const int64_t axis : {0, 1}) {
      const Value a = Softmax(x, axis), b = LogSoftmax(x, axis);
      for (const Tensor& y : RunAll({a, b, Gradients(a, {x})[0], Gradients(b, {x})[0]})) EXPECT_EQ(y.shape(), shape);
    }
  }
  Graph graph;
  const Value x = graph.Constant(Tensor(DType::kFloat32, {0, 5}));
  const Value labels = graph.Constant(Tensor(DType::kInt64, {0}));
  for (const Value& label : {labels, x}) {
    const Value loss = SoftmaxCrossEntropy(x, label);
    const std::vector<Tensor> y = RunAll({loss, Gradients(loss, {x})[0], Sum(loss), Mean(loss)});
    EXPECT_EQ(y[0].shape(), Shape({0}));
    EXPECT_EQ(y[1].shape(), Shape({0, 5}));
    EXPECT_EQ(y[2].At(0), 0);
    EXPECT_TRUE(std::isnan(y[3].At(0)));
  }
}

// Of a batch that turns out to be empty: what has no value says so, and nothing else fails.
TEST(SoftmaxEdge, AMaximumOfNothingIsAnError) {
  Graph graph;
  const Value x = graph.Constant(Tensor(DType::kFloat32, {0, 3}));
  EXPECT_FALSE(Max(x, {.axes = {0}}).valid());
  EXPECT_NE(graph.status().message().find("axis 0 has no elements to reduce"), std::string::npos) << graph.status();
  Graph other;
  const Value v = other.Constant(Tensor(DType::kFloat32, {0, 3}));
  EXPECT_EQ(RunAll({Max(v, {.axes = {1}})})[0].shape(), Shape({0}));
  EXPECT_EQ(RunAll({ArgMax(v, {.axis = 1})})[0].shape(), Shape({0}));
}

TEST(SoftmaxEdge, LongColumnsAreSummedInDoublePrecision) {
  const int64_t n = 1 << 20;
  Tensor x(DType::kFloat32, {n, 2});
  RandomStream random(3);
  for (float& v : x.mutable_data<float>()) v = static_cast<float>(random.Uniform(-2, 2));
  long double sums[2] = {0, 0};
  for (int64_t i = 0; i < 2 * n; ++i) sums[i % 2] += std::exp(static_cast<long double>(x.At(i)));
  Graph graph;
  const Value v = graph.Constant(x);
  const std::vector<Tensor> y = RunAll({Softmax(v, 0), Sum(Softmax(v, 0), {.axes = {0}})});
  for (int64_t i = 0; i < 2; ++i) {
    const double expected = static_cast<double>(std::exp(static_cast<long double>(x.At(i))) / sums[i]);
    EXPECT_NEAR(y[0].At(i), expected, expected * 5e-7);
    EXPECT_NEAR(y[1].At(i), 1, 5e-7);
  }
}

// Model files that were written before there was an ignore_index have only this attribute.
TEST(SoftmaxEdge, CrossEntropiesOfOldFilesAreRead) {
  for (const char* name : {"softmax_cross_entropy", "softmax_cross_entropy_x_grad"}) {
    const absl::StatusOr<Attrs> attrs = FindOp(name)->parse_attrs({{"label_smoothing", 0.25}}, MissingAttrs::kError);
    ASSERT_TRUE(attrs.ok()) << attrs.status();
    EXPECT_EQ(attrs->As<SoftmaxCrossEntropyAttrs>().label_smoothing, 0.25);
    EXPECT_EQ(attrs->As<SoftmaxCrossEntropyAttrs>().ignore_index, -100);
    EXPECT_FALSE(FindOp(name)->parse_attrs({{"ignore_index", int64_t{3}}}, MissingAttrs::kError).ok());
  }
}

}  // namespace
}  // namespace adret
