#include "adret/ops/gather.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/kernels/copy.h"
#include "adret/ops/kernels/gather.h"
#include "adret/ops/reshape.h"
#include "adret/ops/scan.h"
#include "adret/ops/shape_of.h"
#include "adret/ops/slice.h"
#include "adret/ops/sparse_gradient.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

// ---- What the ops have in common --------------------------------------------------------------------------------

absl::Status RequireIndices(const TypeContext& c, int i) {
  if (c.dtype(i) == DType::kInt32 || c.dtype(i) == DType::kInt64) return absl::OkStatus();
  return c.Error("indices must be i32 or i64");
}

// The shape of x with the shape of the indices in place of the axis.
absl::StatusOr<Shape> GatheredShape(const TypeContext& c, int64_t axis) {
  Shape y;
  for (int a = 0; a < axis; ++a) y.push_back(c.shape(0)[a]);
  for (int64_t dim : c.shape(1)) y.push_back(dim);
  for (int64_t a = axis + 1; a < c.shape(0).rank(); ++a) y.push_back(c.shape(0)[a]);
  if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
  return y;
}

// Fails unless indices have x's shape but for the axis.
absl::Status RequireElementIndices(const TypeContext& c, int64_t axis) {
  Shape indices = c.shape(1);
  if (indices.rank() == c.shape(0).rank()) indices.set(axis, c.shape(0)[axis]);
  if (indices == c.shape(0)) return absl::OkStatus();
  return c.Error("indices must have the shape of x but for axis ", axis);
}

absl::Status RequireUpdates(const TypeContext& c, const Shape& expected) {
  if (c.dtype(2) == c.dtype(0) && c.shape(2) == expected) return absl::OkStatus();
  return c.Error("updates must be ", Type{c.dtype(0), expected}.ToString());
}

absl::Status RequireNumbers(const TypeContext& c) {
  if (IsBool(c.dtype(0))) return c.Error("x must be numbers");
  return c.RequireArithmetic(0);
}

// The type rule of scatter and, for numbers, of scatter_add.
absl::StatusOr<Types> ScatterType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireIndices(c, 1));
  const int64_t axis = c.attrs<AxisAttrs>().axis;
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, axis));
  AD_ASSIGN_OR_RETURN(const Shape updates, GatheredShape(c, axis));
  AD_RETURN_IF_ERROR(RequireUpdates(c, updates));
  return Types{c.type(0)};
}

template <class Index>
absl::Status CheckIndices(const Index* indices, int64_t count, int64_t extent) {
  const int64_t bad = kernels::FirstOutOfRange(indices, count, extent);
  if (bad < 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("index ", indices[bad], " at place ", bad, " is outside an axis of size ", extent));
}

template <class F>
decltype(auto) VisitIndex(DType dtype, F&& f) {
  if (dtype == DType::kInt32) return f(Tag<int32_t>{});
  return f(Tag<int64_t>{});
}

// Zeros of x's shape and the dtype of `like`.
Value ZerosOf(const Value& x, const Value& like) {
  return ZerosLike(x.dtype() == like.dtype() ? x : Cast(x, like.dtype()));
}

// Kernels of gather and gather_elements: `pick` is one of the two loops.
template <class Pick>
Kernel PickKernel(const KernelSpec& spec, const kernels::GatherPlan& plan, const Pick& pick) {
  return VisitIndex(spec.inputs[1].dtype, [&](auto index) {
    using Index = typename decltype(index)::type;
    return Kernel{.run = [=, count = spec.x(1).num_elements(), size = SizeOf(spec.dtype())](const KernelArgs& args) {
      AD_RETURN_IF_ERROR(CheckIndices(args.in<Index>(1), count, plan.extent));
      pick(plan, args.inputs[0], args.in<Index>(1), args.outputs[0], size);
      return absl::OkStatus();
    }};
  });
}

// A kernel of the scatters: a copy of x, unless the output is x, and then put(indices, args), which writes to the
// places that the indices name.
template <class Index, class Put>
Kernel PutKernel(const KernelSpec& spec, int64_t extent, const Put& put) {
  const auto check = [extent, count = spec.x(1).num_elements()](const KernelArgs& args) {
    return CheckIndices(args.in<Index>(1), count, extent);
  };
  return Kernel{.run =
                    [=, bytes = spec.outputs[0].bytes()](const KernelArgs& args) {
                      AD_RETURN_IF_ERROR(check(args));
                      if (args.outputs[0] != args.inputs[0]) {
                        kernels::CopyBytes(args.inputs[0], args.outputs[0], bytes);
                      }
                      put(args.in<Index>(1), args);
                      return absl::OkStatus();
                    },
                .check_in_place = check};
}

