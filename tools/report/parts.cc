// What several sections show.
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/nn/summary.h"
#include "adret/tools/report/sections.h"

namespace adret::report {

std::string LayerAnchor(int64_t layer) { return absl::StrCat("layer-", layer); }
std::string ClassAnchor(int64_t c) { return absl::StrCat("class-", c); }
std::string CellAnchor(int64_t truth, int64_t answer) { return absl::StrCat("cell-", truth, "-", answer); }

std::string ClassName(const ReportData& data, int64_t c) {
  return c >= 0 && c < static_cast<int64_t>(data.classes.size()) ? data.classes[c] : absl::StrCat(c);
}

std::string Counted(int64_t n, const char* one, const char* many) {
  return absl::StrCat(nn::WithCommas(n), " ", n == 1 ? one : many);
}

Html Folded(const Fold& fold, const Html& content) {
  Html summary = fold.heading;
  if (!fold.aside.empty()) summary += Element("span", {{"class", "aside"}}, fold.aside);
  HtmlAttributes outside = {{"class", fold.css_class}}, inside = {{"class", "inside"}};
  if (fold.open) outside.push_back({"open", ""});
  if (!fold.anchor.empty()) inside.push_back({"id", fold.anchor});
  return Element("details", outside, Join({Element("summary", {}, summary), Element("div", inside, content)}));
}

Section OpenSection(const ContentsEntry& entry, const std::string& aside, const Html& content) {
  return {entry, Folded({.css_class = "section",
                         .anchor = entry.anchor,
                         .heading = Element("h2", {}, entry.name),
                         .aside = aside,
                         .open = true},
                        content)};
}

Html Scrolling(const char* label, const Html& content) {
  return Element("div", {{"class", "scroll"}, {"tabindex", "0"}, {"role", "region"}, {"aria-label", label}}, content);
}

Html PlainTable(const char* label, const Html& head, const Html& rows) {
  return Scrolling(label, Element("table", {{"class", "plain"}},
                                  Join({Element("thead", {}, Element("tr", {}, head)), Element("tbody", {}, rows)})));
}

absl::StatusOr<Html> ExampleFigure(const ReportData& data, const ExampleReport& example) {
  const std::string truth = ClassName(data, example.truth), answer = ClassName(data, example.answer);
  Html pictures;
  if (example.image) {
    AD_ASSIGN_OR_RETURN(
        const Html picture,
        Picture(*example.image, {.alt = absl::StrCat("Example ", example.index, ", of class ", truth)}));
    pictures += picture;
  }
  if (example.attribution) {
    AD_ASSIGN_OR_RETURN(const Html picture,
                        Picture(*example.attribution, {.alt = absl::StrCat("What speaks for ", answer)}));
    pictures += picture;
  }
  const bool right = example.truth == example.answer;
  Html caption = Element("b", {}, truth);
  if (!right) caption += Join({" taken for ", Element("b", {{"class", "mistake"}}, answer)});
  caption += Join({" ", Percent(example.confidence), " ",
                   Element("span", {{"class", "muted"}}, absl::StrCat("№\u00A0", example.index))});
  return Element("figure", {{"class", "example"}},
                 Join({Element("div", {{"class", "pair"}}, pictures), Element("figcaption", {}, caption)}));
}

absl::StatusOr<Html> ExampleRow(const ReportData& data, const std::vector<ExampleReport>& examples) {
  Html row;
  for (const ExampleReport& example : examples) {
    AD_ASSIGN_OR_RETURN(const Html figure, ExampleFigure(data, example));
    row += figure;
  }
  return Element("div", {{"class", "examples"}}, row);
}

absl::StatusOr<Html> AscentFigure(const Ascent& ascent, const std::string& unit, const std::string& what) {
  Html content;
  if (ascent.image) {
    AD_ASSIGN_OR_RETURN(content, Picture(*ascent.image, {.alt = what}));
  }
  content += ActivationCurve(ascent.curve, unit);
  return content;
}

}  // namespace adret::report
