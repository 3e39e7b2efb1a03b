#include "adret/ops/softmax.h"

#include <cmath>
#include <limits>

#include "adret/core/executor.h"
#include "adret/ops/reduce.h"
#include "adret/tests/ops/op_suite.h"
#include "adret/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

using Line = std::vector<double>;

double LogSumExpOf(const Line& v) {
  double sum = 0;
  for (double x : v) sum += std::exp(x);
  return std::log(sum);
}
Line LogSoftmaxOf(const Line& v) {
  Line y;
  for (double x : v) y.push_back(x - LogSumExpOf(v));
  return y;
}
Line SoftmaxOf(const Line& v) {
  Line y;
  for (double x : v) y.push_back(std::exp(x - LogSumExpOf(v)));
  return y;
}

// Of rows of logits, for labels of either kind.
std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceCrossEntropy(double smoothing) {
  return [smoothing](absl::Span<const Tensor> x) {
    Shape shape = x[0].shape();
    const int64_t n = shape[shape.rank() - 1];
    shape.erase(shape.rank() - 1);
    Tensor loss(DType::kFloat64, shape);
    for (int64_t row = 0; row < loss.num_elements(); ++row) {
      Line logits;
      for (int64_t i = 0; i < n; ++i) logits.push_back(x[0].At(row * n + i));
      const Line logs = LogSoftmaxOf(logits);
      double total = 0;
      for (int64_t i = 0; i < n; ++i) {
        const double given = IsFloating(x[1].dtype()) ? x[1].At(row * n + i) : x[1].At(row) == i;
        total -= ((1 - smoothing) * given + smoothing / n) * logs[i];
      }
      loss.mutable_data<double>()[row] = total;
    }
    return std::vector<Tensor>{loss};
  };
}

const InputSpec kLogits = {.shape = {5, 19}, .lo = -3, .hi = 3, .batch = true};
const InputSpec kIndices = {.shape = {5}, .dtype = DType::kInt64, .lo = 0, .hi = 19, .batch = true};
const InputSpec kProbabilities = {.shape = {5, 19}, .lo = 0, .hi = 0.2, .batch = true};

const OpCases kCases({
    {.name = "softmax/rows",
     .build = [](Args x) { return Values{Softmax(x[0])}; },
     .inputs = {kLogits},
     .reference = ReferenceLines({1}, SoftmaxOf),
     .bad =
         [](Graph* g) {
           Softmax(g->Input("x", DType::kFloat32, {2, 3}), 2);
         },
     .bad_message = "softmax: axis 2 is out of range for rank 2 (x f32[2,3])"},
    {.name = "softmax/columns",
     .build = [](Args x) { return Values{Softmax(x[0], 1)}; },
     .inputs = {{.shape = {2, 7, 3, 3}, .batch = true}},
     .reference = ReferenceLines({1}, SoftmaxOf)},
    {.name = "softmax/batch",
     .build = [](Args x) { return Values{Softmax(x[0], 0)}; },
     .inputs = {{.shape = {4, 300}, .batch = true}},
     .reference = ReferenceLines({0}, SoftmaxOf)},
    {.name = "softmax/large",
     .build =
         [](Args x) {
           return Values{Softmax(x[0]), Softmax(x[0], 0)};
         },
     .inputs = {{.shape = {9, 5000}, .lo = -5, .hi = 5, .batch = true}},
     .order = 1,
     .bad =
         [](Graph* g) {
           Softmax(g->Input("x", DType::kInt32, {2, 3}));
         },
     .bad_message = "softmax: x must be"},
    {.name = "log_softmax/rows",
     .build = [](Args x) { return Values{LogSoftmax(x[0])}; },
     .inputs = {kLogits},
     .reference = ReferenceLines({1}, LogSoftmaxOf)},
    {.name = "log_softmax/columns",
     .build = [](Args x) { return Values{LogSoftmax(x[0], -2)}; },
     .inputs = {{.shape = {2, 7, 3}, .batch = true}},
     .reference = ReferenceLines({1}, LogSoftmaxOf)},
    {.name = "softmax_cross_entropy/indices",
     .build = [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1])}; },
     .inputs = {kLogits, kIndices},
     .reference = ReferenceCrossEntropy(0),
     .bad =
         [](Graph* g) {
           SoftmaxCrossEntropy(g->Input("x", DType::kFloat32, {5, 3}), g->Input("l", DType::kInt64, {5, 1}));
         },
     .bad_message = "softmax_cross_entropy: labels that are indices must have shape [5] (x f32[5,3], labels i64[5,1])"},
    {.name = "softmax_cross_entropy/smooth_indices",
     .build = [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1], {.label_smoothing = 0.1})}; },
     .inputs = {{.shape = {2, 3, 4}, .batch = true},
                {.shape = {2, 3}, .dtype = DType::kInt32, .lo = 0, .hi = 4, .batch = true}},
     .reference = ReferenceCrossEntropy(0.1),
     .bad =
         [](Graph* g) {
           SoftmaxCrossEntropy(g->Input("x", DType::kFloat32, {5, 3}), g->Input("l", DType::kInt64, {5}),
                               {.label_smoothing = 1.5});
         },
     .bad_message = "label_smoothing must be in [0, 1], but is 1.5"},
    {.name = "softmax_cross_entropy/probabilities",
     .build = [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1])}; },
     .inputs = {kLogits, kProbabilities},
     .reference = ReferenceCrossEntropy(0),
     .bad =
         [](Graph* g) {
           SoftmaxCrossEntropy(g->Input("x", DType::kFloat32, {5, 3}), g->Input("l", DType::kFloat32, {5}));
         },
     .bad_message = "or probabilities of x's type"},
    {.name = "softmax_cross_entropy/smooth_probabilities",
     .build = [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1], {.label_smoothing = 0.3})}; },
     .inputs = {kLogits, kProbabilities},
     .reference = ReferenceCrossEntropy(0.3)},
});

