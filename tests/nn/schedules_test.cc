#include "adret/nn/schedules.h"

#include "adret/tests/nn/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

void ExpectRates(const std::string& name, const Schedule& schedule) {
  const Tensor expected = Golden(name + "/rates");
  const absl::StatusOr<std::vector<double>> rates = schedule.Rates(expected.num_elements());
  ASSERT_TRUE(rates.ok()) << rates.status();
  ExpectNear(Tensor::From<double>(expected.shape(), *rates), expected, 1e-12, name);
}

TEST(SchedulesTest, FollowPyTorch) {
  ExpectRates("step_decay", StepDecay({.start = 0.3, .gamma = 0.5, .every = 4}));
  ExpectRates("cosine", Cosine({.start = 0.3, .end = 0.01, .steps = 15}));
  ExpectRates("one_cycle", OneCycle({.max = 0.5, .steps = 20}));
  ExpectRates("one_cycle_other",
              OneCycle({.max = 0.5, .steps = 17, .rise = 0.42, .divisor = 10, .final_divisor = 100}));
  ExpectRates("warm_up", WarmUp(5, 0.2));
}

TEST(SchedulesTest, WarmUpShiftsWhatFollows) {
  const std::vector<double> inner = *Cosine({.start = 1, .steps = 10}).Rates(5);
  const std::vector<double> rates = *WarmUp(4, Cosine({.start = 1, .steps = 10})).Rates(9);
  EXPECT_THAT(std::vector<double>(rates.begin(), rates.begin() + 4), testing::ElementsAre(0.25, 0.5, 0.75, 1.0));
  EXPECT_EQ(std::vector<double>(rates.begin() + 4, rates.end()), inner);
}

TEST(SchedulesTest, StayAtTheirEnds) {
  EXPECT_DOUBLE_EQ(Cosine({.start = 1, .end = 0.25, .steps = 3}).Rates(9)->back(), 0.25);
  const std::vector<double> rates = *OneCycle({.max = 1, .steps = 5}).Rates(9);
  EXPECT_NEAR(rates[4], 1.0 / 25 / 1e4, 1e-15);
  EXPECT_EQ(rates[8], rates[4]);
  EXPECT_EQ(ConstantRate(0.5).Rates(2)->back(), 0.5);
}

}  // namespace
}  // namespace adret::nn
