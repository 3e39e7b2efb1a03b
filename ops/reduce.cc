#include "adret/ops/reduce.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/kernels/reduce_lines.h"
#include "adret/ops/kernels/reduce_plan.h"
#include "adret/ops/reshape.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

using kernels::Lines;
using kernels::ReducePlan;
using kernels::Reduction;

// ---- Type rules -------------------------------------------------------------------------------------------------

Shape WithoutAxes(const Shape& x, const std::vector<int64_t>& axes, bool keepdims) {
  Shape y;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), i);
    if (!reduced || keepdims) y.push_back(reduced ? 1 : x[i]);
  }
  return y;
}

absl::StatusOr<Types> ReduceType(const TypeContext& c) {
  const auto& attrs = c.attrs<ReduceAttrs>();
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  AD_RETURN_IF_ERROR(RequireAxes(c, 0, attrs.axes));
  return Types{{c.dtype(0), WithoutAxes(c.shape(0), attrs.axes, attrs.keepdims)}};
}

// For reductions that no elements have none of.
absl::StatusOr<Types> NonemptyReduceType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Types types, ReduceType(c));
  const int64_t axis = EmptyAxis(c.shape(0), types[0].shape, c.attrs<ReduceAttrs>().axes);
  if (axis >= 0) return c.Error("axis ", axis, " has no elements to reduce");
  return types;
}

absl::StatusOr<Types> FloatingReduceType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  return ReduceType(c);
}

absl::StatusOr<Types> ArgReduceType(const TypeContext& c) {
  const auto& attrs = c.attrs<ArgReduceAttrs>();
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, attrs.axis));
  const Shape shape = WithoutAxes(c.shape(0), {attrs.axis}, attrs.keepdims);
  if (EmptyAxis(c.shape(0), shape, {attrs.axis}) >= 0) {
    return c.Error("axis ", attrs.axis, " has no elements to reduce");
  }
  return Types{{DType::kInt64, shape}};
}

absl::StatusOr<Types> SizeType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  AD_RETURN_IF_ERROR(RequireAxes(c, 0, c.attrs<ReduceAttrs>().axes));
  return Types{{c.dtype(0), Shape()}};
}

// x's type; with a second input, that of both.
absl::StatusOr<Types> SameTypeAlongAxes(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireAxes(c, 0, c.attrs<ReduceAttrs>().axes));
  return SameTypeFloating(c);
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

template <class T>
Kernel ReduceKernel(ReducePlan plan, const Type& x) {
  Kernel kernel;
  kernel.workspace_bytes = plan.workspace_elements() * static_cast<int64_t>(sizeof(T));
  kernel.flops = static_cast<double>(x.shape.num_elements());
  kernel.run = [plan = std::move(plan)](const KernelArgs& args) {
    plan.Run(args.in<T>(0), static_cast<T*>(args.workspace), args.out<T>(),
             [&](int64_t begin, int64_t n) { args.Finished(begin, n); });
    return absl::OkStatus();
  };
  return kernel;
}

// Checks once more what the type rule checks: a batch may turn out to be empty as late as here.
absl::Status RequireElements(const KernelSpec& spec, const std::vector<int64_t>& axes) {
  const int64_t axis = EmptyAxis(spec.x(0), spec.y(), axes);
  if (axis < 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("axis ", axis, " has no elements to reduce (x ", spec.inputs[0].ToString(), ")"));
}

template <Reduction kReduction>
absl::StatusOr<Kernel> MakeReduce(const KernelSpec& spec) {
  if constexpr (kReduction == Reduction::kMax || kReduction == Reduction::kMin) {
    AD_RETURN_IF_ERROR(RequireElements(spec, spec.As<ReduceAttrs>().axes));
  }
  ReducePlan plan(kReduction, spec.x(0).dims(), spec.As<ReduceAttrs>().axes);
  if constexpr (kReduction == Reduction::kLogSumExp || kReduction == Reduction::kNorm) {
    return VisitFloating(spec.dtype(), [&](auto tag) -> absl::StatusOr<Kernel> {
      return ReduceKernel<typename decltype(tag)::type>(std::move(plan), spec.inputs[0]);
    });
  } else {
    return VisitArithmetic(spec.dtype(), [&](auto tag) -> absl::StatusOr<Kernel> {
      return ReduceKernel<typename decltype(tag)::type>(std::move(plan), spec.inputs[0]);
    });
  }
}

