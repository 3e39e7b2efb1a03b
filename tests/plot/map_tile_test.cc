#include "adret/plot/map_tile.h"

#include <array>
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::HasSubstr;
using Pixel = std::array<uint8_t, 3>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor Map2(std::initializer_list<float> numbers) {
  return Tensor::From<float>({1, 1, static_cast<int64_t>(numbers.size())}, numbers);
}

Pixel At(const Tensor& picture, int64_t i) {
  const int64_t plane = picture.num_elements() / 3;
  const absl::Span<const uint8_t> bytes = picture.data<uint8_t>();
  return {bytes[i], bytes[plane + i], bytes[2 * plane + i]};
}

TEST(MapScaleTest, FollowsTheSignsOfTheNumbers) {
  const ColorScale two_sided = MapScale(Map2({-4, 1, 2}), {.share = 1}).value();
  EXPECT_EQ(two_sided.colors, ColorMap::kDiverging);
  EXPECT_EQ(two_sided.lo, -4);
  EXPECT_EQ(two_sided.hi, 4);
  const ColorScale positive = MapScale(Map2({0, 1, 2}), {.share = 1}).value();
  EXPECT_EQ(positive.colors, ColorMap::kViridis);
  EXPECT_EQ(positive.lo, 0);
  EXPECT_EQ(positive.hi, 2);
  EXPECT_EQ(MapScale(Map2({0, 1, 2}), {.sign = MapSign::kSigned})->lo, -2);
  const ColorScale half = MapScale(Map2({-4, 1, 2}), {.sign = MapSign::kPositive, .share = 1}).value();
  EXPECT_EQ(half.hi, 2) << "numbers that are not shown do not count";
  EXPECT_TRUE(half.beyond_lo);
  EXPECT_FALSE(half.beyond_hi);
}

// Captum 0.7's visualization: the number at which the running sum of the sorted ones reaches this share of the whole.
TEST(MapScaleTest, LeavesOutTheFewLargestNumbers) {
  std::vector<float> numbers(100, 1);
  numbers[17] = -50;
  const Tensor map = Tensor::From<float>({1, 10, 10}, numbers);
  const ColorScale most = MapScale(map, {.share = 0.66}).value();  // 99 of 149 are ones
  EXPECT_EQ(most.hi, 1);
  EXPECT_TRUE(most.beyond_lo);
  EXPECT_FALSE(most.beyond_hi);
  EXPECT_EQ(MapScale(map, {.share = 0.67})->hi, 50);
  // Mostly zeros: a plain percentile would leave no range.
  std::vector<float> sparse(1000, 0);
  sparse[3] = 2;
  EXPECT_EQ(MapScale(Tensor::From<float>({1, 10, 100}, sparse))->hi, 2);
}

TEST(MapScaleTest, TakesWhateverNumbersThereAre) {
  EXPECT_EQ(MapScale(Map2({0, 0}))->hi, 1);
  EXPECT_EQ(MapScale(Map2({kNan, kNan}))->hi, 1);
  EXPECT_EQ(MapScale(Map2({5, 5}))->hi, 5);
  const ColorScale scale = MapScale(Map2({kNan, 3, kInfinity, -1}), {.share = 1}).value();
  EXPECT_EQ(scale.hi, 3);
  EXPECT_TRUE(scale.beyond_hi);
  EXPECT_FALSE(scale.beyond_lo);
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_EQ(MapScale(Tensor::From<double>({1, 1, 3}, {kMost, -kMost, kMost}))->hi, kMost);
  // Channels are added before signs are looked at; all maps share one scale.
  const Tensor maps = Tensor::From<float>({2, 2, 1, 1}, {3, -2, 1, 1});
  EXPECT_EQ(MapScale(maps)->colors, ColorMap::kViridis);
  EXPECT_EQ(MapScale(maps)->hi, 2);
}

TEST(MapScaleTest, RefusesOtherTensorsAndShares) {
  EXPECT_THAT(std::string(MapScale(Tensor::Zeros(DType::kFloat32, {3, 3})).status().message()), HasSubstr("f32[3,3]"));
  EXPECT_FALSE(MapScale(Tensor::Zeros(DType::kUint8, {1, 3, 3})).ok());
  EXPECT_FALSE(MapScale(Tensor::Zeros(DType::kFloat32, {0, 1, 3, 3})).ok());
  EXPECT_FALSE(MapScale(Map2({1}), {.share = 0}).ok());
  EXPECT_FALSE(MapScale(Map2({1}), {.share = kNan}).ok());
}

