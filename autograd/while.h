// While(): a loop that goes on as long as a condition on its values holds, as one node.
//
//   // The square root of a by Newton's method, to the last bit.
//   WhileResult r = While({.carry = {a, a * 0.5 + 0.5}},
//                         [](const Values& v) { return Less(v[1], v[0]); },                         // still falling
//                         [&](const Values& v) { return Values{v[1], 0.5 * (v[1] + a / v[1])}; });
//   // r.carry[1] is the root, r.iterations how many steps it took.
//
// What is handed from step to step is the carry; it keeps its types. Values of the graph around are used as they are,
// and what the functions compute of them alone is computed once, before the loop, even where the body never runs.
// The plan has one step for the whole loop, and memory for one iteration.
//
// A gradient needs a bound on the number of iterations, max_iterations: it runs the loop once more as a Scan of that
// many steps, of which those after the end copy the carry. Time and memory are in proportion to the bound. It exists to
// every order. Under Vmap, the loop goes on until no example's condition holds; those that are done keep their values.
// What If() says of gradients of values that all examples share holds for a While(), too (autograd/if.h).
//
// Random numbers have to be drawn outside. A loop without a bound whose condition never fails does not end.
#ifndef ADRET_AUTOGRAD_WHILE_H_
#define ADRET_AUTOGRAD_WHILE_H_

#include <cstdint>
#include <functional>
#include <source_location>

#include "adret/core/graph.h"

namespace adret {

struct WhileInputs {
  Values carry;                 // the initial carry; at least one value
  int64_t max_iterations = -1;  // the loop ends after that many, whatever the condition says; -1: no bound
};
struct WhileResult {
  Values carry;      // as it was when the condition failed
  Value iterations;  // i64[], how often the body ran
};
using WhileCondition = std::function<Value(const Values& carry)>;  // returns bool[]
using WhileBody = std::function<Values(const Values& carry)>;      // returns the next carry

// Runs the body as long as the condition holds; perhaps never. Errors, kept by the graph: no carry, a condition that is
// no bool[], a carry whose type changes ("while: carry 0 is f32[] but the body returns f32[1]"), a value of an
// unrelated graph, random nodes, a body that updates variables, and whatever builders refuse inside; then all results
// are invalid values. Gradients() refuses a loop without a bound.
WhileResult While(const WhileInputs& inputs, const WhileCondition& condition, const WhileBody& body,
                  std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_AUTOGRAD_WHILE_H_
