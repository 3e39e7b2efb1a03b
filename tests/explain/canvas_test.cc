#include "adret/explain/canvas.h"

#include <cmath>

#include "adret/core/executor.h"
#include "adret/core/state.h"
#include "adret/ops/binary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::HasSubstr;

const Type kImages{DType::kFloat64, {2, 3, 7, 8}};

Tensor SomeImages() {
  Tensor images(kImages.dtype, kImages.shape);
  RandomStream random(/*seed=*/2);
  for (double& v : images.mutable_data<double>()) v = random.Uniform(0.1, 0.9);
  return images;
}

// The images that a canvas shows for these parameters.
Tensor Shown(const Graph& graph, const Canvas& canvas, const Tensor& parameters) {
  State state = *InitialState(graph, 1);
  state.Set(canvas.parameters().name(), parameters);
  return *Evaluate(canvas.images(), {}, &state);
}

std::vector<CanvasOptions> AllKinds() {
  std::vector<CanvasOptions> kinds;
  for (const Basis basis : {Basis::kPixels, Basis::kFourier}) {
    for (const Bounds bounds : {Bounds::kNone, Bounds::kClip, Bounds::kSigmoid}) {
      for (const bool decorrelate : {false, true}) {
        kinds.push_back({.basis = basis, .decorrelate = decorrelate, .bounds = bounds});
      }
    }
  }
  return kinds;
}

TEST(CanvasTest, ShowsWhatItWasGiven) {
  for (const CanvasOptions& options : AllKinds()) {
    Graph graph;
    const Canvas canvas = *Canvas::Create(&graph, kImages, options);
    const Tensor images = SomeImages();
    const Tensor shown = Shown(graph, canvas, *canvas.ParametersOf(images));
    for (int64_t i = 0; i < images.num_elements(); ++i) ASSERT_NEAR(shown.At(i), images.At(i), 1e-10);
  }
}

TEST(CanvasTest, WavesHaveTheAmplitudesOfTheirFrequency) {
  // A parameter of 1 for one wave gives an image whose energy is that wave's amplitude squared, since waves are
  // orthonormal.
  Graph graph;
  const Type type{DType::kFloat64, {1, 1, 8, 8}};
  const Canvas canvas = *Canvas::Create(&graph, type, {.basis = Basis::kFourier, .decay = 1, .bounds = Bounds::kNone});
  const auto energy = [&](int64_t row, int64_t column) {
    Tensor z = Tensor::Zeros(DType::kFloat64, type.shape);
    z.mutable_data<double>()[row * 8 + column] = 1;
    const Tensor image = Shown(graph, canvas, z);
    double sum = 0;
    for (const double v : image.data<double>()) sum += v * v;
    return sum;
  };
  // Rows and columns 1, 2 have frequency 1/8; 3, 4 have 2/8; 7 has 4/8.
  EXPECT_NEAR(energy(0, 0), energy(0, 1), 1e-12) << "the constant counts as the lowest frequency";
  EXPECT_NEAR(energy(0, 1) / energy(0, 3), 4, 1e-10);
  EXPECT_NEAR(energy(2, 0) / energy(7, 0), 16, 1e-10);
  EXPECT_NEAR(energy(1, 2) / energy(3, 4), 4, 1e-10);
  double sum = 0;
  for (int64_t i = 0; i < 64; ++i) sum += energy(i / 8, i % 8);
  EXPECT_NEAR(sum, 64, 1e-9) << "the mean square of the amplitudes is 1";
}

TEST(CanvasTest, BlursAlikeInEitherBasis) {
  // A blur keeps the mean and lowers the contrast; pixels and waves agree but for the edges.
  for (const Basis basis : {Basis::kPixels, Basis::kFourier}) {
    Graph graph;
    const Type type{DType::kFloat64, {1, 1, 21, 21}};
    const Canvas canvas = *Canvas::Create(&graph, type, {.basis = basis, .bounds = Bounds::kNone});
    Tensor point = Tensor::Zeros(DType::kFloat64, type.shape);
    point.mutable_data<double>()[10 * 21 + 10] = 1;
    State state = *InitialState(graph, 1);
    state.Set(canvas.parameters().name(), *canvas.ParametersOf(point));
    const Tensor blurred = *Evaluate(canvas.Blurred(canvas.parameters(), 1.5), {}, &state);
    const Tensor image = Shown(graph, canvas, blurred);
    double sum = 0;
    for (const double v : image.data<double>()) sum += v;
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_NEAR(image.At(10 * 21 + 10), 1 / (2 * M_PI * 1.5 * 1.5), 2e-3);
    EXPECT_NEAR(image.At(10 * 21 + 12) / image.At(10 * 21 + 10), std::exp(-4 / (2 * 1.5 * 1.5)), 2e-2);
  }
}

