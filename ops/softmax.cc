#include "adret/ops/softmax.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/axis_rules.h"
#include "adret/core/parallel.h"
#include "adret/core/rounding.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/gather.h"
#include "adret/ops/kernels/cross_entropy.h"
#include "adret/ops/kernels/softmax.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret {
namespace {

using kernels::ClassLabel;
using kernels::SoftmaxLayout;

constexpr int64_t kTaskElements = 8192;  // an exponential each: about 10 us

// ---- Softmax and log_softmax ------------------------------------------------------------------------------------

absl::StatusOr<Types> AlongAxisType(const TypeContext& c) {
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, c.attrs<AxisAttrs>().axis));
  return SameTypeFloating(c);
}

// Calls f(layout, offset) for every group of adjacent softmaxes of a tensor.
template <class F>
void ForEachGroup(const AxisSplit& s, F&& f) {
  if (s.outer * s.n * s.inner == 0) return;
  const int64_t width = std::min(s.inner, kernels::kMaxSoftmaxColumns);
  const int64_t groups = CeilDiv(s.inner, width);
  ParallelFor(s.outer * groups, std::max<int64_t>(1, kTaskElements / (s.n * width)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % groups * width;
      f(SoftmaxLayout{.n = s.n, .stride = s.inner, .columns = std::min(width, s.inner - column)},
        i / groups * s.n * s.inner + column);
    }
  });
}

template <bool kLog>
absl::StatusOr<Kernel> MakeSoftmax(const KernelSpec& spec) {
  const AxisSplit split = SplitAt(spec.x(0), spec.As<AxisAttrs>().axis);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [split](const KernelArgs& args) {
      const T* x = args.in<T>(0);
      T* y = args.out<T>();
      ForEachGroup(split, [&](const SoftmaxLayout& layout, int64_t offset) {
        kLog ? kernels::LogSoftmax(layout, x + offset, y + offset) : kernels::Softmax(layout, x + offset, y + offset);
      });
      return absl::OkStatus();
    }};
  });
}

template <bool kLog>
absl::StatusOr<Kernel> MakeSoftmaxGrad(const KernelSpec& spec) {
  const AxisSplit split = SplitAt(spec.x(0), spec.As<AxisAttrs>().axis);
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [split](const KernelArgs& args) {
      ForEachGroup(split, [&](const SoftmaxLayout& layout, int64_t offset) {
        const T *y = args.in<T>(0) + offset, *dy = args.in<T>(1) + offset;
        T* dx = args.out<T>() + offset;
        kLog ? kernels::LogSoftmaxGrad(layout, y, dy, dx) : kernels::SoftmaxGrad(layout, y, dy, dx);
      });
      return absl::OkStatus();
    }};
  });
}

// Rows of more examples are more rows.
Values MoreRows(const BatchContext& c) { return BuildStacked(c, c.node().attrs); }

// v summed along the axis and repeated.
Value SumAlong(const Value& v, int64_t axis) {
  return BroadcastReduced(Sum(v, {.axes = {axis}, .keepdims = true}), v, {axis});
}

Value SoftmaxXGrad(const Value& y, const Value& dy, int64_t axis) {
  return Build("softmax_x_grad", {y, dy}, Attrs(AxisAttrs{axis}));
}

Values SoftmaxGradient(const GradientContext& c) { return {SoftmaxXGrad(c.y(), c.dy(), c.attrs<AxisAttrs>().axis)}; }

// dx = y (d - sum(d y)) is symmetric in d and its cotangent u.
Values SoftmaxXGradGradient(const GradientContext& c) {
  const int64_t axis = c.attrs<AxisAttrs>().axis;
  const Value y = c.x(0), d = c.x(1), u = c.dy();
  const Value grad_y = u * (d - SumAlong(d * y, axis)) - d * SumAlong(u * y, axis);
  return {grad_y, SoftmaxXGrad(y, u, axis)};
}

Values LogSoftmaxGradient(const GradientContext& c) {
  return {Build("log_softmax_x_grad", {c.y(), c.dy()}, Attrs(c.attrs<AxisAttrs>()))};
}

// dx = d - exp(y) sum(d); u is dx's cotangent.
Values LogSoftmaxXGradGradient(const GradientContext& c) {
  const int64_t axis = c.attrs<AxisAttrs>().axis;
  const Value d = c.x(1), u = c.dy();
  const Value weighted = u * Exp(c.x(0));
  return {-(weighted * SumAlong(d, axis)), u - SumAlong(weighted, axis)};
}

