#include "adret/explain/attribution.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "adret/core/random.h"
#include "adret/ops/binary.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reduce.h"
#include "adret/ops/unary.h"
#include "adret/tests/explain/digits_network.h"
#include "adret/tests/explain/golden_network.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::explain {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What explain.py was asked for. The copies leave a rest.
AttributeOptions GoldenOptions(const std::string& method) {
  AttributeOptions options{.method = method,
                           .copies = 5,
                           .samples = 7,
                           .given_noise = Golden("noise"),
                           .steps = 16,
                           .baseline = Golden("baseline"),
                           .window = {4, 3},
                           .stride = {3, 2},
                           .features = Golden("features"),
                           .maps = "conv1"};
  if (method == "occlusion") options.baseline = Tensor::Scalar(DType::kFloat64, 0.25);
  return options;
}

double Total(const Tensor& maps, int64_t image) {
  const int64_t size = maps.num_elements() / maps.shape()[0];
  double total = 0;
  for (int64_t i = 0; i < size; ++i) total += maps.At(image * size + i);
  return total;
}

TEST(AttributionTest, EveryMethodMatchesPyTorch) {
  for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
    const Network network = GoldenNetwork(dtype);
    const double tolerance = dtype == DType::kFloat64 ? 1e-12 : 2e-5;
    for (const std::string layer : {"logits", "conv2"}) {
      for (const AttributionMethod& method : AttributionMethods()) {
        const absl::StatusOr<Attribution> found = Attribute(
            network, Golden("images"), {.layer = layer, .units = GoldenUnits(layer)}, GoldenOptions(method.name));
        ASSERT_TRUE(found.ok()) << method.name << ": " << found.status();
        const std::string what = absl::StrCat(Name(dtype), " ", layer, "/", method.name);
        EXPECT_EQ(found->maps.dtype(), dtype);
        EXPECT_EQ(found->units, GoldenUnits(layer));
        ExpectClose(found->maps, Golden(absl::StrCat(layer, "/", method.name)), tolerance, what);
        ExpectClose(Tensor::From<double>({2}, found->values), Golden(layer + "/values"), tolerance, what);
      }
    }
  }
}

TEST(AttributionTest, ProbabilitiesAndDefaultsMatchPyTorch) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Attribution saliency =
      *Attribute(network, Golden("images"), {.units = GoldenUnits("logits"), .probability = true});
  ExpectClose(saliency.maps, Golden("probability/saliency"), 1e-12, "saliency");
  ExpectClose(Tensor::From<double>({2}, saliency.values), Golden("probability/values"), 1e-12, "values");
  const Attribution cam =
      *Attribute(network, Golden("images"), {.units = GoldenUnits("logits")}, {.method = "grad_cam"});
  ExpectClose(cam.maps, Golden("pool2/grad_cam"), 1e-12, "grad_cam");
}

Tensor OneRow(const Tensor& rows, uint32_t i) { return nn::TakeRows(rows, {i}, rows.dtype()); }

// One unit for all takes another way through the graph than one for each.
TEST(AttributionTest, OneUnitForAllMatchesPyTorch) {
  const Network network = GoldenNetwork(DType::kFloat64);
  for (const std::string layer : {"logits", "conv2"}) {
    for (const AttributionMethod& method : AttributionMethods()) {
      for (uint32_t i = 0; i < 2; ++i) {
        const Tensor found = Attribute(network, OneRow(Golden("images"), i),
                                       {.layer = layer, .units = {GoldenUnits(layer)[i]}}, GoldenOptions(method.name))
                                 ->maps;
        const std::string name = absl::StrCat(layer, "/", method.name);
        ExpectClose(found, OneRow(Golden(name), i), 1e-12, name);
      }
    }
  }
}

TEST(AttributionTest, BitsDependOnNoOtherImage) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const Tensor images = Golden("images"), second = OneRow(images, 1);
  for (const AttributionMethod& method : AttributionMethods()) {
    const AttributeOptions options{.method = method.name, .samples = 20};
    const Attribution expected = *Attribute(network, images, {.units = {2}}, options);
    const Attribution alone = *Attribute(network, second, {.units = {2}}, options);
    EXPECT_TRUE(alone.maps.BitEqual(OneRow(expected.maps, 1))) << method.name;
    EXPECT_EQ(alone.values[0], expected.values[1]);
  }
}

