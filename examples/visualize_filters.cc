// What has each filter learned? Finds, for every unit of a layer, the image that excites it most, and paints it.
//
//   visualize_filters --model=lecture_cnn.adret --out=pictures            # every layer
//   visualize_filters --model=lecture_cnn.adret --layer=conv2 --steps=100
//
// It needs nothing but the model file: x* = argmax_x a^k(x) is found by walking an image up the slope of the unit's
// activation a^k, with the same Gradients() that training walks weights down with. a^k is the sum over the map of
// filter k as the convolution computes it (bias included, before relu), or what a dense layer computes for neuron k.
// The classes get a second sheet, y_k - lambda sum |x|, which keeps only the ink that pays. A line of JSON per unit
// says how far it got.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "adret/adret.h"
#include "adret/io/in_file.h"
#include "adret/plot/sheet.h"

ABSL_FLAG(std::string, model, "lecture_cnn.adret", "model file, made by train_lecture_cnn");
ABSL_FLAG(std::string, layer, "", "name of a convolution or dense layer, such as conv2; by default all");
ABSL_FLAG(int, steps, 100, "steps of gradient ascent");
ABSL_FLAG(double, penalty, 0.65, "lambda of the classes' second sheet, as a fraction of the slope at the start");
ABSL_FLAG(std::string, out, "pictures", "folder for the pictures; created if it is missing");

namespace {

using namespace adret;

// ---- The layers of a model ------------------------------------------------------------------------------------------

struct Layer {
  std::string name;
  Value weights;  // [filters, channels, h, w] or [inputs, neurons]
  Value output;   // [?, filters, h, w] or [?, neurons]

  bool is_convolution() const { return weights.rank() == 4; }
  int64_t units() const { return output.shape()[1]; }
};

absl::StatusOr<Layer> FindLayer(const io::Model& model, const std::string& name) {
  AD_ASSIGN_OR_RETURN(const Value output, model.graph->Find(name));
  const absl::StatusOr<Value> weights = model.graph->Find(absl::StrCat(name, "/w"));
  if (!weights.ok() || (weights->rank() != 4 && weights->rank() != 2) || output.rank() != weights->rank()) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is neither a convolution nor a dense layer"));
  }
  return Layer{name, *weights, output};
}

// The layer of this name, or all that have weights, in the network's order.
absl::StatusOr<std::vector<Layer>> FindLayers(const io::Model& model, const std::string& name) {
  std::vector<std::string> names;
  for (const Value& variable : model.graph->variables()) {
    const std::string full = variable.name();
    absl::string_view layer = full;
    if (name.empty() && absl::ConsumeSuffix(&layer, "/w")) names.emplace_back(layer);
  }
  if (!name.empty()) names = {name};
  std::vector<Layer> layers;
  for (const std::string& each : names) {
    AD_ASSIGN_OR_RETURN(Layer layer, FindLayer(model, each));
    layers.push_back(layer);
  }
  if (layers.empty()) return absl::NotFoundError("the model has no layer with weights");
  return layers;
}

// ---- The ascent -----------------------------------------------------------------------------------------------------

// What was found, a row for each unit.
struct Ascent {
  Tensor images;
  Tensor start, end;   // the unit's activation before and after
  Tensor probability;  // of the unit in a softmax over all: what a class is recognised with
  Tensor ink;          // mean of the pixels
};

// Faint noise: at an even grey, many units have no slope.
Tensor Noise(const Shape& shape) {
  Tensor noise(DType::kFloat32, shape);
  RandomStream random(/*seed=*/1);
  for (float& pixel : noise.mutable_data<float>()) pixel = static_cast<float>(random.Uniform(0, 0.1));
  return noise;
}

// The root mean square of each image, [n,1,1,1].
Value Length(const Value& images) { return Sqrt(Mean(Square(images), {.axes = {1, 2, 3}, .keepdims = true}) + 1e-20); }

