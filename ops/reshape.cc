#include "adret/ops/reshape.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"

namespace adret {
namespace {

// Axes of x and y that together hold the same numbers form a group. The outermost axes of a group run together: one
// step along either is the elements behind it in the group.
LabelMap ReshapeLabels(const KernelSpec& spec) {
  const Shape &x = spec.x(0), &y = spec.y();
  LabelMap map{{AxisLabels(x.rank())}, {AxisLabels(y.rank())}};
  if (x.num_elements() == 0) return map;
  int a = 0, b = 0;
  const auto skip_ones = [](const Shape& shape, int axis) {
    while (axis < shape.rank() && shape[axis] == 1) ++axis;
    return axis;
  };
  for (;;) {
    const int first_a = a = skip_ones(x, a), first_b = b = skip_ones(y, b);
    if (a == x.rank()) return map;
    int64_t size_x = x[a++], size_y = y[b++];
    while (size_x != size_y) {
      if (size_x < size_y) {
        size_x *= x[a++];
      } else {
        size_y *= y[b++];
      }
    }
    // The coarser steps must be whole numbers of the finer ones.
    const int64_t dim_x = x[first_a], dim_y = y[first_b], steps = std::min(dim_x, dim_y);
    if (dim_x % steps != 0 || dim_y % steps != 0) continue;
    map.inputs[0][first_a] = {first_a, dim_x / steps};
    map.outputs[0][first_b] = {first_a, dim_y / steps};
  }
}

const OpRegistration kReshape({
    .name = "reshape",
    .doc = "y holds the numbers of x, in row-major order, under another shape; one dimension may be -1 (inferred).",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<ReshapeAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      absl::StatusOr<Shape> shape = InferReshape(c.shape(0), c.attrs<ReshapeAttrs>().shape);
      if (!shape.ok()) return c.Error(shape.status().message());
      return Types{{c.dtype(0), *shape}};
    },
    .gradient = [](const GradientContext& c) { return Values{Reshape(c.dy(), c.x().shape())}; },
    .axes = MakeAxisRules({
        .labels = ReshapeLabels,
        .linear_in = Inputs({0}),
        .attrs_of_slices = [](const KernelSpec& parts) { return Attrs(ReshapeAttrs{parts.y()}); },
    }),
    .traits = {.view = true},
});

// Axes of a tensor of this rank as flags, one per axis. Fails when one is out of range or named twice.
absl::StatusOr<std::vector<bool>> AxisFlags(const std::vector<int64_t>& axes, int rank) {
  std::vector<bool> flags(rank, false);
  for (int64_t given : axes) {
    AD_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(given, rank));
    if (flags[axis]) return absl::InvalidArgumentError(absl::StrCat("axis ", given, " is named twice"));
    flags[axis] = true;
  }
  return flags;
}

Value Failed(const Operand& x, absl::string_view op, const absl::Status& status) {
  const std::string types = absl::StrCat(" (x ", x->type().ToString(), ")");
  x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat(op, ": ", status.message(), types)), x.location());
  return Value(x.graph(), {});
}

}  // namespace

absl::StatusOr<Shape> InferReshape(const Shape& from, const Shape& to) {
  AD_RETURN_IF_ERROR(from.Validate());
  AD_RETURN_IF_ERROR(to.Validate());
  const auto mismatch = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("the numbers of ", from.ToString(), " do not fit into ", to.ToString()));
  };
  const int64_t n = from.num_elements();  // a code where it is symbolic
  if (to.num_elements() == n) return to;
  const auto free = std::find(to.begin(), to.end(), kAnyBatch);
  if (std::count(to.begin(), to.end(), kAnyBatch) > 1) {
    return absl::InvalidArgumentError("only one dimension of the new shape may be free (-1)");
  }
  if (free == to.end()) {
    // Equal for some sizes: a run has to show that they are its own.
    if (!MayBeEqual(to.num_elements(), n)) return mismatch();
    return to;
  }
  Shape result = to;
  result.set(static_cast<int>(free - to.begin()), 1);
  const int64_t known = result.num_elements();
  if (known == 0) {
    // Nothing follows from no elements: the dimension stays what it is called.
    if (n != 0) return mismatch();
    return to;
  }
  const std::optional<Dim> inferred = Dim::ExactQuotient(Dim::Of(n), Dim::Of(known));
  if (!inferred.has_value()) return mismatch();
  result.set(static_cast<int>(free - to.begin()), *inferred);
  AD_RETURN_IF_ERROR(result.Validate());
  return result;
}

Value Reshape(Operand x, const Shape& shape) {
  if (x.is_number() || !x->valid()) return Build("reshape", {x}, Attrs(ReshapeAttrs{shape}));
  // Nodes hold what follows: -1 is the batch there.
  const absl::StatusOr<Shape> inferred = InferReshape(x->shape(), shape);
  return Build("reshape", {x}, Attrs(ReshapeAttrs{inferred.ok() ? *inferred : shape}));
}

Value Flatten(Operand x) {
  if (!x->valid()) return Reshape(x, {});
  const Shape& shape = x->shape();
  const Shape rest(shape.dims().subspan(std::min(shape.rank(), 1)));
  return Reshape(x, {shape.rank() == 0 ? 1 : shape[0], rest.num_elements()});
}

Value Squeeze(Operand x, const std::vector<int64_t>& axes) {
  if (!x->valid()) return Reshape(x, {});
  const Shape& shape = x->shape();
  const auto flags = AxisFlags(axes, shape.rank());
  if (!flags.ok()) return Failed(x, "squeeze", flags.status());
  Shape result;
  for (int a = 0; a < shape.rank(); ++a) {
    const bool drop = axes.empty() ? shape[a] == 1 : (*flags)[a];
    if (!drop) {
      result.push_back(shape[a]);
    } else if (shape[a] != 1) {
      return Failed(x, "squeeze", absl::InvalidArgumentError(absl::StrCat("axis ", a, " is not of size 1")));
    }
  }
  return Reshape(x, result);
}

Value Unsqueeze(Operand x, const std::vector<int64_t>& axes) {
  if (!x->valid()) return Reshape(x, {});
  const Shape& shape = x->shape();
  const int rank = shape.rank() + static_cast<int>(axes.size());
  const auto flags = AxisFlags(axes, rank);
  if (!flags.ok()) return Failed(x, "unsqueeze", flags.status());
  Shape result;
  for (int a = 0, from = 0; a < rank; ++a) result.push_back((*flags)[a] ? 1 : shape[from++]);
  return Reshape(x, result);
}

}  // namespace adret
