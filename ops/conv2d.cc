#include "adret/ops/conv2d.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/ops/batch.h"
#include "adret/ops/conv2d_batch_internal.h"
#include "adret/ops/kernels/conv/columns.h"
#include "adret/ops/kernels/conv/conv1x1.h"
#include "adret/ops/kernels/conv/conv2d.h"
#include "adret/ops/kernels/conv/correlation.h"
#include "adret/ops/kernels/conv/winograd.h"

namespace adret {
namespace {

using kernels::Conv2dMap;
using kernels::Conv2dMemory;
using kernels::Conv2dMethod;
using kernels::Conv2dShape;

// The attributes of the gradients: a convolution's, and the size that is not seen in their inputs.
struct Conv2dXGradAttrs {
  Conv2dAttrs conv;
  DimArray<2> size{};  // height and width of x
  template <class V>
  void Fields(V&& v) {
    conv.Fields(v);
    v("size", size);
  }
};
struct Conv2dWGradAttrs {
  Conv2dAttrs conv;
  DimArray<2> size{};  // height and width of w
  template <class V>
  void Fields(V&& v) {
    conv.Fields(v);
    v("size", size);
  }
};

WindowAxis HeightWindow(const Shape& x, const Shape& w, const Conv2dAttrs& a) {
  return {x[kHeightAxis], w[kHeightAxis], a.stride[0], a.dilation[0], a.padding.top, a.padding.bottom};
}
WindowAxis WidthWindow(const Shape& x, const Shape& w, const Conv2dAttrs& a) {
  return {x[kWidthAxis], w[kWidthAxis], a.stride[1], a.dilation[1], a.padding.left, a.padding.right};
}

// Everything that a convolution of x and w needs to be possible; batch, height and width may be symbolic.
absl::StatusOr<Conv2dShape> Geometry(const Shape& x, const Shape& w, const Conv2dAttrs& a) {
  const auto error = [](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (a.padding.mode == "same") return error("padding \"same\" with a stride above 1 needs a known height and width");
  if (a.padding.mode != "explicit") {
    return error("the padding's mode must be \"explicit\" or \"same\", but is \"", a.padding.mode, "\"");
  }
  const int64_t channels = x[kChannelAxis], filters = w[kFilterAxis];
  if (channels < 1) return error("x must have at least one channel, and a known number of them");
  if (w.is_symbolic() || filters < 1) return error("w must have at least one filter and a known shape");
  if (a.groups < 1) return error("groups must be positive, but is ", a.groups);
  if (channels % a.groups != 0 || filters % a.groups != 0) {
    return error(a.groups, " groups divide neither or only one of ", channels, " channels and ", filters, " filters");
  }
  if (w[kFilterChannelAxis] != channels / a.groups) {
    if (a.groups == 1) return error("x has ", DimText(channels), " channels but w expects ", w[kFilterChannelAxis]);
    return error("x has ", channels, " channels in ", a.groups, " groups but w expects ", w[kFilterChannelAxis],
                 " in each");
  }
  AD_ASSIGN_OR_RETURN(const int64_t out_height, HeightWindow(x, w, a).Output("the height"));
  AD_ASSIGN_OR_RETURN(const int64_t out_width, WidthWindow(x, w, a).Output("the width"));
  Conv2dShape s;
  s.batch = x[kBatchAxis], s.channels = channels, s.height = x[kHeightAxis], s.width = x[kWidthAxis];
  s.filters = filters, s.kernel_h = w[kHeightAxis], s.kernel_w = w[kWidthAxis];
  s.out_height = out_height, s.out_width = out_width, s.groups = a.groups;
  s.stride_h = a.stride[0], s.stride_w = a.stride[1], s.dilation_h = a.dilation[0], s.dilation_w = a.dilation[1];
  s.pad_top = a.padding.top, s.pad_left = a.padding.left;
  return s;
}

Shape OutputShape(const Conv2dShape& s) { return {s.batch, s.filters, s.out_height, s.out_width}; }

absl::Status RequireImagesAndFilters(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  AD_RETURN_IF_ERROR(c.RequireRank(0, 4));
  return c.RequireRank(1, 4);
}

absl::StatusOr<Types> TypeOf(const TypeContext& c, const Shape& shape) {
  if (absl::Status status = shape.Validate(); !status.ok()) return c.Error(status.message());
  return Types{{c.dtype(0), shape}};
}

absl::StatusOr<Types> Conv2dType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireImagesAndFilters(c));
  const absl::StatusOr<Conv2dShape> s = Geometry(c.shape(0), c.shape(1), c.attrs<Conv2dAttrs>());
  if (!s.ok()) return c.Error(s.status().message());
  return TypeOf(c, OutputShape(*s));
}

Shape XShape(const Shape& dy, const Shape& w, const Conv2dXGradAttrs& a) {
  // More channels than can be: refused by Geometry() as not matching.
  const bool sane =
      a.conv.groups > 0 && w[kFilterChannelAxis] > 0 && a.conv.groups <= kMaxExtent / w[kFilterChannelAxis];
  return {dy[kBatchAxis], sane ? w[kFilterChannelAxis] * a.conv.groups : 0, a.size[0], a.size[1]};
}

absl::StatusOr<Types> Conv2dXGradType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireImagesAndFilters(c));
  const auto& attrs = c.attrs<Conv2dXGradAttrs>();
  const Shape x = XShape(c.shape(0), c.shape(1), attrs);
  AD_ASSIGN_OR_RETURN(Types types, TypeOf(c, x));
  const absl::StatusOr<Conv2dShape> s = Geometry(x, c.shape(1), attrs.conv);
  if (!s.ok()) return c.Error(s.status().message());
  if (OutputShape(*s) != c.shape(0)) {
    return c.Error("dy must have the shape of the convolution's result, ", OutputShape(*s).ToString());
  }
  return types;
}