TEST(CanvasTest, StartsDoNotDependOnTheOthers) {
  Graph graph;
  const Canvas two = *Canvas::Create(&graph, {DType::kFloat32, {2, 1, 5, 5}});
  const Canvas one = *Canvas::Create(&graph, {DType::kFloat32, {1, 1, 5, 5}});
  const Tensor both = *two.Start(/*seed=*/4), second = *one.Start(/*seed=*/4, /*first=*/1);
  for (int64_t i = 0; i < 25; ++i) {
    EXPECT_EQ(both.At(25 + i), second.At(i));
    EXPECT_TRUE(both.At(i) >= 0 && both.At(i) <= 0.1);
  }
  EXPECT_FALSE(both.BitEqual(*two.Start(/*seed=*/5)));
}

TEST(CanvasTest, SlopesOutOfTheBoundsDoNotCount) {
  Graph graph;
  const Canvas canvas = *Canvas::Create(&graph, {DType::kFloat32, {1, 1, 1, 4}});
  State state = *InitialState(graph, 1);
  state.Set(canvas.parameters().name(), Tensor::From<float>({1, 1, 1, 4}, {0, 0, 1, 1}));
  const Value slope = graph.Constant(Tensor::From<float>({1, 1, 1, 4}, {-1, 2, 3, -4}));
  const Tensor inward = *Evaluate(canvas.Inward(slope), {}, &state);
  EXPECT_THAT(inward.data<float>(), testing::ElementsAre(0, 2, 0, -4));
  const Tensor next = *Evaluate(canvas.Bounded(canvas.parameters() + slope), {}, &state);
  EXPECT_THAT(next.data<float>(), testing::ElementsAre(0, 1, 1, 0));
}

TEST(CanvasTest, ColoursAreThoseOfLucidsMatrix) {
  // Its columns over the largest of their norms.
  const double matrix[3][3] = {{0.26, 0.09, 0.02}, {0.27, 0.00, -0.05}, {0.27, -0.09, 0.03}};
  const double norm = std::sqrt(0.26 * 0.26 + 2 * 0.27 * 0.27);
  Graph graph;
  const Type type{DType::kFloat64, {3, 3, 1, 1}};
  const Canvas canvas = *Canvas::Create(&graph, type, {.decorrelate = true, .bounds = Bounds::kNone});
  const Tensor shown = Shown(graph, canvas, Tensor::From<double>(type.shape, {1, 0, 0, 0, 1, 0, 0, 0, 1}));
  for (int64_t direction = 0; direction < 3; ++direction) {
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(shown.At(direction * 3 + c), matrix[c][direction] / norm, 1e-12);
    }
  }
}

TEST(CanvasTest, RefusesWhatMakesNoSense) {
  const auto message = [](const Type& type, const CanvasOptions& options) {
    Graph graph;
    return std::string(Canvas::Create(&graph, type, options).status().message());
  };
  const Type grey{DType::kFloat32, {1, 1, 4, 4}};
  EXPECT_THAT(message({DType::kInt64, {1, 1, 4, 4}}, {}), HasSubstr("i64[1,1,4,4]"));
  EXPECT_THAT(message({DType::kFloat32, {kAnyBatch, 1, 4, 4}}, {}), HasSubstr("f32[?,1,4,4]"));
  EXPECT_THAT(message(grey, {.decorrelate = true}), HasSubstr("these have 1"));
  EXPECT_THAT(message(grey, {.lo = 1, .hi = 1}), HasSubstr("must be below"));
  EXPECT_THAT(message(grey, {.noise = -1}), HasSubstr("noise of -1"));
  EXPECT_THAT(message(grey, {.basis = Basis::kFourier, .decay = NAN}), HasSubstr("decay"));
  EXPECT_THAT(message({DType::kFloat32, {1, 1, 1, 5000}}, {.basis = Basis::kFourier}), HasSubstr("up to 4096"));
}

}  // namespace
}  // namespace adret::explain
