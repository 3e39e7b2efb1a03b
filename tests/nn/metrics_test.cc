#include "adret/nn/metrics.h"

#include <limits>

#include "adret/core/executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::nn {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, AccuracyAndTopK) {
  Graph graph;
  const Value logits = graph.Constant(Tensor::From<float>({4, 3}, {3, 2, 1,  //
                                                                   1, 2, 3,  //
                                                                   1, 3, 2,  //
                                                                   5, 4, 3}));
  const Value label = graph.Constant(Tensor::From<int64_t>({4}, {0, 1, 1, 2}));
  const auto found = Evaluate({Accuracy(logits, label), TopKAccuracy(logits, label, 1), TopKAccuracy(logits, label, 2),
                               TopKAccuracy(logits, label, 3)});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].At(0), 0.5);
  EXPECT_EQ((*found)[1].At(0), 0.5);
  EXPECT_EQ((*found)[2].At(0), 0.75);
  EXPECT_EQ((*found)[3].At(0), 1);
}

// A network that says the same of every class, or nothing, is not right about all of them.
TEST(MetricsTest, EqualLogitsAndNaNAreNotRightForEveryLabel) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Graph graph;
  const Value label = graph.Constant(Tensor::From<int64_t>({3}, {0, 1, 2}));
  const Value equal = graph.Constant(Tensor::Zeros(DType::kFloat32, {3, 3}));
  const Value no_numbers = graph.Constant(Tensor::Full(DType::kFloat32, {3, 3}, nan));
  const Value one_nan = graph.Constant(Tensor::From<float>({3, 3}, {nan, 0, 1, 5, 6, nan, nan, 7, 8}));
  const auto found =
      Evaluate({Accuracy(equal, label), TopKAccuracy(equal, label, 1), TopKAccuracy(equal, label, 2),
                Accuracy(no_numbers, label), TopKAccuracy(no_numbers, label, 1), TopKAccuracy(no_numbers, label, 3),
                Accuracy(one_nan, label), TopKAccuracy(one_nan, label, 1), TopKAccuracy(one_nan, label, 2)});
  ASSERT_TRUE(found.ok()) << found.status();
  const double expected[] = {1.0 / 3, 1.0 / 3, 2.0 / 3, 0, 0, 0, 0, 0, 2.0 / 3};
  for (int i = 0; i < 9; ++i) EXPECT_FLOAT_EQ((*found)[i].At(0), expected[i]) << i;
}

TEST(MetricsTest, AccuracyNamesWhatItExpects) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 3});
  EXPECT_FALSE(Accuracy(x, x).valid());
  EXPECT_THAT(graph.status().message(), HasSubstr("Accuracy: expects logits [n, classes] and labels i64[n]"));
}

TEST(MetricsTest, ConfusionMatrixCounts) {
  ConfusionMatrix m(3);
  ASSERT_TRUE(m.Add(Tensor::From<int64_t>({5}, {0, 0, 1, 2, 2}), Tensor::From<int64_t>({5}, {0, 1, 1, 2, 0})).ok());
  ASSERT_TRUE(m.Add(Tensor::From<uint8_t>({1}, {2}), Tensor::From<int64_t>({1}, {2})).ok());
  EXPECT_EQ(m.total(), 6);
  EXPECT_EQ(m.count(2, 0), 1);
  EXPECT_EQ(m.count(2, 2), 2);
  EXPECT_DOUBLE_EQ(m.accuracy(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(m.Recall(2), 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.Precision(1), 0.5);
  EXPECT_THAT(m.ToString(), HasSubstr("true \\ predicted"));
  EXPECT_THAT(m.ToString(), HasSubstr("66.67%"));
}

TEST(MetricsTest, ConfusionMatrixRefusesOtherClasses) {
  ConfusionMatrix m(3);
  EXPECT_THAT(m.Add(Tensor::From<int64_t>({2}, {0, 3}), Tensor::From<int64_t>({2}, {0, 0})).message(),
              HasSubstr("class 3 of example 1 is not in [0, 3)"));
  EXPECT_FALSE(m.Add(Tensor::From<int64_t>({1}, {-1}), Tensor::From<int64_t>({1}, {0})).ok());
  EXPECT_FALSE(m.Add(Tensor::From<int64_t>({2}, {0, 0}), Tensor::From<int64_t>({1}, {0})).ok());
  EXPECT_EQ(m.total(), 0);
  EXPECT_EQ(ConfusionMatrix(2).accuracy(), 0);
}

}  // namespace
}  // namespace adret::nn