// Kernels of the two scatters that add: `add` is one of the two loops.
template <class Add>
Kernel ScatterAddKernel(const KernelSpec& spec, const kernels::GatherPlan& plan, const Add& add) {
  return VisitIndex(spec.inputs[1].dtype, [&](auto index) {
    using Index = typename decltype(index)::type;
    return VisitArithmetic(spec.dtype(), [&](auto number) {
      using T = typename decltype(number)::type;
      return PutKernel<Index>(spec, plan.extent, [=](const Index* indices, const KernelArgs& args) {
        add(plan, indices, args.in<T>(2), args.out<T>());
      });
    });
  });
}

// x around the axis, and how many indices there are for it.
kernels::GatherPlan GatherPlanOf(const KernelSpec& spec) {
  const AxisSplit x = SplitAt(spec.x(0), spec.As<AxisAttrs>().axis);
  return {x.outer, x.n, x.inner, spec.x(1).num_elements()};
}

kernels::GatherPlan ElementsPlanOf(const KernelSpec& spec) {
  const int64_t axis = spec.As<AxisAttrs>().axis;
  const AxisSplit x = SplitAt(spec.x(0), axis);
  return {x.outer, x.n, x.inner, spec.x(1)[axis]};
}

// ---- Batches of examples ----------------------------------------------------------------------------------------

// Indices of the form that the ops on elements take, where every example has its own: those of an example as one axis,
// repeated along the other axes of x, all examples' x.
Value ElementIndices(const BatchContext& c, const Value& x) {
  const int axis = static_cast<int>(c.attrs<AxisAttrs>().axis) + 1;
  const Value indices = Stacked(c, 1);
  if (!indices.valid() || !x.valid()) return InvalidResult("gather", {indices, x});
  Shape line(std::vector<int64_t>(x.rank(), 1)), all = x.shape();
  const int64_t count = Value(c.graph(), c.node().inputs[1]).shape().num_elements();
  line.set(0, c.size()), line.set(axis, count), all.set(axis, count);
  return BroadcastTo(Reshape(indices, line), all);
}

Values GatherBatch(const BatchContext& c) {
  const int axis = static_cast<int>(c.attrs<AxisAttrs>().axis);
  if (!c.batched(1)) return {Gather(c.x(0), c.x(1), axis + 1)};
  if (!c.batched(0)) {
    const Value y = Gather(c.x(0), c.x(1), axis);  // the examples are where the axis was
    return {y.valid() ? MoveAxis(y, axis, 0) : y};
  }
  const Value y = GatherElements(c.x(0), ElementIndices(c, c.x(0)), axis + 1);
  return {Reshape(y, c.WithExamples(c.node().outputs[0].shape))};
}

Values ScatterAddBatch(const BatchContext& c) {
  const int axis = static_cast<int>(c.attrs<AxisAttrs>().axis) + 1;
  const Value x = Stacked(c, 0), updates = Stacked(c, 2);
  if (!c.batched(1)) return {ScatterAdd(x, c.x(1), updates, axis)};
  const Value indices = ElementIndices(c, x);
  return {ScatterElementsAdd(x, indices, Reshape(updates, indices.shape()), axis)};
}

// Examples that have indices of their own become one: those of example b count from b times the size of the axis. An
// index out of range must not become another example's, so it is made -1.
Values ScatterBatch(const BatchContext& c) {
  const int axis = static_cast<int>(c.attrs<AxisAttrs>().axis);
  const Value x = Stacked(c, 0), updates = Stacked(c, 2);
  if (!c.batched(1)) return {Scatter(x, c.x(1), updates, axis + 1)};
  const Value own = c.x(1);
  if (!x.valid() || !updates.valid() || !own.valid()) return {InvalidResult("scatter", {x, own, updates})};
  const int64_t extent = x.shape()[axis + 1];
  Dim count(1);
  for (int a = 1; a < own.rank(); ++a) count = count * own.shape().dim(a);
  Shape line = updates.shape();
  for (int a = 1; a < own.rank(); ++a) line.erase(axis + 1);
  line.insert(axis + 1, count);
  const Value indices = Cast(Reshape(own, {c.size(), count}), DType::kInt64);
  const Value size = Slice(ShapeOf(x), 0, axis + 1, axis + 2);
  const Value before = CumSum(OnesLike(indices), {.axis = 0, .exclusive = true}) * size;
  const Value inside = LogicalAnd(GreaterEqual(indices, 0), Less(indices, size));
  const Value y = Scatter(FoldExamples(x, axis), Reshape(Where(inside, indices + before, -1), {-1}),
                          FoldExamples(Reshape(updates, line), axis), axis);
  return {UnfoldExamples(y, axis, c.size(), extent)};
}

