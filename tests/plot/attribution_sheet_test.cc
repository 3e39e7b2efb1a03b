#include "adret/plot/attribution_sheet.h"

#include <array>
#include <limits>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor Ramp(const Shape& shape, double lo, double hi) {
  Tensor ramp(DType::kFloat32, shape);
  const absl::Span<float> numbers = ramp.mutable_data<float>();
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<float>(lo + (hi - lo) * static_cast<double>(i) / static_cast<double>(numbers.size() - 1));
  }
  return ramp;
}

int64_t CountOf(const Tensor& picture, Color color) {
  const std::array<uint8_t, 3> bytes = Bytes(color);
  const int64_t plane = picture.num_elements() / 3;
  const absl::Span<const uint8_t> pixels = picture.data<uint8_t>();
  int64_t count = 0;
  for (int64_t i = 0; i < plane; ++i) {
    count += pixels[i] == bytes[0] && pixels[plane + i] == bytes[1] && pixels[2 * plane + i] == bytes[2];
  }
  return count;
}

TEST(AttributionSheetTest, EveryExampleHasARowAndEveryMethodAColumn) {
  const auto size = [](int64_t n, int64_t channels, size_t columns, const std::string& caption) {
    const Tensor images = Ramp({n, channels, 4, 6}, 0, 1), maps = Ramp({n, 1, 4, 6}, -1, 1);
    return AttributionSheet(images, std::vector<std::string>(caption.empty() ? 0 : n, caption),
                            std::vector<AttributionColumn>(columns, {.title = "m", .maps = maps}))
        ->shape();
  };
  const Shape one = size(1, 1, 1, "");
  EXPECT_EQ(size(40, 1, 1, "")[1] - one[1], 39 * 2 * (64 + 7));
  EXPECT_EQ(size(40, 1, 1, "")[2], one[2]);
  EXPECT_EQ(size(1, 3, 5, "")[2] - one[2], 4 * 2 * (96 + 14));
  EXPECT_GT(size(1, 1, 1, "7\ntaken for 9")[2], one[2]);
  EXPECT_EQ(size(1, 1, 1, "7\ntaken for 9")[1], one[1]);
  const std::string long_caption =
      "a caption of so many words that they take more lines than the picture has room for, "
      "one after the other, and yet none is cut off or runs into its neighbours";
  EXPECT_GT(size(1, 1, 1, long_caption)[1], one[1]);
  EXPECT_LE(size(1, 1, 1, long_caption)[2] - one[2], 2 * (150 + 12)) << "it is broken";
}

// The scale of a column is that of all its maps, and the colours are those of the scale.
TEST(AttributionSheetTest, ColumnsHaveTheirOwnScales) {
  const Tensor images = Tensor::Zeros(DType::kUint8, {2, 1, 1, 2});
  const Tensor maps = Tensor::From<float>({2, 1, 1, 2}, {-4, 0, 2, kNan});
  const Tensor positive = Tensor::From<float>({2, 1, 1, 2}, {0, 8, 4, 0});
  const Tensor sheet = AttributionSheet(images, {}, {{.maps = maps, .scale = {.share = 1}}, {.maps = positive}},
                                        {.image_title = "", .opacity = 1})
                           .value();
  constexpr int64_t kPixel = 90 * 90;  // each number is a square of 96 pixels, its frame included
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kDiverging, 0)), kPixel);
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kDiverging, 0.5)), kPixel);
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kDiverging, 0.75)), kPixel);
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kViridis, 0)), 2 * kPixel);
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kViridis, 0.5)), kPixel);
  EXPECT_GT(CountOf(sheet, Map(ColorMap::kViridis, 1)), kPixel);
  EXPECT_GT(CountOf(sheet, Rgb(0x000000)), 5 * kPixel) << "four of the images, one where there is no number";
}

TEST(AttributionSheetTest, PaintsWhateverNumbersThereAre) {
  const Tensor images = Ramp({2, 3, 5, 5}, -1, 2);
  const auto column = [](double x) {
    return AttributionColumn{"m", Tensor::Full(DType::kFloat64, {2, 3, 5, 5}, x), {}};
  };
  absl::StatusOr<Tensor> sheet = AttributionSheet(
      images, {"", "\n\n"}, {column(0), column(-3), column(kNan), column(1e300), column(1e-300), column(-INFINITY)},
      {.title = "T", .subtitle = "S", .range = io::PixelRange::kEach, .contours = {0.5, 1}});
  ASSERT_TRUE(sheet.ok()) << sheet.status();
}

TEST(AttributionSheetTest, RefusesWhatDoesNotFit) {
  const Tensor images = Ramp({2, 3, 4, 4}, 0, 1);
  const AttributionColumn fits{"fits", Ramp({2, 3, 4, 4}, 0, 1), {}};
  const auto message = [](const absl::StatusOr<Tensor>& sheet) { return std::string(sheet.status().message()); };
  EXPECT_TRUE(AttributionSheet(images, {}, {fits}).ok());
  EXPECT_THAT(message(AttributionSheet(images, {"a"}, {fits})), HasSubstr("1 captions for 2 images"));
  EXPECT_THAT(message(AttributionSheet(images, {}, {})), HasSubstr("at least one column"));
  EXPECT_THAT(message(AttributionSheet(Ramp({2, 4, 4}, 0, 1), {}, {fits})), HasSubstr("not f32[2,4,4]"));
  for (const Shape& shape : {Shape{2, 2, 4, 4}, Shape{1, 3, 4, 4}, Shape{2, 3, 4, 5}, Shape{2, 4, 4}}) {
    EXPECT_THAT(message(AttributionSheet(images, {}, {fits, {.title = "other", .maps = Ramp(shape, 0, 1)}})),
                HasSubstr("the maps of \"other\" are f32"));
  }
  EXPECT_FALSE(
      AttributionSheet(images, {}, {{.title = "bytes", .maps = Tensor::Zeros(DType::kUint8, {2, 3, 4, 4})}}).ok());
  EXPECT_FALSE(AttributionSheet(images, {}, {fits}, {.contours = {2}}).ok());
  EXPECT_TRUE(AttributionSheet(images, {"\xff", ""}, {fits}).ok()) << "names of files may be anything";
  EXPECT_THAT(message(AttributionSheet(images, {}, {fits}, {.cell = 0})), HasSubstr("cannot be painted 0 wide"));
  EXPECT_FALSE(AttributionSheet(images, {}, {fits}, {.cell = -100}).ok());
  EXPECT_FALSE(AttributionSheet(images, {}, {fits}, {.cell = 1e9}).ok());
}

TEST(AttributionSheetTest, IsTheSameWhoeverPaintsIt) {
  const auto paint = [](Tensor* picture) {
    *picture = AttributionSheet(Ramp({3, 1, 9, 9}, 0, 1), {"1\na", "2\nb", "3\nc"},
                                {{.title = "m", .maps = Ramp({3, 1, 9, 9}, -1, 2)}}, {.contours = {0.5}})
                   .value();
  };
  std::array<Tensor, 4> pictures;
  paint(&pictures[0]);
  std::vector<std::thread> threads;
  for (size_t i = 1; i < pictures.size(); ++i) threads.emplace_back(paint, &pictures[i]);
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& picture : pictures) EXPECT_TRUE(picture.BitEqual(pictures[0]));
}

}  // namespace
}  // namespace adret::plot
