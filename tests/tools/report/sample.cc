#include "adret/tests/tools/report/sample.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/core/random.h"
#include "adret/io/drawn_digits.h"
#include "adret/plot/color.h"

namespace adret::report {
namespace {

constexpr int64_t kSide = 28;
constexpr int64_t kClasses = 10;

// A painter of pictures that look like those of a report.
class Pictures {
 public:
  Pictures() : digits_(io::DrawnDigits({.train = 10, .test = 400})->test) {}

  int64_t Label(int64_t i) const { return digits_.labels.data<int64_t>()[i % digits_.size()]; }
  Tensor Digit(int64_t i) const {
    const absl::Span<const uint8_t> pixels = digits_.images.data<uint8_t>();
    return Tensor::From<uint8_t>({1, kSide, kSide},
                                 pixels.subspan((i % digits_.size()) * kSide * kSide, kSide * kSide));
  }
  // Nine digits, three by three.
  Tensor NineDigits(int64_t first) const {
    Tensor sheet(DType::kUint8, {1, 3 * kSide, 3 * kSide});
    for (int64_t k = 0; k < 9; ++k) {
      const Tensor digit = Digit(first + k);
      for (int64_t p = 0; p < kSide * kSide; ++p) {
        const int64_t row = k / 3 * kSide + p / kSide, column = k % 3 * kSide + p % kSide;
        sheet.mutable_data<uint8_t>()[row * 3 * kSide + column] = digit.data<uint8_t>()[p];
      }
    }
    return sheet;
  }
  static Tensor Waves(uint64_t seed, plot::ColorMap colors) {
    RandomStream random(seed);
    const double fx = random.Uniform(0.1, 0.6), fy = random.Uniform(0.1, 0.6), phase = random.Uniform(0, 6);
    Tensor picture(DType::kUint8, {3, kSide, kSide});
    absl::Span<uint8_t> pixels = picture.mutable_data<uint8_t>();
    for (int64_t p = 0; p < kSide * kSide; ++p) {
      const auto x = static_cast<double>(p % kSide), y = static_cast<double>(p / kSide);
      const plot::Color color = plot::Map(colors, 0.5 + 0.5 * std::sin(fx * x + phase) * std::cos(fy * y));
      pixels[p] = static_cast<uint8_t>(std::lround(255 * color.red));
      pixels[p + kSide * kSide] = static_cast<uint8_t>(std::lround(255 * color.green));
      pixels[p + 2 * kSide * kSide] = static_cast<uint8_t>(std::lround(255 * color.blue));
    }
    return picture;
  }

