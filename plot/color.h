// Colours of plots and pictures.
//
//   plot::Color ink = plot::Map(plot::ColorMap::kInk, 0.8);
//   plot::ColorScale losses{plot::ColorMap::kViridis, /*lo=*/0, /*hi=*/2.3};
//   plot::Color color = losses(1.7);
#ifndef ADRET_PLOT_COLOR_H_
#define ADRET_PLOT_COLOR_H_

#include <array>
#include <cstdint>

namespace adret::plot {

struct Color {
  double red = 0;
  double green = 0;
  double blue = 0;
};

constexpr Color Rgb(uint32_t hex) { return {(hex >> 16 & 255) / 255.0, (hex >> 8 & 255) / 255.0, (hex & 255) / 255.0}; }

inline constexpr Color kPaper = Rgb(0xFDFCFA);
inline constexpr Color kText = Rgb(0x2A2927);
inline constexpr Color kMuted = Rgb(0x7D786F);
inline constexpr Color kGrid = Rgb(0xE9E6E0);
inline constexpr Color kFrame = Rgb(0xCFCAC1);

// Returns the colour of line i of a plot: distinct also to the colour-blind (after Okabe and Ito 2008), darkened for
// white paper.
Color SeriesColor(int i);

// How a number in [0, 1] becomes a colour.
enum class ColorMap {
  kGrey,       // black to white
  kInk,        // white to black: drawings on paper
  kDiverging,  // blue over white (at 0.5) to red, equally light on both sides: signed numbers
  kHeat,       // white over blue to a dark one: counts
  kViridis,    // dark violet over green to yellow, ever lighter: numbers of one sign
};
// Maps t to a colour. Numbers outside [0, 1] get the colour of the nearer end, NaN that of 0.
Color Map(ColorMap map, double t);

// Which numbers the colours of a map stand for; ColorBar (color_bar.h) is its legend.
struct ColorScale {
  ColorMap colors = ColorMap::kViridis;
  double lo = 0;
  double hi = 1;
  // There are numbers beyond an end, shown in the end's colour.
  bool beyond_lo = false;
  bool beyond_hi = false;

  // Returns the colour of a value; NaN is kMissing.
  Color operator()(double value) const;
};

// Where there is no number: a grey of none of the maps for numbers.
inline constexpr Color kMissing = Rgb(0x9C978E);

// Returns red, green and blue as a u8 picture has them.
std::array<uint8_t, 3> Bytes(Color color);

// Returns how bright a colour looks, in [0, 1] (Rec. 709): for choosing a text colour on it.
double Luminance(Color color);

}  // namespace adret::plot

#endif  // ADRET_PLOT_COLOR_H_