// All units of a layer at once: row k of the batch is unit k's own image, so one gradient serves them all.
absl::StatusOr<Ascent> Ascend(const io::Model& model, const Layer& layer, double penalty) {
  constexpr double kRate = 0.2;
  AD_ASSIGN_OR_RETURN(const Value image, model.Input("image"));
  Graph graph;
  const int64_t n = layer.units();
  const Value images = graph.Variable("images", Noise(image.shape().WithBatch(n)));
  State state = model.state;
  AD_RETURN_IF_ERROR(InitializeMissing(graph, /*seed=*/1, &state));

  AD_ASSIGN_OR_RETURN(const Values copy, Import({layer.output}, {{image, images}}, &graph));
  const Value units = layer.is_convolution() ? Sum(copy[0], {.axes = {2, 3}}) : copy[0];  // [n,n]
  const Value own = OneHot(Range(&graph, {.dtype = DType::kInt64, .limit = static_cast<double>(n)}), n);
  const Value activation = Sum(units * own, {.axes = {1}});
  const Value probability = Sum(Softmax(units) * own, {.axes = {1}});
  const Value ink = Mean(images, {.axes = {1, 2, 3}});

  // lambda, for each unit in proportion to its scale.
  AD_ASSIGN_OR_RETURN(const Tensor steepness, Evaluate(Length(Gradients(activation, {images})[0]), {}, &state));
  const Value cost = penalty * graph.Constant(steepness) * Abs(images);

  // Steps are of one length, whatever the unit's scale, and get shorter to the end; pixels stay in [0, 1].
  const Value rate = graph.Input("rate", DType::kFloat32, {});
  const Value slope = Gradients(Sum(activation) - Sum(cost), {images})[0];
  const Updates step{{images, Clip(images + rate * slope / Length(slope), {.min = 0, .max = 1})}};

  AD_ASSIGN_OR_RETURN(Executor climb, Executor::Create({}, step));
  AD_ASSIGN_OR_RETURN(Executor look, Executor::Create({images, activation, probability, ink}));
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> before, look.Run({}, state));
  for (int steps = absl::GetFlag(FLAGS_steps), i = steps; i > 0; --i) {
    const Tensor now = Tensor::Scalar(DType::kFloat32, kRate * i / steps);
    AD_RETURN_IF_ERROR(climb.Run({{rate, now}}, &state).status());
  }
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> after, look.Run({}, state));
  return Ascent{after[0], before[1], after[1], after[2], after[3]};
}

// ---- Pictures and lines ---------------------------------------------------------------------------------------------

absl::Status Paint(const Tensor& images, const std::vector<std::string>& captions, const std::string& file,
                   const plot::SheetOptions& options) {
  const std::string name = absl::StrReplaceAll(file, {{"/", "_"}}) + ".png";
  const std::string path = std::filesystem::path(absl::GetFlag(FLAGS_out)) / name;
  absl::StatusOr<Tensor> sheet = plot::LabelledSheet(images, captions, options);
  if (!sheet.ok()) return io::InFile(path, sheet.status());
  AD_RETURN_IF_ERROR(io::SavePng(path, *sheet));
  std::fprintf(stderr, "%s\n", path.c_str());
  return absl::OkStatus();
}

// A filter with many channels is painted as a mosaic of them, zeros between.
absl::Status PaintWeights(const io::Model& model, const Layer& layer) {
  AD_ASSIGN_OR_RETURN(const Tensor weights, model.state.Get(layer.weights.name()));
  const int64_t filters = weights.shape()[0], channels = weights.shape()[1], h = weights.shape()[2],
                w = weights.shape()[3];
  const int64_t columns = io::GridColumns(channels), rows = (channels + columns - 1) / columns;
  const int64_t height = rows * (h + 1) - 1, width = columns * (w + 1) - 1;
  Tensor mosaic = Tensor::Zeros(DType::kFloat32, {filters, 1, height, width});
  for (int64_t i = 0; i < weights.num_elements(); ++i) {
    const int64_t filter = i / (channels * h * w), channel = i / (h * w) % channels;
    const int64_t y = channel / columns * (h + 1) + i / w % h, x = channel % columns * (w + 1) + i % w;
    mosaic.mutable_data<float>()[(filter * height + y) * width + x] = static_cast<float>(weights.At(i));
  }
  std::vector<std::string> captions;
  for (int64_t k = 0; k < filters; ++k) captions.push_back(absl::StrCat(k));
  return Paint(mosaic, captions, layer.name + "_weights",
               {.title = absl::StrCat(layer.name, ": the filters' weights"),
                .subtitle = absl::StrFormat("%d filters of %d x %d x %d; red is positive, blue negative, white zero",
                                            filters, channels, h, w),
                .cell = channels == 1 ? 56.0 : 84.0,
                .range = io::PixelRange::kSymmetric,
                .colors = plot::ColorMap::kDiverging,
                .legend = "weight"});
}

