#include "adret/io/onnx/sampling.h"

#include "adret/io/onnx/compose.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {

Pixels::Pixels(const Value& x) {
  std::vector<int64_t> order{0};
  Dim rows = x.shape().dim(0);
  for (int axis = 2; axis < x.rank(); ++axis) {
    order.push_back(axis);
    rows = rows * x.shape().dim(axis);
    sizes_.push_back(SizeOfAxis(x, axis, DType::kInt64));
  }
  order.push_back(1);
  rows_ = Reshape(Transpose(x, order), {rows, x.shape()[1]});
}

Value Pixels::At(const Value& image, const std::vector<Value>& index) const {
  Value row = image;
  for (size_t i = 0; i < index.size(); ++i) row = row * sizes_[i] + index[i];
  return Gather(rows_, row, 0);
}

Value Interpolate(const Pixels& pixels, const Value& image, const std::vector<Taps>& taps) {
  Value sum;
  std::vector<size_t> chosen(taps.size(), 0);
  while (true) {
    std::vector<Value> index;
    Value weight;
    for (size_t i = 0; i < taps.size(); ++i) {
      const Tap& tap = taps[i][chosen[i]];
      index.push_back(tap.index);
      if (tap.weight.graph() != nullptr) weight = weight.graph() == nullptr ? tap.weight : weight * tap.weight;
    }
    Value pixel = pixels.At(image, index);
    if (weight.graph() != nullptr) pixel = pixel * Unsqueeze(weight, {1});
    sum = sum.graph() == nullptr ? pixel : sum + pixel;
    size_t i = 0;
    while (i < taps.size() && ++chosen[i] == taps[i].size()) chosen[i++] = 0;
    if (i == taps.size()) return sum;
  }
}

Taps LinearTaps(const Value& place, const Value& size) {
  const Value below = FloorToInteger(StopGradient(place)), rest = place - Cast(below, place.dtype());
  Taps taps;
  for (int k = 0; k < 2; ++k) {
    const Value index = below + k, clipped = Clip(index, 0, size - 1);
    taps.push_back({clipped, Where(Equal(index, clipped), k == 0 ? 1.0 - rest : rest, 0.0)});
  }
  return taps;
}

}  // namespace adret::onnx
