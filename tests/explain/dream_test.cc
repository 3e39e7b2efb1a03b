#include "adret/explain/dream.h"

#include "adret/core/executor.h"
#include "adret/explain/penalty.h"
#include "adret/explain/resize_images.h"
#include "adret/explain/style.h"
#include "digits_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A soft picture of any size.
Tensor Photo(int64_t height, int64_t width, uint64_t seed = 3, int64_t channels = 1) {
  Tensor photo(DType::kFloat32, {1, channels, height / 4 + 1, width / 4 + 1});
  RandomStream random(seed);
  for (float& v : photo.mutable_data<float>()) v = static_cast<float>(random.Uniform());
  return *ResizeImages(photo, height, width);
}

double Excitement(const Objective& objective, const Tensor& image) {
  Graph graph;
  const Value a = *Activation(DigitsNetwork(), {objective}, graph.Constant(image));
  return Evaluate(a, {}, &DigitsNetwork().state())->At(0);
}

TEST(ResizeImagesTest, KeepsMeansAndInterpolates) {
  const Tensor image = Tensor::From<float>({1, 1, 1, 4}, {0, 1, 2, 3});
  EXPECT_THAT(ResizeImages(image, 1, 8)->data<float>(), ElementsAre(0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3));
  const Tensor half = *ResizeImages(image, 1, 2);
  EXPECT_FLOAT_EQ((half.At(0) + half.At(1)) / 2, 1.5);
  const Tensor photo = Photo(40, 60), small = *ResizeImages(photo, 7, 11);
  const Tensor even = *ResizeImages(Tensor::Full(DType::kFloat64, {2, 3, 5, 7}, 0.25), 13, 3);
  for (int64_t i = 0; i < even.num_elements(); ++i) EXPECT_NEAR(even.At(i), 0.25, 1e-15);
  EXPECT_TRUE(ResizeImages(photo, 40, 60)->BitEqual(photo));
  // A NaN stays where it is, and neither side may be absurd.
  Tensor hole = Tensor::Full(DType::kFloat32, {1, 1, 8, 8}, 1);
  hole.mutable_data<float>()[0] = NAN;
  int64_t holes = 0;
  const Tensor fewer = *ResizeImages(hole, 4, 4);
  for (const float pixel : fewer.data<float>()) holes += std::isnan(pixel);
  EXPECT_EQ(holes, 1);
  EXPECT_EQ(ResizeImages(Tensor::Zeros(DType::kFloat32, {1, 1, 65536, 1}), 65000, 1)->shape(), (Shape{1, 1, 65000, 1}));
  EXPECT_FALSE(ResizeImages(photo, 65536, 65536).ok());
  EXPECT_FALSE(ResizeImages(photo, 0, 60).ok());
  EXPECT_FALSE(ResizeImages(Tensor::Zeros(DType::kUint8, {1, 1, 2, 2}), 3, 3).ok());
}

TEST(DreamTest, ExcitesTheLayerAtAnySize) {
  const Network& network = DigitsNetwork();
  for (const auto& [height, width] : {std::pair(28, 28), std::pair(60, 45), std::pair(17, 90)}) {
    const Tensor photo = Photo(height, width);
    int last = 0;
    const absl::StatusOr<Tensor> dream = Dream(network, photo, Energy("conv2"), {.on_step = [&](int step, int steps) {
                                                 EXPECT_EQ(step, ++last);
                                                 EXPECT_EQ(steps % 10, 0);
                                                 return absl::OkStatus();
                                               }});
    ASSERT_TRUE(dream.ok()) << dream.status();
    EXPECT_EQ(dream->type(), photo.type());
    EXPECT_GT(Excitement(Energy("conv2"), *dream), 1.5 * Excitement(Energy("conv2"), photo));
    for (const float pixel : dream->data<float>()) ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  }
  const Tensor photo = Photo(33, 33);
  const Tensor unit = *Dream(network, photo, Unit("conv2", 3));
  EXPECT_GT(Excitement(Unit("conv2", 3), unit), Excitement(Unit("conv2", 3), photo));
}

