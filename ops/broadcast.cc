#include "adret/ops/broadcast.h"

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/kernels/broadcast.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

absl::StatusOr<Types> BroadcastToType(const TypeContext& c) {
  const Shape& shape = c.attrs<BroadcastToAttrs>().shape;
  if (!shape.Validate().ok()) return c.Error("shape ", shape.ToString(), ": ", shape.Validate().message());
  absl::StatusOr<Shape> common = BroadcastShapes(c.shape(0), shape);
  if (!common.ok() || *common != shape) return c.Error("x does not broadcast to ", shape.ToString());
  return Types{{c.dtype(0), shape}};
}

absl::StatusOr<Kernel> BroadcastToKernel(const KernelSpec& spec) {
  auto plan = kernels::PlanBroadcast(spec.x(0), spec.y(), SizeOf(spec.dtype()));
  return Kernel{.run = [plan = std::move(plan)](const KernelArgs& args) {
    kernels::Broadcast(plan, args.inputs[0], args.outputs[0]);
    return absl::OkStatus();
  }};
}

// Aligned to the right; axes that x repeats along are y's alone.
LabelMap BroadcastLabels(const KernelSpec& spec) {
  const int extra = spec.y().rank() - spec.x(0).rank();
  AxisLabels x, y;
  for (int a = 0; a < spec.y().rank(); ++a) {
    y.push_back({a});
    if (a >= extra) x.push_back({spec.x(0)[a - extra] == spec.y()[a] ? a : -1});
  }
  return {{x}, {y}};
}

const OpRegistration kBroadcastTo({
    .name = "broadcast_to",
    .doc = "y = x repeated along axes to a shape, as NumPy broadcasts.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<BroadcastToAttrs>,
    .type = BroadcastToType,
    .kernel = BroadcastToKernel,
    .gradient = [](const GradientContext& c) { return Values{SumTo(c.dy(), c.x().shape())}; },
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          return types[0].shape == attrs.As<BroadcastToAttrs>().shape ? 0 : -1;
        },
    .axes = MakeAxisRules({
        .labels = BroadcastLabels,
        .linear_in = Inputs({0}),
        .attrs_of_slices = [](const KernelSpec& parts) { return Attrs(BroadcastToAttrs{parts.y()}); },
    }),
    .traits = {.broadcast = true},
});

absl::StatusOr<Types> AnyType(const TypeContext& c) { return Types{c.type(0)}; }

const OpRegistration kIdentity({
    .name = "identity",
    .doc = "y = x.",
    .inputs = {"x"},
    .type = AnyType,
    .gradient = [](const GradientContext& c) { return Values{c.dy()}; },
    .traits = {.identity = true},
});
const OpRegistration kStopGradient({
    .name = "stop_gradient",
    .doc = "y = x, with the gradient 0.",
    .inputs = {"x"},
    .type = AnyType,
    .gradient = [](const GradientContext&) { return Values(1); },
    .traits = {.identity = true},
});

// The first valid value among the operands, from index `first` on or else anywhere; null when there is none.
const Operand* FirstValue(absl::Span<const Operand> operands, int first) {
  for (size_t i = 0; i < operands.size(); ++i) {
    const Operand& operand = operands[(first + i) % operands.size()];
    if (!operand.is_number()) return &operand;
  }
  return nullptr;
}

// Returns the graph of all operands (where some are of a body, and others of the graph around it: the body's), or
// nullptr where one was never built or belongs elsewhere.
Graph* GraphOfAll(absl::Span<const Operand> operands, Graph* graph) {
  for (const Operand& operand : operands) {
    if (operand.is_number()) continue;
    if (!operand.value().valid()) return nullptr;
    if (operand.graph()->IsInside(graph)) graph = operand.graph();
  }
  for (const Operand& operand : operands) {
    if (operand.is_number() || operand.graph() == graph || graph->IsInside(operand.graph())) continue;
    return nullptr;
  }
  return graph;
}

