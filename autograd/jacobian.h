// Jacobian() and Hessian(): all first derivatives of a tensor, all second derivatives of a loss.
//
//   Value j = Jacobian(Tanh(MatMul(x, w)), w);      // [rows, columns] + w's shape
//   Value h = Hessian(loss, w);                     // w's shape + w's shape
//   Value each = Vmap([](Args v) { return Values{Jacobian(Square(v[0]), v[0])}; }, {x})[0];        // one for each row
//
// The forward graph is built once. What depends on the row or column is built once for all of them (autograd/vmap.h):
// work and memory of the backward part are those of one gradient times the number of elements of y, or of x, whichever
// are fewer.
#ifndef ADRET_AUTOGRAD_JACOBIAN_H_
#define ADRET_AUTOGRAD_JACOBIAN_H_

#include <source_location>

#include "adret/core/graph.h"

namespace adret {

// Returns dy_i / dx_j, of shape y.shape + x.shape, for floating-point y and x of one dtype and of known shapes.
// Differentiable. Errors, kept by the graph: a symbolic shape; a y that does not depend on x; an op without a gradient
// on the way, or one that cannot be built for a batch.
Value Jacobian(Value y, Value x, std::source_location location = std::source_location::current());

// Returns d2 loss / dx_i dx_j, of shape x.shape + x.shape, for a scalar loss and an x of known shape: the Jacobian of
// the gradient. For one product with a vector, HessianVectorProduct() is as many times cheaper as x has elements.
Value Hessian(Value loss, Value x, std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_AUTOGRAD_JACOBIAN_H_