TEST(DreamTest, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor photo = Photo(50, 40);
  const Tensor one = *Dream(DigitsNetwork(), photo, Energy("conv2"), {.threads = 1});
  EXPECT_TRUE(Dream(DigitsNetwork(), photo, Energy("conv2"), {.threads = 4})->BitEqual(one));
  EXPECT_FALSE(Dream(DigitsNetwork(), photo, Energy("conv2"), {.seed = 2})->BitEqual(one));
}

TEST(DreamTest, RefusesWhatDoesNotFit) {
  const auto message = [](const Tensor& photo, const Objective& objective, const DreamOptions& options = {}) {
    return std::string(Dream(DigitsNetwork(), photo, objective, options).status().message());
  };
  EXPECT_THAT(message(Photo(40, 40, 1, 3), Energy("conv2")), HasSubstr("expects images of 1 x 28 x 28"));
  EXPECT_THAT(message(Photo(40, 40), Energy("logits")), HasSubstr("made for one size"));
  EXPECT_THAT(message(Photo(40, 40), Energy("conv7")), HasSubstr("'conv7'"));
  EXPECT_THAT(message(Photo(2, 2), Energy("conv2")), HasSubstr("window"));
  EXPECT_THAT(message(Photo(40, 40).Reshaped({1, 40, 40}), Energy("conv2")), HasSubstr("not f32[1,40,40]"));
  EXPECT_THAT(message(Photo(40, 40), Energy("conv2"), {.octaves = 0}), HasSubstr("1 to 100 octaves"));
  EXPECT_THAT(message(Photo(40, 40), Energy("conv2"), {.octaves = 101}), HasSubstr("1 to 100 octaves"));
  EXPECT_THAT(message(Photo(12, 12), Unit("conv2", 1, {.position = {{10, 10}}})), HasSubstr("have no position 10,10"));
  EXPECT_THAT(message(Photo(40, 40), Energy("conv2"), {.octave_scale = 1}), HasSubstr("octave"));
}

TEST(StyleTest, TakesContentFromOneAndStyleFromAnother) {
  const Network& network = DigitsNetwork();
  const Tensor content = Photo(40, 30, /*seed=*/5), style = Photo(28, 50, /*seed=*/6);
  const absl::StatusOr<StyleResult> result = TransferStyle(network, content, style, {.steps = 60});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->image.type(), content.type());
  EXPECT_EQ(result->style_layers.size(), 5u);
  EXPECT_EQ(result->content_losses.size(), 61u);
  EXPECT_NEAR(result->content_losses.front(), 0, 1e-9) << "it starts as the content";
  EXPECT_LT(result->style_losses.back(), 0.5 * result->style_losses.front());
  EXPECT_LT(result->content_losses.back(), 1);
  for (const float pixel : result->image.data<float>()) ASSERT_TRUE(pixel >= 0 && pixel <= 1);
  const StyleResult again = *TransferStyle(network, content, style, {.steps = 60, .threads = 4});
  EXPECT_TRUE(again.image.BitEqual(TransferStyle(network, content, style, {.steps = 60, .threads = 1})->image));
}

TEST(StyleTest, GramMatricesAreSumsOfProducts) {
  Graph graph;
  const Value maps = graph.Constant(Tensor::From<float>({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_THAT(Evaluate(GramMatrices(maps))->data<float>(), ElementsAre(14, 32, 32, 77));
}

TEST(StyleTest, RefusesWhatDoesNotFit) {
  const Tensor photo = Photo(40, 30);
  const auto message = [&](const Tensor& content, const Tensor& style, const StyleOptions& options) {
    return std::string(TransferStyle(DigitsNetwork(), content, style, options).status().message());
  };
  EXPECT_THAT(message(photo, photo, {.style_layers = {"conv9"}}), HasSubstr("'conv9'"));
  EXPECT_THAT(message(photo, photo, {.content_layers = {"logits"}}), HasSubstr("have no maps"));
  EXPECT_THAT(message(photo, photo, {.style_weight = -1}), HasSubstr("at least 0"));
  EXPECT_THAT(message(photo, photo, {.steps = 0}), HasSubstr("at least 1 step"));
  EXPECT_THAT(message(photo, Photo(9, 9, 1, 3), {}), HasSubstr("expects images of 1 x 28 x 28"));
  EXPECT_THAT(message(photo.Reshaped({40, 30}), photo, {}), HasSubstr("the content is f32[40,30]"));
}

}  // namespace
}  // namespace adret::explain
