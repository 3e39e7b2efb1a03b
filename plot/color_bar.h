// Colour bars: the legend of whatever shows numbers as colours.
//
//   plot::ColorBar bar{.title = "activation", .scale = {plot::ColorMap::kViridis, 0, 3.2}};
//   plot::PaintColorBar(bar, {28, 300, 180, plot::ColorBarDepth(bar)}, &painter);
//   absl::StatusOr<Tensor> alone = plot::ColorBarPicture(bar, /*length=*/180);
#ifndef ADRET_PLOT_COLOR_BAR_H_
#define ADRET_PLOT_COLOR_BAR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/plot/axis.h"
#include "adret/plot/color.h"
#include "adret/plot/painter.h"

namespace adret::plot {

struct ColorBar {
  std::string title = {};
  ColorScale scale = {};         // ends beyond which there are numbers are pointed
  bool vertical = false;         // upwards, with the numbers to its right
  std::vector<Tick> ticks = {};  // by default as many round numbers as have room
};

// Returns the points that it takes across: a horizontal one's height, a vertical one's width.
double ColorBarDepth(const ColorBar& bar);

// Returns the points that a horizontal one needs at least along it: for its title.
double ColorBarTitleWidth(const ColorBar& bar);

// Fills rect along the bar; across, it begins at rect's upper or left side and takes ColorBarDepth().
void PaintColorBar(const ColorBar& bar, Rect rect, Painter* painter);

// Paints the bar by itself, u8 [3,height,width], `length` points long; two pixels each. ResourceExhausted for absurd
// lengths.
absl::StatusOr<Tensor> ColorBarPicture(const ColorBar& bar, double length);

}  // namespace adret::plot

#endif  // ADRET_PLOT_COLOR_BAR_H_
