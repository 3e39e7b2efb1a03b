// Convolutions of examples that each have images and filters of their own, as products of matrices: for a symbolic
// number of examples, which groups cannot count.
#ifndef ADRET_OPS_CONV2D_BATCH_INTERNAL_H_
#define ADRET_OPS_CONV2D_BATCH_INTERNAL_H_

#include "adret/core/batch.h"
#include "adret/core/graph.h"
#include "adret/ops/conv2d.h"

namespace adret {

// The convolution y of x and w of one example. x, y and w are shapes [N,C,H,W], [N,K,H',W'], [K,C/groups,R,S].
struct ConvolutionOfExample {
  Conv2dAttrs conv;
  Shape x, w, y;
};

// Returns whether the shapes of an example are known, as these products need them; fails otherwise.
bool RequireKnownExamples(const BatchContext& c);

// Return y, dx or dw of all examples, from values with the axis of examples in front.
Value ConvolveExamples(const ConvolutionOfExample& one, const Value& x, const Value& w);
Value XGradOfExamples(const ConvolutionOfExample& one, const Value& dy, const Value& w);
Value WGradOfExamples(const ConvolutionOfExample& one, const Value& x, const Value& dy);

}  // namespace adret

#endif  // ADRET_OPS_CONV2D_BATCH_INTERNAL_H_
