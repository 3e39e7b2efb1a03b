#include "adret/tools/report/gather.h"

#include "absl/strings/str_cat.h"
#include "adret/ops/matmul.h"
#include "adret/ops/reshape.h"
#include "adret/tools/report/page.h"
#include "adret/tools/report/survey.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adret::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Class 0 is the ink in the left half of a picture, class 1 that in the right half.
explain::Network Halves(int64_t channels = 1, int64_t height = 4, int64_t width = 4) {
  Graph graph;
  const int64_t pixels = channels * height * width;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, channels, height, width});
  Tensor w = Tensor::Zeros(DType::kFloat32, {pixels, 2});
  for (int64_t p = 0; p < pixels; ++p) w.mutable_data<float>()[2 * p + (p % width < width / 2 ? 0 : 1)] = 1;
  const Value halves = MatMul(Flatten(image), graph.Variable("halves/w", w)).Named("halves");
  const State state = *InitialState(graph, /*seed=*/1);
  return *explain::Network::Create(image, halves, state);
}

// Pictures with so much ink on the left and on the right, out of 8 pixels each; the labels say which has more, but for
// the last one, whose label is wrong.
nn::Examples Inked(const std::vector<std::pair<int, int>>& inks) {
  const auto n = static_cast<int64_t>(inks.size());
  Tensor x = Tensor::Zeros(DType::kUint8, {n, 1, 4, 4}), y(DType::kInt64, {n});
  for (int64_t i = 0; i < n; ++i) {
    const auto& [left, right] = inks[i];
    uint8_t* pixels = x.mutable_data<uint8_t>().data() + 16 * i;
    for (int k = 0; k < left; ++k) pixels[k / 2 * 4 + k % 2] = 255;
    for (int k = 0; k < right; ++k) pixels[k / 2 * 4 + 2 + k % 2] = 255;
    y.mutable_data<int64_t>()[i] = (right > left) != (i + 1 == n);
  }
  return {x, y};
}

const std::vector<std::pair<int, int>> kInks = {{8, 0}, {3, 2}, {0, 5}, {1, 8}, {6, 0}, {2, 3}, {7, 1}};

std::vector<int64_t> Indices(const std::vector<ExampleReport>& examples) {
  std::vector<int64_t> indices;
  for (const ExampleReport& example : examples) indices.push_back(example.index);
  return indices;
}

TEST(Survey, KeepsWhatActivatesEachUnitMost) {
  const explain::Network network = Halves();
  const nn::Examples examples = Inked(kInks);
  const absl::StatusOr<Survey> survey =
      RunSurvey(network, {network.layers().size() - 1}, examples.x, {.top = 3, .batch = 2});
  ASSERT_TRUE(survey.ok()) << survey.status();
  const auto& tops = survey->tops[0];
  ASSERT_EQ(tops.size(), 2u);
  ASSERT_EQ(tops[0].size(), 3u);
  EXPECT_EQ(tops[0][0].example, 0);
  EXPECT_EQ(tops[0][1].example, 6);
  EXPECT_EQ(tops[0][2].example, 4);
  EXPECT_NEAR(tops[0][1].activation, 7, 1e-5);
  EXPECT_EQ(tops[1][0].example, 3);
  EXPECT_THAT(survey->answers, ElementsAre(0, 0, 1, 1, 0, 1, 0));
  EXPECT_NEAR(survey->log_confidences[1], -std::log1p(std::exp(-1)), 1e-5);
}

