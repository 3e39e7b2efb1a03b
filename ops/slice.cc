#include "adret/ops/slice.h"

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/kernels/copy.h"

namespace adret {
namespace {

// Attributes of slice_x_grad: the shape of the tensor that was sliced, and how.
struct SliceGradAttrs {
  Shape shape;
  SliceAttrs slice;
  template <class V>
  void Fields(V&& v) {
    v("shape", shape), v("slice", slice);
  }
};

// Elements begin, begin + step, ... of an axis. Of a symbolic axis count is symbolic, and begin is not known.
struct Range {
  int64_t begin, step, count;
};

template <class... Parts>
absl::Status RangeError(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// The same of a symbolic axis. Whether it is long enough is for a run to see.
absl::StatusOr<Range> ResolveSymbolicRange(int64_t begin, int64_t end, int64_t step, const Dim& dim) {
  AssumeOfSizes();
  const auto resolve = [&](int64_t i) {
    if (i == kSliceToEnd) return step > 0 ? dim : dim - 1;
    if (i == kSliceToBegin) return Dim(step > 0 ? 0 : -1);
    return i < 0 ? dim + i : Dim(i);
  };
  const Dim length = step > 0 ? resolve(end) - resolve(begin) : resolve(begin) - resolve(end);
  if (length.number().value_or(0) < 0) {
    return RangeError("begin ", begin, " lies ", step > 0 ? "after" : "before", " end ", end);
  }
  const Dim count = (length - 1) / (step > 0 ? step : -step) + 1;
  return Range{0, step, count.code()};
}

// begin:end:step of an axis of size dim, or what is wrong with it.
absl::StatusOr<Range> ResolveRange(int64_t begin, int64_t end, int64_t step, int64_t dim) {
  if (step == 0) return RangeError("a step must not be 0");
  if (step == kSliceToBegin) return RangeError("a step is out of range");
  if (dim < 0) return ResolveSymbolicRange(begin, end, step, Dim::Of(dim));
  // The places an index may name: gaps before elements going forwards, elements and "before 0" going backwards.
  const int64_t lowest = step > 0 ? 0 : -1;
  const int64_t highest = step > 0 ? dim : dim - 1;
  const auto resolve = [&](int64_t i) {
    if (i == kSliceToEnd) return highest;
    if (i == kSliceToBegin) return lowest;
    return i < 0 ? i + dim : i;
  };
  const int64_t first = resolve(begin), last = resolve(end);
  // A begin of -1 means "the last element" and has become dim - 1 above; only an end may lie before element 0.
  const int64_t first_lowest = dim == 0 ? lowest : 0;
  if (first < first_lowest || first > highest) return RangeError("begin ", begin, " is outside an axis of size ", dim);
  const bool end_named_before_zero = step < 0 && last == -1 && end != kSliceToBegin && dim > 0;
  if (last < lowest || last > highest || end_named_before_zero) {
    return RangeError("end ", end, " is outside an axis of size ", dim,
                      end_named_before_zero ? " (kSliceToBegin goes down to element 0)" : "");
  }
  const int64_t length = step > 0 ? last - first : first - last;
  if (length < 0) return RangeError("begin ", begin, " lies ", step > 0 ? "after" : "before", " end ", end);
  const int64_t stride = step > 0 ? step : -step;
  return Range{first, step, length == 0 ? 0 : 1 + (length - 1) / stride};
}

// One range for every axis of a shape.
absl::StatusOr<std::vector<Range>> ResolveSlice(const Shape& shape, const SliceAttrs& a) {
  if (a.begins.size() != a.axes.size() || a.ends.size() != a.axes.size() || a.steps.size() != a.axes.size()) {
    return absl::InvalidArgumentError("axes, begins, ends and steps must have equal lengths");
  }
  std::vector<Range> ranges;
  for (int64_t dim : shape) ranges.push_back({0, 1, dim});
  std::vector<bool> seen(shape.rank(), false);
  for (size_t i = 0; i < a.axes.size(); ++i) {
    AD_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(a.axes[i], shape.rank()));
    if (seen[axis]) return absl::InvalidArgumentError(absl::StrCat("axis ", a.axes[i], " is named twice"));
    seen[axis] = true;
    const absl::StatusOr<Range> range = ResolveRange(a.begins[i], a.ends[i], a.steps[i], shape[axis]);
    if (!range.ok()) return absl::InvalidArgumentError(absl::StrCat("axis ", axis, ": ", range.status().message()));
    ranges[axis] = *range;
  }
  return ranges;
}

Shape Counts(const std::vector<Range>& ranges) {
  Shape shape;
  for (const Range& range : ranges) shape.push_back(range.count);
  return shape;
}

bool IsWhole(const std::vector<Range>& ranges, const Shape& shape) {
  for (int a = 0; a < shape.rank(); ++a) {
    if (ranges[a].count != shape[a] || (ranges[a].step != 1 && shape[a] != 1)) return false;
  }
  return true;
}

// Where a slice of a concrete tensor lies: the element it begins at and its strides.
struct Placement {
  int64_t offset = 0;
  absl::InlinedVector<int64_t, 4> strides;
};
Placement PlacementOf(const Shape& shape, const std::vector<Range>& ranges) {
  Placement placement;
  const auto strides = Strides(shape);
  for (int a = 0; a < shape.rank(); ++a) {
    if (ranges[a].count > 0) placement.offset += ranges[a].begin * strides[a];
    placement.strides.push_back(ranges[a].count > 1 ? ranges[a].step * strides[a] : 0);
  }
  return placement;
}

// Ranges as plans see them, and back. A range of one element or none has any step: 1, which no sum overflows with.
Windows WindowsOf(const Shape& shape, const SliceAttrs& a) {
  const std::vector<Range> ranges = *ResolveSlice(shape, a);
  Windows windows;
  for (const Range& r : ranges) {
    const bool short_one = r.count == 0 || r.count == 1;
    windows.push_back({r.count == 0 ? 0 : r.begin, short_one ? 1 : r.step, r.count});
  }
  return windows;
}
SliceAttrs SliceOf(const Shape& shape, const Windows& windows) {
  SliceAttrs a;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Window& w = windows[axis];
    if (w.IsWhole(shape[axis])) continue;
    const int64_t end = w.begin + w.step * w.count;
    a.axes.push_back(axis), a.begins.push_back(w.begin), a.steps.push_back(w.step);
    a.ends.push_back(w.step > 0 ? std::min(end, shape[axis]) : end < 0 ? kSliceToBegin : end);
  }
  return a;
}

// The axes of an example stand behind that of the examples; those counted from the end stay where they are.
void LaterAxes(SliceAttrs* a) {
  for (int64_t& axis : a->axes) axis += axis < 0 ? 0 : 1;
}

absl::StatusOr<Types> SliceType(const TypeContext& c) {
  const auto ranges = ResolveSlice(c.shape(0), c.attrs<SliceAttrs>());
  if (!ranges.ok()) return c.Error(ranges.status().message());
  return Types{{c.dtype(0), Counts(*ranges)}};
}

absl::StatusOr<Kernel> SliceKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(const std::vector<Range> ranges, ResolveSlice(spec.x(0), spec.As<SliceAttrs>()));
  const Placement placement = PlacementOf(spec.x(0), ranges);
  const size_t size = SizeOf(spec.dtype());
  const kernels::StridedCopy copy(spec.y().dims(), placement.strides, Strides(spec.y()), size);
  return Kernel{.run = [copy, offset = placement.offset * static_cast<int64_t>(size)](const KernelArgs& args) {
    copy.Run(args.in<char>(0) + offset, args.outputs[0]);
    return absl::OkStatus();
  }};
}