TEST(AttributionTest, TheTableSaysWhatMapsAreLike) {
  const Network network = GoldenNetwork(DType::kFloat32);
  std::set<std::string> names;
  for (const AttributionMethod& method : AttributionMethods()) {
    EXPECT_TRUE(names.insert(method.name).second);
    EXPECT_FALSE(std::string(method.doc).empty());
    EXPECT_EQ(FindAttributionMethod(method.name)->attribute, method.attribute);
    const Tensor maps = Attribute(network, Golden("images"), {.units = {0}}, {.method = method.name})->maps;
    const absl::Span<const float> numbers = maps.data<float>();
    EXPECT_EQ(*std::min_element(numbers.begin(), numbers.end()) < 0, method.is_signed) << method.name;
  }
}

// y = x w^T with x [?, 12], images of 3 x 2 x 2.
struct Linear {
  Linear() {
    const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 12});
    const Value w = graph.Variable("w", Tensor(DType::kFloat64, {2, 12}));
    Tensor weights(DType::kFloat64, {2, 12});
    RandomStream random(3);
    for (double& weight : weights.mutable_data<double>()) weight = random.Normal();
    for (double& pixel : image.mutable_data<double>()) pixel = random.Uniform();
    weight = [weights](int64_t unit, int64_t i) { return weights.At(unit * 12 + i); };
    State state;
    state.Set("w", weights);
    network.emplace(*Network::Create(x, MatMul(x, w, {.transpose_b = true}), state));
  }
  Graph graph;
  std::optional<Network> network;
  Tensor image{DType::kFloat64, {1, 12}};
  std::function<double(int64_t unit, int64_t i)> weight;
};

TEST(AttributionTest, LinearNetworksAreSharedOutExactly) {
  const Linear linear;
  const auto attribute = [&](AttributeOptions options) {
    options.baseline = Tensor::Scalar(DType::kFloat64, 0.3);
    absl::StatusOr<Attribution> found = Attribute(*linear.network, linear.image, {.units = {1}}, options);
    EXPECT_TRUE(found.ok()) << found.status();
    return *found;
  };
  const Attribution path = attribute({.method = "integrated_gradients", .steps = 1});
  const Attribution pixels = attribute({.method = "feature_ablation", .features = Tensor::From<int64_t>({3, 2, 2}, [] {
                                                                        std::vector<int64_t> each(12);
                                                                        for (int i = 0; i < 12; ++i) each[i] = 7 * i;
                                                                        return each;
                                                                      }())});
  const Attribution window = attribute({.method = "occlusion", .window = {1, 1}});
  const Attribution product = attribute({.method = "input_x_gradient"});
  const Attribution smooth = attribute({.method = "smooth_grad", .samples = 3});
  const Attribution variance = attribute({.method = "var_grad", .samples = 3});
  EXPECT_EQ(path.maps.shape(), (Shape{1, 3, 2, 2}));
  EXPECT_EQ(window.maps.shape(), (Shape{1, 1, 2, 2}));
  for (int64_t i = 0; i < 12; ++i) {
    const double w = linear.weight(1, i), x = linear.image.At(i);
    EXPECT_NEAR(path.maps.At(i), w * (x - 0.3), 1e-14);
    EXPECT_NEAR(pixels.maps.At(i), w * (x - 0.3), 1e-14);
    EXPECT_NEAR(product.maps.At(i), w * x, 1e-14);
    EXPECT_NEAR(smooth.maps.At(i), w, 1e-14);
    EXPECT_NEAR(variance.maps.At(i), 0, 1e-28);
  }
  for (int64_t i = 0; i < 4; ++i) {
    double drop = 0;
    for (int64_t c = 0; c < 3; ++c) drop += path.maps.At(c * 4 + i);
    EXPECT_NEAR(window.maps.At(i), drop, 1e-14);
  }
  EXPECT_THAT(path.completeness_errors, ElementsAre(testing::Lt(1e-13)));
  EXPECT_NEAR(Total(product.maps, 0), product.values[0], 1e-14);
  EXPECT_THAT(product.completeness_errors, testing::IsEmpty());
}

