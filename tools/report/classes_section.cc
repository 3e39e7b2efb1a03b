// Each class: the image that maximises it, and the examples that tell most about it.
#include <numeric>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/nn/summary.h"
#include "adret/tools/report/sections.h"

namespace adret::report {
namespace {

absl::StatusOr<Html> Group(const ReportData& data, const std::string& heading,
                           const std::vector<ExampleReport>& examples) {
  if (examples.empty()) return Html();
  AD_ASSIGN_OR_RETURN(const Html row, ExampleRow(data, examples));
  return Join({Element("h4", {}, heading), row});
}

bool HasExamples(const ClassReport& report) {
  return !report.most_confident.empty() || !report.least_confident.empty() || !report.wrong.empty();
}

bool IsEmpty(const ClassReport& report) { return !report.ascent.image && !HasExamples(report); }

// How many examples of a class there are.
int64_t CountExamples(const ReportData& data, int64_t c) {
  const auto n = static_cast<int64_t>(data.classes.size());
  const auto row = data.confusion.begin() + c * n;
  return data.confusion.empty() ? 0 : std::accumulate(row, row + n, int64_t{0});
}

// Of many classes, not all have their examples shown.
std::string WhichHaveExamples(const ReportData& data) {
  int64_t seen = 0, shown = 0;
  for (size_t c = 0; c < data.class_reports.size(); ++c) {
    seen += CountExamples(data, static_cast<int64_t>(c)) > 0;
    shown += HasExamples(data.class_reports[c]);
  }
  return shown < seen ? absl::StrCat(" Examples are of the ", shown, " classes that are answered worst.") : "";
}

// "Wrong: 12 of 31".
std::string WrongHeading(const ClassReport& report) {
  const auto shown = static_cast<int64_t>(report.wrong.size());
  return shown < report.wrong_in_all
             ? absl::StrCat("Wrong: ", shown, " of ", nn::WithCommas(report.wrong_in_all), ", the surest first")
             : "Wrong, the surest first";
}

absl::StatusOr<Html> ClassContent(const ReportData& data, int64_t c) {
  const ClassReport& report = data.class_reports[c];
  const std::string name = ClassName(data, c);
  AD_ASSIGN_OR_RETURN(const Html ascent,
                      AscentFigure(report.ascent, absl::StrCat("class ", name),
                                   absl::StrCat("The image that makes the network answer ", name, " most strongly")));
  Html groups;
  AD_ASSIGN_OR_RETURN(groups, Group(data, "Right, the surest first", report.most_confident));
  AD_ASSIGN_OR_RETURN(const Html least, Group(data, "Right, the least sure first", report.least_confident));
  AD_ASSIGN_OR_RETURN(const Html wrong, Group(data, WrongHeading(report), report.wrong));
  groups += least;
  groups += wrong;
  const Html figure =
      ascent.empty() ? Html()
                     : Element("figure", {{"class", "ascent"}},
                               Join({ascent, Element("figcaption", {},
                                                     "The image that maximises it with little ink, and its climb")}));
  return Element("div", {{"class", "class-report"}}, Join({figure, Element("div", {}, groups)}));
}

std::string Score(const ReportData& data, int64_t c) {
  if (data.confusion.empty()) return "";
  const auto n = static_cast<int64_t>(data.classes.size());
  const int64_t sum = CountExamples(data, c);
  if (sum == 0) return "no examples";
  const double share = static_cast<double>(data.confusion[c * n + c]) / static_cast<double>(sum);
  return absl::StrCat(Percent(share), " of ", nn::WithCommas(sum), " right");
}

}  // namespace

absl::StatusOr<Section> ClassesSection(const ReportData& data) {
  ContentsEntry entry{"classes", "Classes"};
  Html content;
  if (!data.attribution_method.empty()) {
    content += Element(
        "p", {{"class", "lead"}},
        absl::StrCat("Beside each example: which of its pixels speak for the network's answer and which "
                     "against it, by ",
                     data.attribution_method, "; each picture has a scale of its own.", WhichHaveExamples(data)));
    content += AttributionLegend();
  }
  for (size_t c = 0; c < data.class_reports.size(); ++c) {
    if (IsEmpty(data.class_reports[c])) continue;
    AD_ASSIGN_OR_RETURN(const Html report, ClassContent(data, static_cast<int64_t>(c)));
    const std::string anchor = ClassAnchor(c), name = ClassName(data, c);
    entry.parts.push_back({anchor, name});
    content += Folded(
        {.css_class = "fold wide", .anchor = anchor, .heading = Element("h3", {}, name), .aside = Score(data, c)},
        report);
  }
  if (entry.parts.empty()) return Section();
  return OpenSection(
      entry, data.confusion.empty() ? "what maximises them" : "what maximises them; sure, unsure and wrong answers",
      content);
}

}  // namespace adret::report
