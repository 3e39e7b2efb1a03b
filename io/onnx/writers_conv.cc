// How convolutions and their gradients are written as ONNX.
#include <algorithm>

#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/transposed_windows.h"
#include "adret/ops/layout.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

std::array<int64_t, 2> KernelOf(const Shape& w) { return {w[kHeightAxis], w[kWidthAxis]}; }
int64_t GroupsOf(const Site& s) { return AttrNamed<int64_t>(s.node, "groups"); }

std::string Conv(Emitter& e, const std::string& x, const std::string& w, const Slides& slides, int64_t groups) {
  return e.Node("Conv", {x, w},
                {{"kernel_shape", Both(slides, &Slide::kernel)},
                 {"strides", Both(slides, &Slide::stride)},
                 {"dilations", Both(slides, &Slide::dilation)},
                 {"pads", Paddings(slides)},
                 {"group", groups}});
}

Result Conv2dTo(Emitter& e, const Site& s) {
  const Slides slides = SlidesOf(s.node, s.shape(0), s.y().shape, KernelOf(s.shape(1)));
  return Names{Conv(e, s.x(0), s.x(1), slides, GroupsOf(s))};
}

Result Conv2dXGradTo(Emitter& e, const Site& s) {
  const Slides slides = SlidesOf(s.node, s.y().shape, s.shape(0), KernelOf(s.shape(1)));
  return Names{ConvTranspose(e, s.x(0), s.x(1), slides, GroupsOf(s))};
}

std::string Turned(Emitter& e, const std::string& x, const std::vector<int64_t>& permutation) {
  return e.Node("Transpose", {x}, {{"perm", permutation}});
}

// dw[k, c] is the sum over n of correlations of x[n, c] with dy[n, k]: the convolution of images c with channels n by
// filters k with channels n, which slides by the dilation with the stride between its taps. Where c is in groups, so
// are the channels: [c, (g, n)] and k = (g, ...).
Result Conv2dWGradTo(Emitter& e, const Site& s) {
  const Shape &x = s.shape(0), &dy = s.shape(1), &dw = s.y().shape;
  const int64_t groups = GroupsOf(s);
  Slides slides = SlidesOf(s.node, x, dy, KernelOf(dw));
  std::string images = s.x(0);
  if (groups == 1) {
    images = Turned(e, images, {1, 0, 2, 3});
  } else {
    const int64_t in_group = x[kChannelAxis] / groups;
    images = e.Reshape(images, {x[kBatchAxis], groups, in_group, x[kHeightAxis], x[kWidthAxis]});
    images = Turned(e, images, {2, 1, 0, 3, 4});
    images = e.Reshape(images, {in_group, x.dim(kBatchAxis) * groups, x[kHeightAxis], x[kWidthAxis]});
  }
  std::vector<int64_t> cut;  // axes along which there may be more places than taps of w
  EmittedAttrs attrs = {{"strides", Both(slides, &Slide::dilation)}, {"dilations", Both(slides, &Slide::stride)}};
  for (int i = 0; i < 2; ++i) {
    Slide& slide = slides[i];
    int64_t more = slide.rest().value_or(slide.stride - 1);  // what no window has read
    const int64_t less = slide.rest().has_value() ? std::min(more, slide.after) : 0;
    more -= less, slide.after -= less;
    if (more >= slide.dilation) cut.push_back(kHeightAxis + i);
  }
  attrs.push_back({"pads", Paddings(slides)});
  attrs.push_back({"group", groups});
  std::string result = e.Node("Conv", {images, Turned(e, s.x(1), {1, 0, 2, 3})}, attrs);
  result = Turned(e, result, {1, 0, 2, 3});
  if (!cut.empty()) {
    std::vector<int64_t> ends;
    for (const int64_t axis : cut) ends.push_back(dw[static_cast<int>(axis)]);
    result =
        e.Node("Slice", {result, e.Integers(std::vector<int64_t>(cut.size(), 0)), e.Integers(ends), e.Integers(cut)});
  }
  return Names{result};
}

const WriterRegistration kConv({
    {.op = "conv2d", .to = Conv2dTo},
    {.op = "conv2d_x_grad", .to = Conv2dXGradTo},
    {.op = "conv2d_w_grad", .to = Conv2dWGradTo},
});

}  // namespace
}  // namespace adret::onnx
