// Poolings: maxima, means and norms of windows and of whole images.
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/compose.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/windows.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/pad.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/pool_nd.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// ---- Maxima -----------------------------------------------------------------------------------------------------

Value MaxWindows(const Value& x, const Windows& w) {
  if (w.axes() == 1) {
    return MaxPool1d(x, {.kernel = w.kernel[0],
                         .stride = w.stride[0],
                         .padding = Padding1d::Explicit(Array<1>(w.before), Array<1>(w.after)),
                         .dilation = w.dilation[0],
                         .ceil_mode = w.ceil});
  }
  if (w.axes() == 2) {
    return MaxPool2d(x, {.kernel = Array<2>(w.kernel),
                         .stride = Array<2>(w.stride),
                         .padding = Padding::Explicit(w.before[0], w.before[1], w.after[0], w.after[1]),
                         .dilation = Array<2>(w.dilation),
                         .ceil_mode = w.ceil});
  }
  return MaxPool3d(x, {.kernel = Array<3>(w.kernel),
                       .stride = Array<3>(w.stride),
                       .padding = Padding3d::Explicit(Array<3>(w.before), Array<3>(w.after)),
                       .dilation = Array<3>(w.dilation),
                       .ceil_mode = w.ceil});
}

// Maxima along the first of two axes that images [N, C, n, 1] have.
MaxPool2dResult AlongFirst(const Value& x, const Windows& w) {
  return MaxPool2dWithArgmax(x, {.kernel = {w.kernel[0], 1},
                                 .stride = {w.stride[0], 1},
                                 .padding = Padding::Explicit(w.before[0], 0, w.after[0], 0),
                                 .dilation = {w.dilation[0], 1},
                                 .ceil_mode = w.ceil});
}

MaxPool2dResult AlongTwo(const Value& x, const Windows& w, int first) {
  return MaxPool2dWithArgmax(
      x, {.kernel = {w.kernel[first], w.kernel[first + 1]},
          .stride = {w.stride[first], w.stride[first + 1]},
          .padding = Padding::Explicit(w.before[first], w.before[first + 1], w.after[first], w.after[first + 1]),
          .dilation = {w.dilation[first], w.dilation[first + 1]},
          .ceil_mode = w.ceil});
}

// Returns maxima and, as i64, where in their channels they are, row by row. The sizes of x are known.
MaxPool2dResult MaxWithPlaces(const Value& x, const Windows& w) {
  const auto place = [](const Value& argmax) { return argmax.valid() ? Cast(argmax, DType::kInt64) : argmax; };
  if (w.axes() == 1) {
    const MaxPool2dResult r = AlongFirst(Unsqueeze(x, {3}), w);
    if (!r.y.valid()) return r;
    return {Squeeze(r.y, {3}), place(Squeeze(r.argmax, {3}))};
  }
  if (w.axes() == 2) {
    const MaxPool2dResult r = AlongTwo(x, w, 0);
    return {r.y, place(r.argmax)};
  }
  // Slices first, then along the depth, as MaxPool3d does.
  const Shape& s = x.shape();
  const MaxPool2dResult slices = AlongTwo(Reshape(x, {s[0], s.dim(1) * s.dim(2), s[3], s[4]}), w, 1);
  if (!slices.y.valid()) return slices;
  const int64_t height = slices.y.shape()[2], width = slices.y.shape()[3], plane = height * width;
  const MaxPool2dResult r = AlongFirst(Reshape(slices.y, {s[0], s[1], s[2], plane}), w);
  if (!r.y.valid()) return r;
  const int64_t depth = r.y.shape()[2];
  const Value of_depth = place(Reshape(r.argmax, {s[0], s[1], depth * plane}));
  const Value of_slice = GatherElements(place(Reshape(slices.argmax, {s[0], s[1], s.dim(2) * plane})), of_depth, 2);
  const Shape result{s[0], s[1], depth, height, width};
  return {Reshape(r.y, result), Reshape(of_depth / plane * (s[3] * s[4]) + of_slice, result)};
}

// Turns places that are counted row by row into ones that are counted with the first axis innermost.
Value FirstAxisInnermost(const Value& place, const Shape& x) {
  std::vector<Value> along(x.rank() - 2);
  Value rest = place;
  for (int i = x.rank() - 3; i >= 0; --i) {
    const Value quotient = rest / x[2 + i];
    along[i] = rest - quotient * x[2 + i];
    rest = quotient;
  }
  Value result = along[0];
  int64_t step = 1;
  for (size_t i = 1; i < along.size(); ++i) {
    step *= x[1 + static_cast<int>(i)];
    result = result + along[i] * step;
  }
  return result;
}

