// Line plots: training curves and the like.
//
//   absl::StatusOr<Tensor> picture = plot::LinePlot(
//       {{.title = "Loss", .x_label = "epoch", .y_scale = plot::Scale::kLog,
//         .series = {{"training", epochs, losses}, {"test", epochs, test_losses}}}},
//       {.title = "lecture_cnn on MNIST"});
//   AD_RETURN_IF_ERROR(io::SavePng("curve.png", *picture));
#ifndef ADRET_PLOT_LINE_PLOT_H_
#define ADRET_PLOT_LINE_PLOT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/plot/axis.h"

namespace adret::plot {

struct Series {
  std::string name = {};
  std::vector<double> x = {};
  std::vector<double> y = {};     // as many as x; the line is interrupted where one is not finite
  bool markers = false;           // a dot at every point
  bool faint = false;             // in the background: raw numbers behind their average
  std::optional<int> color = {};  // SeriesColor() of this number; by default of the place among the panel's series
};

// Turns many curves into a few: each one faint, and above them the bold median of those that have a number at an x. The
// legend names both. Nothing for no curves.
std::vector<Series> WithMedian(std::vector<Series> curves, const std::string& name_of_curves,
                               const std::string& name_of_median = "median");

// One system of axes.
struct Panel {
  std::string title = {};
  std::string x_label = {};
  std::string y_unit = {};  // after the numbers of the y axis, such as "%"
  Scale y_scale = Scale::kLinear;
  std::optional<double> y_lo = {};  // by default whatever shows every point
  std::optional<double> y_hi = {};
  std::vector<Series> series = {};
};

// The axes that show every point of a panel that has a place on them (HasPlace()), or what the panel says; some range
// where there is nothing to show.
struct PanelRanges {
  AxisRange x, y;
  bool x_is_count = true;  // whole numbers only
};
PanelRanges RangesOf(const Panel& panel);

struct LinePlotOptions {
  std::string title = {};
  std::string subtitle = {};
  double panel_width = 460;  // points; two pixels each
  double panel_height = 300;
};

// Paints the panels side by side, each with a legend of its named series (in up to four rows, then of how many more
// there are), u8 [3,height,width]. InvalidArgument when there are no panels, a series has unequal numbers of x and y, a
// log axis has a number that is not positive, or a limit is not finite.
absl::StatusOr<Tensor> LinePlot(const std::vector<Panel>& panels, const LinePlotOptions& options = {});

}  // namespace adret::plot

#endif  // ADRET_PLOT_LINE_PLOT_H_
