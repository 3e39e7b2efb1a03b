// Scores: what the numbers of a layer [?, classes] say about classes.
//
//   AD_ASSIGN_OR_RETURN(const explain::Scores scores, explain::ScoresOf(network, network.output_layer()));
//   const Value p = explain::Probabilities(network.output(), scores);       // no softmax of what is one already
#ifndef ADRET_EXPLAIN_SCORES_H_
#define ADRET_EXPLAIN_SCORES_H_

#include "absl/status/statusor.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/explain/network.h"

namespace adret::explain {

enum class Scores {
  kLogits,         // their softmax are probabilities
  kProbabilities,  // already
  kOther           // neither: a sigmoid's, a regression's
};

// Finds out by looking at what the layer makes of a few images of noise, so that it does not matter which ops lead to
// it. Rows of probabilities are at least 0 and sum to 1, within 1e-3. Of the rest, logits are not the values of a
// function of single numbers (a sigmoid, a tanh, a relu; but logarithms of probabilities are), and more than one.
absl::StatusOr<Scores> ScoresOf(const Network& network, const UnitLayer& layer, const ExecutorOptions& options = {});

// Probabilities of classes, and their logarithms, from values [n, classes, ...]: of all but probabilities, their
// softmax. Logarithms of a softmax come from what it was taken of, so that none is infinite.
Value Probabilities(Operand values, Scores scores = Scores::kLogits);
Value LogProbabilities(Operand values, Scores scores = Scores::kLogits);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_SCORES_H_
