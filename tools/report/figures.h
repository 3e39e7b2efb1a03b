// Figures of a page: pictures inside it, and curves as drawings that follow the page's colours.
//
//   AD_ASSIGN_OR_RETURN(report::Html picture, report::Picture(photo, {.alt = "What filter 7 looks for"}));
//   report::Html curve = report::ActivationCurve(activations, "conv2:7");
//   report::Html chart = report::LineChart(
//       {.title = "Loss", .x_label = "epoch", .y_scale = plot::Scale::kLog, .series = {train, test}}, "by epoch");
#ifndef ADRET_TOOLS_REPORT_FIGURES_H_
#define ADRET_TOOLS_REPORT_FIGURES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/tensor.h"
#include "adret/plot/line_plot.h"
#include "adret/tools/report/html.h"

namespace adret::report {

struct PictureOptions {
  std::string alt = {};
  std::string css_class = {};
};

// u8 [1 or 3, height, width] as an <img> that holds its PNG. Small ones are shown pixel by pixel.
absl::StatusOr<Html> Picture(const Tensor& picture, const PictureOptions& options);

// A unit's activation over the steps of an ascent, with its range and the number of steps.
Html ActivationCurve(const std::vector<double>& curve, absl::string_view unit);

// A plot's panel as a drawing of its own: axes, ticks, legend. Numbers that are not finite, or not positive on a log
// axis, interrupt lines. `description` is for who does not see it.
Html LineChart(const plot::Panel& panel, absl::string_view description);

// How colours of attributions read.
Html AttributionLegend();

// Two or three digits, thousands apart, a proper minus: "0.12", "12.3", "1,234".
std::string Number(double value);
// "98.6 %"; two decimals where one would round to 100 %.
std::string Percent(double share);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_FIGURES_H_
