// Images read where values say: grids, and convolutions whose windows are bent.
#include <cmath>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/compose.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/sampling.h"
#include "adret/io/onnx/windows.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/layout.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- GridSample -------------------------------------------------------------------------------------------------

enum class Outside { kZeros, kBorder, kReflection };

// One axis of the images, as numbers of the dtype of the grid.
struct GridAxis {
  Value size;       // i64
  Value low, high;  // places outside are out of the image
  Outside outside;
};

// Mirrors places at both ends until they are inside.
Value Reflect(const Value& place, const GridAxis& a) {
  const Value range = Where(Equal(a.high, a.low), 1.0, a.high - a.low);
  const Value beyond = Where(Less(place, a.low), a.low - place, place - a.high);
  const Value turns = Cast(StopGradient(beyond / range), DType::kInt64);
  const Value rest = beyond - Cast(turns, place.dtype()) * range;
  const Value even = Equal(turns - (turns / 2) * 2, 0);
  const Value at_low = LogicalXor(Less(place, a.low), LogicalNot(even));
  const Value inside = Where(at_low, a.low + rest, a.high - rest);
  return Where(LogicalOr(Less(place, a.low), Greater(place, a.high)), inside, place);
}

// Brings places that lie out of the image into it, where the mode says so.
Value BringInside(const Value& place, const GridAxis& a) {
  if (a.outside == Outside::kReflection) return Reflect(place, a);
  if (a.outside == Outside::kZeros) return place;
  const Value clipped = Clip(place, 0.0, Cast(a.size - 1, place.dtype()));
  return Where(LogicalOr(Less(place, a.low), Greater(place, a.high)), clipped, place);
}

// Returns a pixel that is really there for an index that may lie outside, and counts it there.
Tap TapAt(const Value& index, const Value& weight, const GridAxis& a) {
  Value there = index;
  if (a.outside == Outside::kReflection) there = Cast(Reflect(Cast(index, a.low.dtype()), a), DType::kInt64);
  const Value clipped = Clip(there, 0, a.size - 1);
  if (a.outside != Outside::kZeros) return {clipped, weight};
  return {clipped, Where(Equal(index, clipped), weight, 0.0)};
}

// Returns the weights of the four pixels around a place, which is `rest` behind the second (Keys 1981, a = -0.75).
std::vector<Value> CubicWeights(const Value& rest) {
  constexpr double a = -0.75;
  const auto far = [&](const Value& d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const auto near = [&](const Value& d) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; };
  return {far(rest + 1.0), near(rest), near(1.0 - rest), far(2.0 - rest)};
}

// Returns what points at `place` along one axis read.
absl::StatusOr<Taps> TapsOf(Call& c, const std::string& mode, Value place, const GridAxis& a) {
  if (mode == "nearest") {
    const Value index = Cast(BringInside(RoundToEven(place), a), DType::kInt64);
    return Taps{TapAt(index, OnesLike(place), a)};
  }
  // As in PyTorch, a cubic curve goes on outside, where it reads the pixels of the border.
  const bool cubic = mode == "cubic" || mode == "bicubic";
  if (!cubic || a.outside == Outside::kReflection) place = BringInside(place, a);
  const Value below = FloorToInteger(StopGradient(place)), rest = place - Cast(below, place.dtype());
  Taps taps;
  if (mode == "linear" || mode == "bilinear") {
    taps = {TapAt(below, 1.0 - rest, a), TapAt(below + 1, rest, a)};
  } else if (cubic) {
    const std::vector<Value> weights = CubicWeights(rest);
    for (int k = 0; k < 4; ++k) taps.push_back(TapAt(below + (k - 1), weights[k], a));
  } else {
    return c.Error("mode must be linear, nearest or cubic");
  }
  return taps;
}

// Returns the number of the image for each of `points` points of every image: i64[N * points].
Value ImageOfPoint(Graph* graph, const Dim& images, const Dim& points) {
  return Reshape(BroadcastTo(Unsqueeze(Positions(graph, images), {1}), {images, points}), {images * points});
}

// Turns rows [N * points, C] into [N, C, places..].
Value ToImages(const Value& rows, const Shape& places) {
  if (!rows.valid()) return rows;
  Shape shape = places;
  shape.push_back(rows.shape()[1]);
  std::vector<int64_t> order{0, places.rank()};
  for (int axis = 1; axis < places.rank(); ++axis) order.push_back(axis);
  return Transpose(Reshape(rows, shape), order);
}

absl::StatusOr<Outside> ReadOutside(Call& c) {
  const std::string mode = c.String("padding_mode", "zeros");
  if (mode == "zeros") return Outside::kZeros;
  if (mode == "border") return Outside::kBorder;
  if (mode == "reflection") return Outside::kReflection;
  return c.Error("padding_mode must be zeros, border or reflection");
}

