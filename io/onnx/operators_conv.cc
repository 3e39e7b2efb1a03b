// Convolutions.
#include <algorithm>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/windows.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/concat.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/gather.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// Returns the sizes of filters behind their first two axes.
std::vector<int64_t> KernelOf(const Value& filters) {
  const absl::Span<const int64_t> dims = filters.shape().dims();
  return dims.size() < 3 ? std::vector<int64_t>{0} : std::vector<int64_t>(dims.begin() + 2, dims.end());
}

// Adds a number for each channel.
Results AddBias(Call& c, const Value& y, int input) {
  if (!c.has(input) || !y.valid()) return Values{y};
  const Value bias = c.x(input);
  if (bias.rank() != 1 || bias.shape()[0] != y.shape()[1]) {
    return c.Error("the bias must be ", Shape{y.shape()[1]}.ToString(), ", but is ", bias.type().ToString());
  }
  Shape shape = bias.shape();
  for (int axis = 2; axis < y.rank(); ++axis) shape.push_back(1);
  return Values{y + Reshape(bias, shape)};
}

// A convolution with as many channels as a run says: what the gradient of filters is written as, whose sum runs over a
// batch. x [C, groups * N, H, W], filters [K, N, R, S]; stride and dilation are exchanged.
Results GradientOfFilters(Call& c, const Value& x, const Value& filters, const Windows& w) {
  const Shape &s = x.shape(), &f = filters.shape();
  const int64_t groups = c.Int("group", 1);
  if (groups < 1 || groups > kMaxWindow || s.dim(1) != f.dim(1) * groups || s[0] < 1 || f[0] < 1) {
    return c.Error("the filters do not fit (x ", x.type().ToString(), ", filters ", filters.type().ToString(), ")");
  }
  std::vector<int64_t> size;
  for (int i = 0; i < 2; ++i) {
    AD_ASSIGN_OR_RETURN(const int64_t places, Places(w, s, i));
    const int64_t unread = s[2 + i] + w.before[i] + w.after[i] - w.extent(i) - (places - 1) * w.stride[i];
    if (places < 0 || unread >= w.dilation[i]) {
      return c.Unsupported("filters with a number of channels that only a run knows are not read here, x being ",
                           x.type().ToString());
    }
    size.push_back(places);
  }
  Value images = x;
  if (groups > 1) images = Reshape(x, {s[0] * groups, f[1], s[2], s[3]});
  images = Transpose(images, {1, 0, 2, 3});  // [N, (C, groups), H, W]
  if (groups > 1) {
    images = Transpose(Reshape(images, {f[1], s[0], groups, s[2], s[3]}), {0, 2, 1, 3, 4});
    images = Reshape(images, {f[1], groups * s[0], s[2], s[3]});
  }
  const AttrList attrs = {{"stride", w.dilation},
                          {"padding.mode", std::string("explicit")},
                          {"padding.top", w.before[0]},
                          {"padding.left", w.before[1]},
                          {"padding.bottom", w.after[0]},
                          {"padding.right", w.after[1]},
                          {"dilation", w.stride},
                          {"groups", groups},
                          {"size", size}};
  AD_ASSIGN_OR_RETURN(Attrs parsed, FindOp("conv2d_w_grad")->parse_attrs(attrs, MissingAttrs::kError));
  const Value dw = Build("conv2d_w_grad", {images, Transpose(filters, {1, 0, 2, 3})}, std::move(parsed));
  return AddBias(c, Transpose(dw, {1, 0, 2, 3}), 2);
}

Results ConvFrom(Call& c) {
  const Value x = c.x(0), filters = c.x(1);
  AD_ASSIGN_OR_RETURN(const Windows w, ReadWindows(c, x, KernelOf(filters)));
  if (x.rank() == 4 && filters.rank() == 4 && filters.shape()[1] < 0 && w.open.empty()) {
    return GradientOfFilters(c, x, filters, w);
  }
  return AddBias(c, Convolve(PadOpen(x, w, 0), filters, w, c.Int("group", 1)), 2);
}

// ---- Transposed -------------------------------------------------------------------------------------------------

// A transposed convolution along one axis: the full result is cut, or filled up with zeros, to [begin, begin + size).
struct TransposedAxis {
  Dim full, begin, size;
  int64_t output_padding;
};