 private:
  io::Dataset digits_;
};

Ascent SampleAscent(uint64_t seed) {
  RandomStream random(seed);
  Ascent ascent{.image = Pictures::Waves(seed, plot::ColorMap::kGrey)};
  const double top = random.Uniform(5, 60), speed = random.Uniform(5, 30);
  for (int i = 0; i <= 100; ++i) ascent.curve.push_back(top * (1 - std::exp(-i / speed)) + random.Uniform(-0.2, 0.2));
  return ascent;
}

LayerReport SampleLayer(const Pictures& pictures, const std::string& name, const std::string& kind, int64_t units) {
  LayerReport layer{
      .name = name, .kind = kind, .output = "f32[?,25,26,26]", .parameters = 11'300, .units_in_all = 2 * units};
  for (int64_t k = 0; k < units; ++k) {
    UnitReport unit{
        .unit = k, .ascent = SampleAscent(k + 1000), .examples = pictures.NineDigits(9 * k), .top_activation = 12.34};
    for (int64_t i = 0; i < 9; ++i) unit.example_classes.push_back(absl::StrCat(pictures.Label(9 * k + i)));
    layer.units.push_back(unit);
  }
  return layer;
}

std::vector<ExampleReport> SampleExamples(const Pictures& pictures, int64_t truth, int64_t answer, int64_t n) {
  std::vector<ExampleReport> examples;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t index = 17 * truth + 3 * answer + 31 * i;
    examples.push_back({.index = index,
                        .truth = truth,
                        .answer = answer,
                        .confidence = 0.99 - 0.05 * static_cast<double>(i),
                        .image = pictures.Digit(index),
                        .attribution = Pictures::Waves(index, plot::ColorMap::kDiverging)});
  }
  return examples;
}

void AddClasses(const Pictures& pictures, ReportData* data) {
  data->classes.push_back(absl::StrCat(kHostileName, "0"));
  for (int64_t c = 1; c < kClasses; ++c) data->classes.push_back(absl::StrCat(c));
  for (int64_t truth = 0; truth < kClasses; ++truth) {
    for (int64_t answer = 0; answer < kClasses; ++answer) {
      const int64_t wrong = (3 * truth + 5 * answer) % 7 < 3 ? (truth * answer) % 4 : 0;
      const int64_t count = truth == answer ? 980 + truth : wrong;
      data->confusion.push_back(count);
      if (truth == answer || count == 0) continue;
      data->mistakes.push_back({truth, answer, SampleExamples(pictures, truth, answer, count)});
    }
    const int64_t other = (truth + 1) % kClasses;
    data->class_reports.push_back({.ascent = SampleAscent(truth),
                                   .most_confident = SampleExamples(pictures, truth, truth, 9),
                                   .least_confident = SampleExamples(pictures, truth, truth, 9),
                                   .wrong = SampleExamples(pictures, truth, other, 4),
                                   .wrong_in_all = 12});
  }
}

// As Graphviz writes it, with links to layers.
std::string SampleDrawing(size_t layers) {
  std::string svg = absl::StrCat("<svg width=\"220pt\" height=\"", 90 * layers, "pt\" viewBox=\"0 0 220 ", 90 * layers,
                                 "\" role=\"img\" aria-label=\"The network's layers\"><g class=\"graph\">");
  for (size_t i = 0; i < layers; ++i) {
    const size_t y = 90 * i + 10;
    absl::StrAppend(&svg, "<g class=\"node\"><a xlink:href=\"#", LayerAnchor(i), "\" xlink:title=\"layer ", i,
                    "\"><polygon fill=\"white\" stroke=\"black\" points=\"20,", y, " 200,", y, " 200,", y + 50, " 20,",
                    y + 50, "\"/><text text-anchor=\"middle\" x=\"110\" y=\"", y + 30, "\">layer ", i,
                    "</text></a></g>");
    if (i + 1 == layers) break;
    absl::StrAppend(&svg, "<g class=\"edge\"><path fill=\"none\" stroke=\"black\" d=\"M110,", y + 50, "L110,", y + 84,
                    "\"/><polygon fill=\"black\" points=\"106,", y + 80, " 114,", y + 80, " 110,", y + 89, "\"/></g>");
  }
  return svg + "</g></svg>";
}

nn::TrainingHistory SampleHistory() {
  nn::TrainingHistory history;
  constexpr int64_t kEpochs = 5, kBatches = 100;
  RandomStream random(/*seed=*/5);
  for (int64_t e = 1; e <= kEpochs; ++e) {
    for (int64_t b = 1; b <= kBatches; ++b) {
      nn::BatchRecord batch{.epoch = e, .epochs = kEpochs, .batch = b, .batches = kBatches};
      batch.loss = 2.3 * std::exp(-1.5 * batch.epochs_done()) * random.Uniform(0.6, 1.4) + 0.02;
      history.Add(batch);
    }
    const double loss = std::exp(-1.2 * static_cast<double>(e));
    history.Add({.epoch = e,
                 .epochs = kEpochs,
                 .train = {.loss = loss, .accuracy = 1 - loss / 3, .examples = 12'800},
                 .test = {.loss = loss * 0.8, .accuracy = 1 - loss / 4, .examples = 1000}});
  }
  return history;
}

}  // namespace

ReportData SampleReport() {
  const Pictures pictures;
  ReportData data{.title = absl::StrCat(kHostileName, ".adret"), .data = "400 test images"};
  data.facts = {
      {"Test images right", "98.9 %"}, {"Parameters", "137,660"}, {"Layers", "3"}, {kHostileName, kHostileName}};
  data.layers = {SampleLayer(pictures, absl::StrCat(kHostileName, "conv1"), "filters", 12),
                 SampleLayer(pictures, "conv2", "filters", 25), SampleLayer(pictures, "dense1", "neurons", 7)};
  data.graph_svg = SampleDrawing(data.layers.size());
  data.history = SampleHistory();
  data.attribution_method = "integrated gradients";
  AddClasses(pictures, &data);
  return data;
}

}  // namespace adret::report
