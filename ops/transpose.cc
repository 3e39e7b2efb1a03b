#include "adret/ops/transpose.h"

#include "adret/core/axis_rules.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/copy.h"

namespace adret {
namespace {

absl::StatusOr<Types> TransposeType(const TypeContext& c) {
  const auto& permutation = c.attrs<TransposeAttrs>().permutation;
  const Shape& x = c.shape(0);
  if (permutation.size() != static_cast<size_t>(x.rank())) {
    return c.Error("the permutation names ", permutation.size(), " axes but x has ", x.rank());
  }
  std::vector<bool> seen(x.rank(), false);
  Shape y;
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= x.rank()) return c.Error("axis ", axis, " of the permutation is out of range");
    if (seen[axis]) return c.Error("the permutation names axis ", axis, " twice");
    seen[axis] = true;
    y.push_back(x[axis]);
  }
  return Types{{c.dtype(0), y}};
}

absl::StatusOr<Kernel> TransposeKernel(const KernelSpec& spec) {
  const auto x_strides = Strides(spec.x(0));
  absl::InlinedVector<int64_t, 4> src_strides;
  for (int64_t axis : spec.As<TransposeAttrs>().permutation) src_strides.push_back(x_strides[axis]);
  const kernels::StridedCopy copy(spec.y().dims(), src_strides, Strides(spec.y()), SizeOf(spec.dtype()));
  return Kernel{.run = [copy](const KernelArgs& args) {
    copy.Run(args.inputs[0], args.outputs[0]);
    return absl::OkStatus();
  }};
}

const OpRegistration kTranspose({
    .name = "transpose",
    .doc = "y[i_p0, i_p1, ...] = x[i_0, i_1, ...]: axis a of y is axis permutation[a] of x.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<TransposeAttrs>,
    .type = TransposeType,
    .kernel = TransposeKernel,
    .gradient =
        [](const GradientContext& c) {
          const auto& permutation = c.attrs<TransposeAttrs>().permutation;
          std::vector<int64_t> inverse(permutation.size());
          for (size_t a = 0; a < permutation.size(); ++a) inverse[permutation[a]] = static_cast<int64_t>(a);
          return Values{Build("transpose", {c.dy()}, Attrs(TransposeAttrs{inverse}))};
        },
    .batch = OneMoreAxis<TransposeAttrs>([](TransposeAttrs* a, const BatchContext&) {
      for (int64_t& axis : a->permutation) ++axis;
      a->permutation.insert(a->permutation.begin(), 0);
    }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type>, absl::Span<const Tensor* const>) {
          const auto& permutation = attrs.As<TransposeAttrs>().permutation;
          for (size_t a = 0; a < permutation.size(); ++a) {
            if (permutation[a] != static_cast<int64_t>(a)) return -1;
          }
          return 0;
        },
    .moves = Inputs({0}),
    .axes = MakeAxisRules({.labels =
                               [](const KernelSpec& spec) {
                                 AxisLabels x, y;
                                 for (int a = 0; a < spec.y().rank(); ++a) x.push_back({a});
                                 for (int64_t axis : spec.As<TransposeAttrs>().permutation) y.push_back(x[axis]);
                                 return LabelMap{{x}, {y}};
                               },
                           .linear_in = Inputs({0})}),
});

}  // namespace

Value Transpose(Operand x, const std::vector<int64_t>& permutation) {
  TransposeAttrs attrs{permutation};
  const int rank = x->rank();
  if (permutation.empty()) {
    for (int a = rank - 1; a >= 0; --a) attrs.permutation.push_back(a);
  }
  for (int64_t& axis : attrs.permutation) {
    if (axis < 0) axis += rank;
  }
  return Build("transpose", {x}, Attrs(attrs));
}

}  // namespace adret