TEST(Gather, TellsClassesApartAsTheNetworkDoes) {
  const absl::StatusOr<ReportData> data = Gather(Halves(), Inked(kInks), {.steps = 20, .examples = 2});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->classes, ElementsAre("0", "1"));
  EXPECT_THAT(data->confusion, ElementsAre(3, 0, 1, 3));
  EXPECT_EQ(data->facts[0].value, "85.71 %");
  ASSERT_EQ(data->class_reports.size(), 2u);
  EXPECT_THAT(Indices(data->class_reports[0].most_confident), ElementsAre(0, 4));
  EXPECT_THAT(Indices(data->class_reports[0].least_confident), ElementsAre(1, 4));
  EXPECT_THAT(Indices(data->class_reports[1].most_confident), ElementsAre(3, 2));
  EXPECT_THAT(Indices(data->class_reports[1].wrong), ElementsAre(6));
  EXPECT_EQ(data->class_reports[1].wrong_in_all, 1);
  ASSERT_EQ(data->mistakes.size(), 1u);
  EXPECT_EQ(data->mistakes[0].truth, 1);
  EXPECT_EQ(data->mistakes[0].answer, 0);
  const ExampleReport& mistake = data->mistakes[0].examples[0];
  EXPECT_NEAR(mistake.confidence, 1 / (1 + std::exp(-6)), 1e-5);
  EXPECT_EQ(mistake.image->shape(), (Shape{1, 4, 4}));
  EXPECT_EQ(mistake.attribution->shape(), (Shape{3, 4, 4}));
}

TEST(Gather, AttributionsAreRedWhereInkSpeaksForTheAnswer) {
  const absl::StatusOr<ReportData> data = Gather(Halves(), Inked({{8, 0}, {0, 8}}), {.steps = 1});
  ASSERT_TRUE(data.ok()) << data.status();
  const Tensor& map = *data->class_reports[0].most_confident[0].attribution;  // red, green, blue
  EXPECT_GT(map.At(0), map.At(32) + 50) << "ink on the left";
  EXPECT_NEAR(map.At(2), map.At(34), 12) << "none on the right: nothing to say";
}

TEST(Gather, UnitsClimb) {
  const absl::StatusOr<ReportData> data = Gather(Halves(), Inked(kInks), {.steps = 20});
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ(data->layers.size(), 1u);
  const LayerReport& layer = data->layers[0];
  EXPECT_EQ(layer.name, "halves");
  EXPECT_EQ(layer.kind, "neurons");
  EXPECT_EQ(layer.parameters, 32);
  ASSERT_EQ(layer.units.size(), 2u);
  const UnitReport& right = layer.units[1];
  ASSERT_EQ(right.ascent.curve.size(), 21u);
  EXPECT_GT(right.ascent.curve.back(), 7.9) << "all eight pixels on the right";
  EXPECT_EQ(right.ascent.image->At(3), 255);
  EXPECT_NEAR(right.top_activation, 8, 1e-5);
  EXPECT_THAT(right.example_classes, testing::SizeIs(7));
  EXPECT_EQ(right.examples->shape(), (Shape{1, 16, 16})) << "three by three with lines between";
  EXPECT_EQ(Gather(Halves(), Inked(kInks), {.units = 1})->layers[0].units.size(), 2u) << "all classes";
}

TEST(Gather, WithoutExamplesThereAreUnits) {
  const absl::StatusOr<ReportData> data = Gather(Halves(), {}, {.steps = 2});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(data->confusion.empty());
  EXPECT_EQ(data->layers[0].units.size(), 2u);
  EXPECT_FALSE(data->layers[0].units[0].examples.has_value());
  EXPECT_TRUE(RenderPage(*data).ok());
}

