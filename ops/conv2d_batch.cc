#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/add_up_internal.h"
#include "adret/ops/batch.h"
#include "adret/ops/concat.h"
#include "adret/ops/conv2d_batch_internal.h"
#include "adret/ops/layout.h"
#include "adret/ops/matmul.h"
#include "adret/ops/pad.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"

namespace adret {
namespace {

// The sizes of one example, by the letters of the formulas: y[n, k] = sum over the q of a filter of w[k, q] x[n, q, l],
// where q is a channel of the group and a place in the window, and l a place in the image y.
struct Sizes {
  int64_t n, groups, channels, filters, window, places;

  explicit Sizes(const ConvolutionOfExample& one)
      : n(one.x[kBatchAxis]),
        groups(one.conv.groups),
        channels(one.x[kChannelAxis]),
        filters(one.w[kFilterAxis]),
        window(one.w[kHeightAxis] * one.w[kWidthAxis]),
        places(one.y[kHeightAxis] * one.y[kWidthAxis]) {}
  int64_t q() const { return channels / groups * window; }
};

// What each filter tap sees of the padded image: a window of it, with the convolution's strides.
std::vector<Windows> TapWindows(const ConvolutionOfExample& one, const Shape& padded) {
  std::vector<Windows> taps;
  for (int64_t r = 0; r < one.w[kHeightAxis]; ++r) {
    for (int64_t s = 0; s < one.w[kWidthAxis]; ++s) {
      Windows windows = WholeWindows(padded);
      windows[kHeightAxis] = {r * one.conv.dilation[0], one.conv.stride[0], one.y[kHeightAxis]};
      windows[kWidthAxis] = {s * one.conv.dilation[1], one.conv.stride[1], one.y[kWidthAxis]};
      for (Window& w : windows) w.step = w.count == 1 ? 1 : w.step;
      taps.push_back(windows);
    }
  }
  return taps;
}

Shape PaddedShape(const ConvolutionOfExample& one, Shape images) {
  const Padding& p = one.conv.padding;
  images.set(kHeightAxis, images[kHeightAxis] + p.top + p.bottom);
  images.set(kWidthAxis, images[kWidthAxis] + p.left + p.right);
  return images;
}

// A slice, or a tensor among zeros that is the whole.
Value Windowed(absl::string_view op, const Value& v, const Shape& whole, const Windows& windows) {
  if (AreWhole(windows, whole)) return v;
  return Build(op, {v}, FindOp(op)->axes->window.attrs(whole, windows));
}

// [examples, n, ...] as images [examples * n, ...], and back.
Value AsImages(const Value& v) { return FoldExamples(v, 0); }
Value AsExamples(const Value& v, int64_t examples, int64_t n) { return UnfoldExamples(v, 0, examples, n); }

// x as [examples, groups, q, n * places].
Value Patches(const ConvolutionOfExample& one, const Value& x) {
  const Sizes z(one);
  const Padding& p = one.conv.padding;
  const Value padded = Pad(AsImages(x), {.before = {0, 0, p.top, p.left}, .after = {0, 0, p.bottom, p.right}});
  Values taps;
  for (const Windows& w : TapWindows(one, padded.shape())) taps.push_back(Windowed("slice", padded, padded.shape(), w));
  const Value all = AsExamples(Stack(taps, 2), x.shape()[0], z.n);  // [examples, n, channels, window, places]
  const Value moved = MoveAxis(Reshape(all, {x.shape()[0], z.n, z.groups, z.q(), z.places}), 1, 3);
  return Reshape(moved, {x.shape()[0], z.groups, z.q(), z.n * z.places});
}

// The inverse's gradient: adds what each tap saw where it saw it.
Value FromPatches(const ConvolutionOfExample& one, const Value& patches) {
  const Sizes z(one);
  const int64_t examples = patches.shape()[0];
  const Value moved = MoveAxis(Reshape(patches, {examples, z.groups, z.q(), z.n, z.places}), 3, 1);
  const Value all = AsImages(Reshape(moved, {examples, z.n, z.channels, z.window, z.places}));
  Shape images = one.x;
  images.set(kBatchAxis, all.shape()[0]);
  const Shape padded = PaddedShape(one, images);
  Values parts;
  const std::vector<Windows> taps = TapWindows(one, padded);
  for (size_t t = 0; t < taps.size(); ++t) {
    Shape seen = CountsOf(taps[t]);
    seen.set(kBatchAxis, images[kBatchAxis]);
    const Value tap = Reshape(Slice(all, 2, static_cast<int64_t>(t), static_cast<int64_t>(t) + 1), seen);
    parts.push_back(Windowed("slice_x_grad", tap, padded, taps[t]));
  }
  const Padding& p = one.conv.padding;
  const Value inside = Slice(AddUp(parts), {.axes = {kHeightAxis, kWidthAxis},
                                            .begins = {p.top, p.left},
                                            .ends = {p.top + one.x[kHeightAxis], p.left + one.x[kWidthAxis]}});
  return AsExamples(inside, examples, z.n);
}

// dy, or y, as [examples, groups, filters / groups, n * places], and back.
Value ByFilters(const ConvolutionOfExample& one, const Value& y) {
  const Sizes z(one);
  const Value moved = MoveAxis(Reshape(y, {y.shape()[0], z.n, z.filters, z.places}), 1, 2);
  return Reshape(moved, {y.shape()[0], z.groups, z.filters / z.groups, z.n * z.places});
}
Value ByImages(const ConvolutionOfExample& one, const Value& y) {
  const Sizes z(one);
  const Value moved = MoveAxis(Reshape(y, {y.shape()[0], z.filters, z.n, z.places}), 2, 1);
  Shape shape = one.y;
  shape.insert(0, y.shape()[0]);
  return Reshape(moved, shape);
}

Value Filters(const ConvolutionOfExample& one, const Value& w) {
  const Sizes z(one);
  return Reshape(w, {w.shape()[0], z.groups, z.filters / z.groups, z.q()});
}

}  // namespace

bool RequireKnownExamples(const BatchContext& c) {
  const Shape& x = Value(c.graph(), c.node().inputs[0]).shape();
  const Shape& w = Value(c.graph(), c.node().inputs[1]).shape();
  if (!c.node().outputs[0].shape.is_symbolic() && !x.is_symbolic() && !w.is_symbolic()) return true;
  c.graph()->Fail(absl::UnimplementedError(absl::StrCat(
                      c.node().op->name, ": where the number of examples, ", DimText(c.size()),
                      ", is symbolic and each has filters of its own, the sizes of an example must be known, not ",
                      x.ToString(), " and ", w.ToString())),
                  c.node().location);
  return false;
}

Value ConvolveExamples(const ConvolutionOfExample& one, const Value& x, const Value& w) {
  return ByImages(one, MatMul(Filters(one, w), Patches(one, x)));
}

Value XGradOfExamples(const ConvolutionOfExample& one, const Value& dy, const Value& w) {
  return FromPatches(one, MatMul(Filters(one, w), ByFilters(one, dy), {.transpose_a = true}));
}

Value WGradOfExamples(const ConvolutionOfExample& one, const Value& x, const Value& dy) {
  const Value dw = MatMul(ByFilters(one, dy), Patches(one, x), {.transpose_b = true});
  Shape shape = one.w;
  shape.insert(0, x.shape()[0]);
  return Reshape(dw, shape);
}

}  // namespace adret
