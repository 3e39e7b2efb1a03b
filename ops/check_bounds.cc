#include "adret/ops/check_bounds.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/ops/batch.h"

namespace adret {
namespace {

struct CheckBoundsAttrs {
  DimArray<1> most{};
  template <class V>
  void Fields(V&& v) {
    v("most", most);
  }
};

absl::StatusOr<Types> CheckBoundsType(const TypeContext& c) {
  if (c.dtype(0) != DType::kInt64) return c.Error("x must be i64");
  if (!IsDimCode(c.attrs<CheckBoundsAttrs>().most[0])) return c.Error("most must be a dimension, at least 0");
  return Types{c.type(0)};
}

absl::StatusOr<Kernel> CheckBoundsKernel(const KernelSpec& spec) {
  const int64_t n = spec.x(0).num_elements(), most = spec.As<CheckBoundsAttrs>().most[0];
  return Kernel{.run = [n, most](const KernelArgs& args) -> absl::Status {
    const auto* x = args.in<int64_t>(0);
    const auto* wrong = std::find_if(x, x + n, [most](int64_t v) { return v < 0 || v > most; });
    if (wrong != x + n) {
      return absl::OutOfRangeError(absl::StrCat("element ", wrong - x, " is ", *wrong, ", outside of 0 to ", most));
    }
    std::copy(x, x + n, args.out<int64_t>());
    return absl::OkStatus();
  }};
}

const OpRegistration kCheckBounds({
    .name = "check_bounds",
    .doc = "y = x, which a run refuses where an element is below 0 or above `most`.",
    .inputs = {"x"},
    .parse_attrs = &ParseAttrs<CheckBoundsAttrs>,
    .type = CheckBoundsType,
    .kernel = CheckBoundsKernel,
    .no_gradient = "it takes integers",
    .batch = [](const BatchContext& c) { return BuildStacked(c, c.node().attrs); },
});

}  // namespace

Value CheckBounds(Operand x, const Dim& most) {
  return Build("check_bounds", {x}, Attrs(CheckBoundsAttrs{{{most.code()}}}));
}

}  // namespace adret
