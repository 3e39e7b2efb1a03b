#include "adret/io/onnx/compose.h"

#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/range.h"
#include "adret/ops/reduce.h"
#include "adret/ops/scan.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {

Value Filled(Graph* graph, DType dtype, double value, const Shape& shape) {
  return BroadcastTo(graph->Constant(Tensor::Scalar(dtype, value)), shape);
}

Value Positions(Graph* graph, const Dim& n) {
  if (n.number().has_value()) {
    return Range(graph, {.dtype = DType::kInt64, .limit = static_cast<double>(*n.number())});
  }
  return CumSum(Filled(graph, DType::kInt64, 1, {n}), {.axis = 0, .exclusive = true});
}

Value SizeOfAxis(const Value& x, int axis, DType dtype) {
  const int64_t size = x.shape()[axis];
  if (size >= 0) return x.graph()->Constant(Tensor::Scalar(dtype, static_cast<double>(size)));
  return Cast(Size(x, {axis}), dtype);
}

Value FloorToInteger(const Value& x) {
  const Value toward_zero = Cast(x, DType::kInt64);
  return toward_zero - Cast(Greater(Cast(toward_zero, x.dtype()), x), DType::kInt64);
}

Value RoundToEven(const Value& x) {
  const Value fixed = StopGradient(x), below = FloorToInteger(fixed);
  const Value rest = fixed - Cast(below, x.dtype());
  const Value odd = NotEqual(below - (below / 2) * 2, 0);
  const Value up = LogicalOr(Greater(rest, 0.5), LogicalAnd(Equal(rest, 0.5), odd));
  return Cast(below + Cast(up, DType::kInt64), x.dtype());
}

Value Root(const Value& sum, double p) {
  if (p == 1) return sum;
  const Value nonzero = NotEqual(sum, 0.0);
  return Where(nonzero, Pow(Where(nonzero, sum, 1.0), 1 / p), 0.0);
}

std::vector<int64_t> AxesFrom(const Value& x, int first) {
  std::vector<int64_t> axes;
  for (int axis = first; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

}  // namespace adret::onnx
