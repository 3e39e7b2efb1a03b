// Simplify: one pass over a PlanGraph from operands to results. Constants are folded, equal nodes merged, identities
// dropped, and the rules of core/plan/rewrite.h that look from a node at its operands are applied.
#ifndef ADRET_CORE_PLAN_SIMPLIFY_H_
#define ADRET_CORE_PLAN_SIMPLIFY_H_

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "adret/core/plan/plan_graph.h"

namespace adret {

using PlanValues = absl::InlinedVector<int, 3>;

PlanGraph Simplify(PlanGraph plan);

// What a rewriting rule sees and does: the new plan so far, and nodes to be added to it.
class PlanBuilder {
 public:
  virtual ~PlanBuilder() = default;
  virtual const PlanGraph& plan() const = 0;
  // The outputs of op on these values, simplified in turn. The operands must satisfy the op's type rule.
  virtual PlanValues Add(const Op& op, Attrs attrs, PlanValues inputs) = 0;
  // The numbers of a constant, or of the scalar constant that a value repeats; else null.
  virtual const Tensor* ConstantValue(int value) const = 0;
  // How often the result is read, as far as is known: by all nodes that read the old plan's value.
  virtual int NumReaders(int value) const = 0;
  // Whether the node that is being rewritten leads, through element-wise nodes and views, to a kernel that has rules.
  virtual bool FeedsHeavyOp() const = 0;
  // How many of the result's readers do not.
  virtual int NumLightReaders(int value) const = 0;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_SIMPLIFY_H_