Shape WShape(const Shape& x, const Shape& dy, const Conv2dWGradAttrs& a) {
  const int64_t groups = std::max<int64_t>(a.conv.groups, 1);
  return {dy[kChannelAxis], x[kChannelAxis] / groups, a.size[0], a.size[1]};
}

absl::StatusOr<Types> Conv2dWGradType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireImagesAndFilters(c));
  const auto& attrs = c.attrs<Conv2dWGradAttrs>();
  const Shape w = WShape(c.shape(0), c.shape(1), attrs);
  AD_ASSIGN_OR_RETURN(Types types, TypeOf(c, w));
  const absl::StatusOr<Conv2dShape> s = Geometry(c.shape(0), w, attrs.conv);
  if (!s.ok()) return c.Error(s.status().message());
  if (OutputShape(*s) != c.shape(1)) {
    return c.Error("dy must have the shape of the convolution's result, ", OutputShape(*s).ToString());
  }
  return types;
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

// Returns a kernel of correlations that together write output 0, from inputs 0 (images) and 1 (filters). The epilogue
// follows each range where one correlation writes everything, and otherwise the whole.
template <class T>
Kernel CorrelationKernel(std::vector<kernels::Correlation> correlations, const Conv2dShape& s,
                         int64_t output_elements) {
  using Plan = kernels::CorrelationPlan<T>;
  auto plans = std::make_shared<std::vector<std::unique_ptr<const Plan>>>();
  Kernel kernel;
  kernel.flops = s.flops();
  for (kernels::Correlation& c : correlations) {
    plans->push_back(std::make_unique<const Plan>(std::move(c)));
    kernel.workspace_bytes = std::max(kernel.workspace_bytes, plans->back()->shared_bytes());
    kernel.scratch_bytes = std::max(kernel.scratch_bytes, plans->back()->scratch_bytes());
  }
  const bool alone = plans->size() == 1 && plans->front()->dense();
  if (alone && plans->front()->whole_planes()) {
    kernel.finished_unit = plans->front()->plane_elements();
    kernel.tile_elements = plans->front()->tile_elements();
  }
  kernel.run = [plans, alone, output_elements](const KernelArgs& args) {
    const auto scratch = [&] { return args.ThreadScratch(); };
    const Conv2dMemory memory{args.workspace, scratch};
    for (const auto& plan : *plans) {
      const auto place = [&](int64_t begin) { return args.Tile<T>(begin); };
      plan->Run(args.in<T>(0), args.in<T>(1), memory, place,
                [&](int64_t begin, int64_t n) { args.Finished(begin, n); });
    }
    if (!alone && args.epilogue != nullptr) {
      ParallelFor(output_elements, 1 << 14, [&](int64_t begin, int64_t end) { args.Finished(begin, end - begin); });
    }
    return absl::OkStatus();
  };
  return kernel;
}