// Indices count through all images and channels.
Value InAllChannels(const Value& place, const Shape& x) {
  int64_t pixels = 1;
  for (int axis = 2; axis < x.rank(); ++axis) pixels *= x[axis];
  Shape channels{x[0], x[1]};
  for (int axis = 2; axis < x.rank(); ++axis) channels.push_back(1);
  return place + Reshape(Positions(place.graph(), x.dim(0) * x.dim(1)) * pixels, channels);
}

Results MaxPoolFrom(Call& c) {
  const DType dtype = c.x(0).dtype();
  const bool integers = dtype == DType::kInt8 || dtype == DType::kUint8;
  const Value x = integers ? Cast(c.x(0), DType::kFloat32) : c.x(0);
  AD_ASSIGN_OR_RETURN(Windows w, ReadWindows(c, x));
  if (x.shape().is_symbolic()) {
    AD_ASSIGN_OR_RETURN(w, WithoutCeil(w, x.shape()));  // padding is never a maximum
  }
  const int64_t storage_order = c.Int("storage_order", 0);
  if (storage_order != 0 && storage_order != 1) return c.Error("storage_order must be 0 or 1");
  const auto given = [&](const Value& y) { return integers ? Cast(y, dtype) : y; };
  if (!c.wants(1)) {
    return Values{given(MaxWindows(PadOpen(x, w, -std::numeric_limits<double>::infinity()), w))};
  }
  for (int axis = 2; axis < x.rank(); ++axis) {
    if (x.shape()[axis] < 0) {
      return c.Unsupported("Indices need sizes that are known while the file is read, but x is ", x.type().ToString());
    }
  }
  const MaxPool2dResult r = MaxWithPlaces(x, w);
  if (!r.y.valid()) return Values{r.y};
  const Value place = storage_order == 1 ? FirstAxisInnermost(r.argmax, x.shape()) : r.argmax;
  return Values{given(r.y), InAllChannels(place, x.shape())};
}

Results MaxUnpoolFrom(Call& c) {
  const Value x = c.x(0), indices = c.x(1);
  AD_ASSIGN_OR_RETURN(const Windows w, ReadWindows(c, x));
  if (indices.shape() != x.shape()) return c.Error("the indices must have x's shape");
  Shape shape{x.shape()[0], x.shape()[1]};
  Dim elements = x.shape().dim(0) * x.shape().dim(1);
  for (int i = 0; i < w.axes(); ++i) {
    const Dim size = (x.shape().dim(2 + i) - 1) * w.stride[i] + (w.kernel[i] - w.before[i] - w.after[i]);
    if (size.number().value_or(0) < 0) return c.Error("the result would have a negative size");
    shape.push_back(size), elements = elements * size;
  }
  const auto flat = [](const Value& v) { return Reshape(v, Shape{v.shape().num_elements()}); };
  if (absl::Status status = shape.Validate(); !status.ok()) return status;
  Value y = Reshape(Scatter(Filled(x.graph(), x.dtype(), 0, {elements}), flat(indices), flat(x)), shape);
  if (!c.has(2)) return Values{y};
  AD_ASSIGN_OR_RETURN(const std::vector<Dim> wanted, c.KnownDims(2));
  if (static_cast<int>(wanted.size()) != x.rank()) return c.Error("output_shape must have ", x.rank(), " numbers");
  PadAttrs pad{.before = std::vector<int64_t>(x.rank(), 0), .after = {}};
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::optional<int64_t> more = (wanted[axis] - shape.dim(axis)).number();
    if (more.value_or(-1) < 0) return c.Unsupported("output_shape must not be smaller than ", shape.ToString());
    pad.after.push_back(*more);
  }
  return Values{Pad(y, pad)};
}

// ---- Means and norms --------------------------------------------------------------------------------------------

// Returns how many elements each window covers: all that are there after padding, or those of x only. A number for each
// place along axis i, to be multiplied with those of the other axes.
absl::StatusOr<Value> Covered(const Value& x, const Windows& w, int i, bool include) {
  AD_ASSIGN_OR_RETURN(const int64_t places, Places(w, x.shape(), i));
  if (places > kMaxWindow) return absl::UnimplementedError("the image has too many windows");
  const int64_t first = include ? 0 : w.before[i];
  const int64_t end = w.before[i] + x.shape()[2 + i] + (include ? w.after[i] : 0);
  Shape shape{places};
  for (int axis = 3 + i; axis < x.rank(); ++axis) shape.push_back(1);
  Tensor counts(DType::kFloat64, shape);
  const auto below = [&](int64_t limit, int64_t start) {  // elements of a window before a limit
    if (limit <= start) return int64_t{0};
    return std::min(w.kernel[i], (limit - start - 1) / w.dilation[i] + 1);
  };
  for (int64_t p = 0; p < places; ++p) {
    const int64_t start = p * w.stride[i];
    counts.mutable_data<double>()[p] = static_cast<double>(below(end, start) - below(first, start));
  }
  return x.graph()->Constant(counts.Cast(x.dtype()));
}

