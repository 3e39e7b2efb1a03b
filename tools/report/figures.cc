#include "adret/tools/report/figures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/status.h"
#include "adret/io/png.h"
#include "adret/nn/summary.h"
#include "adret/plot/axis.h"

namespace adret::report {
namespace {

constexpr int64_t kSmall = 96;  // pixels; larger pictures are smooth

// Lengths in drawings: a tenth of a pixel is enough.
std::string Length(double value) {
  std::string text = absl::StrFormat("%.1f", value);
  if (text.size() > 2 && text.substr(text.size() - 2) == ".0") text.resize(text.size() - 2);
  return text;
}

struct Frame {
  double left, top, right, bottom;
};

// From numbers to places in a drawing.
struct Axes {
  plot::AxisRange x, y;
  Frame frame;

  double X(double value) const { return frame.left + x(value) * (frame.right - frame.left); }
  double Y(double value) const { return frame.bottom - y(value) * (frame.bottom - frame.top); }
};

// "M0,5L3,4": a line through points, several ones where a number cannot be shown.
std::string PathThrough(const Axes& axes, const std::vector<double>& x, const std::vector<double>& y) {
  std::string path;
  bool pen_down = false;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    const bool shown = plot::HasPlace(y[i], axes.y.scale);
    if (shown) {
      absl::StrAppend(&path, pen_down ? "L" : "M", Length(axes.X(x[i])), ",", Length(axes.Y(y[i])));
    }
    pen_down = shown;
  }
  return path;
}

Html Line(const char* css_class, double x1, double y1, double x2, double y2) {
  return Element("path", {{"class", css_class},
                          {"d", absl::StrCat("M", Length(x1), ",", Length(y1), "L", Length(x2), ",", Length(y2))}});
}

Html Label(const char* css_class, double x, double y, const std::string& text) {
  return Element("text", {{"class", css_class}, {"x", Length(x)}, {"y", Length(y)}}, text);
}

Html Drawing(const char* css_class, double width, double height, absl::string_view description, const Html& content) {
  return Element("svg",
                 {{"class", css_class},
                  {"viewBox", absl::StrCat("0 0 ", Length(width), " ", Length(height))},
                  {"role", "img"},
                  {"aria-label", std::string(description)}},
                 content);
}

// ---- Charts

constexpr double kChartWidth = 440, kChartHeight = 280;
constexpr Frame kChart{52, 46, 430, 240};

Html ChartGrid(const plot::Panel& panel, const Axes& axes) {
  const Frame& f = axes.frame;
  Html grid;
  for (const plot::Tick& tick : plot::Ticks(axes.y, 5)) {
    const double y = axes.Y(tick.value);
    grid += Line("grid", f.left, y, f.right, y);
    grid += Label("tick end", f.left - 8, y + 4, absl::StrCat(tick.label, panel.y_unit));
  }
  grid += Line("axis", f.left, f.bottom, f.right, f.bottom);
  for (const plot::Tick& tick : plot::Ticks(axes.x, 6, /*least_step=*/1)) {
    const double x = axes.X(tick.value);
    grid += Line("axis", x, f.bottom, x, f.bottom + 4);
    grid += Label("tick middle", x, f.bottom + 18, tick.label);
  }
  grid += Label("tick middle", (f.left + f.right) / 2, f.bottom + 36, panel.x_label);
  return grid;
}

std::string SeriesClass(const plot::Series& series, size_t i) {
  return absl::StrCat("series series-", i, series.faint ? " faint" : "");
}

}  // namespace

absl::StatusOr<Html> Picture(const Tensor& picture, const PictureOptions& options) {
  AD_ASSIGN_OR_RETURN(const std::string png, io::EncodePng(picture));
  const int64_t height = picture.shape()[1], width = picture.shape()[2];
  const bool small = height <= kSmall && width <= kSmall;
  const std::string css_class = absl::StrCat(options.css_class, small ? " pixels" : "");
  return VoidElement("img", {{"class", css_class},
                             {"src", DataUri("image/png", png)},
                             {"alt", options.alt},
                             {"width", absl::StrCat(width)},
                             {"height", absl::StrCat(height)},
                             {"decoding", "async"}});
}