kernels::Conv1x1Shape Conv1x1(const Conv2dShape& s) {
  return {s.batch, s.groups, s.channels / s.groups, s.filters / s.groups, s.height * s.width};
}

// The same for 1x1 windows; transpose: from dy to dx.
template <class T>
Kernel Conv1x1Kernel(const Conv2dShape& s, bool transpose) {
  Kernel kernel;
  kernel.flops = s.flops();
  kernel.run = [shape = Conv1x1(s), transpose](const KernelArgs& args) {
    kernels::Conv1x1Map(shape, transpose, args.in<T>(0), args.in<T>(1), args.out<T>(),
                        [&](int64_t begin, int64_t n) { args.Finished(begin, n); });
    return absl::OkStatus();
  };
  return kernel;
}

template <class T>
Kernel Conv1x1FilterGradientKernel(const Conv2dShape& s) {
  Kernel kernel;
  kernel.flops = s.flops();
  kernel.workspace_bytes = kernels::Conv1x1PartialElements(Conv1x1(s)) * static_cast<int64_t>(sizeof(T));
  kernel.run = [shape = Conv1x1(s)](const KernelArgs& args) {
    kernels::Conv1x1FilterGradient(shape, args.in<T>(0), args.in<T>(1), static_cast<T*>(args.workspace), args.out<T>());
    return absl::OkStatus();
  };
  return kernel;
}

// A plan for x to y or dy to dx that writes each part of the result once.
template <class T, class Plan, class Map>
Kernel MapKernel(const Conv2dShape& s, Map map) {
  auto plan = std::make_shared<const Plan>(std::move(map));
  Kernel kernel;
  kernel.flops = s.flops();
  if constexpr (requires { plan->finished_unit(); }) kernel.finished_unit = plan->finished_unit();
  kernel.workspace_bytes = plan->shared_bytes(), kernel.scratch_bytes = plan->scratch_bytes();
  kernel.run = [plan](const KernelArgs& args) {
    const auto scratch = [&] { return args.ThreadScratch(); };
    plan->Run(args.in<T>(0), args.in<T>(1), args.out<T>(), Conv2dMemory{args.workspace, scratch},
              [&](int64_t begin, int64_t n) { args.Finished(begin, n); });
    return absl::OkStatus();
  };
  return kernel;
}

template <class T, class Plan>
Kernel FilterGradientKernel(const Conv2dShape& s) {
  auto plan = std::make_shared<const Plan>(s);
  Kernel kernel;
  kernel.flops = s.flops();
  kernel.workspace_bytes = plan->shared_bytes(), kernel.scratch_bytes = plan->scratch_bytes();
  kernel.run = [plan](const KernelArgs& args) {
    const auto scratch = [&] { return args.ThreadScratch(); };
    plan->Run(args.in<T>(0), args.in<T>(1), args.out<T>(), Conv2dMemory{args.workspace, scratch});
    return absl::OkStatus();
  };
  return kernel;
}

absl::StatusOr<Kernel> Conv2dKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(Conv2dShape s, Geometry(spec.x(0), spec.x(1), spec.As<Conv2dAttrs>()));
  s = kernels::Simplified(s);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (ChooseMethod(s, Conv2dMap::kForward, spec.strict)) {
      case Conv2dMethod::k1x1:
        return Conv1x1Kernel<T>(s, /*transpose=*/false);
      case Conv2dMethod::kWinograd:
        return MapKernel<T, kernels::WinogradPlan<T>>(s, kernels::WinogradForwardMap(s));
      case Conv2dMethod::kColumns:
        return MapKernel<T, kernels::ColumnsPlan<T>>(s, std::vector{kernels::ForwardCorrelation(s)});
      case Conv2dMethod::kTaps:
        break;
    }
    return CorrelationKernel<T>({kernels::ForwardCorrelation(s)}, s, spec.y().num_elements());
  });
}

absl::StatusOr<Kernel> Conv2dXGradKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(Conv2dShape s, Geometry(spec.y(), spec.x(1), spec.As<Conv2dXGradAttrs>().conv));
  s = kernels::Simplified(s);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (ChooseMethod(s, Conv2dMap::kInputGradient, spec.strict)) {
      case Conv2dMethod::k1x1:
        return Conv1x1Kernel<T>(s, /*transpose=*/true);
      case Conv2dMethod::kWinograd:
        return MapKernel<T, kernels::WinogradPlan<T>>(s, kernels::WinogradInputGradientMap(s));
      case Conv2dMethod::kColumns:
        return MapKernel<T, kernels::ColumnsPlan<T>>(s, kernels::InputGradientCorrelations(s));
      case Conv2dMethod::kTaps:
        break;
    }
    return CorrelationKernel<T>(kernels::InputGradientCorrelations(s), s, spec.y().num_elements());
  });
}

