// Rewrites that spare work whose results nobody looks at. To look at one unit of a layer should cost one unit, and so
// should its gradient. When that is possible follows from what ops declare of their axes (core/axis_rules.h); no rule
// names an op.
//
// slices: a slice moves towards producers, slice(f(x, w)) = f(slice(x), slice(w)), along a label.
//   The example of core/plan/plan_graph.h fetches one of four feature maps. Axis 1 of a convolution has the label k,
//   and so has axis 0 of w; x has no k. So before and after (PushDownSlices):
//        2  conv2d  f32[8,4,4,4]  0 1                    2  slice   f32[1,1,3,3]  1    axes=[0], begins=[2], ends=[3]
//        3  relu    f32[8,4,4,4]  2                      3  conv2d  f32[8,1,4,4]  0 2
//        4  slice   f32[8,1,4,4]  3    axes=[1] ..       4  relu    f32[8,1,4,4]  3
//   Not done where somebody needs the rest: f's result is fetched, stored, read by something else than a slice, or by
//   slices with nothing in common; nor where more than half would be left.
//
// padding: the gradient of a slice is a padding, the slice's gradient among zeros, and paddings move towards consumers:
//        f(pad(x), w) = pad(f(x, slice(w)))    where f is zero with x, along a label of the result
//        f(pad(x), w) = f(x, slice(w))         where f sums over the label and is linear in x
//   In the example, d is the gradient of the map, and we fetch the gradients of w (rows) and of x (a sum over k):
//        3  slice_x_grad  f32[8,4,4,4]  d                3  conv2d_w_grad  f32[1,1,3,3]  x d
//        4  conv2d_w_grad f32[4,1,3,3]  x 3              4  slice_x_grad   f32[4,1,3,3]  3      (pad)
//        5  conv2d_x_grad f32[8,1,6,6]  3 w              5  slice          f32[1,1,3,3]  w
//                                                        6  conv2d_x_grad  f32[8,1,6,6]  d 5
//   The slices that this leaves of other operands (line 5) move on towards their producers.
//   Not done through ops that make something of zero (exp), where only one term of a sum is zero, and where nothing but
//   light work follows that would have to be done on several paddings.
//
// windows: slices and paddings that meet are put together, slice(slice(x)) = slice(x).
//
// scatter: the gradient of picking elements (max pooling) scatters as few, and work is done before that:
//        f(scatter(d, places), y) = scatter(f(d, y at the places), places)    f element by element and linear in its
//        first sum(scatter(d, places)) = sum(d)                                     over the axes along which the
//        places lie
//   Pooling 2x2 of y = relu(..): the mask relu_x_grad works on a quarter of the elements, as the sum for a bias does.
//        3  max_pool2d_x_grad  f32[2,3,8,8]  d 2:1       3  relu_x_grad        f32[2,3,4,4]  d 2
//        4  relu_x_grad        f32[2,3,8,8]  3 y         4  max_pool2d_x_grad  f32[2,3,8,8]  3 2:1
//   Not done where somebody else reads the scattered gradient, and where f reads another value than the picked one.
//
// What may change in the numbers: terms that were zero times something are dropped. Where that something was infinite
// or NaN, a result that was NaN is a number now. Sums may be added in another order, since a smaller kernel may use
// another method. Nothing else changes.
//
// Rules are local, each lowers the work, and their number is linear in the size of the plan.
// tests/core/passes_test.cc has a table of graphs before and after, also of those that must stay as they are.
#ifndef ADRET_CORE_PLAN_REWRITE_H_
#define ADRET_CORE_PLAN_REWRITE_H_

#include <optional>

#include "absl/types/span.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/simplify.h"

namespace adret {

// Applies the rules that look from a node at its operands (windows, padding, scatter) to a node that is about to be
// added:
// op on these inputs. Returns the values that its outputs equal, or nothing where no rule applies.
std::optional<PlanValues> RewriteFromOperands(PlanBuilder& builder, const Op& op, const Attrs& attrs,
                                              absl::Span<const int> inputs, absl::Span<const Type> outputs);

// Moves slices towards producers, in one sweep from results to operands. Returns whether it moved any. The graph is
// right afterwards, but has values without a producer that nobody reads, and slices that Simplify() would merge.
bool PushDownSlices(PlanGraph* plan, RewriteCounter* counter);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_REWRITE_H_
