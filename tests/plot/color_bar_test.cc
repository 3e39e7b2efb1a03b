#include "adret/plot/color_bar.h"

#include <array>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using Pixel = std::array<uint8_t, 3>;

Pixel At(const Tensor& picture, int64_t x, int64_t y) {
  const int64_t h = picture.shape()[1], w = picture.shape()[2];
  const absl::Span<const uint8_t> bytes = picture.data<uint8_t>();
  return {bytes[y * w + x], bytes[(h + y) * w + x], bytes[(2 * h + y) * w + x]};
}

// Words in these rows: groups of painted columns with five points of paper between them.
int Labels(const Tensor& picture, int64_t first_row, int64_t last_row) {
  int labels = 0, blank = 10;
  for (int64_t x = 0; x < picture.shape()[2]; ++x) {
    bool painted = false;
    for (int64_t y = first_row; y < last_row; ++y) painted |= At(picture, x, y) != Bytes(kPaper);
    labels += painted && blank >= 9;
    blank = painted ? 0 : blank + 1;
  }
  return labels;
}

// Two pixels a point; the bar is four points from every edge.
TEST(ColorBarTest, ShowsItsColoursInOrder) {
  const ColorScale scale{ColorMap::kDiverging, -3, 3};
  const Tensor across = ColorBarPicture({.scale = scale}, 128).value();
  EXPECT_EQ(across.shape()[2], 2 * (128 + 8));
  EXPECT_EQ(At(across, 8 + 2, 16), Bytes(Map(ColorMap::kDiverging, 2 / 255.0)));
  EXPECT_EQ(At(across, 8 + 253, 16), Bytes(Map(ColorMap::kDiverging, 253 / 255.0)));
  const Tensor up = ColorBarPicture({.scale = scale, .vertical = true}, 128).value();
  EXPECT_EQ(up.shape()[1], 2 * (128 + 8));
  EXPECT_EQ(At(up, 16, 8 + 2), Bytes(Map(ColorMap::kDiverging, 253 / 255.0))) << "the largest above";
  EXPECT_EQ(At(up, 16, 8 + 253), Bytes(Map(ColorMap::kDiverging, 2 / 255.0)));
}

TEST(ColorBarTest, EndsArePointedWhereNumbersAreBeyond) {
  const ColorScale scale{ColorMap::kGrey, 0, 1, /*beyond_lo=*/true, /*beyond_hi=*/true};
  const Tensor picture = ColorBarPicture({.scale = scale}, 100).value();
  for (const int64_t x : {12, 208 - 5}) EXPECT_EQ(At(picture, x, 9), Bytes(kPaper)) << "beside the tip";
  EXPECT_EQ(At(picture, 18, 16), Bytes(Map(ColorMap::kGrey, 0)));
  EXPECT_EQ(At(picture, 208 - 10, 16), Bytes(Map(ColorMap::kGrey, 1)));
}

TEST(ColorBarTest, LabelsHaveRoom) {
  const auto labels = [](double lo, double hi, double length) {
    const Tensor picture = ColorBarPicture({.scale = {ColorMap::kGrey, lo, hi}}, length).value();
    return Labels(picture, 8 + 2 * 12, picture.shape()[1]);
  };
  EXPECT_EQ(labels(0, 1, 220), 6);
  EXPECT_EQ(labels(-1, 1, 90), 3);
  EXPECT_EQ(labels(-3.7e-4, 3.7e-4, 90), 2) << "the outermost two only";
  EXPECT_EQ(labels(-3.7e-5, 3.7e-5, 90), 3);
  EXPECT_EQ(labels(-3.7e-5, 3.7e-5, 60), 1) << "the largest only";
  EXPECT_EQ(labels(0, 7.3e12, 40), 2);
  EXPECT_EQ(labels(0, 1, 8), 1);
  EXPECT_EQ(labels(5, 5, 90), 0) << "no range, no numbers";
}

TEST(ColorBarTest, TakesWhatItSays) {
  const ColorBar plain{}, titled{.title = "activation"};
  EXPECT_GT(ColorBarDepth(titled), ColorBarDepth(plain));
  const ColorBar small{.scale = {.hi = 1}, .vertical = true}, large{.scale = {.hi = 100000}, .vertical = true};
  EXPECT_GT(ColorBarDepth(large), ColorBarDepth(small));
  const ColorBar talkative{.title = "a title that is longer than the bar"};
  EXPECT_EQ(ColorBarPicture(talkative, 50)->shape()[2], std::ceil(2 * (ColorBarTitleWidth(talkative) + 8)));
  EXPECT_EQ(ColorBarPicture(plain, 1e9).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(ColorBarPicture({.title = "\xff"}, 100).ok());
  EXPECT_FALSE(ColorBarPicture(plain, 0).ok());
  EXPECT_FALSE(ColorBarPicture(plain, -5).ok());
}

}  // namespace
}  // namespace adret::plot