absl::Status AscendAndPaint(const io::Model& model, const Layer& layer, bool classes, double penalty) {
  AD_ASSIGN_OR_RETURN(const Ascent ascent, Ascend(model, layer, penalty));
  std::vector<std::string> captions;
  for (int64_t k = 0; k < layer.units(); ++k) {
    const double start = ascent.start.At(k), end = ascent.end.At(k);
    std::string extra;
    if (classes) {
      extra = absl::StrFormat(", \"penalty\": %g, \"probability\": %.6f, \"ink\": %.4f", penalty,
                              ascent.probability.At(k), ascent.ink.At(k));
    }
    std::printf("{\"layer\": \"%s\", \"unit\": %d, \"start\": %.6g, \"end\": %.6g%s}\n", layer.name.c_str(),
                static_cast<int>(k), start, end, extra.c_str());
    captions.push_back(absl::StrFormat("%d\n%.3g \u2192 %.3g", k, start, end));
  }
  const char* what = classes                  ? "what the network takes for each class"
                     : layer.is_convolution() ? "what each filter looks for"
                                              : "what each neuron looks for";
  const std::string goal = penalty > 0 ? "activation less a penalty on ink" : "activation";
  return Paint(ascent.images, captions, layer.name + (penalty > 0 ? "_l1" : ""),
               {.title = absl::StrCat(layer.name, ": ", what),
                .subtitle = absl::StrFormat("%d steps up the gradient of the %s; below each image, the activation "
                                            "before and after",
                                            absl::GetFlag(FLAGS_steps), goal),
                .columns = classes ? layer.units() : 0});
}

absl::Status Run() {
  const int steps = absl::GetFlag(FLAGS_steps);
  const double penalty = absl::GetFlag(FLAGS_penalty);
  if (steps < 1) return absl::InvalidArgumentError(absl::StrCat("--steps must be at least 1, but is ", steps));
  if (!(penalty > 0)) return absl::InvalidArgumentError(absl::StrCat("--penalty must be above 0, but is ", penalty));
  AD_ASSIGN_OR_RETURN(const io::Model model, io::LoadModel(absl::GetFlag(FLAGS_model)));
  AD_ASSIGN_OR_RETURN(const std::vector<Layer> layers, FindLayers(model, absl::GetFlag(FLAGS_layer)));
  AD_ASSIGN_OR_RETURN(const Value logits, model.Output("logits"));
  std::error_code error;
  std::filesystem::create_directories(absl::GetFlag(FLAGS_out), error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create ", absl::GetFlag(FLAGS_out)));

  for (const Layer& layer : layers) {
    const bool classes = layer.output == logits;
    if (layer.is_convolution()) AD_RETURN_IF_ERROR(PaintWeights(model, layer));
    AD_RETURN_IF_ERROR(AscendAndPaint(model, layer, classes, 0));
    if (classes) AD_RETURN_IF_ERROR(AscendAndPaint(model, layer, classes, penalty));
  }
  if (std::fflush(stdout) != 0) return absl::ResourceExhaustedError("cannot write to the standard output");
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Paints what the units of a network look for.");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const absl::Status status =
      arguments.size() > 1
          ? absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[1], "'; see --help"))
          : Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "visualize_filters: %s\n", std::string(status.message()).c_str());
  return 1;
}
