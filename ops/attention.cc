#include "adret/ops/attention.h"

#include <cmath>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/core/op.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/kernels/attention.h"
#include "adret/ops/matmul.h"
#include "adret/ops/random.h"
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

// Of the ops that drop weights. Each is 0 with a probability of `rate`, which the number decides that the key draws for
// its place in the last `rank` axes of the scores. Axes before those are examples (BatchContext): each has a key of its
// own, or shares one and with it what is dropped.
struct DropoutAttentionAttrs : AttentionAttrs {
  double rate = 0;
  int64_t rank = 2;
  template <class V>
  void Fields(V&& v) {
    AttentionAttrs::Fields(v), v("rate", rate), v("rank", rank);
  }
};

const AttentionAttrs& AttrsOf(const Attrs& attrs) {
  return attrs.Is<DropoutAttentionAttrs>() ? attrs.As<DropoutAttentionAttrs>() : attrs.As<AttentionAttrs>();
}

Shape LeadingAxes(const Shape& x, int trailing) { return Shape(x.dims().first(x.rank() - trailing)); }
int64_t FromEnd(const Shape& x, int axis) { return x[x.rank() - axis]; }

// [..., queries, keys]
Shape ScoresShape(const Shape& q, const Shape& k) {
  Shape s = LeadingAxes(q, 1);
  s.push_back(FromEnd(k, 2));
  return s;
}

// ---- Type rules -------------------------------------------------------------------------------------------------

absl::Status CheckAttrs(const TypeContext& c, const AttentionAttrs& a) {
  return std::isfinite(a.scale) ? absl::OkStatus() : c.Error("the scale must be finite");
}

absl::Status CheckAttrs(const TypeContext& c, const DropoutAttentionAttrs& a) {
  const Shape &q = c.shape(0), &key = c.shape(c.num_inputs() - 1);
  if (!(a.rate >= 0 && a.rate < 1)) return c.Error("the rate of dropout must be in [0, 1), but is ", a.rate);
  if (a.rank < 2 || a.rank > q.rank()) return c.Error("rank must be in [2, ", q.rank(), "], but is ", a.rank);
  if (c.dtype(c.num_inputs() - 1) != DType::kInt64) return c.Error("key must be i64");
  const Shape examples = LeadingAxes(q, static_cast<int>(a.rank));
  bool fits = key.rank() <= examples.rank();
  for (int axis = 1; fits && axis <= key.rank(); ++axis) {
    fits = FromEnd(key, axis) == 1 || FromEnd(key, axis) == FromEnd(examples, axis);
  }
  if (!fits) return c.Error("key must broadcast to ", examples.ToString());
  return CheckAttrs(c, static_cast<const AttentionAttrs&>(a));
}

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

template <class A>
absl::StatusOr<Types> AttentionType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(CheckOperands(c));
  AD_RETURN_IF_ERROR(CheckAttrs(c, c.attrs<A>()));
  const Type y = ResultType(c);
  if (absl::Status status = y.shape.Validate(); !status.ok()) return c.Error(status.message());
  return Types{y, PerQuery(c)};
}

template <class A>
absl::StatusOr<Types> AttentionGradType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(CheckOperands(c));
  AD_RETURN_IF_ERROR(CheckAttrs(c, c.attrs<A>()));
  if (c.type(4) != PerQuery(c) || c.type(5) != PerQuery(c)) {
    return c.Error("lse and delta must be ", PerQuery(c).ToString());
  }
  if (c.type(6) != ResultType(c)) return c.Error("dy must be ", ResultType(c).ToString());
  return Types{c.type(0), c.type(1), c.type(2)};
}

// ---- Kernels ----------------------------------------------------------------------------------------------------

