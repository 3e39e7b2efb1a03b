#include "adret/plot/color_bar.h"

#include <algorithm>
#include <array>

namespace adret::plot {
namespace {

constexpr TextStyle kTitleStyle{.size = 9.5, .color = kText};
constexpr TextStyle kTickStyle{.size = 9, .color = kMuted};
constexpr double kTitle = 15, kStrip = 8, kTick = 3, kLabels = 12, kApart = 5;
constexpr int64_t kColors = 256;

double TitleHeight(const ColorBar& bar) { return bar.title.empty() ? 0 : kTitle; }

AxisRange RangeOf(const ColorBar& bar) { return {Scale::kLinear, bar.scale.lo, bar.scale.hi}; }

// The strip's colours from its first end to its last one, u8 [3,1,256]; upwards, [3,256,1].
Tensor Strip(const ColorBar& bar) {
  Tensor strip(DType::kUint8, bar.vertical ? Shape({3, kColors, 1}) : Shape({3, 1, kColors}));
  uint8_t* out = strip.mutable_data<uint8_t>().data();
  for (int64_t i = 0; i < kColors; ++i) {
    const std::array<uint8_t, 3> color = Bytes(Map(bar.scale.colors, static_cast<double>(i) / (kColors - 1)));
    for (int64_t c = 0; c < 3; ++c) out[c * kColors + (bar.vertical ? kColors - 1 - i : i)] = color[c];
  }
  return strip;
}

class BarPainter {
 public:
  BarPainter(const ColorBar& bar, Rect rect, Painter* painter) : bar_(bar), rect_(rect), painter_(*painter) {
    const double top = rect.y + TitleHeight(bar);
    strip_ = bar.vertical ? Rect{rect.x, top, kStrip, rect.bottom() - top} : Rect{rect.x, top, rect.width, kStrip};
    // Points go beyond what the ticks measure.
    const double lo = bar.scale.beyond_lo ? kStrip : 0, hi = bar.scale.beyond_hi ? kStrip : 0;
    if (bar.vertical) {
      strip_.y += hi, strip_.height -= lo + hi;
    } else {
      strip_.x += lo, strip_.width -= lo + hi;
    }
  }

  void Paint() {
    if (!bar_.title.empty()) painter_.Text({rect_.x, rect_.y + 9}, bar_.title, kTitleStyle);
    painter_.Picture(strip_, Strip(bar_));
    std::vector<Point> outline = {At(0, 0), At(1, 0), At(1, kStrip), At(0, kStrip), At(0, 0)};
    if (bar_.scale.beyond_hi) {
      const Point tip = At(1 + kStrip / Length(), kStrip / 2);
      painter_.Polygon({At(1, 0), tip, At(1, kStrip)}, Map(bar_.scale.colors, 1));
      outline.insert(outline.begin() + 2, tip);
    }
    if (bar_.scale.beyond_lo) {
      const Point tip = At(-kStrip / Length(), kStrip / 2);
      painter_.Polygon({At(0, 0), tip, At(0, kStrip)}, Map(bar_.scale.colors, 0));
      outline.insert(outline.end() - 1, tip);
    }
    painter_.Polyline(outline, {.color = kFrame, .width = 0.75});
    for (const Tick& tick : bar_.ticks.empty() ? RoundTicks() : bar_.ticks) PaintTick(tick);
  }

 private:
  // Where along the strip (0 to 1), and how far across it.
  Point At(double along, double across) const {
    return bar_.vertical ? Point{strip_.x + across, strip_.bottom() - along * strip_.height}
                         : Point{strip_.x + along * strip_.width, strip_.y + across};
  }

  double Length() const { return bar_.vertical ? strip_.height : strip_.width; }

  // A label's middle: centred on its tick, but within the rectangle.
  double Centre(const Tick& tick) {
    const double half = painter_.TextWidth(tick.label, kTickStyle) / 2;
    const double x = At(RangeOf(bar_)(tick.value), 0).x;
    return half * 2 >= rect_.width ? rect_.x + rect_.width / 2 : std::clamp(x, rect_.x + half, rect_.right() - half);
  }

