#include "adret/ops/norm.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/kernels/channel_norm.h"
#include "adret/ops/kernels/rms_norm.h"
#include "adret/ops/norm_batch_internal.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"

namespace adret {
namespace {

using kernels::ChannelNorm;
using kernels::RowNorm;

// The norms differ in their axes: of x, `statistics` are averaged over, and `parameters` are those that scale
// and bias lack.
struct NormAxes {
  std::vector<int64_t> statistics;
  std::vector<int64_t> parameters;
};

NormAxes BatchNormAxes(const Shape& x, const Shape&) {
  NormAxes axes;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != 1) axes.statistics.push_back(i);
  }
  axes.parameters = axes.statistics;
  return axes;
}

NormAxes LayerNormAxes(const Shape& x, const Shape& scale) {
  NormAxes axes;
  for (int i = 0; i < x.rank(); ++i) {
    (i < x.rank() - scale.rank() ? axes.parameters : axes.statistics).push_back(i);
  }
  return axes;
}

using AxesRule = NormAxes (*)(const Shape& x, const Shape& scale);

// ---- Type rules -------------------------------------------------------------------------------------------------

absl::Status RequireEpsilon(const TypeContext& c) {
  const double epsilon = c.attrs<NormAttrs>().epsilon;
  if (epsilon >= 0 && std::isfinite(epsilon)) return absl::OkStatus();
  return c.Error("epsilon must be finite and at least 0, but is ", epsilon);
}

// The type of mean and variance of a batch_norm (of x, scale, ...).
absl::StatusOr<Type> BatchNormStatistics(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  AD_RETURN_IF_ERROR(RequireEpsilon(c));
  if (c.shape(0).rank() < 2) return c.Error("x must have rank 2 or more: [N,C,...]");
  const Type channels{c.dtype(0), {c.shape(0)[1]}};
  if (c.type(1) != channels) return c.Error("scale must be ", channels.ToString(), ": a number for each channel of x");
  return channels;
}

// The same of a layer_norm: x without its trailing axes.
absl::StatusOr<Type> LayerNormStatistics(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  AD_RETURN_IF_ERROR(RequireEpsilon(c));
  const Shape& x = c.shape(0);
  const Shape& scale = c.shape(1);
  const int leading = x.rank() - scale.rank();
  if (scale.rank() == 0 || leading < 0 || Shape(x.dims().subspan(leading)) != scale) {
    return c.Error("scale must have the shape of x's trailing axes, at least one");
  }
  if (scale.is_symbolic()) return c.Error("the batch cannot be among the axes that are normalised");
  if (scale.num_elements() == 0) return c.Error("x has no elements to normalise");
  return Type{c.dtype(0), Shape(x.dims().first(leading))};
}

using StatisticsRule = absl::StatusOr<Type> (*)(const TypeContext&);

template <StatisticsRule kStatistics>
absl::StatusOr<Types> NormType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Type statistics, kStatistics(c));
  if (c.type(2) != c.type(1)) return c.Error("bias must have the shape of scale");
  return Types{c.type(0), statistics, statistics};
}

template <StatisticsRule kStatistics>
absl::StatusOr<Types> NormXGradType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Type statistics, kStatistics(c));
  if (c.type(2) != statistics || c.type(3) != statistics) {
    return c.Error("mean and variance must be ", statistics.ToString());
  }
  if (c.type(4) != c.type(0)) return c.Error("dy must have x's type");
  return Types{c.type(0), c.type(1), c.type(1)};
}

// An rms_norm has no mean and no bias.
absl::StatusOr<Types> RmsNormType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Type statistics, LayerNormStatistics(c));
  return Types{c.type(0), statistics};
}

absl::StatusOr<Types> RmsNormXGradType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Type statistics, LayerNormStatistics(c));
  if (c.type(2) != statistics) return c.Error("mean_square must be ", statistics.ToString());
  if (c.type(3) != c.type(0)) return c.Error("dy must have x's type");
  return Types{c.type(0), c.type(1)};
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

