// Losses at infinite and far logits, with ignored rows and class weights.
#include <cmath>
#include <limits>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/nn/losses.h"
#include "adret/ops/binary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;
using Line = std::vector<long double>;
constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor Make(DType dtype, Shape shape, const std::vector<double>& numbers) {
  Tensor x(DType::kFloat64, std::move(shape));
  std::copy(numbers.begin(), numbers.end(), x.mutable_data<double>().begin());
  return x.Cast(dtype);
}

std::vector<Tensor> Results(absl::Span<const Value> values) {
  absl::StatusOr<std::vector<Tensor>> results = Evaluate(values);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *std::move(results) : std::vector<Tensor>(values.size());
}

void ExpectRelative(const Tensor& found, const Line& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.num_elements(), static_cast<int64_t>(expected.size())) << what;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double e = static_cast<double>(expected[i]);
    if (std::isinf(e)) {
      EXPECT_EQ(found.At(i), e) << what << ", element " << i;
    } else {
      EXPECT_NEAR(found.At(i), e, std::abs(e) * tolerance) << what << ", element " << i;
    }
  }
}

// x + softplus(-x) of a far negative x is 0; the loss is exp(x).
TEST(LossesEdge, BinaryCrossEntropyIsAccurateForSureAnswers) {
  const std::vector<double> logits{-14, -5, 0, 3, 14, -14, 14, -3, kInf, -kInf, kInf, -kInf},
      targets{0, 0, 1, 1, 1, 1, 0, 0.25, 1, 0, 0, 1};
  Graph graph;
  const Value x = graph.Constant(Make(DType::kFloat32, {12}, logits)),
              t = graph.Constant(Make(DType::kFloat32, {12}, targets));
  const Value losses = BinaryCrossEntropy(x, t, {Reduction::kNone});
  const std::vector<Tensor> found = Results({losses, Gradients(losses, {x})[0]});
  Line expected, slopes;
  for (size_t i = 0; i < logits.size(); ++i) {
    const long double v = logits[i], p = targets[i];
    const auto softplus = [](long double a) { return a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a)); };
    const auto sigmoid = [](long double a) { return 1 / (1 + std::exp(-a)); };
    expected.push_back((p == 0 ? 0 : p * softplus(-v)) + (p == 1 ? 0 : (1 - p) * softplus(v)));
    slopes.push_back((1 - p) * sigmoid(v) - p * sigmoid(-v));
  }
  ExpectRelative(found[0], expected, 1e-5, "loss");
  for (int i = 0; i < 8; ++i)
    EXPECT_NEAR(found[1].At(i), static_cast<double>(slopes[i]), std::abs(slopes[i]) * 2e-5) << i;
  for (int i = 8; i < 12; ++i) EXPECT_FALSE(std::isnan(found[1].At(i))) << i;
}

TEST(LossesEdge, KlDivergenceTakesImpossibleClasses) {
  Graph graph;
  const Value log_q =
      graph.Constant(Make(DType::kFloat32, {2, 3}, {std::log(0.25), -kInf, std::log(0.75), -1, -kInf, -1}));
  const Value p = graph.Constant(Make(DType::kFloat32, {2, 3}, {0.5, 0, 0.5, 0.5, 0.25, 0.25}));
  const Value losses = KlDivergence(log_q, p, {Reduction::kNone});
  const std::vector<Tensor> found = Results({losses, Gradients(losses, {log_q})[0]});
  EXPECT_NEAR(found[0].At(0), 0.5 * std::log(2.0) + 0.5 * std::log(0.5 / 0.75), 1e-6);
  EXPECT_EQ(found[0].At(1), kInf);
  ExpectRelative(found[1], {-0.5, 0, -0.5, -0.5, -0.25, -0.25}, 1e-6, "gradient");
}

// A row of logits as log-probabilities.
Line LogSoftmaxOf(const Line& x) {
  long double sum = 0;
  for (long double v : x) sum += std::exp(v);
  Line y;
  for (long double v : x) y.push_back(v - std::log(sum));
  return y;
}

constexpr int kRows = 5, kClasses = 4;
const std::vector<double> kLogits{1, -2, 0.5, 3, 0, 0, 1, -1, 2, 2.5, -3, 1, 0.25, 1, 2, 3, -1, 2, -2, 0};
const std::vector<double> kClassWeights{0.5, 2, 0, 1.25};

// The definition of torch.nn.functional.cross_entropy, with sums in long double. targets: [rows, classes]; labels: the
// rows' indices, or none where targets are given as probabilities.
struct Reference {
  Line losses;
  long double mean = 0;
};
Reference CrossEntropyOf(const std::vector<std::vector<double>>& targets, const std::vector<int64_t>& labels,
                         const std::vector<double>& w, double s, int64_t ignore_index) {
  Reference r;
  long double sum = 0, divisor = 0;
  for (int row = 0; row < kRows; ++row) {
    const Line logs = LogSoftmaxOf(Line(kLogits.begin() + row * kClasses, kLogits.begin() + (row + 1) * kClasses));
    const bool ignored = !labels.empty() && labels[row] == ignore_index;
    long double loss = 0;
    for (int c = 0; c < kClasses && !ignored; ++c) {
      loss -= w[c] * ((1 - s) * targets[row][c] + s / kClasses) * logs[c];
    }
    r.losses.push_back(loss);
    sum += loss;
    if (!ignored) divisor += labels.empty() ? 1 : w[labels[row]];
  }
  r.mean = sum / divisor;
  return r;
}

