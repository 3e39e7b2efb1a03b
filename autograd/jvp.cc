#include "adret/autograd/jvp.h"

#include "adret/autograd/gradients.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/ops/broadcast.h"

namespace adret {

Values Jvp(absl::Span<const Value> ys, absl::Span<const Value> xs, absl::Span<const Value> tangents,
           std::source_location location) {
  Graph* const graph = GraphOf({ys, xs, tangents});
  if (graph == nullptr) return Values(ys.size());
  const Transformation call("Jvp", graph, location);
  if (!call.CheckValues(ys, "y") || !call.CheckValues(xs, "x") || !call.CheckLike(tangents, xs, "tangent") ||
      !call.CheckReached(ys, xs)) {
    return call.Invalid(ys.size());
  }
  // Any u will do.
  GradientOptions reverse, forward;
  for (const Value& y : ys) reverse.seeds.push_back(ZerosLike(Operand(y, location)));
  forward.seeds.assign(tangents.begin(), tangents.end());
  const Values products = Gradients(ys, xs, reverse, location);
  return Gradients(products, reverse.seeds, forward, location);
}

}  // namespace adret
