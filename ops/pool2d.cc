#include "adret/ops/pool2d.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/ops/kernels/pool2d.h"
#include "adret/ops/reduce.h"

namespace adret {
namespace {

using kernels::Pool2dShape;

// The attributes of a pooling's gradient: the pooling's, and the height and width of x.
template <class Pool>
struct PoolGradAttrs {
  Pool pool;
  DimArray<2> size{};
  template <class V>
  void Fields(V&& v) {
    pool.Fields(v);
    v("size", size);
  }
};

std::array<int64_t, 2> DilationOf(const MaxPool2dAttrs& a) { return a.dilation; }
std::array<int64_t, 2> DilationOf(const AvgPool2dAttrs&) { return {1, 1}; }
bool CountsPadding(const MaxPool2dAttrs&) { return false; }
bool CountsPadding(const AvgPool2dAttrs& a) { return a.count_include_pad; }

template <class Pool>
WindowAxis HeightWindow(int64_t height, const Pool& a) {
  return {height, a.kernel[0], a.stride[0], DilationOf(a)[0], a.padding.top, a.padding.bottom};
}
template <class Pool>
WindowAxis WidthWindow(int64_t width, const Pool& a) {
  return {width, a.kernel[1], a.stride[1], DilationOf(a)[1], a.padding.left, a.padding.right};
}

// Fails unless each of the windows covers an element that is not padding. Of a symbolic axis a plan tells.
absl::Status RequirePixels(const WindowAxis& axis, int64_t output, absl::string_view what) {
  if (axis.input < 0) return absl::OkStatus();
  bool good = (output - 1) * axis.stride - axis.before < axis.input;
  // Windows that begin before the image: their first tap inside it.
  for (int64_t start = -axis.before, i = 0; start < 0 && i < output && good; start += axis.stride, ++i) {
    const int64_t tap = (-start + axis.dilation - 1) / axis.dilation;
    good = tap < axis.kernel && start + tap * axis.dilation < axis.input;
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a window along ", what, " covers nothing but padding (", axis.before,
                                                 " before, ", axis.after, " after, window ", axis.kernel, ")"));
}

// A pooling of planes of this size; everything that it needs to be possible.
template <class Pool>
absl::StatusOr<Pool2dShape> Geometry(int64_t height, int64_t width, const Pool& a) {
  if (a.padding.mode == "same") {
    return absl::InvalidArgumentError("padding \"same\" with a stride above 1 needs a known height and width");
  }
  if (a.padding.mode != "explicit") {
    return absl::InvalidArgumentError(
        absl::StrCat("the padding's mode must be \"explicit\" or \"same\", but is \"", a.padding.mode, "\""));
  }
  const WindowAxis rows = HeightWindow(height, a), columns = WidthWindow(width, a);
  AD_ASSIGN_OR_RETURN(const int64_t out_height, rows.Output("the height", a.ceil_mode));
  AD_ASSIGN_OR_RETURN(const int64_t out_width, columns.Output("the width", a.ceil_mode));
  AD_RETURN_IF_ERROR(RequirePixels(rows, out_height, "the height"));
  AD_RETURN_IF_ERROR(RequirePixels(columns, out_width, "the width"));
  if (height > 0 && width > std::numeric_limits<int32_t>::max() / height) {
    return absl::InvalidArgumentError("x must have less than 2^31 pixels per channel");
  }
  Pool2dShape s{.height = height,
                .width = width,
                .out_height = out_height,
                .out_width = out_width,
                .kernel_h = rows.kernel,
                .kernel_w = columns.kernel,
                .stride_h = rows.stride,
                .stride_w = columns.stride};
  s.dilation_h = rows.dilation, s.dilation_w = columns.dilation;
  s.pad_top = rows.before, s.pad_left = columns.before, s.pad_bottom = rows.after, s.pad_right = columns.after;
  s.count_padding = CountsPadding(a);
  return s;
}

// The geometry for a type rule: images of the batch and channels of input i, height and width as given.
template <class Pool>
absl::StatusOr<Pool2dShape> CheckPool(const TypeContext& c, const Pool& pool, int64_t height, int64_t width) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  AD_RETURN_IF_ERROR(c.RequireRank(0, 4));
  absl::StatusOr<Pool2dShape> s = Geometry(height, width, pool);
  if (!s.ok()) return c.Error(s.status().message());
  return s;
}

absl::StatusOr<Shape> Images(const TypeContext& c, int64_t height, int64_t width) {
  const Shape shape{c.shape(0)[kBatchAxis], c.shape(0)[kChannelAxis], height, width};
  if (absl::Status status = shape.Validate(); !status.ok()) return c.Error(status.message());
  return shape;
}

// x -> y
template <class Pool>
absl::StatusOr<Shape> PoolOutput(const TypeContext& c, const Pool& pool) {
  AD_RETURN_IF_ERROR(c.RequireRank(0, 4));
  AD_ASSIGN_OR_RETURN(const Pool2dShape s, CheckPool(c, pool, c.shape(0)[kHeightAxis], c.shape(0)[kWidthAxis]));
  return Images(c, s.out_height, s.out_width);
}

// dy -> dx
template <class Pool>
absl::StatusOr<Types> PoolGradType(const TypeContext& c, const PoolGradAttrs<Pool>& a) {
  AD_ASSIGN_OR_RETURN(const Pool2dShape s, CheckPool(c, a.pool, a.size[0], a.size[1]));
  if (c.shape(0)[kHeightAxis] != s.out_height || c.shape(0)[kWidthAxis] != s.out_width) {
    return c.Error("dy must be ", DimText(s.out_height), "x", DimText(s.out_width),
                   ", the size of the pooling's result");
  }
  AD_ASSIGN_OR_RETURN(const Shape dx, Images(c, a.size[0], a.size[1]));
  return Types{{c.dtype(0), dx}};
}

absl::Status RequireArgmax(const TypeContext& c, const Shape& expected) {
  if (c.dtype(1) == DType::kInt32 && c.shape(1) == expected) return absl::OkStatus();
  return c.Error("argmax must be i32", expected.ToString());
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

// Planes in chunks of about this many elements, read and written.
constexpr int64_t kElementsPerChunk = 1 << 15;

int64_t PlaneGrain(const Pool2dShape& s) {
  // In doubles, as products of windows and results may be too large for integers.
  const double results = static_cast<double>(s.out_height * s.out_width);
  const double work = static_cast<double>(s.height * s.width) +
                      results * static_cast<double>(std::max<int64_t>(s.kernel_h * s.kernel_w / 2, 1));
  return std::max<int64_t>(1, static_cast<int64_t>(kElementsPerChunk / std::max(work, 1.0)));
}

// A kernel that calls plane(args, p) -> bool for every plane p of output 0, which has `size` elements per plane.
template <class Plane>
Kernel PlaneKernel(const KernelSpec& spec, const Pool2dShape& s, Plane plane) {
  const int64_t planes = spec.y()[kBatchAxis] * spec.y()[kChannelAxis];
  const int64_t size = spec.y()[kHeightAxis] * spec.y()[kWidthAxis], grain = PlaneGrain(s);
  Kernel kernel;
  kernel.flops = static_cast<double>(planes) * s.out_height * s.out_width * s.kernel_h * s.kernel_w;
  kernel.finished_unit = size;
  kernel.run = [=](const KernelArgs& args) {
    std::atomic<bool> good = true;
    ParallelFor(planes, grain, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        if (!plane(args, p)) good.store(false, std::memory_order_relaxed);
      }
      args.Finished(begin * size, (end - begin) * size);
    });
    return good ? absl::OkStatus() : absl::InvalidArgumentError("argmax is not one that max_pool2d made");
  };
  return kernel;
}