// torch.nn.functional.cross_entropy of PyTorch 2.15 for the labels with -100 and for probabilities (by_index 1 and 0),
// without and with smoothing, without and with weights.
constexpr double kPyTorch[2][2][2] = {
    {{2.08665770970928, 1.8671294693751939}, {2.121084894649959, 1.8359042203002574}},
    {{1.335956378861374, 0.8173779358548606}, {1.629706378861374, 1.0365047403422114}},
};

TEST(LossesEdge, IgnoredRowsAndClassWeightsAreThoseOfPyTorch) {
  const std::vector<int64_t> labels{3, -100, 1, 0, -100}, others{3, 1, 1, 0, 2};
  for (const bool weighted : {false, true}) {
    for (const double smoothing : {0.0, 0.3}) {
      for (const int64_t ignore_index : {-100, 1}) {
        for (const bool by_index : {true, false}) {
          const std::vector<int64_t>& label = ignore_index == 1 ? others : labels;
          std::vector<std::vector<double>> targets(kRows, std::vector<double>(kClasses));
          std::vector<double> flat;
          for (int row = 0; row < kRows; ++row) {
            for (int c = 0; c < kClasses; ++c) {
              targets[row][c] = by_index ? label[row] == c : (row + c) % 3 * 0.25;
              flat.push_back(targets[row][c]);
            }
          }
          Graph graph;
          const Value x = graph.Constant(Make(DType::kFloat64, {kRows, kClasses}, kLogits));
          const Value t = by_index ? graph.Constant(Tensor::From<int64_t>({kRows}, label))
                                   : graph.Constant(Make(DType::kFloat64, {kRows, kClasses}, flat));
          const auto loss = [&](Reduction reduction) {
            SoftmaxCrossEntropyOptions options{
                .label_smoothing = smoothing, .ignore_index = ignore_index, .reduction = reduction};
            if (weighted) options.class_weights = graph.Constant(Make(DType::kFloat64, {kClasses}, kClassWeights));
            return SoftmaxCrossEntropy(x, t, options);
          };
          const Value mean = loss(Reduction::kMean), each = loss(Reduction::kNone), sum = loss(Reduction::kSum);
          const std::vector<Tensor> found = Results({mean, each, sum, Gradients(sum, {x})[0]});
          const Reference expected =
              CrossEntropyOf(targets, by_index ? label : std::vector<int64_t>(),
                             weighted ? kClassWeights : std::vector<double>(kClasses, 1), smoothing, ignore_index);
          const std::string what = absl::StrCat("weights ", weighted, ", smoothing ", smoothing, ", ignored ",
                                                ignore_index, ", indices ", by_index);
          ExpectRelative(found[0], {expected.mean}, 1e-12, what + ": mean");
          if (ignore_index == -100) {
            EXPECT_NEAR(found[0].At(0), kPyTorch[by_index][smoothing > 0][weighted], 1e-12) << what;
          }
          ExpectRelative(found[1], expected.losses, 1e-12, what + ": losses");
          for (int row = 0; row < kRows && by_index; ++row) {
            for (int c = 0; c < kClasses && label[row] == ignore_index; ++c) {
              EXPECT_EQ(found[3].At(row * kClasses + c), 0) << what;
            }
          }
        }
      }
    }
  }
}

TEST(LossesEdge, AnIgnoredRowOfNaNHasNoGradientAndAMeanOfNoRowsIsNaN) {
  Graph graph;
  const Value x = graph.Constant(Make(DType::kFloat32, {2, 2}, {std::numeric_limits<double>::quiet_NaN(), 1, 2, 1}));
  const Value some = SoftmaxCrossEntropy(x, graph.Constant(Tensor::From<int32_t>({2}, {-100, 1})));
  const Value none = SoftmaxCrossEntropy(x, graph.Constant(Tensor::From<int32_t>({2}, {-100, -100})));
  const Value dx = Gradients(some, {x})[0];
  const std::vector<Tensor> found = Results({some, none, dx, Gradients(dx * dx, {x})[0]});
  EXPECT_NEAR(found[0].At(0), std::log1p(std::exp(1.0)), 1e-6);
  EXPECT_TRUE(std::isnan(found[1].At(0)));
  EXPECT_EQ(found[2].At(0), 0);
  EXPECT_EQ(found[2].At(1), 0);
  EXPECT_NEAR(found[2].At(2), 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_FALSE(std::isnan(found[3].At(2)));
}

TEST(LossesEdge, ThereIsAWeightForEachClass) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3}),
              label = graph.Input("l", DType::kInt64, {kAnyBatch});
  const Value w = graph.Constant(Tensor::Zeros(DType::kFloat32, {2}));
  EXPECT_FALSE(SoftmaxCrossEntropy(x, label, {.class_weights = w}).valid());
  EXPECT_THAT(graph.status().message(), HasSubstr("SoftmaxCrossEntropy: expects a weight for each class"));
  EXPECT_THAT(graph.status().message(), HasSubstr("losses_edge_test.cc"));
}

}  // namespace
}  // namespace adret::nn
