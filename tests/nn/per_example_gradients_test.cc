#include "adret/autograd/per_example_gradients.h"

#include <string>
#include <vector>

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/nn/losses.h"
#include "adret/ops/binary.h"
#include "adret/ops/reduce.h"
#include "adret/ops/reshape.h"
#include "adret/tests/lecture_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

constexpr int64_t kExamples = 3;

// The lecture's network with a loss for one image, and for a batch of them.
struct Lecture {
  explicit Lecture(int64_t batch) {
    image = graph.Input("image", DType::kFloat64, {batch, 1, 28, 28});
    label = graph.Input("label", DType::kInt64, {batch});
    const nn::Sequential net = LectureLayers({.filters = {4, 8}, .neurons = 16});
    loss = nn::SoftmaxCrossEntropy(net(image), label);  // makes the variables
    const auto of_example = [net](Args v) {
      return nn::SoftmaxCrossEntropy(net(Reshape(v[0], {1, 1, 28, 28})), Reshape(v[1], {1}));
    };
    gradients = PerExampleGradients(of_example, {image, label}, graph.variables());
    images = Tensor(DType::kFloat64, {kExamples, 1, 28, 28});
    labels = Tensor::From<int64_t>({kExamples}, {3, 1, 7});
    RandomStream random(/*seed=*/2);
    for (double& v : images.mutable_data<double>()) v = random.Normal();
  }
  // The loss's gradients for one of the images.
  std::vector<Tensor> GradientsOf(int64_t example, const State& state) {
    const Tensor one = Tensor::From<double>({1, 1, 28, 28}, images.data<double>().subspan(example * 784, 784));
    const Tensor its_label = Tensor::From<int64_t>({1}, {static_cast<int64_t>(labels.At(example))});
    auto results = Evaluate(Gradients(loss, graph.variables()), {{image, one}, {label, its_label}}, &state);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? *results : std::vector<Tensor>();
  }

  Graph graph;
  Value image, label, loss;
  Values gradients;
  Tensor images, labels;
};

TEST(PerExampleGradients, OfTheLecturesNetworkMatchALoop) {
  Lecture loop(kAnyBatch);
  ASSERT_TRUE(loop.graph.status().ok()) << loop.graph.status();
  const State state = *InitialState(loop.graph, /*seed=*/1);
  for (const int64_t batch : {kAnyBatch, kExamples}) {
    Lecture net(batch);
    ASSERT_TRUE(net.graph.status().ok()) << net.graph.status();
    auto found = Evaluate(net.gradients, {{net.image, net.images}, {net.label, net.labels}}, &state);
    ASSERT_TRUE(found.ok()) << found.status();
    for (int64_t e = 0; e < kExamples; ++e) {
      const std::vector<Tensor> expected = loop.GradientsOf(e, state);
      ASSERT_EQ(found->size(), expected.size());
      for (size_t k = 0; k < expected.size(); ++k) {
        const int64_t n = expected[k].num_elements();
        ASSERT_EQ((*found)[k].num_elements(), kExamples * n);
        for (int64_t i = 0; i < n; ++i) {
          ASSERT_NEAR((*found)[k].At(e * n + i), expected[k].At(i), 1e-12) << "variable " << k << " element " << i;
        }
      }
    }
  }
}

TEST(PerExampleGradients, OfWhatALossDoesNotUseAreZero) {
  Graph graph;
  const Value x = graph.Constant(Tensor::From<double>({2}, {3, 5}));
  const Value w = graph.Constant(Tensor::Scalar(DType::kFloat64, 2)),
              unused = graph.Constant(Tensor::Zeros(DType::kFloat64, {4}));
  const Values d = PerExampleGradients([&](Args v) { return v[0] * w * w; }, {x}, {w, unused});
  const auto found = Evaluate(d);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE((*found)[0].BitEqual(Tensor::From<double>({2}, {12, 20})));
  EXPECT_TRUE((*found)[1].BitEqual(Tensor::Zeros(DType::kFloat64, {2, 4})));
}

TEST(PerExampleGradients, BadInputIsNamed) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {2, 3}), w = graph.Input("w", DType::kFloat32, {3});
  EXPECT_FALSE(PerExampleGradients([&](Args v) { return v[0] * w; }, {x}, {w})[0].valid());
  EXPECT_THAT(std::string(graph.status().message()),
              testing::HasSubstr("PerExampleGradients: the loss of an example 'mul' is f32[3] where a scalar is "
                                 "expected"));
  EXPECT_THAT(std::string(graph.status().message()), testing::HasSubstr("per_example_gradients_test.cc:"));
}

}  // namespace
}  // namespace adret