std::shared_ptr<const AxisRules> AlongAxisRules(uint32_t linear_in = 0) {
  return MakeAxisRules({.labels = [](const KernelSpec& spec) { return LanesExcept(spec, {spec.As<AxisAttrs>().axis}); },
                        .linear_in = linear_in});
}

const OpRegistration kSoftmax({
    .name = "softmax",
    .doc = "y = exp(x) / sum of exp(x) along the axis.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = AlongAxisType,
    .kernel = MakeSoftmax<false>,
    .gradient = SoftmaxGradient,
    .batch = AlongLaterAxis(),
    .axes = AlongAxisRules(),
});

// A primitive because it reads y and dy twice from cache instead of making four passes over memory.
const OpRegistration kSoftmaxXGrad({
    .name = "softmax_x_grad",
    .doc = "dx = y (dy - sum of dy y) along the axis, where y is a softmax: it must sum to 1.",
    .inputs = {"y", "dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = AlongAxisType,
    .kernel = MakeSoftmaxGrad<false>,
    .gradient = SoftmaxXGradGradient,
    .batch = AlongLaterAxis(),
    .axes = AlongAxisRules(Inputs({1})),
});

const OpRegistration kLogSoftmax({
    .name = "log_softmax",
    .doc = "y = x - log(sum of exp(x)) along the axis.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = AlongAxisType,
    .kernel = MakeSoftmax<true>,
    .gradient = LogSoftmaxGradient,
    .batch = AlongLaterAxis(),
    .axes = AlongAxisRules(),
});

// A primitive because where one probability is nearly 1, a composition cancels it to nothing.
const OpRegistration kLogSoftmaxXGrad({
    .name = "log_softmax_x_grad",
    .doc = "dx = dy - exp(y) sum of dy along the axis, where y is a log_softmax: exp(y) must sum to 1.",
    .inputs = {"y", "dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseAttrs<AxisAttrs>,
    .type = AlongAxisType,
    .kernel = MakeSoftmaxGrad<true>,
    .gradient = LogSoftmaxXGradGradient,
    .batch = AlongLaterAxis(),
    .axes = AlongAxisRules(Inputs({1})),
});

// ---- Cross-entropy ----------------------------------------------------------------------------------------------

// Files that were written before there was an ignore_index lack it.
absl::StatusOr<Attrs> ParseCrossEntropyAttrs(const AttrList& list, MissingAttrs missing) {
  AttrList complete = list;
  const auto is_ignore_index = [](const Attr& a) { return a.name == "ignore_index"; };
  if (std::none_of(list.begin(), list.end(), is_ignore_index)) {
    complete.push_back({"ignore_index", SoftmaxCrossEntropyAttrs().ignore_index});
  }
  return ParseAttrs<SoftmaxCrossEntropyAttrs>(complete, missing);
}

absl::StatusOr<Shape> CheckCrossEntropyInputs(const TypeContext& c) {
  AD_RETURN_IF_ERROR(c.RequireFloating(0));
  const Shape& x = c.shape(0);
  const double smoothing = c.attrs<SoftmaxCrossEntropyAttrs>().label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1)) return c.Error("label_smoothing must be in [0, 1], but is ", smoothing);
  if (x.rank() == 0) return c.Error("x must have an axis of classes, but is a scalar");
  if (x[x.rank() - 1] == 0) return c.Error("x has no classes");
  Shape rows = x;
  rows.erase(x.rank() - 1);
  const DType labels = c.dtype(1);
  if (labels == DType::kInt32 || labels == DType::kInt64) {
    if (c.shape(1) != rows) return c.Error("labels that are indices must have shape ", rows.ToString());
  } else if (c.type(1) != c.type(0)) {
    return c.Error("labels must be indices, i32 or i64 of shape ", rows.ToString(), ", or probabilities of x's type");
  }
  return rows;
}

absl::StatusOr<Types> CrossEntropyType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Shape rows, CheckCrossEntropyInputs(c));
  return Types{{c.dtype(0), rows}};
}

absl::StatusOr<Types> CrossEntropyXGradType(const TypeContext& c) {
  AD_ASSIGN_OR_RETURN(Shape rows, CheckCrossEntropyInputs(c));
  if (c.type(2) != Type{c.dtype(0), rows}) return c.Error("dy must be ", Type{c.dtype(0), rows}.ToString());
  return Types{c.type(0)};
}

