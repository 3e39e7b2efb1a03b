// What a report tells about classes: which are taken for which, and the examples that tell most about them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "adret/core/status.h"
#include "adret/explain/attribution.h"
#include "adret/nn/summary.h"
#include "adret/plot/map_tile.h"
#include "adret/tools/report/gather_internal.h"

namespace adret::report {
namespace {

constexpr char kMethod[] = "integrated_gradients";
constexpr size_t kMostCells = 100;     // of mistakes that open their examples: in ten classes there are 90
constexpr int64_t kShownPixels = 128;  // of the side of an example
constexpr int64_t kBudget = 24 << 20;  // bytes of all examples and attributions, before they are compressed
constexpr int64_t kGroupsOfClass = 3;

using Cell = std::pair<int64_t, int64_t>;  // truth, answer

// The examples of each class and each mistake, those first whose answer is surest.
struct Sorted {
  std::vector<std::vector<int64_t>> right, wrong;
  std::map<Cell, std::vector<int64_t>> mistakes;
};

// All examples, those first whose answer is surest.
std::vector<int64_t> BySureness(const Survey& survey) {
  std::vector<int64_t> order(survey.answers.size());
  std::iota(order.begin(), order.end(), 0);
  const auto sureness = [&](int64_t i) {
    const double log_confidence = survey.log_confidences[i];
    return std::isnan(log_confidence) ? -std::numeric_limits<double>::infinity() : log_confidence;
  };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return sureness(a) > sureness(b); });
  return order;
}

Sorted Sort(const Subject& subject, const Survey& survey) {
  Sorted sorted;
  sorted.right.resize(subject.classes), sorted.wrong.resize(subject.classes);
  for (const int64_t i : BySureness(survey)) {
    const int64_t truth = subject.Truth(i), answer = survey.answers[i];
    (truth == answer ? sorted.right : sorted.wrong)[truth].push_back(i);
    if (truth != answer) sorted.mistakes[{truth, answer}].push_back(i);
  }
  return sorted;
}

void CountConfusions(const Subject& subject, const Survey& survey, ReportData* data) {
  data->confusion.assign(subject.classes * subject.classes, 0);
  int64_t right = 0;
  for (int64_t i = 0; i < subject.examples.size(); ++i) {
    ++data->confusion[subject.Truth(i) * subject.classes + survey.answers[i]];
    right += subject.Truth(i) == survey.answers[i];
  }
  const double share = static_cast<double>(right) / static_cast<double>(subject.examples.size());
  data->facts.insert(data->facts.begin(), {"Answered rightly", absl::StrFormat("%.2f %%", 100 * share)});
}

// The cells of mistakes that open: the most frequent ones.
std::vector<Cell> OpenCells(const Sorted& sorted) {
  std::vector<Cell> cells;
  for (const auto& [cell, which] : sorted.mistakes) cells.push_back(cell);
  std::stable_sort(cells.begin(), cells.end(), [&](const Cell& a, const Cell& b) {
    return sorted.mistakes.at(a).size() > sorted.mistakes.at(b).size();
  });
  cells.resize(std::min(cells.size(), kMostCells));
  return cells;
}

// The classes whose examples are shown: those with the largest share of mistakes.
std::vector<int64_t> OpenClasses(const Subject& subject, const Sorted& sorted) {
  std::vector<int64_t> classes(subject.classes);
  std::iota(classes.begin(), classes.end(), 0);
  const auto share = [&](int64_t c) {
    const auto right = static_cast<double>(sorted.right[c].size()), wrong = static_cast<double>(sorted.wrong[c].size());
    return right + wrong == 0 ? -1 : wrong / (right + wrong);
  };
  std::stable_sort(classes.begin(), classes.end(), [&](int64_t a, int64_t b) { return share(a) > share(b); });
  classes.resize(std::min(subject.classes, kMostClasses));
  return classes;
}

// How many examples a group may show, so that all of them keep to the budget.
int64_t GroupSize(const Subject& subject, size_t groups) {
  const Shape image = subject.network.image_shape();
  const double scale = std::min(1.0, static_cast<double>(kShownPixels) / std::max(image[1], image[2]));
  const double bytes = static_cast<double>((image[0] + 3) * image[1] * image[2]) * scale * scale;
  const double size = static_cast<double>(kBudget) / (bytes * static_cast<double>(std::max<size_t>(groups, 1)));
  return std::clamp<int64_t>(static_cast<int64_t>(std::min(size, 1e6)), 1, subject.options.examples);
}