template <class T>
ChannelNorm::ForwardArgs<T> ForwardArgsOf(const KernelArgs& a) {
  return {a.in<T>(0), a.in<T>(1), a.in<T>(2), a.out<T>(0), a.out<T>(1), a.out<T>(2)};
}

template <class T>
ChannelNorm::BackwardArgs<T> BackwardArgsOf(const KernelArgs& a) {
  return {a.in<T>(0), a.in<T>(1), a.in<T>(2), a.in<T>(3), a.in<T>(4), a.out<T>(0), a.out<T>(1), a.out<T>(2)};
}

ChannelNorm ChannelNormOf(const Shape& x) {
  int64_t inner = 1;
  for (int i = 2; i < x.rank(); ++i) inner *= x[i];
  return ChannelNorm(x[0], x[1], inner);
}

RowNorm RowNormOf(const Shape& x, const Shape& scale) {
  const int64_t n = scale.num_elements();
  return RowNorm(x.num_elements() / n, n);
}

// Called by an executor when elements of output 0 are final.
auto Finisher(const KernelArgs& args) {
  return [&args](int64_t begin, int64_t n) { args.Finished(begin, n); };
}

absl::StatusOr<Kernel> MakeBatchNorm(const KernelSpec& spec) {
  const ChannelNorm norm = ChannelNormOf(spec.x(0));
  const double epsilon = spec.As<NormAttrs>().epsilon;
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kernel kernel;
    kernel.workspace_bytes = norm.workspace_doubles() * static_cast<int64_t>(sizeof(double));
    kernel.run = [norm, epsilon](const KernelArgs& args) {
      norm.Forward(ForwardArgsOf<T>(args), epsilon, static_cast<double*>(args.workspace), Finisher(args));
      return absl::OkStatus();
    };
    return kernel;
  });
}

absl::StatusOr<Kernel> MakeBatchNormXGrad(const KernelSpec& spec) {
  const ChannelNorm norm = ChannelNormOf(spec.x(0));
  const double epsilon = spec.As<NormAttrs>().epsilon;
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kernel kernel;
    kernel.workspace_bytes = norm.workspace_doubles() * static_cast<int64_t>(sizeof(double));
    kernel.run = [norm, epsilon](const KernelArgs& args) {
      norm.Backward(BackwardArgsOf<T>(args), epsilon, static_cast<double*>(args.workspace));
      return absl::OkStatus();
    };
    return kernel;
  });
}

absl::StatusOr<Kernel> MakeLayerNorm(const KernelSpec& spec) {
  const RowNorm norm = RowNormOf(spec.x(0), spec.x(1));
  const double epsilon = spec.As<NormAttrs>().epsilon;
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [norm, epsilon](const KernelArgs& args) {
      norm.Forward(ForwardArgsOf<T>(args), epsilon, Finisher(args));
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeLayerNormXGrad(const KernelSpec& spec) {
  const RowNorm norm = RowNormOf(spec.x(0), spec.x(1));
  const double epsilon = spec.As<NormAttrs>().epsilon;
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kernel kernel;
    kernel.workspace_bytes = norm.workspace_elements() * static_cast<int64_t>(sizeof(T));
    kernel.run = [norm, epsilon](const KernelArgs& args) {
      norm.Backward(BackwardArgsOf<T>(args), epsilon, static_cast<T*>(args.workspace));
      return absl::OkStatus();
    };
    return kernel;
  });
}

template <class T>
kernels::RmsNorm<T> RmsNormOf(const KernelSpec& spec) {
  const int64_t n = spec.x(1).num_elements();
  return kernels::RmsNorm<T>(spec.x(0).num_elements() / n, n);
}