TEST(AttributionTest, OcclusionAveragesOverTheWindowsThatCoverAPixel) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 1, 1, 5});
  const Network network = *Network::Create(x, Sum(x, {.axes = {2}}), State());  // [?, 1, 5]: 1 unit, its sum
  const Tensor image = Tensor::From<double>({1, 1, 1, 5}, {1, 2, 4, 8, 16});
  const Attribution found = *Attribute(network, image, {}, {.method = "occlusion", .window = {1, 3}, .stride = {1, 2}});
  EXPECT_THAT(found.maps.data<double>(), ElementsAre(7, 7, 17.5, 28, 28)) << "windows 0-2 and 2-4";
  const Attribution over = *Attribute(network, image, {}, {.method = "occlusion", .window = {1, 4}, .stride = {1, 3}});
  EXPECT_THAT(over.maps.data<double>(), ElementsAre(15, 15, 15, (15 + 24) / 2.0, 24)) << "the last one sticks out";
}

TEST(AttributionTest, IntegratedGradientsAreExactForPolynomials) {
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 4});
  const Network network = *Network::Create(x, Sum(x * Square(x), {.axes = {1}, .keepdims = true}), State());
  const Tensor images = Tensor::From<double>({2, 4}, {1, -2, 0.5, 3, 0, 1, 1, 2});
  const Tensor baselines = Tensor::From<double>({2, 4}, {0, 1, 0.5, -1, 2, 2, 1, 0});
  const Attribution found =
      *Attribute(network, images, {}, {.method = "integrated_gradients", .steps = 2, .baseline = baselines});
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(found.maps.At(i), std::pow(images.At(i), 3) - std::pow(baselines.At(i), 3), 1e-13);
  }
  EXPECT_THAT(found.completeness_errors, Each(testing::Lt(1e-14)));
  // Nothing to share out, and it is shared out rightly.
  const Attribution none =
      *Attribute(network, images, {}, {.method = "integrated_gradients", .steps = 3, .baseline = images});
  EXPECT_THAT(none.completeness_errors, Each(0));
}

Tensor TestDigits(uint32_t n) { return FirstRows(Digits().test.images, n, DType::kUint8); }

TEST(AttributionTest, IntegratedGradientsOfDigitsAreCompleteToOnePercent) {
  for (const bool probability : {false, true}) {
    const Attribution found =
        *Attribute(DigitsNetwork(), TestDigits(100), {.probability = probability}, {.method = "integrated_gradients"});
    // One image may miss it: how the network was trained depends on the machine's SIMD.
    const std::vector<double>& errors = found.completeness_errors;
    EXPECT_EQ(errors.size(), 100u);
    EXPECT_GE(std::count_if(errors.begin(), errors.end(), [](double error) { return error < 0.01; }), 99);
    EXPECT_LT(std::accumulate(errors.begin(), errors.end(), 0.0) / 100, 0.003);
    for (int64_t i = 0; i < 100; i += 33) {
      const double black = Attribute(DigitsNetwork(), Tensor::Zeros(DType::kFloat32, {1, 1, 28, 28}),
                                     {.units = {found.units[i]}, .probability = probability})
                               ->values[0];
      const double total = found.values[i] - black;
      EXPECT_NEAR(std::abs(Total(found.maps, i) - total) / std::abs(total), found.completeness_errors[i], 1e-5);
    }
  }
}

TEST(AttributionTest, DigitsHaveTheSameBitsForAnyNumberOfThreads) {
  for (const AttributionMethod& method : AttributionMethods()) {
    for (const Target& target : {Target{}, Target{.layer = "conv2", .units = {7}}}) {
      const auto maps = [&](int threads) {
        return Attribute(DigitsNetwork(), TestDigits(2), target, {.method = method.name, .threads = threads})->maps;
      };
      const Tensor expected = maps(1);
      EXPECT_TRUE(maps(2).BitEqual(expected)) << method.name;
      EXPECT_TRUE(maps(4).BitEqual(expected)) << method.name;
    }
  }
}