// Returns the common shape, with the dimensions of x that are not 1: they look different where a run has to tell that
// they are equal, and are not repeated.
Shape Expanded(const Shape& x, Shape common) {
  for (int a = 0; a < x.rank(); ++a) {
    if (x[a] != 1) common.set(common.rank() - x.rank() + a, x[a]);
  }
  return common;
}

}  // namespace

Value BroadcastTo(Operand x, Shape shape) {
  if (!x.is_number() && x.value().valid() && x->shape() == shape) return x;
  return Build("broadcast_to", {x}, Attrs(BroadcastToAttrs{std::move(shape)}));
}

Value SumTo(Operand x, const Shape& shape) {
  if (x.is_number() || !x.value().valid() || x->shape() == shape) return x;
  LocationScope scope(x.graph(), x.location());
  if (IsHalf(x->dtype())) {
    return AddingInF32(x.value(), [&](const Value& wide) { return SumTo(Operand(wide, x.location()), shape); });
  }
  const Shape from = x->shape();
  const int extra = from.rank() - shape.rank();
  absl::StatusOr<Shape> common = BroadcastShapes(from, shape);
  if (!common.ok() || *common != from) {
    x.graph()->Fail(absl::InvalidArgumentError(
                        absl::StrCat("sum_to: ", shape.ToString(), " does not broadcast to ", from.ToString())),
                    x.location());
    return Value(x.graph(), {-1, 0});
  }
  ReduceAttrs summed;
  for (int axis = 0; axis < from.rank(); ++axis) {
    if (axis < extra || shape[axis - extra] != from[axis]) summed.axes.push_back(axis);
  }
  return Reshape(Sum(x, summed), shape);
}

Value FullLike(Operand x, double value) {
  if (x.is_number() || !x.value().valid()) return Build("identity", {x});
  LocationScope scope(x.graph(), x.location());
  return BroadcastTo(Operand(value, x.location()).In(x.graph(), x->dtype()), x->shape());
}
Value ZerosLike(Operand x) { return FullLike(x, 0); }
Value OnesLike(Operand x) { return FullLike(x, 1); }

Value Identity(Operand x) { return Build("identity", {x}); }
Value StopGradient(Operand x) { return Build("stop_gradient", {x}); }

Value BuildBroadcast(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs, int first) {
  const Operand* typed = FirstValue(operands, first);
  Graph* const graph = typed == nullptr ? nullptr : GraphOfAll(operands, typed->graph());
  if (graph == nullptr) return Build(op, operands, std::move(attrs));
  LocationScope scope(graph, operands[0].location());
  const bool has_dtype = typed >= &operands[first];
  Shape common;
  for (const Operand& operand : operands) {
    if (operand.is_number()) continue;
    absl::StatusOr<Shape> next = BroadcastShapes(common, operand->shape());
    if (!next.ok()) {
      graph->Fail(absl::InvalidArgumentError(absl::StrCat(op, ": ", next.status().message())), operand.location());
      return Build(op, operands, std::move(attrs));
    }
    common = *std::move(next);
  }
  const DType dtype = has_dtype ? typed->value().dtype() : DType::kFloat32;
  absl::InlinedVector<Operand, 3> shaped;
  for (const Operand& operand : operands) {
    if (operand.is_number() && !operand.FitsIn(dtype)) {
      graph->Fail(absl::InvalidArgumentError(
                      absl::StrCat(op, ": the number ", operand.number(), " is not a value of ", Name(dtype))),
                  operand.location());
    }
    const Value value = operand.is_number() ? operand.In(graph, dtype) : graph->Capture(operand);
    shaped.emplace_back(BroadcastTo(Operand(value, operand.location()), Expanded(value.shape(), common)),
                        operand.location());
  }
  return Build(op, shaped, std::move(attrs));
}

}  // namespace adret
