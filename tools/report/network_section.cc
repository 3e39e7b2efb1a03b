// How the network is built, and how its training went.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/nn/summary.h"
#include "adret/plot/axis.h"
#include "adret/tools/report/sections.h"

namespace adret::report {
namespace {

// The same as the drawing, to read: layers from the input to the output.
Html LayerTable(const ReportData& data) {
  Html rows;
  for (size_t i = 0; i < data.layers.size(); ++i) {
    const LayerReport& layer = data.layers[i];
    Html name = layer.name;
    if (!layer.units.empty()) name = Element("a", {{"href", absl::StrCat("#", LayerAnchor(i))}}, layer.name);
    rows += Element(
        "tr", {},
        Join({Element("th", {{"scope", "row"}}, name),
              Element("td", {{"class", "number"}}, nn::WithCommas(layer.units_in_all)), Element("td", {}, layer.kind),
              Element("td", {}, Element("code", {}, layer.output)),
              Element("td", {{"class", "number"}}, layer.parameters == 0 ? "–" : nn::WithCommas(layer.parameters))}));
  }
  const auto heading = [](const char* text, const char* css_class = "") {
    return Element("th", {{"scope", "col"}, {"class", css_class}}, text);
  };
  const Html head = Join({heading("Layer"), heading("Units", "number"), heading("of kind"), heading("Output"),
                          heading("Parameters", "number")});
  return PlainTable("Layers", head, rows);
}

// ---- Training

// The axis is logarithmic, and a file may claim losses that no axis reaches.
double ShownLoss(double loss) { return std::isfinite(loss) ? std::clamp(loss, 1e-8, 1e8) : loss; }

plot::Series EpochSeries(const std::vector<nn::EpochRecord>& epochs, const char* name,
                         double (*y)(const nn::EpochRecord&)) {
  plot::Series series{.name = name, .markers = true};
  for (const nn::EpochRecord& epoch : epochs) {
    series.x.push_back(static_cast<double>(epoch.epoch));
    series.y.push_back(y(epoch));
  }
  return series;
}

// "0.0412"; a file may claim numbers that are written otherwise, or none.
std::string LossText(double loss) {
  if (std::isnan(loss)) return "–";
  return std::abs(loss) < 1e4 ? plot::WithMinusSigns(absl::StrFormat("%.4f", loss)) : Number(loss);
}

Html EpochTable(const std::vector<nn::EpochRecord>& epochs, bool tested) {
  Html head, rows;
  for (const char* text : {"Epoch", "Training loss", "Training accuracy", "Test loss", "Test accuracy"}) {
    if (tested || absl::string_view(text).substr(0, 4) != "Test") {
      head += Element("th", {{"scope", "col"}, {"class", "number"}}, text);
    }
  }
  for (const nn::EpochRecord& e : epochs) {
    Html row = Element("th", {{"scope", "row"}, {"class", "number"}}, absl::StrCat(e.epoch));
    const auto add = [&](const nn::Score& score) {
      row += Element("td", {{"class", "number"}}, LossText(score.loss));
      row += Element("td", {{"class", "number"}}, Percent(score.accuracy));
    };
    add(e.train);
    if (tested) add(e.test);
    rows += Element("tr", {}, row);
  }
  return PlainTable("Epochs", head, rows);
}

}  // namespace

absl::StatusOr<Section> NetworkSection(const ReportData& data) {
  if (data.layers.empty()) return Section();
  Html content;
  if (!data.graph_svg.empty()) {
    content +=
        Element("figure", {{"class", "network"}},
                Join({Scrolling("Drawing of the network", Html::Trusted(data.graph_svg)),
                      Element("figcaption", {}, "Values flow downwards. A layer leads to what its units look for.")}));
  }
  if (!data.no_drawing.empty()) {
    content += Element("p", {{"class", "lead"}}, absl::StrCat("Without a drawing: ", data.no_drawing, "."));
  }
  content += LayerTable(data);
  return OpenSection({"network", "Network"}, Counted(static_cast<int64_t>(data.layers.size()), "layer", "layers"),
                     Element("div", {{"class", "layers"}}, content));
}

absl::StatusOr<Section> TrainingSection(const ReportData& data) {
  const std::vector<nn::EpochRecord>& epochs = data.history.epochs();
  if (epochs.empty()) return Section();
  const bool tested = std::any_of(epochs.begin(), epochs.end(), [](const auto& e) { return e.test.examples > 0; });

  plot::Series batches{.name = "training", .faint = true};
  for (const nn::BatchLoss& batch : data.history.batches()) {
    batches.x.push_back(batch.epochs_done);
    batches.y.push_back(ShownLoss(batch.loss));
  }
  // Without batches, the averages of epochs have to do.
  if (batches.x.empty()) {
    batches = EpochSeries(epochs, "training", [](const auto& e) { return ShownLoss(e.train.loss); });
  }
  plot::Panel loss{.title = "Loss", .x_label = "epoch", .y_scale = plot::Scale::kLog, .series = {batches}};
  plot::Panel accuracy{
      .title = "Accuracy",
      .x_label = "epoch",
      .y_unit = " %",
      .series = {EpochSeries(epochs, "training", [](const auto& e) { return 100 * e.train.accuracy; })}};
  if (tested) {
    loss.series.push_back(EpochSeries(epochs, "test", [](const auto& e) { return ShownLoss(e.test.loss); }));
    accuracy.series.push_back(EpochSeries(epochs, "test", [](const auto& e) { return 100 * e.test.accuracy; }));
  }
  const nn::EpochRecord &first = epochs.front(), &last = epochs.back();
  const nn::Score &from = tested ? first.test : first.train, &to = tested ? last.test : last.train;
  const char* which = tested ? "test" : "training";
  const Html charts =
      Join({Element("figure", {},
                    LineChart(loss, absl::StrCat("Loss by epoch: the ", which, " loss goes from ", Number(from.loss),
                                                 " to ", Number(to.loss)))),
            Element("figure", {},
                    LineChart(accuracy, absl::StrCat("Accuracy by epoch: the ", which, " accuracy goes from ",
                                                     Percent(from.accuracy), " to ", Percent(to.accuracy))))});
  const Html numbers =
      Folded({.css_class = "fold", .anchor = "epochs", .heading = "The numbers"}, EpochTable(epochs, tested));
  return OpenSection({"training", "Training"}, Counted(last.epoch, "epoch", "epochs"),
                     Join({Element("div", {{"class", "charts"}}, charts), numbers}));
}

}  // namespace adret::report
