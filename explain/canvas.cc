#include "adret/explain/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/status.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

// Row k of Waves(n) has frequency (k + 1) / 2 / n cycles per pixel.
double Frequency(int64_t k, int64_t n) { return static_cast<double>((k + 1) / 2) / static_cast<double>(n); }

// An orthonormal basis of n numbers, f64 [n,n]: a constant, then a cosine and a sine of each frequency.
Tensor Waves(int64_t n) {
  Tensor waves(DType::kFloat64, {n, n});
  double* w = waves.mutable_data<double>().data();
  for (int64_t k = 0; k < n; ++k) {
    const bool alone = k == 0 || (n % 2 == 0 && k == n - 1);  // its sine is zero
    const double amplitude = std::sqrt((alone ? 1.0 : 2.0) / static_cast<double>(n));
    for (int64_t i = 0; i < n; ++i) {
      const double angle = 2 * M_PI * Frequency(k, n) * static_cast<double>(i);
      w[k * n + i] = amplitude * (k % 2 == 1 || k == 0 ? std::cos(angle) : std::sin(angle));
    }
  }
  return waves;
}

// f(frequency) for each wave of an image, f64 [height,width].
template <class F>
Tensor Spectrum(int64_t height, int64_t width, F&& f) {
  Tensor spectrum(DType::kFloat64, {height, width});
  for (int64_t i = 0; i < height * width; ++i) {
    spectrum.mutable_data<double>()[i] = f(std::hypot(Frequency(i / width, height), Frequency(i % width, width)));
  }
  return spectrum;
}

// 1 / f^decay, with a mean square of 1. The constant counts as the lowest frequency there is.
Tensor Amplitudes(int64_t height, int64_t width, double decay) {
  const double lowest = 1.0 / static_cast<double>(std::max(height, width));
  Tensor amplitudes = Spectrum(height, width, [&](double f) { return std::pow(std::max(f, lowest), -decay); });
  double sum = 0;
  for (const double a : amplitudes.data<double>()) sum += a * a;
  const double scale = std::sqrt(static_cast<double>(height * width) / sum);
  for (double& a : amplitudes.mutable_data<double>()) a *= scale;
  return amplitudes;
}

// Lucid's color_correlation_svd_sqrt over the largest norm of its columns, or the inverse of that.
constexpr std::array<double, 9> kColours = {0.26, 0.09, 0.02, 0.27, 0.00, -0.05, 0.27, -0.09, 0.03};

Tensor ColourMatrix(bool inverse) {
  double norm = 0;
  for (int column = 0; column < 3; ++column) {
    norm = std::max(norm, std::hypot(kColours[column], kColours[3 + column], kColours[6 + column]));
  }
  std::array<double, 9> m{};
  for (int i = 0; i < 9; ++i) m[i] = kColours[i] / norm;
  if (!inverse) return Tensor::From<double>({3, 3}, absl::MakeConstSpan(m.data(), m.size()));
  const auto minor = [&](int r, int c) {
    const int r0 = (r + 1) % 3, r1 = (r + 2) % 3, c0 = (c + 1) % 3, c1 = (c + 2) % 3;
    return m[r0 * 3 + c0] * m[r1 * 3 + c1] - m[r0 * 3 + c1] * m[r1 * 3 + c0];
  };
  const double determinant = m[0] * minor(0, 0) + m[1] * minor(0, 1) + m[2] * minor(0, 2);
  Tensor result(DType::kFloat64, {3, 3});
  for (int i = 0; i < 9; ++i) result.mutable_data<double>()[i] = minor(i % 3, i / 3) / determinant;
  return result;
}

// Every pixel's colour times a matrix: a convolution of one pixel.
Value MixColours(Value images, bool inverse) {
  const Tensor matrix = ColourMatrix(inverse).Cast(images.dtype()).Reshaped({3, 3, 1, 1});
  return Conv2d(images, images.graph()->Constant(matrix));
}

// waves^T z waves, or its inverse waves z waves^T, for each plane.
Value Transformed(Value z, bool inverse) {
  Graph* graph = z.graph();
  const Value rows = graph->Constant(Waves(z.shape()[2]).Cast(z.dtype()));
  const Value columns = graph->Constant(Waves(z.shape()[3]).Cast(z.dtype()));
  return MatMul(MatMul(rows, z, {.transpose_a = !inverse}), columns, {.transpose_b = inverse});
}

// The planes blurred, with their edges continued.
Value GaussianBlur(Value images, double sigma) {
  const Shape& shape = images.shape();
  const int64_t radius = std::max<int64_t>(1, std::llround(std::ceil(3 * sigma)));
  std::vector<double> bell(2 * radius + 1);
  double sum = 0;
  for (int64_t i = -radius; i <= radius; ++i) {
    sum += bell[i + radius] = std::exp(-static_cast<double>(i * i) / (2 * sigma * sigma));
  }
  for (double& b : bell) b /= sum;
  const Value column =
      images.graph()->Constant(Tensor::From<double>({1, 1, 2 * radius + 1, 1}, bell).Cast(images.dtype()));
  const Value planes = Reshape(images, {shape[0] * shape[1], 1, shape[2], shape[3]});
  const Value framed = Pad(planes, {.before = {0, 0, radius, radius}, .after = {0, 0, radius, radius}, .mode = "edge"});
  return Reshape(Conv2d(Conv2d(framed, column), Reshape(column, {1, 1, 1, 2 * radius + 1})), shape);
}

