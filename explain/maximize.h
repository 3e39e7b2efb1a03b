// Maximize(): x* = argmax_x a(x), the images that units look for, found by walking up the gradient of the activation
// with respect to the image (Erhan et al., "Visualizing higher-layer features of a deep network", 2009; Simonyan et al.
// 2013).
//
//   std::vector<explain::Objective> filters = *explain::ParseObjectives("conv2:*", network);
//   explain::Ascent ascent = *explain::Maximize(network, filters, {.steps = 100});
//   AD_RETURN_IF_ERROR(io::SavePng("conv2.png", *io::ContactSheet(ascent.images)));
//
// All images climb in one batch. Results of different objectives are independent (unless diversity asks otherwise),
// except for rounding: a different number of images may select a different kernel. Any number of threads gives the same
// bits.
#ifndef ADRET_EXPLAIN_MAXIMIZE_H_
#define ADRET_EXPLAIN_MAXIMIZE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/tensor.h"
#include "adret/explain/canvas.h"
#include "adret/explain/network.h"
#include "adret/explain/objective.h"
#include "adret/explain/penalty.h"
#include "adret/explain/transform.h"

namespace adret::explain {

enum class Ascender {
  kNormalized,  // z += rate g / rms(g), each image by its own length; the rate falls linearly to 0
  kPlain,       // z += rate g; the rate falls likewise
  kAdam,        // Kingma and Ba 2015, at a constant rate
};

struct MaximizeOptions {
  int steps = 100;
  Ascender ascender = Ascender::kNormalized;
  double rate = 0;  // 0: 0.15, and 0.05 for Adam
  CanvasOptions canvas = {};
  std::optional<Tensor> start = {};  // images to start from, in place of noise
  Penalties penalties = {};
  std::vector<Transform> transforms = {};
  // Makes several images of one objective differ: a weight, relative to the slope as penalties are, and the layer whose
  // Gram matrices are compared.
  double diversity = 0;
  std::string diversity_layer = "";
  // While an image's gradient is zero because relus block all of it, let the cotangents that push a blocked relu
  // up pass (Lucid's redirected relu). Without it an image that starts dead stays dead.
  bool redirect_relus = true;
  // An image rests when within so many steps its activation has not risen by this share of what it rose before, and the
  // ascent ends when all do; 0: never.
  int patience = 0;
  double least_gain = 0.01;

  uint64_t seed = 1;
  std::optional<int> threads = {};
  int frame_every = 0;  // keep the images every so many steps, and the first and last; 0: keep none
  // Called after each step, from 1; an error ends the ascent and is returned.
  std::function<absl::Status(int64_t step, int64_t steps)> on_step = nullptr;
};

struct Ascent {
  Tensor images;               // [n, channels, height, width]
  Tensor start, end;           // [n]: activations before and after, without transforms
  Tensor curve;                // [steps done, n]: activations before each step, as transformed
  std::vector<Tensor> frames;  // the images on the way
  int steps = 0;               // done
};

// Climbs to images for objectives, one each, of the size that the network takes (or of options.start's, where the
// network fits it). Fails as Activation does, and for options that make no sense.
absl::StatusOr<Ascent> Maximize(const Network& network, absl::Span<const Objective> objectives,
                                const MaximizeOptions& options = {});

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_MAXIMIZE_H_