absl::StatusOr<Types> SliceGradType(const TypeContext& c) {
  const auto& a = c.attrs<SliceGradAttrs>();
  if (absl::Status status = a.shape.Validate(); !status.ok()) return c.Error(status.message());
  const auto ranges = ResolveSlice(a.shape, a.slice);
  if (!ranges.ok()) return c.Error(ranges.status().message());
  const Shape slice = Counts(*ranges);
  if (c.shape(0) != slice) return c.Error("the slice of ", a.shape.ToString(), " has shape ", slice.ToString());
  return Types{{c.dtype(0), a.shape}};
}

absl::StatusOr<Kernel> SliceGradKernel(const KernelSpec& spec) {
  AD_ASSIGN_OR_RETURN(const std::vector<Range> ranges, ResolveSlice(spec.y(), spec.As<SliceGradAttrs>().slice));
  const Placement placement = PlacementOf(spec.y(), ranges);
  const size_t size = SizeOf(spec.dtype());
  const kernels::StridedCopy copy(spec.x(0).dims(), Strides(spec.x(0)), placement.strides, size);
  const int64_t bytes = spec.outputs[0].bytes();
  return Kernel{.run = [copy, bytes, offset = placement.offset * static_cast<int64_t>(size)](const KernelArgs& args) {
    kernels::ZeroBytes(args.outputs[0], bytes);
    copy.Run(args.inputs[0], args.out<char>() + offset);
    return absl::OkStatus();
  }};
}