absl::StatusOr<Kernel> MakeRmsNorm(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [norm = RmsNormOf<T>(spec), epsilon = spec.As<NormAttrs>().epsilon](const KernelArgs& args) {
      norm.Forward({args.in<T>(0), args.in<T>(1), args.out<T>(0), args.out<T>(1)}, epsilon, Finisher(args));
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeRmsNormXGrad(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto norm = RmsNormOf<T>(spec);
    Kernel kernel;
    kernel.workspace_bytes = norm.workspace_elements() * static_cast<int64_t>(sizeof(T));
    kernel.run = [norm, epsilon = spec.As<NormAttrs>().epsilon](const KernelArgs& a) {
      norm.Backward({a.in<T>(0), a.in<T>(1), a.in<T>(2), a.in<T>(3), a.out<T>(0), a.out<T>(1)}, epsilon,
                    static_cast<T*>(a.workspace));
      return absl::OkStatus();
    };
    return kernel;
  });
}

// ---- Gradients --------------------------------------------------------------------------------------------------

Value Plus(const Value& a, const Value& b) { return a.valid() && b.valid() ? a + b : a.valid() ? a : b; }

// op: "batch_norm_x_grad" or "layer_norm_x_grad". Returns dx, dscale, dbias.
Values NormXGrad(absl::string_view op, absl::Span<const Value> inputs, const NormAttrs& attrs) {
  return BuildMulti(op, {inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]}, Attrs(attrs));
}

// Through y by the fused op; through the mean dmean / n, through the variance 2 dvariance (x - mean) / n. The mean is
// rounded: what is left of it is taken away a second time.
Values NormGradient(const GradientContext& c, absl::string_view x_grad, AxesRule axes_rule) {
  const Value x = c.x(0), scale = c.x(1), mean = c.y(1), variance = c.y(2);
  const std::vector<int64_t> axes = axes_rule(x.shape(), scale.shape()).statistics;
  Values grads(3);
  if (c.has_dy(0)) grads = NormXGrad(x_grad, {x, scale, mean, variance, c.dy(0)}, c.attrs<NormAttrs>());
  if (c.has_dy(1)) grads[0] = Plus(grads[0], BroadcastReduced(c.dy(1) / Size(x, axes), x, axes));
  if (c.has_dy(2)) {
    const Value slope = BroadcastReduced(c.dy(2) * 2.0 / Size(x, axes), x, axes);
    const Value near = x - BroadcastReduced(mean, x, axes);
    grads[0] = Plus(grads[0], slope * (near - BroadcastReduced(Sum(near, {.axes = axes}) / Size(x, axes), x, axes)));
  }
  return grads;
}

Values RmsNormXGrad(absl::Span<const Value> inputs, const NormAttrs& attrs) {
  return BuildMulti("rms_norm_x_grad", {inputs[0], inputs[1], inputs[2], inputs[3]}, Attrs(attrs));
}

// Through y by the fused op; through the mean square 2 dmean_square x / n.
Values RmsNormGradient(const GradientContext& c) {
  const Value x = c.x(0), scale = c.x(1), mean_square = c.y(1);
  const std::vector<int64_t> axes = LayerNormAxes(x.shape(), scale.shape()).statistics;
  Values grads(2);
  if (c.has_dy(0)) grads = RmsNormXGrad({x, scale, mean_square, c.dy(0)}, c.attrs<NormAttrs>());
  if (c.has_dy(1)) grads[0] = Plus(grads[0], BroadcastReduced(c.dy(1) * 2.0 / Size(x, axes), x, axes) * x);
  return grads;
}

