#include "adret/explain/maximize.h"

#include <algorithm>

#include "adret/core/executor.h"
#include "adret/ops/reduce.h"
#include "digits_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::HasSubstr;

std::vector<Objective> Of(const std::string& text) { return *ParseObjectives(text, DigitsNetwork()); }

double Mean(const Tensor& t) {
  double sum = 0;
  for (int64_t i = 0; i < t.num_elements(); ++i) sum += t.At(i);
  return sum / static_cast<double>(t.num_elements());
}

double Median(const Tensor& t) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < t.num_elements(); ++i) numbers.push_back(t.At(i));
  std::nth_element(numbers.begin(), numbers.begin() + numbers.size() / 2, numbers.end());
  return numbers[numbers.size() / 2];
}

TEST(MaximizeTest, EveryFilterEndsAboveWhatImagesGiveIt) {
  const Network& network = DigitsNetwork();
  const Ascent ascent = *Maximize(network, Of("conv2:*"), {.steps = 100});
  ASSERT_EQ(ascent.images.shape(), (Shape{50, 1, 28, 28}));
  for (const float pixel : ascent.images.data<float>()) ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  Tensor noise(DType::kFloat32, {1000, 1, 28, 28});
  RandomStream random(/*seed=*/5);
  for (float& pixel : noise.mutable_data<float>()) pixel = static_cast<float>(random.Uniform());
  const Value sums = Sum(network.FindLayer("conv2")->value, {.axes = {2, 3}});
  for (const Tensor& images : {noise, Digits().test.images}) {
    const Tensor answers = *nn::RunInBatches(sums, network.input(), images, network.state());
    for (int64_t k = 0; k < 50; ++k) {
      double largest = -1e30;
      for (int64_t i = 0; i < images.shape()[0]; ++i) largest = std::max(largest, answers.At(i * 50 + k));
      EXPECT_GT(ascent.end.At(k), largest) << "filter " << k;
      EXPECT_GT(ascent.end.At(k), ascent.start.At(k));
    }
  }
  const Ascent plain = *Maximize(network, Of("conv2:*"), {.steps = 100, .ascender = Ascender::kPlain});
  EXPECT_GT(Median(ascent.end), Median(plain.end));
}

TEST(MaximizeTest, APenaltyHalvesTheInkOfClasses) {
  const Network& network = DigitsNetwork();
  const auto probabilities = [&](const Tensor& images) {
    Graph graph;
    const Value x = graph.Constant(images);
    return *Evaluate(*Activation(network, Of("logits:*%"), x), {}, &network.state());
  };
  const Ascent plain = *Maximize(network, Of("logits:*"));
  const Ascent l1 = *Maximize(network, Of("logits:*"), {.penalties = {.l1 = 0.8}});
  EXPECT_LE(Mean(l1.images), 0.5 * Mean(plain.images));
  for (int64_t k = 0; k < 10; ++k) {
    EXPECT_GE(probabilities(plain.images).At(k), 0.99) << "class " << k;
    EXPECT_GE(probabilities(l1.images).At(k), 0.99) << "class " << k;
  }
}

TEST(MaximizeTest, EachPenaltyLowersWhatItMeasures) {
  const Network& network = DigitsNetwork();
  const std::vector<Objective> objectives = Of("conv2:0-7");
  const Tensor plain = Maximize(network, objectives)->images;
  const auto paid = [&](const Penalties& measure, const Tensor& images) {
    Graph graph;
    return Mean(*Evaluate(Penalty(measure, graph.Constant(images))));
  };
  for (const Penalties& penalties :
       {Penalties{.l1 = 0.5}, Penalties{.l2 = 0.5}, Penalties{.total_variation = 0.5}, Penalties{.boundary = 0.5}}) {
    const Tensor images = Maximize(network, objectives, {.penalties = penalties})->images;
    EXPECT_LT(paid(penalties, images), 0.9 * paid(penalties, plain));
  }
  const Tensor blurred = Maximize(network, objectives, {.penalties = {.blur = 0.7}})->images;
  EXPECT_LT(paid({.total_variation = 1}, blurred), 0.7 * paid({.total_variation = 1}, plain));
}

TEST(MaximizeTest, DiversityMakesImagesDiffer) {
  const Network& network = DigitsNetwork();
  const std::vector<Objective> same(4, Unit("conv2", 3));
  const auto likeness = [&](const Tensor& images) {
    Graph graph;
    const Value maps = (*network.Apply({network.FindLayer("conv2")->value}, graph.Constant(images)))[0];
    return Mean(*Evaluate(Likeness(maps, same), {}, &network.state()));
  };
  const Tensor alike = Maximize(network, same)->images;
  const Tensor diverse = Maximize(network, same, {.diversity = 0.1, .diversity_layer = "conv2"})->images;
  EXPECT_LT(likeness(diverse), likeness(alike) - 0.05);
}

