// What a report tells about layers and their units.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "adret/core/status.h"
#include "adret/explain/maximize.h"
#include "adret/nn/layer_dot.h"
#include "adret/nn/summary.h"
#include "adret/plot/graph_svg.h"
#include "adret/tools/report/gather_internal.h"

namespace adret::report {
namespace {

// What images of outputs pay for their ink, as in the lecture, y_k - lambda sum |x|: without it they are noise.
constexpr double kInk = 0.65;
constexpr int64_t kMostClimbers = 128;  // of a run
constexpr int64_t kMostPixels = 64;     // of the side of such an example
constexpr int64_t kShownPixels = 256;   // of the side of an image that climbed

absl::Status ClimbTogether(const Subject& subject, const std::string& layer, bool output,
                           absl::Span<UnitReport> units) {
  std::vector<explain::Objective> objectives;
  for (const UnitReport& unit : units) objectives.push_back(explain::Unit(layer, unit.unit));
  AD_ASSIGN_OR_RETURN(const explain::Ascent ascent, explain::Maximize(subject.network, objectives,
                                                                      {.steps = subject.options.steps,
                                                                       .penalties = {.l1 = output ? kInk : 0},
                                                                       .seed = subject.options.seed,
                                                                       .threads = subject.options.threads}));
  AD_ASSIGN_OR_RETURN(const Tensor pictures, Pixels(ascent.images, RangeOf(ascent.images), kShownPixels));
  const auto n = static_cast<int64_t>(units.size());
  for (int64_t k = 0; k < n; ++k) {
    Ascent& shown = units[k].ascent;
    shown.image = Row(pictures, k);
    for (int64_t step = 0; step < ascent.steps; ++step) shown.curve.push_back(ascent.curve.At(step * n + k));
    shown.curve.push_back(ascent.end.At(k));
  }
  return absl::OkStatus();
}

// Where layers whose units are shown are in the page, by name.
std::map<std::string, std::string> Anchors(const Subject& subject, const LayerPlaces& places, const ReportData& data) {
  std::map<std::string, std::string> anchors;
  for (const size_t i : places.looked_into) {
    const std::string anchor = absl::StrCat("#", LayerAnchor(static_cast<int64_t>(i)));
    // An output goes by its name in the file, in the drawing by its node's.
    anchors.emplace(data.layers[i].name, anchor);
    anchors.emplace(subject.network.layers()[places.sources[i]].value.name(), anchor);
  }
  return anchors;
}

}  // namespace

LayerPlaces ListLayers(const Subject& subject, ReportData* data) {
  const explain::Network& network = subject.network;
  LayerPlaces places;
  int64_t parameters = 0;
  std::map<std::string, int64_t> parameters_of;
  for (const nn::LayerSummary& layer : nn::Layers(network.output())) {
    parameters_of[layer.name] = layer.parameters;
    parameters += layer.parameters;
  }
  for (size_t i = 0; i < network.layers().size(); ++i) {
    const explain::UnitLayer& layer = network.layers()[i];
    const auto found = parameters_of.find(layer.name);
    const bool output = layer.value == network.output();
    // What a summary leaves out, such as relus, is no more than a part of the layer before; where it has no layers at
    // all, nobody has named any.
    if (found == parameters_of.end() && !parameters_of.empty() && !output) continue;
    LayerReport report{.name = layer.name,
                       .kind = layer.has_maps() ? "filters" : "neurons",
                       .output = nn::ExampleShape(layer.value.shape()),
                       .parameters = found == parameters_of.end() ? 0 : found->second,
                       .units_in_all = layer.units()};
    // Layers without parameters, such as pooling, see what others have found.
    if (report.parameters > 0 || output || parameters_of.empty()) {
      places.looked_into.push_back(data->layers.size());
      const int64_t most = output ? std::max(subject.options.units, kMostClasses) : subject.options.units;
      for (int64_t unit = 0; unit < std::min(layer.units(), most); ++unit) report.units.push_back({.unit = unit});
    }
    places.sources.push_back(i);
    data->layers.push_back(std::move(report));
  }
  data->facts.push_back({"Parameters", nn::WithCommas(parameters)});
  data->facts.push_back({"Layers", absl::StrCat(data->layers.size())});
  return places;
}

absl::Status DrawLayers(const Subject& subject, const LayerPlaces& places, ReportData* data) {
  const std::map<std::string, std::string> anchors = Anchors(subject, places, *data);
  const auto link = [&](const std::string& name) {
    const auto found = anchors.find(name);
    return found == anchors.end() ? "" : found->second;
  };
  const auto tooltip = [&](const std::string& name) {
    return anchors.count(name) == 0 ? "" : absl::StrCat("what ", name, " looks for");
  };
  const absl::StatusOr<std::string> svg = plot::GraphvizSvg(nn::LayerDot(
      *subject.network.graph(), {.fetches = {subject.network.output()}, .link = link, .tooltip = tooltip}));
  if (absl::IsUnimplemented(svg.status()) || absl::IsResourceExhausted(svg.status())) {
    data->no_drawing = std::string(svg.status().message());  // the table of layers has to do
    return absl::OkStatus();
  }
  AD_RETURN_IF_ERROR(svg.status());
  // Not an image to who cannot see it: its links are to be heard, too.
  data->graph_svg = absl::StrReplaceAll(*svg, {{"<svg ", "<svg role=\"group\" aria-label=\"The network's layers\" "}});
  return absl::OkStatus();
}

absl::Status ClimbUnits(const Subject& subject, const LayerPlaces& places, ReportData* data) {
  const int64_t at_once = subject.AtOnce(kMostClimbers);
  for (const size_t i : places.looked_into) {
    LayerReport& layer = data->layers[i];
    const auto n = static_cast<int64_t>(layer.units.size());
    subject.Stage(
        absl::StrCat("climbing to what ", nn::WithCommas(n), " ", layer.kind, " of ", layer.name, " look for"));
    const bool output = subject.network.layers()[places.sources[i]].value == subject.network.output();
    for (int64_t first = 0; first < n; first += at_once) {
      AD_RETURN_IF_ERROR(ClimbTogether(subject, layer.name, output,
                                       absl::MakeSpan(layer.units).subspan(first, std::min(at_once, n - first))));
    }
  }
  return absl::OkStatus();
}

absl::Status ShowTops(const Subject& subject, const LayerPlaces& places, const Survey& survey, ReportData* data) {
  const io::PixelRange range = RangeOf(subject.examples.x);
  for (size_t i = 0; i < places.looked_into.size(); ++i) {
    for (UnitReport& unit : data->layers[places.looked_into[i]].units) {
      const std::vector<Survey::Top>& tops = survey.tops[i][unit.unit];
      if (tops.empty()) continue;
      std::vector<int64_t> which;
      for (const Survey::Top& top : tops) {
        which.push_back(top.example);
        if (subject.classes > 0) unit.example_classes.push_back(data->classes[subject.Truth(top.example)]);
      }
      unit.top_activation = tops[0].activation;
      AD_ASSIGN_OR_RETURN(const Tensor pictures,
                          Pixels(ExampleImages(subject.network, subject.examples.x, which), range, kMostPixels));
      AD_ASSIGN_OR_RETURN(unit.examples, io::ContactSheet(pictures, {.columns = 3, .gap = 1, .background = 128}));
    }
  }
  return absl::OkStatus();
}

}  // namespace adret::report
