#include "adret/ops/range.h"

#include <algorithm>
#include <cmath>

#include "adret/core/parallel.h"

namespace adret {
namespace {

constexpr int64_t kGrain = 32768;  // elements per parallel chunk

absl::StatusOr<Types> RangeType(const TypeContext& c) {
  const auto& a = c.attrs<RangeAttrs>();
  if (IsBool(a.dtype)) return c.Error("dtype must be a number type");
  if (!std::isfinite(a.start) || !std::isfinite(a.limit) || !std::isfinite(a.step)) {
    return c.Error("start, limit and step must be finite");
  }
  if (a.step == 0) return c.Error("step must not be 0");
  const double count = std::max(0.0, std::ceil((a.limit - a.start) / a.step));
  if (!(count < 0x1p53)) return c.Error("from ", a.start, " to ", a.limit, " by ", a.step, " are too many elements");
  if (!IsAnyFloating(a.dtype) && count > 0) {
    // Whole numbers at both ends and between: what lies in doubles exactly is computed exactly.
    const double last = a.start + (count - 1) * a.step;
    const bool whole = std::trunc(a.start) == a.start && std::trunc(a.step) == a.step;
    const bool held = Tensor::Scalar(a.dtype, a.start).At(0) == a.start && Tensor::Scalar(a.dtype, last).At(0) == last;
    if (!whole || !held || std::abs(a.start) > 0x1p53 || std::abs(last) > 0x1p53) {
      return c.Error(Name(a.dtype), " cannot hold the numbers from ", a.start, " to ", last, " by ", a.step);
    }
  }
  return Types{{a.dtype, {static_cast<int64_t>(count)}}};
}

absl::StatusOr<Kernel> RangeKernel(const KernelSpec& spec) {
  return VisitDType(spec.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Kernel{.run = [a = spec.As<RangeAttrs>(), n = spec.y()[0]](const KernelArgs& args) {
      T* y = args.out<T>();
      ParallelFor(n, kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) y[i] = static_cast<T>(a.start + static_cast<double>(i) * a.step);
      });
      return absl::OkStatus();
    }};
  });
}

const OpRegistration kRange({
    .name = "range",
    .doc = "y[i] = start + i * step for i < ceil((limit - start) / step).",
    .parse_attrs = &ParseAttrs<RangeAttrs>,
    .type = RangeType,
    .kernel = RangeKernel,
    .gradient = [](const GradientContext&) { return Values{}; },
});

}  // namespace

Value Range(Graph* graph, const RangeAttrs& attrs, std::source_location location) {
  const NodeId id = graph->AddNode(*kRange.op, {}, Attrs(attrs), location);
  return Value(graph, {id, 0});
}

}  // namespace adret
