#include "adret/plot/map_tile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/io/contact_sheet.h"
#include "adret/plot/contour.h"

namespace adret::plot {
namespace {

// Maps [n,c,h,w] or one [c,h,w], channels added up, f64 [n*h,w].
absl::StatusOr<Tensor> SumChannels(const Tensor& maps) {
  if (maps.rank() < 3 || maps.rank() > 4 || maps.num_elements() == 0 || !IsFloating(maps.dtype())) {
    return absl::InvalidArgumentError(
        absl::StrCat("maps are f32 or f64 [channels,height,width], or several of them, not ", maps.type().ToString()));
  }
  const Shape& shape = maps.shape();
  const int first = maps.rank() - 3;
  const int64_t n = first == 0 ? 1 : shape[0], channels = shape[first];
  const int64_t height = shape[first + 1], width = shape[first + 2], plane = height * width;
  const Tensor numbers = maps.Cast(DType::kFloat64);
  const double* from = numbers.data<double>().data();
  Tensor sums = Tensor::Zeros(DType::kFloat64, {n * height, width});
  double* to = sums.mutable_data<double>().data();
  for (int64_t i = 0; i < n; ++i, to += plane) {
    for (int64_t c = 0; c < channels; ++c, from += plane) {
      for (int64_t k = 0; k < plane; ++k) to[k] += from[k];
    }
  }
  return sums;
}

absl::StatusOr<Tensor> SumOneMap(const Tensor& map) {
  if (map.rank() != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tile shows one map [channels,height,width], not ", map.type().ToString()));
  }
  return SumChannels(map);
}

// The magnitude up to which the smaller ones make this share of the sum; magnitudes are not all 0.
double LargestShown(std::vector<double> magnitudes, double share) {
  std::sort(magnitudes.begin(), magnitudes.end());
  // In units of the largest one: no sum is beyond the largest double.
  const double largest = magnitudes.back();
  double total = 0, sum = 0;
  for (const double m : magnitudes) total += m / largest;
  for (const double m : magnitudes) {
    sum += m / largest;
    if (sum >= share * total && m > 0) return m;
  }
  return largest;
}

absl::Status CheckTile(const MapTileOptions& options) {
  constexpr int64_t kMostPixels = 1 << 12;
  if (options.scale < 1 || options.scale > kMostPixels || !(options.opacity >= 0 && options.opacity <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("a tile's scale is from 1 to ", kMostPixels,
                                                   " and its opacity from 0 to 1, not ", options.scale, " and ",
                                                   options.opacity));
  }
  return absl::OkStatus();
}

absl::Status PaintContoursOfSums(const Tensor& sums, const ColorScale& colors, absl::Span<const double> contours,
                                 Rect rect, Painter* painter) {
  std::vector<double> levels;
  for (const double share : contours) {
    if (!(share > 0 && share <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat("a contour is at a share in (0, 1] of the scale, not ", share));
    }
    if (colors.hi > 0) levels.push_back(share * colors.hi);
    if (colors.lo < 0) levels.push_back(share * colors.lo);
  }
  AD_ASSIGN_OR_RETURN(std::vector<Contour> lines, Contours(sums, levels));
  const double x_step = rect.width / static_cast<double>(sums.shape()[1]);
  const double y_step = rect.height / static_cast<double>(sums.shape()[0]);
  for (Contour& line : lines) {
    for (Point& p : line.points) p = {rect.x + (p.x + 0.5) * x_step, rect.y + (p.y + 0.5) * y_step};
    painter->Polyline(line.points, {.color = kPaper, .width = 2.5, .opacity = 0.6});
    painter->Polyline(line.points, {.color = kText, .width = 1});
  }
  return absl::OkStatus();
}

// pixels u8 [3,h,w], enlarged, with contours.
absl::StatusOr<Tensor> Tile(const Tensor& pixels, const Tensor& sums, const ColorScale& colors,
                            const MapTileOptions& options) {
  const Rect rect{0, 0, static_cast<double>(pixels.shape()[2] * options.scale),
                  static_cast<double>(pixels.shape()[1] * options.scale)};
  Painter painter(rect.width, rect.height, /*resolution=*/1);
  painter.Picture(rect, pixels);
  AD_RETURN_IF_ERROR(PaintContoursOfSums(sums, colors, options.contours, rect, &painter));
  return painter.Finish();
}

// The brightness of an image u8 [1 or 3,h,w], pixel by pixel.
std::vector<double> Greys(const Tensor& image) {
  const absl::Span<const uint8_t> bytes = image.data<uint8_t>();
  const size_t plane = bytes.size() / image.shape()[0], green = image.shape()[0] == 3 ? plane : 0;
  std::vector<double> greys(plane);
  for (size_t k = 0; k < plane; ++k) {
    greys[k] = Luminance({bytes[k] / 255.0, bytes[k + green] / 255.0, bytes[k + 2 * green] / 255.0});
  }
  return greys;
}

}  // namespace

absl::StatusOr<ColorScale> MapScale(const Tensor& maps, const MapScaleOptions& options) {
  if (!(options.share > 0 && options.share <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a scale shows a share in (0, 1] of the magnitudes, not ", options.share));
  }
  AD_ASSIGN_OR_RETURN(const Tensor sums, SumChannels(maps));
  const absl::Span<const double> numbers = sums.data<double>();
  const bool is_signed =
      options.sign == MapSign::kSigned || (options.sign == MapSign::kAsFound &&
                                           std::any_of(numbers.begin(), numbers.end(), [](double x) { return x < 0; }));
  std::vector<double> magnitudes;
  double least = 0, most = 0;
  for (const double x : numbers) {
    if (std::isfinite(x) && (is_signed || x > 0)) magnitudes.push_back(std::abs(x));
    if (!std::isnan(x)) least = std::min(least, x), most = std::max(most, x);
  }
  const bool zeros = std::all_of(magnitudes.begin(), magnitudes.end(), [](double m) { return m == 0; });
  const double end = zeros ? 1 : LargestShown(std::move(magnitudes), options.share);
  ColorScale scale{
      .colors = is_signed ? ColorMap::kDiverging : ColorMap::kViridis, .lo = is_signed ? -end : 0, .hi = end};
  scale.beyond_lo = least < scale.lo;
  scale.beyond_hi = most > scale.hi;
  return scale;
}

absl::StatusOr<Tensor> PaintMap(const Tensor& map, const ColorScale& colors, const MapTileOptions& options) {
  AD_RETURN_IF_ERROR(CheckTile(options));
  AD_ASSIGN_OR_RETURN(const Tensor sums, SumOneMap(map));
  const absl::Span<const double> numbers = sums.data<double>();
  const int64_t plane = sums.num_elements();
  Tensor pixels(DType::kUint8, {3, sums.shape()[0], sums.shape()[1]});
  uint8_t* to = pixels.mutable_data<uint8_t>().data();
  for (int64_t k = 0; k < plane; ++k) {
    const std::array<uint8_t, 3> color = Bytes(colors(numbers[k]));
    for (int64_t c = 0; c < 3; ++c) to[c * plane + k] = color[c];
  }
  return Tile(pixels, sums, colors, options);
}

absl::StatusOr<Tensor> PaintMapOver(const Tensor& image, const Tensor& map, const ColorScale& colors,
                                    const MapTileOptions& options) {
  AD_RETURN_IF_ERROR(CheckTile(options));
  AD_ASSIGN_OR_RETURN(const Tensor sums, SumOneMap(map));
  if (image.rank() != 3 || (image.shape()[0] != 1 && image.shape()[0] != 3) || image.shape()[1] != sums.shape()[0] ||
      image.shape()[2] != sums.shape()[1]) {
    return absl::InvalidArgumentError(absl::StrCat("a map ", map.type().ToString(),
                                                   " lies over an image [1 or 3, height, width] of its size, not ",
                                                   image.type().ToString()));
  }
  AD_ASSIGN_OR_RETURN(const Tensor bytes, io::ToPixels(image));
  const std::vector<double> greys = Greys(bytes);
  const absl::Span<const double> numbers = sums.data<double>();
  const int64_t plane = sums.num_elements();
  Tensor pixels(DType::kUint8, {3, sums.shape()[0], sums.shape()[1]});
  uint8_t* to = pixels.mutable_data<uint8_t>().data();
  for (int64_t k = 0; k < plane; ++k) {
    const Color over = colors(numbers[k]);
    const double opacity = std::isnan(numbers[k]) ? 0 : options.opacity, under = (1 - opacity) * greys[k];
    const std::array<uint8_t, 3> color =
        Bytes({under + opacity * over.red, under + opacity * over.green, under + opacity * over.blue});
    for (int64_t c = 0; c < 3; ++c) to[c * plane + k] = color[c];
  }
  return Tile(pixels, sums, colors, options);
}

absl::Status PaintMapContours(const Tensor& map, const ColorScale& colors, absl::Span<const double> contours, Rect rect,
                              Painter* painter) {
  AD_ASSIGN_OR_RETURN(const Tensor sums, SumOneMap(map));
  return PaintContoursOfSums(sums, colors, contours, rect, painter);
}

}  // namespace adret::plot
