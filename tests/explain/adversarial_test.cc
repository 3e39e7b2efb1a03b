#include "adret/explain/adversarial.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"
#include "adret/tests/explain/digits_network.h"
#include "adret/tests/explain/golden_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// How far image i has moved.
double Moved(const Tensor& from, const Tensor& to, int64_t i, Distance distance) {
  const int64_t size = from.num_elements() / from.shape()[0];
  double largest = 0, squares = 0;
  for (int64_t p = i * size; p < (i + 1) * size; ++p) {
    const double d = to.At(p) - from.At(p);
    largest = std::max(largest, std::abs(d));
    squares += d * d;
  }
  return distance == Distance::kLinf ? largest : std::sqrt(squares);
}

TEST(AdversarialTest, AttacksMatchPyTorch) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor images = Golden("images");
  const Target labels{.units = GoldenUnits("logits")};
  ExpectClose(Fgsm(network, images, labels)->images, Golden("fgsm"), 1e-13, "fgsm");
  ExpectClose(Fgsm(network, images, labels, {.targeted = true})->images, Golden("fgsm_targeted"), 1e-13, "targeted");
  ExpectClose(Pgd(network, images, labels, {.steps = 6, .step_size = 0.03, .random_start = false})->images,
              Golden("pgd_linf"), 1e-13, "pgd_linf");
  ExpectClose(Pgd(network, images, labels,
                  {.targeted = true, .distance = Distance::kL2, .steps = 6, .step_size = 0.04, .random_start = false})
                  ->images,
              Golden("pgd_l2"), 1e-13, "pgd_l2");
}

TEST(AdversarialTest, StaysNearAndTheLossRisesOrFalls) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const Tensor images = *network.AsImages(Golden("images"));
  for (const Distance distance : {Distance::kLinf, Distance::kL2}) {
    for (const bool targeted : {false, true}) {
      for (const Target& target :
           {Target{.units = {2}}, Target{.layer = "conv2", .units = {1}}, Target{.layer = "dense1", .units = {3, 5}}}) {
        const PgdOptions options{.epsilon = 0.2, .targeted = targeted, .distance = distance, .steps = 10, .seed = 4};
        const absl::StatusOr<Adversarial> found = Pgd(network, images, target, options);
        ASSERT_TRUE(found.ok()) << found.status();
        for (int64_t i = 0; i < 2; ++i) {
          const double moved = Moved(images, found->images, i, distance);
          EXPECT_LE(moved, 0.2 + 1e-6);
          EXPECT_GT(moved, 0.1);
          const double rise = found->after[i].loss - found->before[i].loss;
          EXPECT_GT(targeted ? -rise : rise, 0) << target.layer;
          if (!target.layer.empty()) {
            EXPECT_EQ(found->after[i].loss, -found->after[i].value);
          }
        }
        for (const float pixel : found->images.data<float>()) {
          ASSERT_GE(pixel, 0);
          ASSERT_LE(pixel, 1);
        }
      }
    }
  }
}

TEST(AdversarialTest, AnswersAreTheNetworks) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor images = Golden("images");
  // Without a unit, away from the prediction.
  const Adversarial found = *Fgsm(network, images, {.probability = true}, {.epsilon = 0.3});
  const auto logits = [&](const Tensor& x) {
    return *Evaluate(network.output(), {{network.input(), x}}, &network.state());
  };
  for (const bool after : {false, true}) {
    const Tensor y = logits(after ? found.images : images);
    for (int64_t i = 0; i < 2; ++i) {
      const Answer& answer = after ? found.after[i] : found.before[i];
      double sum = 0;
      for (int64_t k = 0; k < 4; ++k) {
        EXPECT_LE(y.At(i * 4 + k), y.At(i * 4 + answer.prediction));
        sum += std::exp(y.At(i * 4 + k));
      }
      EXPECT_NEAR(answer.value, std::exp(y.At(i * 4 + found.units[i])) / sum, 1e-13);
      EXPECT_NEAR(answer.loss, -std::log(answer.value), 1e-13);
      if (!after) {
        EXPECT_EQ(answer.prediction, found.units[i]);
      }
    }
  }
}

