#include "adret/explain/penalty.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"

namespace adret::explain {
namespace {

const ReduceAttrs kEachImage{.axes = {1, 2, 3}};

// sqrt(dx^2 + dy^2 + epsilon) of forward differences, where both exist.
Value TotalVariation(Value images) {
  constexpr double kEpsilon = 1e-8;  // a slope at 0
  const int64_t height = images.shape()[2], width = images.shape()[3];
  const Value corner = Slice(Slice(images, 2, 0, height - 1), 3, 0, width - 1);
  const Value down = Slice(Slice(images, 2, 1, height), 3, 0, width - 1) - corner;
  const Value right = Slice(Slice(images, 2, 0, height - 1), 3, 1, width) - corner;
  return Sum(Sqrt(Square(down) + Square(right) + kEpsilon), kEachImage);
}

// 1 within `border` pixels of the edge, elsewhere 0: [1,1,height,width].
Value Frame(Value images, int64_t border) {
  const int64_t height = images.shape()[2], width = images.shape()[3];
  Tensor frame = Tensor::Zeros(DType::kFloat32, {1, 1, height, width});
  for (int64_t i = 0; i < height * width; ++i) {
    const int64_t y = i / width, x = i % width;
    const int64_t distance = std::min({y, x, height - 1 - y, width - 1 - x});
    frame.mutable_data<float>()[i] = distance < border ? 1 : 0;
  }
  return images.graph()->Constant(frame.Cast(images.dtype()));
}

}  // namespace

absl::Status Penalties::Check() const {
  for (const double weight : {l1, l2, total_variation, boundary, blur}) {
    if (weight >= 0 && std::isfinite(weight)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("a penalty's weight must be at least 0 and finite, but is ", weight));
  }
  if (border >= 1 && std::isfinite(background) && blur <= 1000) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a border of ", border, " pixels, a background of ", background,
                                                 " and a blur of ", blur, " pixels make no sense"));
}

Value Penalty(const Penalties& penalties, Value images) {
  const Value ink = images - penalties.background;
  Value sum;
  const auto add = [&](double weight, auto&& penalty) {
    if (weight == 0) return;
    const Value more = weight * penalty();
    sum = sum.valid() ? sum + more : more;
  };
  add(penalties.l1, [&] { return Sum(Abs(ink), kEachImage); });
  add(penalties.l2, [&] { return Sum(Square(ink), kEachImage); });
  if (images.valid() && images.shape()[2] > 1 && images.shape()[3] > 1) {
    add(penalties.total_variation, [&] { return TotalVariation(images); });
  }
  add(penalties.boundary, [&] { return Sum(Square(ink) * Frame(images, penalties.border), kEachImage); });
  return sum.valid() ? sum : Sum(0.0 * images, kEachImage);
}

Value GramMatrices(Value values) {
  if (!values.valid()) return values;
  const Shape& shape = values.shape();
  int64_t places = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) places *= shape[axis];
  const Value flat = Reshape(values, {shape[0], shape[1], places});
  return MatMul(flat, flat, {.transpose_b = true});
}

Value Likeness(Value layer, absl::Span<const Objective> objectives) {
  constexpr double kEpsilon = 1e-12;
  if (!layer.valid()) return layer;
  const int64_t n = layer.shape()[0], channels = layer.shape()[1];
  std::vector<double> share(n * n, 0);  // 1 / how many others have the objective of image i, where j is one of them
  for (int64_t i = 0; i < n; ++i) {
    const auto alike = [&](int64_t j) { return j != i && objectives[j].name == objectives[i].name; };
    int64_t others = 0;
    for (int64_t j = 0; j < n; ++j) others += alike(j);
    for (int64_t j = 0; j < n; ++j) share[i * n + j] = alike(j) ? 1 / static_cast<double>(others) : 0;
  }
  const Value grams = Reshape(GramMatrices(layer), {n, channels * channels});
  const Value unit = grams / Sqrt(Sum(Square(grams), {.axes = {1}, .keepdims = true}) + kEpsilon);
  const Value cosines = MatMul(unit, unit, {.transpose_b = true});
  const Value shares = layer.graph()->Constant(Tensor::From<double>({n, n}, share).Cast(layer.dtype()));
  return Sum(cosines * shares, {.axes = {1}});
}

}  // namespace adret::explain
