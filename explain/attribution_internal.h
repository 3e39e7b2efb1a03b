// What the methods of attribution.h share: the problem they are given, and runs of many copies of one image.
#ifndef ADRET_EXPLAIN_ATTRIBUTION_INTERNAL_H_
#define ADRET_EXPLAIN_ATTRIBUTION_INTERNAL_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/executor.h"
#include "adret/core/tensor.h"
#include "adret/explain/attribution.h"
#include "adret/explain/network.h"
#include "adret/explain/rows_internal.h"
#include "adret/explain/target.h"

namespace adret::explain {

struct AttributionProblem {
  const Network& network;
  const AttributeOptions& options;
  const TargetGraph& f;
  const Tensor& images;  // [n, channels, height, width] of the network's dtype
  const std::vector<int64_t>& units;

  int64_t num_images() const { return images.shape()[0]; }
  int64_t channels() const { return images.shape()[1]; }
  int64_t height() const { return images.shape()[2]; }
  int64_t width() const { return images.shape()[3]; }
  int64_t image_size() const { return channels() * height() * width(); }
};

// An attribution of the problem whose maps, of so many channels, are to be filled in.
Attribution NewAttribution(const AttributionProblem& problem, int64_t map_channels);

// options.baseline as images [n or 1, channels, height, width]; row i mod that many is image i's.
absl::StatusOr<Tensor> Baselines(const AttributionProblem& problem);

// Runs copies of an image through the target's graph, compiled once.
class CopyRunner {
 public:
  // What a run is to yield for each copy besides the target's value: a row of `map`, a value [?, ...] of the target's
  // graph; an invalid one: nothing.
  static absl::StatusOr<CopyRunner> Create(const AttributionProblem& problem, Value map = Value());

  // Changes pixels, which are the image's, into those of copy k.
  using Change = absl::FunctionRef<void(int64_t k, absl::Span<double> pixels)>;
  // Gets copy k's results, k = 0, 1, ..., in order.
  using Take = absl::FunctionRef<void(int64_t k, double y, absl::Span<const double> map)>;
  absl::Status Run(int64_t image, int64_t count, Change change, Take take);

 private:
  CopyRunner(const AttributionProblem& problem, Executor executor, bool has_map)
      : problem_(&problem), executor_(std::move(executor)), has_map_(has_map) {}

  const AttributionProblem* problem_;
  Executor executor_;
  bool has_map_;
};

// ---- The methods, by what they know --------------------------------------------------------------------------------

// attribution_gradients.cc: one gradient of the image itself.
absl::StatusOr<Attribution> AttributeSaliency(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeInputXGradient(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeGuidedBackprop(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeDeconvnet(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeGradCam(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeGuidedGradCam(const AttributionProblem& problem);
// The layer whose maps Grad-CAM weighs, by name; none: the last one with maps before the target.
absl::StatusOr<UnitLayer> FindMaps(const Network& network, const Target& target, const std::string& name);

// attribution_paths.cc: gradients at many places around the image.
absl::StatusOr<Attribution> AttributeSmoothGrad(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeVarGrad(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeIntegratedGradients(const AttributionProblem& problem);

// attribution_ablation.cc: values without parts of the image.
absl::StatusOr<Attribution> AttributeOcclusion(const AttributionProblem& problem);
absl::StatusOr<Attribution> AttributeFeatureAblation(const AttributionProblem& problem);

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_ATTRIBUTION_INTERNAL_H_
