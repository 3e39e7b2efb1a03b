#include "adret/explain/transform.h"

#include <set>

#include "adret/autograd/check_gradients.h"
#include "adret/core/executor.h"
#include "adret/core/random.h"
#include "adret/core/state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::HasSubstr;

Tensor Noise(const Shape& shape) {
  Tensor noise(DType::kFloat64, shape);
  RandomStream random(/*seed=*/9);
  for (double& v : noise.mutable_data<double>()) v = random.Uniform();
  return noise;
}

// What a transform makes of images in each of so many steps.
std::vector<Tensor> Steps(const Transform& transform, const Tensor& images, int steps, int threads = 1) {
  Graph graph;
  const Value y = transform(graph.Constant(images));
  const Value count = graph.Variable("count", Tensor::Scalar(DType::kFloat64, 0));
  State state = *InitialState(graph, /*seed=*/1);
  Executor executor = *Executor::Create({y}, {{count, count}}, {.threads = threads});
  std::vector<Tensor> results;
  for (int i = 0; i < steps; ++i) results.push_back((*executor.Run({}, &state))[0]);
  return results;
}

TEST(TransformTest, JitterCutsOutEveryPart) {
  const Tensor images = Noise({2, 3, 6, 7});
  std::set<std::pair<int64_t, int64_t>> seen;
  for (const Tensor& cut : Steps(Jitter(2), images, 100)) {
    ASSERT_EQ(cut.shape(), (Shape{2, 3, 4, 5}));
    // Where the first pixel came from; the others follow.
    const double* from = images.data<double>().data();
    const int64_t at = std::find(from, from + 42, cut.At(0)) - from, row = at / 7, column = at % 7;
    seen.insert({row, column});
    for (int64_t i = 0; i < cut.num_elements(); ++i) {
      ASSERT_EQ(cut.At(i), images.At(i / 20 * 42 + (row + i / 5 % 4) * 7 + column + i % 5));
    }
  }
  EXPECT_EQ(seen.size(), 9u);
}

TEST(TransformTest, RollMovesRound) {
  const Tensor images = Noise({1, 1, 4, 5});
  std::set<int64_t> seen;
  for (const Tensor& rolled : Steps(Roll(1), images, 100)) {
    const double* to = rolled.data<double>().data();
    const int64_t at = std::find(to, to + 20, images.At(0)) - to, row = at / 5, column = at % 5;
    seen.insert(at);
    for (int64_t i = 0; i < 20; ++i) {
      ASSERT_EQ(images.At(i), rolled.At((i / 5 + row) % 4 * 5 + (i + column) % 5));
    }
  }
  EXPECT_EQ(seen.size(), 9u);
}

TEST(TransformTest, ScaleAndRotateInterpolate) {
  // A slope along x: its value at (y, x) is x from the centre.
  Tensor slope(DType::kFloat64, {1, 1, 9, 9});
  for (int64_t i = 0; i < 81; ++i) slope.mutable_data<double>()[i] = static_cast<double>(i % 9 - 4);
  const Tensor half = Steps(Scale({2}), slope, 1)[0];
  for (int64_t i = 0; i < 81; ++i) EXPECT_NEAR(half.At(i), static_cast<double>(i % 9 - 4) / 2, 1e-12);
  // Turned by 90 degrees anticlockwise: what was at the right is at the top.
  const Tensor turned = Steps(Rotate({90}), slope, 1)[0];
  for (int64_t i = 0; i < 81; ++i) EXPECT_NEAR(turned.At(i), static_cast<double>(4 - i / 9), 1e-12);
  const Tensor same = Steps(Rotate({0}), Noise({2, 1, 5, 6}), 1)[0];
  const Tensor images = Noise({2, 1, 5, 6});
  for (int64_t i = 0; i < 60; ++i) EXPECT_NEAR(same.At(i), images.At(i), 1e-12);
}

TEST(TransformTest, AreDifferentiableAndTheSameOnAnyNumberOfThreads) {
  const std::vector<std::pair<const char*, Transform>> transforms = {
      {"pad", Pad(2)},
      {"jitter", Jitter(2)},
      {"roll", Roll(3)},
      {"scale", Scale({0.8, 1.3})},
      {"rotate", Rotate({-20, 35})},
      {"lucid", [](Value images) { return FitTo(ApplyTransforms(LucidTransforms(), images), 6, 7); }},
  };
  const Tensor images = Noise({2, 2, 6, 7});
  for (const auto& [name, transform] : transforms) {
    const Transform& f = transform;
    const absl::Status status = CheckGradients([&](absl::Span<const Value> x) { return Values{f(x[0])}; }, {images});
    EXPECT_TRUE(status.ok()) << name << ": " << status;
    const std::vector<Tensor> one = Steps(transform, images, 3, 1), four = Steps(transform, images, 3, 4);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(one[i].BitEqual(four[i])) << name;
  }
}

TEST(TransformTest, FitToTakesTheMiddle) {
  const auto fitted = [](const Shape& shape, int64_t height, int64_t width) {
    Graph graph;
    return *Evaluate(FitTo(graph.Constant(Noise(shape)), height, width));
  };
  const Tensor images = Noise({1, 1, 5, 4});
  EXPECT_EQ(fitted({1, 1, 5, 4}, 3, 2).At(0), images.At(1 * 4 + 1));
  const Tensor framed = fitted({1, 1, 5, 4}, 8, 6);
  ASSERT_EQ(framed.shape(), (Shape{1, 1, 8, 6}));
  EXPECT_EQ(framed.At(0), images.At(0));
  EXPECT_EQ(framed.At(1 * 6 + 1), images.At(0));
  EXPECT_EQ(framed.At(47), images.At(19));
  EXPECT_TRUE(fitted({1, 1, 5, 4}, 5, 4).BitEqual(images));
  EXPECT_EQ(fitted({1, 1, 5, 4}, 6, 4).shape(), (Shape{1, 1, 6, 4}));
}

TEST(TransformTest, AJitterOfTheWholeImageIsAnError) {
  Graph graph;
  Jitter(5)(graph.Constant(Noise({1, 1, 5, 9})));
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("Jitter: 5 pixels of images f64[1,1,5,9]"));
}

}  // namespace
}  // namespace adret::explain