  bool HaveRoom(const std::vector<Tick>& ticks) {
    if (bar_.vertical) return strip_.height >= static_cast<double>(ticks.size() - 1) * (kTickStyle.size + kApart);
    for (size_t i = 1; i < ticks.size(); ++i) {
      const double widths =
          painter_.TextWidth(ticks[i - 1].label, kTickStyle) + painter_.TextWidth(ticks[i].label, kTickStyle);
      if (Centre(ticks[i]) - Centre(ticks[i - 1]) < widths / 2 + kApart) return false;
    }
    return true;
  }

  // Every tick has a label where three or more have room, otherwise the outermost ones and, if it has, the middle one:
  // 0 alone would tell no scale. The last resort is the largest.
  std::vector<Tick> RoundTicks() {
    std::vector<Tick> ticks;
    for (int count = 5; count >= 2; --count) {
      ticks = Ticks(RangeOf(bar_), count);
      if (ticks.size() > 2 && HaveRoom(ticks)) return ticks;
    }
    for (int count = 4; count >= 2; --count) {
      ticks = Ticks(RangeOf(bar_), count);
      if (ticks.size() < 2 || !HaveRoom({ticks.front(), ticks.back()})) continue;
      const size_t middle = ticks.size() / 2;
      const bool three = ticks.size() % 2 == 1 && HaveRoom({ticks.front(), ticks[middle], ticks.back()});
      for (size_t i = 1; i + 1 < ticks.size(); ++i) {
        if (!three || i != middle) ticks[i].label.clear();
      }
      return ticks;
    }
    ticks = Ticks(RangeOf(bar_), 4);
    for (size_t i = 0; i + 1 < ticks.size(); ++i) ticks[i].label.clear();
    return ticks;
  }

  void PaintTick(const Tick& tick) {
    const double along = RangeOf(bar_)(tick.value);
    painter_.Polyline({At(along, kStrip), At(along, kStrip + kTick)}, {.color = kFrame, .width = 0.75});
    if (bar_.vertical) {
      const Point at = At(along, kStrip + kTick + 3);
      painter_.Text({at.x, at.y + 3}, tick.label, kTickStyle);
    } else {
      TextStyle style = kTickStyle;
      style.align = Align::kCentre;
      painter_.Text({Centre(tick), strip_.bottom() + kTick + 9}, tick.label, style);
    }
  }

  const ColorBar& bar_;
  Rect rect_, strip_;
  Painter& painter_;
};

}  // namespace

double ColorBarDepth(const ColorBar& bar) {
  if (!bar.vertical) return TitleHeight(bar) + kStrip + kTick + kLabels;
  Painter ruler(1, 1);
  double widest = 0;
  for (const Tick& tick : bar.ticks.empty() ? Ticks(RangeOf(bar), 5) : bar.ticks) {
    widest = std::max(widest, ruler.TextWidth(tick.label, kTickStyle));
  }
  return std::max(kStrip + kTick + 3 + widest, ColorBarTitleWidth(bar));
}

double ColorBarTitleWidth(const ColorBar& bar) { return Painter(1, 1).TextWidth(bar.title, kTitleStyle); }

void PaintColorBar(const ColorBar& bar, Rect rect, Painter* painter) { BarPainter(bar, rect, painter).Paint(); }

absl::StatusOr<Tensor> ColorBarPicture(const ColorBar& bar, double length) {
  if (!(length > 0)) return absl::InvalidArgumentError(absl::StrCat("a colour bar of length ", length));
  constexpr double kEdge = 4;
  const double depth = ColorBarDepth(bar);
  const Rect rect{kEdge, kEdge, bar.vertical ? depth : length, bar.vertical ? length : depth};
  Painter painter(std::max(rect.width, ColorBarTitleWidth(bar)) + 2 * kEdge, rect.height + 2 * kEdge);
  PaintColorBar(bar, rect, &painter);
  return painter.Finish();
}

}  // namespace adret::plot
