#include "adret/ops/attention.h"

#include <cmath>
#include <limits>
#include <memory>

#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/kernels/attention.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

using kernels::Attention;
using kernels::AttentionShape;

struct AttentionAttrs {
  bool causal = false;
  double scale = 1;
  template <class V>
  void Fields(V&& v) {
    v("causal", causal), v("scale", scale);
  }
};

Shape LeadingAxes(const Shape& x, int trailing) { return Shape(x.dims().first(x.rank() - trailing)); }
int64_t FromEnd(const Shape& x, int axis) { return x[x.rank() - axis]; }

// [..., queries, keys]
Shape ScoresShape(const Shape& q, const Shape& k) {
  Shape s = LeadingAxes(q, 1);
  s.push_back(FromEnd(k, 2));
  return s;
}

// ---- Type rules -------------------------------------------------------------------------------------------------

absl::Status CheckOperands(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  const Shape &q = c.shape(0), &k = c.shape(1), &v = c.shape(2), &mask = c.shape(3);
  if (c.dtype(1) != c.dtype(0) || c.dtype(2) != c.dtype(0)) return c.Error("q, k and v must have one dtype");
  if (q.rank() < 2 || k.rank() != q.rank() || v.rank() != q.rank()) {
    return c.Error("q, k and v must have one rank, at least 2: [..., places, features]");
  }
  if (LeadingAxes(k, 2) != LeadingAxes(q, 2) || LeadingAxes(v, 2) != LeadingAxes(q, 2)) {
    return c.Error("q, k and v must have equal leading axes");
  }
  if (FromEnd(k, 1) != FromEnd(q, 1))
    return c.Error("q has ", DimText(FromEnd(q, 1)), " features but k has ", DimText(FromEnd(k, 1)));
  if (FromEnd(q, 1) < 1 || FromEnd(v, 1) < 0) return c.Error("q must have at least one feature, and a known number");
  if (FromEnd(v, 2) != FromEnd(k, 2))
    return c.Error("k has ", DimText(FromEnd(k, 2)), " keys but v has ", DimText(FromEnd(v, 2)));
  constexpr int64_t kMaxDim = std::numeric_limits<int32_t>::max();  // what BLAS counts in
  for (const Shape* x : {&q, &k, &v}) {
    if (FromEnd(*x, 1) > kMaxDim || FromEnd(*x, 2) > kMaxDim) return c.Error("expects dimensions below 2^31");
  }
  if (!std::isfinite(c.attrs<AttentionAttrs>().scale)) return c.Error("the scale must be finite");
  const Shape scores = ScoresShape(q, k);
  if (!IsBool(c.dtype(3)) && c.dtype(3) != c.dtype(0)) return c.Error("mask must be bool or of q's dtype");
  bool fits = mask.rank() <= scores.rank();
  for (int axis = 1; fits && axis <= mask.rank(); ++axis) {
    fits = FromEnd(mask, axis) == 1 || FromEnd(mask, axis) == FromEnd(scores, axis);
  }
  if (!fits) return c.Error("mask must broadcast to ", scores.ToString());
  return absl::OkStatus();
}

Type PerQuery(const TypeContext& c) { return {c.dtype(0), LeadingAxes(c.shape(0), 1)}; }

Type ResultType(const TypeContext& c) {
  Shape y = LeadingAxes(c.shape(0), 1);
  y.push_back(FromEnd(c.shape(2), 1));
  return {c.dtype(0), y};
}

absl::StatusOr<Types> AttentionType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(CheckOperands(c));
  const Type y = ResultType(c);
  if (absl::Status status = y.shape.Validate(); !status.ok()) return c.Error(status.message());
  return Types{y, PerQuery(c)};
}

absl::StatusOr<Types> AttentionGradType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(CheckOperands(c));
  if (c.type(4) != PerQuery(c) || c.type(5) != PerQuery(c)) {
    return c.Error("lse and delta must be ", PerQuery(c).ToString());
  }
  if (c.type(6) != ResultType(c)) return c.Error("dy must be ", ResultType(c).ToString());
  return Types{c.type(0), c.type(1), c.type(2)};
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

