#include "adret/plot/line_plot.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kGutter = 44;
constexpr double kPanelTitle = 24, kLegend = 22, kLegendRow = 16, kXAxis = 42;
constexpr int kMostLegendRows = 4;
constexpr TextStyle kTickStyle{.size = 10, .color = kMuted};
constexpr TextStyle kLegendStyle{.size = 11};
constexpr double kLegendText = 22, kLegendGap = 20;

absl::Status CheckPanel(const Panel& panel) {
  const bool log = panel.y_scale == Scale::kLog;
  for (const Series& series : panel.series) {
    if (series.x.size() != series.y.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the series \"", series.name, "\" has ", series.x.size(), " x but ", series.y.size(), " y"));
    }
    for (const double y : series.y) {
      if (log && y <= 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("the series \"", series.name, "\" has ", y, ", which a log axis cannot show"));
      }
    }
  }
  for (const std::optional<double>& limit : {panel.y_lo, panel.y_hi}) {
    if (limit && (!std::isfinite(*limit) || (log && *limit <= 0))) {
      return absl::InvalidArgumentError(absl::StrCat("the axis limit ", *limit, " cannot be shown"));
    }
  }
  return absl::OkStatus();
}

class PanelPainter {
 public:
  PanelPainter(const Panel& panel, Rect outer, Painter* painter)
      : panel_(panel), outer_(outer), painter_(*painter), ranges_(RangesOf(panel)), y_ticks_(Ticks(ranges_.y, 5)) {
    double widest = 0;
    for (Tick& tick : y_ticks_) {
      absl::StrAppend(&tick.label, panel.y_unit);
      widest = std::max(widest, painter_.TextWidth(tick.label, kTickStyle));
    }
    const double left = widest + 10;
    PlaceLegend(outer.width - left);
    const double legend = kLegend + kLegendRow * (legend_.empty() ? 0 : legend_.back().row);
    const double top = (panel.title.empty() ? 0 : kPanelTitle) + legend;
    inner_ = {outer.x + left, outer.y + top, outer.width - left, outer.height - top - kXAxis};
  }

  void Paint() {
    if (!panel_.title.empty()) painter_.Text({outer_.x, outer_.y + 13}, panel_.title, {.size = 13, .bold = true});
    PaintAxes();
    PaintLegend();
    const double slack = 4;  // lines at the very edge keep their full width
    painter_.BeginClip({inner_.x - slack, inner_.y - slack, inner_.width + 2 * slack, inner_.height + 2 * slack});
    for (size_t i = 0; i < panel_.series.size(); ++i) PaintSeries(panel_.series[i], ColorOf(i));
    painter_.EndClip();
  }

 private:
  Point At(double x, double y) const {
    return {inner_.x + ranges_.x(x) * inner_.width, inner_.bottom() - ranges_.y(y) * inner_.height};
  }

  void PaintAxes() {
    for (const Tick& tick : y_ticks_) {
      const double y = At(ranges_.x.lo, tick.value).y;
      painter_.Polyline({{inner_.x, y}, {inner_.right(), y}}, {.color = kGrid});
      painter_.Text({inner_.x - 8, y + 3.5}, tick.label, {.size = 10, .color = kMuted, .align = Align::kRight});
    }
    painter_.Polyline({{inner_.x, inner_.bottom()}, {inner_.right(), inner_.bottom()}}, {.color = kFrame});
    const int x_ticks = static_cast<int>(std::clamp(inner_.width / 70, 2.0, 20.0));
    for (const Tick& tick : Ticks(ranges_.x, x_ticks, ranges_.x_is_count ? 1 : 0)) {
      const double x = At(tick.value, ranges_.y.lo).x;
      painter_.Polyline({{x, inner_.bottom()}, {x, inner_.bottom() + 4}}, {.color = kFrame});
      painter_.Text({x, inner_.bottom() + 16}, tick.label, {.size = 10, .color = kMuted, .align = Align::kCentre});
    }
    painter_.Text({inner_.x + inner_.width / 2, inner_.bottom() + 34}, panel_.x_label,
                  {.size = 11, .color = kMuted, .align = Align::kCentre});
  }

  Color ColorOf(size_t i) const { return SeriesColor(panel_.series[i].color.value_or(static_cast<int>(i))); }

  // A named series' line and name, or how many more have no room.
  struct LegendEntry {
    const Series* series;  // null for the latter
    Color color;
    std::string name;
    double x;  // from the axes' left end
    int row;
  };

  void PlaceLegend(double width) {
    const double last_width = width - painter_.TextWidth("and 1000 more", kLegendStyle);
    double x = 0;
    int row = 0, unseen = 0;
    for (size_t i = 0; i < panel_.series.size(); ++i) {
      const Series& series = panel_.series[i];
      if (series.name.empty()) continue;
      const double wide = kLegendText + painter_.TextWidth(series.name, kLegendStyle);
      if (x > 0 && x + wide > width && row + 1 < kMostLegendRows) x = 0, ++row;
      const bool full = x > 0 && x + wide > last_width && row + 1 == kMostLegendRows;
      if (full || unseen > 0) {
        ++unseen;
        continue;
      }
      legend_.push_back({&series, ColorOf(i), series.name, x, row});
      x += wide + kLegendGap;
    }
    if (unseen > 0) legend_.push_back({nullptr, kMuted, absl::StrCat("and ", unseen, " more"), x, row});
  }

