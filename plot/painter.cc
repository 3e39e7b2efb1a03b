#include "adret/plot/painter.h"

#include <cairo.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/core/text.h"

namespace adret::plot {
namespace {

constexpr double kMaxPixels = 1 << 26;
constexpr double kMaxSide = 32767;            // Cairo's
constexpr const char* kFont = "DejaVu Sans";  // Debian's fontconfig always brings it

struct SurfaceDeleter {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextDeleter {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;
using Context = std::unique_ptr<cairo_t, ContextDeleter>;

bool IsFinite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

uint32_t Packed(const uint8_t* pixels, int64_t plane, int64_t i) {
  return uint32_t{pixels[i]} << 16 | uint32_t{pixels[plane + i]} << 8 | pixels[2 * plane + i];
}

}  // namespace

struct Painter::Impl {
  absl::Status status;
  Surface surface;
  Context context;

  // After an error Cairo ignores every call; a context without surface is such a one.
  cairo_t* cr() const { return context.get(); }
  void Use(Color color, double opacity = 1) {
    cairo_set_source_rgba(cr(), color.red, color.green, color.blue, opacity);
  }
  void Use(const LineStyle& style) {
    Use(style.color, style.opacity);
    cairo_set_line_width(cr(), style.width);
    cairo_set_line_join(cr(), CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cr(), CAIRO_LINE_CAP_ROUND);
  }
  void Use(const TextStyle& style) {
    Use(style.color);
    cairo_select_font_face(cr(), kFont, CAIRO_FONT_SLANT_NORMAL,
                           style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr(), style.size);
  }
};

Painter::Painter(double width, double height, double resolution) : impl_(std::make_unique<Impl>()) {
  double w = std::ceil(width * resolution), h = std::ceil(height * resolution);
  if (!(w >= 1 && h >= 1 && w <= kMaxSide && h <= kMaxSide && w * h <= kMaxPixels)) {
    impl_->status = absl::ResourceExhaustedError(
        absl::StrCat("a picture of ", w, " x ", h, " pixels cannot be painted; a side has at most ", kMaxSide));
    w = h = 1;
  }
  impl_->surface.reset(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(w), static_cast<int>(h)));
  impl_->context.reset(cairo_create(impl_->surface.get()));
  cairo_font_options_t* font = cairo_font_options_create();
  cairo_font_options_set_hint_style(font, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(font, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(font, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(impl_->cr(), font);
  cairo_font_options_destroy(font);
  cairo_scale(impl_->cr(), resolution, resolution);
  impl_->Use(kPaper);
  cairo_paint(impl_->cr());
}

Painter::Painter(Painter&&) noexcept = default;
Painter& Painter::operator=(Painter&&) noexcept = default;
Painter::~Painter() = default;

void Painter::Fill(Rect rect, Color color) {
  impl_->Use(color);
  cairo_rectangle(impl_->cr(), rect.x, rect.y, rect.width, rect.height);
  cairo_fill(impl_->cr());
}

void Painter::Outline(Rect rect, const LineStyle& style) {
  impl_->Use(style);
  cairo_rectangle(impl_->cr(), rect.x, rect.y, rect.width, rect.height);
  cairo_stroke(impl_->cr());
}

void Painter::Polyline(absl::Span<const Point> points, const LineStyle& style) {
  impl_->Use(style);
  bool down = false;
  for (const Point& p : points) {
    if (!IsFinite(p)) {
      down = false;
    } else if (down) {
      cairo_line_to(impl_->cr(), p.x, p.y);
    } else {
      cairo_move_to(impl_->cr(), p.x, p.y);
      down = true;
    }
  }
  cairo_stroke(impl_->cr());
}

void Painter::Polygon(absl::Span<const Point> points, Color color) {
  impl_->Use(color);
  for (const Point& p : points) cairo_line_to(impl_->cr(), p.x, p.y);
  cairo_close_path(impl_->cr());
  cairo_fill(impl_->cr());
}

void Painter::Dot(Point centre, double radius, Color color) {
  if (!IsFinite(centre)) return;
  impl_->Use(color);
  cairo_arc(impl_->cr(), centre.x, centre.y, radius, 0, 2 * M_PI);
  cairo_fill(impl_->cr());
}

double Painter::TextWidth(absl::string_view text, const TextStyle& style) {
  impl_->Use(style);
  cairo_text_extents_t extents{};
  cairo_text_extents(impl_->cr(), CleanText(text).c_str(), &extents);
  return extents.x_advance;
}

void Painter::Text(Point at, absl::string_view text, const TextStyle& style) {
  const double width = TextWidth(text, style);
  const double shift = style.align == Align::kLeft ? 0 : style.align == Align::kCentre ? width / 2 : width;
  cairo_move_to(impl_->cr(), at.x - shift, at.y);
  cairo_show_text(impl_->cr(), CleanText(text).c_str());
  cairo_new_path(impl_->cr());
}

void Painter::Picture(Rect rect, const Tensor& pixels) {
  AD_CHECK(pixels.dtype() == DType::kUint8 && pixels.rank() == 3 && pixels.shape()[0] == 3);
  if (!(rect.width > 0 && rect.height > 0)) {
    impl_->status.Update(absl::InvalidArgumentError(
        absl::StrCat("a picture cannot be painted ", rect.width, " wide and ", rect.height, " high")));
    return;
  }
  const int64_t h = pixels.shape()[1], w = pixels.shape()[2];
  const uint8_t* from = pixels.data<uint8_t>().data();
  Surface image(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(w), static_cast<int>(h)));
  if (cairo_surface_status(image.get()) != CAIRO_STATUS_SUCCESS) {
    impl_->status.Update(absl::ResourceExhaustedError(absl::StrCat("cannot paint a ", pixels.type().ToString())));
    return;
  }
  unsigned char* rows = cairo_image_surface_get_data(image.get());
  const int stride = cairo_image_surface_get_stride(image.get());
  for (int64_t y = 0; y < h; ++y) {
    auto* row = reinterpret_cast<uint32_t*>(rows + y * stride);
    for (int64_t x = 0; x < w; ++x) row[x] = Packed(from, h * w, y * w + x);
  }
  cairo_surface_mark_dirty(image.get());
  cairo_save(impl_->cr());
  cairo_translate(impl_->cr(), rect.x, rect.y);
  cairo_scale(impl_->cr(), rect.width / static_cast<double>(w), rect.height / static_cast<double>(h));
  cairo_set_source_surface(impl_->cr(), image.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(impl_->cr()), CAIRO_FILTER_NEAREST);
  cairo_rectangle(impl_->cr(), 0, 0, static_cast<double>(w), static_cast<double>(h));
  cairo_fill(impl_->cr());
  cairo_restore(impl_->cr());
}

void Painter::BeginClip(Rect rect) {
  cairo_save(impl_->cr());
  cairo_rectangle(impl_->cr(), rect.x, rect.y, rect.width, rect.height);
  cairo_clip(impl_->cr());
}

void Painter::EndClip() { cairo_restore(impl_->cr()); }

absl::StatusOr<Tensor> Painter::Finish() {
  AD_RETURN_IF_ERROR(impl_->status);
  const cairo_status_t code = cairo_status(impl_->cr());
  if (code != CAIRO_STATUS_SUCCESS) {
    return absl::InternalError(absl::StrCat("cannot paint: ", cairo_status_to_string(code)));
  }
  cairo_surface_flush(impl_->surface.get());
  const int64_t w = cairo_image_surface_get_width(impl_->surface.get());
  const int64_t h = cairo_image_surface_get_height(impl_->surface.get());
  const unsigned char* rows = cairo_image_surface_get_data(impl_->surface.get());
  const int stride = cairo_image_surface_get_stride(impl_->surface.get());
  Tensor picture(DType::kUint8, {3, h, w});
  uint8_t* out = picture.mutable_data<uint8_t>().data();
  for (int64_t y = 0; y < h; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(rows + y * stride);
    for (int64_t x = 0; x < w; ++x) {
      for (int c = 0; c < 3; ++c) out[(c * h + y) * w + x] = static_cast<uint8_t>(row[x] >> (16 - 8 * c));
    }
  }
  return picture;
}

}  // namespace adret::plot
