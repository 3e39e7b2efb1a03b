// How normalisations are written as ONNX.
#include "adret/io/onnx/emitter.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/norm.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"

namespace adret::onnx {
namespace {

using Result = absl::StatusOr<Names>;

// The axes that are averaged over, and those that scale and bias lack.
struct Axes {
  std::vector<int64_t> statistics, parameters;
};
Axes ChannelAxes(const Shape& x, const Shape&) {
  Axes axes;
  for (int a = 0; a < x.rank(); ++a) {
    if (a != 1) axes.statistics.push_back(a);
  }
  axes.parameters = axes.statistics;
  return axes;
}
Axes TrailingAxes(const Shape& x, const Shape& scale) {
  Axes axes;
  for (int a = 0; a < x.rank(); ++a) (a < x.rank() - scale.rank() ? axes.parameters : axes.statistics).push_back(a);
  return axes;
}
using AxesRule = Axes (*)(const Shape& x, const Shape& scale);

double EpsilonOf(const Node& node) { return node.attrs.As<NormAttrs>().epsilon; }

Value SumOver(const Value& v, const std::vector<int64_t>& axes) { return axes.empty() ? v : Sum(v, {.axes = axes}); }
Value MeanOver(const Value& v, const std::vector<int64_t>& axes) { return axes.empty() ? v : Mean(v, {.axes = axes}); }

// ---- Of channels and layers ----------------------------------------------------------------------------------------

// y, mean and variance; the latter of differences, so that they are accurate far from zero.
template <AxesRule kAxes>
Values Normalized(const Node& node, const Values& x) {
  const Axes axes = kAxes(x[0].shape(), x[1].shape());
  const auto over_statistics = [&](const Value& v) { return BroadcastReduced(v, x[0], axes.statistics); };
  const auto over_parameters = [&](const Value& v) { return BroadcastReduced(v, x[0], axes.parameters); };
  const Value mean = MeanOver(x[0], axes.statistics), centred = x[0] - over_statistics(mean);
  const Value variance = MeanOver(Square(centred), axes.statistics);
  const Value z = centred * over_statistics(Rsqrt(variance + EpsilonOf(node)));
  return {z * over_parameters(x[1]) + over_parameters(x[2]), mean, variance};
}

// With z = (x - mean) r, r = 1 / sqrt(variance + epsilon) and g = dy scale: dx = r (g - mean(g) - z mean(g z)).
template <AxesRule kAxes>
Values NormalizedSlope(const Node& node, const Values& x) {
  const Axes axes = kAxes(x[0].shape(), x[1].shape());
  const auto over_statistics = [&](const Value& v) { return BroadcastReduced(v, x[0], axes.statistics); };
  const Value r = over_statistics(Rsqrt(x[3] + EpsilonOf(node))), &dy = x[4];
  const Value z = (x[0] - over_statistics(x[2])) * r;
  const Value g = dy * BroadcastReduced(x[1], x[0], axes.parameters);
  const auto mean = [&](const Value& v) { return over_statistics(MeanOver(v, axes.statistics)); };
  return {r * (g - mean(g) - z * mean(g * z)), SumOver(dy * z, axes.parameters), SumOver(dy, axes.parameters)};
}

// With a momentum of 0, the running statistics that come out are the batch's, whatever they were.
// Attributes are f32.
bool IsBatchNormalization(const Site& s, int64_t version) {
  const double epsilon = EpsilonOf(s.node);
  return version >= 15 &&
         (s.type().dtype == DType::kFloat32 || static_cast<double>(static_cast<float>(epsilon)) == epsilon);
}
Result BatchNormTo(Emitter& e, const Site& s) {
  // Two arrays, and two different ones: ONNX Runtime writes the results over them.
  const std::string mean = e.Full(s.type(1), 0), variance = e.Full(s.type(1), 1);
  return e.NodeMulti("BatchNormalization", {s.x(0), s.x(1), s.x(2), mean, variance}, 3,
                     {{"epsilon", EpsilonOf(s.node)}, {"momentum", 0.0}, {"training_mode", int64_t{1}}});
}

// LayerNormalization computes in f32, and has the reciprocal of a deviation where adret has the variance.
bool IsLayerNormalization(const Site& s, int64_t version) {
  return version >= 17 && s.type().dtype == DType::kFloat32 && !s.read[1] && !s.read[2];
}
Result LayerNormTo(Emitter& e, const Site& s) {
  const EmittedAttrs attrs = {{"axis", int64_t{-s.shape(1).rank()}}, {"epsilon", EpsilonOf(s.node)}};
  return Names{e.Node("LayerNormalization", s.inputs, attrs), "", ""};
}

// ---- By the root of the mean square --------------------------------------------------------------------------------

Values RmsNormOf(const Node& node, const Values& x) {
  const Axes axes = TrailingAxes(x[0].shape(), x[1].shape());
  const Value mean_square = MeanOver(Square(x[0]), axes.statistics);
  const Value r = BroadcastReduced(Rsqrt(mean_square + EpsilonOf(node)), x[0], axes.statistics);
  return {x[0] * r * BroadcastReduced(x[1], x[0], axes.parameters), mean_square};
}

// As above, where a mean of 0 is given and not computed.
Values RmsNormSlope(const Node& node, const Values& x) {
  const Axes axes = TrailingAxes(x[0].shape(), x[1].shape());
  const auto over_statistics = [&](const Value& v) { return BroadcastReduced(v, x[0], axes.statistics); };
  const Value r = over_statistics(Rsqrt(x[2] + EpsilonOf(node))), z = x[0] * r, &dy = x[3];
  const Value g = dy * BroadcastReduced(x[1], x[0], axes.parameters);
  return {r * (g - z * over_statistics(MeanOver(g * z, axes.statistics))), SumOver(dy * z, axes.parameters)};
}

bool IsRmsNormalization(const Site& s, int64_t version) {
  return version >= 23 && s.type().dtype == DType::kFloat32 && !s.read[1];
}
Result RmsNormTo(Emitter& e, const Site& s) {
  const EmittedAttrs attrs = {{"axis", int64_t{-s.shape(1).rank()}}, {"epsilon", EpsilonOf(s.node)}};
  return Names{e.Node("RMSNormalization", s.inputs, attrs), ""};
}

const WriterRegistration kNorm({
    {.op = "batch_norm", .to = BatchNormTo, .expand = Normalized<ChannelAxes>, .fits = IsBatchNormalization},
    {.op = "batch_norm_x_grad", .expand = NormalizedSlope<ChannelAxes>},
    {.op = "layer_norm", .to = LayerNormTo, .expand = Normalized<TrailingAxes>, .fits = IsLayerNormalization},
    {.op = "layer_norm_x_grad", .expand = NormalizedSlope<TrailingAxes>},
    {.op = "rms_norm", .to = RmsNormTo, .expand = RmsNormOf, .fits = IsRmsNormalization},
    {.op = "rms_norm_x_grad", .expand = RmsNormSlope},
});

}  // namespace
}  // namespace adret::onnx
