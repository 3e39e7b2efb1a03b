#include "adret/plot/line_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/plot/layout.h"
#include "adret/plot/painter.h"

namespace adret::plot {
namespace {

constexpr double kMargin = 28, kGutter = 44;
constexpr double kPanelTitle = 24, kLegend = 22, kXAxis = 42;
constexpr TextStyle kTickStyle{.size = 10, .color = kMuted};

struct Extent {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -std::numeric_limits<double>::infinity();

  void Add(double value) {
    if (!std::isfinite(value)) return;
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
  Extent OrUnit() const { return lo <= hi ? *this : Extent{0, 1}; }
};

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
  PanelPainter(const Panel& panel, Rect outer, Painter* painter) : panel_(panel), outer_(outer), painter_(*painter) {
    Extent x, y;
    for (const Series& series : panel.series) {
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!std::isfinite(series.y[i])) continue;
        x_is_count_ &= series.x[i] == std::floor(series.x[i]);
        x.Add(series.x[i]);
        y.Add(series.y[i]);
      }
    }
    x = x.OrUnit(), y = y.OrUnit();
    x_range_ = x.lo < x.hi ? AxisRange{Scale::kLinear, x.lo, x.hi} : TidyRange(Scale::kLinear, x.lo, x.hi);
    if (panel.y_scale == Scale::kLog && y.lo <= 0) y = {0.1, 1};
    y_range_ = TidyRange(panel.y_scale, panel.y_lo.value_or(y.lo), panel.y_hi.value_or(y.hi));
    if (panel.y_lo) y_range_.lo = *panel.y_lo;
    if (panel.y_hi) y_range_.hi = *panel.y_hi;
    if (!(y_range_.hi > y_range_.lo)) y_range_ = TidyRange(panel.y_scale, y_range_.lo, y_range_.lo);
    y_ticks_ = Ticks(y_range_, 5);
    double widest = 0;
    for (Tick& tick : y_ticks_) {
      absl::StrAppend(&tick.label, panel.y_unit);
      widest = std::max(widest, painter_.TextWidth(tick.label, kTickStyle));
    }
    const double left = widest + 10, top = (panel.title.empty() ? 0 : kPanelTitle) + kLegend;
    inner_ = {outer.x + left, outer.y + top, outer.width - left, outer.height - top - kXAxis};
  }

  void Paint() {
    if (!panel_.title.empty()) painter_.Text({outer_.x, outer_.y + 13}, panel_.title, {.size = 13, .bold = true});
    PaintAxes();
    PaintLegend();
    const double slack = 4;  // lines at the very edge keep their full width
    painter_.BeginClip({inner_.x - slack, inner_.y - slack, inner_.width + 2 * slack, inner_.height + 2 * slack});
    for (size_t i = 0; i < panel_.series.size(); ++i) PaintSeries(panel_.series[i], SeriesColor(static_cast<int>(i)));
    painter_.EndClip();
  }

 private:
  Point At(double x, double y) const {
    return {inner_.x + x_range_(x) * inner_.width, inner_.bottom() - y_range_(y) * inner_.height};
  }

  void PaintAxes() {
    for (const Tick& tick : y_ticks_) {
      const double y = At(x_range_.lo, tick.value).y;
      painter_.Polyline({{inner_.x, y}, {inner_.right(), y}}, {.color = kGrid});
      painter_.Text({inner_.x - 8, y + 3.5}, tick.label, {.size = 10, .color = kMuted, .align = Align::kRight});
    }
    painter_.Polyline({{inner_.x, inner_.bottom()}, {inner_.right(), inner_.bottom()}}, {.color = kFrame});
    const int x_ticks = static_cast<int>(std::clamp(inner_.width / 70, 2.0, 20.0));
    for (const Tick& tick : Ticks(x_range_, x_ticks, x_is_count_ ? 1 : 0)) {
      const double x = At(tick.value, y_range_.lo).x;
      painter_.Polyline({{x, inner_.bottom()}, {x, inner_.bottom() + 4}}, {.color = kFrame});
      painter_.Text({x, inner_.bottom() + 16}, tick.label, {.size = 10, .color = kMuted, .align = Align::kCentre});
    }
    painter_.Text({inner_.x + inner_.width / 2, inner_.bottom() + 34}, panel_.x_label,
                  {.size = 11, .color = kMuted, .align = Align::kCentre});
  }

  void PaintLegend() {
    const double y = inner_.y - 14;
    double x = inner_.x;
    for (size_t i = 0; i < panel_.series.size(); ++i) {
      const Series& series = panel_.series[i];
      if (series.name.empty()) continue;
      painter_.Polyline({{x, y}, {x + 16, y}}, LineOf(series, SeriesColor(static_cast<int>(i))));
      if (series.markers) painter_.Dot({x + 8, y}, 2.6, SeriesColor(static_cast<int>(i)));
      const TextStyle style{.size = 11};
      painter_.Text({x + 22, y + 4}, series.name, style);
      x += 22 + painter_.TextWidth(series.name, style) + 20;
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
  AxisRange x_range_, y_range_;
  bool x_is_count_ = true;
  std::vector<Tick> y_ticks_;
};

}  // namespace

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