AttentionShape ShapeOf(const KernelSpec& spec) {
  const Shape &q = spec.x(0), &k = spec.x(1), &v = spec.x(2), &mask = spec.x(3);
  const auto& attrs = spec.As<AttentionAttrs>();
  AttentionShape s;
  s.heads = LeadingAxes(q, 2).num_elements(), s.queries = FromEnd(q, 2), s.keys = FromEnd(k, 2);
  s.features = FromEnd(q, 1), s.values = FromEnd(v, 1), s.scale = attrs.scale, s.causal = attrs.causal;
  s.mask.additive = !IsBool(spec.inputs[3].dtype);
  const auto strides = Strides(mask);
  // The stride of an axis of the scores, counted from the end; 0 where the mask has one number for all of it.
  const auto stride = [&](int axis) {
    return axis > mask.rank() || FromEnd(mask, axis) == 1 ? 0 : strides[mask.rank() - axis];
  };
  s.mask.query_stride = stride(2), s.mask.key_stride = stride(1);
  for (int axis = q.rank(); axis > 2; --axis) {
    s.mask.dims.push_back(FromEnd(q, axis)), s.mask.strides.push_back(stride(axis));
  }
  return s;
}

template <class T>
typename Attention<T>::Inputs InputsOf(const KernelArgs& args) {
  return {args.in<T>(0), args.in<T>(1), args.in<T>(2), args.inputs[3]};
}

absl::StatusOr<Kernel> AttentionKernel(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const AttentionShape shape = ShapeOf(spec);
    auto attention = std::make_shared<const Attention<T>>(shape);
    Kernel kernel;
    kernel.flops = 2 * attention->products() * static_cast<double>(shape.features + shape.values);
    kernel.scratch_bytes = attention->scratch_bytes();
    kernel.run = [attention](const KernelArgs& args) {
      attention->Forward(InputsOf<T>(args), {args.out<T>(0), args.out<T>(1)}, [&] { return args.ThreadScratch(); });
      return absl::OkStatus();
    };
    return kernel;
  });
}

absl::StatusOr<Kernel> AttentionGradKernel(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const AttentionShape shape = ShapeOf(spec);
    auto attention = std::make_shared<const Attention<T>>(shape);
    Kernel kernel;
    kernel.flops = 2 * attention->products() * static_cast<double>(3 * shape.features + 2 * shape.values);
    kernel.scratch_bytes = attention->scratch_bytes();
    kernel.run = [attention](const KernelArgs& args) {
      attention->Backward(InputsOf<T>(args), {args.in<T>(4), args.in<T>(5), args.in<T>(6)},
                          {args.out<T>(0), args.out<T>(1), args.out<T>(2)}, [&] { return args.ThreadScratch(); });
      return absl::OkStatus();
    };
    return kernel;
  });
}

// ---- Gradients --------------------------------------------------------------------------------------------------

// v [...] as [..., 1].
Value Column(const Value& v) { return Unsqueeze(v, {-1}); }
Value RowSum(const Value& v) { return Sum(v, {.axes = {-1}}); }
Value Plus(const Value& a, const Value& b) { return a.valid() && b.valid() ? a + b : a.valid() ? a : b; }

// The weights p = exp(scores - lse) as a matrix, for gradients that are compositions.
Value Weights(const GradientContext& c, const Value& lse) {
  const auto& attrs = c.attrs<AttentionAttrs>();
  const Value mask = c.x(3);
  const double lowest = -std::numeric_limits<double>::infinity();
  Value scores = MatMul(c.x(0), c.x(1), {.transpose_b = true}) * attrs.scale;
  scores = IsBool(mask.dtype()) ? Where(mask, scores, lowest) : scores + mask;
  if (attrs.causal) {
    // Counted, since the numbers of queries and keys may be known to the run only.
    const Value ones = OnesLike(scores);
    scores = Where(GreaterEqual(CumSum(ones, {.axis = -2}), CumSum(ones, {.axis = -1})), scores, lowest);
  }
  // Where a score is -infinity the weight is 0, whatever lse is.
  return Where(Equal(scores, lowest), 0.0, Exp(scores - Column(lse)));
}

// The gradient of the mask from that of the scores; none of a mask of bools.
Value MaskGradient(const Value& dscores, const Value& mask) {
  return IsBool(mask.dtype()) ? Value() : SumTo(dscores, mask.shape());
}

