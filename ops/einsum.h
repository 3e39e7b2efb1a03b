// Einstein's summation: products and sums over named axes.
//
//   Value y = Einsum("bij,bjk->bik", {a, b});        // matrix products
//   Value s = Einsum("ii", {a});                     // a trace: axes that the result lacks are summed
//   Value t = Einsum("...i,oi->...o", {x, w});       // whatever axes x has before its last
#ifndef ADRET_OPS_EINSUM_H_
#define ADRET_OPS_EINSUM_H_

#include <source_location>

#include "absl/strings/string_view.h"
#include "adret/core/graph.h"

namespace adret {

// Computes, for each combination of the labels (letters) after the arrow, the sum over all other labels of the products
// of the operands' elements, in NumPy's and PyTorch's notation. A label names an axis of each operand that has it;
// twice in one operand it means the diagonal. "..." stands for the axes that have no letter, aligned at the right and
// broadcast; an axis of size 1 broadcasts, too. Without an arrow the result has the "..." and then, in alphabetic order
// (capitals first), the labels that occur once. Spaces do not count.
//
// It is a composition: operands are multiplied from left to right, each time summing what no later operand or the
// result has, as a MatMul where both have axes of their own, else as a product and a Sum. Operands have one dtype: f32,
// f64 or an integer one. Errors name the equation, and the operand and axis where there is one: a label that the result
// has twice or no operand has, sizes that differ, a number of labels that is not the operand's rank.
Value Einsum(absl::string_view equation, const Values& operands,
             std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_OPS_EINSUM_H_
