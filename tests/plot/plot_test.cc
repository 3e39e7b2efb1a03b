#include <limits>

#include "adret/io/png.h"
#include "adret/plot/axis.h"
#include "adret/plot/heat_map.h"
#include "adret/plot/line_plot.h"
#include "adret/plot/painter.h"
#include "adret/plot/sheet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::plot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks) labels.push_back(tick.label);
  return labels;
}

// Pixels that differ from the paper.
int64_t Painted(const Tensor& picture) {
  const absl::Span<const uint8_t> pixels = picture.data<uint8_t>();
  int64_t painted = 0;
  for (const uint8_t x : pixels.subspan(0, pixels.size() / 3)) painted += x != pixels[0];
  return painted;
}

TEST(AxisTest, TicksAreRoundNumbers) {
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, 0, 1}, 5)), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, 1, 5}, 7, /*least_step=*/1)), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, -3, 12}, 4)), ElementsAre("0", "5", "10"));
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, -2000, 2000}, 4)),
              ElementsAre("\u22122,000", "\u22121,000", "0", "1,000", "2,000"));
  EXPECT_THAT(Labels(Ticks({Scale::kLog, 0.01, 1}, 5)), ElementsAre("0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"));
  EXPECT_THAT(Labels(Ticks({Scale::kLog, 1, 1e4}, 5)), ElementsAre("1", "10", "100", "1,000", "10,000"));
}

TEST(AxisTest, SmallAndLargeNumbersAreShort) {
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, -2e-5, 2e-5}, 4)),
              ElementsAre("\u22122e\u22125", "\u22121e\u22125", "0", "1e\u22125", "2e\u22125"));
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, 0, 1.5e-4}, 3)), ElementsAre("0", "5e\u22125", "1e\u22124", "1.5e\u22124"));
  EXPECT_THAT(Labels(Ticks({Scale::kLinear, 1234000, 1234400}, 2)), ElementsAre("1.234e6", "1.2342e6", "1.2344e6"));
  EXPECT_THAT(Labels(Ticks({Scale::kLog, 1e-6, 1e6}, 3)), ElementsAre("0.0001", "1", "10,000"));
}

// Neighbours of which no double tells them apart, and ranges that are none, end the ticks.
TEST(AxisTest, TicksEndInEveryRange) {
  EXPECT_LE(Ticks({Scale::kLinear, 1e17, 1e17 + 64}, 40).size(), 60);
  EXPECT_LE(Ticks({Scale::kLinear, -1.7e308, 1.7e308}, 5).size(), 10);
  EXPECT_TRUE(Ticks({Scale::kLinear, 5, 5}, 5).empty());
}

TEST(AxisTest, RangesEndOnTicks) {
  const AxisRange range = TidyRange(Scale::kLinear, 0.013, 0.97);
  EXPECT_DOUBLE_EQ(range.lo, 0);
  EXPECT_DOUBLE_EQ(range.hi, 1);
  EXPECT_DOUBLE_EQ(range(0.25), 0.25);
  const AxisRange single = TidyRange(Scale::kLinear, 5, 5);
  EXPECT_LT(single.lo, single.hi);
  EXPECT_DOUBLE_EQ((AxisRange{Scale::kLog, 1, 100})(10), 0.5);
}

TEST(AxisTest, ExtentsAreOfFiniteNumbers) {
  Extent extent;
  EXPECT_TRUE(extent.empty());
  for (const double x : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    extent.Add(x);
    EXPECT_TRUE(extent.empty());
    EXPECT_FALSE(HasPlace(x, Scale::kLinear));
  }
  extent.Add(3), extent.Add(-2);
  EXPECT_EQ(extent.lo, -2);
  EXPECT_EQ(extent.hi, 3);
  EXPECT_TRUE(HasPlace(-2, Scale::kLinear));
  EXPECT_FALSE(HasPlace(0, Scale::kLog));
}

TEST(AxisTest, MinusSignsAreNoHyphens) { EXPECT_EQ(WithMinusSigns("-1.5e-05"), "\u22121.5e\u221205"); }

