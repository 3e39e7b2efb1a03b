#include <algorithm>

#include "absl/strings/str_cat.h"
#include "adret/nn/embedding.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/schedules.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/ops/unary.h"
#include "adret/tests/fuzz/graphs/generate.h"

namespace adret::fuzz {
namespace {

nn::Layer Activation(Dice* dice) {
  switch (dice->Below(8)) {
    case 0:
      return nn::Tanh();
    case 1:
      return nn::Sigmoid();
    case 2:
      return nn::Gelu();
    case 3:
      return nn::LeakyRelu();
    case 4:
      return nn::Softplus();
    case 5:
      return nn::Softmax();
    case 6:
      return nn::LayerNorm();
    default:
      return nn::Relu();
  }
}

nn::Layer ImageLayer(Dice* dice) {
  const Padding padding = dice->Chance(0.5) ? Padding::Same() : Padding::Valid();
  switch (dice->Below(7)) {
    case 0:
      return nn::MaxPool2d(dice->Between(1, 2), {.ceil_mode = dice->Chance(0.5)});
    case 1:
      return nn::AvgPool2d(dice->Between(1, 2));
    case 2:
      return nn::BatchNorm();
    case 3:
    case 4:
      return Activation(dice);
    default:
      return nn::Conv2d(
          dice->Between(1, 4), dice->Between(1, 3),
          {.stride = {dice->Between(1, 3), dice->Between(1, 3)}, .padding = padding, .bias = dice->Chance(0.7)});
  }
}

nn::Layer VectorLayer(Dice* dice) {
  switch (dice->Below(5)) {
    case 0:
      return nn::BatchNorm();
    case 1:
      return Activation(dice);
    case 2:
      return dice->Chance(0.3) ? nn::Dropout(0.5) : Activation(dice);
    default:
      return nn::Dense(dice->PickOf({1, 1, 2, 3, 5, 8}), {.bias = dice->Chance(0.8)});
  }
}

nn::Schedule RandomSchedule(Dice* dice) {
  switch (dice->Below(5)) {
    case 0:
      return nn::StepDecay({.start = 0.1, .gamma = 0.5, .every = 1});
    case 1:
      return nn::Cosine({.start = 0.1, .steps = 3});
    case 2:
      return nn::OneCycle({.max = 0.1, .steps = 4});
    case 3:
      return nn::WarmUp(2, nn::ConstantRate(0.05));
    default:
      return 0.05;
  }
}

Value Loss(Value y, Graph* graph, Dice* dice) {
  const Shape& shape = y.shape();
  if (shape.rank() == 2 && dice->Chance(0.3)) {
    return nn::SoftmaxCrossEntropy(y, graph->Input("label", DType::kInt64, {shape[0]}));
  }
  const Value target = graph->Input("target", y.dtype(), shape);
  switch (dice->Below(4)) {
    case 0:
      return nn::MeanAbsoluteError(y, target);
    case 1:
      return nn::Huber(y, target);
    case 2:
      return nn::BinaryCrossEntropy(y, target);
    default:
      return nn::MeanSquaredError(y, target);
  }
}

// A penalty on some of the variables, or on all.
Value Penalized(Value loss, const Values& variables, Dice* dice) {
  const bool all = dice->Chance(0.5), absolute = dice->Chance(0.2);
  for (const Value& w : variables) {
    if (all || dice->Chance(0.5)) loss = loss + 1e-2 * Sum(absolute ? Abs(w) : Square(w));
  }
  return loss;
}

Value Network(Value x, const nn::Layer& first, Dice* dice) {
  std::vector<nn::Layer> layers{first};
  if (x.rank() == 4) {
    for (int n = dice->Between(1, 5); n > 0; --n) layers.push_back(ImageLayer(dice));
    if (dice->Chance(0.3)) layers.push_back(nn::GlobalAvgPool2d());
    layers.push_back(nn::Flatten());
  }
  for (int n = dice->Between(1, 4); n > 0; --n) layers.push_back(VectorLayer(dice));
  if (dice->Chance(0.7)) layers.push_back(nn::Dense(dice->PickOf({1, 1, 2, 3})));
  return nn::Sequential(layers)(x);
}

// Looks up a table for each number of a row; with another table for the same numbers at times.
nn::Layer LookUp(DType dtype, bool sparse, Dice* dice) {
  const int64_t width = dice->PickOf<int64_t>({1, 2, 3, 5});
  const auto table = [&] {
    return nn::Embedding(dice->Between(4, 9), width,
                         {.padding_index = dice->Chance(0.3) ? 1 : -1, .dtype = dtype, .sparse = sparse});
  };
  const nn::Layer one = table(), other = dice->Chance(0.3) ? table() : one;
  const bool twice = dice->Chance(0.5);
  return nn::Layer("", [=](nn::LayerCall&, Value x) {
    const Value y = one(x);
    return nn::Flatten()(twice ? y * other(x) : y);
  });
}

}  // namespace

Updates RandomOptimizerStep(Value loss, const Values& variables, Dice* dice, bool sparse) {
  const nn::Schedule rate = RandomSchedule(dice);
  nn::CommonOptions common;
  if (dice->Chance(0.3)) common.clip_value = 0.1;
  if (dice->Chance(0.4)) common.clip_norm = dice->PickOf({0.01, 1.0, 100.0});
  const double decay = dice->Chance(0.3) && !sparse ? 0.01 : 0, momentum = dice->Chance(0.5) && !sparse ? 0.9 : 0;
  const nn::Optimizer any[] = {
      nn::Sgd({.learning_rate = rate,
               .momentum = momentum,
               .nesterov = momentum > 0 && dice->Chance(0.5),
               .weight_decay = decay,
               .common = common}),
      nn::Adagrad({.learning_rate = rate, .weight_decay = decay, .common = common}),
      nn::SparseAdam({.learning_rate = rate, .common = common}),
      nn::Adam({.learning_rate = rate, .weight_decay = decay, .common = common}),
      nn::AdamW({.learning_rate = rate, .common = common}),
      nn::RmsProp({.learning_rate = rate, .momentum = momentum, .weight_decay = decay, .common = common}),
  };
  return any[dice->Below(sparse ? 3 : 6)].Minimize(loss, variables);
}

GraphCase GenerateNetwork(Dice* dice) {
  for (;;) {
    GraphCase c;
    const DType dtype = dice->Chance(0.6) ? DType::kFloat64 : DType::kFloat32;
    const bool symbolic = dice->Chance(0.7), image = dice->Chance(0.5);
    const bool tokens = !image && dice->Chance(0.4), sparse = tokens && dice->Chance(0.8);
    const int64_t batch = dice->PickOf<int64_t>({1, 1, 2, 3, 5}),
                  size = dice->PickOf<int64_t>({1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9});
    Shape shape{symbolic ? kAnyBatch : batch};
    if (image) {
      for (int64_t d : {int64_t{dice->Between(1, 3)}, size, dice->Chance(0.7) ? size : dice->Between(1, 9)}) {
        shape.push_back(d);
      }
    } else {
      shape.push_back(dice->PickOf<int64_t>({1, 2, 3, 7}));
    }
    const Value x = c.graph->Input("x", tokens ? DType::kInt64 : dtype, shape);
    const Value y = Network(x, tokens ? LookUp(dtype, sparse, dice) : nn::Sequential{}, dice);
    if (!y.valid()) continue;
    Value loss = Loss(y, c.graph.get(), dice);
    const Values variables = c.graph->variables();
    if (dice->Chance(0.5)) loss = Penalized(loss, variables, dice);
    c.fetches = {loss};
    if (dice->Chance(0.3)) c.fetches.push_back(y);
    // A penalty on a table makes its gradient dense, and then any optimiser will do; the others need not.
    if (!variables.empty()) c.updates = RandomOptimizerStep(loss, variables, dice, sparse);
    if (!c.graph->status().ok()) continue;
    absl::StatusOr<State> state = InitialState(*c.graph, 1 + dice->Below(1000));
    if (!state.ok()) continue;
    c.state = *std::move(state);
    for (int r = dice->Between(1, 3); r > 0; --r) {
      const int64_t now = c.runs.empty() || !symbolic ? batch : dice->Between(1, 5);
      Feeds& feeds = c.runs.emplace_back();
      for (const Value& input : c.graph->inputs()) {
        feeds.emplace_back(input, RandomTensor({input.dtype(), input.shape().With(now)}, dice));
      }
    }
    return c;
  }
}

}  // namespace adret::fuzz
