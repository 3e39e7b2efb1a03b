// The lecture's network, trained for a moment on digits: what tests look into.
#ifndef ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_
#define ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_

#include <cstdlib>
#include <string>

#include "adret/explain/network.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/idx.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/nn/trainer.h"

namespace adret::explain {

// MNIST where the environment says where it is, drawn digits otherwise.
inline const io::TrainAndTest& Digits() {
  static const io::TrainAndTest* digits = [] {
    const char* data = std::getenv("ADRET_DATA");
    return new io::TrainAndTest(data != nullptr ? *io::LoadMnist(std::string(data) + "/mnist")
                                                : *io::DrawnDigits({.train = 6000, .test = 10000}));
  }();
  return *digits;
}

inline const Network& DigitsNetwork() {
  static const Network* network = [] {
    Graph graph;
    const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 28, 28});
    const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
    const nn::Sequential net{
        nn::Conv2d(25, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(50, 3), nn::Relu(),
        nn::MaxPool2d(2),  nn::Flatten(), nn::Dense(100),   nn::Relu(),        nn::Dense(10).Named("logits")};
    const Value logits = net(image);
    const Value loss = nn::SoftmaxCrossEntropy(logits, label);
    const Updates step = nn::Adam({.learning_rate = 2e-3}).Minimize(loss, graph.variables());
    State state = *InitialState(graph, /*seed=*/1);
    nn::Trainer trainer = *nn::Trainer::Create({.x = image, .y = label, .loss = loss, .updates = step}, {.batch = 50});
    const io::Dataset& train = Digits().train;
    std::vector<uint32_t> first(6000);
    for (uint32_t i = 0; i < first.size(); ++i) first[i] = i;
    const Tensor x = nn::TakeRows(train.images, first, DType::kUint8);
    const Tensor y = nn::TakeRows(train.labels, first, DType::kInt64);
    AD_CHECK(trainer.Fit({x, y}, &state, {.epochs = 2}).ok());
    return new Network(*Network::Create(image, logits, state, "logits"));
  }();
  return *network;
}

}  // namespace adret::explain

#endif  // ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_