absl::Status Check(const Type& images, const CanvasOptions& o) {
  const auto bad = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat("canvas: ", parts...)); };
  if (!IsFloating(images.dtype) || images.shape.rank() != 4 || images.shape.is_symbolic() ||
      images.shape.num_elements() == 0) {
    return bad("images are f32 or f64 [n, channels, height, width], not ", images.ToString());
  }
  if (o.decorrelate && images.shape[1] != 3) {
    return bad("only images of 3 channels have colours to decorrelate; these have ", images.shape[1]);
  }
  if (!(o.lo < o.hi) || !std::isfinite(o.lo) || !std::isfinite(o.hi)) {
    return bad("the darkest pixel, ", o.lo, ", must be below the brightest, ", o.hi);
  }
  if (!std::isfinite(o.level) || !(o.noise >= 0) || !std::isfinite(o.noise)) {
    return bad("images cannot start as ", o.level, " with noise of ", o.noise);
  }
  constexpr int64_t kMostWaves = 4096;
  if (o.basis == Basis::kFourier && std::max(images.shape[2], images.shape[3]) > kMostWaves) {
    return bad("Fourier's basis takes sides of up to ", kMostWaves, " pixels; these images are ", images.ToString());
  }
  if (!(o.decay >= 0 && o.decay <= 8)) return bad("the spectrum's decay must be in [0, 8], but is ", o.decay);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Canvas> Canvas::Create(Graph* graph, const Type& images, const CanvasOptions& options) {
  AD_RETURN_IF_ERROR(Check(images, options));
  Canvas canvas;
  canvas.options_ = options;
  canvas.type_ = images;
  std::string name = "canvas";
  while (graph->Contains(graph->scope() + name)) name += "_";
  canvas.parameters_ = graph->Variable(name, Tensor::Zeros(images.dtype, images.shape));
  canvas.images_ = canvas.Decode(canvas.parameters_);
  AD_RETURN_IF_ERROR(graph->status());
  return canvas;
}

Value Canvas::Decode(Value z) const {
  const int64_t height = type_.shape[2], width = type_.shape[3];
  if (options_.basis == Basis::kFourier) {
    z = Transformed(z * z.graph()->Constant(Amplitudes(height, width, options_.decay).Cast(z.dtype())), false);
  }
  if (options_.decorrelate) z = MixColours(z, /*inverse=*/false);
  if (options_.bounds == Bounds::kSigmoid) return options_.lo + (options_.hi - options_.lo) * Sigmoid(z);
  if (options_.bounds == Bounds::kNone || Clips()) return z;
  return Clip(z, {.min = options_.lo, .max = options_.hi});
}

// True where parameters are pixels, which are kept within the bounds themselves.
bool Canvas::Clips() const {
  return options_.bounds == Bounds::kClip && options_.basis == Basis::kPixels && !options_.decorrelate;
}

Value Canvas::Encode(Value x) const {
  constexpr double kNearly = 1e-3;
  if (options_.bounds == Bounds::kSigmoid) {
    const Value share = Clip((x - options_.lo) / (options_.hi - options_.lo), {.min = kNearly, .max = 1 - kNearly});
    x = Log(share / (1.0 - share));
  }
  if (options_.decorrelate) x = MixColours(x, /*inverse=*/true);
  if (options_.basis == Basis::kFourier) {
    const Tensor amplitudes = Amplitudes(type_.shape[2], type_.shape[3], options_.decay);
    x = Transformed(x, /*inverse=*/true) / x.graph()->Constant(amplitudes.Cast(x.dtype()));
  }
  return x;
}

Value Canvas::Bounded(Value next) const {
  return Clips() ? Clip(next, {.min = options_.lo, .max = options_.hi}) : next;
}

Value Canvas::Inward(Value slope) const {
  if (!Clips()) return slope;
  const Value outward = LogicalOr(LogicalAnd(LessEqual(parameters_, options_.lo), Less(slope, 0.0)),
                                  LogicalAnd(GreaterEqual(parameters_, options_.hi), Greater(slope, 0.0)));
  return Where(outward, 0.0, slope);
}

Value Canvas::Blurred(Value z, double sigma) const {
  constexpr double kLeast = 0.05;  // what is narrower moves nothing to the next pixel
  if (sigma < kLeast) return z;
  if (options_.basis == Basis::kPixels) return GaussianBlur(z, sigma);
  // What a Gaussian does to a wave of frequency f.
  const Tensor passed =
      Spectrum(type_.shape[2], type_.shape[3], [&](double f) { return std::exp(-2 * std::pow(M_PI * sigma * f, 2)); });
  return z * z.graph()->Constant(passed.Cast(z.dtype()));
}

absl::StatusOr<Tensor> Canvas::ParametersOf(const Tensor& images) const {
  if (images.type() != type_) {
    return absl::InvalidArgumentError(absl::StrCat("images to start from are ", images.type().ToString(), ", but ",
                                                   type_.ToString(), " are to be found"));
  }
  Graph graph;
  return Evaluate(Encode(graph.Constant(images)));
}

absl::StatusOr<Tensor> Canvas::Start(uint64_t seed, int64_t first) const {
  AD_ASSIGN_OR_RETURN(const Tensor even, ParametersOf(Tensor::Full(type_.dtype, type_.shape, options_.level)));
  Tensor start = even.Clone();
  const int64_t n = type_.shape[0], each = type_.shape.num_elements() / n;
  VisitFloating(type_.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* z = start.template mutable_data<T>().data();
    for (int64_t i = 0; i < n; ++i) {
      RandomStream random(seed, static_cast<uint32_t>(first + i));
      for (int64_t k = 0; k < each; ++k, ++z) {
        const double noise = options_.basis == Basis::kFourier ? random.Normal() : random.Uniform(-1, 1);
        *z += static_cast<T>(options_.noise * noise);
        if (Clips()) *z = std::clamp(*z, static_cast<T>(options_.lo), static_cast<T>(options_.hi));
      }
    }
  });
  return start;
}

}  // namespace adret::explain
