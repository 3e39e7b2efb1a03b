#include "adret/nn/losses.h"

#include "adret/autograd/gradients.h"
#include "adret/core/executor.h"
#include "adret/tests/nn/golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;
using Builder = std::function<Value(Operand, Operand, Reduction)>;

void ExpectLoss(const std::string& name, const Builder& build) {
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    const double tolerance = dtype == DType::kFloat64 ? 1e-12 : 1e-5;
    Graph graph;
    const Tensor target = Golden(name + "/x1");
    const Value x = graph.Constant(Golden(name + "/x0").Cast(dtype));
    const Value t = graph.Constant(IsFloating(target.dtype()) ? target.Cast(dtype) : target);
    const Value mean = build(x, t, Reduction::kMean), sum = build(x, t, Reduction::kSum);
    const absl::StatusOr<std::vector<Tensor>> found = Evaluate({mean, sum, Gradients(mean, {x})[0]});
    ASSERT_TRUE(found.ok()) << name << ": " << found.status();
    ExpectNear((*found)[0], Golden(name + "/mean"), tolerance, name);
    ExpectNear((*found)[1], Golden(name + "/sum"), tolerance, name);
    ExpectNear((*found)[2], Golden(name + "/dx0"), tolerance, name);
  }
}

TEST(LossesTest, AgreeWithPyTorch) {
  const Builder cross_entropy = [](Operand x, Operand t, Reduction r) {
    return SoftmaxCrossEntropy(x, t, {.reduction = r});
  };
  ExpectLoss("cross_entropy", cross_entropy);
  ExpectLoss("cross_entropy_probabilities", cross_entropy);
  ExpectLoss("cross_entropy_smooth", [](Operand x, Operand t, Reduction r) {
    return SoftmaxCrossEntropy(x, t, {.label_smoothing = 0.1, .reduction = r});
  });
  ExpectLoss("mse", [](Operand x, Operand t, Reduction r) { return MeanSquaredError(x, t, {r}); });
  ExpectLoss("mae", [](Operand x, Operand t, Reduction r) { return MeanAbsoluteError(x, t, {r}); });
  ExpectLoss("huber", [](Operand x, Operand t, Reduction r) { return Huber(x, t, {.delta = 0.7, .reduction = r}); });
  ExpectLoss("bce", [](Operand x, Operand t, Reduction r) { return BinaryCrossEntropy(x, t, {r}); });
  ExpectLoss("hinge", [](Operand x, Operand t, Reduction r) { return Hinge(x, t, {.reduction = r}); });
  ExpectLoss("kl", [](Operand x, Operand t, Reduction r) { return KlDivergence(x, t, {r}); });
}

TEST(LossesTest, WithoutReductionThereIsOneForEachExample) {
  Graph graph;
  const Value logits = graph.Input("logits", DType::kFloat32, {kAnyBatch, 10});
  const Value label = graph.Input("label", DType::kInt64, {kAnyBatch});
  EXPECT_EQ(SoftmaxCrossEntropy(logits, label, {.reduction = Reduction::kNone}).shape(), Shape({kAnyBatch}));
  EXPECT_EQ(KlDivergence(logits, logits, {Reduction::kNone}).shape(), Shape({kAnyBatch}));
  EXPECT_EQ(MeanSquaredError(logits, logits, {Reduction::kNone}).shape(), Shape({kAnyBatch, 10}));
  EXPECT_TRUE(graph.status().ok()) << graph.status();
}

TEST(LossesTest, AShapeMismatchIsAnErrorAtTheCall) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1});
  const Value t = graph.Input("t", DType::kFloat32, {kAnyBatch});
  EXPECT_FALSE(MeanSquaredError(x, t).valid());
  EXPECT_THAT(graph.status().message(), HasSubstr("MeanSquaredError: expects"));
  EXPECT_THAT(graph.status().message(), HasSubstr("f32[?,1] and f32[?]"));
  EXPECT_THAT(graph.status().message(), HasSubstr("losses_test.cc"));
}

}  // namespace
}  // namespace adret::nn
