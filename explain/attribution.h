// Attribution: which pixels of an image a network's answer comes from.
//
//   io::Model model = *io::LoadModel("digits.adret");
//   explain::Network network = *explain::Network::Create(*model.Input("image"), *model.Output("logits"), model.state);
//   Tensor images = Tensor::Zeros(DType::kFloat32, {3, 1, 28, 28});
//
//   // Why is each image what the network takes it for?
//   explain::Attribution why = *explain::Attribute(network, images, {}, {.method = "integrated_gradients"});
//   // Where does filter 7 of a layer look?
//   explain::Attribution where = *explain::Attribute(network, images, {.layer = "conv2", .units = {7}},
//                                                    {.method = "occlusion", .window = {5, 5}, .stride = {1, 1}});
//   for (const explain::AttributionMethod& m : explain::AttributionMethods()) std::puts(m.doc);
//
// Definitions are Captum's where it has the method; the table and the options say whose otherwise. Images are looked at
// one after the other, in as many copies as a method wants, so that an image's numbers do not depend on those beside
// it; they have the same bits for any number of threads. Sums over copies are taken in f64, in order.
#ifndef ADRET_EXPLAIN_ATTRIBUTION_H_
#define ADRET_EXPLAIN_ATTRIBUTION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/tensor.h"
#include "adret/explain/network.h"
#include "adret/explain/target.h"

namespace adret::explain {

struct AttributeOptions {
  std::string method = "saliency";
  std::optional<int> threads = {};  // as in ExecutorOptions
  // Copies of an image in one run. A matter of speed and memory, but kernels may round differently at another number.
  int64_t copies = 32;

  // smooth_grad, var_grad.
  int64_t samples = 50;
  double noise = 0.15;                     // its standard deviation as a part of the image's range, max - min
  uint64_t seed = 0;                       // of the noise, which is the same for every image but for that factor
  std::optional<Tensor> given_noise = {};  // [samples, channels, height, width] in place of standard normal numbers

  // integrated_gradients.
  int64_t steps = 64;

  // integrated_gradients, occlusion, feature_ablation: what stands for "nothing there". A number, an image, or one
  // image for each.
  Tensor baseline = Tensor::Scalar(DType::kFloat32, 0);

  // occlusion: height and width in pixels. 0: a seventh of the image, and half of the window.
  std::array<int64_t, 2> window{0, 0};
  std::array<int64_t, 2> stride{0, 0};  // not larger than the window, so that every pixel is covered

  // feature_ablation: pixels that go together have equal numbers, integers [height, width] or [channels, height,
  // width]. By default the cells of a grid of so many rows and columns.
  std::optional<Tensor> features = {};
  std::array<int64_t, 2> grid{7, 7};

  // grad_cam, guided_grad_cam: a layer with maps. None: the last one before the target.
  std::string maps = "";
};

struct Attribution {
  // Of the network's dtype: [n, channels, height, width], or [n, 1, height, width] where the method makes no difference
  // between channels.
  Tensor maps;
  std::vector<int64_t> units;  // what was explained in each image
  std::vector<double> values;  // the target's value for each image
  // integrated_gradients: |sum of the map - (y(x) - y(baseline))| / |y(x) - y(baseline)| for each image; 0 were the
  // integral exact (Sundararajan et al. 2017, proposition 1).
  std::vector<double> completeness_errors;
};

struct AttributionProblem;

struct AttributionMethod {
  const char* name = "";
  const char* doc = "";    // one line
  bool is_signed = false;  // negative numbers speak against the target; otherwise there are none
  bool uses_maps = false;  // looks at AttributeOptions::maps
  absl::StatusOr<Attribution> (*attribute)(const AttributionProblem& problem) = nullptr;
};
// Returns all methods, from the simplest on. What lists, documents or tests them does so from here.
absl::Span<const AttributionMethod> AttributionMethods();
// Finds a method; NotFound suggests the nearest names.
absl::StatusOr<AttributionMethod> FindAttributionMethod(absl::string_view name);

// Explains the target for examples of the network's input (or images; Network::AsImages). Fails when the network does
// not take them, the target is out of range, or an option does not fit.
absl::StatusOr<Attribution> Attribute(const Network& network, const Tensor& images, const Target& target = {},
                                      const AttributeOptions& options = {});

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_ATTRIBUTION_H_