absl::StatusOr<Kernel> Conv2dWGradKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(Conv2dShape s, Geometry(spec.x(0), spec.y(), spec.As<Conv2dWGradAttrs>().conv));
  s = kernels::Simplified(s);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (ChooseMethod(s, Conv2dMap::kFilterGradient, spec.strict)) {
      case Conv2dMethod::k1x1:
        return Conv1x1FilterGradientKernel<T>(s);
      case Conv2dMethod::kWinograd:
        return FilterGradientKernel<T, kernels::WinogradFilterGradientPlan<T>>(s);
      case Conv2dMethod::kColumns:
        return FilterGradientKernel<T, kernels::ColumnsFilterGradientPlan<T>>(s);
      case Conv2dMethod::kTaps:
        break;
    }
    return FilterGradientKernel<T, kernels::FilterGradientPlan<T>>(s);
  });
}

// ---- Gradients: the three nodes of <dy, conv2d(x, w)> --------------------------------------------------------------

Value XGrad(Value dy, Value w, const Conv2dAttrs& conv, DimArray<2> size) {
  return Build("conv2d_x_grad", {dy, w}, Attrs(Conv2dXGradAttrs{conv, size}));
}
Value WGrad(Value x, Value dy, const Conv2dAttrs& conv, DimArray<2> size) {
  return Build("conv2d_w_grad", {x, dy}, Attrs(Conv2dWGradAttrs{conv, size}));
}
DimArray<2> SizeOf(const Value& v) { return {{v.shape()[kHeightAxis], v.shape()[kWidthAxis]}}; }

Values Conv2dGradient(const GradientContext& c) {
  const auto& conv = c.attrs<Conv2dAttrs>();
  return {XGrad(c.dy(), c.x(1), conv, SizeOf(c.x(0))), WGrad(c.x(0), c.dy(), conv, SizeOf(c.x(1)))};
}
Values Conv2dXGradGradient(const GradientContext& c) {
  const auto& conv = c.attrs<Conv2dXGradAttrs>().conv;
  return {Conv2d(c.dy(), c.x(1), conv), WGrad(c.dy(), c.x(0), conv, SizeOf(c.x(1)))};
}
Values Conv2dWGradGradient(const GradientContext& c) {
  const auto& conv = c.attrs<Conv2dWGradAttrs>().conv;
  return {XGrad(c.x(1), c.dy(), conv, SizeOf(c.x(0))), Conv2d(c.x(0), c.dy(), conv)};
}

// Every element of y takes one product with every element of a filter. A symbolic batch counts as 1.
int64_t MultiplyAdds(const Shape& y, const Shape& w) {
  return std::abs(y.num_elements()) * w[kFilterChannelAxis] * w[kHeightAxis] * w[kWidthAxis];
}

// ---- Parts: images, filters, channels and whole groups ------------------------------------------------------------

int64_t& GroupsIn(Conv2dAttrs& a) { return a.groups; }
int64_t& GroupsIn(Conv2dXGradAttrs& a) { return a.conv.groups; }
int64_t& GroupsIn(Conv2dWGradAttrs& a) { return a.conv.groups; }

// The formula of one group, with k the filters and c their channels. Several groups are convolutions side by side: g.
template <class AttrsOfOp>
LabelRule ConvolutionLabels(absl::string_view formula) {
  return [one = LabelsOf(formula)](const KernelSpec& spec) {
    LabelMap map = one(spec);
    AttrsOfOp attrs = spec.As<AttrsOfOp>();
    const int64_t groups = GroupsIn(attrs);
    if (groups == 1) return map;
    const auto regroup = [groups](AxisLabels& labels, const Shape& shape) {
      const bool filters = labels[kFilterAxis].id == 'k';
      const int axis = filters ? kFilterAxis : kChannelAxis;
      if (filters) labels[kFilterChannelAxis] = {};
      labels[axis] = {'g', shape[axis] / groups};
    };
    for (int i = 0; i < 2; ++i) regroup(map.inputs[i], spec.x(i));
    regroup(map.outputs[0], spec.y());
    return map;
  };
}