// With p the weights: y = p v, and dscores = p (dy v^T - delta), where delta = sum(dy y) - dlse of each query.
Values AttentionGradient(const GradientContext& c) {
  const Value q = c.x(0), k = c.x(1), v = c.x(2), mask = c.x(3), y = c.y(0), lse = c.y(1);
  const Value dy = c.has_dy(0) ? c.dy(0) : ZerosLike(y);
  Value delta = RowSum(dy * y);
  if (c.has_dy(1)) delta = delta - c.dy(1);
  Values grads = BuildMulti("scaled_dot_product_attention_grad", {q, k, v, mask, lse, delta, dy}, c.node().attrs);
  grads.emplace_back();
  if (IsBool(mask.dtype())) return grads;
  const Value dscores = Weights(c, lse) * (MatMul(dy, v, {.transpose_b = true}) - Column(delta));
  grads.back() = MaskGradient(dscores, mask);
  return grads;
}

// With t = dy v^T - delta and ds = p t, the op is dq = scale ds k, dk = scale ds^T q, dv = p^T dy. For cotangents uq,
// uk, uv of these, F = <a, ds> + <g, p>, where a = scale (uq k^T + q uk^T) and g = dy uv^T. So F's gradients are
// b = p a of t, and h = p (a t + g) of the scores and, negative, of lse.
Values AttentionGradGradient(const GradientContext& c) {
  const double scale = c.attrs<AttentionAttrs>().scale;
  const Value q = c.x(0), k = c.x(1), v = c.x(2), mask = c.x(3), lse = c.x(4), delta = c.x(5), dy = c.x(6);
  const auto times_transposed = [](const Value& a, const Value& b) { return MatMul(a, b, {.transpose_b = true}); };
  const auto transposed_times = [](const Value& a, const Value& b) { return MatMul(a, b, {.transpose_a = true}); };
  const Value p = Weights(c, lse);
  const Value t = times_transposed(dy, v) - Column(delta), ds = p * t;
  Value a, g, grad_q, grad_k, grad_v, grad_dy, grad_delta;
  if (c.has_dy(0)) a = times_transposed(c.dy(0), k) * scale;
  if (c.has_dy(1)) a = Plus(a, times_transposed(q, c.dy(1)) * scale);
  if (c.has_dy(2)) g = times_transposed(dy, c.dy(2));
  const Value h = p * Plus(a.valid() ? a * t : a, g);
  grad_q = MatMul(h, k) * scale, grad_k = transposed_times(h, q) * scale;
  if (c.has_dy(0)) grad_k = grad_k + transposed_times(ds, c.dy(0)) * scale;
  if (c.has_dy(1)) grad_q = grad_q + MatMul(ds, c.dy(1)) * scale;
  if (a.valid()) {
    const Value b = p * a;
    grad_v = transposed_times(b, dy), grad_dy = MatMul(b, v), grad_delta = -RowSum(b);
  }
  if (c.has_dy(2)) grad_dy = Plus(grad_dy, MatMul(p, c.dy(2)));
  return {grad_q, grad_k, grad_v, MaskGradient(h, mask), -RowSum(h), grad_delta, grad_dy};
}

// ---- Registration -----------------------------------------------------------------------------------------------

constexpr int kQueryLabel = 1000, kValueLabel = 1001;  // leading axes are 0, 1, ...

// Heads are independent. Of the forward op queries are, too, unless they are counted, and so are features of values.
LabelMap Labels(const KernelSpec& spec) {
  const int rank = spec.x(0).rank();
  const bool forward = spec.inputs.size() == 4, queries = forward && !spec.As<AttentionAttrs>().causal;
  const auto labels = [&](int trailing, bool of_queries, bool of_values) {
    AxisLabels result;
    for (int a = 0; a < rank - 2; ++a) result.push_back({a});
    if (trailing > 0) result.push_back({of_queries && queries ? kQueryLabel : -1});
    if (trailing > 1) result.push_back({of_values && forward ? kValueLabel : -1});
    return result;
  };
  const AxisLabels q = labels(2, true, false), k = labels(2, false, false), v = labels(2, false, true);
  const AxisLabels y = labels(2, true, true), row = labels(1, true, false);
  AxisLabels mask;
  const Shape scores = ScoresShape(spec.x(0), spec.x(1));
  for (int a = rank - spec.x(3).rank(); a < rank; ++a) {
    const bool repeated = spec.x(3)[a - rank + spec.x(3).rank()] != scores[a];
    mask.push_back(repeated || a == rank - 1 ? AxisLabel{} : q[a]);
  }
  if (forward) return {{q, k, v, mask}, {y, row}};
  return {{q, k, v, mask, row, row, y}, {q, k, v}};
}

