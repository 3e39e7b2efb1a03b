// Which classes are taken for which: a table whose cells open their examples.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/nn/summary.h"
#include "adret/tools/report/sections.h"

namespace adret::report {
namespace {

constexpr int64_t kMostColumns = 64;  // a larger table nobody reads: then there is only the list of mistakes
constexpr double kMostlyWrong = 0.1;  // this share of a row has the darkest colour of a mistake
constexpr int kShades = 10;

class Matrix {
 public:
  explicit Matrix(const ReportData& data) : data_(data), n_(static_cast<int64_t>(data.classes.size())) {}

  int64_t Count(int64_t truth, int64_t answer) const { return data_.confusion[truth * n_ + answer]; }
  int64_t RowSum(int64_t truth) const {
    int64_t sum = 0;
    for (int64_t answer = 0; answer < n_; ++answer) sum += Count(truth, answer);
    return sum;
  }
  int64_t ColumnSum(int64_t answer) const {
    int64_t sum = 0;
    for (int64_t truth = 0; truth < n_; ++truth) sum += Count(truth, answer);
    return sum;
  }
  // As a percentage; a dash where there is nothing to divide by.
  Html Share(int64_t c, int64_t sum) const {
    return Element("td", {{"class", "share"}},
                   sum == 0 ? "–" : Percent(static_cast<double>(Count(c, c)) / static_cast<double>(sum)));
  }

  // Right ones lead to the class, wrong ones to their examples.
  Html Cell(int64_t truth, int64_t answer, bool has_examples) const {
    const int64_t count = Count(truth, answer);
    if (count == 0) return Element("td", {}, Element("span", {{"class", "unseen"}}, "0"));
    const bool right = truth == answer;
    const double share = static_cast<double>(count) / static_cast<double>(RowSum(truth));
    const double dark = right ? share : std::sqrt(std::min(1.0, share / kMostlyWrong));
    const int shade = std::clamp(static_cast<int>(std::lround(kShades * dark)), 1, kShades);
    const std::string text = nn::WithCommas(count);
    const std::string name = right ? absl::StrCat(Counted(count, "example", "examples"), " of ",
                                                  ClassName(data_, truth), " answered rightly")
                                   : absl::StrCat(Counted(count, "example", "examples"), " of ",
                                                  ClassName(data_, truth), " taken for ", ClassName(data_, answer));
    const std::string target = right ? ClassAnchor(truth) : CellAnchor(truth, answer);
    return Element("td", {{"class", absl::StrCat(right ? "right" : "wrong", " shade-", shade)}},
                   has_examples ? Element("a", {{"href", absl::StrCat("#", target)}, {"aria-label", name}}, text)
                                : Element("span", {{"aria-label", name}}, text));
  }

  bool HasExamples(int64_t truth, int64_t answer) const {
    if (truth == answer) return !data_.class_reports.empty();
    return std::any_of(data_.mistakes.begin(), data_.mistakes.end(),
                       [&](const ConfusionCell& cell) { return cell.truth == truth && cell.answer == answer; });
  }

  Html Table() const {
    Html head = Element("td", {}), rows, foot = Element("th", {{"scope", "row"}}, "precision");
    for (int64_t c = 0; c < n_; ++c) head += Element("th", {{"scope", "col"}}, ClassName(data_, c));
    head += Element("th", {{"scope", "col"}}, "recall");
    for (int64_t truth = 0; truth < n_; ++truth) {
      Html row = Element("th", {{"scope", "row"}}, ClassName(data_, truth));
      for (int64_t answer = 0; answer < n_; ++answer) row += Cell(truth, answer, HasExamples(truth, answer));
      rows += Element("tr", {}, row += Share(truth, RowSum(truth)));
    }
    for (int64_t c = 0; c < n_; ++c) foot += Share(c, ColumnSum(c));
    foot += Element("td", {});
    return Element("table", {{"class", "matrix"}, {"aria-describedby", "matrix-note"}},
                   Join({Element("thead", {}, Element("tr", {}, head)), Element("tbody", {}, rows),
                         Element("tfoot", {}, Element("tr", {}, foot))}));
  }

