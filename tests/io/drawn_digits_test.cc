#include "adret/io/drawn_digits.h"

#include <array>
#include <set>
#include <string>

#include "adret/core/parallel.h"
#include "adret/io/digit_strokes_internal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::io {
namespace {

TEST(DrawnDigitsTest, LooksLikeMnistInNumbers) {
  const TrainAndTest digits = DrawnDigits({.train = 2000, .test = 100}).value();
  EXPECT_EQ(digits.train.images.type().ToString(), "u8[2000,1,28,28]");
  EXPECT_EQ(digits.test.labels.type().ToString(), "i64[100]");
  std::array<int, 10> counts{};
  for (const int64_t label : digits.train.labels.data<int64_t>()) ++counts.at(label);
  for (const int count : counts) EXPECT_NEAR(count, 200, 60);
  double sum = 0;
  for (const uint8_t pixel : digits.train.images.data<uint8_t>()) sum += pixel;
  EXPECT_NEAR(sum / digits.train.images.num_elements(), 33, 5);  // MNIST's is 33.3
}

TEST(DrawnDigitsTest, DependsOnSeedAndIndexOnly) {
  const TrainAndTest digits = DrawnDigits({.train = 200, .test = 50}).value();
  absl::StatusOr<ThreadPool> pool = ThreadPool::Create(3);
  ASSERT_TRUE(pool.ok());
  pool->Run([&] {
    const TrainAndTest again = DrawnDigits({.train = 100, .test = 50}).value();
    EXPECT_TRUE(again.test.images.BitEqual(digits.test.images));
    EXPECT_TRUE(std::equal(again.train.images.data<uint8_t>().begin(), again.train.images.data<uint8_t>().end(),
                           digits.train.images.data<uint8_t>().begin()));
  });
  EXPECT_FALSE(DrawnDigits({.train = 200, .test = 50, .seed = 2})->train.images.BitEqual(digits.train.images));
}

TEST(DrawnDigitsTest, NoTwoImagesAreEqual) {
  const TrainAndTest digits = DrawnDigits({.train = 1000, .test = 1000}).value();
  std::set<std::string> seen;
  for (const Tensor& images : {digits.train.images, digits.test.images}) {
    const char* pixels = static_cast<const char*>(images.raw());
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(std::string(pixels + 784 * i, 784)).second);
  }
}

TEST(DrawnDigitsTest, RefusesAbsurdSizes) {
  EXPECT_FALSE(DrawnDigits({.train = 0}).ok());
  EXPECT_FALSE(DrawnDigits({.test = -1}).ok());
  EXPECT_FALSE(DrawnDigits({.train = int64_t{1} << 60}).ok());
}

TEST(DigitStrokesTest, EveryWayIsInItsBox) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_GE(StylesOf(digit).size(), 3);
    for (const PenWay& way : StylesOf(digit)) {
      for (const PenPoint& p : way) {
        EXPECT_TRUE(p == kPenUp || (p.x >= 0 && p.x <= 1 && p.y >= 0 && p.y <= 1)) << digit;
      }
    }
  }
}

}  // namespace
}  // namespace adret::io
