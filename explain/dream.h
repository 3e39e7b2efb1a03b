// Deep Dream: a photograph in which a network sees more and more of what it knows (Mordvintsev, Olah and Tyka,
// "Inceptionism", 2015).
//
//   absl::StatusOr<Tensor> dream = explain::Dream(network, photo, explain::Energy("conv2"));
//
// The image climbs the objective at several sizes, octaves, from small to large, so that shapes of all sizes appear;
// what was lost of the photograph by making it small is put back at each. Any size of image will do where the layers on
// the way are convolutions, poolings and the like.
#ifndef ADRET_EXPLAIN_DREAM_H_
#define ADRET_EXPLAIN_DREAM_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/explain/objective.h"

namespace adret::explain {

struct DreamOptions {
  int octaves = 4;            // those that would be too small for the layer are left out
  double octave_scale = 1.4;  // from one to the next, in height and width
  int steps = 10;             // at each octave
  double rate = 0.02;         // of the first step of each octave: Maximize() with normalised steps
  int64_t roll = 32;          // at each step the image is moved round by up to so many pixels, so that no seams appear
  uint64_t seed = 1;
  std::optional<int> threads = {};
  std::function<absl::Status(int64_t step, int64_t steps)> on_step =
      nullptr;  // an error ends the dream and is returned
};

// Dreams of photo, which is [1, channels, height, width] with pixels in [0, 1], of the network's dtype; the dream is of
// the same type. Objectives must suit every size: units, directions and energies of layers with maps, no positions.
// Fails as Activation does, and when the photograph is too small for the layer.
absl::StatusOr<Tensor> Dream(const Network& network, const Tensor& photo, const Objective& objective,
                             const DreamOptions& options = {});

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_DREAM_H_
