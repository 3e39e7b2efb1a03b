#include "adret/plot/color.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "absl/types/span.h"

namespace adret::plot {
namespace {

constexpr Color kSeries[] = {Rgb(0x2B6CB0), Rgb(0xD5632A), Rgb(0x2A9174), Rgb(0xA8457F), Rgb(0xC8931A), Rgb(0x5A5F99)};

constexpr Color kInkStops[] = {Rgb(0xFFFFFF), Rgb(0x15151A)};
constexpr Color kGreyStops[] = {Rgb(0x000000), Rgb(0xFFFFFF)};
constexpr Color kDivergingStops[] = {Rgb(0x1F4E8C), Rgb(0x7FAAD6), Rgb(0xFAF9F7), Rgb(0xE79A7C), Rgb(0xA8321F)};
constexpr Color kHeatStops[] = {Rgb(0xFBFAF8), Rgb(0xC3D8EC), Rgb(0x6AA0D0), Rgb(0x2A66A6), Rgb(0x12335F)};

Color Between(absl::Span<const Color> stops, double t) {
  const double u = std::clamp(std::isnan(t) ? 0 : t, 0.0, 1.0) * static_cast<double>(stops.size() - 1);
  const size_t i = std::min(static_cast<size_t>(u), stops.size() - 2);
  const double f = u - static_cast<double>(i);
  const Color &a = stops[i], &b = stops[i + 1];
  return {a.red + f * (b.red - a.red), a.green + f * (b.green - a.green), a.blue + f * (b.blue - a.blue)};
}

}  // namespace

Color SeriesColor(int i) { return kSeries[i % std::size(kSeries)]; }

Color Map(ColorMap map, double t) {
  switch (map) {
    case ColorMap::kGrey:
      return Between(kGreyStops, t);
    case ColorMap::kInk:
      return Between(kInkStops, t);
    case ColorMap::kDiverging:
      return Between(kDivergingStops, t);
    case ColorMap::kHeat:
      break;
  }
  return Between(kHeatStops, t);
}

double Luminance(Color color) { return 0.2126 * color.red + 0.7152 * color.green + 0.0722 * color.blue; }

}  // namespace adret::plot