AttentionShape ShapeOf(const KernelSpec& spec) {
  const Shape &q = spec.x(0), &k = spec.x(1), &v = spec.x(2), &mask = spec.x(3);
  const AttentionAttrs& attrs = AttrsOf(*spec.attrs);
  AttentionShape s;
  s.heads = LeadingAxes(q, 2).num_elements(), s.queries = FromEnd(q, 2), s.keys = FromEnd(k, 2);
  s.features = FromEnd(q, 1), s.values = FromEnd(v, 1), s.scale = attrs.scale, s.causal = attrs.causal;
  s.mask.additive = !IsBool(spec.inputs[3].dtype);
  // The stride of an axis of the scores, counted from the end; 0 where the array has one number for all of it.
  const auto stride = [](const Shape& array, int axis) {
    return axis > array.rank() || FromEnd(array, axis) == 1 ? 0 : Strides(array)[array.rank() - axis];
  };
  s.mask.query_stride = stride(mask, 2), s.mask.key_stride = stride(mask, 1);
  for (int axis = q.rank(); axis > 2; --axis) s.mask.heads.Add(FromEnd(q, axis), stride(mask, axis));
  if (!spec.attrs->Is<DropoutAttentionAttrs>()) return s;
  const auto& dropout = spec.As<DropoutAttentionAttrs>();
  s.dropout = dropout.rate;
  Shape key = spec.inputs.back().shape;
  for (int64_t a = 0; a < dropout.rank; ++a) key.push_back(1);
  for (int axis = q.rank(); axis > 2; --axis) {
    if (axis > dropout.rank) s.examples.Add(FromEnd(q, axis), stride(key, axis));
    if (axis <= dropout.rank) s.heads_of_example *= FromEnd(q, axis);
  }
  return s;
}

template <class T>
typename Attention<T>::Inputs InputsOf(const KernelArgs& args, bool drops) {
  return {args.in<T>(0), args.in<T>(1), args.in<T>(2), args.inputs[3],
          drops ? static_cast<const int64_t*>(args.inputs.back()) : nullptr};
}

