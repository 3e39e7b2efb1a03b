// Products and convolutions of integers of 8 bits. They are computed in f64, in which they are exact.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/quantized.h"
#include "adret/ops/binary.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/conv_nd.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

constexpr DType kExact = DType::kFloat64;

// Returns the numbers of 8 bits of input i less their zero point, which is input `zero` if it is there. `axis` is the
// one along which there may be several zero points.
absl::StatusOr<Value> Centered(Call& c, int i, int zero, int64_t axis) {
  const Value x = c.raw(i);
  if (x.dtype() != DType::kInt8 && x.dtype() != DType::kUint8) {
    return c.Unsupported("input ", i, " is ", Name(x.dtype()), "; integers of 8 bits are read");
  }
  const Value numbers = NumbersOf(x, kExact);
  if (!c.has(zero)) return numbers;
  AD_ASSIGN_OR_RETURN(Value offset, ScaleOf(c, zero));
  if (offset.dtype() != x.dtype()) return c.Error("input ", zero, ", a zero point, has another dtype than input ", i);
  if (offset.rank() <= 1) {
    AD_ASSIGN_OR_RETURN(offset, SpreadOver(c, offset, x.shape(), axis, 0));
  } else if (offset.rank() != x.rank()) {
    return c.Error("input ", zero, ", a zero point, has rank ", offset.rank());
  }
  return numbers - Cast(offset, kExact);
}

// Returns a scale in f64, spread along an axis of the result.
absl::StatusOr<Value> ScaleFrom(Call& c, int i, const Shape& y, int64_t axis) {
  AD_ASSIGN_OR_RETURN(Value scale, ScaleOf(c, i));
  if (!IsAnyFloating(scale.dtype())) return c.Error("input ", i, ", a scale, must consist of floating-point numbers");
  if (scale.rank() <= 1) {
    AD_ASSIGN_OR_RETURN(scale, SpreadOver(c, scale, y, axis, 0));
  } else if (scale.rank() != y.rank()) {
    return c.Error("input ", i, ", a scale, has rank ", scale.rank());
  }
  return Cast(Cast(scale, DType::kFloat32), kExact);
}

// Where the inputs of an operator are that multiplies quantised numbers.
struct Places {
  int a_scale, b_scale, y_scale, y_zero;
  int64_t a_axis, b_axis;  // axes of the result along which there may be several scales
};

// Returns sums of products as quantised numbers of the result.
Results Requantized(Call& c, const Value& sums, const Places& at) {
  if (!sums.valid()) return Values{sums};
  AD_ASSIGN_OR_RETURN(const Value a_scale, ScaleFrom(c, at.a_scale, sums.shape(), at.a_axis));
  AD_ASSIGN_OR_RETURN(const Value b_scale, ScaleFrom(c, at.b_scale, sums.shape(), at.b_axis));
  AD_ASSIGN_OR_RETURN(const Value y_scale, ScaleFrom(c, at.y_scale, sums.shape(), at.a_axis));
  AD_ASSIGN_OR_RETURN(Value zero, ScaleOf(c, at.y_zero));
  if (zero.dtype() != DType::kInt8 && zero.dtype() != DType::kUint8) {
    return c.Unsupported("its result is ", Name(zero.dtype()), "; integers of 8 bits are read");
  }
  if (zero.rank() <= 1) {
    AD_ASSIGN_OR_RETURN(zero, SpreadOver(c, zero, sums.shape(), at.a_axis, 0));
  } else if (zero.rank() != sums.rank()) {
    return c.Error("the zero point of its result has rank ", zero.rank());
  }
  return Values{Quantize(sums * (a_scale * b_scale / y_scale), Cast(zero, kExact), zero.dtype())};
}

// ---- Matrix products ---------------------------------------------------------------------------------------------

Results MatMulIntegerFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value a, Centered(c, 0, 2, -2));
  AD_ASSIGN_OR_RETURN(const Value b, Centered(c, 1, 3, -1));
  return Values{Cast(MatMul(a, b), DType::kInt32)};
}

Results QLinearMatMulFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value a, Centered(c, 0, 2, -2));
  AD_ASSIGN_OR_RETURN(const Value b, Centered(c, 3, 5, -1));
  return Requantized(c, MatMul(a, b),
                     {.a_scale = 1, .b_scale = 4, .y_scale = 6, .y_zero = 7, .a_axis = -2, .b_axis = -1});
}

// ---- Convolutions ------------------------------------------------------------------------------------------------

// The windows of a convolution, as its attributes describe them.
struct Windows {
  std::vector<int64_t> stride, dilation, before, after;
  bool same = false;  // an odd element goes behind
  int64_t groups = 1;
};

// Adds the padding that makes ceil(size / stride) results, an odd element before.
absl::Status PadSameLower(Call& c, const Shape& x, const Shape& w, Windows* windows) {
  for (int i = 0; i < x.rank() - 2; ++i) {
    WindowAxis axis{x[i + 2], w[i + 2], windows->stride[i], windows->dilation[i]};
    axis.same = true;
    if (const absl::Status status = axis.Check("an axis"); !status.ok()) return c.Error(status.message());
    axis.PadSame();
    windows->before[i] = axis.after, windows->after[i] = axis.before;
  }
  return absl::OkStatus();
}