absl::Status CheckGrid(Call& c, const Value& x, const Value& grid) {
  const int n = x.rank() - 2;
  if (!IsFloating(x.dtype()) || n < 1 || n > 3 || grid.rank() != x.rank() || !IsFloating(grid.dtype()) ||
      grid.shape()[n + 1] != n || !MayBeEqual(grid.shape()[0], x.shape()[0]) || x.shape()[1] < 0) {
    return c.Unsupported("expects floating-point x [N, C, ...] with one to three axes behind and a grid [N, ..., ", n,
                         "], but they are ", x.type().ToString(), " and ", grid.type().ToString());
  }
  for (int axis = 2; axis < x.rank(); ++axis) {
    if (x.shape()[axis] == 0) return c.Error("x has no pixels");
  }
  return absl::OkStatus();
}

Results GridSampleFrom(Call& c) {
  const Value x = c.x(0);
  const std::string mode = c.String("mode", "linear");
  const bool aligned = c.Int("align_corners", 0) != 0;
  AD_ASSIGN_OR_RETURN(const Outside outside, ReadOutside(c));
  AD_RETURN_IF_ERROR(CheckGrid(c, x, c.x(1)));
  const Value grid = c.x(1).dtype() == x.dtype() ? c.x(1) : Cast(c.x(1), x.dtype());
  const int n = x.rank() - 2;
  const Shape places(grid.shape().dims().first(n + 1));
  Dim points(1);
  for (int axis = 1; axis <= n; ++axis) points = points * places.dim(axis);
  const Dim images = places.dim(0);
  const Value flat = Reshape(grid, {images * points, n});
  const Pixels pixels(x);
  std::vector<Taps> taps;
  for (int i = 0; i < n; ++i) {
    const Value size = Cast(pixels.size(i), x.dtype()), zero = ZerosLike(size);
    const GridAxis axis{pixels.size(i), aligned ? zero : zero - 0.5, aligned ? size - 1.0 : size - 0.5, outside};
    const Value along = Squeeze(Slice(flat, 1, n - 1 - i, n - i), {1});  // the last axis comes first
    const Value place = aligned ? (along + 1.0) * 0.5 * (size - 1.0) : ((along + 1.0) * size - 1.0) * 0.5;
    AD_ASSIGN_OR_RETURN(Taps of_axis, TapsOf(c, mode, place, axis));
    taps.push_back(std::move(of_axis));
  }
  return Values{ToImages(Interpolate(pixels, ImageOfPoint(x.graph(), images, points), taps), places)};
}

// ---- AffineGrid -------------------------------------------------------------------------------------------------

Results AffineGridFrom(Call& c) {
  const Value theta = c.x(0);
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> size, c.KnownDims(1));
  const int n = static_cast<int>(size.size()) - 2;
  if ((n != 2 && n != 3) || theta.rank() != 3 || theta.shape()[1] != n || theta.shape()[2] != n + 1 ||
      !IsFloating(theta.dtype())) {
    return c.Error("expects theta [N, 2, 3] and four sizes or [N, 3, 4] and five, but theta is ",
                   theta.type().ToString(), " and there are ", size.size(), " sizes");
  }
  const bool aligned = c.Int("align_corners", 0) != 0;
  Shape places{theta.shape()[0]};
  int64_t points = 1;
  for (int i = 0; i < n; ++i) {
    const int64_t along = size[2 + i].number().value_or(0);
    if (along < 1 || along > kMaxWindow / points) {
      return c.Unsupported(
          "sizes of the grid must be known while the file is read, positive and of 2^24 points at most");
    }
    points *= along, places.push_back(along);
  }
  places.push_back(n);
  // The points of the grid, the last axis first, and 1.
  Tensor grid(DType::kFloat64, {points, n + 1});
  for (int64_t p = 0; p < points; ++p) {
    double* const at = grid.mutable_data<double>().data() + p * (n + 1);
    int64_t rest = p;
    for (int i = n - 1; i >= 0; --i) {
      const int64_t along = places[1 + i], k = rest % along;
      rest /= along;
      const double share = static_cast<double>(k);
      at[n - 1 - i] = aligned ? (along == 1 ? -1 : 2 * share / static_cast<double>(along - 1) - 1)
                              : (2 * share + 1) / static_cast<double>(along) - 1;
    }
    at[n] = 1;
  }
  const Value moved = MatMul(theta.graph()->Constant(grid.Cast(theta.dtype())), theta, {.transpose_b = true});
  return Values{Reshape(moved, places)};
}

// ---- DeformConv -------------------------------------------------------------------------------------------------

struct Deform {
  Windows windows = {};
  Shape x = {}, filters = {};
  int64_t groups = 1, offset_groups = 1;
  Dim height = {}, width = {};  // of the result
};

