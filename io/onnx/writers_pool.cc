// How poolings and interpolation are written as ONNX.
#include <algorithm>

#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/transposed_windows.h"
#include "adret/ops/kernels/resize.h"
#include "adret/ops/layout.h"
#include "adret/ops/matmul.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

// ---- Windows -------------------------------------------------------------------------------------------------------

// Returns the slides of a pooling of x to y. Their padding behind ends where the last window does, be that in ceil_mode
// beyond what was asked for.
Slides PoolSlides(const Site& s, const Shape& x, const Shape& y) {
  const auto& kernel = AttrNamed<std::vector<int64_t>>(s.node, "kernel");
  Slides slides = SlidesOf(s.node, x, y, {kernel[0], kernel[1]});
  for (Slide& slide : slides) {
    const Dim end = (slide.places - 1) * slide.stride + slide.extent();
    const std::optional<int64_t> beyond = (end - slide.size - slide.before).number();
    if (beyond.has_value()) slide.after = std::max<int64_t>(0, *beyond);
  }
  return slides;
}

EmittedAttrs WindowAttrs(const Slides& slides) {
  return {{"kernel_shape", Both(slides, &Slide::kernel)},
          {"strides", Both(slides, &Slide::stride)},
          {"pads", Paddings(slides)}};
}

// ONNX counts maxima through the whole tensor.
Result MaxPoolTo(Emitter& e, const Site& s) {
  const Shape& x = s.shape();
  const Slides slides = PoolSlides(s, x, s.y().shape);
  EmittedAttrs attrs = WindowAttrs(slides);
  attrs.push_back({"dilations", Both(slides, &Slide::dilation)});
  if (!s.read[1]) return Names{e.Node("MaxPool", s.inputs, attrs), ""};
  const Names both = e.NodeMulti("MaxPool", s.inputs, 2, attrs);
  const std::string plane = e.Dimension(x.dim(kHeightAxis) * x.dim(kWidthAxis));
  const std::string before = e.Node("Mul", {e.Node("Div", {both[1], plane}), plane});
  return Names{both[0], e.Cast(e.Node("Sub", {both[1], before}), DType::kInt32)};
}

// Returns images as [N, C, H * W].
Shape Flat(const Shape& images) {
  return {images[kBatchAxis], images[kChannelAxis], images.dim(kHeightAxis) * images.dim(kWidthAxis)};
}

Result MaxPoolXGradTo(Emitter& e, const Site& s) {
  const Shape &dx = s.y().shape, &dy = s.shape();
  const Slides slides = PoolSlides(s, dx, dy);
  const bool apart = slides[0].stride >= slides[0].extent() && slides[1].stride >= slides[1].extent();
  EmittedAttrs attrs = {{"axis", int64_t{2}}};
  if (!apart) {  // an element may be the maximum of several windows
    if (e.version() < 16) return absl::UnimplementedError("adding up by index needs operator set 16");
    attrs.push_back({"reduction", std::string("add")});
  }
  const std::string zeros = e.Full({s.y().dtype, Flat(dx)}, 0);
  const std::string flat =
      e.Node("ScatterElements", {zeros, e.Reshape(s.x(1), Flat(dy)), e.Reshape(s.x(0), Flat(dy))}, attrs);
  return Names{e.Reshape(flat, dx)};
}

Result MaxPoolGatherTo(Emitter& e, const Site& s) {
  const std::string x = e.Reshape(s.x(0), Flat(s.shape(0))), argmax = e.Reshape(s.x(1), Flat(s.shape(1)));
  return Names{e.Reshape(e.Node("GatherElements", {x, argmax}, {{"axis", int64_t{2}}}), s.y().shape)};
}

// Returns by how many elements means divide along an axis, for each place of the window; one number where it is the
// same everywhere; none where a run decides. asked: the padding behind that counts, if any does.
std::vector<double> CountsOf(const Slide& s, bool counts_padding, int64_t asked) {
  const std::vector<double> all = {static_cast<double>(s.kernel)};
  const std::optional<int64_t> size = s.size.number(), places = s.places.number();
  if (!size.has_value() || !places.has_value()) {
    return counts_padding || s.before + s.after == 0 ? all : std::vector<double>();
  }
  std::vector<double> counts;
  for (int64_t i = 0; i < *places; ++i) {
    const int64_t begin = i * s.stride - s.before,
                  end = std::min(begin + s.kernel, *size + (counts_padding ? asked : 0));
    counts.push_back(static_cast<double>(end - (counts_padding ? begin : std::max<int64_t>(begin, 0))));
  }
  return std::all_of(counts.begin(), counts.end(), [&](double n) { return n == all[0]; }) ? all : counts;
}

