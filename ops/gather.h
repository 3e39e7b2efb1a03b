// Picking by index: gather (ONNX Gather, torch.index_select) and gather_elements (ONNX GatherElements, torch.gather);
// their inverses scatter (torch.index_copy), scatter_add (torch.index_add) and scatter_elements_add
// (torch.scatter_add); one_hot.
//
//   Value vectors = Gather(table, tokens);              // table [1000,64], tokens i64[?,12] -> [?,12,64]
//   Value picked = GatherElements(logits, label, 1);    // logits [?,10], label i64[?,1] -> [?,1]
//
// An axis may be negative: counted from the end. Indices are integers of any dtype (the ops take i32 and i64, to which
// the builders cast the others) and lie in [0, size of the axis): anything else fails at run time, naming the index and
// its place. Where an index occurs several times, updates are added in the order of their place, and the last one is
// put there.
//
// Where the result of a scatter into a variable is that variable's next value, and nobody else needs the old one by
// then, the rows are written into the variable itself: that costs what the updates cost, not what the variable does.
#ifndef ADRET_OPS_GATHER_H_
#define ADRET_OPS_GATHER_H_

#include <cstdint>

#include "adret/core/graph.h"

namespace adret {

// Computes y[.., k, ..] = x[.., indices[k], ..]: the shape of x (any dtype) with the shape of indices in place of the
// axis.
Value Gather(Operand x, Operand indices, int64_t axis = 0);

// Computes y = x, then y[.., indices[k], ..] += updates[.., k, ..]. x and updates have one dtype, one with arithmetic;
// updates has the shape that Gather(x, indices, axis) has.
Value ScatterAdd(Operand x, Operand indices, Operand updates, int64_t axis = 0);

// Computes y = x, then y[.., indices[k], ..] = updates[.., k, ..]. x and updates have one dtype (any); updates has the
// shape that Gather(x, indices, axis) has.
Value Scatter(Operand x, Operand indices, Operand updates, int64_t axis = 0);

// Computes y[.., k, ..] = x[.., indices[.., k, ..], ..]: the shape of indices, which equals x's (any dtype) but for the
// axis.
Value GatherElements(Operand x, Operand indices, int64_t axis = 0);

// Computes y = x, then y[.., indices[.., k, ..], ..] += updates[.., k, ..]; indices and updates have equal shapes.
Value ScatterElementsAdd(Operand x, Operand indices, Operand updates, int64_t axis = 0);

// Returns indices as the ops take them: integers that are neither i32 nor i64 are cast to i64, and all else is returned
// as it is, for the type rule to refuse.
Operand AsIndices(Operand x);

struct OneHotAttrs {
  int64_t depth = 1;
  DType dtype = DType::kFloat32;
  template <class V>
  void Fields(V&& v) {
    v("depth", depth), v("dtype", dtype);
  }
};

// Computes y[.., c] = 1 where c = indices[..], else 0, for c < depth: indices' shape with one more axis of size depth.
Value OneHot(Operand indices, int64_t depth, DType dtype = DType::kFloat32);

}  // namespace adret

#endif  // ADRET_OPS_GATHER_H_