const OpRegistration kSlice({
    .name = "slice",
    .doc = "y = x[begin:end:step] along each axis named, in Python's notation.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<SliceAttrs>,
    .type = SliceType,
    .kernel = SliceKernel,
    .gradient =
        [](const GradientContext& c) {
          return Values{Build("slice_x_grad", {c.dy()}, Attrs(SliceGradAttrs{c.x().shape(), c.attrs<SliceAttrs>()}))};
        },
    .batch = OneMoreAxis<SliceAttrs>([](SliceAttrs* a, const BatchContext&) { LaterAxes(a); }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          const auto ranges = ResolveSlice(types[0].shape, attrs.As<SliceAttrs>());
          return ranges.ok() && IsWhole(*ranges, types[0].shape) ? 0 : -1;
        },
    .moves = Inputs({0}),
    .axes = MakeAxisRules(
        {.window = {
             .kind = WindowRules::Kind::kSlice,
             .other = "slice_x_grad",
             .windows = [](const Attrs& attrs, const Shape& whole) { return WindowsOf(whole, attrs.As<SliceAttrs>()); },
             .attrs = [](const Shape& whole, const Windows& windows) { return Attrs(SliceOf(whole, windows)); }}}),
});

const OpRegistration kSliceGrad({
    .name = "slice_x_grad",
    .doc = "dx[begin:end:step] = dy; zeros elsewhere.",
    .inputs = {"dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<SliceGradAttrs>,
    .type = SliceGradType,
    .kernel = SliceGradKernel,
    .gradient = [](const GradientContext& c) { return Values{Slice(c.dy(), c.attrs<SliceGradAttrs>().slice)}; },
    .batch = OneMoreAxis<SliceGradAttrs>([](SliceGradAttrs* a, const BatchContext& c) {
      a->shape = c.WithExamples(a->shape);
      LaterAxes(&a->slice);
    }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          // dy has the shape of the slice, so a whole slice shows in it.
          const auto ranges = ResolveSlice(types[0].shape, attrs.As<SliceGradAttrs>().slice);
          const bool same = attrs.As<SliceGradAttrs>().shape == types[0].shape;
          return same && ranges.ok() && IsWhole(*ranges, types[0].shape) ? 0 : -1;
        },
    .axes = MakeAxisRules({.window = {.kind = WindowRules::Kind::kPad,
                                      .other = "slice",
                                      .windows =
                                          [](const Attrs& attrs, const Shape& whole) {
                                            return WindowsOf(whole, attrs.As<SliceGradAttrs>().slice);
                                          },
                                      .attrs =
                                          [](const Shape& whole, const Windows& windows) {
                                            return Attrs(SliceGradAttrs{whole, SliceOf(whole, windows)});
                                          }}}),
});

absl::StatusOr<Types> RollType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, c.attrs<RollAttrs>().axis));
  // Its negative must exist: the gradient rolls back.
  if (c.attrs<RollAttrs>().shift == std::numeric_limits<int64_t>::min()) return c.Error("the shift is out of range");
  return Types{c.type(0)};
}

