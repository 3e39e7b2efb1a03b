// Networks so small that values have one element: what is rare in practice but in the last batch of a data set.
#include <cmath>

#include "adret/core/executor.h"
#include "adret/nn/layers.h"
#include "adret/nn/losses.h"
#include "adret/nn/optimizers.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

// Steps of a batch of one crashed: the step that clips had been lost.
TEST(SmallNetworks, TrainLikeTheUnfusedPlanOnBatchesOfAnySize) {
  Graph graph;
  Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 3}), y = graph.Input("y", DType::kFloat64, {kAnyBatch, 1});
  const Sequential net{Dense(2), Dense(1)};
  Value loss = MeanSquaredError(net(x), y);
  for (const Value& w : graph.variables()) loss = loss + 1e-2 * Sum(Square(w));
  const Updates step = Sgd({.learning_rate = 0.1, .common = {.clip_norm = 0.5}}).Minimize(loss, graph.variables());
  State fused = *InitialState(graph, 1), unfused = *InitialState(graph, 1);
  auto fast = Executor::Create({loss}, step), plain = Executor::Create({loss}, step, {.fuse = false});
  ASSERT_TRUE(fast.ok() && plain.ok()) << fast.status() << plain.status();
  for (int64_t batch : {1, 2, 1, 5, 3}) {
    const Feeds feeds = {{x, Tensor::Full(DType::kFloat64, {batch, 3}, 0.7)},
                         {y, Tensor::Full(DType::kFloat64, {batch, 1}, -1)}};
    auto a = fast->Run(feeds, &fused), b = plain->Run(feeds, &unfused);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    EXPECT_NEAR((*a)[0].At(0), (*b)[0].At(0), 1e-12) << batch;
    for (const Value& w : graph.variables()) {
      const Tensor p = *fused.Get(w.name()), q = *unfused.Get(w.name());
      for (int64_t i = 0; i < p.num_elements(); ++i) EXPECT_NEAR(p.At(i), q.At(i), 1e-12) << w.name();
    }
  }
  EXPECT_EQ(fused.step, 5u);
}

}  // namespace
}  // namespace adret::nn
