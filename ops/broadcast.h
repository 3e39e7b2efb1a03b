// Repeating values along axes and the inverse, values shaped like another, and nodes that only steer gradients.
//
//   Value row = BroadcastTo(bias, {kAnyBatch, 10});   // bias f32[10]
//   Value zeros = ZerosLike(row);                     // f32[?,10], also when the batch is symbolic
#ifndef ADRET_OPS_BROADCAST_H_
#define ADRET_OPS_BROADCAST_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

struct BroadcastToAttrs {
  Shape shape;  // may be symbolic
  template <class V>
  void Fields(V&& v) {
    v("shape", shape);
  }
};
// Repeats x to `shape` by NumPy's rule: axes are aligned at the right, and each axis of x is 1 or equal. Any dtype.
// Fails when x does not broadcast to exactly this shape.
Value BroadcastTo(Operand x, Shape shape);

// Sums, as the inverse of BroadcastTo: x over the axes along which a value of `shape` would be repeated to x's shape.
Value SumTo(Operand x, const Shape& shape);

// Returns constants of x's dtype and shape; the shape follows x's when the batch is symbolic.
Value FullLike(Operand x, double value);
Value ZerosLike(Operand x);
Value OnesLike(Operand x);

// Returns x, under a name of its own.
Value Identity(Operand x);
// Returns x, through which no gradient flows.
Value StopGradient(Operand x);

// Helps builders of element-wise ops with several inputs: turns numbers among the operands into constants of the first
// value's dtype and repeats operands to their common shape, then builds the op. `first` is the first operand whose
// dtype counts for numbers (a condition before it does not).
Value BuildBroadcast(absl::string_view op, absl::Span<const Operand> operands, Attrs attrs = Attrs(), int first = 0);
inline Value BuildBroadcast(absl::string_view op, std::initializer_list<Operand> operands, Attrs attrs = Attrs(),
                            int first = 0) {
  return BuildBroadcast(op, absl::MakeConstSpan(operands.begin(), operands.size()), std::move(attrs), first);
}

}  // namespace adret

#endif  // ADRET_OPS_BROADCAST_H_
