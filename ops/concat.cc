#include "adret/ops/concat.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/copy.h"
#include "adret/ops/narrow.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"

namespace adret {
namespace {

absl::StatusOr<Types> ConcatType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireSameDType());
  const int64_t axis = c.attrs<AxisAttrs>().axis;
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, axis));
  Shape y = c.shape(0);
  Dim total;
  for (int i = 0; i < c.num_inputs(); ++i) {
    Shape x = c.shape(i);
    if (x.rank() != y.rank()) return c.Error("expects inputs of one rank");
    total = total + x.dim(static_cast<int>(axis));
    if (total.code() == kNoDim) return c.Error("axis ", axis, " grows too long");
    x.set(axis, y[axis]);
    if (x != y) return c.Error("inputs may differ along axis ", axis, " only, but input ", i, " does elsewhere");
  }
  y.set(axis, total);
  return Types{{c.dtype(0), y}};
}

absl::StatusOr<Kernel> ConcatKernel(const KernelSpec& spec) {
  const int64_t axis = spec.As<AxisAttrs>().axis;
  struct Part {
    kernels::StridedCopy copy;
    int64_t offset;  // bytes into y
  };
  std::vector<Part> parts;
  const size_t size = SizeOf(spec.dtype());
  const auto y_strides = Strides(spec.y());
  int64_t begin = 0;
  for (const Type& x : spec.inputs) {
    parts.push_back({kernels::StridedCopy(x.shape.dims(), Strides(x.shape), y_strides, size),
                     begin * y_strides[axis] * static_cast<int64_t>(size)});
    begin += x.shape[axis];
  }
  return Kernel{.run = [parts = std::move(parts)](const KernelArgs& args) {
    for (size_t i = 0; i < parts.size(); ++i) parts[i].copy.Run(args.inputs[i], args.out<char>() + parts[i].offset);
    return absl::OkStatus();
  }};
}

const OpRegistration kConcat({
    .name = "concat",
    .doc = "y holds x0, x1, ... one after the other along an axis.",
    .inputs = {"x"},
    .variadic = true,
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = ConcatType,
    .kernel = ConcatKernel,
    .gradient =
        [](const GradientContext& c) {
          if (c.num_inputs() == 1) return Values{c.dy()};
          const int64_t axis = c.attrs<AxisAttrs>().axis;
          Values dx;
          Dim begin;
          for (int i = 0; i < c.num_inputs(); ++i) {
            const Dim size = c.x(i).shape().dim(static_cast<int>(axis)), end = begin + size;
            const bool known = begin.number().has_value() && end.number().has_value();
            dx.push_back(known ? Slice(c.dy(), axis, begin, end) : Narrow(c.dy(), axis, begin, size));
            begin = end;
          }
          return dx;
        },
    .batch = AlongLaterAxis(),
    .same_as_input = [](const Attrs&, absl::Span<const Type> types,
                        absl::Span<const Tensor* const>) { return types.size() == 1 ? 0 : -1; },
    .moves = Inputs({0}),
    .axes = MakeAxisRules({
        .labels = [](const KernelSpec& spec) { return LanesExcept(spec, {spec.As<AxisAttrs>().axis}); },
        .joined_axis = [](const Attrs& attrs) { return static_cast<int>(attrs.As<AxisAttrs>().axis); },
    }),
});

std::vector<Operand> Operands(const Values& xs, std::source_location location) {
  std::vector<Operand> operands;
  for (const Value& x : xs) operands.push_back(Operand(x, location));
  return operands;
}

bool AllValid(const Values& xs) {
  return std::all_of(xs.begin(), xs.end(), [](const Value& x) { return x.valid(); });
}

}  // namespace

Value Concat(const Values& xs, int64_t axis, std::source_location location) {
  if (xs.empty()) return Value();
  axis = NormalizedAxis(xs[0], axis);
  return Build("concat", Operands(xs, location), Attrs(AxisAttrs{axis}));
}

Value Stack(const Values& xs, int64_t axis, std::source_location location) {
  if (xs.empty()) return Value();
  if (!AllValid(xs)) return Build("concat", Operands(xs, location), Attrs(AxisAttrs{axis}));
  LocationScope scope(xs[0].graph(), location);
  Values parts;
  for (const Value& x : xs) {
    if (x.type() != xs[0].type()) {
      xs[0].graph()->Fail(
          absl::InvalidArgumentError(absl::StrCat("stack: expects values of one type, but finds ",
                                                  xs[0].type().ToString(), " and ", x.type().ToString())),
          location);
      return Value(xs[0].graph(), {});
    }
    parts.push_back(Unsqueeze(x, {axis}));
  }
  return Concat(parts, axis, location);
}

}  // namespace adret
