#include "adret/explain/style.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/core/status.h"
#include "adret/explain/canvas.h"
#include "adret/explain/penalty.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

absl::Status CheckPicture(const Network& network, const char* what, const Tensor& picture) {
  if (picture.rank() == 4 && picture.dtype() == network.dtype() && picture.shape()[0] == 1 &&
      picture.num_elements() > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the ", what, " is ", picture.type().ToString(), ", but ",
                                                 Name(network.dtype()), " [1, channels, height, width] is expected"));
}

absl::Status CheckOptions(const StyleOptions& o) {
  for (const double number : {o.content_weight, o.style_weight, o.total_variation}) {
    if (number >= 0 && std::isfinite(number)) continue;
    return absl::InvalidArgumentError(absl::StrCat("weights of a style transfer must be at least 0, not ", number));
  }
  if (o.content_weight == 0 && o.style_weight == 0) {
    return absl::InvalidArgumentError("a style transfer wants something of the content or of the style: both weigh 0");
  }
  if (o.steps >= 1 && o.rate > 0 && std::isfinite(o.rate)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a style transfer takes at least 1 step at a positive rate, not ", o.steps, " at ", o.rate));
}

// At most so many layers with maps, from the first to the last.
std::vector<std::string> SomeLayers(const Network& network, size_t most) {
  std::vector<std::string> all, some;
  for (const UnitLayer& layer : network.layers()) {
    const Shape& shape = layer.value.shape();
    if (layer.has_maps() && shape[2] * shape[3] > 1) all.push_back(layer.name);
  }
  const size_t n = std::min(most, all.size());
  for (size_t i = 0; i < n; ++i) some.push_back(all[n == 1 ? 0 : i * (all.size() - 1) / (n - 1)]);
  return some;
}

absl::StatusOr<Values> ValuesOf(const Network& network, const std::vector<std::string>& names) {
  Values values;
  for (const std::string& name : names) {
    AD_ASSIGN_OR_RETURN(const UnitLayer layer, network.FindLayer(name));
    if (!layer.has_maps()) {
      return absl::InvalidArgumentError(
          absl::StrCat("layer ", name, " is ", layer.value.type().ToString(), ": its units have no maps"));
    }
    values.push_back(layer.value);
  }
  if (values.empty()) return absl::InvalidArgumentError("the network has no layer whose units have maps");
  return values;
}

// The Gram matrix of maps [1, c, height, width], for each place.
Value Gram(Value maps) { return GramMatrices(maps) / static_cast<double>(maps.shape()[2] * maps.shape()[3]); }

// What the layers give for a picture, as numbers; as Gram matrices where asked for.
absl::StatusOr<std::vector<Tensor>> Targets(const Network& network, const Values& layers, const Tensor& picture,
                                            bool gram) {
  Graph graph;
  AD_ASSIGN_OR_RETURN(Values values, network.Apply(layers, graph.Constant(picture)));
  if (gram) std::transform(values.begin(), values.end(), values.begin(), Gram);
  return Evaluate(values, {}, &network.state());
}

// mean_l |values_l - targets_l|^2 / |targets_l|^2, of this dtype.
Value Distance(const Values& values, const std::vector<Tensor>& targets, DType dtype) {
  constexpr double kEpsilon = 1e-12;  // a layer that is all zero
  Value sum;
  for (size_t i = 0; i < values.size(); ++i) {
    const Value target = values[i].graph()->Constant(targets[i]);
    const Value term = Cast(Sum(Square(values[i] - target)) / (Sum(Square(target)) + kEpsilon), dtype);
    sum = sum.valid() ? sum + term : term;
  }
  return sum / static_cast<double>(values.size());
}

// The losses of a canvas in the same graph.
struct Losses {
  Value content, style, total;
};

absl::StatusOr<Losses> BuildLosses(const Network& network, const Tensor& content, const Tensor& style,
                                   const StyleOptions& options, const Canvas& canvas) {
  AD_ASSIGN_OR_RETURN(const Values content_layers, ValuesOf(network, options.content_layers));
  AD_ASSIGN_OR_RETURN(const Values style_layers, ValuesOf(network, options.style_layers));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> contents, Targets(network, content_layers, content, /*gram=*/false));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> grams, Targets(network, style_layers, style, /*gram=*/true));
  Values layers = content_layers;
  layers.insert(layers.end(), style_layers.begin(), style_layers.end());
  AD_ASSIGN_OR_RETURN(const Values seen, network.Apply(layers, canvas.images()));
  const auto first_style = seen.begin() + static_cast<std::ptrdiff_t>(content_layers.size());
  Values style_seen(first_style, seen.end());
  std::transform(style_seen.begin(), style_seen.end(), style_seen.begin(), Gram);
  Losses losses{.content = Distance(Values(seen.begin(), first_style), contents, content.dtype()),
                .style = Distance(style_seen, grams, content.dtype()),
                .total = {}};
  const Value roughness =
      Sum(Penalty({.total_variation = 1}, canvas.images())) / static_cast<double>(content.num_elements());
  losses.total = options.content_weight * losses.content + options.style_weight * losses.style +
                 options.total_variation * roughness;
  return losses;
}

// With layers chosen where none were named.
StyleOptions WithLayers(const Network& network, StyleOptions options) {
  const std::vector<std::string> some = SomeLayers(network, 5);
  if (options.style_layers.empty()) options.style_layers = some;
  if (options.content_layers.empty() && !some.empty()) options.content_layers = {some[some.size() / 2]};
  return options;
}

}  // namespace

absl::StatusOr<StyleResult> TransferStyle(const Network& network, const Tensor& content, const Tensor& style,
                                          const StyleOptions& given) {
  AD_RETURN_IF_ERROR(CheckPicture(network, "content", content));
  AD_RETURN_IF_ERROR(CheckPicture(network, "style", style));
  AD_RETURN_IF_ERROR(CheckOptions(given));
  const StyleOptions options = WithLayers(network, given);
  Graph graph;
  const NameScope names(&graph, network.FreeScope("style"));
  AD_ASSIGN_OR_RETURN(const Canvas canvas, Canvas::Create(&graph, content.type()));
  AD_ASSIGN_OR_RETURN(const Losses losses, BuildLosses(network, content, style, options, canvas));
  Updates step = nn::Adam({.learning_rate = options.rate}).Minimize(losses.total, {canvas.parameters()});
  for (Update& update : step) {
    if (update.variable == canvas.parameters()) update.value = canvas.Bounded(update.value);
  }
  const ExecutorOptions how{.threads = options.threads};
  AD_ASSIGN_OR_RETURN(Executor descend, Executor::Create({losses.content, losses.style}, step, how));
  AD_ASSIGN_OR_RETURN(Executor look, Executor::Create({losses.content, losses.style}, {}, how));

  State state = network.state();
  AD_RETURN_IF_ERROR(InitializeMissing(graph, /*seed=*/1, &state));
  state.Set(canvas.parameters().name(), content.Clone());
  StyleResult result;
  for (int i = 0; i <= options.steps; ++i) {
    Executor& executor = i < options.steps ? descend : look;
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> now, executor.Run({}, &state));
    result.content_losses.push_back(now[0].At(0));
    result.style_losses.push_back(now[1].At(0));
    if (i < options.steps && options.on_step) AD_RETURN_IF_ERROR(options.on_step(i + 1, options.steps));
  }
  AD_ASSIGN_OR_RETURN(result.image, state.Get(canvas.parameters().name()));
  result.content_layers = options.content_layers;
  result.style_layers = options.style_layers;
  return result;
}

}  // namespace adret::explain
