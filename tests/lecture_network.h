// The lecture's network, for tests that look into networks: its layers in any size, its loss and a training step.
//
//   const LectureNetwork net({.filters = {4, 8}, .neurons = 16});      // small
//   State state = *InitialState(net.graph, /*seed=*/1);
//   Tensor logits = *Evaluate(net.logits, {{net.image, digits}}, &state);
#ifndef ADRET_TESTS_LECTURE_NETWORK_H_
#define ADRET_TESTS_LECTURE_NETWORK_H_

#include <array>
#include <cstdint>

#include "adret/core/graph.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"

namespace adret {

struct LectureSizes {
  std::array<int64_t, 2> filters = {25, 50};
  int64_t neurons = 100;
};

inline nn::Sequential LectureLayers(const LectureSizes& sizes = {}) {
  const auto& [a, b] = sizes.filters;
  const nn::Layer logits = nn::Dense(10).Named("logits");
  return {nn::Conv2d(a, 3), nn::Relu(),    nn::MaxPool2d(2),         nn::Conv2d(b, 3), nn::Relu(),
          nn::MaxPool2d(2), nn::Flatten(), nn::Dense(sizes.neurons), nn::Relu(),       logits};
}

struct LectureNetwork {
  explicit LectureNetwork(const LectureSizes& sizes = {}, double learning_rate = 1e-3) {
    image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
    label = graph.Input("label", DType::kInt64, {kAnyBatch});
    logits = LectureLayers(sizes)(image);
    loss = nn::SoftmaxCrossEntropy(logits, label).Named("loss");
    step = nn::Adam({.learning_rate = learning_rate}).Minimize(loss, graph.variables());
  }

  Graph graph;
  Value image, label, logits, loss;
  Updates step;
};

}  // namespace adret

#endif  // ADRET_TESTS_LECTURE_NETWORK_H_
