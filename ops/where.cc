#include "adret/ops/where.h"

#include "adret/core/axis_rules.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/elementwise.h"
#include "adret/ops/kernels/elementwise.h"

namespace adret {
namespace {

absl::StatusOr<Types> WhereType(const TypeContext& c) {
  if (!IsBool(c.dtype(0))) return c.Error("the condition must be bool, not ", Name(c.dtype(0)));
  if (c.dtype(1) != c.dtype(2)) return c.Error("a is ", Name(c.dtype(1)), " but b is ", Name(c.dtype(2)));
  if (c.shape(0) != c.shape(1) || c.shape(1) != c.shape(2)) return c.Error("shapes differ");
  return Types{c.type(1)};
}

Values WhereGradient(const GradientContext& c) {
  const Value zeros = ZerosLike(c.dy());
  return {Value(), Where(c.x(0), c.dy(), zeros), Where(c.x(0), zeros, c.dy())};
}

int SameAsChoice(const Attrs&, absl::Span<const Type>, absl::Span<const Tensor* const> constants) {
  if (IsAll(constants[0], 1)) return 1;
  return IsAll(constants[0], 0) ? 2 : -1;
}

std::optional<Dim> WhereDims(absl::Span<const Dim> operands) {
  const std::optional<int64_t> condition = operands[0].number();
  if (condition.has_value()) return operands[*condition != 0 ? 1 : 2];
  return operands[1] == operands[2] ? std::optional(operands[1]) : std::nullopt;
}

const OpRegistration kWhere(DeclareLinear(Elementwise({.name = "where",
                                                       .doc = "y = a where condition holds, b elsewhere.",
                                                       .inputs = {"condition", "a", "b"},
                                                       .type = WhereType,
                                                       .gradient = WhereGradient,
                                                       .same_as_input = SameAsChoice,
                                                       .of_dims = WhereDims}),
                                          0, Inputs({1, 2})));

const OpRegistration kCast(
    {.name = "cast",
     .doc = "y = x converted to another dtype: truncating, saturating, rounding; to bool: x != 0.",
     .inputs = {"x"},
     .parse_attrs = &ParseAttrs<CastAttrs>,
     .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
       return Types{{c.attrs<CastAttrs>().dtype, c.shape(0)}};
     },
     .span_kernel =
         [](const KernelSpec& s) { return SpanKernel{kernels::FindCast(s.inputs[0].dtype, s.outputs[0].dtype)}; },
     .gradient =
         [](const GradientContext& c) {
           return Values{IsAnyFloating(c.x().dtype()) ? Cast(c.dy(), c.x().dtype()) : Value()};
         },
     .same_as_input =
         [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
           return types[0].dtype == attrs.As<CastAttrs>().dtype ? 0 : -1;
         },
     .of_dims = [](absl::Span<const Dim> d) -> std::optional<Dim> { return d[0]; }});

}  // namespace

Value Where(Operand condition, Operand a, Operand b) {
  return BuildBroadcast("where", {condition, a, b}, Attrs(), /*first=*/1);
}

Value Cast(Operand x, DType dtype) { return Build("cast", {x}, Attrs(CastAttrs{dtype})); }

}  // namespace adret
