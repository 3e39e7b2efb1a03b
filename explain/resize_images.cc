#include "adret/explain/resize_images.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/ops/matmul.h"

namespace adret::explain {
namespace {

// Row i holds what each of `from` pixels along an axis contributes to pixel i of `to`: f64 [to,from].
Tensor Weights(int64_t from, int64_t to) {
  Tensor weights = Tensor::Zeros(DType::kFloat64, {to, from});
  double* w = weights.mutable_data<double>().data();
  const double scale = static_cast<double>(from) / static_cast<double>(to), reach = std::max(scale, 1.0);
  for (int64_t i = 0; i < to; ++i, w += from) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    double sum = 0;
    for (int64_t k = 0; k < from; ++k) {
      const double distance = std::abs(static_cast<double>(k) + 0.5 - centre) / reach;
      w[k] = std::max(0.0, 1 - distance);
      sum += w[k];
    }
    for (int64_t k = 0; k < from; ++k) w[k] /= sum;
  }
  return weights;
}

}  // namespace

absl::StatusOr<Tensor> ResizeImages(const Tensor& images, int64_t height, int64_t width) {
  constexpr int64_t kMost = int64_t{1} << 16;
  if (!IsFloating(images.dtype()) || images.rank() != 4 || images.num_elements() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("images to resize are f32 or f64 [n, channels, height, width], not ", images.type().ToString()));
  }
  if (height < 1 || width < 1 || height > kMost || width > kMost) {
    return absl::InvalidArgumentError(absl::StrCat("images cannot be resized to ", height, " x ", width));
  }
  if (images.shape()[2] == height && images.shape()[3] == width) return images;
  Graph graph;
  const auto constant = [&](const Tensor& weights) { return graph.Constant(weights.Cast(images.dtype())); };
  const Value rows = constant(Weights(images.shape()[2], height)),
              columns = constant(Weights(images.shape()[3], width));
  return Evaluate(MatMul(MatMul(rows, graph.Constant(images)), columns, {.transpose_b = true}));
}

}  // namespace adret::explain
