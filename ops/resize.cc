#include "adret/ops/resize.h"

#include <algorithm>
#include <array>
#include <memory>

#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/core/parallel.h"
#include "adret/ops/kernels/resize.h"
#include "adret/ops/layout.h"

namespace adret {
namespace {

using kernels::Resize2d;

constexpr int64_t kElementsPerChunk = 1 << 14;

// The attributes of a gradient: the resize's, and the height and width of x.
template <class Resize>
struct ResizeGradAttrs {
  Resize resize;
  std::array<int64_t, 2> size{};
  template <class V>
  void Fields(V&& v) {
    resize.Fields(v);
    v("size", size);
  }
};

Resize2d Tables(const ResizeBilinearAttrs& a, int64_t height, int64_t width) {
  return {true, kernels::LinearAxis(height, a.height, a.align_corners),
          kernels::LinearAxis(width, a.width, a.align_corners), height, width};
}
Resize2d Tables(const ResizeNearestAttrs& a, int64_t height, int64_t width) {
  return {false, kernels::NearestAxis(height, a.height), kernels::NearestAxis(width, a.width), height, width};
}

absl::Status CheckSize(const TypeContext& c, int64_t height, int64_t width, absl::string_view what) {
  if (std::min(height, width) >= 1 && std::max(height, width) <= kMaxWindow) return absl::OkStatus();
  return c.Error("the height and width of ", what, " must be in [1, 2^24], but are ", DimText(height), " and ",
                 DimText(width));
}

// The images of input 0 at another size.
absl::StatusOr<Types> Resized(const TypeContext& c, int64_t height, int64_t width) {
  const Shape shape{c.shape(0)[kBatchAxis], c.shape(0)[kChannelAxis], height, width};
  if (absl::Status status = shape.Validate(); !status.ok()) return c.Error(status.message());
  return Types{{c.dtype(0), shape}};
}

absl::Status RequireImages(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  return c.RequireRank(0, 4);
}

template <class Resize>
absl::StatusOr<Types> ResizeType(const TypeContext& c) {
  const auto& a = c.attrs<Resize>();
  AD_RETURN_IF_ERROR(RequireImages(c));
  AD_RETURN_IF_ERROR(CheckSize(c, c.shape(0)[kHeightAxis], c.shape(0)[kWidthAxis], "x"));
  AD_RETURN_IF_ERROR(CheckSize(c, a.height, a.width, "the result"));
  return Resized(c, a.height, a.width);
}

template <class Resize>
absl::StatusOr<Types> ResizeGradType(const TypeContext& c) {
  const auto& a = c.attrs<ResizeGradAttrs<Resize>>();
  AD_RETURN_IF_ERROR(RequireImages(c));
  AD_RETURN_IF_ERROR(CheckSize(c, a.size[0], a.size[1], "x"));
  AD_RETURN_IF_ERROR(CheckSize(c, a.resize.height, a.resize.width, "the result"));
  if (c.shape(0)[kHeightAxis] != a.resize.height || c.shape(0)[kWidthAxis] != a.resize.width) {
    return c.Error("dy must be ", a.resize.height, "x", a.resize.width);
  }
  return Resized(c, a.size[0], a.size[1]);
}

// Planes of input 0 to planes of output 0; transposed: from the resize's result to its x.
Kernel PlanesKernel(const KernelSpec& spec, Resize2d resize, bool transposed) {
  const auto shared = std::make_shared<const Resize2d>(std::move(resize));
  const int64_t planes = spec.y()[kBatchAxis] * spec.y()[kChannelAxis];
  const int64_t in = spec.x(0)[kHeightAxis] * spec.x(0)[kWidthAxis], out = spec.y()[kHeightAxis] * spec.y()[kWidthAxis];
  const int64_t grain = std::max<int64_t>(1, kElementsPerChunk / (in + out));
  Kernel kernel;
  kernel.flops = 8.0 * planes * (transposed ? in : out);
  kernel.run = [=, dtype = spec.dtype()](const KernelArgs& args) {
    VisitFloating(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      ParallelFor(planes, grain, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          (transposed ? &kernels::ResizeScatterPlane<T> : &kernels::ResizePlane<T>)(*shared, args.in<T>(0) + p * in,
                                                                                    args.out<T>() + p * out);
        }
        args.Finished(begin * out, (end - begin) * out);
      });
    });
    return absl::OkStatus();
  };
  return kernel;
}

