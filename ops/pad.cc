#include "adret/ops/pad.h"

#include <optional>

#include "adret/core/axis_rules.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/pad.h"
#include "adret/ops/slice.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

// Attributes of pad_x_grad: the shape of the tensor that was padded, and how.
struct PadGradAttrs {
  Shape shape;
  PadAttrs pad;
  template <class V>
  void Fields(V&& v) {
    v("shape", shape), v("pad", pad);
  }
};

std::optional<kernels::Border> ParseBorder(absl::string_view mode) {
  if (mode == "constant") return kernels::Border::kConstant;
  if (mode == "edge") return kernels::Border::kEdge;
  if (mode == "reflect") return kernels::Border::kReflect;
  return std::nullopt;
}

// The padded shape. `c` is for error texts.
absl::StatusOr<Shape> InferPad(const TypeContext& c, const Shape& x, const PadAttrs& a) {
  const auto border = ParseBorder(a.mode);
  if (!border.has_value()) return c.Error("mode must be constant, edge or reflect");
  const size_t rank = x.rank();
  if (a.before.size() != rank || a.after.size() != rank) {
    return c.Error("expects a width before and after each of ", rank, " axes, but has ", a.before.size(), " and ",
                   a.after.size());
  }
  Shape y = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t before = a.before[axis], after = a.after[axis], size = x[axis];
    if (before == 0 && after == 0) continue;
    if (before < 0 || after < 0) return c.Error("the width of a border must not be negative (axis ", axis, ")");
    if (*border == kernels::Border::kEdge && size == 0) return c.Error("axis ", axis, " has no edge");
    if (size < 0) AssumeOfSizes();
    if (*border == kernels::Border::kReflect && size >= 0 && (before >= size || after >= size)) {
      return c.Error("a reflected border must be narrower than axis ", axis, " of size ", size, ", but is ", before,
                     " and ", after);
    }
    y.set(axis, x.dim(axis) + before + after);
    if (y[axis] == kNoDim) return c.Error("axis ", axis, " grows too long");
  }
  if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
  return y;
}

// The attributes for one more axis, in front, which gets no border.
void NoBorderInFront(PadAttrs* a) {
  a->before.insert(a->before.begin(), 0);
  a->after.insert(a->after.begin(), 0);
}

bool CanHold(DType dtype, double value) { return IsAnyFloating(dtype) || Tensor::Scalar(dtype, value).At(0) == value; }

bool PadsNothing(const PadAttrs& a) {
  for (size_t i = 0; i < a.before.size(); ++i) {
    if (a.before[i] != 0 || a.after[i] != 0) return false;
  }
  return true;
}

// Axes behind the last padded one stay together as a block; neighbours without a border become one axis.
kernels::PadPlan PlanOf(const Shape& x, const PadAttrs& a) {
  kernels::PadPlan plan{.axes = {}, .block = 1, .border = *ParseBorder(a.mode)};
  int last = x.rank() - 1;
  while (last >= 0 && a.before[last] == 0 && a.after[last] == 0) plan.block *= x[last--];
  for (int axis = 0; axis <= last; ++axis) {
    const kernels::PadAxis next{x[axis], a.before[axis], a.after[axis]};
    const bool plain = next.before == 0 && next.after == 0;
    if (plain && !plan.axes.empty() && plan.axes.back().padded() == plan.axes.back().size) {
      plan.axes.back().size *= next.size;
    } else {
      plan.axes.push_back(next);
    }
  }
  if (plan.axes.empty()) plan.axes.push_back({1, 0, 0});
  return plan;
}

