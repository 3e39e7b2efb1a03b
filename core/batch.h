// BatchContext: what a batch rule (Op::batch) sees of the node that it applies to every example of a batch.
//
//   // y = x at the indices. One table for all examples: pick for all of them at once.
//   const BatchRule rule = [](const BatchContext& c) {
//     return c.batched(0) ? Values{} : Values{Build("gather", {c.x(0), c.x(1)}, Attrs(AxisAttrs{0}))};
//   };
//
// A node is built for one example first. Its inputs are then either one value for all examples, or values with the axis
// of examples in front.
#ifndef ADRET_CORE_BATCH_H_
#define ADRET_CORE_BATCH_H_

#include <cstdint>

#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

class BatchContext {
 public:
  // An input of the node: `value` has the axis of examples in front where `batched`.
  struct Input {
    Value value;
    bool batched = false;
  };

  BatchContext(Graph* graph, NodeId node, int64_t size, absl::Span<const Input> inputs)
      : graph_(graph), node_(node), size_(size), inputs_(inputs) {}

  Graph* graph() const { return graph_; }
  // Returns the node for one example.
  const Node& node() const { return graph_->node(node_); }
  // Returns the number of examples; -k for k times the symbolic batch.
  int64_t size() const { return size_; }

  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  Value x(int i) const { return inputs_[i].value; }
  bool batched(int i) const { return inputs_[i].batched; }

  // Returns a shape of one example with the axis of examples in front.
  Shape WithExamples(Shape shape) const {
    shape.insert(0, size_);
    return shape;
  }
  template <class T>
  const T& attrs() const {
    return node().attrs.As<T>();
  }

 private:
  Graph* graph_;
  NodeId node_;
  int64_t size_;
  absl::Span<const Input> inputs_;
};

}  // namespace adret

#endif  // ADRET_CORE_BATCH_H_
