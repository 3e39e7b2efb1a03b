// If(): one of two branches, chosen by a value when the graph runs. Each is written as a function of no arguments.
//
//   // Newton's step where it is safe, a small step of gradient descent elsewhere.
//   Value step = If(Greater(curvature, 1e-3), [&] { return Values{slope / curvature}; },
//                                             [&] { return Values{0.01 * slope}; })[0];
//
// Only the chosen branch runs: what its function adds to the graph is the branch's. Values of the graph around are used
// as they are. (Where() in ops/where.h chooses element by element, and computes both choices.)
//
// The gradient is an If with the same condition, which runs the chosen branch once more for what its gradient reads; so
// it exists to every order. Of the branch that was not chosen, gradients are zero. Under Vmap with a condition for each
// example, both branches run for all examples, and Where() chooses. A value that all examples share then gets a NaN as
// gradient where a branch that an example did not choose has an infinite derivative of it.
//
// Random numbers have to be drawn outside.
#ifndef ADRET_AUTOGRAD_IF_H_
#define ADRET_AUTOGRAD_IF_H_

#include <functional>
#include <source_location>

#include "adret/core/graph.h"

namespace adret {

using Branch = std::function<Values()>;

// Returns what then_branch returns where the condition, bool[], is true, and what else_branch returns otherwise. Both
// return as many values, of the same types. Errors, kept by the graph: a condition that is no bool[], branches that
// return different types ("if: value 0 is f32[4] in one branch and f32[5] in the other"), a value of an unrelated
// graph, random nodes in a branch, a branch that updates variables, and whatever builders refuse inside;
// then all results are invalid values.
Values If(const Value& condition, const Branch& then_branch, const Branch& else_branch,
          std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_AUTOGRAD_IF_H_