TEST(AttributionTest, NoiseFollowsTheSeedAndTheImagesRange) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const auto smooth = [&](const AttributeOptions& options) {
    return Attribute(network, Golden("images"), {.units = {1}}, options)->maps;
  };
  const Tensor maps = smooth({.method = "smooth_grad", .samples = 6});
  EXPECT_TRUE(smooth({.method = "smooth_grad", .samples = 6}).BitEqual(maps));
  EXPECT_FALSE(smooth({.method = "smooth_grad", .samples = 6, .seed = 1}).BitEqual(maps));
  const Tensor still = smooth({.method = "smooth_grad", .samples = 6, .noise = 0});
  const Tensor slope = smooth({.method = "saliency"});
  for (int64_t i = 0; i < slope.num_elements(); ++i) EXPECT_NEAR(std::abs(still.At(i)), slope.At(i), 1e-14);

  // y = x^2 / 2: slopes are the noisy pixels themselves.
  Graph graph;
  const Value x = graph.Input("x", DType::kFloat64, {kAnyBatch, 2});
  const Network square = *Network::Create(x, 0.5 * Square(x), State());
  const Attribution spread = *Attribute(square, Tensor::From<double>({1, 2}, {1, 5}), {.units = {0}},
                                        {.method = "var_grad", .samples = 20000, .noise = 0.25});
  EXPECT_NEAR(spread.maps.At(0), 1, 0.03) << "(0.25 (5 - 1))^2";
  EXPECT_EQ(spread.maps.At(1), 0);
  EXPECT_EQ(spread.values[0], 0.5);
}

TEST(AttributionTest, GuidedBackpropOfPositiveWeightsIsTheGradient) {
  Network golden = GoldenNetwork(DType::kFloat64);
  State positive = golden.state();
  for (const auto& [name, tensor] : golden.state().tensors()) {
    Tensor weights = tensor.Clone();
    for (double& w : weights.mutable_data<double>()) w = std::abs(w);
    positive.Set(name, weights);
  }
  const Network network = *Network::Create(golden.input(), golden.output(), positive);
  const auto attribute = [&](const char* method) {
    return Attribute(network, Golden("images"), {.units = {1}}, {.method = method})->maps;
  };
  const Tensor slope = attribute("saliency");
  EXPECT_TRUE(attribute("guided_backprop").BitEqual(slope));
  EXPECT_TRUE(attribute("deconvnet").BitEqual(slope)) << "every relu is open";
}

TEST(AttributionTest, APositionDependsOnWhatItsFilterSees) {
  const Network network = GoldenNetwork(DType::kFloat64);
  const Tensor maps =
      Attribute(network, Golden("images"), {.layer = "conv1", .units = {2}, .position = {{3, 7}}})->maps;
  for (int64_t i = 0; i < maps.num_elements(); ++i) {
    const int64_t row = i / 14 % 14, column = i % 14;
    EXPECT_EQ(maps.At(i) > 0, row >= 3 && row < 6 && column >= 7 && column < 10);
  }
}

TEST(AttributionTest, ByDefaultTheLargestUnitIsExplained) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const Attribution found = *Attribute(network, Golden("images"));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t unit = 0; unit < 4; ++unit) {
      EXPECT_LE(Attribute(network, Golden("images"), {.units = {unit}})->values[i], found.values[i]);
    }
    EXPECT_EQ(Attribute(network, Golden("images"), {.units = found.units})->values[i], found.values[i]);
  }
}

TEST(AttributionTest, ReadsBytesAsPixels) {
  const Network network = GoldenNetwork(DType::kFloat32);
  Tensor bytes(DType::kUint8, {1, 2, 14, 14}), floats(DType::kFloat32, {1, 2, 14, 14});
  for (int i = 0; i < 392; ++i) {
    bytes.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
    floats.mutable_data<float>()[i] = static_cast<float>(static_cast<uint8_t>(i * 7)) / 255;
  }
  EXPECT_TRUE(Attribute(network, bytes)->maps.BitEqual(Attribute(network, floats)->maps));
}

