#include "adret/explain/relu_rules.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/ops/binary.h"
#include "adret/ops/unary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;

// dx of relu at x = -1, -1, 2, 2, 0 for dy = -3, 4, -5, 6, 7.
std::vector<double> Slope(const GradientOptions& options) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<double>({5}, {-1, -1, 2, 2, 0}));
  const Value y = Relu(x) * graph.Constant(Tensor::From<double>({5}, {-3, 4, -5, 6, 7}));
  const Tensor dx = *Evaluate(Gradients(y, {x}, options)[0]);
  return {dx.data<double>().begin(), dx.data<double>().end()};
}

TEST(ReluRulesTest, WhatPasses) {
  EXPECT_THAT(Slope({}), ElementsAre(0, 0, -5, 6, 0));
  EXPECT_THAT(Slope({.overrides = {{"relu", GuidedRelu}}}), ElementsAre(0, 0, 0, 6, 0));
  EXPECT_THAT(Slope({.overrides = {{"relu", DeconvnetRelu}}}), ElementsAre(0, 4, 0, 6, 7));
  EXPECT_THAT(Slope({.overrides = {{"relu", RedirectedRelu}}}), ElementsAre(0, 4, -5, 6, 7));
}

}  // namespace
}  // namespace adret::explain