int64_t MultiplyAdds(absl::Span<const Type> in, const Type&) {
  const Shape &q = in[0].shape, &k = in[1].shape, &v = in[2].shape;
  return std::abs(LeadingAxes(q, 1).num_elements()) * std::abs(FromEnd(k, 2)) * (FromEnd(q, 1) + FromEnd(v, 1));
}

// Examples are one more leading axis. A mask that all share broadcasts to it; one of each example gets axes of 1 behind
// that of the examples.
Values AttentionBatch(const BatchContext& c) {
  absl::InlinedVector<Operand, 7> inputs;
  for (int i = 0; i < c.num_inputs(); ++i) inputs.push_back(i == 3 ? c.x(3) : Stacked(c, i));
  if (c.batched(3)) {
    Shape mask = c.x(3).shape();
    while (mask.rank() < inputs[0]->rank()) mask.insert(1, 1);
    inputs[3] = Reshape(c.x(3), mask);
  }
  return BuildMulti(c.node().op->name, inputs, c.node().attrs);
}

const OpRegistration kAttention({
    .name = "scaled_dot_product_attention",
    .doc = "y[i] = sum_j p[i, j] v[j], with p[i] the softmax of scale q[i] k[j] + mask[i, j] over the keys j that take "
           "part; lse = the logarithm of its sum of exponentials, infinity where no key does.",
    .inputs = {"q", "k", "v", "mask"},
    .outputs = {"y", "lse"},
    .parse_attrs = &ParseAttrs<AttentionAttrs>,
    .type = AttentionType,
    .kernel = AttentionKernel,
    .gradient = AttentionGradient,
    .batch = AttentionBatch,
    .multiply_adds = MultiplyAdds,
    .axes = MakeAxisRules({.labels = Labels}),
});

const OpRegistration kAttentionGrad({
    .name = "scaled_dot_product_attention_grad",
    .doc = "dq = scale ds k, dk = scale ds^T q, dv = p^T dy, with p = exp(scores - lse) and ds = p (dy v^T - delta).",
    .inputs = {"q", "k", "v", "mask", "lse", "delta", "dy"},
    .outputs = {"dq", "dk", "dv"},
    .parse_attrs = &ParseAttrs<AttentionAttrs>,
    .type = AttentionGradType,
    .kernel = AttentionGradKernel,
    .gradient = AttentionGradGradient,
    .batch = AttentionBatch,
    .axes = MakeAxisRules({.labels = Labels}),
});

// x with leading axes repeated to those of all three.
Value WithLeadingAxes(const Value& x, const Shape& leading) {
  Shape shape = leading;
  shape.push_back(FromEnd(x.shape(), 2)), shape.push_back(FromEnd(x.shape(), 1));
  return shape == x.shape() ? x : BroadcastTo(x, shape);
}

}  // namespace

Value ScaledDotProductAttention(Operand q, Operand k, Operand v, const AttentionOptions& options) {
  const bool masked = options.mask.graph() != nullptr;
  if (!q->valid() || !k->valid() || !v->valid() || (masked && !options.mask.valid())) {
    return InvalidResult("scaled_dot_product_attention", {q, k, v, masked ? options.mask : q.value()}, q.location());
  }
  LocationScope scope(q.graph(), q.location());
  AttentionAttrs attrs{options.causal, options.scale};
  if (attrs.scale == 0 && q->rank() > 0 && FromEnd(q->shape(), 1) > 0) {
    attrs.scale = 1 / std::sqrt(static_cast<double>(FromEnd(q->shape(), 1)));
  }
  Value queries = q, keys = k, values = v;
  if (q->rank() >= 2 && k->rank() >= 2 && v->rank() >= 2) {
    absl::StatusOr<Shape> leading = BroadcastShapes(LeadingAxes(q->shape(), 2), LeadingAxes(k->shape(), 2));
    if (leading.ok()) leading = BroadcastShapes(*leading, LeadingAxes(v->shape(), 2));
    if (leading.ok()) {  // otherwise the type rule says what is wrong
      queries = WithLeadingAxes(q, *leading), keys = WithLeadingAxes(k, *leading),
      values = WithLeadingAxes(v, *leading);
    }
  }
  const Value mask = masked ? options.mask : q.graph()->Constant(Tensor::Scalar(DType::kBool, 1));
  return BuildMulti("scaled_dot_product_attention", {queries, keys, values, mask}, Attrs(attrs))[0];
}

}  // namespace adret