absl::StatusOr<Kernel> RollKernel(const KernelSpec& spec) {
  const auto& a = spec.As<RollAttrs>();
  const Shape& shape = spec.x(0);
  const int64_t n = shape[a.axis];
  const int64_t shift = n == 0 ? 0 : (a.shift % n + n) % n;
  // The last `shift` elements come first; everything else moves up behind them.
  const auto strides = Strides(shape);
  Shape front = shape, back = shape;
  front.set(a.axis, shift);
  back.set(a.axis, n - shift);
  const size_t size = SizeOf(spec.dtype());
  const kernels::StridedCopy copy_front(front.dims(), strides, strides, size);
  const kernels::StridedCopy copy_back(back.dims(), strides, strides, size);
  const int64_t stride = strides[a.axis] * static_cast<int64_t>(size);
  return Kernel{.run = [=](const KernelArgs& args) {
    copy_front.Run(args.in<char>(0) + (n - shift) * stride, args.outputs[0]);
    copy_back.Run(args.inputs[0], args.out<char>() + shift * stride);
    return absl::OkStatus();
  }};
}

const OpRegistration kRoll({
    .name = "roll",
    .doc = "y[(i + shift) mod n] = x[i] along an axis of size n.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<RollAttrs>,
    .type = RollType,
    .kernel = RollKernel,
    .gradient =
        [](const GradientContext& c) {
          const auto& a = c.attrs<RollAttrs>();
          return Values{Roll(c.dy(), -a.shift, a.axis)};
        },
    .batch = OneMoreAxis<RollAttrs>([](RollAttrs* a, const BatchContext&) { ++a->axis; }),
    .same_as_input =
        [](const Attrs& attrs, absl::Span<const Type> types, absl::Span<const Tensor* const>) {
          const auto& a = attrs.As<RollAttrs>();
          const int64_t n = types[0].shape[a.axis];
          return a.shift == 0 || (n > 0 && a.shift % n == 0) ? 0 : -1;
        },
});

}  // namespace

Value Slice(Operand x, const SliceAttrs& attrs) {
  SliceAttrs a = attrs;
  for (int64_t& axis : a.axes) axis = NormalizedAxis(x, axis);
  if (a.steps.empty()) a.steps.assign(a.axes.size(), 1);
  return Build("slice", {x}, Attrs(a));
}

Value Slice(Operand x, int64_t axis, int64_t begin, int64_t end) {
  return Slice(x, SliceAttrs{.axes = {axis}, .begins = {begin}, .ends = {end}, .steps = {1}});
}

Values Split(Operand x, const std::vector<int64_t>& sizes, int64_t axis) {
  Values parts(sizes.size(), Value(x.graph(), {}));
  if (!x->valid()) return parts;
  LocationScope scope(x.graph(), x.location());
  const auto fail = [&](absl::string_view what) {
    x.graph()->Fail(absl::InvalidArgumentError(absl::StrCat("split: ", what, " (x ", x->type().ToString(), ")")),
                    x.location());
    return parts;
  };
  const absl::StatusOr<int> a = NormalizeAxis(axis, x->rank());
  if (!a.ok()) return fail(a.status().message());
  const int64_t dim = x->shape()[*a];
  if (dim < 0) return fail(absl::StrCat("axis ", *a, " is ", DimText(dim), ", to which no numbers add up"));
  int64_t rest = dim;
  for (int64_t size : sizes) {
    if (size < 0) return fail("a size must not be negative");
    if (size > rest) return fail("the sizes add up to more than the axis");
    rest -= size;
  }
  if (rest != 0) return fail(absl::StrCat("the sizes leave ", rest, " of ", dim, " elements over"));
  int64_t begin = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    parts[i] = Slice(x, *a, begin, begin + sizes[i]);
    begin += sizes[i];
  }
  return parts;
}

Value Flip(Operand x, const std::vector<int64_t>& axes) {
  return Slice(x, SliceAttrs{.axes = axes,
                             .begins = std::vector<int64_t>(axes.size(), kSliceToEnd),
                             .ends = std::vector<int64_t>(axes.size(), kSliceToBegin),
                             .steps = std::vector<int64_t>(axes.size(), -1)});
}

Value Roll(Operand x, int64_t shift, int64_t axis) {
  return Build("roll", {x}, Attrs(RollAttrs{shift, NormalizedAxis(x, axis)}));
}

}  // namespace adret