// Where each row's target is found: probabilities, or indices of 4 or 8 bytes.
template <class T>
struct ClassLabels {
  DType dtype;
  int64_t rows, n;
  double smoothing;
  int64_t ignore_index;

  explicit ClassLabels(const KernelSpec& spec) : dtype(spec.inputs[1].dtype) {
    const auto& attrs = spec.As<SoftmaxCrossEntropyAttrs>();
    smoothing = attrs.label_smoothing, ignore_index = attrs.ignore_index;
    const AxisSplit split = SplitAt(spec.x(0), spec.x(0).rank() - 1);
    rows = split.outer, n = split.n;
  }
  ClassLabel<T> Of(const KernelArgs& args, int64_t row) const {
    if (IsFloating(dtype)) return {.probabilities = args.in<T>(1) + row * n, .smoothing = smoothing};
    return {.index = Label(args, row), .smoothing = smoothing};
  }
  absl::Status CheckLabels(const KernelArgs& args) const {
    if (IsFloating(dtype)) return absl::OkStatus();
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t label = Label(args, row);
      if ((label < 0 || label >= n) && label != ignore_index) {
        return absl::InvalidArgumentError(
            absl::StrCat("label ", label, " of row ", row, " is out of range for ", n, " classes"));
      }
    }
    return absl::OkStatus();
  }
  bool Ignored(const KernelArgs& args, int64_t row) const {
    return !IsFloating(dtype) && Label(args, row) == ignore_index;
  }
  int64_t Label(const KernelArgs& args, int64_t row) const {
    return dtype == DType::kInt32 ? args.in<int32_t>(1)[row] : args.in<int64_t>(1)[row];
  }
  int64_t Grain() const { return std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, n)); }
};

absl::StatusOr<Kernel> MakeCrossEntropy(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const ClassLabels<T> targets(spec);
    return Kernel{.run = [targets](const KernelArgs& args) {
      AD_RETURN_IF_ERROR(targets.CheckLabels(args));
      ParallelFor(targets.rows, targets.Grain(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          args.out<T>()[row] = targets.Ignored(args, row) ? T{0}
                                                          : kernels::CrossEntropy(args.in<T>(0) + row * targets.n,
                                                                                  targets.n, targets.Of(args, row));
        }
      });
      return absl::OkStatus();
    }};
  });
}

absl::StatusOr<Kernel> MakeCrossEntropyGrad(const KernelSpec& spec) {
  return VisitFloating(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const ClassLabels<T> targets(spec);
    return Kernel{.run = [targets](const KernelArgs& args) {
      AD_RETURN_IF_ERROR(targets.CheckLabels(args));
      ParallelFor(targets.rows, targets.Grain(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t offset = row * targets.n;
          if (targets.Ignored(args, row)) {
            std::fill_n(args.out<T>() + offset, targets.n, T{0});
            continue;
          }
          kernels::CrossEntropyGrad(args.in<T>(0) + offset, targets.n, targets.Of(args, row), args.in<T>(2)[row],
                                    args.out<T>() + offset);
        }
      });
      return absl::OkStatus();
    }};
  });
}

Value CrossEntropyXGrad(const Value& x, const Value& labels, const Value& dy, const SoftmaxCrossEntropyAttrs& attrs) {
  return Build("softmax_cross_entropy_x_grad", {x, labels, dy}, Attrs(attrs));
}

Values CrossEntropyGradient(const GradientContext& c) {
  const auto& attrs = c.attrs<SoftmaxCrossEntropyAttrs>();
  const Value x = c.x(0), labels = c.x(1);
  Value grad_labels;
  if (IsFloating(labels.dtype())) {
    const Value given = c.dy() * (attrs.label_smoothing - 1);
    grad_labels = LogSoftmax(x) * BroadcastReduced(given, x, {x.rank() - 1});
  }
  return {CrossEntropyXGrad(x, labels, c.dy(), attrs), grad_labels};
}

// dx = g (p T - t) with p = softmax(x), t the target and T its sum along the classes; u is dx's cotangent.
Values CrossEntropyXGradGradient(const GradientContext& c) {
  const auto& attrs = c.attrs<SoftmaxCrossEntropyAttrs>();
  const Value x = c.x(0), labels = c.x(1), g = c.x(2), u = c.dy();
  const int64_t axis = x.rank() - 1;
  const Value p = Softmax(x);
  const Value grad_g = Sum(u * CrossEntropyXGrad(x, labels, OnesLike(g), attrs), {.axes = {axis}});
  if (!IsFloating(labels.dtype())) {
    const Value counted = Where(Equal(labels, attrs.ignore_index), 0.0, g);
    return {SoftmaxXGrad(p, u, axis) * BroadcastReduced(counted, x, {axis}), Value(), grad_g};
  }
  const double given = 1 - attrs.label_smoothing;
  const Value mass = Sum(labels, {.axes = {axis}}) * given + attrs.label_smoothing;
  const Value grad_labels = BroadcastReduced(g * given, x, {axis}) * (SumAlong(u * p, axis) - u);
  return {SoftmaxXGrad(p, u, axis) * BroadcastReduced(g * mass, x, {axis}), grad_labels, grad_g};
}

