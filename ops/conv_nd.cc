#include "adret/ops/conv_nd.h"

#include "absl/strings/str_cat.h"
#include "adret/ops/conv2d.h"
#include "adret/ops/gather.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"

namespace adret {
namespace {

// Records "<op>: <message> (x .., w ..)".
Value Fail(absl::string_view op, const Operand& x, const Operand& w, absl::string_view message) {
  return x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(op, ": ", message, " (x ", x->type().ToString(),
                                                                 ", w ", w->type().ToString(), ")")),
                         x.location());
}

// Fails unless x and w have this rank, and w's channels fit x's in these groups.
absl::Status CheckOperands(const Value& x, const Value& w, int rank, int64_t groups) {
  const auto error = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (!IsFloating(x.dtype()) || w.dtype() != x.dtype()) return error("x and w must both be f32 or both f64");
  if (x.rank() != rank || w.rank() != rank) return error("x and w must have rank ", rank);
  const int64_t channels = x.shape()[kChannelAxis], filters = w.shape()[kFilterAxis];
  if (channels < 1 || filters < 1 || w.shape().is_symbolic()) {
    return error("x must have channels and w filters, in known numbers");
  }
  if (groups < 1 || channels % groups != 0 || filters % groups != 0) {
    return error(groups, " groups do not divide ", channels, " channels and ", filters, " filters");
  }
  if (w.shape()[kFilterChannelAxis] != channels / groups) {
    return error("x has ", channels / groups, " channels in a group but w expects ", w.shape()[kFilterChannelAxis]);
  }
  return absl::OkStatus();
}

// Slices of x [N, D, C, H, W] as images [N * D', Q * C, H, W]: those that a window of Q slices sees at each of its D'
// places, as channels; group by group where channels are in groups.
Value WindowsOfSlices(const Value& x, const WindowAxis& depth, int64_t places, int64_t groups) {
  Value padded = x;
  if (depth.before > 0 || depth.after > 0) {
    padded = Pad(x, {.before = {0, depth.before, 0, 0, 0}, .after = {0, depth.after, 0, 0, 0}});
  }
  Tensor slices(DType::kInt64, {places, depth.kernel});
  for (int64_t i = 0; i < slices.num_elements(); ++i) {
    slices.mutable_data<int64_t>()[i] = i / depth.kernel * depth.stride + i % depth.kernel * depth.dilation;
  }
  const Shape& s = x.shape();
  const int64_t batch = s[0], channels = s[2];                     // the channels are known
  Value windows = Gather(padded, x.graph()->Constant(slices), 1);  // [N, D', Q, C, H, W]
  if (groups > 1) {
    windows = Reshape(windows, {batch, places, depth.kernel, groups, channels / groups, s[3], s[4]});
    windows = Transpose(windows, {0, 1, 3, 2, 4, 5, 6});
  }
  return Reshape(windows, {s.dim(0) * places, depth.kernel * channels, s[3], s[4]});
}

}  // namespace

Value Conv1d(Operand x, Operand w, const Conv1dAttrs& a) {
  if (!x->valid() || !w->valid()) return InvalidResult("conv1d", {x, w}, x.location());
  LocationScope scope(x.graph(), x.location());
  if (absl::Status s = CheckOperands(x, w, 3, a.groups); !s.ok()) return Fail("conv1d", x, w, s.message());
  const Shape &xs = x->shape(), &ws = w->shape();
  const WindowAxis length = PaddedWindow({xs[2], ws[2], a.stride, a.dilation}, a.padding, 0);
  if (const auto out = length.Output("the length"); !out.ok()) return Fail("conv1d", x, w, out.status().message());
  const Value y = Conv2d(Unsqueeze(x, {2}), Unsqueeze(w, {2}),
                         {.stride = {1, a.stride},
                          .padding = Padding::Explicit(0, length.before, 0, length.after),
                          .dilation = {1, a.dilation},
                          .groups = a.groups});
  return Squeeze(y, {2});
}

Value Conv3d(Operand x, Operand w, const Conv3dAttrs& a) {
  if (!x->valid() || !w->valid()) return InvalidResult("conv3d", {x, w}, x.location());
  LocationScope scope(x.graph(), x.location());
  if (absl::Status s = CheckOperands(x, w, 5, a.groups); !s.ok()) return Fail("conv3d", x, w, s.message());
  const Shape &xs = x->shape(), &ws = w->shape();
  constexpr const char* kNames[] = {"the depth", "the height", "the width"};
  WindowAxis windows[3];
  int64_t outputs[3];
  for (int i = 0; i < 3; ++i) {
    windows[i] = PaddedWindow({xs[2 + i], ws[2 + i], a.stride[i], a.dilation[i]}, a.padding, i);
    const absl::StatusOr<int64_t> out = windows[i].Output(kNames[i]);
    if (!out.ok()) return Fail("conv3d", x, w, out.status().message());
    outputs[i] = *out;
  }
  if (outputs[0] < 0) return Fail("conv3d", x, w, "the depth must be known");
  const Value images = WindowsOfSlices(Transpose(x, {0, 2, 1, 3, 4}), windows[0], outputs[0], a.groups);
  const Value filters = Reshape(Transpose(w, {0, 2, 1, 3, 4}), {ws[0], ws[2] * ws[1], ws[3], ws[4]});
  const Value y =
      Conv2d(images, filters,
             {.stride = {a.stride[1], a.stride[2]},
              .padding = Padding::Explicit(windows[1].before, windows[2].before, windows[1].after, windows[2].after),
              .dilation = {a.dilation[1], a.dilation[2]},
              .groups = a.groups});
  if (!y.valid()) return y;
  return Transpose(Reshape(y, {xs[0], outputs[0], ws[0], outputs[1], outputs[2]}), {0, 2, 1, 3, 4});
}

}  // namespace adret