// What means divide by.
struct Divisors {
  explicit Divisors(const Site& s, const Shape& x, const Shape& y)
      : counts_padding(AttrNamed<bool>(s.node, "count_include_pad")), slides(PoolSlides(s, x, y)) {
    const auto rows = CountsOf(slides[0], counts_padding, AttrNamed<int64_t>(s.node, "padding.bottom"));
    const auto columns = CountsOf(slides[1], counts_padding, AttrNamed<int64_t>(s.node, "padding.right"));
    known = !rows.empty() && !columns.empty();
    uniform = rows.size() == 1 && columns.size() == 1 && rows[0] * columns[0] == window();
    each = Tensor(DType::kFloat64, {1, 1, static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size())});
    double* number = each.mutable_data<double>().data();
    for (const double row : rows) {
      for (const double column : columns) *number++ = row * column;
    }
  }
  double window() const { return static_cast<double>(slides[0].kernel * slides[1].kernel); }

  bool counts_padding;
  Slides slides;
  bool known;    // otherwise a run counts the pixels of each window
  bool uniform;  // by the window's size everywhere
  Tensor each;   // if known; broadcasts to [1, 1, H', W']
};

Result AvgPoolTo(Emitter& e, const Site& s) {
  const Divisors d(s, s.shape(), s.y().shape);
  EmittedAttrs attrs = WindowAttrs(d.slides);
  attrs.push_back({"count_include_pad", int64_t{d.counts_padding}});
  const std::string mean = e.Node("AveragePool", s.inputs, attrs);
  if (!d.counts_padding || d.uniform) return Names{mean};
  // Windows that stick out of the padding (ceil_mode) are divided by less.
  Tensor factor = d.each;
  for (int64_t i = 0; i < factor.num_elements(); ++i) {
    factor.mutable_data<double>()[i] = d.window() / d.each.data<double>()[i];
  }
  return Names{e.Node("Mul", {mean, e.Constant(factor.Cast(s.y().dtype))})};
}

// Each dy divided by what it was divided by, and given to the whole window: a transposed convolution of each channel
// with ones.
Result AvgPoolXGradTo(Emitter& e, const Site& s) {
  const Shape &dx = s.y().shape, &dy = s.shape();
  const DType dtype = s.y().dtype;
  const Divisors d(s, dx, dy);
  std::string shared = s.x();
  if (!d.known) {
    EmittedAttrs attrs = WindowAttrs(d.slides);
    attrs.push_back({"count_include_pad", int64_t{1}});
    const std::string ones = e.Full({dtype, {1, 1, dx[kHeightAxis], dx[kWidthAxis]}}, 1);
    const std::string inside = e.Node("Mul", {e.Node("AveragePool", {ones}, attrs), e.Scalar(dtype, d.window())});
    shared = e.Node("Div", {shared, inside});
  } else if (!d.uniform) {
    shared = e.Node("Div", {shared, e.Constant(d.each.Cast(dtype))});
  }
  const Shape taps{1, 1, d.slides[0].kernel, d.slides[1].kernel};
  const std::string filter = e.Full({dtype, taps}, d.uniform ? 1 / d.window() : 1);
  const Dim planes = dy.dim(kBatchAxis) * dy.dim(kChannelAxis);
  shared = e.Reshape(shared, {planes, 1, dy[kHeightAxis], dy[kWidthAxis]});
  return Names{e.Reshape(ConvTranspose(e, shared, filter, d.slides, 1), dx)};
}

// ---- Interpolation -------------------------------------------------------------------------------------------------

// Where images get another height and width: what each row and column is made of.
struct Interpolation {
  kernels::ResizeAxis rows, columns;
  int64_t in_height, in_width;
};
Interpolation InterpolationOf(const Node& node, bool linear, int64_t in_height, int64_t in_width) {
  const int64_t height = AttrNamed<int64_t>(node, "height"), width = AttrNamed<int64_t>(node, "width");
  if (!linear) {
    return {kernels::NearestAxis(in_height, height), kernels::NearestAxis(in_width, width), in_height, in_width};
  }
  const bool corners = AttrNamed<bool>(node, "align_corners");
  return {kernels::LinearAxis(in_height, height, corners), kernels::LinearAxis(in_width, width, corners), in_height,
          in_width};
}

