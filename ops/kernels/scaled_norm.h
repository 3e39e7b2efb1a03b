// Normalisation of numbers whose squares leave the range of their type (1e30 in f32): one number at a time, in f64,
// times a power of two that brings the largest near 1. Rows and channels come here when their variance is out of range,
// which is never where numbers are as they should be.
#ifndef ADRET_OPS_KERNELS_SCALED_NORM_H_
#define ADRET_OPS_KERNELS_SCALED_NORM_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace adret::kernels {

// Is a variance not to be trusted: infinite, or so small that squares may have vanished, and not covered by epsilon?
template <class T>
bool IsOutOfRange(double mean, double variance, double epsilon) {
  constexpr double kTiny = std::numeric_limits<T>::min() * 1e9;
  return !std::isfinite(mean) || !std::isfinite(variance) || (variance < kTiny && epsilon < kTiny);
}

// The statistics of factor * x, factor a power of two.
struct ScaledNorm {
  double factor = 0;  // 0: nothing to scale, since all numbers are 0, or one is infinite or NaN
  double mean = 0, variance = 0;
  double rstd = 0;  // 1 / sqrt(variance + factor^2 epsilon)

  // Of x itself.
  double Mean() const { return mean / factor; }
  double Variance() const { return variance / factor / factor; }
  double Normal(double x) const { return (factor * x - mean) * rstd; }
};

// Of n numbers; for_each(f) calls f(i) for the place i in x of each. Not centred: the mean is taken to be 0.
template <class T, class ForEach>
ScaledNorm ScaledNormOf(const T* x, int64_t n, double epsilon, ForEach&& for_each, bool centred = true) {
  double largest = 0;
  bool finite = true;
  for_each([&](int64_t i) {
    finite &= std::isfinite(x[i]);
    largest = std::max(largest, std::abs(static_cast<double>(x[i])));
  });
  ScaledNorm s;
  if (!finite || largest == 0) return s;
  s.factor = std::ldexp(1.0, -std::max(std::ilogb(largest), -1022));
  double sum = 0, squares = 0;
  for_each([&](int64_t i) { sum += s.factor * x[i]; });
  if (centred) s.mean = sum / n;
  for_each([&](int64_t i) {
    const double difference = s.factor * x[i] - s.mean;
    squares += difference * difference;
  });
  s.variance = squares / n;
  s.rstd = 1 / std::sqrt(s.variance + epsilon * s.factor * s.factor);
  return s;
}

// What gradients need: with g = dy (times scale, where that differs from number to number) and z normalised numbers,
// dx = gain * (g - mean_g - z * mean_gz).
struct ScaledNormGrad {
  ScaledNorm norm;
  double gain = 0, mean_g = 0, mean_gz = 0;

  double Dx(double g, double z) const { return gain * (g - mean_g - z * mean_gz); }
};

}  // namespace adret::kernels

#endif  // ADRET_OPS_KERNELS_SCALED_NORM_H_
