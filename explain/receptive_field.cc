#include "adret/explain/receptive_field.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/status.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/pool2d.h"
#include "adret/ops/reduce.h"
#include "adret/ops/slice.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::explain {
namespace {

// 1 where x is not 0, elsewhere 0. Every gradient here is made one: contributions far from the middle may be tiny, and
// kernels' rounding is not (Winograd's leaves residues where nothing is).
Value Indicator(const Value& x, double threshold = 0) { return Cast(Greater(Abs(x), threshold), x.dtype()); }

// Of element-wise ops: dx = dy.
Values Pass(const GradientContext& c) {
  Values dx;
  for (int i = 0; i < c.num_inputs(); ++i) {
    dx.push_back(IsAnyFloating(c.x(i).dtype()) ? Cast(c.dy(), c.x(i).dtype()) : Value());
  }
  return dx;
}

// The gradient that another function of the same input would have.
Values As(const GradientContext& c, Value y) { return Gradients({y}, {c.x()}, {.seeds = {c.dy()}}); }

Values MaxPoolAsMean(const GradientContext& c) {
  const auto& a = c.attrs<MaxPool2dAttrs>();
  return As(c,
            AvgPool2d(c.x(), {.kernel = a.kernel, .stride = a.stride, .padding = a.padding, .ceil_mode = a.ceil_mode}));
}

Values ExtremumAsSum(const GradientContext& c) { return As(c, Sum(c.x(), c.attrs<ReduceAttrs>())); }

// Which pixels a filter without zeros reaches, where weights that are exactly 0 count as none: whole numbers, from
// which rounding is told apart. For conv2d and its transpose alike.
Values FilterReaches(const GradientContext& c) {
  const Value w = Indicator(c.x(1));
  const Values dx =
      Gradients({Build(c.node().op->name, {c.x(0), w}, c.node().attrs)}, {c.x(0)}, {.seeds = {Indicator(c.dy())}});
  return {Indicator(dx[0], 0.5), Value()};
}

GradientOptions EverythingPasses() {
  GradientOptions options;
  for (const Op* op : AllOps()) {
    if (op->elementwise() && op->gradient != nullptr) options.overrides[op->name] = Pass;
  }
  options.overrides["max_pool2d"] = MaxPoolAsMean;
  options.overrides["max"] = options.overrides["min"] = ExtremumAsSum;
  options.overrides["conv2d"] = options.overrides["conv2d_x_grad"] = FilterReaches;
  return options;
}

// Rows and columns from the first to the last that are not 0 in some channel of images [1, c, h, w].
ReceptiveField Extent(const Tensor& slope) {
  const int64_t h = slope.shape()[2], w = slope.shape()[3];
  int64_t top = h, bottom = -1, left = w, right = -1;
  for (int64_t i = 0; i < slope.num_elements(); ++i) {
    if (slope.At(i) == 0) continue;
    const int64_t y = i / w % h, x = i % w;
    top = std::min(top, y), bottom = std::max(bottom, y);
    left = std::min(left, x), right = std::max(right, x);
  }
  return {std::max<int64_t>(bottom - top + 1, 0), std::max<int64_t>(right - left + 1, 0)};
}

}  // namespace

absl::StatusOr<ReceptiveField> ReceptiveFieldOf(const Network& network, const UnitLayer& layer) {
  if (!layer.has_maps()) return absl::InvalidArgumentError(absl::StrCat("layer ", layer.name, " has no maps"));
  Graph graph;
  Shape shape = network.image_shape();
  shape.insert(0, 1);
  const Value image = graph.Constant(Tensor::Zeros(network.dtype(), shape));
  AD_ASSIGN_OR_RETURN(const Values maps, network.Apply({layer.value}, image));
  const int64_t y = maps[0].shape()[2] / 2, x = maps[0].shape()[3] / 2;
  const Value middle = Slice(Slice(maps[0], 2, y, y + 1), 3, x, x + 1);
  // Units count differently, so that filters do not cancel each other.
  Tensor weights(DType::kFloat64, middle.shape());
  RandomStream random(/*seed=*/1);
  for (double& weight : weights.mutable_data<double>()) weight = random.Uniform(0.5, 1.5);
  GradientOptions options = EverythingPasses();
  options.seeds = {graph.Constant(weights.Cast(middle.dtype()))};
  const Value slope = Gradients({middle}, {image}, options)[0];
  AD_RETURN_IF_ERROR(graph.status());
  AD_ASSIGN_OR_RETURN(const Tensor numbers, Evaluate(slope, {}, &network.state()));
  return Extent(numbers);
}

}  // namespace adret::explain