// Element i of an output that may be missing.
template <class T>
T* At(void* output, int64_t i) {
  return output == nullptr ? nullptr : static_cast<T*>(output) + i;
}

// The same for plane(x, outputs, at) -> void, which reads nothing but its plane of input 0.
template <class T, class Plane>
Kernel PoolKernel(const KernelSpec& spec, const Pool2dShape& s, Plane plane) {
  const int64_t in = s.height * s.width, out = s.out_height * s.out_width;
  Kernel kernel = PlaneKernel(spec, s, [=](const KernelArgs& args, int64_t p) {
    plane(args.in<T>(0) + p * in, args.outputs, p * out);
    return true;
  });
  kernel.in_plane = in, kernel.out_plane = out;
  kernel.run_planes = [=](const PlaneArgs& args) {
    for (int64_t p = 0; p < args.planes; ++p) plane(static_cast<const T*>(args.x) + p * in, args.outputs, p * out);
  };
  return kernel;
}

absl::StatusOr<Kernel> MaxPoolKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(const Pool2dShape s,
                      Geometry(spec.x(0)[kHeightAxis], spec.x(0)[kWidthAxis], spec.As<MaxPool2dAttrs>()));
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return PoolKernel<T>(spec, s, [s](const T* x, absl::Span<void* const> outputs, int64_t at) {
      kernels::MaxPoolPlane(s, x, At<T>(outputs[0], at), At<int32_t>(outputs[1], at));
    });
  });
}

