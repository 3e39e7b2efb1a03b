// The sections of a report. Each is one function of the data, and empty when the data have nothing for it.
//
// A section, and what opens within one, is a <details>: it works without JavaScript, and by keyboard. What links lead
// to is an element *inside* it, because browsers open whatever hides the target of a link.
#ifndef ADRET_TOOLS_REPORT_SECTIONS_H_
#define ADRET_TOOLS_REPORT_SECTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/tools/report/figures.h"
#include "adret/tools/report/html.h"
#include "adret/tools/report/report_data.h"

namespace adret::report {

// A link of the table of contents, with those below it.
struct ContentsEntry {
  std::string anchor = {};
  std::string name = {};
  std::vector<ContentsEntry> parts = {};
};

struct Section {
  ContentsEntry entry = {};
  Html html = {};
};

// Something that opens and closes.
struct Fold {
  std::string css_class = {};
  std::string anchor = {};  // of what is inside
  Html heading = {};
  std::string aside = {};  // beside the heading
  bool open = false;
};
Html Folded(const Fold& fold, const Html& content);

// A section of the page, open to begin with.
Section OpenSection(const ContentsEntry& entry, const std::string& aside, const Html& content);

// What is wider than a telephone scrolls in a box of its own, which the keyboard reaches.
Html Scrolling(const char* label, const Html& content);
// A table of text and numbers.
Html PlainTable(const char* label, const Html& head, const Html& rows);

absl::StatusOr<Section> NetworkSection(const ReportData& data);
absl::StatusOr<Section> TrainingSection(const ReportData& data);
absl::StatusOr<Section> ConfusionSection(const ReportData& data);
absl::StatusOr<Section> ClassesSection(const ReportData& data);
absl::StatusOr<Section> LayersSection(const ReportData& data);

std::string ClassAnchor(int64_t c);
std::string CellAnchor(int64_t truth, int64_t answer);

// The class's name; its number where it has none.
std::string ClassName(const ReportData& data, int64_t c);

// An example with its attribution, its answer and where it is in the data set.
absl::StatusOr<Html> ExampleFigure(const ReportData& data, const ExampleReport& example);
absl::StatusOr<Html> ExampleRow(const ReportData& data, const std::vector<ExampleReport>& examples);

// The image that an ascent came to, above its curve. `what` is said of the image to who does not see it.
absl::StatusOr<Html> AscentFigure(const Ascent& ascent, const std::string& unit, const std::string& what);

// "1 image", "1,028 images".
std::string Counted(int64_t n, const char* one, const char* many);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_SECTIONS_H_
