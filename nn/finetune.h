// Finding the last layer of a network that came from elsewhere, to put another one in its place.
//
//   Value features = *nn::FeaturesOf(logits);                 // what the last layer with weights reads, [?,1280]
//   Value answer = nn::Dense(5).Named("head")(features);      // five classes of one's own
#ifndef ADRET_NN_FINETUNE_H_
#define ADRET_NN_FINETUNE_H_

#include "absl/status/statusor.h"
#include "adret/core/graph.h"

namespace adret::nn {

// Returns what the last layer with weights before `logits` reads: of the products on the way from the graph's inputs to
// logits (matrix products, convolutions) the last one with an operand that depends on variables alone, and of that the
// other operand. NotFound where there is no such product.
absl::StatusOr<Value> FeaturesOf(const Value& logits);

}  // namespace adret::nn

#endif  // ADRET_NN_FINETUNE_H_
