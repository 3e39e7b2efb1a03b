#include "adret/ops/narrow.h"

#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/copy.h"

namespace adret {
namespace {

// Attributes of narrow: elements begin .. begin + size - 1 of an axis.
struct NarrowAttrs {
  int64_t axis = 0;
  DimArray<1> begin{}, size{};
  template <class V>
  void Fields(V&& v) {
    v("axis", axis), v("begin", begin), v("size", size);
  }
};

// Attributes of narrow_x_grad: the same, and how long the axis is.
struct NarrowGradAttrs {
  NarrowAttrs narrow;
  DimArray<1> whole{};
  template <class V>
  void Fields(V&& v) {
    narrow.Fields(v);
    v("whole", whole);
  }
};

// Fails where a part of an axis is certain to lie outside.
absl::Status CheckPart(const TypeContext& c, const NarrowAttrs& a, int64_t whole) {
  for (int64_t code : {a.begin[0], a.size[0], whole}) {
    if (!IsDimCode(code)) return c.Error("begin and size must be dimensions, at least 0");
  }
  const Dim after = Dim::Of(whole) - Dim::Of(a.begin[0]) - Dim::Of(a.size[0]);
  if (a.begin[0] < 0 || a.size[0] < 0 || whole < 0) AssumeOfSizes();
  if (after.number().value_or(0) >= 0) return absl::OkStatus();
  return c.Error("begin ", DimText(a.begin[0]), " and size ", DimText(a.size[0]), " reach beyond axis ", a.axis,
                 " of size ", DimText(whole));
}

absl::StatusOr<Types> NarrowType(const TypeContext& c) {
  const auto& a = c.attrs<NarrowAttrs>();
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, a.axis));
  AD_RETURN_IF_ERROR(CheckPart(c, a, c.shape(0)[a.axis]));
  Shape y = c.shape(0);
  y.set(a.axis, a.size[0]);
  return Types{{c.dtype(0), y}};
}

absl::StatusOr<Types> NarrowGradType(const TypeContext& c) {
  const auto& a = c.attrs<NarrowGradAttrs>();
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, a.narrow.axis));
  AD_RETURN_IF_ERROR(CheckPart(c, a.narrow, a.whole[0]));
  if (c.shape(0)[a.narrow.axis] != a.narrow.size[0]) {
    return c.Error("axis ", a.narrow.axis, " of dy must have size ", DimText(a.narrow.size[0]));
  }
  Shape x = c.shape(0);
  x.set(a.narrow.axis, a.whole[0]);
  if (absl::Status status = x.Validate(); !status.ok()) return c.Error(status.message());
  return Types{{c.dtype(0), x}};
}

// The elements of the whole before the part.
int64_t OffsetOf(const Shape& whole, const NarrowAttrs& a) { return a.begin[0] * Strides(whole)[a.axis]; }

absl::StatusOr<Kernel> NarrowKernel(const KernelSpec& spec) {
  const auto& a = spec.As<NarrowAttrs>();
  const size_t size = SizeOf(spec.dtype());
  const kernels::StridedCopy copy(spec.y().dims(), Strides(spec.x(0)), Strides(spec.y()), size);
  return Kernel{.run = [copy, offset = OffsetOf(spec.x(0), a) * static_cast<int64_t>(size)](const KernelArgs& args) {
    copy.Run(args.in<char>(0) + offset, args.outputs[0]);
    return absl::OkStatus();
  }};
}

absl::StatusOr<Kernel> NarrowGradKernel(const KernelSpec& spec) {
  const auto& a = spec.As<NarrowGradAttrs>();
  const size_t size = SizeOf(spec.dtype());
  const kernels::StridedCopy copy(spec.x(0).dims(), Strides(spec.x(0)), Strides(spec.y()), size);
  const int64_t bytes = spec.outputs[0].bytes(), offset = OffsetOf(spec.y(), a.narrow) * static_cast<int64_t>(size);
  return Kernel{.run = [copy, bytes, offset](const KernelArgs& args) {
    kernels::ZeroBytes(args.outputs[0], bytes);
    copy.Run(args.inputs[0], args.out<char>() + offset);
    return absl::OkStatus();
  }};
}

const OpRegistration kNarrow({
    .name = "narrow",
    .doc = "y = x[begin:begin + size] along an axis; begin and size may be symbolic.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<NarrowAttrs>,
    .type = NarrowType,
    .kernel = NarrowKernel,
    .gradient =
        [](const GradientContext& c) {
          const auto& a = c.attrs<NarrowAttrs>();
          const DimArray<1> whole{{c.x().shape()[static_cast<int>(a.axis)]}};
          return Values{Build("narrow_x_grad", {c.dy()}, Attrs(NarrowGradAttrs{a, whole}))};
        },
    .batch = OneMoreAxis<NarrowAttrs>([](NarrowAttrs* a, const BatchContext&) { ++a->axis; }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          const auto& a = attrs.As<NarrowAttrs>();
          return a.size[0] == types[0].shape[a.axis] ? 0 : -1;
        },
    .moves = Inputs({0}),
    .axes = MakeAxisRules({.labels =
                               [](const KernelSpec& spec) { return LanesExcept(spec, {spec.As<NarrowAttrs>().axis}); },
                           .linear_in = Inputs({0})}),
});

const OpRegistration kNarrowGrad({
    .name = "narrow_x_grad",
    .doc = "dx[begin:begin + size] = dy along an axis; zeros elsewhere.",
    .inputs = {"dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<NarrowGradAttrs>,
    .type = NarrowGradType,
    .kernel = NarrowGradKernel,
    .gradient =
        [](const GradientContext& c) {
          return Values{Build("narrow", {c.dy()}, Attrs(c.attrs<NarrowGradAttrs>().narrow))};
        },
    .batch = OneMoreAxis<NarrowGradAttrs>([](NarrowGradAttrs* a, const BatchContext&) { ++a->narrow.axis; }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          const auto& a = attrs.As<NarrowGradAttrs>();
          return a.whole[0] == types[0].shape[a.narrow.axis] ? 0 : -1;
        },
    .axes = MakeAxisRules(
        {.labels = [](const KernelSpec& spec) { return LanesExcept(spec, {spec.As<NarrowGradAttrs>().narrow.axis}); },
         .linear_in = Inputs({0})}),
});

}  // namespace

Value Narrow(Operand x, int64_t axis, const Dim& begin, const Dim& size) {
  const NarrowAttrs attrs{NormalizedAxis(x, axis), {{begin.code()}}, {{size.code()}}};
  return Build("narrow", {x}, Attrs(attrs));
}

}  // namespace adret