template <class Resize>
absl::StatusOr<Kernel> ResizeKernel(const KernelSpec& spec) {
  const Shape& x = spec.x(0);
  return PlanesKernel(spec, Tables(spec.As<Resize>(), x[kHeightAxis], x[kWidthAxis]), /*transposed=*/false);
}

template <class Resize>
absl::StatusOr<Kernel> ResizeGradKernel(const KernelSpec& spec) {
  const auto& a = spec.As<ResizeGradAttrs<Resize>>();
  return PlanesKernel(spec, Tables(a.resize, a.size[0], a.size[1]), /*transposed=*/true);
}

std::shared_ptr<const AxisRules> PlaneRules() {
  return MakeAxisRules({.labels = LabelsOf("nc..->nc.."), .linear_in = Inputs({0})});
}

// The op `name` and its transpose `name`_x_grad.
template <class Resize>
Op ResizeOp(const std::string& name, const std::string& doc) {
  const std::string gradient = name + "_x_grad";
  return {.name = name,
          .doc = doc,
          .inputs = {"x"},
          .parse_attrs = &ParseAttrs<Resize>,
          .type = ResizeType<Resize>,
          .kernel = ResizeKernel<Resize>,
          .gradient = [gradient](const GradientContext& c) -> Values {
            const Shape& x = c.x().shape();
            const ResizeGradAttrs<Resize> attrs{c.attrs<Resize>(), {x[kHeightAxis], x[kWidthAxis]}};
            return {Build(gradient, {c.dy()}, Attrs(attrs))};
          },
          .axes = PlaneRules(),
          .traits = {.epilogue = true}};
}
template <class Resize>
Op ResizeGradOp(const std::string& name) {
  return {.name = name + "_x_grad",
          .doc = "dx, the gradient of <dy, " + name + "(x)>: its transpose applied to dy.",
          .inputs = {"dy"},
          .outputs = {"dx"},
          .parse_attrs = &ParseAttrs<ResizeGradAttrs<Resize>>,
          .type = ResizeGradType<Resize>,
          .kernel = ResizeGradKernel<Resize>,
          .gradient = [name](const GradientContext& c) -> Values {
            return {Build(name, {c.dy()}, Attrs(c.attrs<ResizeGradAttrs<Resize>>().resize))};
          },
          .axes = PlaneRules(),
          .traits = {.epilogue = true}};
}

const OpRegistration kResizeBilinear(ResizeOp<ResizeBilinearAttrs>(
    "resize_bilinear", "y = x at another height and width, interpolated linearly along both axes."));
const OpRegistration kResizeBilinearXGrad(ResizeGradOp<ResizeBilinearAttrs>("resize_bilinear"));
const OpRegistration kResizeNearest(
    ResizeOp<ResizeNearestAttrs>("resize_nearest", "y[n, c, i, j] = x[n, c, floor(i H / H'), floor(j W / W')]."));
const OpRegistration kResizeNearestXGrad(ResizeGradOp<ResizeNearestAttrs>("resize_nearest"));

}  // namespace

Value ResizeBilinear(Operand x, ResizeBilinearAttrs attrs) { return Build("resize_bilinear", {x}, Attrs(attrs)); }
Value ResizeNearest(Operand x, ResizeNearestAttrs attrs) { return Build("resize_nearest", {x}, Attrs(attrs)); }

}  // namespace adret