const OpRegistration kPad({
    .name = "pad",
    .doc = "x with a border of `before` and `after` elements along each axis: constant, edge or reflect.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<PadAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<PadAttrs>();
      AD_ASSIGN_OR_RETURN(const Shape y, InferPad(c, c.shape(0), a));
      if (!CanHold(c.dtype(0), a.value)) return c.Error("the value ", a.value, " is no ", Name(c.dtype(0)));
      return Types{{c.dtype(0), y}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      const auto& a = spec.As<PadAttrs>();
      return Kernel{.run = [plan = PlanOf(spec.x(0), a), value = Tensor::Scalar(spec.dtype(), a.value),
                            size = SizeOf(spec.dtype())](const KernelArgs& args) {
        kernels::Pad(plan, args.inputs[0], value.raw(), args.outputs[0], size);
        return absl::OkStatus();
      }};
    },
    .gradient =
        [](const GradientContext& c) {
          const auto& a = c.attrs<PadAttrs>();
          const Shape& x = c.x().shape();
          if (a.mode != "constant") {
            return Values{AddingInF32(c.dy(), [&](const Value& dy) {
              return Build("pad_x_grad", {dy}, Attrs(PadGradAttrs{x, a}));
            })};
          }
          SliceAttrs inside;
          for (int axis = 0; axis < x.rank(); ++axis) {
            if (a.before[axis] == 0 && a.after[axis] == 0) continue;
            inside.axes.push_back(axis);
            inside.begins.push_back(a.before[axis]);
            // From the end, where the axis is symbolic and x not empty after all.
            const bool known = x[axis] >= 0;
            inside.ends.push_back(known ? a.before[axis] + x[axis] : a.after[axis] == 0 ? kSliceToEnd : -a.after[axis]);
          }
          return Values{Slice(c.dy(), inside)};
        },
    .batch = OneMoreAxis<PadAttrs>([](PadAttrs* a, const BatchContext&) { NoBorderInFront(a); }),
    .same_as_input = [](const Attrs& attrs, absl::Span<const Type>,
                        absl::Span<const Tensor* const>) { return PadsNothing(attrs.As<PadAttrs>()) ? 0 : -1; },
    .axes = MakeAxisRules({.labels =
                               [](const KernelSpec& spec) {
                                 const auto& a = spec.As<PadAttrs>();
                                 absl::InlinedVector<int64_t, 4> padded;
                                 for (int axis = 0; axis < spec.y().rank(); ++axis) {
                                   if (a.before[axis] != 0 || a.after[axis] != 0) padded.push_back(axis);
                                 }
                                 return LanesExcept(spec, padded);
                               }}),
});

const OpRegistration kPadGrad({
    .name = "pad_x_grad",
    .doc = "dx[i] = sum of dy over the places where an edge or reflect pad puts x[i].",
    .inputs = {"dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<PadGradAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<PadGradAttrs>();
      AD_RETURN_IF_ERROR(c.RequireFloating(0));
      if (a.pad.mode == "constant") return c.Error("mode must be edge or reflect");
      if (absl::Status status = a.shape.Validate(); !status.ok()) return c.Error(status.message());
      AD_ASSIGN_OR_RETURN(const Shape y, InferPad(c, a.shape, a.pad));
      if (c.shape(0) != y) return c.Error("padded, ", a.shape.ToString(), " has shape ", y.ToString());
      return Types{{c.dtype(0), a.shape}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return VisitFloating(spec.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        return Kernel{.run = [plan = PlanOf(spec.y(), spec.As<PadGradAttrs>().pad)](const KernelArgs& args) {
          kernels::PadGrad(plan, args.in<T>(0), args.out<T>());
          return absl::OkStatus();
        }};
      });
    },
    .gradient = [](const GradientContext& c) { return Values{Pad(c.dy(), c.attrs<PadGradAttrs>().pad)}; },
    .batch = OneMoreAxis<PadGradAttrs>([](PadGradAttrs* a, const BatchContext& c) {
      a->shape = c.WithExamples(a->shape);
      NoBorderInFront(&a->pad);
    }),
});

}  // namespace

Value Pad(Operand x, const PadAttrs& attrs) { return Build("pad", {x}, Attrs(attrs)); }

}  // namespace adret