TEST(Gather, LargeImagesAreShownSmallAndAnyNumbersAsColours) {
  // Numbers of all sizes: not pixels in [0, 1], as those of a network that wants them standardised.
  Tensor x(DType::kFloat32, {2, 3, 40, 512});
  for (int64_t i = 0; i < x.num_elements(); ++i) x.mutable_data<float>()[i] = static_cast<float>(i % 7) - 3;
  const nn::Examples examples{x, Tensor::From<int64_t>({2}, {0, 1})};
  const absl::StatusOr<ReportData> data = Gather(Halves(3, 40, 512), examples, {.steps = 1});
  ASSERT_TRUE(data.ok()) << data.status();
  const UnitReport& unit = data->layers[0].units[0];
  EXPECT_EQ(unit.ascent.image->shape(), (Shape{3, 20, 256}));
  EXPECT_EQ(unit.examples->shape(), (Shape{3, 7, 131})) << "two of 5x64 and the lines around them";
  for (const ClassReport& report : data->class_reports) {
    for (const auto* group : {&report.most_confident, &report.wrong}) {
      for (const ExampleReport& example : *group) {
        EXPECT_EQ(example.image->shape(), (Shape{3, 10, 128}));
        EXPECT_EQ(example.attribution->shape(), (Shape{3, 10, 128}));
      }
    }
  }
}

// The class is where a picture's one bright pixel is; the network takes it for the next one, but for every eighth
// class.
explain::Network Confused(int64_t classes) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 1, classes});
  Tensor w = Tensor::Zeros(DType::kFloat32, {classes, classes});
  for (int64_t c = 0; c < classes; ++c) {
    w.mutable_data<float>()[c * classes + (c % 8 == 0 ? c : (c + 1) % classes)] = 1;
  }
  const Value answers = MatMul(Flatten(image), graph.Variable("answers/w", w)).Named("answers");
  const State state = *InitialState(graph, /*seed=*/1);
  return *explain::Network::Create(image, answers, state);
}

nn::Examples OnePixelEach(int64_t classes, int64_t of_each) {
  const int64_t n = classes * of_each;
  Tensor x = Tensor::Zeros(DType::kUint8, {n, 1, 1, classes}), y(DType::kInt64, {n});
  for (int64_t i = 0; i < n; ++i) {
    x.mutable_data<uint8_t>()[i * classes + i % classes] = 255;
    y.mutable_data<int64_t>()[i] = i % classes;
  }
  return {x, y};
}

TEST(Gather, ManyClassesKeepToABudget) {
  constexpr int64_t kClasses = 160;  // 140 of them are taken for the next one
  const absl::StatusOr<ReportData> data =
      Gather(Confused(kClasses), OnePixelEach(kClasses, 2), {.steps = 1, .examples = 1});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->mistakes.size(), 100u);
  int64_t shown = 0;
  for (int64_t c = 0; c < kClasses; ++c) {
    const ClassReport& report = data->class_reports[c];
    shown += report.wrong.size();
    EXPECT_TRUE(report.most_confident.empty()) << "only those with mistakes are among the worst";
    EXPECT_EQ(report.wrong_in_all, report.wrong.empty() ? 0 : 2);
    for (const ExampleReport& example : report.wrong) {
      EXPECT_TRUE(example.image.has_value());
      EXPECT_TRUE(example.attribution.has_value());
    }
  }
  EXPECT_EQ(shown, 128);
  const std::string page = *RenderPage(*data);
  EXPECT_THAT(page, HasSubstr("And 40 rarer ones, 80 examples in all."));
  EXPECT_THAT(page, HasSubstr("Examples are of the 128 classes that are answered worst."));
  EXPECT_THAT(*RenderPage(*Gather(Halves(), Inked(kInks), {.steps = 1})), Not(HasSubstr("answered worst")));
}

TEST(Gather, ManyLargePicturesMakeGroupsSmaller) {
  constexpr int64_t kSide = 128, kClasses = 40;  // 120 groups of 192 KiB
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 3, kSide, kSide});
  const Value w = graph.Variable("answers/w", Tensor::Zeros(DType::kFloat32, {3 * kSide * kSide, kClasses}));
  const Value answers = MatMul(Flatten(image), w).Named("answers");
  const State state = *InitialState(graph, /*seed=*/1);
  const explain::Network network = *explain::Network::Create(image, answers, state);
  Tensor x = Tensor::Zeros(DType::kUint8, {2 * kClasses, 3, kSide, kSide}), y(DType::kInt64, {2 * kClasses});
  for (int64_t i = 0; i < 2 * kClasses; ++i) y.mutable_data<int64_t>()[i] = i / 2;
  const absl::StatusOr<ReportData> data = Gather(network, {x, y}, {.steps = 1});
  ASSERT_TRUE(data.ok()) << data.status();
  for (const ClassReport& report : data->class_reports) EXPECT_LE(report.wrong.size(), 1u);
  EXPECT_EQ(data->class_reports[7].wrong.size(), 1u);
  EXPECT_EQ(data->class_reports[7].wrong_in_all, 2);
}