const GoldenCases kGolden(
    "softmax",
    {
        {"softmax",
         [](Args x) {
           return Values{Softmax(x[0]), Softmax(x[0], 1)};
         }},
        {"log_softmax",
         [](Args x) {
           return Values{LogSoftmax(x[0]), LogSoftmax(x[0], 1)};
         }},
        {"indices", [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1])}; }},
        {"smooth_indices", [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1], {.label_smoothing = 0.1})}; }},
        {"probabilities", [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1])}; }},
        {"smooth_probabilities",
         [](Args x) { return Values{SoftmaxCrossEntropy(x[0], x[1], {.label_smoothing = 0.1})}; }},
    });

TEST(Softmax, LargeLogitsDoNotOverflow) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<float>({3, 2}, {1e30f, 1e30f, -1e30f, 0, 500, -500}));
  const auto y = Evaluate({Softmax(x), LogSoftmax(x), Softmax(x, 0)});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE((*y)[0].BitEqual(Tensor::From<float>({3, 2}, {0.5f, 0.5f, 0, 1, 1, 0}))) << (*y)[0].ToString();
  EXPECT_EQ((*y)[1].At(2), -1e30f);
  EXPECT_EQ((*y)[1].At(5), -1000);
  EXPECT_EQ((*y)[2].At(0), 1);
}

TEST(Softmax, NotANumberIsKept) {
  Tensor x = Tensor::Zeros(DType::kFloat32, {4, 33});
  x.mutable_data<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  Graph graph;
  const Value v = graph.Constant(x);
  const auto y = Evaluate({Softmax(v), LogSoftmax(v), Softmax(v, 0)});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(std::isnan((*y)[0].At(32)));
  EXPECT_TRUE(std::isnan((*y)[1].At(0)));
  EXPECT_TRUE(std::isnan((*y)[2].At(33 + 2)));
  EXPECT_FALSE(std::isnan((*y)[0].At(33)));
}

TEST(SoftmaxCrossEntropy, AnUnlikelyClassHasAFiniteLoss) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<float>({2, 3}, {0, 200, 0, 1e4f, 0, 0}));
  const auto y = Evaluate(SoftmaxCrossEntropy(x, graph.Constant(Tensor::From<int32_t>({2}, {0, 2}))));
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_TRUE(y->BitEqual(Tensor::From<float>({2}, {200, 1e4f}))) << y->ToString();
}

TEST(SoftmaxCrossEntropy, NamesALabelThatIsOutOfRange) {
  for (int64_t label : {-1, 3}) {
    Graph graph;
    const Value x = graph.Constant(Tensor::Zeros(DType::kFloat32, {2, 3}));
    const auto y = Evaluate(SoftmaxCrossEntropy(x, graph.Constant(Tensor::From<int64_t>({2}, {0, label}))));
    ASSERT_FALSE(y.ok());
    const std::string message(y.status().message());
    EXPECT_NE(message.find("of row 1 is out of range for 3 classes"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace adret
