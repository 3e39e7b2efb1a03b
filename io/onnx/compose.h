// Small compositions that rows of several families are made of.
#ifndef ADRET_IO_ONNX_COMPOSE_H_
#define ADRET_IO_ONNX_COMPOSE_H_

#include <cstdint>
#include <vector>

#include "adret/core/dim.h"
#include "adret/core/graph.h"

namespace adret::onnx {

// Returns 0, 1, ..., n - 1 as i64[n]; n may be symbolic.
Value Positions(Graph* graph, const Dim& n);
// Returns the size of an axis as a scalar of this dtype.
Value SizeOfAxis(const Value& x, int axis, DType dtype);
// Repeats a number to a shape, which may be symbolic.
Value Filled(Graph* graph, DType dtype, double value, const Shape& shape);

// Returns the largest integer that is not above x, as i64; no gradient flows through it.
Value FloorToInteger(const Value& x);
// Returns the nearest integer as a number of x's dtype, the even one of two; no gradient flows through it.
Value RoundToEven(const Value& x);

// Computes pow(sum, 1 / p) of sums of pow(|x|, p), with gradient 0 where the sum is 0.
Value Root(const Value& sum, double p);

// Returns the axes from `first` to the last of x.
std::vector<int64_t> AxesFrom(const Value& x, int first);

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_COMPOSE_H_
