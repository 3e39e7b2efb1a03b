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
constexpr Color kHeatStops[] = {Rgb(0xFBFAF8), Rgb(0xC3D8EC), Rgb(0x6AA0D0), Rgb(0x2A66A6), Rgb(0x12335F)};

// ColorBrewer's RdBu (Brewer and Harrower; fit for the colour-blind), its colours spaced so that the lightness (CIE L*)
// falls from 97 to 20 in equal steps on either side of the neutral middle.
constexpr Color kDivergingStops[] = {Rgb(0x053061), Rgb(0x154E8B), Rgb(0x2870B1), Rgb(0x4695C4), Rgb(0x7CB7D6),
                                     Rgb(0xB7D8E8), Rgb(0xF7F7F7), Rgb(0xFAC8AF), Rgb(0xEF9A7A), Rgb(0xDB6D57),
                                     Rgb(0xC43B3C), Rgb(0x9B1127), Rgb(0x68001F)};

// Every fifth of the 256 colours of viridis (van der Walt and Smith 2015, for matplotlib; CC0): in between, a straight
// line is within 1/255 of them.
constexpr Color kViridisStops[] = {
    Rgb(0x440154), Rgb(0x46085C), Rgb(0x471063), Rgb(0x481769), Rgb(0x481D6F), Rgb(0x482475), Rgb(0x472A7A),
    Rgb(0x46307E), Rgb(0x453781), Rgb(0x433D84), Rgb(0x414287), Rgb(0x3F4889), Rgb(0x3D4E8A), Rgb(0x3A538B),
    Rgb(0x38598C), Rgb(0x355E8D), Rgb(0x33638D), Rgb(0x31688E), Rgb(0x2E6D8E), Rgb(0x2C718E), Rgb(0x2A768E),
    Rgb(0x297B8E), Rgb(0x27808E), Rgb(0x25848E), Rgb(0x23898E), Rgb(0x218E8D), Rgb(0x20928C), Rgb(0x1F978B),
    Rgb(0x1E9C89), Rgb(0x1FA188), Rgb(0x21A585), Rgb(0x24AA83), Rgb(0x28AE80), Rgb(0x2EB37C), Rgb(0x35B779),
    Rgb(0x3DBC74), Rgb(0x46C06F), Rgb(0x50C46A), Rgb(0x5AC864), Rgb(0x65CB5E), Rgb(0x70CF57), Rgb(0x7CD250),
    Rgb(0x89D548), Rgb(0x95D840), Rgb(0xA2DA37), Rgb(0xB0DD2F), Rgb(0xBDDF26), Rgb(0xCAE11F), Rgb(0xD8E219),
    Rgb(0xE5E419), Rgb(0xF1E51D), Rgb(0xFDE725)};

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
    case ColorMap::kViridis:
      return Between(kViridisStops, t);
    case ColorMap::kHeat:
      break;
  }
  return Between(kHeatStops, t);
}

Color ColorScale::operator()(double value) const {
  if (std::isnan(value)) return kMissing;
  // Halves, so that a range of nearly all doubles has a span; an empty one is all middle.
  const double span = hi / 2 - lo / 2;
  return Map(colors, span > 0 ? (value / 2 - lo / 2) / span : 0.5);
}

std::array<uint8_t, 3> Bytes(Color color) {
  const auto byte = [](double x) { return static_cast<uint8_t>(std::lround(255 * x)); };
  return {byte(color.red), byte(color.green), byte(color.blue)};
}

double Luminance(Color color) { return 0.2126 * color.red + 0.7152 * color.green + 0.0722 * color.blue; }

}  // namespace adret::plot
