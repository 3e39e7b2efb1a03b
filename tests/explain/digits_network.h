// The lecture's network, trained for a moment on digits: what tests look into.
#ifndef ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_
#define ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_

#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "adret/explain/network.h"
#include "adret/io/drawn_digits.h"
#include "adret/io/idx.h"
#include "adret/nn/trainer.h"
#include "adret/tests/lecture_network.h"

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

// Rows 0 to n - 1.
inline Tensor FirstRows(const Tensor& data, uint32_t n, DType dtype) {
  std::vector<uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  return nn::TakeRows(data, rows, dtype);
}

// Sanitizers take their time: they learn from fewer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr uint32_t kTrained = 4000;
#else
inline constexpr uint32_t kTrained = 6000;
#endif

inline const Network& DigitsNetwork() {
  static const Network* network = [] {
    const LectureNetwork net({}, /*learning_rate=*/2e-3);
    State state = *InitialState(net.graph, /*seed=*/1);
    nn::Trainer trainer =
        *nn::Trainer::Create({.x = net.image, .y = net.label, .loss = net.loss, .updates = net.step}, {.batch = 50});
    const io::Dataset& train = Digits().train;
    const Tensor x = FirstRows(train.images, kTrained, DType::kUint8);
    const Tensor y = FirstRows(train.labels, kTrained, DType::kInt64);
    AD_CHECK(trainer.Fit({x, y}, &state, {.epochs = 2}).ok());
    return new Network(*Network::Create(net.image, net.logits, state, "logits"));
  }();
  return *network;
}

}  // namespace adret::explain

#endif  // ADRET_TESTS_EXPLAIN_DIGITS_NETWORK_H_