std::vector<ExampleReport> First(const Subject& subject, const Survey& survey, int64_t most,
                                 const std::vector<int64_t>& which) {
  std::vector<ExampleReport> reports;
  for (const int64_t i : which) {
    if (static_cast<int64_t>(reports.size()) == most) break;
    reports.push_back({.index = i,
                       .truth = subject.Truth(i),
                       .answer = survey.answers[i],
                       .confidence = std::exp(survey.log_confidences[i])});
  }
  return reports;
}

void PickExamples(const Subject& subject, const Survey& survey, ReportData* data) {
  const Sorted sorted = Sort(subject, survey);
  const std::vector<Cell> cells = OpenCells(sorted);
  const std::vector<int64_t> classes = OpenClasses(subject, sorted);
  const int64_t most = GroupSize(subject, cells.size() + kGroupsOfClass * classes.size());
  const auto first = [&](const std::vector<int64_t>& which) { return First(subject, survey, most, which); };
  for (const int64_t c : classes) {
    ClassReport& report = data->class_reports[c];
    report.most_confident = first(sorted.right[c]);
    report.least_confident = first({sorted.right[c].rbegin(), sorted.right[c].rend()});
    report.wrong = first(sorted.wrong[c]);
    report.wrong_in_all = static_cast<int64_t>(sorted.wrong[c].size());
  }
  for (const Cell& cell : cells) data->mistakes.push_back({cell.first, cell.second, first(sorted.mistakes.at(cell))});
}

// Of each example, all places that show it: some are shown twice.
std::map<int64_t, std::vector<ExampleReport*>> Shown(ReportData* data) {
  std::map<int64_t, std::vector<ExampleReport*>> shown;
  const auto add = [&](std::vector<ExampleReport>* examples) {
    for (ExampleReport& example : *examples) shown[example.index].push_back(&example);
  };
  for (ClassReport& report : data->class_reports) {
    for (auto* group : {&report.most_confident, &report.least_confident, &report.wrong}) add(group);
  }
  for (ConfusionCell& cell : data->mistakes) add(&cell.examples);
  return shown;
}

// Gives examples their pictures and their attributions.
absl::Status ShowTogether(const Subject& subject, io::PixelRange range,
                          absl::Span<const std::vector<ExampleReport*>> examples) {
  std::vector<int64_t> which, answers;
  for (const std::vector<ExampleReport*>& places : examples) {
    which.push_back(places[0]->index);
    answers.push_back(places[0]->answer);
  }
  const Tensor images = ExampleImages(subject.network, subject.examples.x, which);
  AD_ASSIGN_OR_RETURN(const explain::Attribution why,
                      explain::Attribute(subject.network, images, {.units = answers},
                                         {.method = kMethod, .threads = subject.options.threads}));
  AD_ASSIGN_OR_RETURN(const Tensor pictures, Pixels(images, range, kShownPixels));
  AD_ASSIGN_OR_RETURN(const Tensor maps, Shrunk(why.maps, kShownPixels));
  for (size_t i = 0; i < examples.size(); ++i) {
    const Tensor image = Row(pictures, static_cast<int64_t>(i)), map = Row(maps, static_cast<int64_t>(i));
    AD_ASSIGN_OR_RETURN(const plot::ColorScale scale, plot::MapScale(map, {.sign = plot::MapSign::kSigned}));
    AD_ASSIGN_OR_RETURN(const Tensor attribution, plot::PaintMapOver(image, map, scale));
    for (ExampleReport* example : examples[i]) example->image = image, example->attribution = attribution;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status JudgeClasses(const Subject& subject, const Survey& survey, ReportData* data) {
  CountConfusions(subject, survey, data);
  data->class_reports.resize(subject.classes);
  PickExamples(subject, survey, data);
  std::vector<std::vector<ExampleReport*>> examples;
  for (auto& [index, places] : Shown(data)) examples.push_back(places);
  subject.Stage(absl::StrCat("explaining ", nn::WithCommas(static_cast<int64_t>(examples.size())), " answers"));
  // In batches: of what is shown small, not all is there in its full size at once.
  const io::PixelRange range = RangeOf(subject.examples.x);
  const auto at_once = static_cast<size_t>(subject.AtOnce(kMostExamples));
  for (size_t first = 0; first < examples.size(); first += at_once) {
    AD_RETURN_IF_ERROR(ShowTogether(subject, range, absl::MakeConstSpan(examples).subspan(first, at_once)));
  }
  data->attribution_method = "integrated gradients";
  return absl::OkStatus();
}

void AddClassAscents(const Subject& subject, const LayerPlaces& places, ReportData* data) {
  data->class_reports.resize(subject.classes);
  for (size_t i = 0; i < data->layers.size(); ++i) {
    if (subject.network.layers()[places.sources[i]].value != subject.network.output()) continue;
    for (const UnitReport& unit : data->layers[i].units) data->class_reports[unit.unit].ascent = unit.ascent;
  }
}

}  // namespace adret::report
