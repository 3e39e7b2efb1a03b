#include "adret/autograd/jacobian.h"

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/jvp.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/autograd/vmap.h"
#include "adret/ops/batch.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/gather.h"
#include "adret/ops/range.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

// One tensor like v for each element of v: 1 there, 0 elsewhere. Shape [elements] + v.shape.
Value UnitTensors(const Value& v, std::source_location location) {
  const int64_t n = v.shape().num_elements();
  const Value indices = Range(v.graph(), {.dtype = DType::kInt64, .limit = static_cast<double>(n)}, location);
  Shape shape = v.shape();
  shape.insert(0, n);
  return Reshape(Operand(OneHot(Operand(indices, location), n, v.dtype()), location), shape);
}

Shape Joined(const Shape& a, const Shape& b) {
  Shape shape = a;
  for (int64_t dim : b) shape.push_back(dim);
  return shape;
}

// By rows, or by columns where those are fewer. y depends on x.
Value AllDerivatives(const Value& y, const Value& x, std::source_location location) {
  const Shape shape = Joined(y.shape(), x.shape());
  const int64_t rows = y.shape().num_elements(), columns = x.shape().num_elements();
  if (rows == 0 || columns == 0) {
    const Value zero = y.graph()->Constant(Tensor::Zeros(y.dtype(), {}), location);
    return BroadcastTo(Operand(zero, location), shape);
  }
  if (rows <= columns) {
    const auto row = [&](Args seed) { return Gradients(y, {x}, {.seeds = {seed[0]}}, location); };
    return Reshape(Operand(Vmap(row, {UnitTensors(y, location)}, {}, location)[0], location), shape);
  }
  const auto column = [&](Args tangent) { return Jvp({y}, {x}, {tangent[0]}, location); };
  const Value by_columns = Vmap(column, {UnitTensors(x, location)}, {}, location)[0];
  if (!by_columns.valid()) return by_columns;
  return Reshape(Operand(MoveAxis(by_columns, 0, by_columns.rank() - 1), location), shape);
}

bool CheckShape(const Transformation& call, const Value& v) {
  if (!v.shape().is_symbolic()) return true;
  return call.Fail(absl::StrCat("'", v.name(), "' is ", v.type().ToString(),
                                "; a known shape is needed (Vmap takes the Jacobian of each example)"));
}

}  // namespace

Value Jacobian(Value y, Value x, std::source_location location) {
  const absl::Span<const Value> ys(&y, 1), xs(&x, 1);
  Graph* const graph = GraphOf({ys, xs});
  if (graph == nullptr) return Value();
  const Transformation call("Jacobian", graph, location);
  const bool fine = call.CheckValues(ys, "y") && call.CheckValues(xs, "x") && CheckShape(call, y) &&
                    CheckShape(call, x) && call.CheckReached(ys, xs);
  return fine ? AllDerivatives(y, x, location) : call.Invalid(1)[0];
}

Value Hessian(Value loss, Value x, std::source_location location) {
  const absl::Span<const Value> losses(&loss, 1), xs(&x, 1);
  Graph* const graph = GraphOf({losses, xs});
  if (graph == nullptr) return Value();
  const Transformation call("Hessian", graph, location);
  const bool fine = call.CheckValues(losses, "loss") && call.CheckScalar(loss, "the loss") &&
                    call.CheckValues(xs, "x") && CheckShape(call, x) && call.CheckReached(losses, xs);
  if (!fine) return call.Invalid(1)[0];
  const Value slope = Gradients(loss, {x}, {}, location)[0];
  return slope.valid() ? AllDerivatives(slope, x, location) : slope;
}

}  // namespace adret
