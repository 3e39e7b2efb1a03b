#include "adret/plot/sheet.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "adret/core/status.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kGap = 14, kLine = 13;
constexpr TextStyle kCaption{.size = 10, .align = Align::kCentre};
constexpr TextStyle kDetail{.size = 9, .color = kMuted, .align = Align::kCentre};

uint8_t Byte(double x) { return static_cast<uint8_t>(std::lround(255 * x)); }

// Image i of pixels u8 [n, 1 or 3, h, w] in colours, u8 [3,h,w].
Tensor Colored(const Tensor& pixels, int64_t i, ColorMap colors) {
  const int64_t channels = pixels.shape()[1], plane = pixels.shape()[2] * pixels.shape()[3];
  const uint8_t* from = pixels.data<uint8_t>().data() + i * channels * plane;
  Tensor picture(DType::kUint8, {3, pixels.shape()[2], pixels.shape()[3]});
  uint8_t* to = picture.mutable_data<uint8_t>().data();
  if (channels == 3) {
    std::copy_n(from, 3 * plane, to);
    return picture;
  }
  for (int64_t k = 0; k < plane; ++k) {
    const Color color = Map(colors, from[k] / 255.0);
    to[k] = Byte(color.red), to[plane + k] = Byte(color.green), to[2 * plane + k] = Byte(color.blue);
  }
  return picture;
}

size_t MostLines(const std::vector<std::string>& captions) {
  size_t most = 0;
  for (const std::string& caption : captions) {
    most = std::max<size_t>(most, 1 + std::count(caption.begin(), caption.end(), '\n'));
  }
  return most;
}

absl::Status CheckImages(const Tensor& images, size_t captions) {
  if (images.rank() != 4 || images.num_elements() == 0 || (images.shape()[1] != 1 && images.shape()[1] != 3)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a sheet shows images [n, 1 or 3, height, width], not ", images.type().ToString()));
  }
  if (captions != 0 && static_cast<int64_t>(captions) != images.shape()[0]) {
    return absl::InvalidArgumentError(absl::StrCat(captions, " captions for ", images.shape()[0], " images"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Tensor> LabelledSheet(const Tensor& images, const std::vector<std::string>& captions,
                                     const SheetOptions& options) {
  AD_RETURN_IF_ERROR(CheckImages(images, captions.size()));
  AD_ASSIGN_OR_RETURN(const Tensor pixels, io::ToPixels(images, options.range));
  const int64_t n = images.shape()[0];
  const int64_t columns = std::clamp<int64_t>(options.columns > 0 ? options.columns : io::GridColumns(n), 1, n);
  const int64_t rows = (n + columns - 1) / columns;
  const double width = options.cell;
  const double height = width * static_cast<double>(images.shape()[2]) / static_cast<double>(images.shape()[3]);
  const size_t lines = MostLines(captions);
  const double step_x = width + kGap, step_y = height + kGap + kLine * static_cast<double>(lines) + (lines > 0 ? 3 : 0);
  const double head = HeadingHeight(options.title, options.subtitle);
  const double grid = static_cast<double>(columns) * step_x - kGap;
  Painter painter(2 * kMargin + std::max(grid, HeadingWidth(options.title, options.subtitle)),
                  2 * kMargin + head + static_cast<double>(rows) * step_y - kGap);
  PaintHeading({kMargin, kMargin}, options.title, options.subtitle, &painter);
  for (int64_t i = 0; i < n; ++i) {
    const Rect cell{kMargin + static_cast<double>(i % columns) * step_x,
                    kMargin + head + static_cast<double>(i / columns) * step_y, width, height};
    painter.Picture(cell, Colored(pixels, i, options.colors));
    painter.Outline(cell, {.color = kFrame, .width = 0.75});
    if (captions.empty()) continue;
    double y = cell.bottom() + kLine;
    const TextStyle* style = &kCaption;
    for (const absl::string_view line : absl::StrSplit(captions[i], '\n')) {
      painter.Text({cell.x + width / 2, y}, line, *style);
      y += kLine;
      style = &kDetail;
    }
  }
  return painter.Finish();
}

}  // namespace adret::plot