// What auto_pad and output_shape leave of the full result along axis i.
absl::StatusOr<TransposedAxis> AxisOf(Call& c, const Shape& x, const Windows& w, int i, absl::string_view auto_pad,
                                      const std::vector<int64_t>& output_shape, int64_t output_padding) {
  const Dim full = (x.dim(2 + i) - 1) * w.stride[i] + w.extent(i), longest = full + output_padding;
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (output_shape.empty() && !same) {
    return TransposedAxis{full, Dim(w.before[i]), longest - (w.before[i] + w.after[i]), output_padding};
  }
  const Dim size = output_shape.empty() ? x.dim(2 + i) * w.stride[i] : Dim(output_shape[i]);
  const std::optional<int64_t> total = (longest - size).number();
  if (!total.has_value()) {
    return c.Unsupported("output_shape needs sizes that are known while the file is read, but x is ", x.ToString());
  }
  if (same && *total < 0) {
    return c.Unsupported("auto_pad with windows that are shorter than their strides is not read");
  }
  const int64_t half = *total / 2;
  const int64_t before = auto_pad == "SAME_UPPER" ? half : *total - half;
  // More than the full result is wanted: ONNX Runtime has the zeros behind.
  return TransposedAxis{full, Dim(*total < 0 ? 0 : before), size, output_padding};
}

// Returns part [begin, begin + size) of an axis, with zeros behind what is there.
Value CutOrFill(const Value& full, int axis, const TransposedAxis& a) {
  if (!full.valid()) return full;
  const Dim end = a.begin + a.size;
  Value y = full;
  if (const std::optional<int64_t> beyond = (end - a.full).number(); beyond.value_or(0) > 0) {
    PadAttrs pad{.before = std::vector<int64_t>(y.rank(), 0), .after = std::vector<int64_t>(y.rank(), 0)};
    pad.after[axis] = *beyond;
    y = Pad(y, pad);
    if (!y.valid()) return y;
  }
  return Narrow(y, axis, a.begin, a.size);
}

// The full result: nothing is cut off.
Value Transposed2d(const Value& x, const Value& filters, const Windows& w, int64_t groups) {
  return ConvTranspose2d(x, filters,
                         {.stride = Array<2>(w.stride), .dilation = Array<2>(w.dilation), .groups = groups});
}

// Slices become images, and slices of the filters channels; each result is added to the slice where it belongs.
Value Transposed3d(const Value& x, const Value& filters, const Windows& w, int64_t groups) {
  const Shape &s = x.shape(), &f = filters.shape();
  const int64_t depth = s[2], taps = w.kernel[0], channels = f[1];
  const Value images = Reshape(Transpose(x, {0, 2, 1, 3, 4}), {s.dim(0) * depth, s[1], s[3], s[4]});
  const Value flat = Reshape(Transpose(filters, {0, 2, 1, 3, 4}), {f[0], taps * channels, f[3], f[4]});
  const Windows plane{.kernel = {w.kernel[1], w.kernel[2]},
                      .stride = {w.stride[1], w.stride[2]},
                      .dilation = {w.dilation[1], w.dilation[2]}};
  Value y = Transposed2d(images, flat, plane, groups);
  if (!y.valid()) return y;
  const int64_t height = y.shape()[2], width = y.shape()[3];
  y = Reshape(y, {s[0], depth, groups, taps, channels, height, width});
  y = Reshape(Transpose(y, {0, 1, 3, 2, 4, 5, 6}), {s[0], depth * taps, groups * channels, height, width});
  if (!y.valid()) return y;
  Tensor places(DType::kInt64, {depth * taps});
  for (int64_t i = 0; i < depth * taps; ++i) {
    places.mutable_data<int64_t>()[i] = i / taps * w.stride[0] + i % taps * w.dilation[0];
  }
  Shape full = y.shape();
  full.set(1, (depth - 1) * w.stride[0] + w.extent(0));
  const Value zeros = BroadcastTo(x.graph()->Constant(Tensor::Scalar(x.dtype(), 0)), full);
  return Transpose(ScatterAdd(zeros, x.graph()->Constant(places), y, 1), {0, 2, 1, 3, 4});
}

// The usual case: adret's op cuts by itself.
bool IsDirect(const std::vector<TransposedAxis>& axes, const Windows& w, std::vector<int64_t>* after) {
  for (int i = 0; i < w.axes(); ++i) {
    const TransposedAxis& a = axes[i];
    if (a.output_padding >= w.stride[i]) return false;
    const std::optional<int64_t> cut = (a.full + a.output_padding - a.begin - a.size).number();
    if (!cut.has_value() || *cut < 0 || *cut > kMaxWindow || a.begin.number().value_or(kMaxWindow) >= kMaxWindow) {
      return false;
    }
    after->push_back(*cut);
  }
  return w.axes() < 3;
}

