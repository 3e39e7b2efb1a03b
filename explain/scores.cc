#include "adret/explain/scores.h"

#include <cmath>

#include "absl/functional/function_ref.h"
#include "adret/core/random.h"
#include "adret/core/status.h"
#include "adret/nn/trainer.h"
#include "adret/ops/binary.h"
#include "adret/ops/softmax.h"
#include "adret/ops/unary.h"

namespace adret::explain {
namespace {

constexpr double kTolerance = 1e-3;

// Four images of noise, from dark ones to bright ones.
Tensor Noise(const Network& network) {
  constexpr int64_t kImages = 4;
  Shape shape = network.image_shape();
  shape.insert(0, kImages);
  Tensor images(network.dtype(), shape);
  const int64_t size = images.num_elements() / kImages;
  VisitFloating(images.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    RandomStream random(/*seed=*/1);
    T* pixel = images.mutable_data<T>().data();
    for (int64_t i = 0; i < images.num_elements(); ++i) {
      *pixel++ = static_cast<T>(random.Uniform() * static_cast<double>(i / size + 1) / kImages);
    }
  });
  return images;
}

// Whether f of all numbers are probabilities in each row of [n, classes].
bool AreProbabilities(const Tensor& rows, absl::FunctionRef<double(double)> f) {
  const int64_t n = rows.shape()[0], classes = rows.shape()[1];
  for (int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) {
      const double p = f(rows.At(i * classes + k));
      if (!(p >= 0)) return false;
      sum += p;
    }
    if (!(std::abs(sum - 1) <= kTolerance)) return false;
  }
  return true;
}

// The result of a function of single numbers, in whatever shape and precision.
bool IsOfSingleNumbers(Value value) {
  while (true) {
    const Node& node = value.graph()->node(value.node());
    const bool single = node.op->elementwise() && node.inputs.size() == 1;
    const bool same = node.op->traits.view || node.op->traits.identity;
    if (!single && !same) return false;
    const Value x(value.graph(), node.inputs[single ? 0 : value.id().output]);
    if (single && x.dtype() == value.dtype()) return true;
    value = x;
  }
}

// What a softmax was taken of; invalid for the results of other ops.
Value SoftmaxOf(const Value& values) {
  if (!values.valid()) return Value();
  const Node& node = values.graph()->node(values.node());
  return node.op->name == "softmax" ? Value(values.graph(), node.inputs[0]) : Value();
}

}  // namespace

absl::StatusOr<Scores> ScoresOf(const Network& network, const UnitLayer& layer, const ExecutorOptions& options) {
  if (layer.value.rank() != 2) return Scores::kOther;
  AD_ASSIGN_OR_RETURN(const Tensor rows,
                      nn::RunInBatches(layer.value, network.input(), network.FromImages(Noise(network)),
                                       network.state(), {.threads = options.threads}));
  if (AreProbabilities(rows, [](double v) { return v; })) return Scores::kProbabilities;
  if (layer.units() == 1) return Scores::kOther;
  const bool logs = AreProbabilities(rows, [](double v) { return std::exp(v); });
  return logs || !IsOfSingleNumbers(layer.value) ? Scores::kLogits : Scores::kOther;
}

Value Probabilities(Operand values, Scores scores) {
  const LocationScope place(values.graph(), values.location());
  return scores == Scores::kProbabilities || SoftmaxOf(values).valid() ? Value(values) : Softmax(values, /*axis=*/1);
}

Value LogProbabilities(Operand values, Scores scores) {
  const LocationScope place(values.graph(), values.location());
  if (const Value logits = SoftmaxOf(values); logits.valid()) return LogSoftmax(logits, /*axis=*/1);
  constexpr double kTiny = 1e-30;  // has a logarithm in f32, too
  return scores == Scores::kProbabilities ? Log(Maximum(values, kTiny)) : LogSoftmax(values, /*axis=*/1);
}

}  // namespace adret::explain
