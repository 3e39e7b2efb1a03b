#include "adret/plot/sheet.h"

#include <algorithm>

#include "adret/core/status.h"
#include "adret/plot/color_bar.h"
#include "adret/plot/images_internal.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kGap = 14, kLegendSpace = 18, kLegendLength = 220;

std::optional<ColorBar> Legend(const Tensor& images, const SheetOptions& options) {
  if (!options.legend || images.shape()[1] != 1) return std::nullopt;
  if (options.range == io::PixelRange::kEach && IsFloating(images.dtype())) {
    return ColorBar{.title = *options.legend,
                    .scale = {options.colors, 0, 1},
                    .ticks = {{0, "least of each image"}, {1, "most of each image"}}};
  }
  const io::PixelInterval interval = io::IntervalOf(images, options.range);
  ColorScale scale{options.colors, interval.lo, interval.hi};
  for (int64_t i = 0; i < images.num_elements(); ++i) {
    scale.beyond_lo |= images.At(i) < scale.lo;
    scale.beyond_hi |= images.At(i) > scale.hi;
  }
  return ColorBar{.title = *options.legend, .scale = scale};
}

// A row is as high as an image and its longest caption. The last place is where one more row would be.
std::vector<double> RowTops(double top, double height, int64_t columns, int64_t n,
                            const std::vector<std::vector<CaptionLine>>& captions) {
  std::vector<double> tops = {top};
  for (int64_t first = 0; first < n; first += columns) {
    size_t most_lines = 0;
    for (int64_t i = first; i < std::min(first + columns, n) && !captions.empty(); ++i) {
      most_lines = std::max(most_lines, captions[i].size());
    }
    const double below = most_lines > 0 ? kCaptionStep * static_cast<double>(most_lines) + 3 : 0;
    tops.push_back(tops.back() + height + below + kGap);
  }
  return tops;
}

}  // namespace

absl::StatusOr<Tensor> LabelledSheet(const Tensor& images, const std::vector<std::string>& captions,
                                     const SheetOptions& options) {
  AD_RETURN_IF_ERROR(CheckImages("a sheet", images, captions.size()));
  AD_ASSIGN_OR_RETURN(const Tensor pixels, io::ToPixels(images, options.range));
  const int64_t n = images.shape()[0];
  const int64_t columns = std::clamp<int64_t>(options.columns > 0 ? options.columns : io::GridColumns(n), 1, n);
  const double width = options.cell;
  const double height = width * static_cast<double>(images.shape()[2]) / static_cast<double>(images.shape()[3]);
  std::vector<std::vector<CaptionLine>> lines;
  for (const std::string& caption : captions) lines.push_back(CaptionLines(caption, width + kGap - 4));
  const double step_x = width + kGap;
  const double head = HeadingHeight(options.title, options.subtitle);
  const double grid_width = static_cast<double>(columns) * step_x - kGap;
  const std::vector<double> row_y = RowTops(kMargin + head, height, columns, n, lines);
  const double grid_bottom = row_y.back() - kGap;
  const std::optional<ColorBar> legend = Legend(images, options);
  const double legend_depth = legend ? kLegendSpace + ColorBarDepth(*legend) : 0;
  const double legend_width = legend ? std::max(kLegendLength, ColorBarTitleWidth(*legend)) : 0;
  Painter painter(2 * kMargin + std::max({grid_width, HeadingWidth(options.title, options.subtitle), legend_width}),
                  grid_bottom + legend_depth + kMargin);
  PaintHeading({kMargin, kMargin}, options.title, options.subtitle, &painter);
  for (int64_t i = 0; i < n; ++i) {
    const Rect cell{kMargin + static_cast<double>(i % columns) * step_x, row_y[i / columns], width, height};
    painter.Picture(cell, InColors(Element(pixels, i), options.colors));
    painter.Outline(cell, {.color = kFrame, .width = 0.75});
    if (captions.empty()) continue;
    PaintCaption({cell.x + width / 2, cell.bottom() + kCaptionStep}, lines[i], Align::kCentre, &painter);
  }
  if (legend) {
    PaintColorBar(*legend, {kMargin, grid_bottom + kLegendSpace, kLegendLength, ColorBarDepth(*legend)}, &painter);
  }
  return painter.Finish();
}

}  // namespace adret::plot