TEST(AttributionTest, SaysWhatIsWrong) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const auto message = [&](const Target& target, const AttributeOptions& options,
                           const Tensor& images = Golden("images")) {
    return std::string(Attribute(network, images, target, options).status().message());
  };
  EXPECT_THAT(message({}, {.method = "salency"}),
              HasSubstr("no attribution method 'salency'; the nearest names are saliency"));
  EXPECT_THAT(message({.layer = "conv9"}, {}), HasSubstr("nearest names are conv"));
  EXPECT_THAT(message({.units = {4}}, {}), HasSubstr("layer logits has units 0 to 3, and no unit 4"));
  EXPECT_THAT(message({}, {}, Tensor::Zeros(DType::kFloat32, {1, 1, 28, 28})), HasSubstr("expects f32[?,2,14,14]"));
  EXPECT_THAT(message({}, {.copies = 0}), HasSubstr("copies must be in [1, 1048576], but is 0"));
  EXPECT_THAT(message({}, {.method = "smooth_grad", .samples = 0}),
              HasSubstr("samples must be in [1, 1048576], but is 0"));
  EXPECT_THAT(message({}, {.method = "smooth_grad", .noise = -1}), HasSubstr("noise must be finite and at least 0"));
  EXPECT_THAT(message({}, {.method = "smooth_grad", .given_noise = Golden("noise")}),
              HasSubstr("given noise must be floating-point [50,2,14,14], but is f64[7,2,14,14]"));
  EXPECT_THAT(message({}, {.method = "integrated_gradients", .steps = 20000}),
              HasSubstr("steps must be in [1, 10000]"));
  EXPECT_THAT(message({}, {.method = "integrated_gradients", .baseline = Golden("noise")}),
              HasSubstr("baseline must be a number, an image of 2 x 14 x 14 or one for each of the 2 images, but is "
                        "f64[7,2,14,14]"));
  EXPECT_THAT(message({}, {.method = "occlusion", .window = {15, 3}}),
              HasSubstr("the window's height must be in [1, 14], as the image's is 14, but is 15"));
  EXPECT_THAT(message({}, {.method = "occlusion", .window = {3, 3}, .stride = {2, 4}}),
              HasSubstr("the stride along the width must be in [1, 3]"));
  EXPECT_THAT(message({}, {.method = "feature_ablation", .features = Golden("images")}),
              HasSubstr("features must be integers [14,14] or [2,14,14], but are f64[2,2,14,14]"));
  EXPECT_THAT(message({}, {.method = "feature_ablation", .grid = {0, 3}}), HasSubstr("at least 1 row and 1 column"));
  EXPECT_THAT(message({}, {.threads = 0}), HasSubstr("threads"));
}

TEST(AttributionTest, GradCamSaysWhichMapsItNeeds) {
  const Network network = GoldenNetwork(DType::kFloat32);
  const auto message = [&](const Target& target, const std::string& maps) {
    return std::string(
        Attribute(network, Golden("images"), target, {.method = "grad_cam", .maps = maps}).status().message());
  };
  EXPECT_THAT(message({}, "dense1"), HasSubstr("'dense1' is f32[?,8], which has no maps"));
  EXPECT_THAT(message({}, "conv0"), HasSubstr("nearest names are conv"));
  EXPECT_THAT(message({.layer = "conv2"}, "relu2"), HasSubstr("'conv2' does not follow from the maps of 'relu2'"));
  EXPECT_THAT(message({.layer = "conv1"}, ""), HasSubstr("no layer before 'conv1' has maps"));
  EXPECT_EQ(message({.layer = "conv2"}, ""), "");
  const Linear linear;
  EXPECT_THAT(
      std::string(Attribute(*linear.network, linear.image, {}, {.method = "guided_grad_cam"}).status().message()),
      HasSubstr("has maps"));
}

}  // namespace
}  // namespace adret::explain
