#include "adret/explain/transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/pad.h"
#include "adret/ops/random.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

// 0, 1, ..., n - 1.
Value Indices(Graph* graph, int64_t n) {
  return Range(graph, {.dtype = DType::kInt64, .limit = static_cast<double>(n)});
}

// A whole number in [0, n), drawn at each step: i64 [].
Value RandomIndex(Graph* graph, int64_t n) {
  return Cast(RandomUniform(graph, DType::kFloat64, {}, {.hi = static_cast<double>(n)}), DType::kInt64);
}

// One of the numbers, drawn at each step: a scalar of this dtype.
Value RandomChoice(Graph* graph, const std::vector<double>& numbers, DType dtype) {
  const int64_t n = static_cast<int64_t>(numbers.size());
  const Value all = graph->Constant(Tensor::From<double>({n}, numbers).Cast(dtype));
  return Gather(all, RandomIndex(graph, n));
}

// The pixel coordinates along one axis of all pixels of an image, from its centre: [height * width].
Value Coordinates(Graph* graph, int64_t height, int64_t width, int axis, DType dtype) {
  std::vector<double> coordinates;
  for (int64_t i = 0; i < height * width; ++i) {
    const int64_t at = axis == 0 ? i / width : i % width, size = axis == 0 ? height : width;
    coordinates.push_back(static_cast<double>(at) - static_cast<double>(size - 1) / 2);
  }
  return graph->Constant(Tensor::From<double>({height * width}, coordinates).Cast(dtype));
}

// A place between two pixels along an axis: index of the first, of the second, and how near to the second it is.
struct Between {
  Value first, second, fraction;
};

Between Locate(Value coordinate, int64_t size) {
  const double last = static_cast<double>(size - 1);
  const Value inside = Clip(coordinate + last / 2, {.min = 0, .max = last});
  const Value first = Cast(inside, DType::kInt64);
  return {first, Minimum(first + 1, size - 1), inside - Cast(first, coordinate.dtype())};
}

// images at the pixels (y, x), coordinates from the centre [height * width] each: interpolated bilinearly.
Value Sample(Value images, Value y, Value x) {
  const Shape& shape = images.shape();
  const int64_t height = shape[2], width = shape[3];
  const Value flat = Reshape(images, {shape[0], shape[1], height * width});
  const Between row = Locate(y, height), column = Locate(x, width);
  const auto at = [&](Value i, Value j) { return Gather(flat, i * width + j, /*axis=*/2); };
  const auto mix = [](Value a, Value b, Value fraction) { return a + fraction * (b - a); };
  const Value above = mix(at(row.first, column.first), at(row.first, column.second), column.fraction);
  const Value below = mix(at(row.second, column.first), at(row.second, column.second), column.fraction);
  return Reshape(mix(above, below, row.fraction), shape);
}

}  // namespace

Transform Pad(int64_t pixels, double value) {
  return [=](Value images) {
    return adret::Pad(images, {.before = {0, 0, pixels, pixels}, .after = {0, 0, pixels, pixels}, .value = value});
  };
}

Transform Jitter(int64_t pixels) {
  return [=](Value images) {
    Graph* graph = images.graph();
    for (const int axis : {2, 3}) {
      const int64_t rest = images.valid() ? images.shape()[axis] - pixels : 0;
      if (rest < 1 || pixels < 0) {
        graph->Fail(absl::InvalidArgumentError(
                        absl::StrCat("Jitter: ", pixels, " pixels of images ", images.type().ToString())),
                    std::source_location());
        return Value(graph, {});
      }
      images = Gather(images, Indices(graph, rest) + RandomIndex(graph, pixels + 1), axis);
    }
    return images;
  };
}

Transform Roll(int64_t pixels) {
  return [=](Value images) {
    Graph* graph = images.graph();
    for (const int axis : {2, 3}) {
      const int64_t n = images.shape()[axis], most = std::min(pixels, n - 1);
      if (most <= 0) continue;
      // At most n - 1 either way: once round.
      const Value moved = Indices(graph, n) + (RandomIndex(graph, 2 * most + 1) - most);
      const Value wrapped = Where(Less(moved, 0), moved + n, Where(GreaterEqual(moved, n), moved - n, moved));
      images = Gather(images, wrapped, axis);
    }
    return images;
  };
}

Transform Scale(std::vector<double> factors) {
  return [factors = std::move(factors)](Value images) {
    Graph* graph = images.graph();
    const int64_t height = images.shape()[2], width = images.shape()[3];
    const Value factor = RandomChoice(graph, factors, images.dtype());
    return Sample(images, Coordinates(graph, height, width, 0, images.dtype()) / factor,
                  Coordinates(graph, height, width, 1, images.dtype()) / factor);
  };
}

Transform Rotate(std::vector<double> degrees) {
  return [degrees = std::move(degrees)](Value images) {
    Graph* graph = images.graph();
    const int64_t height = images.shape()[2], width = images.shape()[3];
    const Value angle = RandomChoice(graph, degrees, images.dtype()) * (M_PI / 180);
    const Value y = Coordinates(graph, height, width, 0, images.dtype());
    const Value x = Coordinates(graph, height, width, 1, images.dtype());
    // y grows downwards: a positive angle turns anticlockwise.
    return Sample(images, Cos(angle) * y + Sin(angle) * x, Cos(angle) * x - Sin(angle) * y);
  };
}

std::vector<Transform> LucidTransforms() {
  std::vector<double> factors, degrees(5, 0.0);
  for (int i = -5; i <= 5; ++i) factors.push_back(1 + i / 50.0);
  for (int i = -10; i <= 10; ++i) degrees.push_back(i);
  return {Pad(12), Jitter(8), Scale(factors), Rotate(degrees), Jitter(4)};
}

Value ApplyTransforms(const std::vector<Transform>& transforms, Value images) {
  for (const Transform& transform : transforms) {
    if (!images.valid() || !images.graph()->status().ok()) return Value(images.graph(), {});
    images = transform(images);
  }
  return images;
}

Value FitTo(Value images, int64_t height, int64_t width) {
  const int64_t sizes[] = {height, width};
  PadAttrs frame{.before = {0, 0, 0, 0}, .after = {0, 0, 0, 0}, .mode = "edge"};
  for (const int axis : {2, 3}) {
    if (!images.valid()) return images;
    const int64_t wanted = sizes[axis - 2], there = images.shape()[axis];
    if (there > wanted) images = Slice(images, axis, (there - wanted) / 2, (there - wanted) / 2 + wanted);
    if (there >= wanted) continue;
    frame.before[axis] = (wanted - there) / 2;
    frame.after[axis] = wanted - there - frame.before[axis];
  }
  return frame.after[2] + frame.after[3] == 0 ? images : adret::Pad(images, frame);
}

}  // namespace adret::explain