Html ActivationCurve(const std::vector<double>& curve, absl::string_view unit) {
  constexpr double kWidth = 160, kHeight = 62;
  constexpr size_t kPoints = 60;  // more than that nobody sees at this size
  plot::Extent range;
  for (const double y : curve) range.Add(y);
  if (curve.size() < 2 || range.empty()) return {};
  const size_t last = curve.size() - 1, stride = std::max<size_t>(1, last / kPoints);
  std::vector<double> x, y;
  for (size_t i = 0; i <= last; i = i < last ? std::min(i + stride, last) : last + 1) {
    x.push_back(static_cast<double>(i));
    y.push_back(curve[i]);
  }
  const double flat = range.lo < range.hi ? 0 : std::max(1.0, std::abs(range.lo));
  const Axes axes{.x = {plot::Scale::kLinear, 0, static_cast<double>(last)},
                  .y = {plot::Scale::kLinear, range.lo - flat, range.hi + flat},
                  .frame = {38, 7, kWidth - 4, kHeight - 16}};
  const Frame& f = axes.frame;
  Html drawing = Line("axis", f.left, f.bottom, f.right, f.bottom);
  drawing += Label("tick end", f.left - 5, axes.Y(range.hi) + 3, Number(range.hi));
  if (flat == 0) drawing += Label("tick end", f.left - 5, f.bottom + 3, Number(range.lo));
  drawing += Label("tick", f.left, f.bottom + 12, "0");
  drawing += Label("tick end", f.right, f.bottom + 12, absl::StrCat(last, " steps"));
  drawing += Element("path", {{"class", "series series-0"}, {"d", PathThrough(axes, x, y)}});
  const std::string description = absl::StrCat("Activation of ", unit, " over ", last, " steps: from ",
                                               Number(curve.front()), " to ", Number(curve.back()));
  return Drawing("curve", kWidth, kHeight, description, drawing);
}

Html LineChart(const plot::Panel& panel, absl::string_view description) {
  const plot::PanelRanges ranges = plot::RangesOf(panel);
  const Axes axes{.x = ranges.x, .y = ranges.y, .frame = kChart};
  Html drawing = Element("text", {{"class", "chart-title"}, {"x", "0"}, {"y", "14"}}, panel.title);
  drawing += ChartGrid(panel, axes);
  double legend_x = axes.frame.left;
  for (size_t i = 0; i < panel.series.size(); ++i) {
    const plot::Series& series = panel.series[i];
    drawing += Element("path", {{"class", SeriesClass(series, i)}, {"d", PathThrough(axes, series.x, series.y)}});
    for (size_t k = 0; series.markers && k < series.x.size(); ++k) {
      if (!plot::HasPlace(series.y[k], panel.y_scale)) continue;
      drawing += Element("circle", {{"class", absl::StrCat("dot series-", i)},
                                    {"cx", Length(axes.X(series.x[k]))},
                                    {"cy", Length(axes.Y(series.y[k]))},
                                    {"r", "3"}});
    }
    constexpr double kLegendY = 32, kLetter = 7.5;
    drawing += Element("path", {{"class", SeriesClass(series, i)},
                                {"d", absl::StrCat("M", Length(legend_x), ",", kLegendY - 4, "h16")}});
    drawing += Label("legend", legend_x + 22, kLegendY, series.name);
    legend_x += 22 + kLetter * static_cast<double>(series.name.size()) + 20;
  }
  return Drawing("chart", kChartWidth, kChartHeight, description, drawing);
}

Html AttributionLegend() {
  return Element("p", {{"class", "legend-line"}},
                 Join({Element("span", {}, "against"),
                       Element("span", {{"class", "diverging-bar"},
                                        {"role", "img"},
                                        {"aria-label", "a scale from blue over white to red"}}),
                       Element("span", {}, "for the answer")}));
}

std::string Number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const double magnitude = std::abs(value);
  std::string text;
  if (magnitude >= 1e7 || magnitude < 1) {
    text = absl::StrFormat("%.2g", value);
  } else if (magnitude >= 999.5) {
    text = nn::WithCommas(std::llround(value));
  } else {
    text = absl::StrFormat("%.3g", value);
  }
  return plot::WithMinusSigns(text);
}

std::string Percent(double share) {
  if (!std::isfinite(share)) return "–";
  const double percent = 100 * share;
  if (std::abs(percent) >= 1000) return absl::StrCat(Number(percent), " %");  // a file may claim any
  return absl::StrFormat(percent < 100 && percent >= 99.95 ? "%.2f %%" : "%.1f %%",
                         percent < 100 ? std::min(percent, 99.99) : percent);
}

}  // namespace adret::report