TEST(PainterTest, PaintsAndReportsErrors) {
  Painter painter(20, 10);
  painter.Fill({5, 0, 5, 10}, Rgb(0xFF0000));
  const Tensor picture = painter.Finish().value();
  EXPECT_EQ(picture.type().ToString(), "u8[3,20,40]");
  EXPECT_EQ(picture.At(10), 255);          // red
  EXPECT_EQ(picture.At(20 * 40 + 10), 0);  // no green
  EXPECT_EQ(Painted(picture), 10 * 20);
  Painter odd(20, 10);
  odd.Text({0, 10}, "\xff\xfe", {});
  EXPECT_GT(Painted(odd.Finish().value()), 0) << "what is no UTF-8 is replaced";
  EXPECT_EQ(Painter(1e6, 1e6).Finish().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Painter(0, 10).Finish().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(LinePlotTest, PaintsSeriesWithGaps) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Panel panel{.title = "Loss",
                    .x_label = "epoch",
                    .y_scale = Scale::kLog,
                    .series = {{"training", {1, 2, 3, 4}, {2, 1, nan, 0.1}, true}, {"", {1}, {1}}}};
  absl::StatusOr<Tensor> picture = LinePlot({panel, {}}, {.title = "A title", .subtitle = "and more"});
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_GT(Painted(*picture), 1000);
  EXPECT_TRUE(io::EncodePng(*picture).ok());
}

TEST(LinePlotTest, RangesShowEveryPointThatHasAPlace) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const PanelRanges log =
      RangesOf({.y_scale = Scale::kLog, .series = {{"a", {0, 1, 2, 9}, {nan, 0.5, 8, -1}}, {"b", {1.5}, {0.25}}}});
  EXPECT_EQ(log.x.lo, 1);
  EXPECT_EQ(log.x.hi, 2);
  EXPECT_FALSE(log.x_is_count);
  EXPECT_LT(log.y.lo, 0.25);
  EXPECT_GT(log.y.hi, 8);
  const PanelRanges limited = RangesOf({.y_hi = 100, .series = {{"a", {1, 2}, {90, 98}}}});
  EXPECT_TRUE(limited.x_is_count);
  EXPECT_EQ(limited.y.hi, 100);
  EXPECT_LE(limited.y.lo, 90);
  for (const Scale scale : {Scale::kLinear, Scale::kLog}) {
    const PanelRanges nothing = RangesOf({.y_scale = scale});
    EXPECT_LT(nothing.x.lo, nothing.x.hi);
    EXPECT_LT(nothing.y.lo, nothing.y.hi);
    EXPECT_TRUE(HasPlace(nothing.y.lo, scale));
  }
}

TEST(LinePlotTest, RefusesWhatCannotBeShown) {
  EXPECT_FALSE(LinePlot({}).ok());
  EXPECT_THAT(std::string(LinePlot({{.series = {{"a", {1, 2}, {1}}}}}).status().message()), HasSubstr("\"a\" has 2 x"));
  EXPECT_FALSE(LinePlot({{.y_scale = Scale::kLog, .series = {{"a", {1}, {0}}}}}).ok());
  EXPECT_FALSE(LinePlot({{.y_lo = std::numeric_limits<double>::quiet_NaN()}}).ok());
  EXPECT_FALSE(LinePlot({{}}, {.panel_width = 1e9}).ok());
}

TEST(LinePlotTest, ManyNamesLeaveRoomForTheCurves) {
  std::vector<Series> few, many;
  for (int i = 0; i < 500; ++i) many.push_back({"a unit's name", {0, 1}, {0, 1.0 * i}});
  few.assign(many.begin(), many.begin() + 3);
  const Tensor full = LinePlot({{.series = many}}).value();
  EXPECT_EQ(full.shape(), LinePlot({{.series = few}}).value().shape());
  // Paper right of the axes: no name runs over the edge.
  const int64_t h = full.shape()[1], w = full.shape()[2];
  for (int64_t y = 0; y < h; ++y) EXPECT_EQ(full.At(y * w + w - 30), full.At(0)) << y;
}

TEST(LinePlotTest, MediansAreOfWhatThereIs) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Series> curves =
      WithMedian({{"a", {1, 2, 3}, {1, 5, nan}}, {"b", {1, 2, 3}, {2, 7, nan}}, {"c", {2, 1}, {6, 9}}}, "each unit");
  ASSERT_EQ(curves.size(), 4);
  EXPECT_EQ(curves[0].name, "each unit");
  EXPECT_EQ(curves[1].name, "");
  EXPECT_TRUE(curves[2].faint);
  EXPECT_EQ(curves[3].name, "median");
  EXPECT_FALSE(curves[3].faint);
  EXPECT_THAT(curves[3].x, ElementsAre(1, 2));
  EXPECT_THAT(curves[3].y, ElementsAre(2, 6));
  EXPECT_THAT(WithMedian({{"", {1}, {3}}, {"", {1}, {4}}}, "").back().y, ElementsAre(3.5));
  EXPECT_TRUE(WithMedian({}, "each").empty());
}

