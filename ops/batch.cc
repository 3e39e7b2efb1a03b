#include "adret/ops/batch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"
#include "adret/ops/transpose.h"

namespace adret {

Value Stacked(const BatchContext& c, int i) {
  return c.batched(i) ? c.x(i) : BroadcastTo(c.x(i), c.WithExamples(c.x(i).shape()));
}

Value MoveAxis(const Value& x, int from, int to) {
  if (from == to || !x.valid()) return x;
  std::vector<int64_t> order;
  for (int a = 0; a < x.rank(); ++a) {
    if (a != from) order.push_back(a);
  }
  order.insert(order.begin() + to, from);
  // Axes of one element may pass each other: then nothing moves in memory.
  bool passes = x.shape()[from] == 1;
  if (!passes) {
    passes = true;
    for (int a = std::min(from, to); a <= std::max(from, to); ++a) passes &= a == from || x.shape()[a] == 1;
  }
  if (!passes) return Transpose(x, order);
  Shape shape;
  for (int64_t a : order) shape.push_back(x.shape()[static_cast<int>(a)]);
  return Reshape(x, shape);
}

Value FoldExamples(const Value& x, int axis) {
  if (!x.valid()) return x;
  const Value moved = MoveAxis(x, 0, axis);
  Shape shape = moved.shape();
  shape.set(axis, shape.dim(axis) * shape.dim(axis + 1));
  shape.erase(axis + 1);
  return Reshape(moved, shape);
}

Value UnfoldExamples(const Value& y, int axis, int64_t examples, int64_t size) {
  if (!y.valid()) return y;
  Shape shape = y.shape();
  shape.set(axis, size);
  shape.insert(axis, examples);
  return MoveAxis(Reshape(y, shape), axis, 0);
}

Values BuildStacked(const BatchContext& c, Attrs attrs) {
  const Node& node = c.node();
  Values outputs(node.outputs.size(), Value(c.graph(), {-1, 0}));
  absl::InlinedVector<ValueId, 3> inputs;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const Value x = Stacked(c, i);
    if (!x.valid()) return outputs;
    inputs.push_back(x.id());
  }
  const NodeId id = c.graph()->AddNode(*node.op, inputs, std::move(attrs), node.location);
  for (size_t k = 0; id >= 0 && k < outputs.size(); ++k) outputs[k] = Value(c.graph(), {id, static_cast<int>(k)});
  return outputs;
}

}  // namespace adret