Results DilatedAverage(const Value& x, const Windows& w, bool include) {
  AD_ASSIGN_OR_RETURN(const Windows full, WithoutCeil(w, x.shape()));
  Value y = SumWindows(x, full);
  for (int axis = 2; axis < x.rank(); ++axis) {
    if (x.shape()[axis] >= 0) continue;
    if (include) return Values{y / static_cast<double>(w.kernel_elements())};
    return Values{y / SumWindows(OnesLike(x), full)};
  }
  for (int i = 0; i < w.axes(); ++i) {
    AD_ASSIGN_OR_RETURN(const Value covered, Covered(x, w, i, include));
    y = y / covered;
  }
  return Values{y};
}

Results AveragePoolFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(Windows w, ReadWindows(c, x));
  const bool include = c.Int("count_include_pad", 0) != 0;
  if (x.shape().is_symbolic() && !include) {
    AD_ASSIGN_OR_RETURN(w, WithoutCeil(w, x.shape()));  // padding is not counted
  }
  if (w.open.empty()) {
    if (w.dilated()) return DilatedAverage(x, w, include);
    return Values{AverageWindows(x, w, include)};
  }
  // Where only a run knows what is padding, it is averaged with the image, and what it took away is given back.
  const auto average = [&](const Value& v) { return SumWindows(PadOpen(v, w, 0), w); };
  if (include) return Values{average(x) / static_cast<double>(w.kernel_elements())};
  return Values{average(x) / average(OnesLike(x))};
}

// Returns |x|^p.
Value AbsPower(const Value& x, double p) {
  if (p == 2) return Square(x);
  return p == 1 ? Abs(x) : Pow(Abs(x), p);
}

// Reads p, which was a number before it was an integer.
absl::StatusOr<double> ReadP(Call& c) {
  const double p = c.version() < 2 ? c.Float("p", 2) : static_cast<double>(c.Int("p", 2));
  if (!(p > 0) || !std::isfinite(p)) return c.Error("p must be positive, but is ", p);
  return p;
}

Results LpPoolFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const double p, ReadP(c));
  AD_ASSIGN_OR_RETURN(Windows w, ReadWindows(c, x));
  AD_ASSIGN_OR_RETURN(w, WithoutCeil(w, x.shape()));
  return Values{Root(SumWindows(PadOpen(AbsPower(x, p), w, 0), w), p)};
}

// ---- Whole images -----------------------------------------------------------------------------------------------

// Returns x, which must have axes behind the channels.
absl::StatusOr<Value> Images(Call& c) {
  const Value x = c.x(0);
  if (x.rank() < 3) return c.Error("x must have axes behind batch and channels, but is ", x.type().ToString());
  return x;
}

Results GlobalAveragePoolFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value x, Images(c));
  return Values{Mean(x, {.axes = AxesFrom(x, 2), .keepdims = true})};
}
Results GlobalMaxPoolFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value x, Images(c));
  return Values{Max(x, {.axes = AxesFrom(x, 2), .keepdims = true})};
}
Results GlobalLpPoolFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value x, Images(c));
  AD_ASSIGN_OR_RETURN(const double p, ReadP(c));
  const ReduceAttrs all{.axes = AxesFrom(x, 2), .keepdims = true};
  return Values{p == 2 ? Norm(x, all) : Root(Sum(AbsPower(x, p), all), p)};
}

const OperatorRegistration kPoolings({
    {.name = "AveragePool", .since = 1, .from = AveragePoolFrom, .note = "in one, two and three dimensions"},
    {.name = "MaxPool",
     .since = 1,
     .from = MaxPoolFrom,
     .note = "in one, two and three dimensions; with Indices, sizes but the batch must be known"},
    {.name = "MaxUnpool", .since = 9, .from = MaxUnpoolFrom},
    {.name = "LpPool", .since = 1, .from = LpPoolFrom, .note = "in one, two and three dimensions"},
    {.name = "GlobalAveragePool", .since = 1, .from = GlobalAveragePoolFrom},
    {.name = "GlobalMaxPool", .since = 1, .from = GlobalMaxPoolFrom},
    {.name = "GlobalLpPool", .since = 1, .from = GlobalLpPoolFrom},
});

}  // namespace
}  // namespace adret::onnx
