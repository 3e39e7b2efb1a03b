// What the pictures of this folder share: their headings.
#ifndef ADRET_PLOT_LAYOUT_H_
#define ADRET_PLOT_LAYOUT_H_

#include "absl/strings/string_view.h"
#include "adret/plot/painter.h"

namespace adret::plot {

// Points that a heading takes, the space below it included; 0 without one.
double HeadingHeight(absl::string_view title, absl::string_view subtitle);

// Points that its longer line takes.
double HeadingWidth(absl::string_view title, absl::string_view subtitle);

// A bold line and a muted one below; corner is their upper left one.
void PaintHeading(Point corner, absl::string_view title, absl::string_view subtitle, Painter* painter);

}  // namespace adret::plot

#endif  // ADRET_PLOT_LAYOUT_H_