 private:
  const ReportData& data_;
  int64_t n_;
};

// The most frequent mistakes first.
absl::StatusOr<Html> Mistakes(const ReportData& data, const Matrix& matrix) {
  std::vector<const ConfusionCell*> cells;
  for (const ConfusionCell& cell : data.mistakes) cells.push_back(&cell);
  std::stable_sort(cells.begin(), cells.end(), [&](const ConfusionCell* a, const ConfusionCell* b) {
    return matrix.Count(a->truth, a->answer) > matrix.Count(b->truth, b->answer);
  });
  Html list;
  for (const ConfusionCell* cell : cells) {
    AD_ASSIGN_OR_RETURN(const Html examples, ExampleRow(data, cell->examples));
    const int64_t count = matrix.Count(cell->truth, cell->answer);
    const auto shown = static_cast<int64_t>(cell->examples.size());
    list += Folded({.css_class = "fold",
                    .anchor = CellAnchor(cell->truth, cell->answer),
                    .heading = Element("span", {},
                                       Join({Element("b", {}, ClassName(data, cell->truth)), " taken for ",
                                             Element("b", {}, ClassName(data, cell->answer))})),
                    .aside = shown < count ? absl::StrCat(shown, " of ", nn::WithCommas(count)) : absl::StrCat(count)},
                   examples);
  }
  return Element("div", {{"class", "folds"}}, list);
}

// "And 23 rarer ones, 25 examples in all.": mistakes whose examples are not shown.
Html OtherMistakes(const ReportData& data, const Matrix& matrix, int64_t wrong) {
  const auto n = static_cast<int64_t>(data.classes.size());
  auto cells = -static_cast<int64_t>(data.mistakes.size());
  for (int64_t truth = 0; truth < n; ++truth) {
    for (int64_t answer = 0; answer < n; ++answer) cells += truth != answer && matrix.Count(truth, answer) > 0;
  }
  for (const ConfusionCell& cell : data.mistakes) wrong -= matrix.Count(cell.truth, cell.answer);
  if (cells <= 0) return Html();
  return Element("p", {{"class", "muted"}},
                 absl::StrCat("And ", Counted(cells, "rarer one", "rarer ones"), ", ",
                              Counted(wrong, "example", "examples"), " in all."));
}

}  // namespace

absl::StatusOr<Section> ConfusionSection(const ReportData& data) {
  const auto n = static_cast<int64_t>(data.classes.size());
  if (data.confusion.empty()) return Section();
  const Matrix matrix(data);
  Html content;
  if (n <= kMostColumns) {
    content +=
        Element("p", {{"class", "lead"}, {"id", "matrix-note"}},
                absl::StrCat("A row is a true class, a column what it was taken for. Shades are shares of a row: "
                             "blue ones are right, red ones wrong, darkest from ",
                             100 * kMostlyWrong, " % on."));
    content += Scrolling("Confusion matrix", matrix.Table());
  }
  int64_t total = 0, wrong = 0;
  for (int64_t c = 0; c < n; ++c) total += matrix.RowSum(c), wrong += matrix.RowSum(c) - matrix.Count(c, c);
  if (!data.mistakes.empty()) {
    content += Element("h3", {}, "Mistakes, the most frequent first");
    if (!data.attribution_method.empty()) content += AttributionLegend();
    AD_ASSIGN_OR_RETURN(const Html mistakes, Mistakes(data, matrix));
    content += mistakes;
    content += OtherMistakes(data, matrix, wrong);
  }
  return OpenSection({"confusion", "Confusions"},
                     absl::StrCat(nn::WithCommas(wrong), " of ", nn::WithCommas(total), " wrong"), content);
}

}  // namespace adret::report
