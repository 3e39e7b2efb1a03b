#include "adret/autograd/hessian_vector_product.h"

#include "adret/autograd/gradients.h"
#include "adret/autograd/transformation_internal.h"

namespace adret {

Values HessianVectorProduct(Value loss, absl::Span<const Value> xs, absl::Span<const Value> vs,
                            std::source_location location) {
  const absl::Span<const Value> losses(&loss, 1);
  Graph* const graph = GraphOf({losses, xs, vs});
  if (graph == nullptr) return Values(xs.size());
  const Transformation call("HessianVectorProduct", graph, location);
  if (!call.CheckValues(losses, "loss") || !call.CheckScalar(loss, "the loss") || !call.CheckValues(xs, "x") ||
      !call.CheckLike(vs, xs, "v") || !call.CheckReached(losses, xs)) {
    return call.Invalid(xs.size());
  }
  return Gradients(Gradients(loss, xs, {}, location), xs, {.seeds = Values(vs.begin(), vs.end())}, location);
}

}  // namespace adret
