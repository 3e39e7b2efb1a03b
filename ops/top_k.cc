#include "adret/ops/top_k.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/core/parallel.h"
#include "adret/ops/axes.h"
#include "adret/ops/batch.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/kernels/scan.h"

namespace adret {
namespace {

constexpr int64_t kTaskElements = 4096;  // with some comparisons each: tens of microseconds

absl::StatusOr<Types> TopKType(const TypeContext& c) {
  const auto& attrs = c.attrs<TopKAttrs>();
  AD_RETURN_IF_ERROR(c.RequireArithmetic(0));
  AD_RETURN_IF_ERROR(RequireAxis(c, 0, attrs.axis));
  const int64_t n = c.shape(0)[attrs.axis];
  if (n < 0) AssumeOfSizes();
  if (attrs.k < 1 || (n >= 0 && attrs.k > n)) {
    return c.Error("k must be in [1, size of axis ", attrs.axis, "], but is ", attrs.k);
  }
  Shape y = c.shape(0);
  y.set(static_cast<int>(attrs.axis), attrs.k);
  return Types{{c.dtype(0), y}, {DType::kInt64, y}};
}

absl::StatusOr<Kernel> MakeTopK(const KernelSpec& spec) {
  const AxisSplit s = SplitAt(spec.x(0), spec.As<TopKAttrs>().axis);
  const int64_t k = spec.As<TopKAttrs>().k;
  if (k > s.n) return absl::InvalidArgumentError(absl::StrCat("k is ", k, ", but the axis has ", s.n, " elements"));
  return VisitArithmetic(spec.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    Kernel kernel;
    kernel.scratch_bytes = s.n * static_cast<int64_t>(sizeof(kernels::Ranked<T>));
    kernel.run = [s, k](const KernelArgs& args) {
      ParallelFor(s.outer * s.inner, std::max<int64_t>(1, kTaskElements / s.n), [&](int64_t begin, int64_t end) {
        auto* scratch = static_cast<kernels::Ranked<T>*>(args.ThreadScratch());
        for (int64_t line = begin; line < end; ++line) {
          const int64_t outer = line / s.inner, column = line % s.inner;
          const int64_t to = outer * k * s.inner + column;
          kernels::TopK(args.in<T>(0) + outer * s.n * s.inner + column, s.n, s.inner, k, scratch, args.out<T>(0) + to,
                        args.out<int64_t>(1) + to);
        }
      });
      return absl::OkStatus();
    };
    return kernel;
  });
}

Values TopKGradient(const GradientContext& c) {
  if (!c.has_dy(0)) return {Value()};
  return {ScatterElementsAdd(ZerosLike(c.x()), c.y(1), c.dy(0), c.attrs<TopKAttrs>().axis)};
}

const OpRegistration kTopK({
    .name = "top_k",
    .doc = "The k largest elements of x along the axis, descending, and their indices; of equal ones the first.",
    .inputs = {"x"},
    .outputs = {"values", "indices"},
    .parse_attrs = &ParseAttrs<TopKAttrs>,
    .type = TopKType,
    .kernel = MakeTopK,
    .gradient = TopKGradient,
    .batch = OneMoreAxis<TopKAttrs>([](TopKAttrs* a, const BatchContext&) { ++a->axis; }),
});

}  // namespace

TopKResult TopK(Operand x, int64_t k, int64_t axis) {
  const Values results = BuildMulti("top_k", {x}, Attrs(TopKAttrs{k, NormalizedAxis(x.value(), axis)}));
  return {results[0], results[1]};
}

}  // namespace adret
