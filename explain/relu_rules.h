// Gradient rules that may stand in for relu's (GradientOptions::overrides), to see what a network looks at more clearly
// than its true gradient shows.
//
//   Graph graph;
//   Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 10});
//   Value y = Sum(Relu(x));
//   Value guided = Gradients(y, {x}, {.overrides = {{"relu", explain::GuidedRelu}}})[0];
//
// What they yield is no derivative of anything.
#ifndef ADRET_EXPLAIN_RELU_RULES_H_
#define ADRET_EXPLAIN_RELU_RULES_H_

#include "adret/core/graph.h"

namespace adret::explain {

// Returns dx = dy where y > 0 and dy > 0, 0 elsewhere: what would excite passes, and only where relu let something
// through (Springenberg et al. 2015, "Striving for simplicity", guided backpropagation).
Values GuidedRelu(const GradientContext& c);

// Returns dx = max(dy, 0), whether relu was open or not: the way back is rectified as the way forth is (Zeiler and
// Fergus 2014, "Visualizing and understanding convolutional networks", the deconvnet).
Values DeconvnetRelu(const GradientContext& c);

// Returns dx = dy, but for cotangents that would push a blocked relu further down, which are 0: what an image climbs
// along while relus block all of its true gradient (after Lucid's redirected relu, tensorflow/lucid,
// misc/redirected_relu_grad.py).
Values RedirectedRelu(const GradientContext& c);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_RELU_RULES_H_
