#include "adret/io/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "adret/core/rounding.h"
#include "adret/core/status.h"

namespace adret::io {
namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 26;

template <class T>
PixelInterval RangeOf(absl::Span<const T> numbers, PixelRange range) {
  if (range == PixelRange::kUnit) return {};
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (const T x : numbers) {
    if (!std::isfinite(x)) continue;
    lo = std::min<double>(lo, x);
    hi = std::max<double>(hi, x);
  }
  if (lo > hi) return {};
  if (range == PixelRange::kSymmetric) {
    hi = std::max(std::abs(lo), std::abs(hi));
    lo = -hi;
  }
  return lo < hi ? PixelInterval{lo, hi} : PixelInterval{lo - 0.5, hi + 0.5};
}

template <class T>
void Convert(absl::Span<const T> from, PixelInterval interval, uint8_t* to) {
  const double scale = 255 / (interval.hi - interval.lo);
  for (size_t i = 0; i < from.size(); ++i) {
    const double pixel = (from[i] - interval.lo) * scale;
    to[i] = pixel > 0 ? static_cast<uint8_t>(std::min(pixel, 255.0) + 0.5) : uint8_t{0};
  }
}

template <class T>
void ConvertAll(const Tensor& images, PixelRange range, uint8_t* out) {
  const absl::Span<const T> numbers = images.data<T>();
  if (range == PixelRange::kEach) {
    const size_t n = images.shape()[0], size = n == 0 ? 0 : numbers.size() / n;
    for (size_t i = 0; i < n; ++i) {
      const absl::Span<const T> image = numbers.subspan(i * size, size);
      Convert(image, RangeOf(image, range), out + i * size);
    }
  } else {
    Convert(numbers, RangeOf(numbers, range), out);
  }
}

}  // namespace

PixelInterval IntervalOf(const Tensor& images, PixelRange range) {
  if (images.dtype() == DType::kUint8) return {0, 255};
  PixelInterval interval;
  VisitFloating(images.dtype(),
                [&](auto tag) { interval = RangeOf(images.data<typename decltype(tag)::type>(), range); });
  return interval;
}

absl::StatusOr<Tensor> ToPixels(const Tensor& images, PixelRange range) {
  if (images.dtype() == DType::kUint8) return images;
  if (!IsFloating(images.dtype()) || images.rank() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("images are u8, f32 or f64 of rank 2 or more, not ", images.type().ToString()));
  }
  Tensor pixels(DType::kUint8, images.shape());
  uint8_t* out = pixels.mutable_data<uint8_t>().data();
  VisitFloating(images.dtype(), [&](auto tag) { ConvertAll<typename decltype(tag)::type>(images, range, out); });
  return pixels;
}

int64_t GridColumns(int64_t n) {
  int64_t best = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n)))));
  int64_t least_empty = std::numeric_limits<int64_t>::max();
  for (int64_t columns = best, last = best + best / 2; columns <= last; ++columns) {
    const int64_t empty = RoundUp(n, columns) - n;
    if (empty >= least_empty) continue;
    least_empty = empty;
    best = columns;
  }
  return best;
}

absl::StatusOr<Tensor> ContactSheet(const Tensor& images, const ContactSheetOptions& options) {
  const Shape& shape = images.shape();
  if (images.rank() != 4 || images.num_elements() == 0 || shape[1] == 2 || shape[1] > 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("a contact sheet shows images [n, 1, 3 or 4, height, width], not ", images.type().ToString()));
  }
  if (options.columns < 0 || options.gap < 0 || options.scale < 1 || options.gap > 4096 || options.scale > 4096) {
    return absl::InvalidArgumentError("a contact sheet's columns and gap are at least 0, its scale at least 1");
  }
  const int64_t n = shape[0], channels = shape[1], h = shape[2], w = shape[3];
  const int64_t columns = std::min(options.columns > 0 ? options.columns : GridColumns(n), n);
  const int64_t rows = CeilDiv(n, columns);
  const int64_t step_y = h * options.scale + options.gap, step_x = w * options.scale + options.gap;
  const int64_t height = rows * step_y + options.gap, width = columns * step_x + options.gap;
  if (height > kMaxPixels / width) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a contact sheet of ", width, " x ", height, " pixels is beyond ", kMaxPixels));
  }
  AD_ASSIGN_OR_RETURN(const Tensor pixels, ToPixels(images, options.range));
  const uint8_t* from = pixels.data<uint8_t>().data();
  Tensor sheet = Tensor::Full(DType::kUint8, {channels, height, width}, options.background);
  uint8_t* to = sheet.mutable_data<uint8_t>().data();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t top = options.gap + i / columns * step_y, left = options.gap + i % columns * step_x;
    for (int64_t c = 0; c < channels; ++c, from += h * w) {
      for (int64_t y = 0; y < h * options.scale; ++y) {
        uint8_t* row = to + (c * height + top + y) * width + left;
        for (int64_t x = 0; x < w * options.scale; ++x) row[x] = from[y / options.scale * w + x / options.scale];
      }
    }
  }
  return sheet;
}

}  // namespace adret::io