TEST(Gather, NetworksTooLargeToDrawHaveReports) {
  Graph graph;
  const Value image = graph.Input("image", DType::kFloat32, {kAnyBatch, 1, 2, 2});
  Value x = Flatten(image);
  for (int i = 0; i < 5001; ++i) x = Flatten(x).Named(absl::StrCat("layer", i));
  const Value answers = MatMul(x, graph.Variable("answers/w", Tensor::Zeros(DType::kFloat32, {4, 2}))).Named("answers");
  const State state = *InitialState(graph, /*seed=*/1);
  const absl::StatusOr<ReportData> data = Gather(*explain::Network::Create(image, answers, state), {}, {.steps = 1});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(data->graph_svg.empty());
  const std::string page = *RenderPage(*data);
  EXPECT_THAT(page, HasSubstr("Without a drawing: "));
  EXPECT_THAT(page, HasSubstr("layer5000"));
}

TEST(Gather, IsTheSameOnAnyNumberOfThreads) {
  std::vector<std::string> pages;
  for (const int threads : {1, 2, 4}) {
    pages.push_back(*RenderPage(*Gather(Halves(), Inked(kInks), {.seed = 3, .threads = threads, .steps = 5})));
  }
  EXPECT_EQ(pages[0], pages[1]);
  EXPECT_EQ(pages[0], pages[2]);
  EXPECT_NE(pages[0], *RenderPage(*Gather(Halves(), Inked(kInks), {.seed = 4, .steps = 5})));
}

TEST(Gather, RefusesWhatDoesNotFit) {
  const auto expect = [](const explain::Network& network, const nn::Examples& examples, const GatherOptions& options,
                         const std::string& message) {
    const absl::StatusOr<ReportData> data = Gather(network, examples, options);
    ASSERT_FALSE(data.ok()) << message;
    EXPECT_THAT(std::string(data.status().message()), HasSubstr(message));
  };
  const nn::Examples good = Inked(kInks);
  expect(Halves(2), {}, {}, "1 or 3 channels, but the network takes 2");
  expect(Halves(3), {Tensor::Zeros(DType::kUint8, {2, 4, 4, 3}), Tensor::Zeros(DType::kInt64, {2})}, {},
         "the examples are u8[2,4,4,3], but the network takes f32[?,3,4,4]");
  expect(Halves(), {Tensor::Zeros(DType::kUint8, {7, 1, 5, 5}), good.y}, {}, "u8[7,1,5,5]");
  expect(Halves(), {good.x, Tensor::Zeros(DType::kInt64, {6})}, {}, "labels should be 7 integers, but are i64[6]");
  expect(Halves(), {good.x, Tensor::Full(DType::kFloat32, {7}, 0.7)}, {},
         "labels should be 7 integers, but are f32[7]");
  expect(Halves(), {good.x, Tensor::Full(DType::kInt64, {7}, 2)}, {},
         "label 0 is 2, but the network has the classes 0 to 1");
  expect(Halves(), {good.x, Tensor::Full(DType::kInt64, {7}, -1)}, {}, "label 0 is -1");
  expect(Halves(), good, {.units = 0}, "at least one unit");
  expect(Halves(), good, {.classes = {"left"}}, "2 classes, but there are 1 names");
}

}  // namespace
}  // namespace adret::report