absl::StatusOr<Kernel> MaxPoolXGradKernel(const KernelSpec& spec) {
  const auto& a = spec.As<PoolGradAttrs<MaxPool2dAttrs>>();
  AD_ASSIGN_OR_RETURN(const Pool2dShape s, Geometry(a.size[0], a.size[1], a.pool));
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return PlaneKernel(spec, s, [s](const KernelArgs& args, int64_t p) {
      const int64_t in = p * s.out_height * s.out_width;
      return kernels::MaxPoolScatterPlane(s, args.in<T>(0) + in, args.in<int32_t>(1) + in,
                                          args.out<T>() + p * s.height * s.width);
    });
  });
}

absl::StatusOr<Kernel> MaxPoolGatherKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(const Pool2dShape s,
                      Geometry(spec.x(0)[kHeightAxis], spec.x(0)[kWidthAxis], spec.As<MaxPool2dAttrs>()));
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return PlaneKernel(spec, s, [s](const KernelArgs& args, int64_t p) {
      const int64_t out = p * s.out_height * s.out_width;
      return kernels::MaxPoolGatherPlane(s, args.in<T>(0) + p * s.height * s.width, args.in<int32_t>(1) + out,
                                         args.out<T>() + out);
    });
  });
}

absl::StatusOr<Kernel> AvgPoolKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(const Pool2dShape s,
                      Geometry(spec.x(0)[kHeightAxis], spec.x(0)[kWidthAxis], spec.As<AvgPool2dAttrs>()));
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return PoolKernel<T>(spec, s, [s](const T* x, absl::Span<void* const> outputs, int64_t at) {
      kernels::AvgPoolPlane(s, x, At<T>(outputs[0], at));
    });
  });
}

absl::StatusOr<Kernel> AvgPoolXGradKernel(const KernelSpec& spec) {
  const auto& a = spec.As<PoolGradAttrs<AvgPool2dAttrs>>();
  AD_ASSIGN_OR_RETURN(const Pool2dShape s, Geometry(a.size[0], a.size[1], a.pool));
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return PlaneKernel(spec, s, [s](const KernelArgs& args, int64_t p) {
      kernels::AvgPoolScatterPlane(s, args.in<T>(0) + p * s.out_height * s.out_width,
                                   args.out<T>() + p * s.height * s.width);
      return true;
    });
  });
}

// ---- Ops ----------------------------------------------------------------------------------------------------------

DimArray<2> SizeOf(const Value& x) { return {{x.shape()[kHeightAxis], x.shape()[kWidthAxis]}}; }

Value MaxPoolXGrad(Value dy, Value argmax, const MaxPool2dAttrs& pool, DimArray<2> size) {
  return Build("max_pool2d_x_grad", {dy, argmax}, Attrs(PoolGradAttrs<MaxPool2dAttrs>{pool, size}));
}

const OpRegistration kMaxPool2d({
    .name = "max_pool2d",
    .doc =
        "y = the maximum of a window sliding over each channel; argmax = its index h * W + w, the first of equal ones.",
    .inputs = {"x"},
    .outputs = {"y", "argmax"},
    .parse_attrs = &ParseAttrs<MaxPool2dAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_ASSIGN_OR_RETURN(const Shape y, PoolOutput(c, c.attrs<MaxPool2dAttrs>()));
      return Types{{c.dtype(0), y}, {DType::kInt32, y}};
    },
    .kernel = MaxPoolKernel,
    .gradient = [](const GradientContext& c) -> Values {
      if (!c.has_dy(0)) return {Value()};
      return {MaxPoolXGrad(c.dy(0), c.y(1), c.attrs<MaxPool2dAttrs>(), SizeOf(c.x(0)))};
    },
    .axes = MakeAxisRules({.labels = LabelsOf("nc..->nc..,nc.."), .reads_as = "max_pool2d_gather"}),
    .traits = {.epilogue = true, .planes = true},
});

const OpRegistration kMaxPool2dXGrad({
    .name = "max_pool2d_x_grad",
    .doc = "dx[n, c, p] = the sum of dy[n, c, o] over the outputs o with argmax[n, c, o] = p.",
    .inputs = {"dy", "argmax"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<PoolGradAttrs<MaxPool2dAttrs>>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_ASSIGN_OR_RETURN(Types types, PoolGradType(c, c.attrs<PoolGradAttrs<MaxPool2dAttrs>>()));
      AD_RETURN_IF_ERROR(RequireArgmax(c, c.shape(0)));
      return types;
    },
    .kernel = MaxPoolXGradKernel,
    .gradient = [](const GradientContext& c) -> Values {
      const auto& pool = c.attrs<PoolGradAttrs<MaxPool2dAttrs>>().pool;
      return {Build("max_pool2d_gather", {c.dy(), c.x(1)}, Attrs(pool)), Value()};
    },
    .axes = MakeAxisRules(
        {.labels = LabelsOf("nc..,nc..->nc.."), .linear_in = Inputs({0}), .scatter_of = "max_pool2d_gather"}),
    .traits = {.epilogue = true},
});