template <class AttrsOfOp>
Attrs WithGroups(AttrsOfOp attrs, const Shape& x, const Shape& w) {
  GroupsIn(attrs) = x[kChannelAxis] / w[kFilterChannelAxis];
  return Attrs(attrs);
}

// ---- Batches of examples ----------------------------------------------------------------------------------------

// Where both inputs differ from example to example, each example is a group, or several: convolutions side by side. The
// axes are those of inputs and output that groups divide. Where one input differs, the labels say more.
template <class AttrsOfOp, int kAxis0, int kAxis1, int kAxisOut>
Values ExamplesAsGroups(const BatchContext& c) {
  if (!c.batched(0) || !c.batched(1)) return {};
  AttrsOfOp attrs = c.attrs<AttrsOfOp>();
  GroupsIn(attrs) *= c.size();
  const Value y = Build(c.node().op->name, {FoldExamples(c.x(0), kAxis0), FoldExamples(c.x(1), kAxis1)}, Attrs(attrs));
  return {UnfoldExamples(y, kAxisOut, c.size(), c.node().outputs[0].shape[kAxisOut])};
}

// A symbolic number of examples can be one of images, but neither of groups nor of channels or filters.
bool OnlyImagesAreSymbolic(const BatchContext& c) { return c.size() > 0 || !c.batched(1); }
Shape ExampleShape(const BatchContext& c, int i) { return Value(c.graph(), c.node().inputs[i]).shape(); }

Values Conv2dBatch(const BatchContext& c) {
  if (OnlyImagesAreSymbolic(c)) return ExamplesAsGroups<Conv2dAttrs, kChannelAxis, kFilterAxis, kChannelAxis>(c);
  if (!RequireKnownExamples(c)) return {Value(c.graph(), {-1, 0})};
  const Shape& y = c.node().outputs[0].shape;
  return {ConvolveExamples({c.attrs<Conv2dAttrs>(), ExampleShape(c, 0), ExampleShape(c, 1), y}, Stacked(c, 0),
                           Stacked(c, 1))};
}
Values Conv2dXGradBatch(const BatchContext& c) {
  if (OnlyImagesAreSymbolic(c)) return ExamplesAsGroups<Conv2dXGradAttrs, kChannelAxis, kFilterAxis, kChannelAxis>(c);
  if (!RequireKnownExamples(c)) return {Value(c.graph(), {-1, 0})};
  const Shape& x = c.node().outputs[0].shape;
  return {XGradOfExamples({c.attrs<Conv2dXGradAttrs>().conv, x, ExampleShape(c, 1), ExampleShape(c, 0)}, Stacked(c, 0),
                          Stacked(c, 1))};
}
Values Conv2dWGradBatch(const BatchContext& c) {
  if (c.size() > 0) return ExamplesAsGroups<Conv2dWGradAttrs, kChannelAxis, kChannelAxis, kFilterAxis>(c);
  if (!RequireKnownExamples(c)) return {Value(c.graph(), {-1, 0})};
  const Shape& w = c.node().outputs[0].shape;
  return {WGradOfExamples({c.attrs<Conv2dWGradAttrs>().conv, ExampleShape(c, 0), w, ExampleShape(c, 1)}, Stacked(c, 0),
                          Stacked(c, 1))};
}

const OpRegistration kConv2d({
    .name = "conv2d",
    .doc = "y[n, k, i, j] = sum_{c, r, s} x[n, c, i stride + r dilation - top, j stride + s dilation - left] w[k, c, "
           "r, s].",
    .inputs = {"x", "w"},
    .parse_attrs = &ParseAttrs<Conv2dAttrs>,
    .type = Conv2dType,
    .kernel = Conv2dKernel,
    .gradient = Conv2dGradient,
    .batch = Conv2dBatch,
    .multiply_adds = [](absl::Span<const Type> in, const Type& y) { return MultiplyAdds(y.shape, in[1].shape); },
    .axes = MakeAxisRules({
        .labels = ConvolutionLabels<Conv2dAttrs>("nc..,kc..->nk.."),
        .linear_in = Inputs({0, 1}),
        .attrs_of_slices = [](const KernelSpec& s) { return WithGroups(s.As<Conv2dAttrs>(), s.x(0), s.x(1)); },
    }),
    .traits = {.epilogue = true},
});

