#include "adret/nn/inference.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/norm.h"
#include "adret/ops/random.h"

namespace adret::nn {
namespace {

// The variable of the old graph, in the new one.
absl::StatusOr<Value> VariableOf(Graph* from, const std::string& name, Graph* to) {
  AD_ASSIGN_OR_RETURN(const Value variable, from->Find(name));
  AD_ASSIGN_OR_RETURN(const Values copy, Import({variable}, {}, to));
  return copy[0];
}

// Normalisation with the running statistics beside the variable "<layer>/scale"; nothing where there are none.
absl::StatusOr<std::optional<Values>> Normalize(Graph* from, const Node& node, absl::Span<const Value> inputs,
                                                Graph* to) {
  const std::string scale = from->node(node.inputs[1].node).name;
  absl::string_view layer = scale;
  if (!absl::ConsumeSuffix(&layer, "scale")) return std::nullopt;
  const std::string mean = absl::StrCat(layer, "running_mean"), variance = absl::StrCat(layer, "running_variance");
  if (!from->Contains(mean) || !from->Contains(variance)) return std::nullopt;
  AD_ASSIGN_OR_RETURN(const Value running_mean, VariableOf(from, mean, to));
  AD_ASSIGN_OR_RETURN(const Value running_variance, VariableOf(from, variance, to));
  const Value y = BatchNormInference(
      inputs[0], {.scale = inputs[1], .bias = inputs[2], .mean = running_mean, .variance = running_variance},
      node.attrs.As<NormAttrs>());
  const bool is_free = y.valid() && !to->Contains(absl::StrCat(to->scope(), node.name));
  return Values{is_free ? y.Named(node.name) : y, running_mean, running_variance};
}

}  // namespace

absl::StatusOr<Values> ImportForInference(absl::Span<const Value> fetches,
                                          const std::vector<Substitution>& substitutions, Graph* to) {
  if (fetches.empty()) return Values{};
  Graph* from = fetches[0].graph();
  const auto replace = [&](const Node& node, absl::Span<const Value> inputs,
                           absl::Span<const Type> types) -> absl::StatusOr<std::optional<Values>> {
    const LocationScope location(to, node.location);
    if (node.op->name == "batch_norm") return Normalize(from, node, inputs, to);
    if (node.op->name != "random_bernoulli") return std::nullopt;
    const double mean = node.attrs.As<RandomBernoulliAttrs>().p;
    const Value constant = to->Constant(Tensor::Scalar(types[0].dtype, mean), node.location);
    return Values{BroadcastTo(constant, types[0].shape)};
  };
  return Import(fetches, substitutions, to, {.replace = replace});
}

}  // namespace adret::nn