// ---- The ops ----------------------------------------------------------------------------------------------------

const OpRegistration kGather({
    .name = "gather",
    .doc = "y[.., k, ..] = x[.., indices[k], ..] along an axis.",
    .inputs = {"x", "indices"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_RETURN_IF_ERROR(RequireIndices(c, 1));
      const int64_t axis = c.attrs<AxisAttrs>().axis;
      AD_RETURN_IF_ERROR(RequireAxis(c, 0, axis));
      AD_ASSIGN_OR_RETURN(const Shape y, GatheredShape(c, axis));
      return Types{{c.dtype(0), y}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return PickKernel(spec, GatherPlanOf(spec), [](const auto&... args) { kernels::Gather(args...); });
    },
    .gradient =
        [](const GradientContext& c) {
          return Values{AddingInF32(c.dy(),
                                    [&](const Value& dy) {
                                      return ScatterAdd(ZerosOf(c.x(), dy), c.x(1), dy, c.attrs<AxisAttrs>().axis);
                                    }),
                        Value()};
        },
    .batch = GatherBatch,
    .moves = Inputs({0}),
});

const OpRegistration kScatterAdd({
    .name = "scatter_add",
    .doc = "y = x; y[.., indices[k], ..] += updates[.., k, ..] along an axis.",
    .inputs = {"x", "indices", "updates"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_ASSIGN_OR_RETURN(Types y, ScatterType(c));
      AD_RETURN_IF_ERROR(RequireNumbers(c));
      return y;
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return ScatterAddKernel(spec, GatherPlanOf(spec), [](const auto&... args) { kernels::ScatterAdd(args...); });
    },
    .gradient =
        [](const GradientContext& c) {
          return Values{c.dy(), Value(), Gather(c.dy(), c.x(1), c.attrs<AxisAttrs>().axis)};
        },
    .batch = ScatterAddBatch,
});

// Where an index is there several times, only its last update is in y.
Values ScatterGradient(const GradientContext& c) {
  const int64_t axis = c.attrs<AxisAttrs>().axis;
  const Value places = c.x(1), updates = c.x(2);
  const Value last = LastOccurrence(Reshape(places, {-1}));
  const Value is_last = Equal(last, CumSum(OnesLike(last), {.axis = 0, .exclusive = true}));
  Shape rows = places.shape();
  for (int64_t a = axis + 1; a < c.x(0).rank(); ++a) rows.push_back(1);
  return {Scatter(c.dy(), places, ZerosLike(updates), axis), Value(),
          Where(Reshape(is_last, rows), Gather(c.dy(), places, axis), 0.0)};
}

// scatter_add cannot put numbers in the place of others: x + (u - x) is not u.
const OpRegistration kScatter({
    .name = "scatter",
    .doc = "y = x; y[.., indices[k], ..] = updates[.., k, ..] along an axis.",
    .inputs = {"x", "indices", "updates"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = ScatterType,
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return VisitIndex(spec.inputs[1].dtype, [&](auto index) {
        using Index = typename decltype(index)::type;
        const kernels::GatherPlan plan = GatherPlanOf(spec);
        return PutKernel<Index>(spec, plan.extent,
                                [plan, size = SizeOf(spec.dtype())](const Index* indices, const KernelArgs& args) {
                                  kernels::Scatter(plan, indices, args.inputs[2], args.outputs[0], size);
                                });
      });
    },
    .gradient = ScatterGradient,
    .batch = ScatterBatch,
    .moves = Inputs({0, 2}),
});

const OpRegistration kGatherElements({
    .name = "gather_elements",
    .doc = "y[.., k, ..] = x[.., indices[.., k, ..], ..] along an axis.",
    .inputs = {"x", "indices"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_RETURN_IF_ERROR(RequireIndices(c, 1));
      const int64_t axis = c.attrs<AxisAttrs>().axis;
      AD_RETURN_IF_ERROR(RequireAxis(c, 0, axis));
      AD_RETURN_IF_ERROR(RequireElementIndices(c, axis));
      return Types{{c.dtype(0), c.shape(1)}};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return PickKernel(spec, ElementsPlanOf(spec), [](const auto&... args) { kernels::GatherElements(args...); });
    },
    .gradient =
        [](const GradientContext& c) {
          return Values{AddingInF32(c.dy(),
                                    [&](const Value& dy) {
                                      return ScatterElementsAdd(ZerosOf(c.x(), dy), c.x(1), dy,
                                                                c.attrs<AxisAttrs>().axis);
                                    }),
                        Value()};
        },
    .batch = AlongLaterAxis(),
});

const OpRegistration kScatterElementsAdd({
    .name = "scatter_elements_add",
    .doc = "y = x; y[.., indices[.., k, ..], ..] += updates[.., k, ..] along an axis.",
    .inputs = {"x", "indices", "updates"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      AD_RETURN_IF_ERROR(RequireIndices(c, 1));
      const int64_t axis = c.attrs<AxisAttrs>().axis;
      AD_RETURN_IF_ERROR(RequireAxis(c, 0, axis));
      AD_RETURN_IF_ERROR(RequireElementIndices(c, axis));
      AD_RETURN_IF_ERROR(RequireUpdates(c, c.shape(1)));
      AD_RETURN_IF_ERROR(RequireNumbers(c));
      return Types{c.type(0)};
    },
    .kernel = [](const KernelSpec& spec) -> absl::StatusOr<Kernel> {
      return ScatterAddKernel(spec, ElementsPlanOf(spec),
                              [](const auto&... args) { kernels::ScatterElementsAdd(args...); });
    },
    .gradient =
        [](const GradientContext& c) {
          return Values{c.dy(), Value(), GatherElements(c.dy(), c.x(1), c.attrs<AxisAttrs>().axis)};
        },
    .batch = AlongLaterAxis(),
});

absl::StatusOr<Kernel> OneHotKernel(const KernelSpec& spec) {
  const int64_t depth = spec.As<OneHotAttrs>().depth, count = spec.x(0).num_elements();
  const Tensor one = Tensor::Scalar(spec.outputs[0].dtype, 1);
  return VisitIndex(spec.dtype(), [&](auto index) {
    return kernels::VisitElementSize(SizeOf(one.dtype()), [&](auto element) {
      using Index = typename decltype(index)::type;
      using T = decltype(element);
      std::memcpy(&element, one.raw(), sizeof(T));
      return Kernel{.run = [=, bytes = spec.outputs[0].bytes()](const KernelArgs& args) {
        const Index* indices = args.in<Index>(0);
        AD_RETURN_IF_ERROR(CheckIndices(indices, count, depth));
        kernels::ZeroBytes(args.outputs[0], bytes);
        for (int64_t i = 0; i < count; ++i) args.out<T>()[i * depth + indices[i]] = element;
        return absl::OkStatus();
      }};
    });
  });
}

const OpRegistration kOneHot({
    .name = "one_hot",
    .doc = "y[.., c] = 1 where c = indices[..], else 0, for c < depth.",
    .inputs = {"indices"},
    .parse_attrs = &ParseAttrs<OneHotAttrs>,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> {
      const auto& a = c.attrs<OneHotAttrs>();
      AD_RETURN_IF_ERROR(RequireIndices(c, 0));
      if (a.depth < 1) return c.Error("depth must be positive but is ", a.depth);
      Shape y = c.shape(0);
      y.push_back(a.depth);
      if (absl::Status status = y.Validate(); !status.ok()) return c.Error(status.message());
      return Types{{a.dtype, y}};
    },
    .kernel = OneHotKernel,
    .gradient = [](const GradientContext&) { return Values{Value()}; },
    .batch = [](const BatchContext& c) { return BuildStacked(c, c.node().attrs); },
});

}  // namespace

