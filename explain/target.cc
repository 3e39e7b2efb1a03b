#include "adret/explain/target.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/explain/errors_internal.h"
#include "adret/nn/batches.h"
#include "adret/ops/gather.h"
#include "adret/ops/layout.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/slice.h"

namespace adret::explain {
namespace {

absl::Status CheckTarget(const Target& target, const UnitLayer& layer) {
  if (target.probability) AD_RETURN_IF_ERROR(CheckClasses(layer));
  for (int64_t unit : target.units) AD_RETURN_IF_ERROR(layer.CheckUnit(unit));
  return target.position.has_value() ? layer.CheckPosition(*target.position) : absl::OkStatus();
}

}  // namespace

Value UnitValues(Operand layer) {
  const LocationScope place(layer.graph(), layer.location());
  if (!layer->valid() || layer->rank() <= 2) return layer;
  std::vector<int64_t> axes(layer->rank() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return Sum(layer, {.axes = axes});
}

Value Pick(Operand values, Operand unit) {
  const LocationScope place(values.graph(), values.location());
  return Squeeze(GatherElements(values, Unsqueeze(unit, {1}), 1), {1});
}

absl::Status CheckClasses(const UnitLayer& layer) {
  if (layer.value.rank() == 2) return absl::OkStatus();
  return Bad("a probability is one of classes [n, classes], but '", layer.name, "' is ", layer.value.type().ToString());
}

bool FollowsFrom(const Value& y, const Value& x) { return y != x && Descendants(*x.graph(), x)[y.node()]; }

absl::StatusOr<TargetGraph> TargetGraph::Create(const Network& network, const Target& target,
                                                absl::Span<const Value> more) {
  TargetGraph f;
  f.layer = network.output_layer();
  if (!target.layer.empty()) {
    AD_ASSIGN_OR_RETURN(f.layer, network.FindLayer(target.layer));
  }
  AD_RETURN_IF_ERROR(CheckTarget(target, f.layer));
  f.graph = std::make_unique<Graph>();
  Shape shape = network.image_shape();
  shape.insert(0, kAnyBatch);
  {
    const NameScope names(f.graph.get(), network.FreeScope("explained"));
    f.images = f.graph->Input("images", network.dtype(), shape);
    f.unit = f.graph->Input("unit", DType::kInt64, {kAnyBatch});
  }
  Values wanted = {f.layer.value};
  wanted.insert(wanted.end(), more.begin(), more.end());
  AD_ASSIGN_OR_RETURN(const Values copies, network.Apply(wanted, f.images));
  f.more.assign(copies.begin() + 1, copies.end());
  Value layer = copies[0];
  if (target.position.has_value()) {
    const auto& [row, column] = *target.position;
    layer = Slice(layer, {.axes = {kHeightAxis, kWidthAxis}, .begins = {row, column}, .ends = {row + 1, column + 1}});
  }
  f.units = UnitValues(layer);
  if (target.units.size() == 1 && layer.rank() > 2) {
    // The one unit for all is cut out: plans compute no other map then, nor other maps' gradients.
    f.y = Squeeze(UnitValues(Slice(layer, kChannelAxis, target.units[0], target.units[0] + 1)), {1});
  } else {
    Value values = f.units;
    if (target.probability) {
      AD_ASSIGN_OR_RETURN(const Scores scores, ScoresOf(network, f.layer));
      values = Probabilities(values, scores);
    }
    f.y = Pick(values, f.unit);
  }
  AD_RETURN_IF_ERROR(f.graph->status());
  return f;
}

absl::StatusOr<std::vector<int64_t>> TargetGraph::UnitsOf(const Network& network, const Target& target,
                                                          const Tensor& all, const ExecutorOptions& options) const {
  const int64_t n = all.shape()[0], count = static_cast<int64_t>(target.units.size());
  if (count == n) return target.units;
  if (count == 1) return std::vector<int64_t>(n, target.units[0]);
  if (count > 0) {
    return Bad("the target has ", count, " units for ", n, " images; it takes one for each, or one for all");
  }
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({ArgMax(units, {.axis = 1})}, {}, options));
  std::vector<int64_t> largest;
  for (uint32_t i = 0; i < n; ++i) {
    const Tensor image = nn::TakeRows(all, {i}, network.dtype());
    AD_ASSIGN_OR_RETURN(const std::vector<Tensor> found, executor.Run({{images, image}}, network.state()));
    largest.push_back(found[0].data<int64_t>()[0]);
  }
  return largest;
}

}  // namespace adret::explain
