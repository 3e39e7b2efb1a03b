// Activation functions.
#include <cmath>
#include <string>

#include "adret/core/status.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/operators.h"
#include "adret/ops/binary.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/compare.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

using Results = absl::StatusOr<Values>;

// Reads a function as the first operator sets have it: with an attribute for the reuse of memory.
template <Results (*from)(Call&)>
Results Old(Call& c) {
  c.Ignore("consumed_inputs");
  return from(c);
}
template <Value (*build)(Operand)>
Results Unary(Call& c) {
  return Values{build(c.x(0))};
}

// Computes x where x > 0, alpha * (exp(x / tau) - 1) elsewhere.
Value ExponentialUnit(const Value& x, double alpha, double tau = 1) {
  if (tau == 1 && alpha >= 0) return Elu(x, {.alpha = alpha});
  return Relu(x) + alpha * Expm1(Minimum(x, 0.0) / tau);
}

Results CeluFrom(Call& c) {
  const double alpha = c.Float("alpha", 1);
  if (alpha == 0) return c.Error("alpha must not be 0");
  return Values{ExponentialUnit(c.x(0), alpha, alpha)};
}

Results EluFrom(Call& c) { return Values{ExponentialUnit(c.x(0), c.Float("alpha", 1))}; }

Results Selu(Call& c, double alpha, double gamma) {
  return Values{c.Float("gamma", gamma) * ExponentialUnit(c.x(0), c.Float("alpha", alpha))};
}
Results SeluFrom(Call& c) { return Selu(c, 1.67326319217681884765625, 1.05070102214813232421875); }
Results SeluFrom1(Call& c) {
  c.Ignore("consumed_inputs");
  return Selu(c, 1.6732, 1.0507);
}

Results GeluFrom(Call& c) {
  const std::string approximate = c.String("approximate", "none");
  if (approximate != "none" && approximate != "tanh") return c.Error("approximate must be none or tanh");
  return Values{Gelu(c.x(0), {.approximate = approximate == "tanh"})};
}

Results HardSigmoidFrom(Call& c) {
  return Values{HardSigmoid(c.x(0), {.alpha = c.Float("alpha", 0.2f), .beta = c.Float("beta", 0.5)})};
}

Results HardSwishFrom(Call& c) { return Values{c.x(0) * HardSigmoid(c.x(0), {.alpha = 1.0 / 6, .beta = 0.5})}; }

Results LeakyReluFrom(Call& c) { return Values{LeakyRelu(c.x(0), {.slope = c.Float("alpha", 0.01f)})}; }

Results MishFrom(Call& c) { return Values{c.x(0) * Tanh(Softplus(c.x(0)))}; }

Results ShrinkFrom(Call& c) {
  const double bias = c.Float("bias", 0), threshold = c.Float("lambd", 0.5);
  const Value given = c.x(0);
  const Value x = IsInteger(given.dtype()) ? Cast(given, DType::kFloat64) : given;
  const Value y = Where(Less(x, -threshold), x + bias, Where(Greater(x, threshold), x - bias, ZerosLike(x)));
  return Values{Cast(y, given.dtype())};
}

Results SoftsignFrom(Call& c) { return Values{c.x(0) / (Abs(c.x(0)) + 1.0)}; }

Results SwishFrom(Call& c) {
  const double alpha = c.Float("alpha", 1);
  return Values{alpha == 1 ? Silu(c.x(0)) : c.x(0) * Sigmoid(alpha * c.x(0))};
}

Results ThresholdedReluFrom(Call& c) {
  return Values{Where(Greater(c.x(0), c.Float("alpha", 1)), c.x(0), ZerosLike(c.x(0)))};
}

// The slope is repeated to x's shape, never x to the slope's.
Value PRelu(const Value& x, const Value& slope) { return Relu(x) + BroadcastTo(slope, x.shape()) * Minimum(x, 0.0); }

Results PReluFrom(Call& c) { return Values{PRelu(c.x(0), c.x(1))}; }

// In old operator sets several slopes are those of the channels.
Results PReluFrom1(Call& c) {
  c.Ignore("consumed_inputs");
  const Value x = c.x(0), slope = c.x(1);
  if (slope.rank() > 1 || slope.shape() == Shape{1}) return Values{PRelu(x, slope)};
  std::vector<int64_t> axes;
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis - 1);
  return Values{PRelu(x, slope.rank() == 0 || axes.empty() ? slope : Unsqueeze(slope, axes))};
}

const OperatorRegistration kActivations({
    {.name = "Relu", .since = 6, .op = "relu"},
    {.name = "Relu", .since = 1, .from = Old<Unary<Relu>>},
    {.name = "Tanh", .since = 6, .op = "tanh"},
    {.name = "Tanh", .since = 1, .from = Old<Unary<Tanh>>},
    {.name = "Sigmoid", .since = 6, .op = "sigmoid"},
    {.name = "Sigmoid", .since = 1, .from = Old<Unary<Sigmoid>>},
    {.name = "Softplus", .since = 1, .op = "softplus"},
    {.name = "Softsign", .since = 1, .from = SoftsignFrom},
    {.name = "Elu", .since = 6, .from = EluFrom},
    {.name = "Elu", .since = 1, .from = Old<EluFrom>},
    {.name = "Celu", .since = 12, .from = CeluFrom},
    {.name = "Selu", .since = 6, .from = SeluFrom},
    {.name = "Selu", .since = 1, .from = SeluFrom1},
    {.name = "Gelu", .since = 20, .from = GeluFrom},
    {.name = "HardSigmoid", .since = 6, .from = HardSigmoidFrom},
    {.name = "HardSigmoid", .since = 1, .from = Old<HardSigmoidFrom>},
    {.name = "HardSwish", .since = 14, .from = HardSwishFrom},
    {.name = "LeakyRelu", .since = 6, .from = LeakyReluFrom},
    {.name = "LeakyRelu", .since = 1, .from = Old<LeakyReluFrom>},
    {.name = "Mish", .since = 18, .from = MishFrom},
    {.name = "PRelu", .since = 7, .from = PReluFrom},
    {.name = "PRelu", .since = 1, .from = PReluFrom1},
    {.name = "Shrink", .since = 9, .from = ShrinkFrom},
    {.name = "Swish", .since = 24, .from = SwishFrom},
    {.name = "ThresholdedRelu", .since = 10, .from = ThresholdedReluFrom},
});

}  // namespace
}  // namespace adret::onnx
