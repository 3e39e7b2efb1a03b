// Scan(): a loop over the steps of sequences, as one node. The body is written once, as a function of values.
//
//   // A recurrent network: x is f32[time,batch,in], h0 f32[batch,hidden], wx and wh variables.
//   const ScanInputs inputs{.carry = {h0}, .each = {x}};
//   ScanResult r = Scan(inputs, [&](const Values& h, const Values& xt) {
//     Value next = Tanh(MatMul(xt[0], wx) + MatMul(h[0], wh));
//     return ScanStep{.carry = {next}, .out = {next}};
//   });
//   // r.carry[0] f32[batch,hidden], the last state; r.out[0] f32[time,batch,hidden], all of them
//
// What is handed from step to step is the carry. Step t sees element t along axis 0 of each sequence, and its `out`
// become elements t of the stacked results. Values of the graph around (wx, wh) are used as they are: the node has them
// as further inputs, called captures; what the function computes of them alone is computed once, before the loop. A
// sequence may have no steps: then the carry is the initial one.
//
// The plan has one step for the whole loop, however long it is. The gradient is a Scan in the other direction, which
// reads what the forward pass left behind; so it exists to every order, takes time and memory in proportion to the
// number of steps, and runs no part of the forward pass again (unless checkpoint_every asks for that).
//
// Where every carry has the examples of a batch along axis 0, and no op of the body looks at several of them together,
// a batch that can be cut into equal parts of 32 examples or more goes through all steps part by part, on threads.
//
// Examples of a batch may have different lengths: from step `lengths[i]` on, example i keeps its carry, and its
// elements of the results are zero. In reverse, an example thus begins with its own last step.
//
// Random numbers have to be drawn outside and be given as a sequence.
#ifndef ADRET_AUTOGRAD_SCAN_H_
#define ADRET_AUTOGRAD_SCAN_H_

#include <functional>
#include <source_location>

#include "adret/core/graph.h"

namespace adret {

struct ScanInputs {
  Values carry = {};     // the initial carry; may be empty
  Values each = {};      // sequences along axis 0, of one length; at least one
  bool reverse = false;  // the last step comes first; results keep the places of their steps
  // How many steps apart the carry is kept for the gradient, which computes what lies between once more: memory for
  // steps / checkpoint_every carries and checkpoint_every steps, so least for the root of the number of steps. 0: what
  // the gradient reads of every step is kept.
  int64_t checkpoint_every = 0;
  Value lengths = {};  // i32[n] or i64[n]: axis 0 of every carry, and of what every step returns, has the n examples
};
// What the body returns: the next carry, of the types of the one it was given, and the step's elements of the results.
struct ScanStep {
  Values carry = {};
  Values out = {};
};
struct ScanResult {
  Values carry;  // after the last step
  Values out;    // stacked along axis 0
};
using ScanBody = std::function<ScanStep(const Values& carry, const Values& each)>;

// Runs the body for each step. Errors are the graph's: no sequence, sequences of different lengths, a carry whose type
// changes ("scan: carry 0 is f32[4,8] but the body returns f32[4,9]"), nothing returned, a value of an unrelated graph,
// random nodes in the body, a checkpoint_every below 0, lengths that are no integers or do not go with the carry, and
// whatever builders refuse inside; then all results are invalid values. A run fails where a length is below 0 or above
// the number of steps.
ScanResult Scan(const ScanInputs& inputs, const ScanBody& body,
                std::source_location location = std::source_location::current());

}  // namespace adret

#endif  // ADRET_AUTOGRAD_SCAN_H_
