// The methods that are one gradient of the image itself.
#include "absl/strings/str_cat.h"
#include "adret/explain/attribution_internal.h"
#include "adret/explain/errors_internal.h"
#include "adret/explain/gradient_maps.h"

namespace adret::explain {
namespace {

// map [?, channels or 1, height, width], a value of the target's graph, for each image.
absl::StatusOr<Attribution> EachImage(const AttributionProblem& problem, Value map) {
  AD_ASSIGN_OR_RETURN(CopyRunner runner, CopyRunner::Create(problem, map));
  Attribution result = NewAttribution(problem, map.shape()[1]);
  const auto unchanged = [](int64_t, absl::Span<double>) {};
  for (int64_t i = 0; i < problem.num_images(); ++i) {
    AD_RETURN_IF_ERROR(runner.Run(i, 1, unchanged, [&](int64_t, double y, absl::Span<const double> row) {
      StoreRow(row, &result.maps, i);
      result.values.push_back(y);
    }));
  }
  return result;
}

}  // namespace

absl::StatusOr<Attribution> AttributeSaliency(const AttributionProblem& problem) {
  return EachImage(problem, Saliency(problem.f.y, problem.f.images));
}

absl::StatusOr<Attribution> AttributeInputXGradient(const AttributionProblem& problem) {
  return EachImage(problem, InputXGradient(problem.f.y, problem.f.images));
}

absl::StatusOr<Attribution> AttributeGuidedBackprop(const AttributionProblem& problem) {
  return EachImage(problem, GuidedBackprop(problem.f.y, problem.f.images));
}

absl::StatusOr<Attribution> AttributeDeconvnet(const AttributionProblem& problem) {
  return EachImage(problem, Deconvnet(problem.f.y, problem.f.images));
}

absl::StatusOr<Attribution> AttributeGradCam(const AttributionProblem& problem) {
  return EachImage(problem,
                   GradCam(problem.f.y, problem.f.more[0], {.height = problem.height(), .width = problem.width()}));
}

absl::StatusOr<Attribution> AttributeGuidedGradCam(const AttributionProblem& problem) {
  return EachImage(problem, GuidedGradCam(problem.f.y, problem.f.images, problem.f.more[0]));
}

absl::StatusOr<UnitLayer> FindMaps(const Network& network, const Target& target, const std::string& name) {
  UnitLayer top = network.output_layer();
  if (!target.layer.empty()) {
    AD_ASSIGN_OR_RETURN(top, network.FindLayer(target.layer));
  }
  const auto before = [&](const UnitLayer& layer) { return layer.has_maps() && FollowsFrom(top.value, layer.value); };
  if (!name.empty()) {
    AD_ASSIGN_OR_RETURN(const UnitLayer layer, network.FindLayer(name));
    if (before(layer)) return layer;
    return layer.has_maps() ? Bad("the target '", top.name, "' does not follow from the maps of '", layer.name, "'")
                            : Bad("'", layer.name, "' is ", layer.value.type().ToString(), ", which has no maps");
  }
  const std::vector<UnitLayer>& layers = network.layers();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (before(*layer)) return *layer;
  }
  return absl::NotFoundError(absl::StrCat("no layer before '", top.name, "' has maps (a convolution, a pooling)"));
}

}  // namespace adret::explain
