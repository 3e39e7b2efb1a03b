// Painter: lines, text and pictures on paper, through Cairo. What the plots are made of.
//
//   plot::Painter painter(400, 300);
//   painter.Text({200, 30}, "Hello", {.size = 16, .align = plot::Align::kCentre});
//   absl::StatusOr<Tensor> picture = painter.Finish();       // u8 [3,600,800]
//
// Lengths are in points; each is `resolution` pixels. y grows downwards.
#ifndef ADRET_PLOT_PAINTER_H_
#define ADRET_PLOT_PAINTER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/tensor.h"
#include "adret/plot/color.h"

namespace adret::plot {

struct Point {
  double x = 0;
  double y = 0;
};

struct Rect {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

enum class Align { kLeft, kCentre, kRight };

struct TextStyle {
  double size = 11;
  Color color = kText;
  bool bold = false;
  Align align = Align::kLeft;
};

struct LineStyle {
  Color color = kText;
  double width = 1;
  double opacity = 1;
};

class Painter {
 public:
  // Takes paper of this size. A size that is not positive or beyond 2^26 pixels is an error that Finish() returns.
  Painter(double width, double height, double resolution = 2);
  Painter(Painter&&) noexcept;
  Painter& operator=(Painter&&) noexcept;
  ~Painter();

  void Fill(Rect rect, Color color);
  void Outline(Rect rect, const LineStyle& style);
  // Draws a line through points; several ones where a coordinate is not finite.
  void Polyline(absl::Span<const Point> points, const LineStyle& style);
  // Draws a filled area; every point is finite.
  void Polygon(absl::Span<const Point> points, Color color);
  void Dot(Point centre, double radius, Color color);
  // Writes one line of UTF-8; `at` is on its baseline. What is none, or cannot be shown, is replaced (core/text.h).
  void Text(Point at, absl::string_view text, const TextStyle& style);
  double TextWidth(absl::string_view text, const TextStyle& style);
  // Paints pixels u8 [3,h,w], every one a sharp rectangle.
  void Picture(Rect rect, const Tensor& pixels);
  // Begins a part of the drawing: nothing appears outside of rect until EndClip().
  void BeginClip(Rect rect);
  void EndClip();

  // Returns the picture u8 [3,height,width], or the first error (an absurd size). Call once.
  absl::StatusOr<Tensor> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adret::plot

#endif  // ADRET_PLOT_PAINTER_H_
