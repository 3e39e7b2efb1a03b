#include "adret/explain/attribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/nearest_names.h"
#include "adret/explain/attribution_internal.h"
#include "adret/explain/errors_internal.h"

namespace adret::explain {
namespace {

constexpr AttributionMethod kMethods[] = {
    {.name = "saliency",
     .doc = "|dy/dx|: what would change the value most (Simonyan et al. 2014)",
     .attribute = AttributeSaliency},
    {.name = "input_x_gradient",
     .doc = "x dy/dx: what each pixel adds, were the value linear (Shrikumar et al. 2016)",
     .is_signed = true,
     .attribute = AttributeInputXGradient},
    {.name = "guided_backprop",
     .doc = "dy/dx, of which only what is positive passes an open relu (Springenberg et al. 2015)",
     .is_signed = true,
     .attribute = AttributeGuidedBackprop},
    {.name = "deconvnet",
     .doc = "dy/dx, of which only what is positive passes any relu (Zeiler and Fergus 2014)",
     .is_signed = true,
     .attribute = AttributeDeconvnet},
    {.name = "smooth_grad",
     .doc = "dy/dx, its mean over noisy copies (Smilkov et al. 2017)",
     .is_signed = true,
     .attribute = AttributeSmoothGrad},
    {.name = "var_grad",
     .doc = "dy/dx, its variance over noisy copies (Adebayo et al. 2018)",
     .attribute = AttributeVarGrad},
    {.name = "integrated_gradients",
     .doc = "the value shared out among pixels along the way from a baseline (Sundararajan et al. 2017)",
     .is_signed = true,
     .attribute = AttributeIntegratedGradients},
    {.name = "occlusion",
     .doc = "how much the value drops behind a sliding window (Zeiler and Fergus 2014)",
     .is_signed = true,
     .attribute = AttributeOcclusion},
    {.name = "feature_ablation",
     .doc = "how much the value drops without a group of pixels",
     .is_signed = true,
     .attribute = AttributeFeatureAblation},
    {.name = "grad_cam",
     .doc = "a layer's maps, weighted by their mean gradients, where positive (Selvaraju et al. 2017)",
     .uses_maps = true,
     .attribute = AttributeGradCam},
    {.name = "guided_grad_cam",
     .doc = "guided_backprop x grad_cam (Selvaraju et al. 2017)",
     .is_signed = true,
     .uses_maps = true,
     .attribute = AttributeGuidedGradCam},
};

absl::Status CheckOptions(const AttributeOptions& options) {
  const auto counts = [](const char* what, int64_t number, int64_t most) {
    return number >= 1 && number <= most ? absl::OkStatus()
                                         : Bad("attribution: ", what, " must be in [1, ", most, "], but is ", number);
  };
  AD_RETURN_IF_ERROR(counts("copies", options.copies, 1 << 20));
  AD_RETURN_IF_ERROR(counts("samples", options.samples, 1 << 20));
  AD_RETURN_IF_ERROR(counts("steps", options.steps, 10000));  // finding n nodes takes time n^2
  if (options.noise >= 0 && std::isfinite(options.noise)) return absl::OkStatus();
  return Bad("attribution: noise must be finite and at least 0, but is ", options.noise);
}

}  // namespace

absl::Span<const AttributionMethod> AttributionMethods() { return kMethods; }

absl::StatusOr<AttributionMethod> FindAttributionMethod(absl::string_view name) {
  std::vector<std::string> names;
  for (const AttributionMethod& method : kMethods) {
    if (method.name == name) return method;
    names.push_back(method.name);
  }
  return absl::NotFoundError(absl::StrCat("there is no attribution method '", absl::CEscape(name),
                                          "'; the nearest names are ",
                                          absl::StrJoin(NearestNames(name, std::move(names), 3), ", ")));
}

absl::StatusOr<Attribution> Attribute(const Network& network, const Tensor& images, const Target& target,
                                      const AttributeOptions& options) {
  AD_ASSIGN_OR_RETURN(const AttributionMethod method, FindAttributionMethod(options.method));
  AD_RETURN_IF_ERROR(CheckOptions(options));
  AD_ASSIGN_OR_RETURN(const Tensor pixels, network.AsImages(images));
  Values maps;
  if (method.uses_maps) {
    AD_ASSIGN_OR_RETURN(const UnitLayer layer, FindMaps(network, target, options.maps));
    maps.push_back(layer.value);
  }
  AD_ASSIGN_OR_RETURN(const TargetGraph f, TargetGraph::Create(network, target, maps));
  AD_ASSIGN_OR_RETURN(const std::vector<int64_t> units,
                      f.UnitsOf(network, target, pixels, {.threads = options.threads}));
  return method.attribute({network, options, f, pixels, units});
}

// ---- What methods share --------------------------------------------------------------------------------------------

Attribution NewAttribution(const AttributionProblem& problem, int64_t map_channels) {
  Attribution result;
  result.maps =
      Tensor(problem.network.dtype(), {problem.num_images(), map_channels, problem.height(), problem.width()});
  result.units = problem.units;
  return result;
}

absl::StatusOr<Tensor> Baselines(const AttributionProblem& problem) {
  const Tensor& given = problem.options.baseline;
  const Shape one{1, problem.channels(), problem.height(), problem.width()};
  if (given.num_elements() == 1) {
    const double pixel = given.dtype() == DType::kUint8 ? given.At(0) / 255 : given.At(0);
    return Tensor::Full(problem.network.dtype(), one, pixel);
  }
  const bool is_one = given.num_elements() == problem.image_size();
  absl::StatusOr<Tensor> images = problem.network.AsImages(is_one ? given.Reshaped(one) : given);
  if (images.ok() && (is_one || images->shape()[0] == problem.num_images())) return images;
  return Bad("attribution: the baseline must be a number, an image of ", absl::StrJoin(one.dims().subspan(1), " x "),
             " or one for each of the ", problem.num_images(), " images, but is ", given.type().ToString());
}

absl::StatusOr<CopyRunner> CopyRunner::Create(const AttributionProblem& problem, Value map) {
  AD_RETURN_IF_ERROR(problem.f.graph->status());
  Values fetches = {problem.f.y};
  if (map.valid()) fetches.push_back(map);
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, {}, {.threads = problem.options.threads}));
  return CopyRunner(problem, std::move(executor), map.valid());
}

absl::Status CopyRunner::Run(int64_t image, int64_t count, Change change, Take take) {
  const AttributionProblem& p = *problem_;
  const std::vector<double> original = Row(p.images, image);
  std::vector<double> pixels(original.size());
  for (int64_t begin = 0; begin < count; begin += p.options.copies) {
    const int64_t n = std::min(p.options.copies, count - begin);
    AD_ASSIGN_OR_RETURN(Tensor rows, Tensor::Allocate(p.images.dtype(), p.f.images.shape().With(n)));
    for (int64_t i = 0; i < n; ++i) {
      pixels = original;
      change(begin + i, absl::MakeSpan(pixels));
      StoreRow(pixels, &rows, i);
    }
    const Tensor unit = Tensor::Full(DType::kInt64, {n}, static_cast<double>(p.units[image]));
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found,
                        executor_.Run({{p.f.images, rows}, {p.f.unit, unit}}, p.network.state()));
    for (int64_t i = 0; i < n; ++i) {
      take(begin + i, found[0].At(i), has_map_ ? Row(found[1], i) : std::vector<double>());
    }
  }
  return absl::OkStatus();
}

}  // namespace adret::explain