TEST(MapTileTest, PaintsNumbersAsColours) {
  const ColorScale scale{ColorMap::kDiverging, -2, 2};
  const Tensor tile = PaintMap(Map2({-2, 0, 1, kNan, 9}), scale).value();
  EXPECT_EQ(tile.type().ToString(), "u8[3,1,5]");
  EXPECT_EQ(At(tile, 0), Bytes(Map(ColorMap::kDiverging, 0)));
  EXPECT_EQ(At(tile, 1), Bytes(Map(ColorMap::kDiverging, 0.5)));
  EXPECT_EQ(At(tile, 2), Bytes(Map(ColorMap::kDiverging, 0.75)));
  EXPECT_EQ(At(tile, 3), Bytes(kMissing));
  EXPECT_EQ(At(tile, 4), Bytes(Map(ColorMap::kDiverging, 1)));
  const Tensor large = PaintMap(Map2({-2, 0, 1, kNan, 9}), scale, {.scale = 3}).value();
  EXPECT_EQ(large.type().ToString(), "u8[3,3,15]");
  for (int64_t i = 0; i < 45; ++i) EXPECT_EQ(At(large, i), At(tile, i % 15 / 3)) << i;
}

TEST(MapTileTest, LiesOverTheGreyImage) {
  const ColorScale scale{ColorMap::kGrey, 0, 1};
  const Tensor image = Tensor::From<uint8_t>({3, 1, 3}, {255, 0, 255, 0, 0, 255, 0, 0, 255});  // red, black, white
  const Tensor map = Map2({0, 1, kNan});
  const Tensor tile = PaintMapOver(image, map, scale, {.opacity = 0.75}).value();
  EXPECT_THAT(At(tile, 0), testing::Each(std::lround(255 * 0.25 * 0.2126)));
  EXPECT_THAT(At(tile, 1), testing::Each(std::lround(255 * 0.75)));
  EXPECT_THAT(At(tile, 2), testing::Each(255)) << "no number: the image alone";
  EXPECT_TRUE(PaintMapOver(Map2({0.2126f, 0, 1}), map, scale, {.opacity = 0.75})->BitEqual(tile));
  EXPECT_TRUE(
      PaintMapOver(image, Map2({0, 1, 0.5}), scale, {.opacity = 1})->BitEqual(*PaintMap(Map2({0, 1, 0.5}), scale)));
}

TEST(MapTileTest, DrawsContoursOnBothSidesOfZero) {
  std::vector<float> hills(40 * 20);
  for (int64_t i = 0; i < 800; ++i) {
    const double x = i % 40, y = i / 40;
    hills[i] = static_cast<float>(std::exp(-(std::pow(x - 10, 2) + std::pow(y - 10, 2)) / 20) -
                                  std::exp(-(std::pow(x - 30, 2) + std::pow(y - 10, 2)) / 20));
  }
  const Tensor map = Tensor::From<float>({1, 20, 40}, hills);
  const ColorScale scale = MapScale(map, {.share = 1}).value();
  const Tensor plain = PaintMap(map, scale, {.scale = 4}).value();
  const Tensor lines = PaintMap(map, scale, {.scale = 4, .contours = {0.5}}).value();
  int64_t left = 0, right = 0;
  for (int64_t i = 0; i < 80 * 160; ++i) {
    if (At(plain, i) != At(lines, i)) ++(i % 160 < 80 ? left : right);
  }
  // Two circles of radius 3.7 elements of four pixels, some four pixels wide.
  EXPECT_GT(left, 2 * M_PI * 3.7 * 4 * 2);
  EXPECT_LT(left, 2 * M_PI * 3.7 * 4 * 6);
  EXPECT_NEAR(left, right, 10);
}

TEST(MapTileTest, RefusesWhatDoesNotFit) {
  const ColorScale scale;
  EXPECT_THAT(std::string(PaintMap(Tensor::Zeros(DType::kFloat32, {2, 1, 3, 3}), scale).status().message()),
              HasSubstr("one map"));
  EXPECT_FALSE(PaintMap(Map2({1}), scale, {.scale = 0}).ok());
  EXPECT_FALSE(PaintMap(Map2({1}), scale, {.scale = int64_t{1} << 40}).ok());
  EXPECT_FALSE(PaintMap(Map2({1}), scale, {.contours = {0}}).ok());
  EXPECT_FALSE(PaintMap(Map2({1}), scale, {.contours = {50}}).ok());
  EXPECT_EQ(PaintMap(Tensor::Zeros(DType::kFloat32, {1, 100, 100}), scale, {.scale = 4096}).status().code(),
            absl::StatusCode::kResourceExhausted);
  const Tensor image = Tensor::Zeros(DType::kFloat32, {1, 1, 2});
  EXPECT_THAT(std::string(PaintMapOver(image, Map2({1, 2, 3}), scale).status().message()),
              testing::AllOf(HasSubstr("f32[1,1,3]"), HasSubstr("not f32[1,1,2]")));
  EXPECT_FALSE(PaintMapOver(Tensor::Zeros(DType::kFloat32, {2, 1, 2}), Map2({1, 2}), scale).ok());
  EXPECT_FALSE(PaintMapOver(image, Map2({1, 2}), scale, {.opacity = 1.5}).ok());
}

}  // namespace
}  // namespace adret::plot
