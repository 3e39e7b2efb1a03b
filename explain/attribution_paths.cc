// The methods that gather gradients at many places around an image.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/random.h"
#include "adret/explain/attribution_internal.h"

namespace adret::explain {
namespace {

absl::StatusOr<CopyRunner> SlopeRunner(const AttributionProblem& problem) {
  return CopyRunner::Create(problem, Gradients(problem.f.y, {problem.f.images})[0]);
}

// ---- Noise ---------------------------------------------------------------------------------------------------------

// Standard normal numbers for each sample: given, or drawn from a sequence of the sample's own.
class Noise {
 public:
  static absl::StatusOr<Noise> Create(const AttributionProblem& problem) {
    const std::optional<Tensor>& given = problem.options.given_noise;
    const Shape expected{problem.options.samples, problem.channels(), problem.height(), problem.width()};
    if (!given.has_value() || (IsFloating(given->dtype()) && given->shape() == expected)) {
      return Noise(problem.options);
    }
    return absl::InvalidArgumentError(absl::StrCat("attribution: given noise must be floating-point ",
                                                   expected.ToString(), ", but is ", given->type().ToString()));
  }

  // pixels += scale * the numbers of a sample.
  void Add(int64_t sample, double scale, absl::Span<double> pixels) const {
    if (options_->given_noise.has_value()) {
      const std::vector<double> numbers = Row(*options_->given_noise, sample);
      for (size_t i = 0; i < pixels.size(); ++i) pixels[i] += scale * numbers[i];
      return;
    }
    RandomStream random(RandomKey{options_->seed, /*stream=*/0, static_cast<uint64_t>(sample)});
    for (double& pixel : pixels) pixel += scale * random.Normal();
  }

 private:
  explicit Noise(const AttributeOptions& options) : options_(&options) {}
  const AttributeOptions* options_;
};

// Mean and sum of squared deviations of each element, gathered sample by sample (Welford 1962).
struct Moments {
  explicit Moments(int64_t size) : mean(size), squares(size) {}
  void Add(absl::Span<const double> sample) {
    ++count;
    for (size_t i = 0; i < mean.size(); ++i) {
      const double before = sample[i] - mean[i];
      mean[i] += before / count;
      squares[i] += before * (sample[i] - mean[i]);
    }
  }
  std::vector<double> mean, squares;
  double count = 0;
};

double Range(const std::vector<double>& pixels) {
  const auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
  return *high - *low;
}

// Moments of the slope at x + N(0, (noise * range of x)^2): Smilkov et al. 2017, the unnumbered equation of section 3.
// Copy 0 is the image itself, for its value.
template <class F>
absl::StatusOr<Attribution> NoisySlopes(const AttributionProblem& problem, F&& summarise) {
  AD_ASSIGN_OR_RETURN(const Noise noise, Noise::Create(problem));
  AD_ASSIGN_OR_RETURN(CopyRunner runner, SlopeRunner(problem));
  Attribution result = NewAttribution(problem, problem.channels());
  for (int64_t image = 0; image < problem.num_images(); ++image) {
    const double scale = problem.options.noise * Range(Row(problem.images, image));
    Moments moments(problem.image_size());
    AD_RETURN_IF_ERROR(runner.Run(
        image, problem.options.samples + 1,
        [&](int64_t k, absl::Span<double> pixels) {
          if (k > 0) noise.Add(k - 1, scale, pixels);
        },
        [&](int64_t k, double y, absl::Span<const double> slope) {
          if (k == 0) return result.values.push_back(y);
          moments.Add(slope);
        }));
    StoreRow(summarise(moments), &result.maps, image);
  }
  return result;
}

// ---- A path --------------------------------------------------------------------------------------------------------

struct Quadrature {
  std::vector<double> nodes, weights;
};

// Gauss and Legendre's quadrature on [0, 1]: exact for polynomials of degree 2n - 1. Nodes are the roots of the
// Legendre polynomial P_n, found by Newton's method from Tricomi's estimate; weights are 1 / ((1 - z^2) P_n'(z)^2).
Quadrature GaussLegendre(int64_t n) {
  Quadrature result;
  for (int64_t k = n; k-- > 0;) {
    double z = std::cos(std::numbers::pi * (k + 0.75) / (n + 0.5)), slope = 0, step = 1;
    for (int i = 0; i < 20 && std::abs(step) > 1e-15; ++i) {
      double p = 1, before = 0;  // P_j(z), P_{j-1}(z)
      for (int64_t j = 0; j < n; ++j) before = std::exchange(p, ((2 * j + 1) * z * p - j * before) / (j + 1));
      slope = n * (z * p - before) / (z * z - 1);
      step = p / slope;
      z -= step;
    }
    result.nodes.push_back((1 + z) / 2);
    result.weights.push_back(1 / ((1 - z * z) * slope * slope));
  }
  return result;
}

double RelativeError(double found, double expected) {
  const double error = std::abs(found - expected);
  if (error == 0) return 0;
  return expected == 0 ? std::numeric_limits<double>::infinity() : error / std::abs(expected);
}

}  // namespace

absl::StatusOr<Attribution> AttributeSmoothGrad(const AttributionProblem& problem) {
  return NoisySlopes(problem, [](const Moments& moments) { return moments.mean; });
}

absl::StatusOr<Attribution> AttributeVarGrad(const AttributionProblem& problem) {
  return NoisySlopes(problem, [](const Moments& moments) {
    std::vector<double> variance = moments.squares;
    for (double& square : variance) square /= moments.count;
    return variance;
  });
}

// (x - b) * the integral of dy/dx at b + t (x - b) over t in [0, 1]: Sundararajan et al. 2017, equation 1. Copies 0 and
// 1 are the image and the baseline, for their values.
absl::StatusOr<Attribution> AttributeIntegratedGradients(const AttributionProblem& problem) {
  AD_ASSIGN_OR_RETURN(const Tensor baselines, Baselines(problem));
  AD_ASSIGN_OR_RETURN(CopyRunner runner, SlopeRunner(problem));
  const Quadrature path = GaussLegendre(problem.options.steps);
  Attribution result = NewAttribution(problem, problem.channels());
  for (int64_t image = 0; image < problem.num_images(); ++image) {
    const std::vector<double> x = Row(problem.images, image), b = Row(baselines, image % baselines.shape()[0]);
    std::vector<double> map(x.size());
    double at_image = 0, at_baseline = 0, sum = 0;
    const auto place = [&](int64_t k) { return k == 0 ? 1.0 : k == 1 ? 0.0 : path.nodes[k - 2]; };
    AD_RETURN_IF_ERROR(runner.Run(
        image, problem.options.steps + 2,
        [&](int64_t k, absl::Span<double> pixels) {
          const double t = place(k);
          for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = t == 1 ? x[i] : b[i] + t * (x[i] - b[i]);
        },
        [&](int64_t k, double y, absl::Span<const double> slope) {
          if (k < 2) {
            (k == 0 ? at_image : at_baseline) = y;
            return;
          }
          for (size_t i = 0; i < map.size(); ++i) map[i] += path.weights[k - 2] * slope[i];
        }));
    for (size_t i = 0; i < map.size(); ++i) sum += map[i] *= x[i] - b[i];
    StoreRow(map, &result.maps, image);
    result.values.push_back(at_image);
    result.completeness_errors.push_back(RelativeError(sum, at_image - at_baseline));
  }
  return result;
}

}  // namespace adret::explain
