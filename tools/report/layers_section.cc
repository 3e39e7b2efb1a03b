// Each layer: what its filters and neurons look for.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/status.h"
#include "adret/nn/summary.h"
#include "adret/tools/report/sections.h"

namespace adret::report {
namespace {

// "7 ×6, 9 ×3": which classes, the most frequent first.
std::string Tally(const std::vector<std::string>& classes) {
  std::vector<std::pair<std::string, int>> counts;
  for (const std::string& c : classes) {
    const auto found = std::find_if(counts.begin(), counts.end(), [&](const auto& count) { return count.first == c; });
    if (found == counts.end()) {
      counts.push_back({c, 1});
    } else {
      ++found->second;
    }
  }
  std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& count) {
    absl::StrAppend(out, count.first);
    if (count.second > 1) absl::StrAppend(out, "\u00A0×", count.second);
  });
}

absl::StatusOr<Html> UnitFigure(const LayerReport& layer, int64_t layer_index, const UnitReport& unit) {
  const std::string name = absl::StrCat(layer.name, ":", unit.unit);
  Html pictures;
  if (unit.ascent.image) {
    AD_ASSIGN_OR_RETURN(const Html picture,
                        Picture(*unit.ascent.image, {.alt = absl::StrCat("The image that activates ", name, " most")}));
    pictures += picture;
  }
  if (unit.examples) {
    const std::string alt =
        absl::StrCat("The examples that activate ", name, " most: ", absl::StrJoin(unit.example_classes, ", "));
    AD_ASSIGN_OR_RETURN(const Html picture, Picture(*unit.examples, {.alt = alt}));
    pictures += picture;
  }
  Html content = Element("figcaption", {}, Element("b", {}, name));
  content += Element("div", {{"class", "pair"}}, pictures);
  content += ActivationCurve(unit.ascent.curve, name);
  if (!unit.example_classes.empty()) {
    content +=
        Element("p", {{"class", "tally"}},
                Join({Element("b", {}, Tally(unit.example_classes)),
                      Element("span", {{"class", "muted"}}, absl::StrCat(" up to ", Number(unit.top_activation)))}));
  }
  return Element("figure", {{"class", "unit"}, {"id", absl::StrCat("unit-", layer_index, "-", unit.unit)}}, content);
}

}  // namespace

absl::StatusOr<Section> LayersSection(const ReportData& data) {
  ContentsEntry entry{"layers", "Layers"};
  std::string lead =
      "Of each unit: the image that activates it most, which began as noise and climbed the slope of the unit; its "
      "activation during the climb";
  absl::StrAppend(&lead, data.data.empty() ? "." : "; and the examples that activate it most, with their classes.");
  Html content = Element("p", {{"class", "lead"}}, lead);
  for (size_t i = 0; i < data.layers.size(); ++i) {
    const LayerReport& layer = data.layers[i];
    if (layer.units.empty()) continue;
    Html units;
    for (const UnitReport& unit : layer.units) {
      AD_ASSIGN_OR_RETURN(const Html figure, UnitFigure(layer, static_cast<int64_t>(i), unit));
      units += figure;
    }
    const auto shown = static_cast<int64_t>(layer.units.size());
    const std::string all = absl::StrCat(nn::WithCommas(layer.units_in_all), " ", layer.kind);
    entry.parts.push_back({LayerAnchor(i), layer.name});
    content += Folded({.css_class = "fold wide",
                       .anchor = LayerAnchor(i),
                       .heading = Element("h3", {}, layer.name),
                       .aside = shown < layer.units_in_all ? absl::StrCat("the first ", shown, " of ", all) : all},
                      Element("div", {{"class", "units"}}, units));
  }
  if (entry.parts.empty()) return Section();
  return OpenSection(entry, "what their units look for", content);
}

}  // namespace adret::report
