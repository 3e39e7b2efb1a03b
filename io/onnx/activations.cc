#include "adret/io/onnx/activations.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "absl/strings/match.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::onnx {
namespace {

struct Kind {
  absl::string_view name;
  int parameters;  // 1: alpha, 2: alpha and beta
  double alpha, beta;
  Value (*function)(const Value& x, double alpha, double beta);
};

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

const Kind kKinds[] = {
    {"Affine", 2, 1, 0, [](const Value& x, double a, double b) { return x * a + b; }},
    {"Elu", 1, 1, 0, [](const Value& x, double a, double) { return Elu(x, {.alpha = a}); }},
    {"HardSigmoid", 2, 0.2, 0.5,
     [](const Value& x, double a, double b) { return HardSigmoid(x, {.alpha = a, .beta = b}); }},
    {"LeakyRelu", 1, 0.01, 0, [](const Value& x, double a, double) { return LeakyRelu(x, {.slope = a}); }},
    {"Relu", 0, 0, 0, [](const Value& x, double, double) { return Relu(x); }},
    {"ScaledTanh", 2, kNone, kNone, [](const Value& x, double a, double b) { return a * Tanh(b * x); }},
    {"Sigmoid", 0, 0, 0, [](const Value& x, double, double) { return Sigmoid(x); }},
    {"Softplus", 0, 0, 0, [](const Value& x, double, double) { return Softplus(x); }},
    {"Softsign", 0, 0, 0, [](const Value& x, double, double) { return x / (1.0 + Abs(x)); }},
    {"Tanh", 0, 0, 0, [](const Value& x, double, double) { return Tanh(x); }},
    {"ThresholdedRelu", 1, 1, 0, [](const Value& x, double a, double) { return Where(GreaterEqual(x, a), x, 0.0); }},
};

const Kind* FindKind(absl::string_view name) {
  const Kind* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& k) { return absl::EqualsIgnoreCase(k.name, name); });
  return kind == std::end(kKinds) ? nullptr : kind;
}

}  // namespace

absl::StatusOr<std::vector<Activation>> ReadActivations(Call& c, std::vector<std::string> defaults, int directions) {
  const size_t each = defaults.size();
  for (size_t i = 0; i < each * (directions - 1); ++i) defaults.push_back(std::string(defaults[i]));
  const std::vector<std::string> names = c.Strings("activations", defaults);
  if (names.size() != defaults.size()) {
    return c.Error("activations has ", names.size(), " names where ", defaults.size(), " are expected");
  }
  const std::vector<double> alphas = c.Floats("activation_alpha"), betas = c.Floats("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<Activation> activations;
  for (const std::string& name : names) {
    const Kind* kind = FindKind(name);
    if (kind == nullptr) return c.Error("there is no activation ", Quoted(name));
    Activation one{kind->function, kind->alpha, kind->beta};
    if (kind->parameters > 0 && alpha < alphas.size()) one.alpha = alphas[alpha++];
    if (kind->parameters > 1 && beta < betas.size()) one.beta = betas[beta++];
    if (!std::isfinite(one.alpha) || !std::isfinite(one.beta)) {
      return c.Error("the activation ", kind->name, " needs finite activation_alpha and activation_beta");
    }
    activations.push_back(one);
  }
  if (alpha < alphas.size() || beta < betas.size()) {
    return c.Error("activation_alpha or activation_beta has more numbers than the activations have parameters");
  }
  return activations;
}

}  // namespace adret::onnx