// The second derivative. Let z = (x - mean) r with r = 1 / sqrt(variance + epsilon), means and sums over the
// statistics' n elements, and P(v) = v - mean(v) - z mean(v z), so that r P(v) is the gradient of sum(v z). The op
// computes, with g = dy scale,
//   dx = r P(g),   dscale = sum(dy z),   dbias = sum(dy)   (the latter two over the parameters' axes).
// For cotangents u, us, ub of these, F = sum(u dx) + sum(us dscale) + sum(ub dbias) has, P being symmetric, the
// gradients
//   dy:    scale r P(u) + us z + ub
//   scale: sum(dy r P(u))
//   x:     with a = sum(u z), b = sum(g z), q = sum(u g) - sum(u) sum(g) / n:
//          -r^2 z (q - a b / n) / n - r (b r P(u) + a r P(g)) / n + r P(us dy)
// mean and variance are functions of x, and x's gradient is the total one: their own part is zero.
Values NormXGradGradient(const GradientContext& c, absl::string_view forward, absl::string_view op,
                         AxesRule axes_rule) {
  const NormAttrs& attrs = c.attrs<NormAttrs>();
  const Value x = c.x(0), scale = c.x(1), mean = c.x(2), variance = c.x(3), dy = c.x(4);
  const NormAxes axes = axes_rule(x.shape(), scale.shape());
  const auto over_statistics = [&](const Value& v) { return BroadcastReduced(v, x, axes.statistics); };
  const auto over_parameters = [&](const Value& v) { return BroadcastReduced(v, x, axes.parameters); };
  const auto sum = [&](const Value& v) { return Sum(v, {.axes = axes.statistics}); };
  const Value ones = OnesLike(scale);
  const auto project = [&](const Value& v) { return NormXGrad(op, {x, ones, mean, variance, v}, attrs)[0]; };

  const Value r = Rsqrt(variance + attrs.epsilon);
  const Value z = BuildMulti(forward, {x, ones, ZerosLike(scale)}, Attrs(attrs))[0];  // accurate far from zero, too
  Value grad_x, grad_scale, grad_dy;
  if (c.has_dy(0)) {
    const Value u = c.dy(0);
    const Value g = dy * over_parameters(scale);
    const Value pu = project(u);
    const Value n = Size(x, axes.statistics);
    const Value a = sum(u * z), b = sum(g * z);
    const Value q = sum(u * g) - sum(u) * sum(g) / n;
    grad_dy = over_parameters(scale) * pu;
    grad_scale = axes.parameters.empty() ? dy * pu : Sum(dy * pu, {.axes = axes.parameters});
    grad_x = -(z * over_statistics(Square(r) * (q - a * b / n) / n) + pu * over_statistics(r * b / n) +
               c.y(0) * over_statistics(r * a / n));
  }
  if (c.has_dy(1)) {
    const Value us = over_parameters(c.dy(1));
    grad_dy = Plus(grad_dy, us * z);
    grad_x = Plus(grad_x, project(us * dy));
  }
  if (c.has_dy(2)) grad_dy = Plus(grad_dy, over_parameters(c.dy(2)));
  return {grad_x, grad_scale, Value(), Value(), grad_dy};
}

// As above, where a mean of 0 is given and not computed: z = x r, P(v) = v - z mean(v z), and q = sum(u g).
Values RmsNormXGradGradient(const GradientContext& c) {
  const NormAttrs& attrs = c.attrs<NormAttrs>();
  const Value x = c.x(0), scale = c.x(1), mean_square = c.x(2), dy = c.x(3);
  const NormAxes axes = LayerNormAxes(x.shape(), scale.shape());
  const auto over_statistics = [&](const Value& v) { return BroadcastReduced(v, x, axes.statistics); };
  const auto over_parameters = [&](const Value& v) { return BroadcastReduced(v, x, axes.parameters); };
  const auto sum = [&](const Value& v) { return Sum(v, {.axes = axes.statistics}); };
  const Value ones = OnesLike(scale);
  const auto project = [&](const Value& v) { return RmsNormXGrad({x, ones, mean_square, v}, attrs)[0]; };

  const Value r = Rsqrt(mean_square + attrs.epsilon);
  const Value z = BuildMulti("rms_norm", {x, ones}, Attrs(attrs))[0];
  Value grad_x, grad_scale, grad_dy;
  if (c.has_dy(0)) {
    const Value u = c.dy(0), g = dy * over_parameters(scale), pu = project(u), n = Size(x, axes.statistics);
    const Value a = sum(u * z), b = sum(g * z), q = sum(u * g);
    grad_dy = over_parameters(scale) * pu;
    grad_scale = axes.parameters.empty() ? dy * pu : Sum(dy * pu, {.axes = axes.parameters});
    grad_x = -(z * over_statistics(Square(r) * (q - a * b / n) / n) + pu * over_statistics(r * b / n) +
               c.y(0) * over_statistics(r * a / n));
  }
  if (c.has_dy(1)) {
    const Value us = over_parameters(c.dy(1));
    grad_dy = Plus(grad_dy, us * z);
    grad_x = Plus(grad_x, project(us * dy));
  }
  return {grad_x, grad_scale, Value(), grad_dy};
}

