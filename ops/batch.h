// Batch rules (Op::batch): how an op is applied to every example of a batch at once.
//
//   const BatchRule softmax = OneMoreAxis<AxisAttrs>([](AxisAttrs* a, const BatchContext&) { ++a->axis; });
//
// The axis of examples stands in front, so what an op's attributes call axis 1 is axis 2 for the whole batch.
#ifndef ADRET_OPS_BATCH_H_
#define ADRET_OPS_BATCH_H_

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/core/op.h"

namespace adret {

// Returns input i with the axis of examples in front, repeated where it is one value for all of them.
Value Stacked(const BatchContext& c, int i);

// Returns x with axis `from` moved to `to`; the others keep their order.
Value MoveAxis(const Value& x, int from, int to);

// Returns x, which has the axis of examples in front, with that axis and axis `axis` of an example as one, where axis
// `axis` was: the elements of example 0, then those of example 1.
Value FoldExamples(const Value& x, int axis);
// Returns y, of which axis `axis` is `examples` times `size` long, with the axis of examples in front: the inverse.
Value UnfoldExamples(const Value& y, int axis, int64_t examples, int64_t size);

// Returns the outputs of the node's op on all inputs Stacked(), with these attributes.
Values BuildStacked(const BatchContext& c, Attrs attrs);

// Returns the rule of an op that takes tensors with one axis more as they are, once `change` has told its attributes.
template <class A, class F>
BatchRule OneMoreAxis(F change) {
  return [change](const BatchContext& c) {
    A attrs = c.attrs<A>();
    change(&attrs, c);
    return BuildStacked(c, Attrs(std::move(attrs)));
  };
}

}  // namespace adret

#endif  // ADRET_OPS_BATCH_H_
