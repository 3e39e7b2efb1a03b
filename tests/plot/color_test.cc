#include "adret/plot/color.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::ElementsAre;

struct Lab {
  double l, a, b;
};

// CIE L*a*b* of an sRGB colour, white being D65.
Lab ToLab(Color color) {
  const auto linear = [](double x) { return x <= 0.04045 ? x / 12.92 : std::pow((x + 0.055) / 1.055, 2.4); };
  const auto f = [](double t) { return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116; };
  const double r = linear(color.red), g = linear(color.green), b = linear(color.blue);
  const double x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.9504700);
  const double y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
  const double z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.0888300);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

// Within one of 255.
auto Near(int x) { return testing::AllOf(testing::Ge(x - 1), testing::Le(x + 1)); }

double Lightness(ColorMap map, double t) { return ToLab(Map(map, t)).l; }

TEST(ColorTest, LightnessOfKnownColours) {
  EXPECT_NEAR(ToLab(Rgb(0xFFFFFF)).l, 100, 1e-3);
  EXPECT_NEAR(ToLab(Rgb(0xFFFFFF)).b, 0, 1e-2);
  EXPECT_NEAR(ToLab(Rgb(0xFF0000)).l, 53.24, 0.01);
  EXPECT_NEAR(ToLab(Rgb(0x0000FF)).b, -107.86, 0.01);
}

TEST(ColorTest, ViridisGetsLighterInEvenSteps) {
  constexpr int kSteps = 50;
  const double step = (Lightness(ColorMap::kViridis, 1) - Lightness(ColorMap::kViridis, 0)) / kSteps;
  EXPECT_GT(step * kSteps, 70);
  for (int i = 0; i < kSteps; ++i) {
    const double rise =
        Lightness(ColorMap::kViridis, (i + 1.0) / kSteps) - Lightness(ColorMap::kViridis, 1.0 * i / kSteps);
    EXPECT_NEAR(rise, step, 0.35 * step) << i;
  }
}

// Colours of matplotlib 3.10 at places between the table's.
TEST(ColorTest, ViridisIsMatplotlibs) {
  const auto bytes_at = [](int i) { return Bytes(Map(ColorMap::kViridis, i / 255.0)); };
  EXPECT_THAT(bytes_at(0), ElementsAre(68, 1, 84));
  EXPECT_THAT(bytes_at(255), ElementsAre(253, 231, 37));
  EXPECT_THAT(bytes_at(42), ElementsAre(Near(68), Near(57), Near(131)));
  EXPECT_THAT(bytes_at(87), ElementsAre(Near(48), Near(106), Near(142)));
  EXPECT_THAT(bytes_at(128), ElementsAre(Near(33), Near(145), Near(140)));
  EXPECT_THAT(bytes_at(163), ElementsAre(Near(44), Near(177), Near(126)));
  EXPECT_THAT(bytes_at(211), ElementsAre(Near(139), Near(214), Near(70)));
}

TEST(ColorTest, TheDivergingMapIsAsLightOnBothSides) {
  const Color middle = Map(ColorMap::kDiverging, 0.5);
  EXPECT_TRUE(middle.red == middle.green && middle.green == middle.blue) << "0 has no hue";
  double last = Lightness(ColorMap::kDiverging, 0.5);
  EXPECT_GT(last, 95);
  for (int i = 1; i <= 50; ++i) {
    const Lab low = ToLab(Map(ColorMap::kDiverging, 0.5 - i / 100.0)),
              high = ToLab(Map(ColorMap::kDiverging, 0.5 + i / 100.0));
    EXPECT_NEAR(low.l, high.l, 0.5) << i;
    EXPECT_NEAR(last - high.l, 77.0 / 50, 0.5) << i;
    // Whoever does not see red from green sees blue from yellow.
    if (i >= 10) {
      EXPECT_GT(high.b - low.b, 20) << i;
    }
    last = high.l;
  }
}

TEST(ColorTest, ScalesMapNumbers) {
  const ColorScale scale{ColorMap::kGrey, -2, 6};
  EXPECT_THAT(Bytes(scale(-2)), ElementsAre(0, 0, 0));
  EXPECT_THAT(Bytes(scale(2)), ElementsAre(128, 128, 128));
  EXPECT_THAT(Bytes(scale(1e300)), ElementsAre(255, 255, 255));
  EXPECT_THAT(Bytes(scale(-std::numeric_limits<double>::infinity())), ElementsAre(0, 0, 0));
  EXPECT_EQ(Bytes(scale(std::numeric_limits<double>::quiet_NaN())), Bytes(kMissing));
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_THAT(Bytes(ColorScale{ColorMap::kGrey, -kMost, kMost}(0)), ElementsAre(128, 128, 128));
  EXPECT_THAT(Bytes(ColorScale{ColorMap::kGrey, 3, 3}(3)), ElementsAre(128, 128, 128)) << "no range: the middle";
}

}  // namespace
}  // namespace adret::plot
