#include "adret/plot/layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_split.h"

namespace adret::plot {
namespace {

constexpr TextStyle kTitleStyle{.size = 17, .bold = true};
constexpr TextStyle kSubtitleStyle{.size = 11.5, .color = kMuted};
constexpr double kTitleHeight = 24, kSubtitleHeight = 18, kSpace = 14;

TextStyle CaptionStyle(bool muted, Align align = Align::kLeft) {
  return muted ? TextStyle{.size = 9, .color = kMuted, .align = align} : TextStyle{.size = 10, .align = align};
}

// The first byte after the character that begins at `at`, in UTF-8.
size_t NextCharacter(absl::string_view text, size_t at) {
  do ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

// How much of text fits, at least one character: up to a space if there is one.
size_t Fitting(absl::string_view text, double width, const TextStyle& style, Painter* ruler) {
  size_t fits = 0, space = 0;
  for (size_t end = 0; end < text.size();) {
    end = NextCharacter(text, end);
    if (fits > 0 && ruler->TextWidth(text.substr(0, end), style) > width) return space > 0 ? space : fits;
    fits = end;
    if (end < text.size() && text[end] == ' ') space = end;
  }
  return text.size();
}

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

std::vector<CaptionLine> CaptionLines(absl::string_view caption, double width) {
  std::vector<CaptionLine> lines;
  if (caption.empty()) return lines;
  Painter ruler(1, 1);
  bool muted = false;
  for (absl::string_view rest : absl::StrSplit(caption, '\n')) {
    do {
      const size_t size = Fitting(rest, width, CaptionStyle(muted), &ruler);
      lines.push_back({std::string(rest.substr(0, size)), muted});
      rest.remove_prefix(size);
      while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    } while (!rest.empty());
    muted = true;
  }
  return lines;
}

double CaptionWidth(const std::vector<CaptionLine>& lines) {
  Painter ruler(1, 1);
  double widest = 0;
  for (const CaptionLine& line : lines) widest = std::max(widest, ruler.TextWidth(line.text, CaptionStyle(line.muted)));
  return widest;
}

void PaintCaption(Point at, const std::vector<CaptionLine>& lines, Align align, Painter* painter) {
  for (const CaptionLine& line : lines) {
    painter->Text(at, line.text, CaptionStyle(line.muted, align));
    at.y += kCaptionStep;
  }
}

}  // namespace adret::plot
