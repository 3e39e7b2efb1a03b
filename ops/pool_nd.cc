#include "adret/ops/pool_nd.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/rounding.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

Value Fail(absl::string_view op, const Operand& x, absl::string_view message) {
  return x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(op, ": ", message, " (x ", x->type().ToString(), ")")),
                         x.location());
}

// Fails unless x is floating-point [N, C, ...] of this rank.
absl::Status CheckRank(const Value& x, int rank) {
  const auto error = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (!IsFloating(x.dtype())) return error("x must be f32 or f64");
  if (x.rank() != rank) return error("x must have rank ", rank);
  return absl::OkStatus();
}

// ---- Windows ----------------------------------------------------------------------------------------------------

// The attributes in any number of dimensions, for max and average pooling.
template <int kAxes>
struct Window {
  std::array<int64_t, kAxes> kernel, stride, dilation;
  WindowPadding<kAxes> padding;
  bool ceil_mode;
};

// Pools images along two axes; the other kind of pooling has no dilation.
using Pool = Value (*)(const Value& x, const Window<2>& w, bool count_include_pad);

Value Max2d(const Value& x, const Window<2>& w, bool) {
  const auto &b = w.padding.before, &a = w.padding.after;
  return MaxPool2d(x, {.kernel = w.kernel,
                       .stride = w.stride,
                       .padding = Padding::Explicit(b[0], b[1], a[0], a[1]),
                       .dilation = w.dilation,
                       .ceil_mode = w.ceil_mode});
}

Value Avg2d(const Value& x, const Window<2>& w, bool count_include_pad) {
  const auto &b = w.padding.before, &a = w.padding.after;
  return AvgPool2d(x, {.kernel = w.kernel,
                       .stride = w.stride,
                       .padding = Padding::Explicit(b[0], b[1], a[0], a[1]),
                       .ceil_mode = w.ceil_mode,
                       .count_include_pad = count_include_pad});
}

// Checks the window and fills in what follows from x's last axes.
template <int kAxes>
absl::Status Resolve(const Value& x, Window<kAxes>* w) {
  AD_RETURN_IF_ERROR(CheckRank(x, 2 + kAxes));
  constexpr const char* kNames[] = {"the depth", "the height", "the width"};
  for (int i = 0; i < kAxes; ++i) {
    if (w->stride[i] == 0) w->stride[i] = w->kernel[i];
    const WindowAxis axis = PaddedWindow({x.shape()[2 + i], w->kernel[i], w->stride[i], w->dilation[i]}, w->padding, i);
    AD_RETURN_IF_ERROR(axis.Output(kAxes == 1 ? "the length" : kNames[i], w->ceil_mode).status());
    w->padding.before[i] = axis.before, w->padding.after[i] = axis.after;
  }
  return absl::OkStatus();
}

// Along one axis of images [N, C, H, W], the height.
template <int kAxes>
Window<2> AlongOne(const Window<kAxes>& w, int axis) {
  return {{w.kernel[axis], 1},
          {w.stride[axis], 1},
          {w.dilation[axis], 1},
          WindowPadding<2>::Explicit({w.padding.before[axis], 0}, {w.padding.after[axis], 0}),
          w.ceil_mode};
}

Value Pool1d(absl::string_view op, const Operand& x, Window<1> w, Pool pool, bool count_include_pad = true) {
  if (!x->valid()) return InvalidResult(op, {x}, x.location());
  LocationScope scope(x.graph(), x.location());
  if (absl::Status s = Resolve(x, &w); !s.ok()) return Fail(op, x, s.message());
  return Squeeze(pool(Unsqueeze(x, {3}), AlongOne(w, 0), count_include_pad), {3});
}

// Slices first, then along the depth: the maximum, and the sum, of a box are those of its slices.
Value Pool3d(absl::string_view op, const Operand& x, Window<3> w, Pool pool, bool count_include_pad = true) {
  if (!x->valid()) return InvalidResult(op, {x}, x.location());
  LocationScope scope(x.graph(), x.location());
  if (absl::Status s = Resolve(x, &w); !s.ok()) return Fail(op, x, s.message());
  const auto &b = w.padding.before, &a = w.padding.after;
  const Window<2> of_slices{{w.kernel[1], w.kernel[2]},
                            {w.stride[1], w.stride[2]},
                            {w.dilation[1], w.dilation[2]},
                            WindowPadding<2>::Explicit({b[1], b[2]}, {a[1], a[2]}),
                            w.ceil_mode};
  const Shape& s = x->shape();
  const Value slices = pool(Reshape(x, {s[0], s.dim(1) * s.dim(2), s[3], s[4]}), of_slices, count_include_pad);
  if (!slices.valid()) return slices;
  const Dim height = slices.shape().dim(2), width = slices.shape().dim(3);
  const Value y = pool(Reshape(slices, {s[0], s[1], s[2], height * width}), AlongOne(w, 0), count_include_pad);
  return y.valid() ? Reshape(y, {s[0], s[1], y.shape()[2], height, width}) : y;
}