Value Transposed(const Value& x, const Value& filters, Windows w, const std::vector<TransposedAxis>& axes,
                 int64_t groups) {
  std::vector<int64_t> after;
  const bool direct = IsDirect(axes, w, &after);
  const int last = w.axes() - 1;
  if (w.axes() == 3) {
    Value y = Transposed3d(x, filters, w, groups);
    for (int i = 0; i < 3; ++i) y = CutOrFill(y, 2 + i, axes[i]);
    return y;
  }
  // A sound is an image of one row.
  const bool sound = w.axes() == 1;
  const Value images = sound ? Unsqueeze(x, {2}) : x, flat = sound ? Unsqueeze(filters, {2}) : filters;
  const auto two = [&](const std::vector<int64_t>& v, int64_t first) {
    return std::array<int64_t, 2>{sound ? first : v[0], v[last]};
  };
  ConvTranspose2dAttrs attrs{.stride = two(w.stride, 1), .dilation = two(w.dilation, 1), .groups = groups};
  if (direct) {
    const int64_t top = sound ? 0 : *axes[0].begin.number(), left = *axes[last].begin.number();
    attrs.padding = Padding::Explicit(top, left, sound ? 0 : after[0], after[last]);
    attrs.output_padding = {sound ? 0 : axes[0].output_padding, axes[last].output_padding};
  }
  Value y = ConvTranspose2d(images, flat, attrs);
  if (sound && y.valid()) y = Squeeze(y, {2});
  for (int i = 0; i < w.axes() && !direct; ++i) y = CutOrFill(y, 2 + i, axes[i]);
  return y;
}

Results ConvTransposeFrom(Call& c) {
  const Value x = c.x(0), filters = c.x(1);
  const std::string auto_pad = c.String("auto_pad", "NOTSET");
  const int n = x.rank() - 2;
  AD_ASSIGN_OR_RETURN(Windows w, ReadWindows(c, x, KernelOf(filters)));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> output_padding, PerAxis(c, "output_padding", n, 0, 0));
  std::vector<int64_t> output_shape = c.Ints("output_shape");
  // Some files name the batch and the channels, too.
  if (static_cast<int>(output_shape.size()) == n + 2)
    output_shape.erase(output_shape.begin(), output_shape.begin() + 2);
  if (!output_shape.empty() && static_cast<int>(output_shape.size()) != n) {
    return c.Error("output_shape must have ", n, " numbers, but has ", output_shape.size());
  }
  const int64_t groups = c.Int("group", 1);
  if (groups < 1 || groups > kMaxWindow) return c.Error("group must be in [1, 2^24], but is ", groups);
  if (filters.shape().is_symbolic() || x.shape()[1] != filters.shape()[0] || filters.shape()[0] % groups != 0) {
    return c.Error("the filters must have a known shape whose first size is x's number of channels (x ",
                   x.type().ToString(), ", filters ", filters.type().ToString(), ")");
  }
  if (n == 3 && (x.shape()[2] < 1 || x.shape()[2] > kMaxWindow)) {
    return c.Unsupported("the depth must be known while the file is read, but x is ", x.type().ToString());
  }
  std::vector<TransposedAxis> axes;
  for (int i = 0; i < n; ++i) {
    if (x.shape()[2 + i] == 0) return c.Error("x has no pixels");
    AD_ASSIGN_OR_RETURN(const TransposedAxis axis,
                        AxisOf(c, x.shape(), w, i, auto_pad, output_shape, output_padding[i]));
    if (axis.size.number().value_or(1) < 1) return c.Error("the result has no pixels along axis ", 2 + i);
    axes.push_back(axis);
  }
  return AddBias(c, Transposed(x, filters, std::move(w), axes, groups), 2);
}

// ---- Others -----------------------------------------------------------------------------------------------------

// Adds blocks along one axis of x [.., block * places, ..] to where they lie in a padded axis, and cuts the padding.
Value AddBlocks(const Value& x, int axis, const Windows& w, int i, int64_t places, int64_t size) {
  Tensor at(DType::kInt64, {w.kernel[i] * places});
  for (int64_t k = 0; k < at.num_elements(); ++k) {
    at.mutable_data<int64_t>()[k] = k / places * w.dilation[i] + k % places * w.stride[i];
  }
  Shape padded = x.shape();
  padded.set(axis, size + w.before[i] + w.after[i]);
  const Value zeros = BroadcastTo(x.graph()->Constant(Tensor::Scalar(x.dtype(), 0)), padded);
  return Slice(ScatterAdd(zeros, x.graph()->Constant(at), x, axis), axis, w.before[i], w.before[i] + size);
}