// A primitive because it is faster (no probabilities are stored) and more accurate (no difference of two logarithms)
// than log_softmax and a sum.
// Rows run together: of x, of labels whether indices or probabilities, and of one number for each row.
LabelMap RowLabels(const KernelSpec& spec) {
  const int rows = spec.x(0).rank() - 1;
  const auto labels = [rows](const Type& type) {
    AxisLabels result;
    for (int a = 0; a < type.shape.rank(); ++a) result.push_back({a < rows ? a : -1});
    return result;
  };
  LabelMap map;
  for (const Type& t : spec.inputs) map.inputs.push_back(labels(t));
  map.outputs.push_back(labels(spec.outputs[0]));
  return map;
}

const OpRegistration kCrossEntropy({
    .name = "softmax_cross_entropy",
    .doc = "y = -sum of target log_softmax(x) along the last axis; labels are class indices or probabilities.",
    .inputs = {"x", "labels"},
    .parse_attrs = &ParseCrossEntropyAttrs,
    .type = CrossEntropyType,
    .kernel = MakeCrossEntropy,
    .gradient = CrossEntropyGradient,
    .batch = MoreRows,
    .axes = MakeAxisRules({.labels = RowLabels}),
});

const OpRegistration kCrossEntropyXGrad({
    .name = "softmax_cross_entropy_x_grad",
    .doc = "dx = dy (softmax(x) sum(target) - target) along the last axis.",
    .inputs = {"x", "labels", "dy"},
    .outputs = {"dx"},
    .parse_attrs = &ParseCrossEntropyAttrs,
    .type = CrossEntropyXGradType,
    .kernel = MakeCrossEntropyGrad,
    .gradient = CrossEntropyXGradGradient,
    .batch = MoreRows,
    .axes = MakeAxisRules({.labels = RowLabels, .linear_in = Inputs({2})}),
});

}  // namespace

Value Softmax(Operand x, int64_t axis) {
  return Build("softmax", {x}, Attrs(AxisAttrs{NormalizedAxis(x.value(), axis)}));
}

Value Softmax(Operand x, const std::vector<int64_t>& some_axes) {
  if (!x->valid()) return Value();
  LocationScope scope(x.graph(), x.location());
  const std::vector<int64_t> axes = NormalizedAxes(x.value(), some_axes);
  if (axes.empty()) return OnesLike(x);
  if (axes.size() == 1) return Softmax(x, axes[0]);
  // Moved together, the axes are merged into one.
  const int64_t count = static_cast<int64_t>(axes.size()), first = axes.front();
  std::vector<int64_t> order;
  for (int64_t i = 0; i < x->rank(); ++i) {
    if (i == first) order.insert(order.end(), axes.begin(), axes.end());
    if (!std::binary_search(axes.begin(), axes.end(), i)) order.push_back(i);
  }
  std::vector<int64_t> inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) inverse[order[i]] = static_cast<int64_t>(i);
  const Value together = Transpose(x, order);
  Shape merged;
  Dim elements(1);
  for (int64_t i = 0; i < x->rank(); ++i) {
    const bool is_merged = i >= first && i < first + count;
    if (is_merged) elements = elements * together.shape().dim(static_cast<int>(i));
    if (!is_merged) merged.push_back(together.shape()[i]);
    if (i + 1 == first + count) merged.push_back(elements);
  }
  return Transpose(Reshape(Softmax(Reshape(together, merged), first), together.shape()), inverse);
}

Value LogSoftmax(Operand x, int64_t axis) {
  return Build("log_softmax", {x}, Attrs(AxisAttrs{NormalizedAxis(x.value(), axis)}));
}

Value SoftmaxCrossEntropy(Operand logits, Operand labels, const SoftmaxCrossEntropyAttrs& attrs) {
  return Build("softmax_cross_entropy", {logits, AsIndices(labels)}, Attrs(attrs));
}

}  // namespace adret
