// Adversarial examples: images that look the same to people and not to a network.
//
//   io::Model model = *io::LoadModel("digits.adret");
//   explain::Network network = *explain::Network::Create(*model.Input("image"), *model.Output("logits"), model.state);
//   Tensor images = Tensor::Full(DType::kFloat32, {3, 1, 28, 28}, 0.5);
//
//   // Away from what the network takes them for, and towards class 7:
//   explain::Adversarial fooled = *explain::Fgsm(network, images, {}, {.epsilon = 0.1});
//   explain::Adversarial sevens = *explain::Pgd(network, images, {.units = {7}}, {.targeted = true});
//
// What an attack raises is a loss. Of classes, which are the units [n, classes] of the network's output or of a layer
// whose probabilities are the target, it is the cross-entropy; of any other unit, minus its value (of a map, its sum).
// A targeted attack lowers the loss instead.
//
// Images are attacked one after the other: the step is often a sign, which a difference in rounding would turn round,
// so an image's result must not depend on those beside it. It has the same bits for any number of threads.
#ifndef ADRET_EXPLAIN_ADVERSARIAL_H_
#define ADRET_EXPLAIN_ADVERSARIAL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/explain/target.h"

namespace adret::explain {

// How far two images are apart: by the pixel that differs most, or as vectors.
enum class Distance { kLinf, kL2 };

struct FgsmOptions {
  double epsilon = 0.1;             // how far an image may be changed
  bool targeted = false;            // towards the target's unit, not away from it
  double low = 0, high = 1;         // what pixels are between, before and after
  std::optional<int> threads = {};  // as in ExecutorOptions
};

struct PgdOptions {
  double epsilon = 0.1;
  bool targeted = false;
  Distance distance = Distance::kLinf;
  int64_t steps = 40;
  double step_size = 0;      // 0: 2.5 epsilon / steps, which reaches the border from anywhere
  bool random_start = true;  // somewhere within epsilon, and not at the image; the same change for all images
  uint64_t seed = 0;         // of the start
  double low = 0, high = 1;
  std::optional<int> threads = {};
};

// What the network says of an image.
struct Answer {
  int64_t prediction = 0;  // the largest unit of the network's output
  double value = 0;        // the target's
  double loss = 0;         // see above
};

struct Adversarial {
  Tensor images;               // [n, channels, height, width] of the network's dtype
  std::vector<int64_t> units;  // the target in each image
  std::vector<Answer> before, after;
};

// Computes x + epsilon sign(d loss/dx): the fast gradient sign method (Goodfellow et al. 2015, "Explaining and
// harnessing adversarial examples").
absl::StatusOr<Adversarial> Fgsm(const Network& network, const Tensor& images, const Target& target = {},
                                 const FgsmOptions& options = {});

// Climbs by projected gradient ascent (Madry et al. 2018, "Towards deep learning models resistant to adversarial
// attacks").
absl::StatusOr<Adversarial> Pgd(const Network& network, const Tensor& images, const Target& target = {},
                                const PgdOptions& options = {});

// Builds one step of it in any graph: the images x (axis 0 is the batch) moved by the step size in the direction in
// which loss, [n] or its sum, rises (targeted: falls) fastest, then back to within epsilon of `centre`, of x's type,
// and into [low, high].
Value PgdStep(Operand loss, Operand x, Operand centre, const PgdOptions& options);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_ADVERSARIAL_H_