TEST(SheetTest, PaintsImagesAndCaptions) {
  const Tensor images = Tensor::Full(DType::kFloat32, {7, 1, 3, 3}, 0.5);
  absl::StatusOr<Tensor> plain = LabelledSheet(images, {});
  ASSERT_TRUE(plain.ok()) << plain.status();
  absl::StatusOr<Tensor> labelled = LabelledSheet(images, {"a", "b", "c", "d", "e", "f", "g\nmore"}, {.title = "T"});
  ASSERT_TRUE(labelled.ok()) << labelled.status();
  EXPECT_GT(labelled->shape()[1], plain->shape()[1]);
  EXPECT_TRUE(LabelledSheet(Tensor::Zeros(DType::kUint8, {2, 3, 4, 4}), {}).ok());
  EXPECT_THAT(std::string(LabelledSheet(images, {"a"}).status().message()), HasSubstr("1 captions for 7 images"));
  EXPECT_FALSE(LabelledSheet(Tensor::Zeros(DType::kUint8, {2, 2, 4, 4}), {}).ok());
}

TEST(SheetTest, LongCaptionsAreBroken) {
  const Tensor images = Tensor::Full(DType::kFloat32, {2, 1, 3, 3}, 0.5);
  const Tensor one = LabelledSheet(images, {"a", "b"}).value();
  const Tensor three = LabelledSheet(images, {"a", "words that take three lines of a narrow cell"}).value();
  EXPECT_EQ(three.shape()[2], one.shape()[2]);
  EXPECT_EQ(three.shape()[1], one.shape()[1] + 2 * 2 * 13);
  EXPECT_GT(LabelledSheet(images, {"a", std::string(60, 'x')})->shape()[1], one.shape()[1]);
  EXPECT_TRUE(LabelledSheet(images, {"\xff", "b"}).ok());
}

TEST(SheetTest, HasALegendOfItsNumbers) {
  const Tensor images = Tensor::From<float>({2, 1, 1, 2}, {-1, 0, 3, 2});
  const auto height = [&](const Tensor& shown, io::PixelRange range, std::optional<std::string> legend) {
    return LabelledSheet(shown, {}, {.range = range, .colors = ColorMap::kViridis, .legend = legend})->shape()[1];
  };
  const int64_t plain = height(images, io::PixelRange::kAll, {});
  for (const io::PixelRange range :
       {io::PixelRange::kUnit, io::PixelRange::kEach, io::PixelRange::kAll, io::PixelRange::kSymmetric}) {
    EXPECT_GT(height(images, range, ""), plain);
    EXPECT_GT(height(images, range, "number"), height(images, range, ""));
  }
  const auto width = [&](const std::string& legend) {
    return LabelledSheet(images, {}, {.legend = legend})->shape()[2];
  };
  EXPECT_GT(width(std::string(100, 'x')), width("number"));
  const Tensor colours = Tensor::Zeros(DType::kFloat32, {2, 3, 1, 2});
  EXPECT_EQ(height(colours, io::PixelRange::kAll, "number"), height(colours, io::PixelRange::kAll, {}));
}

TEST(HeatMapTest, PaintsMatrices) {
  EXPECT_TRUE(
      HeatMap(Tensor::From<float>({2, 3}, {0, 1, 2, 3, 4, std::numeric_limits<float>::quiet_NaN()}), {.title = "T"})
          .ok());
  EXPECT_TRUE(HeatMap(Tensor::Full(DType::kFloat32, {1, 1}, 2)).ok());
  EXPECT_TRUE(ConfusionMatrix(Tensor::From<int64_t>({2, 2}, {5, 0, 1, 9})).ok());
  EXPECT_TRUE(ConfusionMatrix(Tensor::Zeros(DType::kInt64, {2, 2})).ok());
  EXPECT_FALSE(HeatMap(Tensor::Zeros(DType::kFloat32, {3})).ok());
  EXPECT_FALSE(HeatMap(Tensor::Zeros(DType::kFloat32, {2, 2}), {.row_labels = {"a"}}).ok());
  EXPECT_FALSE(ConfusionMatrix(Tensor::Zeros(DType::kInt64, {2, 3})).ok());
}

}  // namespace
}  // namespace adret::plot