TEST(MaximizeTest, EveryKindOfCanvasAndAscenderClimbs) {
  const Network& network = DigitsNetwork();
  for (const Ascender ascender : {Ascender::kNormalized, Ascender::kPlain, Ascender::kAdam}) {
    for (const Basis basis : {Basis::kPixels, Basis::kFourier}) {
      for (const Bounds bounds : {Bounds::kClip, Bounds::kSigmoid}) {
        const CanvasOptions canvas{.basis = basis, .bounds = bounds, .level = 0.5};
        const Ascent ascent =
            *Maximize(network, Of("conv2:1,5"), {.steps = 40, .ascender = ascender, .canvas = canvas});
        for (int64_t k = 0; k < 2; ++k) EXPECT_GT(ascent.end.At(k), ascent.start.At(k) + 1);
      }
    }
  }
}

TEST(MaximizeTest, HasTheSameBitsOnAnyNumberOfThreads) {
  const Network& network = DigitsNetwork();
  const auto run = [&](int threads, uint64_t seed) {
    return *Maximize(network, Of("conv2:0-9"),
                     {.steps = 12, .transforms = LucidTransforms(), .seed = seed, .threads = threads});
  };
  const Ascent one = run(1, 1);
  for (const int threads : {2, 4}) {
    EXPECT_TRUE(run(threads, 1).images.BitEqual(one.images));
    EXPECT_TRUE(run(threads, 1).curve.BitEqual(one.curve));
  }
  EXPECT_FALSE(run(1, 2).images.BitEqual(one.images));
}

TEST(MaximizeTest, KeepsCurvesAndFrames) {
  const Network& network = DigitsNetwork();
  int calls = 0;
  const Ascent ascent =
      *Maximize(network, Of("conv2:0-2"), {.steps = 10, .frame_every = 4, .on_step = [&](int step, int steps) {
                                             EXPECT_EQ(step, ++calls);
                                             EXPECT_EQ(steps, 10);
                                             return absl::OkStatus();
                                           }});
  EXPECT_EQ(calls, 10);
  EXPECT_EQ(ascent.steps, 10);
  ASSERT_EQ(ascent.curve.shape(), (Shape{10, 3}));
  for (int64_t k = 0; k < 3; ++k) EXPECT_FLOAT_EQ(ascent.curve.At(k), ascent.start.At(k));
  ASSERT_EQ(ascent.frames.size(), 4u);  // at 0, 4, 8 and 10
  EXPECT_TRUE(ascent.frames.back().BitEqual(ascent.images));
  EXPECT_FALSE(ascent.frames[0].BitEqual(ascent.frames[1]));

  const absl::StatusOr<Ascent> stopped =
      Maximize(network, Of("conv2:0"), {.on_step = [](int, int) { return absl::CancelledError("enough"); }});
  EXPECT_EQ(stopped.status(), absl::CancelledError("enough"));
}

// A filter of conv1 is linear: its image soon is all that it can be. One of conv2 climbs on beside it.
TEST(MaximizeTest, ImagesRestOnTheirOwnWhenTheyRiseNoMore) {
  const Network& network = DigitsNetwork();
  const MaximizeOptions patient{.steps = 200, .patience = 15, .frame_every = 1000};
  const Ascent alone = *Maximize(network, {Unit("conv1", 0)}, patient);
  EXPECT_LT(alone.steps, 150);
  EXPECT_EQ(alone.curve.shape()[0], alone.steps);
  EXPECT_TRUE(alone.frames.back().BitEqual(alone.images));

  const std::vector<Objective> two = {Unit("conv1", 0), Unit("conv2", 3)};
  const Ascent both = *Maximize(network, two, patient), whole = *Maximize(network, two, {.steps = 200});
  EXPECT_GT(both.steps, alone.steps);
  EXPECT_NEAR(both.end.At(0), alone.end.At(0), 1e-3 * std::abs(alone.end.At(0)));
  EXPECT_GT(both.end.At(1), both.start.At(1)) << "a first step too far is no rest";
  EXPECT_GT(both.end.At(1) - both.start.At(1), 0.5 * (whole.end.At(1) - whole.start.At(1)));
}

TEST(MaximizeTest, ManyUnitsClimbInGroupsAsAlone) {
  const Network& network = DigitsNetwork();
  const Ascent all = *Maximize(network, Of("flatten1:0-199"), {.steps = 3});
  const Ascent some = *Maximize(network, Of("flatten1:0-9"), {.steps = 3});
  for (int64_t k = 0; k < 10; ++k) EXPECT_NEAR(all.end.At(k), some.end.At(k), 1e-4 * (1 + std::abs(some.end.At(k))));
  EXPECT_EQ(all.images.shape()[0], 200);
}

