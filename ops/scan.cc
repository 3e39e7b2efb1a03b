#include "adret/ops/scan.h"

#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/scan.h"

namespace adret {
namespace {

absl::StatusOr<Types> CumSumType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, c.attrs<CumSumAttrs>().axis));
  return Types{c.type(0)};
}

absl::StatusOr<Kernel> MakeCumSum(const KernelSpec& spec) {
  const auto& attrs = spec.As<CumSumAttrs>();
  const AxisSplit s = SplitAt(spec.x(0), attrs.axis);
  const kernels::CumSumOptions options{attrs.exclusive, attrs.reverse};
  return VisitArithmetic(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [s, options](const KernelArgs& args) {
      kernels::CumSum(args.in<T>(0), s.outer, s.n, s.inner, options, args.out<T>());
      return absl::OkStatus();
    }};
  });
}

Values CumSumGradient(const GradientContext& c) {
  CumSumAttrs attrs = c.attrs<CumSumAttrs>();
  attrs.reverse = !attrs.reverse;
  return {CumSum(c.dy(), attrs)};
}

const OpRegistration kCumSum({
    .name = "cumsum",
    .doc = "y_i = sum of x_j along the axis over j <= i (exclusive: j < i; reverse: j >= i).",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<CumSumAttrs>,
    .type = CumSumType,
    .kernel = MakeCumSum,
    .gradient = CumSumGradient,
    .batch = OneMoreAxis<CumSumAttrs>([](CumSumAttrs* a, const BatchContext&) { ++a->axis; }),
    .axes = MakeAxisRules({
        .labels = [](const KernelSpec& spec) { return LanesExcept(spec, {spec.As<CumSumAttrs>().axis}); },
        .linear_in = Inputs({0}),
    }),
});

}  // namespace

Value CumSum(Operand x, const CumSumAttrs& attrs) {
  CumSumAttrs normalized = attrs;
  normalized.axis = NormalizedAxis(x.value(), attrs.axis);
  return Build("cumsum", {x}, Attrs(normalized));
}

}  // namespace adret
