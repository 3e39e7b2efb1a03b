#include "adret/plot/attribution_sheet.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/plot/color_bar.h"
#include "adret/plot/images_internal.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kGap = 14, kCaptionGap = 12, kWidestCaption = 150;

absl::Status CheckColumn(const Tensor& images, const AttributionColumn& column) {
  const Shape &image = images.shape(), &map = column.maps.shape();
  if (column.maps.rank() == 4 && IsFloating(column.maps.dtype()) && map[0] == image[0] &&
      (map[1] == 1 || map[1] == image[1]) && map[2] == image[2] && map[3] == image[3]) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the maps of \"", column.title, "\" are ",
                                                 column.maps.type().ToString(), ", which does not fit images ",
                                                 images.type().ToString()));
}

absl::Status Check(const Tensor& images, size_t captions, const std::vector<AttributionColumn>& columns) {
  AD_RETURN_IF_ERROR(CheckImages("an attribution sheet", images, captions));
  if (columns.empty()) return absl::InvalidArgumentError("an attribution sheet needs at least one column of maps");
  for (const AttributionColumn& column : columns) AD_RETURN_IF_ERROR(CheckColumn(images, column));
  return absl::OkStatus();
}

class SheetPainter {
 public:
  SheetPainter(const Tensor& pixels, const std::vector<std::string>& captions,
               const std::vector<AttributionColumn>& columns, const AttributionSheetOptions& options)
      : pixels_(pixels), columns_(columns), options_(options) {
    for (const std::string& caption : captions) captions_.push_back(CaptionLines(caption, kWidestCaption));
    titles_.push_back(CaptionLines(options.image_title, options.cell + kGap - 4));
    for (const AttributionColumn& column : columns) {
      titles_.push_back(CaptionLines(column.title, options.cell + kGap - 4));
    }
  }

  absl::StatusOr<Tensor> Paint() {
    for (const AttributionColumn& column : columns_) {
      AD_ASSIGN_OR_RETURN(const ColorScale scale, MapScale(column.maps, column.scale));
      scales_.push_back(scale);
    }
    PlaceRows();
    const double grid_right = Cell(0, columns_.size()).right();
    const double bars_y = row_y_.back() + 2;
    Painter painter(std::max(grid_right, kMargin + HeadingWidth(options_.title, options_.subtitle)) + kMargin,
                    bars_y + ColorBarDepth({}) + kMargin);
    PaintHeading({kMargin, kMargin}, options_.title, options_.subtitle, &painter);
    PaintTitles(&painter);
    for (int64_t i = 0; i < pixels_.shape()[0]; ++i) AD_RETURN_IF_ERROR(PaintRow(i, &painter));
    for (size_t j = 0; j < columns_.size(); ++j) {
      const ColorBar bar{.scale = scales_[j]};
      const Rect cell = Cell(0, j + 1);
      PaintColorBar(bar, {cell.x, bars_y, cell.width, ColorBarDepth(bar)}, &painter);
    }
    return painter.Finish();
  }

 private:
  // Rows are as high as the image or the caption; the last place is where one more row would be.
  void PlaceRows() {
    double widest = 0;
    for (const std::vector<CaptionLine>& lines : captions_) widest = std::max(widest, CaptionWidth(lines));
    left_ = kMargin + (widest > 0 ? widest + kCaptionGap : 0);
    height_ = options_.cell * static_cast<double>(pixels_.shape()[2]) / static_cast<double>(pixels_.shape()[3]);
    size_t title_lines = 0;
    for (const std::vector<CaptionLine>& lines : titles_) title_lines = std::max(title_lines, lines.size());
    titles_bottom_ =
        kMargin + HeadingHeight(options_.title, options_.subtitle) + kCaptionStep * static_cast<double>(title_lines);
    row_y_.push_back(titles_bottom_ + (title_lines > 0 ? 4 : 0));
    for (int64_t i = 0; i < pixels_.shape()[0]; ++i) {
      const double caption = captions_.empty() ? 0 : kCaptionStep * static_cast<double>(captions_[i].size());
      row_y_.push_back(row_y_.back() + std::max(height_, caption) + kGap / 2);
    }
  }

  // The picture of a row; column 0 is the image.
  Rect Cell(int64_t row, size_t column) const {
    return {left_ + static_cast<double>(column) * (options_.cell + kGap), row_y_[row], options_.cell, height_};
  }

  void PaintTitles(Painter* painter) {
    for (size_t j = 0; j < titles_.size(); ++j) {
      const double top = titles_bottom_ - kCaptionStep * static_cast<double>(titles_[j].size());
      PaintCaption({Cell(0, j).x + options_.cell / 2, top + 10}, titles_[j], Align::kCentre, painter);
    }
  }

  absl::Status PaintRow(int64_t i, Painter* painter) {
    const Tensor image = Element(pixels_, i);
    if (!captions_.empty()) {
      const double middle = row_y_[i] + (row_y_[i + 1] - kGap / 2 - row_y_[i]) / 2;
      const double top = middle - kCaptionStep * static_cast<double>(captions_[i].size()) / 2;
      PaintCaption({kMargin, top + 10}, captions_[i], Align::kLeft, painter);
    }
    PaintCell(Cell(i, 0), InColors(image, ColorMap::kGrey), painter);
    for (size_t j = 0; j < columns_.size(); ++j) {
      const Tensor map = Element(columns_[j].maps, i);
      AD_ASSIGN_OR_RETURN(const Tensor tile, PaintMapOver(image, map, scales_[j], {.opacity = options_.opacity}));
      const Rect cell = Cell(i, j + 1);
      PaintCell(cell, tile, painter);
      AD_RETURN_IF_ERROR(PaintMapContours(map, scales_[j], options_.contours, cell, painter));
    }
    return absl::OkStatus();
  }

  static void PaintCell(Rect cell, const Tensor& picture, Painter* painter) {
    painter->Picture(cell, picture);
    painter->Outline(cell, {.color = kFrame, .width = 0.75});
  }

  const Tensor& pixels_;
  const std::vector<AttributionColumn>& columns_;
  const AttributionSheetOptions& options_;
  std::vector<std::vector<CaptionLine>> captions_, titles_;
  std::vector<ColorScale> scales_;
  double left_ = 0, height_ = 0, titles_bottom_ = 0;
  std::vector<double> row_y_;
};

}  // namespace

absl::StatusOr<Tensor> AttributionSheet(const Tensor& images, const std::vector<std::string>& captions,
                                        const std::vector<AttributionColumn>& columns,
                                        const AttributionSheetOptions& options) {
  AD_RETURN_IF_ERROR(Check(images, captions.size(), columns));
  AD_ASSIGN_OR_RETURN(const Tensor pixels, io::ToPixels(images, options.range));
  return SheetPainter(pixels, captions, columns, options).Paint();
}

}  // namespace adret::plot