const OpRegistration kConv2dXGrad({
    .name = "conv2d_x_grad",
    .doc = "dx, the gradient of <dy, conv2d(x, w)> with respect to x: the transposed convolution of dy with w.",
    .inputs = {"dy", "w"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<Conv2dXGradAttrs>,
    .type = Conv2dXGradType,
    .kernel = Conv2dXGradKernel,
    .gradient = Conv2dXGradGradient,
    .batch = Conv2dXGradBatch,
    .multiply_adds = [](absl::Span<const Type> in, const Type&) { return MultiplyAdds(in[0].shape, in[1].shape); },
    .axes = MakeAxisRules({
        .labels = ConvolutionLabels<Conv2dXGradAttrs>("nk..,kc..->nc.."),
        .linear_in = Inputs({0, 1}),
        .attrs_of_slices = [](const KernelSpec& s) { return WithGroups(s.As<Conv2dXGradAttrs>(), s.y(), s.x(1)); },
    }),
    .traits = {.epilogue = true},
});

const OpRegistration kConv2dWGrad({
    .name = "conv2d_w_grad",
    .doc = "dw, the gradient of <dy, conv2d(x, w)> with respect to w.",
    .inputs = {"x", "dy"},
    .outputs = {"dw"},
    .parse_attrs = &ParseAttrs<Conv2dWGradAttrs>,
    .type = Conv2dWGradType,
    .kernel = Conv2dWGradKernel,
    .gradient = Conv2dWGradGradient,
    .batch = Conv2dWGradBatch,
    .multiply_adds = [](absl::Span<const Type> in, const Type& dw) { return MultiplyAdds(in[1].shape, dw.shape); },
    .axes = MakeAxisRules({
        .labels = ConvolutionLabels<Conv2dWGradAttrs>("nc..,nk..->kc.."),
        .linear_in = Inputs({0, 1}),
        .attrs_of_slices = [](const KernelSpec& s) { return WithGroups(s.As<Conv2dWGradAttrs>(), s.x(0), s.y()); },
    }),
});

}  // namespace

Value Conv2d(Operand x, Operand w, Conv2dAttrs attrs) {
  if (attrs.padding.mode == "same" && x->valid() && w->valid() && x->rank() == 4 && w->rank() == 4) {
    WindowAxis height = HeightWindow(x->shape(), w->shape(), attrs), width = WidthWindow(x->shape(), w->shape(), attrs);
    if (height.SameIsSymbolic() || width.SameIsSymbolic()) return Build("conv2d", {x, w}, Attrs(attrs));  // refused
    // Otherwise the type rule names what is out of range.
    if (height.Check("").ok() && width.Check("").ok()) height.PadSame(), width.PadSame();
    attrs.padding = Padding::Explicit(height.before, width.before, height.after, width.after);
  }
  return Build("conv2d", {x, w}, Attrs(attrs));
}

Value ConvTranspose2d(Operand x, Operand w, ConvTranspose2dAttrs attrs) {
  const Conv2dAttrs conv{attrs.stride, attrs.padding, attrs.dilation, attrs.groups};
  DimArray<2> size{};
  if (x->valid() && w->valid() && x->rank() == 4 && w->rank() == 4) {
    for (int i = 0; i < 2; ++i) {
      const WindowAxis window =
          i == 0 ? HeightWindow(x->shape(), w->shape(), conv) : WidthWindow(x->shape(), w->shape(), conv);
      absl::Status status = window.Check(i == 0 ? "the height" : "the width");
      if (status.ok() && (attrs.output_padding[i] < 0 || attrs.output_padding[i] >= attrs.stride[i])) {
        status = absl::InvalidArgumentError(absl::StrCat("output_padding must be in [0, stride), but is ",
                                                         attrs.output_padding[i], " with stride ", attrs.stride[i]));
      }
      if (status.ok() && window.input == 0) status = absl::InvalidArgumentError("x has no pixels");
      if (!status.ok()) {
        x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat("conv_transpose2d: ", status.message())), x.location());
        return Value(x.graph(), {-1, 0});
      }
      const Dim last = (Dim::Of(window.input) - 1) * window.stride;
      size[i] = last + (window.extent() - window.before - window.after + attrs.output_padding[i]);
    }
  }
  return Build("conv2d_x_grad", {x, w}, Attrs(Conv2dXGradAttrs{conv, size}));
}

}  // namespace adret