Results Col2ImFrom(Call& c) {
  const Value x = c.x(0);
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> image, c.KnownIntegers(1));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> block, c.KnownIntegers(2));
  const int n = static_cast<int>(image.size());
  if (x.rank() != 3 || x.shape()[1] < 0 || n < 1 || n > 8 || block.size() != image.size()) {
    return c.Error("x must be [N, C * block, places], and the image and the block must have as many axes");
  }
  Windows w{.kernel = block};
  AD_ASSIGN_OR_RETURN(w.stride, PerAxis(c, "strides", n, 1, 1));
  AD_ASSIGN_OR_RETURN(w.dilation, PerAxis(c, "dilations", n, 1, 1));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, PerAxis(c, "pads", 2 * n, 0, 0));
  w.before.assign(pads.begin(), pads.begin() + n), w.after.assign(pads.begin() + n, pads.end());
  Shape pixels{kAnyBatch, kAnyBatch};
  std::vector<int64_t> places;
  int64_t elements = 1, all = 1;
  for (int i = 0; i < n; ++i) {
    if (image[i] < 1 || image[i] > kMaxWindow) return c.Error("sizes of the image must be in [1, 2^24]");
    pixels.push_back(image[i]);
    AD_ASSIGN_OR_RETURN(const int64_t along, Places(w, pixels, i));
    places.push_back(along);
    if (block[i] > kMaxExtent / elements || along > kMaxExtent / all || block[i] * along > kMaxWindow) {
      return c.Error("the image has too many blocks");
    }
    elements *= block[i], all *= along;
  }
  if (x.shape()[1] % elements != 0 || x.shape()[2] != all) {
    return c.Error("blocks of ", elements, " elements at ", all, " places do not fit x, which is ",
                   x.type().ToString());
  }
  // [N, C, block.., places..] becomes [N, C, block, places, block, places, ..], and each pair an axis of the image.
  Shape split{x.shape()[0], x.shape()[1] / elements};
  std::vector<int64_t> order{0, 1};
  for (const int64_t k : block) split.push_back(k);
  for (const int64_t k : places) split.push_back(k);
  for (int i = 0; i < n; ++i) order.push_back(2 + i), order.push_back(2 + n + i);
  Value y = Transpose(Reshape(x, split), order);
  Shape joined{split[0], split[1]};
  for (int i = 0; i < n; ++i) joined.push_back(block[i] * places[i]);
  y = Reshape(y, joined);
  for (int i = 0; i < n && y.valid(); ++i) y = AddBlocks(y, 2 + i, w, i, places[i], image[i]);
  return Values{y};
}

Results CausalConvFrom(Call& c) {
  const Value x = c.x(0), filters = c.x(1);
  const std::string activation = c.String("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    return c.Error("activation must be none, silu or swish");
  }
  if (x.rank() != 3 || filters.rank() != 3 || filters.shape()[2] < 1 || x.shape()[1] < 1) {
    return c.Error("expects x [batch, channels, length] and filters [channels, 1, k], but they are ",
                   x.type().ToString(), " and ", filters.type().ToString());
  }
  const int64_t state = filters.shape()[2] - 1;
  const Value padded = c.has(3) ? Concat({c.x(3), x}, 2) : Pad(x, {.before = {0, 0, state}, .after = {0, 0, 0}});
  if (!padded.valid()) return Values{padded};
  if (c.has(3) && c.x(3).shape()[2] != state) return c.Error("the state must hold ", state, " places");
  AD_ASSIGN_OR_RETURN(Values y, AddBias(c, Conv1d(padded, filters, {.groups = x.shape()[1]}), 2));
  if (activation != "none") y[0] = Silu(y[0]);
  if (c.wants(1)) y.push_back(Narrow(padded, 2, padded.shape().dim(2) - state, Dim(state)));
  return y;
}

const OperatorRegistration kConvolutions({
    {.name = "Conv", .since = 1, .from = ConvFrom, .note = "in one, two and three dimensions"},
    {.name = "ConvTranspose",
     .since = 1,
     .from = ConvTransposeFrom,
     .note = "in one, two and three dimensions; of volumes the depth must be known"},
    {.name = "Col2Im", .since = 18, .from = Col2ImFrom},
    {.name = "CausalConvWithState", .since = 27, .from = CausalConvFrom},
});

}  // namespace
}  // namespace adret::onnx
