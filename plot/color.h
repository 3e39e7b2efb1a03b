// Colours of plots and pictures.
//
//   plot::Color ink = plot::Map(plot::ColorMap::kInk, 0.8);
#ifndef ADRET_PLOT_COLOR_H_
#define ADRET_PLOT_COLOR_H_

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

// The colour of line i of a plot: distinct also to the colour-blind (after Okabe and Ito 2008), darkened for white
// paper.
Color SeriesColor(int i);

// How a number in [0, 1] becomes a colour.
enum class ColorMap {
  kGrey,       // black to white
  kInk,        // white to black: drawings on paper
  kDiverging,  // blue over white (at 0.5) to red: signed numbers
  kHeat,       // white over blue to a dark one: counts
};
Color Map(ColorMap map, double t);

// How bright a colour looks, in [0, 1] (Rec. 709): for choosing a text colour on it.
double Luminance(Color color);

}  // namespace adret::plot

#endif  // ADRET_PLOT_COLOR_H_