absl::StatusOr<Deform> ReadDeform(Call& c) {
  const Value x = c.x(0), filters = c.x(1), offset = c.x(2);
  if (x.rank() != 4 || filters.rank() != 4 || offset.rank() != 4 || filters.shape().is_symbolic() ||
      !IsFloating(x.dtype()) || x.shape()[1] < 1 || x.shape()[2] == 0 || x.shape()[3] == 0) {
    return c.Unsupported("expects images [N, C, H, W], filters of a known shape and offsets, but they are ",
                         x.type().ToString(), ", ", filters.type().ToString(), " and ", offset.type().ToString());
  }
  Deform d{.x = x.shape(), .filters = filters.shape()};
  d.groups = c.Int("group", 1), d.offset_groups = c.Int("offset_group", 1);
  AD_ASSIGN_OR_RETURN(d.windows, ReadWindows(c, x, {d.filters[2], d.filters[3]}));
  AD_ASSIGN_OR_RETURN(const int64_t height, Places(d.windows, d.x, 0));
  AD_ASSIGN_OR_RETURN(const int64_t width, Places(d.windows, d.x, 1));
  d.height = Dim::Of(height), d.width = Dim::Of(width);
  const int64_t channels = d.x[1];
  if (d.groups < 1 || channels % d.groups != 0 || d.filters[0] % d.groups != 0 || d.filters[1] != channels / d.groups) {
    return c.Error("groups, channels and filters do not fit");
  }
  if (d.offset_groups < 1 || channels % d.offset_groups != 0) {
    return c.Error(d.offset_groups, " groups of offsets do not divide ", channels, " channels");
  }
  const int64_t taps = d.windows.kernel_elements() * d.offset_groups;
  if (offset.shape() != Shape{d.x[0], 2 * taps, height, width}) {
    return c.Error("the offsets must be ", Shape{d.x[0], 2 * taps, height, width}.ToString(), ", but are ",
                   offset.type().ToString());
  }
  if (c.has(4) && c.x(4).shape() != Shape{d.x[0], taps, height, width}) {
    return c.Error("the mask must be ", Shape{d.x[0], taps, height, width}.ToString());
  }
  return d;
}

// Returns where the taps of all windows are along axis i without offsets: [kernel, kernel, height, width], of sizes 1
// where they do not depend on an axis.
Value UnbentPlaces(Graph* graph, const Deform& d, int i, DType dtype) {
  const Windows& w = d.windows;
  Shape per_place{1, 1, 1, 1}, per_tap{1, 1, 1, 1};
  const Dim places = i == 0 ? d.height : d.width;
  per_place.set(2 + i, places), per_tap.set(i, w.kernel[i]);
  const Value start = Reshape(Positions(graph, places) * w.stride[i] - w.before[i], per_place);
  return Cast(start + Reshape(Positions(graph, Dim(w.kernel[i])) * w.dilation[i], per_tap), dtype);
}

// Samples what each tap of each window sees: [N, C * kernel, height * width], by the channels first.
Value Columns(Call& c, const Deform& d) {
  const Value x = c.x(0), offset = c.x(2);
  Graph* graph = x.graph();
  const Windows& w = d.windows;
  const int64_t channels = d.x[1] / d.offset_groups, taps = w.kernel_elements();
  const Dim images = d.x.dim(0) * d.offset_groups, places = d.height * d.width, points = places * taps;
  const Pixels pixels(Reshape(x, {images, channels, d.x[2], d.x[3]}));
  const Value bent = Reshape(offset, {images, w.kernel[0], w.kernel[1], 2, d.height, d.width});
  std::vector<Taps> of_axis;
  for (int i = 0; i < 2; ++i) {
    const Value moved = Squeeze(Slice(bent, 3, i, i + 1), {3}) + UnbentPlaces(graph, d, i, x.dtype());
    of_axis.push_back(LinearTaps(Reshape(moved, {images * points}), pixels.size(i)));
  }
  Value rows = Interpolate(pixels, ImageOfPoint(graph, images, points), of_axis);
  if (c.has(4)) rows = rows * Reshape(c.x(4), {images * points, 1});
  const Value columns = Transpose(Reshape(rows, {images, points, channels}), {0, 2, 1});
  return Reshape(columns, {d.x[0], d.x[1] * taps, places});
}

Results DeformConvFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Deform d, ReadDeform(c));
  const int64_t filters = d.filters[0], inputs = d.filters[1] * d.windows.kernel_elements();
  const Value columns = Columns(c, d);
  if (!columns.valid()) return Values{columns};
  const Dim places = d.height * d.width;
  Value y;
  if (d.groups == 1) {
    y = MatMul(Reshape(c.x(1), {filters, inputs}), columns);
  } else {
    y = MatMul(Reshape(c.x(1), {d.groups, filters / d.groups, inputs}),
               Reshape(columns, {d.x[0], d.groups, inputs, places}));
  }
  y = Reshape(y, {d.x[0], filters, d.height, d.width});
  if (!c.has(3)) return Values{y};
  if (c.x(3).shape() != Shape{filters}) return c.Error("the bias must be ", Shape{filters}.ToString());
  return Values{y + Reshape(c.x(3), {filters, 1, 1})};
}

const OperatorRegistration kSamplers({
    {.name = "GridSample",
     .since = 16,
     .from = GridSampleFrom,
     .gradient = "mode nearest is constant in the grid but for jumps",
     .note = "floating-point images of one to three axes"},
    {.name = "AffineGrid", .since = 20, .from = AffineGridFrom, .note = "sizes must be known"},
    {.name = "DeformConv", .since = 19, .from = DeformConvFrom, .note = "in two dimensions"},
});

}  // namespace
}  // namespace adret::onnx