absl::StatusOr<Kernel> AttentionKernel(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const AttentionShape shape = ShapeOf(spec);
    auto attention = std::make_shared<const Attention<T>>(shape);
    Kernel kernel;
    kernel.flops = 2 * attention->products() * static_cast<double>(shape.features + shape.values);
    kernel.scratch_bytes = attention->scratch_bytes(/*gradients=*/false);
    kernel.run = [attention, drops = shape.dropout > 0](const KernelArgs& args) {
      attention->Forward(InputsOf<T>(args, drops), {args.out<T>(0), args.out<T>(1)},
                         [&] { return args.ThreadScratch(); });
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
    kernel.scratch_bytes = attention->scratch_bytes(/*gradients=*/true);
    kernel.run = [attention, drops = shape.dropout > 0](const KernelArgs& args) {
      attention->Backward(InputsOf<T>(args, drops), {args.in<T>(4), args.in<T>(5), args.in<T>(6)},
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
  const AttentionAttrs& attrs = AttrsOf(c.node().attrs);
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

// What the weights are multiplied with, for gradients that are compositions: the kernels draw the same numbers.
class Drops {
 public:
  explicit Drops(const GradientContext& c) {
    if (!c.node().attrs.Is<DropoutAttentionAttrs>()) return;
    const auto& a = c.attrs<DropoutAttentionAttrs>();
    const Shape scores = ScoresShape(c.x(0).shape(), c.x(1).shape());
    const Shape of_key(scores.dims().subspan(scores.rank() - a.rank));
    kept_ = BernoulliOf(KeyOf(c), {.p = 1 - a.rate, .dtype = c.x(0).dtype(), .shape = of_key});
    factor_ = 1 / (1 - a.rate);
  }
  // The key of what is dropped, an operand's last; invalid where nothing is.
  static Value KeyOf(const GradientContext& c) {
    return c.node().attrs.Is<DropoutAttentionAttrs>() ? c.x(static_cast<int>(c.node().inputs.size()) - 1) : Value();
  }
  // The weights that are left of w, or w itself where none are dropped.
  Value operator()(const Value& w) const { return kept_.valid() ? Where(Equal(kept_, 0.0), 0.0, w * factor_) : w; }

 private:
  Value kept_;
  double factor_ = 1;
};

// The gradient of the mask from that of the scores; none of a mask of bools.
Value MaskGradient(const Value& dscores, const Value& mask) {
  return IsBool(mask.dtype()) ? Value() : SumTo(dscores, mask.shape());
}

// With p the weights and D(.) what dropout makes of a matrix: y = D(p) v, and dscores = p (D(dy v^T) - delta), where
// delta = sum(dy y) - dlse of each query.
Values AttentionGradient(const GradientContext& c) {
  const Value q = c.x(0), k = c.x(1), v = c.x(2), mask = c.x(3), y = c.y(0), lse = c.y(1);
  const Value dy = c.has_dy(0) ? c.dy(0) : ZerosLike(y);
  Value delta = RowSum(dy * y);
  if (c.has_dy(1)) delta = delta - c.dy(1);
  absl::InlinedVector<Operand, 8> operands = {q, k, v, mask, lse, delta, dy};
  const Value key = Drops::KeyOf(c);
  if (key.valid()) operands.push_back(key);
  Values grads = BuildMulti(absl::StrCat(c.node().op->name, "_grad"), operands, c.node().attrs);
  grads.resize(c.node().inputs.size());
  if (IsBool(mask.dtype())) return grads;
  const Value dscores = Weights(c, lse) * (Drops(c)(MatMul(dy, v, {.transpose_b = true})) - Column(delta));
  grads[3] = MaskGradient(dscores, mask);
  return grads;
}

// With t = D(dy v^T) - delta and ds = p t, the op is dq = scale ds k, dk = scale ds^T q, dv = D(p)^T dy. For cotangents
// uq, uk, uv of these, F = <a, ds> + <g, p>, where a = scale (uq k^T + q uk^T) and g = D(dy uv^T). So F's gradients are
// b = p a of t, and h = p (a t + g) of the scores and, negative, of lse.
Values AttentionGradGradient(const GradientContext& c) {
  const double scale = AttrsOf(c.node().attrs).scale;
  const Drops dropped(c);
  const Value q = c.x(0), k = c.x(1), v = c.x(2), mask = c.x(3), lse = c.x(4), delta = c.x(5), dy = c.x(6);
  const auto times_transposed = [](const Value& a, const Value& b) { return MatMul(a, b, {.transpose_b = true}); };
  const auto transposed_times = [](const Value& a, const Value& b) { return MatMul(a, b, {.transpose_a = true}); };
  const Value p = Weights(c, lse);
  const Value t = dropped(times_transposed(dy, v)) - Column(delta), ds = p * t;
  Value a, g, grad_q, grad_k, grad_v, grad_dy, grad_delta;
  if (c.has_dy(0)) a = times_transposed(c.dy(0), k) * scale;
  if (c.has_dy(1)) a = Plus(a, times_transposed(q, c.dy(1)) * scale);
  if (c.has_dy(2)) g = dropped(times_transposed(dy, c.dy(2)));
  const Value h = p * Plus(a.valid() ? a * t : a, g);
  grad_q = MatMul(h, k) * scale, grad_k = transposed_times(h, q) * scale;
  if (c.has_dy(0)) grad_k = grad_k + transposed_times(ds, c.dy(0)) * scale;
  if (c.has_dy(1)) grad_q = grad_q + MatMul(ds, c.dy(1)) * scale;
  if (a.valid()) {
    const Value b = p * a, left = dropped(b);
    grad_v = transposed_times(left, dy), grad_dy = MatMul(left, v), grad_delta = -RowSum(b);
  }
  if (c.has_dy(2)) grad_dy = Plus(grad_dy, MatMul(dropped(p), c.dy(2)));
  Values grads = {grad_q, grad_k, grad_v, MaskGradient(h, mask), -RowSum(h), grad_delta, grad_dy};
  grads.resize(c.node().inputs.size());  // none of a key
  return grads;
}

// ---- Registration -----------------------------------------------------------------------------------------------

constexpr int kQueryLabel = 1000, kValueLabel = 1001;  // leading axes are 0, 1, ...

// Heads are independent. Of the forward op queries are, too, unless they are counted, and so are features of values.
LabelMap Labels(const KernelSpec& spec) {
  const int rank = spec.x(0).rank();
  const bool forward = spec.inputs.size() == 4, queries = forward && !AttrsOf(*spec.attrs).causal;
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

// Examples are one more leading axis. A mask or a key that all share broadcasts to it; one of each example gets axes of
// 1 behind that of the examples.
Values AttentionBatch(const BatchContext& c) {
  const bool drops = c.node().attrs.Is<DropoutAttentionAttrs>();
  const int key = drops ? c.num_inputs() - 1 : -1;
  absl::InlinedVector<Operand, 8> inputs;
  for (int i = 0; i < c.num_inputs(); ++i) inputs.push_back(i == 3 || i == key ? c.x(i) : Stacked(c, i));
  const auto widen = [&](int i, int64_t rank) {
    if (i < 0 || !c.batched(i)) return;
    Shape shape = c.x(i).shape();
    while (shape.rank() < rank) shape.insert(1, 1);
    inputs[i] = Reshape(c.x(i), shape);
  };
  widen(3, inputs[0]->rank());
  if (drops) widen(key, inputs[0]->rank() - c.attrs<DropoutAttentionAttrs>().rank);
  return BuildMulti(c.node().op->name, inputs, c.node().attrs);
}

constexpr char kSoftmaxDoc[] =
    "the softmax of scale q[i] k[j] + mask[i, j] over the keys j that take part; lse = the "
    "logarithm of its sum of exponentials, infinity where no key does.";

template <class A>
Op AttentionOp(std::string name, std::string doc) {
  return {.name = std::move(name),
          .doc = std::move(doc),
          .inputs = {"q", "k", "v", "mask"},
          .outputs = {"y", "lse"},
          .parse_attrs = &ParseAttrs<A>,
          .type = AttentionType<A>,
          .kernel = AttentionKernel,
          .gradient = AttentionGradient,
          .batch = AttentionBatch,
          .multiply_adds = MultiplyAdds};
}

template <class A>
Op AttentionGradOp(std::string name, std::string doc) {
  return {.name = std::move(name),
          .doc = std::move(doc),
          .inputs = {"q", "k", "v", "mask", "lse", "delta", "dy"},
          .outputs = {"dq", "dk", "dv"},
          .parse_attrs = &ParseAttrs<A>,
          .type = AttentionGradType<A>,
          .kernel = AttentionGradKernel,
          .gradient = AttentionGradGradient,
          .batch = AttentionBatch};
}

Op WithLabels(Op op) {
  op.axes = MakeAxisRules({.labels = Labels});
  return op;
}
// What is dropped depends on places, so that no part of such an op is the op on parts: it has no labels.
Op WithKey(Op op) {
  op.inputs.push_back("key");
  return op;
}

const OpRegistration kAttention(WithLabels(AttentionOp<AttentionAttrs>(
    "scaled_dot_product_attention", absl::StrCat("y[i] = sum_j p[i, j] v[j], with p[i] ", kSoftmaxDoc))));

const OpRegistration kAttentionGrad(WithLabels(AttentionGradOp<AttentionAttrs>(
    "scaled_dot_product_attention_grad",
    "dq = scale ds k, dk = scale ds^T q, dv = p^T dy, with p = exp(scores - lse) and ds = p (dy v^T - delta).")));

const OpRegistration kDropoutAttention(WithKey(AttentionOp<DropoutAttentionAttrs>(
    "scaled_dot_product_attention_dropout",
    absl::StrCat("y[i] = sum_j D(p[i, j]) v[j], with D(w) = w / (1 - rate), or 0 with probability rate, and p[i] ",
                 kSoftmaxDoc))));

const OpRegistration kDropoutAttentionGrad(WithKey(AttentionGradOp<DropoutAttentionAttrs>(
    "scaled_dot_product_attention_dropout_grad",
    "dq = scale ds k, dk = scale ds^T q, dv = D(p)^T dy, with p = exp(scores - lse) and ds = p (D(dy v^T) - delta).")));

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
  if (options.dropout == 0) {
    return BuildMulti("scaled_dot_product_attention", {queries, keys, values, mask}, Attrs(attrs))[0];
  }
  const DropoutAttentionAttrs dropping{attrs, options.dropout, queries.rank()};
  return BuildMulti("scaled_dot_product_attention_dropout", {queries, keys, values, mask, DrawKey(q.graph())},
                    Attrs(dropping))[0];
}

}  // namespace adret
