// The network of tests/golden/explain.py, and what the script says of it.
#ifndef ADRET_TESTS_EXPLAIN_GOLDEN_NETWORK_H_
#define ADRET_TESTS_EXPLAIN_GOLDEN_NETWORK_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "adret/explain/network.h"
#include "adret/nn/layers.h"
#include "adret/tests/golden/golden.h"
#include "gtest/gtest.h"

namespace adret::explain {

inline Tensor Golden(const std::string& name) { return GoldenArray("explain", name); }

// conv1, relu, pool, conv2, relu, pool2, dense1, relu, logits, on images of 2 x 14 x 14.
inline Network GoldenNetwork(DType dtype) {
  Graph graph;
  const Value image = graph.Input("image", dtype, {kAnyBatch, 2, 14, 14});
  const nn::Sequential net{
      nn::Conv2d(4, 3), nn::Relu(),    nn::MaxPool2d(2), nn::Conv2d(6, 3), nn::Relu(),
      nn::MaxPool2d(2), nn::Flatten(), nn::Dense(8),     nn::Relu(),       nn::Dense(4).Named("logits")};
  const Value logits = net(image);
  State state;
  for (const Value& v : graph.all_variables()) state.Set(v.name(), Golden("net/" + v.name()).Cast(dtype));
  return *Network::Create(image, logits, state);
}

inline std::vector<int64_t> GoldenUnits(const std::string& layer) {
  const Tensor units = Golden(layer + "/units");
  return std::vector<int64_t>(units.data<int64_t>().begin(), units.data<int64_t>().end());
}

// Every element within tolerance times the largest of expected.
inline void ExpectClose(const Tensor& found, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.shape(), expected.shape()) << what;
  double largest = 0;
  for (int64_t i = 0; i < expected.num_elements(); ++i) largest = std::max(largest, std::abs(expected.At(i)));
  ASSERT_GT(largest, 0) << what;
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    ASSERT_NEAR(found.At(i), expected.At(i), tolerance * largest) << what << ", element " << i;
  }
}

}  // namespace adret::explain

#endif  // ADRET_TESTS_EXPLAIN_GOLDEN_NETWORK_H_
