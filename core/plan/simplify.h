// Simplify(): one pass over a PlanGraph, from operands to results. It rebuilds the graph node by node, and before it
// adds a node it asks for something cheaper that equals it. Rules, in this order (equations in simplify.cc and
// rewrite.cc):
//   identity  a node that equals one of its inputs is that input          x * 1 = x
//   fold      a node whose inputs are constants is computed now           sqrt(4) = 2
//   windows, padding, scatter                                             see core/plan/rewrite.h
//   merge     a node that equals an earlier one is that one               f(x), f(x)
// Nodes and constants that nobody needs any more are left out at the end.
//
// The example of core/plan/plan_graph.h afterwards: mul is an identity, so nobody reads broadcast_to and the constant.
//   0  input x     f32[8,1,6,6]
//   1  variable w  f32[4,1,3,3]
//   2  conv2d      f32[8,4,4,4]  0 1
//   3  relu        f32[8,4,4,4]  2
//   4  slice       f32[8,1,4,4]  3    axes=[1], begins=[2], ends=[3], steps=[1]
//   fetch 4
#ifndef ADRET_CORE_PLAN_SIMPLIFY_H_
#define ADRET_CORE_PLAN_SIMPLIFY_H_

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/rewrite_counter.h"

namespace adret {

using PlanValues = absl::InlinedVector<int, 3>;

// Returns the simplified plan. Makes the rewrites that the counter allows.
PlanGraph Simplify(PlanGraph plan, RewriteCounter* counter);

// What the rules of core/plan/rewrite.h see and do: the new plan so far, and nodes to be added to it. One node of the
// old plan is being rebuilt at any time: the current node.
class PlanBuilder {
 public:
  virtual ~PlanBuilder() = default;
  virtual const PlanGraph& plan() const = 0;
  // Asks whether a rule may rewrite the current node, and counts the rewrite. The last question before it.
  virtual bool Allow(RewriteRule rule) = 0;
  // Adds op on these values, on behalf of the current node, and simplifies it in turn. Returns the values that its
  // outputs equal. The operands must satisfy the op's type rule.
  virtual PlanValues Add(const Op& op, Attrs attrs, PlanValues inputs) = 0;
  // Returns the numbers of a constant, or of the scalar constant that a value repeats; otherwise nullptr.
  virtual const Tensor* ConstantValue(int value) const = 0;
  // Returns how many nodes, fetches and updates read the value, counted in the old plan: nodes that the new plan has
  // not got yet are among them, and nodes that rules have added are not.
  virtual int NumReaders(int value) const = 0;
  // Returns whether the current node leads, through element-wise nodes, views and broadcasts, to a heavy op: one that
  // declares labels of its own, such as a convolution. Work that a rule spares on the way there is multiplied.
  virtual bool FeedsHeavyOp() const = 0;
  // Returns how many of the readers neither are heavy ops nor lead to one.
  virtual int NumLightReaders(int value) const = 0;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_SIMPLIFY_H_
