#include "adret/plot/layout.h"

#include <algorithm>

namespace adret::plot {
namespace {

constexpr TextStyle kTitleStyle{.size = 17, .bold = true};
constexpr TextStyle kSubtitleStyle{.size = 11.5, .color = kMuted};
constexpr double kTitleHeight = 24, kSubtitleHeight = 18, kSpace = 14;

}  // namespace

double HeadingHeight(absl::string_view title, absl::string_view subtitle) {
  if (title.empty() && subtitle.empty()) return 0;
  return (title.empty() ? 0 : kTitleHeight) + (subtitle.empty() ? 0 : kSubtitleHeight) + kSpace;
}

double HeadingWidth(absl::string_view title, absl::string_view subtitle) {
  Painter ruler(1, 1);
  return std::max(ruler.TextWidth(title, kTitleStyle), ruler.TextWidth(subtitle, kSubtitleStyle));
}

void PaintHeading(Point corner, absl::string_view title, absl::string_view subtitle, Painter* painter) {
  double y = corner.y;
  if (!title.empty()) {
    painter->Text({corner.x, y + 15}, title, kTitleStyle);
    y += kTitleHeight;
  }
  if (!subtitle.empty()) painter->Text({corner.x, y + 12}, subtitle, kSubtitleStyle);
}

}  // namespace adret::plot