TEST(AdversarialTest, DigitsAreTakenForOthers) {
  const Tensor images = FirstRows(Digits().test.images, 50, DType::kUint8);
  const auto unchanged = [](const Adversarial& found) {
    int64_t count = 0;
    for (size_t i = 0; i < found.units.size(); ++i) count += found.after[i].prediction == found.units[i];
    return count;
  };
  const int64_t fgsm = unchanged(*Fgsm(DigitsNetwork(), images, {}, {.epsilon = 0.2}));
  const int64_t pgd = unchanged(*Pgd(DigitsNetwork(), images, {}, {.epsilon = 0.2, .steps = 20}));
  const int64_t sevens = unchanged(*Pgd(DigitsNetwork(), images, {.units = {7}}, {.epsilon = 0.3, .targeted = true}));
  EXPECT_LT(fgsm, 45);
  EXPECT_LT(pgd, std::min<int64_t>(fgsm, 10)) << "many small steps fool more often than a large one";
  EXPECT_GT(sevens, 40);
}

TEST(AdversarialTest, BitsFollowTheSeedAlone) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const auto attack = [&](uint64_t seed, std::optional<int> threads) {
    return Pgd(network, Golden("images"), {.units = {1}}, {.steps = 5, .seed = seed, .threads = threads})->images;
  };
  const Tensor images = attack(1, 1);
  EXPECT_TRUE(attack(1, 2).BitEqual(images));
  EXPECT_TRUE(attack(1, 4).BitEqual(images));
  EXPECT_FALSE(attack(2, 1).BitEqual(images));
}

TEST(AdversarialTest, AStepIsAlongTheSlopeAndEndsInTheBall) {
  Graph graph;
  const Value centre = graph.Constant(Tensor::From<double>({1, 2}, {0.5, 0.5}));
  const Value x = graph.Constant(Tensor::From<double>({1, 2}, {0.5, 0.6}));
  const Value loss = graph.Constant(Tensor::From<double>({1, 2}, {3, -4})) * x;
  const auto step = [&](const PgdOptions& options) {
    const Tensor next = *Evaluate(PgdStep(loss, x, centre, options));
    return std::vector<double>(next.data<double>().begin(), next.data<double>().end());
  };
  using testing::DoubleNear;
  const auto are = [](double a, double b) { return ElementsAre(DoubleNear(a, 1e-15), DoubleNear(b, 1e-15)); };
  EXPECT_THAT(step({.epsilon = 1, .step_size = 0.2}), are(0.7, 0.4));
  EXPECT_THAT(step({.epsilon = 0.8, .steps = 10}), are(0.7, 0.4)) << "2.5 epsilon / steps";
  EXPECT_THAT(step({.epsilon = 0.15, .targeted = true, .step_size = 0.2}), are(0.35, 0.65));
  EXPECT_THAT(step({.epsilon = 1, .distance = Distance::kL2, .step_size = 0.5}), are(0.8, 0.2));
  const double length = std::hypot(0.15, 0.1);  // of (0.5, 0.6) + 0.25 (0.6, -0.8) - centre
  EXPECT_THAT(step({.epsilon = 0.05, .distance = Distance::kL2, .step_size = 0.25}),
              are(0.5 + 0.05 * 0.15 / length, 0.5 - 0.05 * 0.1 / length));
  // No slope, no step.
  const Tensor still =
      *Evaluate(PgdStep(0.0 * x, x, centre, {.epsilon = 1, .distance = Distance::kL2, .step_size = 1}));
  EXPECT_THAT(still.data<double>(), are(0.5, 0.6));
}

TEST(AdversarialTest, SaysWhatIsWrong) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const Tensor images = Golden("images");
  const auto message = [&](const PgdOptions& options, const Target& target = {.units = {1}}) {
    return std::string(Pgd(network, images, target, options).status().message());
  };
  EXPECT_THAT(message({.epsilon = 0}), HasSubstr("epsilon must be positive and finite, but is 0"));
  EXPECT_THAT(message({.epsilon = std::numeric_limits<double>::quiet_NaN()}), HasSubstr("epsilon"));
  EXPECT_THAT(message({.steps = 0}), HasSubstr("steps must be at least 1, but is 0"));
  EXPECT_THAT(message({.step_size = -1}), HasSubstr("step size must be positive and finite, but is -1"));
  EXPECT_THAT(message({.low = 1, .high = 1}), HasSubstr("a range of positive and finite length, but it is [1, 1]"));
  EXPECT_THAT(message({.low = 0.5}), HasSubstr("pixels must be in [0.5, 1], but image 0 has one of"));
  EXPECT_THAT(message({.targeted = true}, {}), HasSubstr("a targeted attack needs the unit to aim at"));
  EXPECT_THAT(message({}, {.units = {9}}), HasSubstr("layer logits has units 0 to 3, and no unit 9"));
  EXPECT_THAT(message({}, {.layer = "dense9"}), HasSubstr("nearest names are dense1"));
  EXPECT_THAT(message({.threads = 0}), HasSubstr("threads"));
}

}  // namespace
}  // namespace adret::explain