absl::StatusOr<Windows> WindowsFrom(Call& c, const Shape& x, const Shape& w) {
  const size_t axes = static_cast<size_t>(x.rank()) - 2;
  if (x.rank() < 3 || x.rank() > 5) return c.Unsupported("convolutions have 1 to 3 axes with windows here");
  if (w.rank() != x.rank()) return c.Error("x has rank ", x.rank(), ", but w has rank ", w.rank());
  Windows windows{.stride = c.Ints("strides", std::vector<int64_t>(axes, 1)),
                  .dilation = c.Ints("dilations", std::vector<int64_t>(axes, 1)),
                  .before = std::vector<int64_t>(axes, 0),
                  .after = std::vector<int64_t>(axes, 0),
                  .groups = c.Int("group", 1)};
  const std::vector<int64_t> kernel(w.begin() + 2, w.end());
  const std::vector<int64_t> pads = c.Ints("pads", std::vector<int64_t>(2 * axes, 0));
  if (windows.stride.size() != axes || windows.dilation.size() != axes || pads.size() != 2 * axes) {
    return c.Error("strides, dilations and pads must be given for ", axes, " axes");
  }
  if (c.Ints("kernel_shape", kernel) != kernel) return c.Error("kernel_shape is not the shape of w");
  const std::string auto_pad = c.String("auto_pad", "NOTSET");
  if (auto_pad == "NOTSET") {
    std::copy(pads.begin(), pads.begin() + axes, windows.before.begin());
    std::copy(pads.begin() + axes, pads.end(), windows.after.begin());
  } else if (auto_pad == "SAME_UPPER") {
    windows.same = true;
  } else if (auto_pad == "SAME_LOWER") {
    AD_RETURN_IF_ERROR(PadSameLower(c, x, w, &windows));
  } else if (auto_pad != "VALID") {
    return c.Error("auto_pad is ", auto_pad);
  }
  return windows;
}

template <size_t n>
std::array<int64_t, n> ArrayOf(const std::vector<int64_t>& numbers) {
  std::array<int64_t, n> array;
  std::copy_n(numbers.begin(), n, array.begin());
  return array;
}
template <int n>
WindowPadding<n> PaddingOf(const Windows& windows) {
  if (windows.same) return WindowPadding<n>::Same();
  return WindowPadding<n>::Explicit(ArrayOf<n>(windows.before), ArrayOf<n>(windows.after));
}

// Returns the convolution of integers, which is exact: also where a faster method than sums of products rounds.
absl::StatusOr<Value> Convolution(Call& c, const Value& x, const Value& w) {
  AD_ASSIGN_OR_RETURN(const Windows windows, WindowsFrom(c, x.shape(), w.shape()));
  Value y;
  if (x.rank() == 3) {
    y = Conv1d(x, w,
               {.stride = windows.stride[0],
                .padding = PaddingOf<1>(windows),
                .dilation = windows.dilation[0],
                .groups = windows.groups});
  } else if (x.rank() == 4) {
    const auto& [before, after] = std::pair(windows.before, windows.after);
    y = Conv2d(x, w,
               {.stride = ArrayOf<2>(windows.stride),
                .padding = windows.same ? Padding::Same() : Padding::Explicit(before[0], before[1], after[0], after[1]),
                .dilation = ArrayOf<2>(windows.dilation),
                .groups = windows.groups});
  } else {
    y = Conv3d(x, w,
               {.stride = ArrayOf<3>(windows.stride),
                .padding = PaddingOf<3>(windows),
                .dilation = ArrayOf<3>(windows.dilation),
                .groups = windows.groups});
  }
  return RoundStraightThrough(y);
}

Results ConvIntegerFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value x, Centered(c, 0, 2, 1));
  AD_ASSIGN_OR_RETURN(const Value w, Centered(c, 1, 3, 0));
  AD_ASSIGN_OR_RETURN(const Value y, Convolution(c, x, w));
  return Values{Cast(y, DType::kInt32)};
}

Results QLinearConvFrom(Call& c) {
  AD_ASSIGN_OR_RETURN(const Value x, Centered(c, 0, 2, 1));
  AD_ASSIGN_OR_RETURN(const Value w, Centered(c, 3, 5, 0));
  AD_ASSIGN_OR_RETURN(Value sums, Convolution(c, x, w));
  if (c.has(8)) {
    AD_ASSIGN_OR_RETURN(const Value bias, ScaleOf(c, 8));
    if (bias.dtype() != DType::kInt32 || bias.rank() != 1) return c.Error("its bias must be int32 and have rank 1");
    AD_ASSIGN_OR_RETURN(const Value spread, SpreadOver(c, bias, sums.shape(), 1, 0));
    sums = sums + Cast(spread, kExact);
  }
  return Requantized(c, sums, {.a_scale = 1, .b_scale = 4, .y_scale = 6, .y_zero = 7, .a_axis = 1, .b_axis = 1});
}

constexpr absl::string_view kNote =
    "integers of 8 bits; computed in f64, exactly; gradients pass from one quantised operator to the one right after "
    "it, as if nothing was rounded";

const OperatorRegistration kQLinear({
    {.name = "MatMulInteger",
     .since = 10,
     .from = MatMulIntegerFrom,
     .gradient = "its result is integers",
     .note = "integers of 8 bits"},
    {.name = "ConvInteger",
     .since = 10,
     .from = ConvIntegerFrom,
     .gradient = "its result is integers",
     .note = "integers of 8 bits"},
    {.name = "QLinearMatMul", .since = 10, .from = QLinearMatMulFrom, .halves = Halves::kMove, .note = kNote},
    {.name = "QLinearConv", .since = 10, .from = QLinearConvFrom, .halves = Halves::kMove, .note = kNote},
});

}  // namespace
}  // namespace adret::onnx
