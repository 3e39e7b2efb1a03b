// Inference mode for graphs that were built in training mode, such as those of model files.
//
//   Graph graph;
//   Value logits = (*nn::ImportForInference({trained}, {}, &graph))[0];
//
// Layers are built in the mode that they are called in (nn/layer.h), and a file often holds the training mode only.
// What training mode does otherwise is known from the nodes: dropout multiplies by random_bernoulli, batch
// normalisation is the op batch_norm beside variables running_mean and running_variance.
#ifndef ADRET_NN_INFERENCE_H_
#define ADRET_NN_INFERENCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/import.h"

namespace adret::nn {

// Imports like Import(), with random_bernoulli replaced by its mean, so that dropout is the identity, and batch_norm by
// normalisation with the running statistics of its layer (which an op that was built without a layer does not have: it
// stays).
absl::StatusOr<Values> ImportForInference(absl::Span<const Value> fetches,
                                          const std::vector<Substitution>& substitutions, Graph* to);
inline absl::StatusOr<Values> ImportForInference(std::initializer_list<Value> fetches,
                                                 const std::vector<Substitution>& substitutions, Graph* to) {
  return ImportForInference(absl::MakeConstSpan(fetches.begin(), fetches.size()), substitutions, to);
}

}  // namespace adret::nn

#endif  // ADRET_NN_INFERENCE_H_
