#include "adret/explain/resize_images.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

namespace adret::explain {
namespace {

// What pixels along an axis contribute to one pixel of the new size: weights of consecutive ones, from `first` on.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights = {};
};

std::vector<Taps> TapsOf(int64_t from, int64_t to) {
  std::vector<Taps> all(to);
  const double scale = static_cast<double>(from) / static_cast<double>(to), reach = std::max(scale, 1.0);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const int64_t last = std::min(from - 1, static_cast<int64_t>(std::floor(centre + reach)));
    all[i].first = std::max<int64_t>(0, static_cast<int64_t>(std::ceil(centre - reach)));
    double sum = 0;
    for (int64_t k = all[i].first; k <= last; ++k) {
      all[i].weights.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(k) - centre) / reach));
      sum += all[i].weights.back();
    }
    for (double& weight : all[i].weights) weight /= sum;
  }
  return all;
}

// One axis of images: `lines` times `length` groups of `inner` numbers become as many groups as there are taps. What
// has no weight does not count, so that a NaN stays where it is.
template <class T>
void ResizeAxis(const T* from, int64_t length, T* to, const std::vector<Taps>& taps, int64_t lines, int64_t inner) {
  for (int64_t line = 0; line < lines; ++line, from += length * inner) {
    for (const Taps& pixel : taps) {
      for (int64_t k = 0; k < inner; ++k) {
        double sum = 0;
        const T* at = from + pixel.first * inner + k;
        for (const double weight : pixel.weights) {
          if (weight != 0) sum += weight * static_cast<double>(*at);
          at += inner;
        }
        *to++ = static_cast<T>(sum);
      }
    }
  }
}

}  // namespace

absl::StatusOr<Tensor> ResizeImages(const Tensor& images, int64_t height, int64_t width) {
  constexpr int64_t kMost = int64_t{1} << 16, kMostNumbers = int64_t{1} << 28;
  if (!IsFloating(images.dtype()) || images.rank() != 4 || images.num_elements() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("images to resize are f32 or f64 [n, channels, height, width], not ", images.type().ToString()));
  }
  if (height < 1 || width < 1 || height > kMost || width > kMost) {
    return absl::InvalidArgumentError(absl::StrCat("images cannot be resized to ", height, " x ", width));
  }
  if (images.shape()[2] == height && images.shape()[3] == width) return images;
  const Shape& shape = images.shape();
  const int64_t planes = shape[0] * shape[1];
  if (planes > kMostNumbers / (std::max(height, shape[2]) * width)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("images ", images.type().ToString(), " at ", height, " x ", width, " are beyond 2^28 numbers"));
  }
  Tensor wide(images.dtype(), {shape[0], shape[1], shape[2], width});
  Tensor result(images.dtype(), {shape[0], shape[1], height, width});
  const std::vector<Taps> rows = TapsOf(shape[2], height), columns = TapsOf(shape[3], width);
  VisitFloating(images.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    ResizeAxis(images.data<T>().data(), shape[3], wide.mutable_data<T>().data(), columns, planes * shape[2], 1);
    ResizeAxis(wide.data<T>().data(), shape[2], result.mutable_data<T>().data(), rows, planes, width);
  });
  return result;
}

}  // namespace adret::explain
