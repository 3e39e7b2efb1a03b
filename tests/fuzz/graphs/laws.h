// Laws: what holds of every function of values, because it can be computed in two ways.
//
//   GraphCase c = ...;                               // the function: its inputs, and as fetches its results
//   c.law = "vmap", c.law_seed = 7;
//   std::optional<GraphCase> both = ApplyLaw(c);     // both->equal: pairs (for all examples at once, one by one)
//
//   vmap          Vmap(f, examples) = f of each example, stacked; and so for gradients of both
//   scan          Scan(f, steps) = the same steps written one after the other; and so for gradients of both
//   branch        If(true, f, g) = f; and so for gradients of both
//   while         While(i < n, f) = n steps written one after the other; and so for gradients of both
//   recompute     Recompute(f) = f; and so for gradients of both
//   transpose     <u, Jvp(v)> = <gradient for u, v>
//   difference    Jvp(v) = (f(x + h v) - f(x)) / h, as far as f is smooth
//   hessian       HessianVectorProduct(v) = the gradient of <gradient, v>
//   jacobian      Jacobian v = Jvp(v)
//
// How many examples there are, which inputs are one for all of them, and so on, follows from law_seed and the inputs'
// names: a case stays like that while it is shrunk.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_LAWS_H_
#define ADRET_TESTS_FUZZ_GRAPHS_LAWS_H_

#include <optional>
#include <string>
#include <vector>

#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

// The laws' names.
std::vector<std::string> AllLaws();

// Returns the graph in which the function of the case's first run is computed in both ways of its law. An error of its
// graph is that of a transformation. Nothing where the law says nothing of such a function: one without a gradient.
std::optional<GraphCase> ApplyLaw(const GraphCase& c);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_LAWS_H_