std::string Resize(Emitter& e, const Site& s, EmittedAttrs attrs) {
  const Shape& y = s.y().shape;
  if (e.version() < 18) return e.Node("Resize", {s.x(), "", "", e.Dimensions(y)}, attrs);
  attrs.push_back({"axes", std::vector<int64_t>{kHeightAxis, kWidthAxis}});
  return e.Node("Resize", {s.x(), "", "", e.Integers({y[kHeightAxis], y[kWidthAxis]})}, attrs);
}

Result ResizeBilinearTo(Emitter& e, const Site& s) {
  const std::string places = AttrNamed<bool>(s.node, "align_corners") ? "align_corners" : "half_pixel";
  return Names{Resize(e, s, {{"mode", std::string("linear")}, {"coordinate_transformation_mode", places}})};
}

// Returns whether i / (out / in) rounded down, with the quotients rounded to f32 or not, is what each pixel is taken
// of.
bool RoundsTheSame(const kernels::ResizeAxis& axis, int64_t in) {
  const float scale = static_cast<float>(axis.size()) / static_cast<float>(in), step = 1 / scale;
  for (size_t i = 0; i < axis.size(); ++i) {
    const auto place = static_cast<float>(i);
    const auto low = static_cast<int64_t>(axis[i].low);
    if (static_cast<int64_t>(place / scale) != low || static_cast<int64_t>(place * step) != low) return false;
  }
  return true;
}

Result ResizeNearestTo(Emitter& e, const Site& s) {
  const Shape& x = s.shape();
  const Interpolation map = InterpolationOf(s.node, /*linear=*/false, x[kHeightAxis], x[kWidthAxis]);
  if (RoundsTheSame(map.rows, map.in_height) && RoundsTheSame(map.columns, map.in_width)) {
    return Names{Resize(e, s,
                        {{"mode", std::string("nearest")},
                         {"coordinate_transformation_mode", std::string("asymmetric")},
                         {"nearest_mode", std::string("floor")}})};
  }
  const auto gathered = [&](const std::string& from, const kernels::ResizeAxis& axis, int64_t at) {
    std::vector<int64_t> places;
    for (const kernels::ResizeTap& tap : axis) places.push_back(tap.low);
    return e.Node("Gather", {from, e.Integers(places)}, {{"axis", at}});
  };
  return Names{gathered(gathered(s.x(), map.rows, kHeightAxis), map.columns, kWidthAxis)};
}

// Returns the matrix that interpolates along an axis, [out, in].
Tensor MatrixOf(const kernels::ResizeAxis& axis, int64_t in, DType dtype) {
  Tensor matrix = Tensor::Full(DType::kFloat64, {static_cast<int64_t>(axis.size()), in}, 0);
  double* row = matrix.mutable_data<double>().data();
  for (const kernels::ResizeTap& tap : axis) {
    row[tap.low] += 1 - tap.weight;
    row[tap.high] += tap.weight;
    row += in;
  }
  return matrix.Cast(dtype);
}

// Both axes are interpolated by matrices, y = R x C^T; so dx = R^T dy C.
template <bool kLinear>
Values ResizeGrad(const Node& node, const Values& x) {
  const Value& dy = x[0];
  const Shape& dx = node.outputs[0].shape;
  const Interpolation map = InterpolationOf(node, kLinear, dx[kHeightAxis], dx[kWidthAxis]);
  Graph* graph = dy.graph();
  const Value rows = graph->Constant(MatrixOf(map.rows, map.in_height, dy.dtype()));
  const Value columns = graph->Constant(MatrixOf(map.columns, map.in_width, dy.dtype()));
  return {MatMul(rows, MatMul(dy, columns), {.transpose_a = true})};
}

const WriterRegistration kPool({
    {.op = "max_pool2d", .to = MaxPoolTo},
    {.op = "max_pool2d_x_grad", .to = MaxPoolXGradTo},
    {.op = "max_pool2d_gather", .to = MaxPoolGatherTo},
    {.op = "avg_pool2d", .to = AvgPoolTo},
    {.op = "avg_pool2d_x_grad", .to = AvgPoolXGradTo},
    {.op = "resize_bilinear", .to = ResizeBilinearTo},
    {.op = "resize_bilinear_x_grad", .expand = ResizeGrad<true>},
    {.op = "resize_nearest", .to = ResizeNearestTo},
    {.op = "resize_nearest_x_grad", .expand = ResizeGrad<false>},
});

}  // namespace
}  // namespace adret::onnx
