#include "adret/plot/contour.h"

#include <cmath>
#include <functional>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor Heights(int64_t rows, int64_t columns, const std::function<double(double x, double y)>& f) {
  std::vector<double> heights;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < columns; ++x) heights.push_back(f(static_cast<double>(x), static_cast<double>(y)));
  }
  return Tensor::From<double>({rows, columns}, heights);
}

std::vector<Contour> At(const Tensor& heights, double level) { return Contours(heights, {level}).value(); }

// Twice the area within a closed line, positive where it runs clockwise on paper.
double SignedArea(const Contour& line) {
  double area = 0;
  for (size_t i = 1; i < line.points.size(); ++i) {
    area += line.points[i - 1].x * line.points[i].y - line.points[i].x * line.points[i - 1].y;
  }
  return area;
}

TEST(ContourTest, ACirclesContourIsACircle) {
  for (const double sign : {1.0, -1.0}) {  // a hill and a pit
    const Tensor cone = Heights(41, 51, [&](double x, double y) { return -sign * std::hypot(x - 24.3, y - 20.7); });
    for (const double radius : {1.5, 7.0, 15.2}) {
      const std::vector<Contour> lines = At(cone, -sign * radius);
      ASSERT_EQ(lines.size(), 1);
      EXPECT_TRUE(lines[0].closed);
      EXPECT_EQ(lines[0].points.front().x, lines[0].points.back().x);
      EXPECT_EQ(lines[0].points.front().y, lines[0].points.back().y);
      for (const Point& p : lines[0].points) {
        EXPECT_NEAR(std::hypot(p.x - 24.3, p.y - 20.7), radius, 0.125 / radius + 1e-9);
      }
      EXPECT_NEAR(std::abs(SignedArea(lines[0])), 2 * M_PI * radius * radius, 1.5);
      EXPECT_LT(sign * SignedArea(lines[0]), 0) << "higher numbers are on the left";
    }
  }
}

TEST(ContourTest, LinesEndAtTheEdge) {
  const Tensor slope = Heights(4, 5, [](double x, double) { return x; }).Cast(DType::kFloat32);
  const std::vector<Contour> lines = Contours(slope, {1.25, 3.5}).value();
  ASSERT_EQ(lines.size(), 2);
  for (const Contour& line : lines) {
    EXPECT_FALSE(line.closed);
    ASSERT_EQ(line.points.size(), 4);
    for (const Point& p : line.points) EXPECT_EQ(p.x, line.level);
    EXPECT_EQ(line.points.front().y, 0) << "the high side, right, is on the left";
    EXPECT_EQ(line.points.back().y, 3);
  }
  EXPECT_TRUE(At(slope, 4.5).empty());
  EXPECT_TRUE(At(slope, 0).empty()) << "nothing is below";
}

// The one square of a saddle: 1 0 / 0 1 and the like. Lines cut off single corners: which ones, the mean decides.
TEST(ContourTest, TheMeanDecidesASaddle) {
  const Tensor saddle = Tensor::From<double>({2, 2}, {1, 0, 0, 1});
  for (const auto& [level, high_are_connected] : {std::pair{0.4, true}, {0.5, true}, {0.6, false}}) {
    const std::vector<Contour> lines = At(saddle, level);
    ASSERT_EQ(lines.size(), 2);
    for (const Contour& line : lines) {
      ASSERT_EQ(line.points.size(), 2);
      const double x = (line.points[0].x + line.points[1].x) / 2, y = (line.points[0].y + line.points[1].y) / 2;
      const bool at_a_low_corner = (x < 0.5) != (y < 0.5);
      EXPECT_EQ(at_a_low_corner, high_are_connected) << level;
    }
  }
}

TEST(ContourTest, LinesStopAtMissingNumbers) {
  const Tensor gap =
      Heights(20, 20, [](double x, double y) { return x == 10 && y < 10 ? kNan : -std::hypot(x - 10, y - 10); });
  const std::vector<Contour> lines = At(gap, -6);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_FALSE(lines[0].closed);
  for (const Point& p : lines[0].points) {
    EXPECT_TRUE(p.y > 10 || p.x <= 9 || p.x >= 11);
    EXPECT_NEAR(std::hypot(p.x - 10, p.y - 10), 6, 0.03);
  }
  EXPECT_TRUE(At(Heights(5, 5, [](double, double) { return kNan; }), 0).empty());
  EXPECT_TRUE(At(Tensor::From<double>({2, 2}, {0, 1, 1, std::numeric_limits<double>::infinity()}), 0.5).empty());
}

TEST(ContourTest, PlateausAndSingleElements) {
  EXPECT_TRUE(At(Tensor::Full(DType::kFloat64, {6, 6}, 2), 2).empty());
  EXPECT_TRUE(At(Tensor::Full(DType::kFloat64, {1, 6}, 2), 1).empty());
  EXPECT_TRUE(At(Tensor::Zeros(DType::kFloat32, {0, 3}), 1).empty());
  // A peak that just has the level is a line of no length.
  EXPECT_TRUE(At(Heights(5, 5, [](double x, double y) { return x == 2 && y == 2 ? 1 : 0; }), 1).empty());
  constexpr double kMost = std::numeric_limits<double>::max();
  const std::vector<Contour> steep = At(Tensor::From<double>({2, 2}, {-kMost, kMost, -kMost, kMost}), 0);
  ASSERT_EQ(steep.size(), 1);
  EXPECT_EQ(steep[0].points[0].x, 0.5);
  constexpr double kLeast = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(At(Tensor::From<double>({2, 2}, {0, kLeast, 0, kLeast}), kLeast)[0].points[0].x, 0.5);
}

// Whatever the numbers: every crossing of an edge is on exactly one line, once.
TEST(ContourTest, EveryCrossingIsOnOneLine) {
  uint32_t state = 7;
  for (int round = 0; round < 20; ++round) {
    const Tensor noise = Heights(13, 17, [&](double, double) {
      state = state * 1664525 + 1013904223;
      return (state >> 8) / double{1 << 24};
    });
    size_t crossings = 0, points = 0;
    for (int64_t i = 0; i < noise.num_elements(); ++i) {
      const bool high = noise.At(i) >= 0.5;
      if (i % 17 + 1 < 17) crossings += high != (noise.At(i + 1) >= 0.5);
      if (i / 17 + 1 < 13) crossings += high != (noise.At(i + 17) >= 0.5);
    }
    for (const Contour& line : At(noise, 0.5)) points += line.points.size() - (line.closed ? 1 : 0);
    EXPECT_EQ(points, crossings);
  }
}

TEST(ContourTest, RefusesOtherTensorsAndLevels) {
  EXPECT_THAT(std::string(Contours(Tensor::Zeros(DType::kFloat32, {3}), {0}).status().message()), HasSubstr("f32[3]"));
  EXPECT_FALSE(Contours(Tensor::Zeros(DType::kInt64, {3, 3}), {0}).ok());
  EXPECT_FALSE(Contours(Tensor::Zeros(DType::kFloat32, {3, 3}), {kNan}).ok());
}

}  // namespace
}  // namespace adret::plot
