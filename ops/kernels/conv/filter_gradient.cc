#include "adret/ops/kernels/conv/filter_gradient.h"

#include <algorithm>
#include <cmath>

#include "adret/core/parallel.h"
#include "adret/ops/kernels/conv/taps.h"

namespace adret::kernels {
namespace {

constexpr int64_t kElementsPerChunk = 1 << 16;
constexpr int64_t kProductsPerTask = 1 << 16;

// Element (k, c, r, q) of dw: c counts in the group of filter k.
template <class T>
T Element(const Conv2dShape& s, const T* x, const T* dy, int64_t k, int64_t c, int64_t r, int64_t q) {
  const int64_t channel = k / (s.filters / s.groups) * (s.channels / s.groups) + c;
  T sum = 0;
  for (int64_t n = 0; n < s.batch; ++n) {
    const T* gradient = dy + (n * s.filters + k) * s.out_height * s.out_width;
    const T* image = x + (n * s.channels + channel) * s.height * s.width;
    for (int64_t i = 0; i < s.out_height && !std::isnan(sum); ++i, gradient += s.out_width) {
      const int64_t h = i * s.stride_h + r * s.dilation_h - s.pad_top;
      const int64_t first = q * s.dilation_w - s.pad_left;
      for (int64_t j = 0; j < s.out_width; ++j) {
        const int64_t v = first + j * s.stride_w;
        const bool inside = h >= 0 && h < s.height && v >= 0 && v < s.width;
        sum += gradient[j] * (inside ? image[h * s.width + v] : T{0});
      }
    }
  }
  return sum;
}

}  // namespace

template <class T>
void RecomputeNonFinite(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const int64_t taps = s.kernel_h * s.kernel_w, channels = s.channels / s.groups;
  const int64_t products = std::max<int64_t>(s.batch * s.out_height * s.out_width, 1);
  const int64_t grain = std::max<int64_t>(kProductsPerTask / products, 1);
  ParallelFor(s.filters * channels * taps, kElementsPerChunk, [&](int64_t begin, int64_t end) {
    if (AllFinite(dw + begin, end - begin)) return;
    ParallelFor(end - begin, grain, [&](int64_t first, int64_t last) {
      for (int64_t e = begin + first; e < begin + last; ++e) {
        if (std::isfinite(dw[e])) continue;
        const int64_t tap = e % taps;
        dw[e] = Element(s, x, dy, e / (taps * channels), e / taps % channels, tap / s.kernel_w, tap % s.kernel_w);
      }
    });
  });
}

template void RecomputeNonFinite<float>(const Conv2dShape&, const float*, const float*, float*);
template void RecomputeNonFinite<double>(const Conv2dShape&, const double*, const double*, double*);

}  // namespace adret::kernels