  void PaintLegend() {
    if (legend_.empty()) return;
    const double top = inner_.y - 14 - kLegendRow * legend_.back().row;
    for (const LegendEntry& entry : legend_) {
      const double x = inner_.x + entry.x, y = top + kLegendRow * entry.row;
      if (entry.series == nullptr) {
        painter_.Text({x, y + 4}, entry.name, {.size = kLegendStyle.size, .color = entry.color});
        continue;
      }
      painter_.Polyline({{x, y}, {x + 16, y}}, LineOf(*entry.series, entry.color));
      if (entry.series->markers) painter_.Dot({x + 8, y}, 2.6, entry.color);
      painter_.Text({x + kLegendText, y + 4}, entry.name, kLegendStyle);
    }
  }

  static LineStyle LineOf(const Series& series, Color color) {
    return {.color = color, .width = series.faint ? 1.0 : 2.0, .opacity = series.faint ? 0.35 : 1};
  }

  void PaintSeries(const Series& series, Color color) {
    std::vector<Point> points(series.x.size());
    for (size_t i = 0; i < points.size(); ++i) points[i] = At(series.x[i], series.y[i]);
    painter_.Polyline(points, LineOf(series, color));
    if (!series.markers) return;
    for (const Point& p : points) {
      painter_.Dot(p, 4, kPaper);
      painter_.Dot(p, 2.8, color);
    }
  }

  const Panel& panel_;
  Rect outer_, inner_;
  Painter& painter_;
  PanelRanges ranges_;
  std::vector<Tick> y_ticks_;
  std::vector<LegendEntry> legend_;
};

}  // namespace

PanelRanges RangesOf(const Panel& panel) {
  Extent x, y;
  bool x_is_count = true;
  for (const Series& series : panel.series) {
    for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (!HasPlace(series.y[i], panel.y_scale)) continue;
      x_is_count &= series.x[i] == std::floor(series.x[i]);
      x.Add(series.x[i]);
      y.Add(series.y[i]);
    }
  }
  if (x.empty()) x = {0, 1};
  if (y.empty()) y = panel.y_scale == Scale::kLog ? Extent{0.1, 1} : Extent{0, 1};
  const AxisRange x_range = x.lo < x.hi ? AxisRange{Scale::kLinear, x.lo, x.hi} : TidyRange(Scale::kLinear, x.lo, x.hi);
  AxisRange y_range = TidyRange(panel.y_scale, panel.y_lo.value_or(y.lo), panel.y_hi.value_or(y.hi));
  if (panel.y_lo) y_range.lo = *panel.y_lo;
  if (panel.y_hi) y_range.hi = *panel.y_hi;
  if (!(y_range.hi > y_range.lo)) y_range = TidyRange(panel.y_scale, y_range.lo, y_range.lo);
  return {x_range, y_range, x_is_count};
}

std::vector<Series> WithMedian(std::vector<Series> curves, const std::string& name_of_curves,
                               const std::string& name_of_median) {
  if (curves.empty()) return {};
  std::map<double, std::vector<double>> at;
  for (Series& curve : curves) {
    curve.faint = true;
    curve.color = 0;
    curve.name.clear();
    for (size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
      if (std::isfinite(curve.x[i]) && !std::isnan(curve.y[i])) at[curve.x[i]].push_back(curve.y[i]);
    }
  }
  curves.front().name = name_of_curves;
  Series median{.name = name_of_median, .color = 1};
  for (auto& [x, numbers] : at) {
    std::sort(numbers.begin(), numbers.end());
    median.x.push_back(x);
    median.y.push_back(numbers[(numbers.size() - 1) / 2] / 2 + numbers[numbers.size() / 2] / 2);
  }
  curves.push_back(std::move(median));
  return curves;
}

absl::StatusOr<Tensor> LinePlot(const std::vector<Panel>& panels, const LinePlotOptions& options) {
  if (panels.empty()) return absl::InvalidArgumentError("a plot needs at least one panel");
  for (const Panel& panel : panels) AD_RETURN_IF_ERROR(CheckPanel(panel));
  const auto n = static_cast<double>(panels.size());
  const double head = HeadingHeight(options.title, options.subtitle);
  Painter painter(2 * kMargin + n * options.panel_width + (n - 1) * kGutter,
                  kMargin + head + options.panel_height + kMargin / 2);
  PaintHeading({kMargin, kMargin}, options.title, options.subtitle, &painter);
  double x = kMargin;
  for (const Panel& panel : panels) {
    PanelPainter(panel, {x, kMargin + head, options.panel_width, options.panel_height}, &painter).Paint();
    x += options.panel_width + kGutter;
  }
  return painter.Finish();
}

}  // namespace adret::plot
