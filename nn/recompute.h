// nn::Recompute(): a layer whose intermediate values are not kept for the gradient, but computed a second time.
//
//   nn::Sequential body{nn::Conv2d(16, 3, {.padding = Padding::Explicit(1)}), nn::BatchNorm(), nn::Relu()};
//   Value maps = nn::Recompute(body)(image);
//
// For networks that need more memory than there is: see autograd/recompute.h. Running statistics are updated once.
#ifndef ADRET_NN_RECOMPUTE_H_
#define ADRET_NN_RECOMPUTE_H_

#include "adret/nn/layer.h"

namespace adret::nn {

// Returns a layer that computes what `body` computes, with the same variables, bits and gradients. In inference it is
// `body`.
Layer Recompute(const Layer& body);

}  // namespace adret::nn

#endif  // ADRET_NN_RECOMPUTE_H_