const OpRegistration kMaxPool2dGather({
    .name = "max_pool2d_gather",
    .doc = "y[n, c, o] = x[n, c, argmax[n, c, o]]: what max_pool2d picked, from another x.",
    .inputs = {"x", "argmax"},
    .parse_attrs = &ParseAttrs<MaxPool2dAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_ASSIGN_OR_RETURN(const Shape y, PoolOutput(c, c.attrs<MaxPool2dAttrs>()));
      AD_RETURN_IF_ERROR(RequireArgmax(c, y));
      return Types{{c.dtype(0), y}};
    },
    .kernel = MaxPoolGatherKernel,
    .gradient = [](const GradientContext& c) -> Values {
      return {MaxPoolXGrad(c.dy(), c.x(1), c.attrs<MaxPool2dAttrs>(), SizeOf(c.x(0))), Value()};
    },
    .axes = MakeAxisRules({.labels = LabelsOf("nc..,nc..->nc.."), .linear_in = Inputs({0})}),
    .traits = {.epilogue = true},
});

const OpRegistration kAvgPool2d({
    .name = "avg_pool2d",
    .doc = "y = the mean of a window sliding over each channel.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<AvgPool2dAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_ASSIGN_OR_RETURN(const Shape y, PoolOutput(c, c.attrs<AvgPool2dAttrs>()));
      return Types{{c.dtype(0), y}};
    },
    .kernel = AvgPoolKernel,
    .gradient = [](const GradientContext& c) -> Values {
      const PoolGradAttrs<AvgPool2dAttrs> attrs{c.attrs<AvgPool2dAttrs>(), SizeOf(c.x(0))};
      return {Build("avg_pool2d_x_grad", {c.dy()}, Attrs(attrs))};
    },
    .axes = MakeAxisRules({.labels = LabelsOf("nc..->nc.."), .linear_in = Inputs({0})}),
    .traits = {.epilogue = true, .planes = true},
});

const OpRegistration kAvgPool2dXGrad({
    .name = "avg_pool2d_x_grad",
    .doc = "dx, the gradient of <dy, avg_pool2d(x)>: each dy is shared equally by its window.",
    .inputs = {"dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<PoolGradAttrs<AvgPool2dAttrs>>,
    .type = [](const TypeContext& c) { return PoolGradType(c, c.attrs<PoolGradAttrs<AvgPool2dAttrs>>()); },
    .kernel = AvgPoolXGradKernel,
    .gradient = [](const GradientContext& c) -> Values {
      return {Build("avg_pool2d", {c.dy()}, Attrs(c.attrs<PoolGradAttrs<AvgPool2dAttrs>>().pool))};
    },
    .axes = MakeAxisRules({.labels = LabelsOf("nc..->nc.."), .linear_in = Inputs({0})}),
    .traits = {.epilogue = true},
});

// The attributes as nodes hold them: strides given, padding explicit.
template <class Pool>
Pool Resolved(const Operand& x, Pool a) {
  for (int i = 0; i < 2; ++i) {
    if (a.stride[i] == 0) a.stride[i] = a.kernel[i];
  }
  if (a.padding.mode == "same" && x->valid() && x->rank() == 4) {
    WindowAxis height = HeightWindow(x->shape()[kHeightAxis], a), width = WidthWindow(x->shape()[kWidthAxis], a);
    if (height.SameIsSymbolic() || width.SameIsSymbolic()) return a;  // refused by the type rule
    // Otherwise the type rule names what is out of range.
    if (height.Check("").ok() && width.Check("").ok()) height.PadSame(), width.PadSame();
    a.padding = Padding::Explicit(height.before, width.before, height.after, width.after);
  }
  return a;
}

}  // namespace

Value MaxPool2d(Operand x, MaxPool2dAttrs attrs) { return MaxPool2dWithArgmax(x, attrs).y; }

MaxPool2dResult MaxPool2dWithArgmax(Operand x, MaxPool2dAttrs attrs) {
  const Values y = BuildMulti("max_pool2d", {x}, Attrs(Resolved(x, attrs)));
  if (y.size() != 2) return {};
  return {y[0], y[1]};
}

Value AvgPool2d(Operand x, AvgPool2dAttrs attrs) { return Build("avg_pool2d", {x}, Attrs(Resolved(x, attrs))); }

Value GlobalAvgPool2d(Operand x) { return Mean(x, {.axes = {kHeightAxis, kWidthAxis}, .keepdims = true}); }
Value GlobalMaxPool2d(Operand x) { return Max(x, {.axes = {kHeightAxis, kWidthAxis}, .keepdims = true}); }

}  // namespace adret
