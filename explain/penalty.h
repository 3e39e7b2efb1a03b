// Penalties: what an image pays, so that it shows what matters and nothing else. The lecture's: y_k - lambda sum |x|.
//
//   explain::Ascent sparse = *explain::Maximize(network, objectives, {.penalties = {.l1 = 0.65}});
//
// Weights are relative to the slope of the objective. Each image's penalty is multiplied by the root mean square of
// d activation / d pixel where the ascent begins: with l1 = 0.65, ink must raise the activation at least 0.65
// times as fast as the average pixel did, whatever the network's scale.
#ifndef ADRET_EXPLAIN_PENALTY_H_
#define ADRET_EXPLAIN_PENALTY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/explain/objective.h"

namespace adret::explain {

struct Penalties {
  double l1 = 0;               // sum |x - background|: little ink
  double l2 = 0;               // sum (x - background)^2
  double total_variation = 0;  // sum |grad x|, over both directions and all channels (Rudin, Osher and Fatemi 1992)
  double boundary = 0;         // sum (x - background)^2 within `border` pixels of the edge
  int64_t border = 4;
  double background = 0;
  // Not a penalty on images, but what each step does to them: blur by a Gaussian of this many pixels.
  double blur = 0;

  bool any() const { return l1 > 0 || l2 > 0 || total_variation > 0 || boundary > 0; }
  // Returns InvalidArgument for negative or infinite figures.
  absl::Status Check() const;
};

// Builds [n]: what images [n, c, h, w] pay, before the slope is taken into account.
Value Penalty(const Penalties& penalties, Value images);

// Builds [n]: how alike each image is to those of the same objective, the mean cosine between the Gram matrices of a
// layer's values [n, c, ...] (Olah et al. 2017, "diversity"): 0 for an objective's only image.
Value Likeness(Value layer, absl::Span<const Objective> objectives);

// Returns the Gram matrices of values [n, c, ...]: [n, c, c], sums of products over all places.
Value GramMatrices(Value values);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_PENALTY_H_
