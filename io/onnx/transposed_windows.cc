#include "adret/io/onnx/transposed_windows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/ops/layout.h"

namespace adret::onnx {

std::optional<int64_t> Slide::rest() const {
  if (stride == 1) return 0;
  const std::optional<int64_t> rest = (size + (before + after - extent()) - (places - 1) * stride).number();
  return rest.has_value() && *rest >= 0 && *rest < stride ? rest : std::nullopt;
}

Slides SlidesOf(const Node& node, const Shape& x, const Shape& y, const std::array<int64_t, 2>& kernel) {
  std::vector<int64_t> dilation = {1, 1};
  for (const Attr& attr : node.attrs.list()) {
    if (attr.name == "dilation") dilation = std::get<std::vector<int64_t>>(attr.value);
  }
  const auto& stride = AttrNamed<std::vector<int64_t>>(node, "stride");
  const auto padding = [&](absl::string_view side) { return AttrNamed<int64_t>(node, absl::StrCat("padding.", side)); };
  const auto slide = [&](int axis, absl::string_view before, absl::string_view after) {
    const int i = axis - kHeightAxis;
    return Slide{x.dim(axis), y.dim(axis), kernel[i], stride[i], dilation[i], padding(before), padding(after)};
  };
  return {slide(kHeightAxis, "top", "bottom"), slide(kWidthAxis, "left", "right")};
}

std::vector<int64_t> Both(const Slides& slides, int64_t Slide::*number) {
  return {slides[0].*number, slides[1].*number};
}
std::vector<int64_t> Paddings(const Slides& slides) {
  return {slides[0].before, slides[1].before, slides[0].after, slides[1].after};
}

std::string ConvTranspose(Emitter& e, const std::string& dy, const std::string& w, Slides slides, int64_t groups) {
  std::vector<int64_t> added, cut;  // behind the end; axes that are longer than they should be, which a run cuts
  for (int i = 0; i < 2; ++i) {
    Slide& s = slides[i];
    // What no window reaches is zeros that are added. Where a run decides how many, all that there can be.
    int64_t more = s.rest().value_or(s.stride - 1);
    if (!s.rest().has_value()) cut.push_back(kHeightAxis + i);
    const int64_t less = std::min(more, s.after);
    more -= less, s.after -= less;
    added.push_back(more);
  }
  std::string dx = e.Node("ConvTranspose", {dy, w},
                          {{"kernel_shape", Both(slides, &Slide::kernel)},
                           {"strides", Both(slides, &Slide::stride)},
                           {"dilations", Both(slides, &Slide::dilation)},
                           {"pads", Paddings(slides)},
                           {"output_padding", added},
                           {"group", groups}});
  for (const int64_t axis : cut) {
    const std::string size = e.Dimension(slides[axis - kHeightAxis].size);
    dx = e.Node("Slice", {dx, e.Integers({0}), size, e.Integers({axis})});
  }
  return dx;
}

}  // namespace adret::onnx