template <Reduction kReduction>
absl::StatusOr<Kernel> MakeArgReduce(const KernelSpec& spec) {
  AD_RETURN_IF_ERROR(RequireElements(spec, {spec.As<ArgReduceAttrs>().axis}));
  const AxisSplit s = SplitAt(spec.x(0), spec.As<ArgReduceAttrs>().axis);
  return VisitArithmetic(spec.dtype(), [&](auto tag) -> absl::StatusOr<Kernel> {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [s](const KernelArgs& args) {
      kernels::ArgReduce(kReduction, args.in<T>(0), s.outer, s.n, s.inner, args.out<int64_t>());
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeSize(const KernelSpec& spec) {
  int64_t size = 1;
  for (int64_t axis : spec.As<ReduceAttrs>().axes) size *= spec.x(0)[axis];
  return VisitArithmetic(spec.dtype(), [&](auto tag) -> absl::StatusOr<Kernel> {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      if (!std::in_range<T>(size)) {
        return absl::InvalidArgumentError(absl::StrCat("the size ", size, " does not fit in ", Name(kDTypeOf<T>)));
      }
    }
    return Kernel{.run = [size](const KernelArgs& args) {
      *args.out<T>() = static_cast<T>(size);
      return absl::OkStatus();
    }};
  });
}

template <Reduction kReduction>
absl::StatusOr<Kernel> MakeMask(const KernelSpec& spec) {
  Lines lines(spec.x(0).dims(), spec.As<ReduceAttrs>().axes);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [lines](const KernelArgs& args) {
      kernels::ExtremumMask(kReduction, lines, args.in<T>(0), args.out<T>());
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeProdOthers(const KernelSpec& spec) {
  Lines lines(spec.x(0).dims(), spec.As<ReduceAttrs>().axes);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [lines](const KernelArgs& args) {
      kernels::ProductOfOthers(lines, args.in<T>(0), args.out<T>());
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeProdOthersGrad(const KernelSpec& spec) {
  Lines lines(spec.x(0).dims(), spec.As<ReduceAttrs>().axes);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kernel kernel;
    kernel.workspace_bytes = spec.outputs[0].bytes();
    kernel.run = [lines](const KernelArgs& args) {
      kernels::ProductOfOthersGrad(lines, args.in<T>(0), args.in<T>(1), static_cast<T*>(args.workspace), args.out<T>());
      return absl::OkStatus();
    };
    return kernel;
  });
}

// Axes of size 1, all kept (or none at all): nothing happens.
int SameWhenNothingIsReduced(const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
  const auto& a = attrs.As<ReduceAttrs>();
  if (!a.keepdims && !a.axes.empty()) return -1;
  for (int64_t axis : a.axes) {
    if (types[0].shape[axis] != 1) return -1;
  }
  return 0;
}

// ---- Gradients --------------------------------------------------------------------------------------------------

const std::vector<int64_t>& Axes(const GradientContext& c) { return c.attrs<ReduceAttrs>().axes; }

Value ProdOthers(const Value& x, const std::vector<int64_t>& axes) {
  return Build("prod_others", {x}, Attrs(ReduceAttrs{axes}));
}

Value ProdOthersXGrad(const Value& x, const Value& dy, const std::vector<int64_t>& axes) {
  return Build("prod_others_x_grad", {x, dy}, Attrs(ReduceAttrs{axes}));
}

Values SumGradient(const GradientContext& c) { return {BroadcastReduced(c.dy(), c.x(), Axes(c))}; }

Values ProdGradient(const GradientContext& c) {
  return {BroadcastReduced(c.dy(), c.x(), Axes(c)) * ProdOthers(c.x(), Axes(c))};
}

Values ProdOthersGradient(const GradientContext& c) { return {ProdOthersXGrad(c.x(), c.dy(), Axes(c))}; }

// dx_k = sum_{i != k} d_i prod_{j != i,k} x_j is symmetric in d and its cotangent u. As for x, with a = d / x,
// b = u / x and P the product of all: dx_m = P / x_m ((sum a - a_m) (sum b - b_m) - (sum ab - a_m b_m)).
Values ProdOthersXGradGradient(const GradientContext& c) {
  const Value x = c.x(0), d = c.x(1), u = c.dy();
  const auto sum_of_others = [&](const Value& v) {
    return BroadcastReduced(Sum(v, {.axes = Axes(c), .keepdims = true}), x, Axes(c)) - v;
  };
  const Value a = d / x;
  const Value b = u / x;
  const Value pairs = sum_of_others(a) * sum_of_others(b) - sum_of_others(a * b);
  return {ProdOthers(x, Axes(c)) * pairs, ProdOthersXGrad(x, u, Axes(c))};
}

// dy where the mask is 1; 0 elsewhere, even where dy is infinite.
Value AtMask(const GradientContext& c, const Value& mask) {
  return Where(Cast(mask, DType::kBool), BroadcastReduced(c.dy(), c.x(), Axes(c)), 0.0);
}

Values MaxGradient(const GradientContext& c) { return {AtMask(c, MaxMask(c.x(), Axes(c)))}; }

Values MinGradient(const GradientContext& c) { return {AtMask(c, MinMask(c.x(), Axes(c)))}; }

// Of softmax(x), which does not depend on how y was rounded: exp(x - y) does.
Values LogSumExpGradient(const GradientContext& c) {
  return {BroadcastReduced(c.dy(), c.x(), Axes(c)) * Softmax(c.x(), Axes(c))};
}

// x / y dy, and 0 where y is 0: there x is 0, and masking dy makes the second derivative 0 as well.
Values NormGradient(const GradientContext& c) {
  const auto repeated = [&](const Value& v) { return BroadcastReduced(v, c.x(), Axes(c)); };
  const Value is_zero = Equal(c.y(), 0.0);
  const Value direction = c.x() / repeated(Where(is_zero, 1.0, c.y()));
  return {repeated(Where(is_zero, 0.0, c.dy())) * direction};
}

Values NoContribution(const GradientContext&) { return {Value()}; }

// ---- Parts ------------------------------------------------------------------------------------------------------

// Axes that stay run together; those that are reduced are summed over, if that is what the reduction does.
LabelMap ReduceLabels(const KernelSpec& spec, bool sums) {
  const auto& a = spec.As<ReduceAttrs>();
  AxisLabels x, y;
  for (int i = 0; i < spec.x(0).rank(); ++i) {
    const bool reduced = std::binary_search(a.axes.begin(), a.axes.end(), i);
    x.push_back({reduced && !sums ? -1 : i});
    if (!reduced || a.keepdims) y.push_back({reduced ? -1 : i});
  }
  return {{x}, {y}};
}

std::shared_ptr<const AxisRules> ReduceRules() {
  return MakeAxisRules({.labels = [](const KernelSpec& spec) { return ReduceLabels(spec, /*sums=*/false); }});
}

// What is worked out along the axes, but keeps them.
std::shared_ptr<const AxisRules> AlongAxesRules() {
  return MakeAxisRules(
      {.labels = [](const KernelSpec& spec) { return LanesExcept(spec, spec.As<ReduceAttrs>().axes); }});
}

// ---- Batches of examples ----------------------------------------------------------------------------------------

// The axes of an example stand behind that of the examples.
BatchRule ReduceLaterAxes() {
  return OneMoreAxis<ReduceAttrs>([](ReduceAttrs* a, const BatchContext&) {
    for (int64_t& axis : a->axes) ++axis;
  });
}
BatchRule ArgReduceLaterAxis() {
  return OneMoreAxis<ArgReduceAttrs>([](ArgReduceAttrs* a, const BatchContext&) { ++a->axis; });
}

// ---- Registration -----------------------------------------------------------------------------------------------

const OpRegistration kSum({
    .name = "sum",
    .doc = "y = sum of x over the axes.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = ReduceType,
    .kernel = MakeReduce<Reduction::kSum>,
    .gradient = SumGradient,
    .batch = ReduceLaterAxes(),
    .same_as_input = SameWhenNothingIsReduced,
    .axes = MakeAxisRules({.labels = [](const KernelSpec& spec) { return ReduceLabels(spec, /*sums=*/true); },
                           .linear_in = Inputs({0})}),
    .traits = {.epilogue = true},
});

const OpRegistration kProd({
    .name = "prod",
    .doc = "y = product of x over the axes.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = ReduceType,
    .kernel = MakeReduce<Reduction::kProd>,
    .gradient = ProdGradient,
    .batch = ReduceLaterAxes(),
    .same_as_input = SameWhenNothingIsReduced,
    .axes = ReduceRules(),
    .traits = {.epilogue = true},
});

const OpRegistration kProdOthers({
    .name = "prod_others",
    .doc = "y_k = product of all other x_j along the axes, j != k; exact where elements are zero.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = SameTypeAlongAxes,
    .kernel = MakeProdOthers,
    .gradient = ProdOthersGradient,
    .batch = ReduceLaterAxes(),
    .axes = AlongAxesRules(),
});

const OpRegistration kProdOthersXGrad({
    .name = "prod_others_x_grad",
    .doc = "dx_k = sum over i != k of dy_i times the product of all x_j, j not in {i, k}; exact at zeros.",
    .inputs = {"x", "dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = SameTypeAlongAxes,
    .kernel = MakeProdOthersGrad,
    .gradient = ProdOthersXGradGradient,
    .batch = ReduceLaterAxes(),
    .axes = AlongAxesRules(),
});

const OpRegistration kMax({
    .name = "max",
    .doc = "y = maximum of x over the axes; NaN where any is NaN. The gradient goes to the first maximum.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = NonemptyReduceType,
    .kernel = MakeReduce<Reduction::kMax>,
    .gradient = MaxGradient,
    .batch = ReduceLaterAxes(),
    .same_as_input = SameWhenNothingIsReduced,
    .axes = ReduceRules(),
    .traits = {.epilogue = true},
});

const OpRegistration kMin({
    .name = "min",
    .doc = "y = minimum of x over the axes; NaN where any is NaN. The gradient goes to the first minimum.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = NonemptyReduceType,
    .kernel = MakeReduce<Reduction::kMin>,
    .gradient = MinGradient,
    .batch = ReduceLaterAxes(),
    .same_as_input = SameWhenNothingIsReduced,
    .axes = ReduceRules(),
    .traits = {.epilogue = true},
});

const OpRegistration kMaxMask({
    .name = "max_mask",
    .doc = "y = 1 at the first maximum of x along the axes, elsewhere 0. Constant almost everywhere: zero gradient.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = SameTypeAlongAxes,
    .kernel = MakeMask<Reduction::kMax>,
    .gradient = NoContribution,
    .batch = ReduceLaterAxes(),
    .axes = AlongAxesRules(),
});

const OpRegistration kMinMask({
    .name = "min_mask",
    .doc = "y = 1 at the first minimum of x along the axes, elsewhere 0. Constant almost everywhere: zero gradient.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = SameTypeAlongAxes,
    .kernel = MakeMask<Reduction::kMin>,
    .gradient = NoContribution,
    .batch = ReduceLaterAxes(),
    .axes = AlongAxesRules(),
});

// A primitive because the maximum must be taken out before exponentials overflow.
const OpRegistration kLogSumExp({
    .name = "logsumexp",
    .doc = "y = log(sum of exp(x)) over the axes, without overflow.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = FloatingReduceType,
    .kernel = MakeReduce<Reduction::kLogSumExp>,
    .gradient = LogSumExpGradient,
    .batch = ReduceLaterAxes(),
    .axes = ReduceRules(),
    .traits = {.epilogue = true},
});

const OpRegistration kArgMax({
    .name = "argmax",
    .doc = "y = index of the first maximum of x along the axis, i64.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ArgReduceAttrs>,
    .type = ArgReduceType,
    .kernel = MakeArgReduce<Reduction::kMax>,
    .no_gradient = "an index is an integer",
    .batch = ArgReduceLaterAxis(),
});

const OpRegistration kArgMin({
    .name = "argmin",
    .doc = "y = index of the first minimum of x along the axis, i64.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ArgReduceAttrs>,
    .type = ArgReduceType,
    .kernel = MakeArgReduce<Reduction::kMin>,
    .no_gradient = "an index is an integer",
    .batch = ArgReduceLaterAxis(),
});

const OpRegistration kNorm({
    .name = "norm",
    .doc = "y = sqrt(sum of x^2) over the axes, without overflow. Its gradient at 0 is 0.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = FloatingReduceType,
    .kernel = MakeReduce<Reduction::kNorm>,
    .gradient = NormGradient,
    .batch = ReduceLaterAxes(),
    .axes = ReduceRules(),
    .traits = {.epilogue = true},
});

const OpRegistration kSize({
    .name = "size",
    .doc = "y = number of elements of x along the axes, a scalar of x's dtype. Its gradient is zero.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReduceAttrs>,
    .type = SizeType,
    .kernel = MakeSize,
    .gradient = NoContribution,
    .traits = {.shape_only = true},
});

Value BuildReduce(absl::string_view op, const Operand& x, const ReduceAttrs& attrs) {
  return Build(op, {x}, Attrs(ReduceAttrs{NormalizedAxes(x.value(), attrs.axes), attrs.keepdims}));
}

Value BuildArgReduce(absl::string_view op, const Operand& x, const ArgReduceAttrs& attrs) {
  return Build(op, {x}, Attrs(ArgReduceAttrs{NormalizedAxis(x.value(), attrs.axis), attrs.keepdims}));
}

}  // namespace

Value Sum(Operand x, const ReduceAttrs& attrs) { return BuildReduce("sum", x, attrs); }
Value Prod(Operand x, const ReduceAttrs& attrs) { return BuildReduce("prod", x, attrs); }
Value Max(Operand x, const ReduceAttrs& attrs) { return BuildReduce("max", x, attrs); }
Value Min(Operand x, const ReduceAttrs& attrs) { return BuildReduce("min", x, attrs); }
Value LogSumExp(Operand x, const ReduceAttrs& attrs) { return BuildReduce("logsumexp", x, attrs); }
Value Norm(Operand x, const ReduceAttrs& attrs) { return BuildReduce("norm", x, attrs); }
Value ArgMax(Operand x, const ArgReduceAttrs& attrs) { return BuildArgReduce("argmax", x, attrs); }
Value ArgMin(Operand x, const ArgReduceAttrs& attrs) { return BuildArgReduce("argmin", x, attrs); }
Value Size(Operand x, const std::vector<int64_t>& axes) { return BuildReduce("size", x, {axes}); }
Value MaxMask(Operand x, const std::vector<int64_t>& axes) { return BuildReduce("max_mask", x, {axes}); }
Value MinMask(Operand x, const std::vector<int64_t>& axes) { return BuildReduce("min_mask", x, {axes}); }

Value Mean(Operand x, const ReduceAttrs& attrs) {
  LocationScope scope(x.graph(), x.location());
  if (x->valid() && !IsFloating(x->dtype())) {
    const std::string found = x->type().ToString();
    x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat("mean: x must be f32 or f64 (x ", found, ")")),
                    x.location());
    return Value(x.graph(), {-1, 0});
  }
  return Sum(x, attrs) / Size(x, attrs.axes);
}

Value BroadcastReduced(const Value& y, const Value& x, const std::vector<int64_t>& axes) {
  if (!y.valid() || !x.valid()) return InvalidResult("broadcast_to", {y, x});
  const Shape kept = WithoutAxes(x.shape(), axes, /*keepdims=*/true);
  return BroadcastTo(y.shape() == kept ? y : Reshape(y, kept), x.shape());
}

}  // namespace adret