TEST(MaximizeTest, OtherSizesHaveMapsOfTheirOwn) {
  const Network& network = DigitsNetwork();
  const Tensor small = Tensor::Full(DType::kFloat32, {1, 1, 12, 12}, 0.5);
  const Tensor large = Tensor::Full(DType::kFloat32, {1, 1, 40, 40}, 0.5);
  const auto run = [&](const Objective& objective, const Tensor& start) {
    return Maximize(network, {objective}, {.steps = 2, .start = start}).status();
  };
  EXPECT_TRUE(run(Unit("conv2", 1), small).ok());
  EXPECT_TRUE(run(Unit("conv2", 1, {.position = {{16, 16}}}), large).ok());
  EXPECT_THAT(std::string(run(Unit("conv2", 1, {.position = {{10, 10}}}), small).message()),
              HasSubstr("are 3 x 3, and have no position 10,10"));
  EXPECT_FALSE(run(Unit("conv2", 1), Tensor::Zeros(DType::kFloat32, {1, 1, 0, 28})).ok());
}

TEST(MaximizeTest, StartsWhereItIsTold) {
  const Network& network = DigitsNetwork();
  const std::vector<uint32_t> rows = {3};
  const Tensor digit = nn::TakeRows(Digits().test.images, rows, DType::kFloat32);
  const Ascent ascent = *Maximize(network, Of("logits:5"), {.steps = 1, .rate = 1e-6, .start = digit});
  for (int64_t i = 0; i < digit.num_elements(); ++i) EXPECT_NEAR(ascent.images.At(i), digit.At(i), 1e-4);
  EXPECT_THAT(std::string(Maximize(network, Of("logits:*"), {.start = digit}).status().message()),
              HasSubstr("f32[1,1,28,28], but 10 of f32"));
}

// A network whose relus block everything that faint images give.
TEST(MaximizeTest, ADeadStartRecoversThroughRedirectedRelus) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 8, 8});
  const nn::Sequential net{nn::Conv2d(8, 3, {.bias_initializer = nn::Constant(-0.7)}),
                           nn::Relu(),
                           nn::Conv2d(8, 3, {.bias_initializer = nn::Constant(-0.3)}),
                           nn::Relu(),
                           nn::Flatten(),
                           nn::Dense(3).Named("logits")};
  const Value logits = net(image);
  const Network network = *Network::Create(image, logits, *InitialState(graph, /*seed=*/3));
  const std::vector<Objective> objectives = *ParseObjectives("logits:*", network);
  for (const double l1 : {0.0, 0.1}) {
    MaximizeOptions options{.steps = 32, .penalties = {.l1 = l1}};
    const Ascent redirected = *Maximize(network, objectives, options);
    for (int64_t k = 0; k < 3; ++k) EXPECT_GT(redirected.end.At(k), redirected.start.At(k) + 0.1) << "class " << k;
    options.redirect_relus = false;
    const Ascent blocked = *Maximize(network, objectives, options);
    EXPECT_TRUE(blocked.end.BitEqual(blocked.start));
  }
}

TEST(MaximizeTest, RefusesWhatMakesNoSense) {
  const auto message = [](const MaximizeOptions& options) {
    return std::string(Maximize(DigitsNetwork(), Of("conv2:0"), options).status().message());
  };
  EXPECT_THAT(message({.steps = 0}), HasSubstr("at least 1 step"));
  EXPECT_THAT(message({.steps = 2'000'000'000}), HasSubstr("at most 1000000000"));
  EXPECT_THAT(message({.rate = -1}), HasSubstr("must be positive, but is -1"));
  EXPECT_THAT(message({.penalties = {.l1 = -1}}), HasSubstr("must be at least 0"));
  EXPECT_THAT(message({.penalties = {.l1 = NAN}}), HasSubstr("must be at least 0"));
  EXPECT_THAT(message({.diversity = 1}), HasSubstr("must be named"));
  EXPECT_THAT(message({.diversity = 1, .diversity_layer = "conv9"}), HasSubstr("'conv9'"));
  EXPECT_THAT(message({.canvas = {.decorrelate = true}}), HasSubstr("3 channels"));
  EXPECT_THAT(message({.transforms = {Jitter(30)}}), HasSubstr("Jitter: 30 pixels"));
  EXPECT_THAT(message({.threads = 0}), HasSubstr("threads"));
  EXPECT_THAT(std::string(Maximize(DigitsNetwork(), {}, {}).status().message()), HasSubstr("no objective"));
}

}  // namespace
}  // namespace adret::explain
