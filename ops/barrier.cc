#include "adret/ops/barrier.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "adret/ops/batch.h"

namespace adret {
namespace {

// Other examples' values are waited for together.
Values BarrierBatch(const BatchContext& c) {
  Values after;
  for (int i = 1; i < c.num_inputs(); ++i) after.push_back(c.x(i));
  return {Barrier(Stacked(c, 0), after)};
}

// Constants are there before anything runs.
int SameBehindConstants(const Attrs&, absl::Span<const Type>, absl::Span<const Tensor* const> constants) {
  const auto known = [](const Tensor* t) { return t != nullptr; };
  return std::all_of(constants.begin() + 1, constants.end(), known) ? 0 : -1;
}

const OpRegistration kBarrier({
    .name = "barrier",
    .doc = "y = x, which nobody reads before all of `after` are computed.",
    .inputs = {"x", "after"},
    .variadic = true,
    .type = [](const TypeContext& c) -> absl::StatusOr<Types> { return Types{c.type(0)}; },
    .gradient =
        [](const GradientContext& c) {
          Values dx(c.num_inputs());
          dx[0] = c.dy();
          return dx;
        },
    .batch = BarrierBatch,
    .same_as_input = SameBehindConstants,
    .traits = {.barrier = true},
});

}  // namespace

Value Barrier(Operand x, const Values& after) {
  if (after.empty()) return x;
  absl::InlinedVector<Operand, 4> operands = {x};
  for (const Value& v : after) operands.push_back(Operand(v, x.location()));
  return Build("barrier", operands);
}

}  // namespace adret
