// What the pictures of this folder share: their headings and captions.
#ifndef ADRET_PLOT_LAYOUT_H_
#define ADRET_PLOT_LAYOUT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "adret/plot/painter.h"

namespace adret::plot {

// Returns the points that a heading takes, the space below it included; 0 without one.
double HeadingHeight(absl::string_view title, absl::string_view subtitle);

// Returns the points that its longer line takes.
double HeadingWidth(absl::string_view title, absl::string_view subtitle);

// Paints a bold line and a muted one below; corner is their upper left one.
void PaintHeading(Point corner, absl::string_view title, absl::string_view subtitle, Painter* painter);

// A caption beside or below a picture: its first line in the text colour, further ones (after "\n") muted.
struct CaptionLine {
  std::string text;
  bool muted;
};

// Returns the lines of a caption, those that are wider than `width` points broken between words, or within one that
// alone is wider.
std::vector<CaptionLine> CaptionLines(absl::string_view caption, double width);

// Points from line to line, and of the widest line.
inline constexpr double kCaptionStep = 13;
double CaptionWidth(const std::vector<CaptionLine>& lines);

// Paints the lines; `at` is on the first line's baseline.
void PaintCaption(Point at, const std::vector<CaptionLine>& lines, Align align, Painter* painter);

}  // namespace adret::plot

#endif  // ADRET_PLOT_LAYOUT_H_