// ---- Registration -----------------------------------------------------------------------------------------------

// Along axes that x is not averaged over, everything runs together that has them.
template <AxesRule kAxes>
LabelMap NormLabels(const KernelSpec& spec) {
  const NormAxes axes = kAxes(spec.x(0), spec.x(1));
  AxisLabels x, scale, statistics;
  for (int a = 0; a < spec.x(0).rank(); ++a) {
    const bool averaged = std::find(axes.statistics.begin(), axes.statistics.end(), a) != axes.statistics.end();
    const bool shared = std::find(axes.parameters.begin(), axes.parameters.end(), a) != axes.parameters.end();
    x.push_back({averaged ? -1 : a});
    if (!averaged) statistics.push_back(x.back());
    if (!shared) scale.push_back(x.back());
  }
  if (spec.inputs.size() == 2) return {{x, scale}, {x, statistics}};  // rms_norm
  if (spec.inputs.size() == 4) return {{x, scale, statistics, x}, {x, scale}};
  if (spec.inputs.size() == 3) return {{x, scale, scale}, {x, statistics, statistics}};
  return {{x, scale, statistics, statistics, x}, {x, scale, scale}};
}

// A primitive because it reads x twice where a composition makes some eight passes over memory; the same holds of its
// gradient.
const OpRegistration kBatchNorm({
    .name = "batch_norm",
    .doc = "y = (x - mean) / sqrt(variance + epsilon) scale + bias, with statistics over all axes but 1.",
    .inputs = {"x", "scale", "bias"},
    .outputs = {"y", "mean", "variance"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = NormType<BatchNormStatistics>,
    .kernel = MakeBatchNorm,
    .gradient = [](const GradientContext& c) { return NormGradient(c, "batch_norm_x_grad", BatchNormAxes); },
    .axes = MakeAxisRules({.labels = NormLabels<BatchNormAxes>}),
    .traits = {.epilogue = true},
});

const OpRegistration kBatchNormXGrad({
    .name = "batch_norm_x_grad",
    .doc = "The gradients of batch_norm's y; mean and variance must be those of x.",
    .inputs = {"x", "scale", "mean", "variance", "dy"},
    .outputs = {"dx", "dscale", "dbias"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = NormXGradType<BatchNormStatistics>,
    .kernel = MakeBatchNormXGrad,
    .gradient =
        [](const GradientContext& c) { return NormXGradGradient(c, "batch_norm", "batch_norm_x_grad", BatchNormAxes); },
    .axes = MakeAxisRules({.labels = NormLabels<BatchNormAxes>, .linear_in = Inputs({4})}),
});

// A primitive for the same reason.
const OpRegistration kLayerNorm({
    .name = "layer_norm",
    .doc = "y = (x - mean) / sqrt(variance + epsilon) scale + bias, with statistics over scale's axes, the last.",
    .inputs = {"x", "scale", "bias"},
    .outputs = {"y", "mean", "variance"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = NormType<LayerNormStatistics>,
    .kernel = MakeLayerNorm,
    .gradient = [](const GradientContext& c) { return NormGradient(c, "layer_norm_x_grad", LayerNormAxes); },
    .batch = LayerNormBatch,
    .axes = MakeAxisRules({.labels = NormLabels<LayerNormAxes>}),
    .traits = {.epilogue = true},
});

const OpRegistration kLayerNormXGrad({
    .name = "layer_norm_x_grad",
    .doc = "The gradients of layer_norm's y; mean and variance must be those of x.",
    .inputs = {"x", "scale", "mean", "variance", "dy"},
    .outputs = {"dx", "dscale", "dbias"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = NormXGradType<LayerNormStatistics>,
    .kernel = MakeLayerNormXGrad,
    .gradient =
        [](const GradientContext& c) { return NormXGradGradient(c, "layer_norm", "layer_norm_x_grad", LayerNormAxes); },
    .batch = LayerNormXGradBatch,
    .axes = MakeAxisRules({.labels = NormLabels<LayerNormAxes>, .linear_in = Inputs({4})}),
});

// A primitive for the same reason.
const OpRegistration kRmsNorm({
    .name = "rms_norm",
    .doc = "y = x / sqrt(mean_square + epsilon) scale, with the mean of x^2 over scale's axes, the last.",
    .inputs = {"x", "scale"},
    .outputs = {"y", "mean_square"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = RmsNormType,
    .kernel = MakeRmsNorm,
    .gradient = RmsNormGradient,
    .batch = RmsNormBatch,
    .axes = MakeAxisRules({.labels = NormLabels<LayerNormAxes>}),
    .traits = {.epilogue = true},
});

const OpRegistration kRmsNormXGrad({
    .name = "rms_norm_x_grad",
    .doc = "The gradients of rms_norm's y; mean_square must be that of x.",
    .inputs = {"x", "scale", "mean_square", "dy"},
    .outputs = {"dx", "dscale"},
    .parse_attrs = &ParseAttrs<NormAttrs>,
    .type = RmsNormXGradType,
    .kernel = MakeRmsNormXGrad,
    .gradient = RmsNormXGradGradient,
    .batch = RmsNormXGradBatch,
    .axes = MakeAxisRules({.labels = NormLabels<LayerNormAxes>, .linear_in = Inputs({3})}),
});

}  // namespace

BatchNormResult BatchNormTraining(Operand x, Operand scale, Operand bias, const NormAttrs& attrs) {
  const Values results = BuildMulti("batch_norm", {x, scale, bias}, Attrs(attrs));
  return {results[0], results[1], results[2]};
}

Value BatchNormInference(Operand x, const BatchNormParameters& p, const NormAttrs& attrs) {
  if (!x->valid() || !p.scale.valid() || !p.bias.valid() || !p.mean.valid() || !p.variance.valid()) {
    return InvalidResult("batch_norm", {x, p.scale, p.bias, p.mean, p.variance}, x.location());
  }
  LocationScope scope(x.graph(), x.location());
  if (x->rank() < 2) {
    return x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(
                               "batch_norm: x must have rank 2 or more: [N,C,...] (x ", x->type().ToString(), ")")),
                           x.location());
  }
  const std::vector<int64_t> axes = BatchNormAxes(x->shape(), {}).parameters;
  const auto repeated = [&](const Value& v) { return BroadcastReduced(v, x, axes); };
  // The mean is taken away first: x scale - mean scale would be a difference of large numbers where x is far from zero.
  return (x - repeated(p.mean)) * repeated(p.scale * Rsqrt(p.variance + attrs.epsilon)) + repeated(p.bias);
}

Value LayerNorm(Operand x, Operand scale, Operand bias, const NormAttrs& attrs) {
  return BuildMulti("layer_norm", {x, scale, bias}, Attrs(attrs))[0];
}

Value RmsNorm(Operand x, Operand scale, const NormAttrs& attrs) {
  return BuildMulti("rms_norm", {x, scale}, Attrs(attrs))[0];
}

}  // namespace adret