// ---- Parts ------------------------------------------------------------------------------------------------------

// Cuts an axis into `size` parts, and reduces each.
Value ReduceParts(const Value& x, int axis, int64_t size, bool max) {
  const int64_t n = x.shape()[axis];
  if (size == n) return x;
  const auto reduced = [&](const Value& parts) {
    const ReduceAttrs along{.axes = {axis + 1}};
    return max ? Max(parts, along) : Mean(parts, along);
  };
  if (n % size == 0) {
    Shape parts = x.shape();
    parts.set(axis, size), parts.insert(axis + 1, n / size);
    return reduced(Reshape(x, parts));
  }
  // Parts overlap, and differ in their length. Short ones are filled up with their first element, which for a maximum
  // changes nothing and for a mean is left out.
  const auto begin = [&](int64_t i) { return i * n / size; };
  const auto end = [&](int64_t i) { return CeilDiv((i + 1) * n, size); };
  int64_t longest = 0;
  for (int64_t i = 0; i < size; ++i) longest = std::max(longest, end(i) - begin(i));
  Shape around;  // of numbers for each part, or for each of its places, beside the other axes
  for (int a = axis + 1; a < x.rank(); ++a) around.push_back(1);
  Shape per_place = around, per_part = around;
  per_place.insert(0, longest), per_place.insert(0, size), per_part.insert(0, size);
  Tensor places(DType::kInt64, {size, longest}), inside(DType::kBool, per_place), share(DType::kFloat64, per_part);
  for (int64_t i = 0; i < size; ++i) {
    share.mutable_data<double>()[i] = static_cast<double>(end(i) - begin(i));
    for (int64_t k = 0; k < longest; ++k) {
      const bool in = begin(i) + k < end(i);
      places.mutable_data<int64_t>()[i * longest + k] = in ? begin(i) + k : begin(i);
      inside.mutable_data<bool>()[i * longest + k] = in;
    }
  }
  Graph* graph = x.graph();
  const Value parts = Gather(x, graph->Constant(places), axis);
  if (max) return reduced(parts);
  const Value counted = Where(graph->Constant(inside), parts, 0.0);
  return Sum(counted, {.axes = {axis + 1}}) / graph->Constant(share.Cast(x.dtype()));
}

Value AdaptivePool(absl::string_view op, const Operand& x, const std::vector<int64_t>& sizes, bool max) {
  if (!x->valid()) return InvalidResult(op, {x}, x.location());
  LocationScope scope(x.graph(), x.location());
  if (sizes.empty()) return Fail(op, x, "there is no size");
  if (absl::Status s = CheckRank(x, 2 + static_cast<int>(sizes.size())); !s.ok()) return Fail(op, x, s.message());
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t n = x->shape()[2 + static_cast<int>(i)];
    if (sizes[i] < 1 || sizes[i] > kMaxWindow) {
      return Fail(op, x, absl::StrCat("sizes must be in [1, 2^24], but one is ", sizes[i]));
    }
    if (n < 1 || n > kMaxExtent) return Fail(op, x, absl::StrCat("axis ", 2 + i, " must have 1 to 2^31 elements"));
  }
  Value y = x;
  for (size_t i = sizes.size(); i-- > 0 && y.valid();) y = ReduceParts(y, 2 + static_cast<int>(i), sizes[i], max);
  return y;
}

}  // namespace

Value MaxPool1d(Operand x, const MaxPool1dAttrs& a) {
  return Pool1d("max_pool1d", x, {{a.kernel}, {a.stride}, {a.dilation}, a.padding, a.ceil_mode}, Max2d);
}

Value AvgPool1d(Operand x, const AvgPool1dAttrs& a) {
  return Pool1d("avg_pool1d", x, {{a.kernel}, {a.stride}, {1}, a.padding, a.ceil_mode}, Avg2d, a.count_include_pad);
}

Value MaxPool3d(Operand x, const MaxPool3dAttrs& a) {
  return Pool3d("max_pool3d", x, {a.kernel, a.stride, a.dilation, a.padding, a.ceil_mode}, Max2d);
}

Value AvgPool3d(Operand x, const AvgPool3dAttrs& a) {
  return Pool3d("avg_pool3d", x, {a.kernel, a.stride, {1, 1, 1}, a.padding, a.ceil_mode}, Avg2d, a.count_include_pad);
}

Value AdaptiveAvgPool(Operand x, const std::vector<int64_t>& sizes) {
  return AdaptivePool("adaptive_avg_pool", x, sizes, /*max=*/false);
}

Value AdaptiveMaxPool(Operand x, const std::vector<int64_t>& sizes) {
  return AdaptivePool("adaptive_max_pool", x, sizes, /*max=*/true);
}

}  // namespace adret