Operand AsIndices(Operand x) {
  if (x.is_number() || !x.value().valid() || !IsInteger(x->dtype())) return x;
  if (x->dtype() == DType::kInt32 || x->dtype() == DType::kInt64) return x;
  return Operand(Cast(x, DType::kInt64), x.location());
}

Value Gather(Operand x, Operand indices, int64_t axis) {
  return Build("gather", {x, AsIndices(indices)}, Attrs(AxisAttrs{NormalizedAxis(x, axis)}));
}

Value ScatterAdd(Operand x, Operand indices, Operand updates, int64_t axis) {
  return Build("scatter_add", {x, AsIndices(indices), updates}, Attrs(AxisAttrs{NormalizedAxis(x, axis)}));
}

Value Scatter(Operand x, Operand indices, Operand updates, int64_t axis) {
  return Build("scatter", {x, AsIndices(indices), updates}, Attrs(AxisAttrs{NormalizedAxis(x, axis)}));
}

Value GatherElements(Operand x, Operand indices, int64_t axis) {
  return Build("gather_elements", {x, AsIndices(indices)}, Attrs(AxisAttrs{NormalizedAxis(x, axis)}));
}

Value ScatterElementsAdd(Operand x, Operand indices, Operand updates, int64_t axis) {
  return Build("scatter_elements_add", {x, AsIndices(indices), updates}, Attrs(AxisAttrs{NormalizedAxis(x, axis)}));
}

Value OneHot(Operand indices, int64_t depth, DType dtype) {
  return Build("one_hot", {AsIndices(indices)}, Attrs(OneHotAttrs{depth, dtype}));
}

}  // namespace adret
