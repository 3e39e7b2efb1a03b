#include "adret/io/onnx/windows.h"

#include <algorithm>
#include <string>
#include <utility>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/narrow.h"
#include "adret/ops/pad.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/pool_nd.h"
#include "adret/ops/reshape.h"

namespace adret::onnx {
namespace {

// What auto_pad = SAME_... adds to an axis in all: ceil(size / stride) windows must fit.
int64_t SamePadding(int64_t size, int64_t stride, int64_t extent) {
  const int64_t places = size / stride + (size % stride != 0);
  return std::max<int64_t>(0, (places - 1) * stride + extent - size);
}

// Fails where a pooling's windows are so much shorter than their strides that programs differ: some begin with the
// first element, others leave elements out on both sides.
absl::Status CheckBegin(Call& c, const Windows& w, int i, int64_t size) {
  const int64_t rest = size % w.stride[i], end = rest == 0 ? size - w.stride[i] : size - rest;  // the last begin
  const int64_t left_out = size - end - w.extent(i);
  if (left_out <= 0 || (left_out == 1 && !w.lower)) return absl::OkStatus();
  return c.Unsupported("auto_pad with poolings of ", w.extent(i), " elements at strides of ", w.stride[i],
                       " is not read");
}

// Sets the padding of auto_pad = SAME_UPPER or SAME_LOWER.
absl::Status PadSame(Call& c, const Shape& x, bool pooling, Windows* w) {
  w->ceil = false;  // as many windows as whole and broken strides, in either mode
  for (int i = 0; i < w->axes(); ++i) {
    const int64_t size = x[2 + i], extent = w->extent(i), stride = w->stride[i];
    int64_t total = extent - 1;  // with a stride of 1
    if (size >= 0) {
      if (pooling) AD_RETURN_IF_ERROR(CheckBegin(c, *w, i, size));
      total = SamePadding(size, stride, extent);
    } else if (stride > 1 && (extent > 1 || (pooling && (stride > 2 || w->lower)))) {
      if (extent < stride) {
        return c.Unsupported("auto_pad with windows of ", extent, " at strides of ", stride,
                             " needs a size that is known while the file is read, but x is ", x.ToString());
      }
      w->open.push_back(i);
      total = 0;
    }
    if (total > kMaxWindow) return c.Error("auto_pad asks for ", total, " elements of padding");
    w->before[i] = w->lower ? total - total / 2 : total / 2;
    w->after[i] = total - w->before[i];
  }
  return absl::OkStatus();
}

// Reads pads and auto_pad.
absl::Status ReadPadding(Call& c, const Shape& x, bool pooling, Windows* w) {
  const int axes = w->axes();
  const std::string mode = c.String("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER" && !mode.empty()) {
    return c.Error("auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  }
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, PerAxis(c, "pads", 2 * axes, 0, 0));
  w->before.assign(axes, 0), w->after.assign(axes, 0);
  w->lower = mode == "SAME_LOWER";
  if (w->lower || mode == "SAME_UPPER") return PadSame(c, x, pooling, w);
  if (mode != "VALID") {
    w->before.assign(pads.begin(), pads.begin() + axes), w->after.assign(pads.begin() + axes, pads.end());
    return absl::OkStatus();
  }
  // The specification rounds down in either mode, and ONNX Runtime rounds up: only what is the same is read.
  for (int i = 0; i < axes && w->ceil; ++i) {
    if (x[2 + i] < 0 || (x[2 + i] - w->extent(i)) % w->stride[i] != 0) {
      return c.Unsupported("auto_pad = VALID with ceil_mode where windows stick out of the image is not read");
    }
  }
  w->ceil = false;
  return absl::OkStatus();
}

}  // namespace

int64_t Windows::kernel_elements() const {
  int64_t elements = 1;
  for (const int64_t k : kernel) elements *= k;
  return elements;
}

bool Windows::dilated() const {
  return std::any_of(dilation.begin(), dilation.end(), [](int64_t d) { return d != 1; });
}

absl::StatusOr<std::vector<int64_t>> PerAxis(Call& c, absl::string_view name, int axes, int64_t otherwise,
                                             int64_t least) {
  std::vector<int64_t> numbers = c.Ints(name);
  if (numbers.empty()) numbers.assign(axes, otherwise);
  if (static_cast<int>(numbers.size()) != axes) {
    return c.Error(name, " must have ", axes, " numbers, but has ", numbers.size());
  }
  for (const int64_t n : numbers) {
    if (n < least || n > kMaxWindow) return c.Error(name, " must be in [", least, ", 2^24], but one is ", n);
  }
  return numbers;
}

absl::StatusOr<Windows> ReadWindows(Call& c, const Value& x, std::vector<int64_t> kernel) {
  const int axes = x.rank() - 2;
  if (axes < 1 || axes > 3) {
    return c.Unsupported("x must have one, two or three axes behind batch and channels, but is ", x.type().ToString());
  }
  Windows w;
  if (kernel.empty() && !c.HasAttr("kernel_shape")) return c.Error("the attribute kernel_shape is missing");
  AD_ASSIGN_OR_RETURN(w.kernel, PerAxis(c, "kernel_shape", axes, 1, 1));
  if (!kernel.empty() && static_cast<int>(kernel.size()) != axes) {
    return c.Error("the filters must have ", axes, " axes behind the channels, as x has");
  }
  if (!kernel.empty() && c.HasAttr("kernel_shape") && !c.Ints("kernel_shape").empty() && w.kernel != kernel) {
    return c.Error("kernel_shape is another one than the filters have");
  }
  const bool pooling = kernel.empty();
  if (!pooling) w.kernel = std::move(kernel);
  // Filters of no known size are refused by the convolution.
  for (const int64_t k : w.kernel) {
    if (k < 1 || k > kMaxWindow)
      return c.Error("a kernel must have a known size in [1, 2^24], but one is ", DimText(k));
  }
  AD_ASSIGN_OR_RETURN(w.stride, PerAxis(c, "strides", axes, 1, 1));
  AD_ASSIGN_OR_RETURN(w.dilation, PerAxis(c, "dilations", axes, 1, 1));
  w.ceil = c.Int("ceil_mode", 0) != 0;
  AD_RETURN_IF_ERROR(ReadPadding(c, x.shape(), pooling, &w));
  return w;
}

Value PadOpen(const Value& x, const Windows& w, double fill) {
  Value y = x;
  for (const int i : w.open) {
    if (!y.valid()) return y;
    const int axis = 2 + i;
    const int64_t stride = w.stride[i], most = w.extent(i) / 2;
    const Dim size = y.shape().dim(axis), needed = ((size + (stride - 1)) / stride - 1) * stride + w.extent(i);
    const Dim total = needed - size, half = total / 2, before = w.lower ? total - half : half;
    PadAttrs pad{.before = std::vector<int64_t>(y.rank(), 0), .after = {}, .mode = "constant", .value = fill};
    pad.before[axis] = most;
    pad.after = pad.before;
    y = Narrow(Pad(y, pad), axis, Dim(most) - before, needed);
  }
  return y;
}

absl::StatusOr<int64_t> Places(const Windows& w, const Shape& x, int i) {
  const WindowAxis axis{x[2 + i], w.kernel[i], w.stride[i], w.dilation[i], w.before[i], w.after[i]};
  return axis.Output(absl::StrCat("axis ", 2 + i), w.ceil);
}

absl::StatusOr<Windows> WithoutCeil(Windows w, const Shape& x) {
  for (int i = 0; i < w.axes() && w.ceil; ++i) {
    if (x[2 + i] < 0) {
      // No window begins behind the image, so that none is left out.
      if (w.stride[i] > w.extent(i) - w.after[i]) {
        return absl::UnimplementedError("ceil_mode needs sizes that are known while the file is read");
      }
      w.after[i] += w.stride[i] - 1;
      continue;
    }
    AD_ASSIGN_OR_RETURN(const int64_t places, Places(w, x, i));
    const int64_t needed = (places - 1) * w.stride[i] + w.extent(i);
    w.after[i] = std::max(w.after[i], needed - x[2 + i] - w.before[i]);
  }
  w.ceil = false;
  return w;
}

Value Convolve(const Value& x, const Value& filters, const Windows& w, int64_t groups) {
  if (w.axes() == 1) {
    const Padding1d padding = Padding1d::Explicit(Array<1>(w.before), Array<1>(w.after));
    return Conv1d(x, filters, {.stride = w.stride[0], .padding = padding, .dilation = w.dilation[0], .groups = groups});
  }
  if (w.axes() == 2) {
    return Conv2d(x, filters,
                  {.stride = Array<2>(w.stride),
                   .padding = Padding::Explicit(w.before[0], w.before[1], w.after[0], w.after[1]),
                   .dilation = Array<2>(w.dilation),
                   .groups = groups});
  }
  return Conv3d(x, filters,
                {.stride = Array<3>(w.stride),
                 .padding = Padding3d::Explicit(Array<3>(w.before), Array<3>(w.after)),
                 .dilation = Array<3>(w.dilation),
                 .groups = groups});
}

Value AverageWindows(const Value& x, const Windows& w, bool include) {
  if (w.axes() == 1) {
    return AvgPool1d(x, {.kernel = w.kernel[0],
                         .stride = w.stride[0],
                         .padding = Padding1d::Explicit(Array<1>(w.before), Array<1>(w.after)),
                         .ceil_mode = w.ceil,
                         .count_include_pad = include});
  }
  if (w.axes() == 2) {
    return AvgPool2d(x, {.kernel = Array<2>(w.kernel),
                         .stride = Array<2>(w.stride),
                         .padding = Padding::Explicit(w.before[0], w.before[1], w.after[0], w.after[1]),
                         .ceil_mode = w.ceil,
                         .count_include_pad = include});
  }
  return AvgPool3d(x, {.kernel = Array<3>(w.kernel),
                       .stride = Array<3>(w.stride),
                       .padding = Padding3d::Explicit(Array<3>(w.before), Array<3>(w.after)),
                       .ceil_mode = w.ceil,
                       .count_include_pad = include});
}

Value SumWindows(const Value& x, const Windows& w) {
  if (!w.dilated()) return AverageWindows(x, w, /*include=*/true) * static_cast<double>(w.kernel_elements());
  // Each channel is an image of one, and the filter is all ones.
  Shape images{(x.shape().dim(0) * x.shape().dim(1)).code(), 1}, filter{1, 1};
  for (int i = 0; i < w.axes(); ++i) images.push_back(x.shape()[2 + i]), filter.push_back(w.kernel[i]);
  const Value y = Convolve(Reshape(x, images), x.graph()->Constant(Tensor::Full(x.dtype(), filter, 1)), w, 1);
  if (!y.valid()) return y;
  Shape sums = y.shape();
  sums.set(1, x.shape()[1]), sums.set(0, x.shape()[0]);
  return Reshape(y, sums);
}

}  // namespace adret::onnx
