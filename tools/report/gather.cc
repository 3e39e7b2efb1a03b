#include "adret/tools/report/gather.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "adret/core/status.h"
#include "adret/explain/attribution.h"
#include "adret/explain/maximize.h"
#include "adret/explain/resize_images.h"
#include "adret/io/contact_sheet.h"
#include "adret/io/dot.h"
#include "adret/nn/summary.h"
#include "adret/plot/graph_svg.h"
#include "adret/plot/map_tile.h"
#include "adret/tools/report/figures.h"
#include "adret/tools/report/survey.h"

namespace adret::report {
namespace {

constexpr char kMethod[] = "integrated_gradients";
// What images of outputs pay for their ink, as in the lecture, y_k - lambda sum |x|: without it they are noise.
constexpr double kInk = 0.65;
constexpr int64_t kPixelsAtOnce = 1 << 20, kMostClimbers = 128, kMostExamples = 250;  // of a run
constexpr int64_t kMostClasses = 128;  // that are shown whatever the number of units is to be
constexpr size_t kMostCells = 200;     // of mistakes: in ten classes there are 90
constexpr int64_t kTopExamples = 9;    // three by three
constexpr int64_t kMostPixels = 64;    // of the side of such an example
constexpr int64_t kShownPixels = 256;  // of the side of any other picture

absl::Status Bad(const std::string& message) { return absl::InvalidArgumentError(message); }

class Gatherer {
 public:
  Gatherer(const explain::Network& network, const nn::Examples& examples, const GatherOptions& options)
      : network_(network), examples_(examples), options_(options) {}

  absl::StatusOr<ReportData> Run() {
    AD_RETURN_IF_ERROR(Check());
    DescribeLayers();
    AD_RETURN_IF_ERROR(Draw());
    AD_RETURN_IF_ERROR(Climb());
    if (examples_.size() > 0) {
      Stage(absl::StrCat("running ", nn::WithCommas(examples_.size()), " examples"));
      std::vector<size_t> layers;
      for (const size_t i : looked_into_) layers.push_back(sources_[i]);
      AD_ASSIGN_OR_RETURN(
          survey_, RunSurvey(network_, layers, examples_.x,
                             {.top = kTopExamples, .batch = AtOnce(kMostExamples), .threads = options_.threads}));
      AD_RETURN_IF_ERROR(ShowTops());
      if (classes_ > 0) AD_RETURN_IF_ERROR(Judge());
    }
    if (classes_ > 0) AddClassAscents();
    return std::move(data_);
  }

 private:
  void Stage(absl::string_view what) const {
    if (options_.on_stage) options_.on_stage(what);
  }

  absl::Status Check() {
    const Shape image = network_.image_shape();
    if (image[0] != 1 && image[0] != 3) {
      return Bad(absl::StrCat("a report shows images of 1 or 3 channels, but the network takes ", image[0]));
    }
    if (options_.units < 1 || options_.examples < 1) return Bad("a report shows at least one unit and one example");
    if (network_.output().rank() == 2) classes_ = network_.output().shape()[1];
    if (!options_.classes.empty() && static_cast<int64_t>(options_.classes.size()) != classes_) {
      return Bad(absl::StrCat("the network has ", classes_, " classes, but there are ", options_.classes.size(),
                              " names of classes"));
    }
    const int64_t n = examples_.size();
    if (n == 0) return absl::OkStatus();
    const Shape one = network_.input().shape().WithBatch(1);
    if (examples_.x.num_elements() != n * one.num_elements()) {
      return Bad(absl::StrCat("the examples are ", examples_.x.type().ToString(), ", but the network takes ",
                              network_.input().type().ToString()));
    }
    if (classes_ == 0) return absl::OkStatus();
    if (examples_.y.rank() != 1 || examples_.y.shape()[0] != n) {
      return Bad(absl::StrCat("expected ", n, " labels, but found ", examples_.y.type().ToString()));
    }
    for (int64_t i = 0; i < n; ++i) {
      if (Truth(i) >= 0 && Truth(i) < classes_) continue;
      return Bad(absl::StrCat("label ", i, " is ", Truth(i), ", but the network has the classes 0 to ", classes_ - 1));
    }
    return absl::OkStatus();
  }

  int64_t Truth(int64_t example) const { return static_cast<int64_t>(examples_.y.At(example)); }
  bool Right(int64_t example) const { return survey_.answers[example] == Truth(example); }

  // ---- The network

  void DescribeLayers() {
    int64_t parameters = 0;
    std::map<std::string, int64_t> parameters_of;
    for (const nn::LayerSummary& layer : nn::Layers(network_.output())) {
      parameters_of[layer.name] = layer.parameters;
      parameters += layer.parameters;
    }
    for (size_t i = 0; i < network_.layers().size(); ++i) {
      const explain::Layer& layer = network_.layers()[i];
      const auto found = parameters_of.find(layer.name);
      const bool output = layer.value == network_.output();
      // What a summary leaves out, such as relus, is no more than a part of the layer before; where it has no layers
      // at all, nobody has named any.
      if (found == parameters_of.end() && !parameters_of.empty() && !output) continue;
      LayerReport report{.name = layer.name,
                         .kind = layer.has_maps() ? "filters" : "neurons",
                         .output = nn::ExampleShape(layer.value.shape()),
                         .parameters = found == parameters_of.end() ? 0 : found->second,
                         .units_in_all = layer.units()};
      // Layers without parameters, such as pooling, see what others have found.
      if (report.parameters > 0 || output || parameters_of.empty()) {
        looked_into_.push_back(data_.layers.size());
        const int64_t most = output ? std::max(options_.units, kMostClasses) : options_.units;
        for (int64_t unit = 0; unit < std::min(layer.units(), most); ++unit) report.units.push_back({.unit = unit});
      }
      sources_.push_back(i);
      data_.layers.push_back(std::move(report));
    }
    data_.facts.push_back({"Parameters", nn::WithCommas(parameters)});
    data_.facts.push_back({"Layers", absl::StrCat(data_.layers.size())});
    for (int64_t c = 0; c < classes_; ++c) {
      data_.classes.push_back(options_.classes.empty() ? absl::StrCat(c) : options_.classes[c]);
    }
  }

  absl::Status Draw() {
    const auto link = [this](const std::string& name) {
      for (size_t i = 0; i < data_.layers.size(); ++i) {
        // An output goes by its name in the file, in the drawing by its node's.
        const bool named = data_.layers[i].name == name || network_.layers()[sources_[i]].value.name() == name;
        if (named && !data_.layers[i].units.empty()) return absl::StrCat("#", LayerAnchor(i));
      }
      return std::string();
    };
    const auto tooltip = [&](const std::string& name) {
      return link(name).empty() ? "" : absl::StrCat("what ", name, " looks for");
    };
    absl::StatusOr<std::string> svg = plot::GraphvizSvg(
        io::LayerDot(*network_.graph(), {.fetches = {network_.output()}, .link = link, .tooltip = tooltip}));
    if (absl::IsUnimplemented(svg.status())) return absl::OkStatus();  // the table of layers has to do
    AD_RETURN_IF_ERROR(svg.status());
    // Not an image to who cannot see it: its links are to be heard, too.
    data_.graph_svg =
        absl::StrReplaceAll(*svg, {{"<svg ", "<svg role=\"group\" aria-label=\"The network's layers\" "}});
    return absl::OkStatus();
  }

  // ---- Units

  absl::Status Climb() {
    for (const size_t i : looked_into_) {
      LayerReport& layer = data_.layers[i];
      const auto n = static_cast<int64_t>(layer.units.size());
      Stage(absl::StrCat("climbing to what ", nn::WithCommas(n), " ", layer.kind, " of ", layer.name, " look for"));
      const bool output = network_.layers()[sources_[i]].value == network_.output();
      const int64_t at_once = AtOnce(kMostClimbers);
      for (int64_t first = 0; first < n; first += at_once) {
        AD_RETURN_IF_ERROR(ClimbTogether(layer.name, output,
                                         absl::MakeSpan(layer.units).subspan(first, std::min(at_once, n - first))));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ClimbTogether(const std::string& layer, bool output, absl::Span<UnitReport> units) {
    std::vector<explain::Objective> objectives;
    for (const UnitReport& unit : units) objectives.push_back(explain::Unit(layer, unit.unit));
    AD_ASSIGN_OR_RETURN(const explain::Ascent ascent, explain::Maximize(network_, objectives,
                                                                        {.steps = options_.steps,
                                                                         .penalties = {.l1 = output ? kInk : 0},
                                                                         .seed = options_.seed,
                                                                         .threads = options_.threads}));
    AD_ASSIGN_OR_RETURN(const Tensor pictures, Pixels(ascent.images, kShownPixels));
    const auto n = static_cast<int64_t>(units.size());
    for (int64_t k = 0; k < n; ++k) {
      Ascent& shown = units[k].ascent;
      shown.image = Row(pictures, k);
      for (int64_t step = 0; step < ascent.steps; ++step) shown.curve.push_back(ascent.curve.At(step * n + k));
      shown.curve.push_back(ascent.end.At(k));
    }
    return absl::OkStatus();
  }

  // How many of the network's images are worth a run: fewer of larger ones, whose memory counts.
  int64_t AtOnce(int64_t most) const {
    return std::clamp<int64_t>(kPixelsAtOnce / network_.image_shape().num_elements(), 1, most);
  }

  absl::Status ShowTops() {
    for (size_t i = 0; i < looked_into_.size(); ++i) {
      for (UnitReport& unit : data_.layers[looked_into_[i]].units) {
        const std::vector<Survey::Top>& tops = survey_.tops[i][unit.unit];
        if (tops.empty()) continue;
        std::vector<int64_t> which;
        for (const Survey::Top& top : tops) {
          which.push_back(top.example);
          if (classes_ > 0) unit.example_classes.push_back(data_.classes[Truth(top.example)]);
        }
        unit.top_activation = tops[0].activation;
        AD_ASSIGN_OR_RETURN(const Tensor pictures, Pixels(ExampleImages(network_, examples_.x, which), kMostPixels));
        AD_ASSIGN_OR_RETURN(unit.examples, io::ContactSheet(pictures, {.columns = 3, .gap = 1, .background = 128}));
      }
    }
    return absl::OkStatus();
  }

  // ---- Classes

  absl::Status Judge() {
    const int64_t n = examples_.size();
    data_.confusion.assign(classes_ * classes_, 0);
    std::vector<std::vector<int64_t>> right(classes_), wrong(classes_);
    std::map<std::pair<int64_t, int64_t>, std::vector<int64_t>> cells;
    int64_t right_in_all = 0;
    for (const int64_t i : BySureness()) {
      ++data_.confusion[Truth(i) * classes_ + survey_.answers[i]];
      (Right(i) ? right : wrong)[Truth(i)].push_back(i);
      if (!Right(i)) cells[{Truth(i), survey_.answers[i]}].push_back(i);
      right_in_all += Right(i);
    }
    data_.facts.insert(data_.facts.begin(),
                       {"Answered rightly", absl::StrFormat("%.2f %%", 100.0 * static_cast<double>(right_in_all) /
                                                                           static_cast<double>(n))});
    data_.class_reports.resize(classes_);
    for (int64_t c = 0; c < std::min(classes_, kMostClasses); ++c) {
      ClassReport& report = data_.class_reports[c];
      report.most_confident = First(right[c]);
      report.least_confident = First({right[c].rbegin(), right[c].rend()});
      report.wrong = First(wrong[c]);
      report.wrong_in_all = static_cast<int64_t>(wrong[c].size());
    }
    std::vector<std::pair<std::pair<int64_t, int64_t>, std::vector<int64_t>>> frequent(cells.begin(), cells.end());
    std::stable_sort(frequent.begin(), frequent.end(),
                     [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
    if (frequent.size() > kMostCells) frequent.resize(kMostCells);
    for (const auto& [cell, which] : frequent) data_.mistakes.push_back({cell.first, cell.second, First(which)});
    return ShowExamples();
  }

  // All examples, those first whose answer is surest.
  std::vector<int64_t> BySureness() const {
    std::vector<int64_t> order(examples_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
    const auto sureness = [this](int64_t i) {
      const double log_confidence = survey_.log_confidences[i];
      return std::isnan(log_confidence) ? -std::numeric_limits<double>::infinity() : log_confidence;
    };
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return sureness(a) > sureness(b); });
    return order;
  }

  std::vector<ExampleReport> First(const std::vector<int64_t>& which) const {
    std::vector<ExampleReport> reports;
    for (const int64_t i : which) {
      if (static_cast<int64_t>(reports.size()) == options_.examples) break;
      reports.push_back({.index = i,
                         .truth = Truth(i),
                         .answer = survey_.answers[i],
                         .confidence = std::exp(survey_.log_confidences[i])});
    }
    return reports;
  }

  // Gives every example that is shown anywhere its picture and its attribution. Some are shown twice.
  absl::Status ShowExamples() {
    std::vector<ExampleReport*> shown;
    const auto add = [&](std::vector<ExampleReport>* examples) {
      for (ExampleReport& example : *examples) shown.push_back(&example);
    };
    for (ClassReport& report : data_.class_reports) {
      for (auto* group : {&report.most_confident, &report.least_confident, &report.wrong}) add(group);
    }
    for (ConfusionCell& cell : data_.mistakes) add(&cell.examples);
    std::map<int64_t, int64_t> place;  // of an example among those that are explained
    std::vector<int64_t> which, answers;
    for (const ExampleReport* example : shown) {
      if (!place.emplace(example->index, static_cast<int64_t>(which.size())).second) continue;
      which.push_back(example->index);
      answers.push_back(example->answer);
    }
    Stage(absl::StrCat("explaining ", nn::WithCommas(static_cast<int64_t>(which.size())), " answers"));
    const Tensor images = ExampleImages(network_, examples_.x, which);
    AD_ASSIGN_OR_RETURN(
        const explain::Attribution why,
        explain::Attribute(network_, images, {.units = answers}, {.method = kMethod, .threads = options_.threads}));
    AD_ASSIGN_OR_RETURN(const Tensor pictures, Pixels(images, kShownPixels));
    AD_ASSIGN_OR_RETURN(const Tensor maps, Shrunk(why.maps, kShownPixels));
    for (ExampleReport* example : shown) {
      const int64_t i = place.at(example->index);
      const Tensor image = Row(pictures, i), map = Row(maps, i);
      AD_ASSIGN_OR_RETURN(const plot::ColorScale scale, plot::MapScale(map, {.sign = plot::MapSign::kSigned}));
      AD_ASSIGN_OR_RETURN(example->attribution, plot::PaintMapOver(image, map, scale));
      example->image = image;
    }
    data_.attribution_method = "integrated gradients";
    return absl::OkStatus();
  }

  // What maximises a class is what maximises its output.
  void AddClassAscents() {
    data_.class_reports.resize(classes_);
    for (size_t i = 0; i < data_.layers.size(); ++i) {
      if (network_.layers()[sources_[i]].value != network_.output()) continue;
      for (const UnitReport& unit : data_.layers[i].units) data_.class_reports[unit.unit].ascent = unit.ascent;
    }
  }

  // ---- Pictures

  // [n, c, h, w] with sides of at most `most` pixels.
  static absl::StatusOr<Tensor> Shrunk(const Tensor& images, int64_t most) {
    const int64_t height = images.shape()[2], width = images.shape()[3], longer = std::max(height, width);
    if (longer <= most) return images;
    return explain::ResizeImages(images, std::max<int64_t>(1, height * most / longer),
                                 std::max<int64_t>(1, width * most / longer));
  }

  // The same as u8. Where numbers are not in [0, 1], each image spans its own range.
  static absl::StatusOr<Tensor> Pixels(const Tensor& images, int64_t most) {
    AD_ASSIGN_OR_RETURN(const Tensor shrunk, Shrunk(images, most));
    bool unit = true;
    for (int64_t i = 0; i < shrunk.num_elements(); ++i) unit &= shrunk.At(i) >= -1e-6 && shrunk.At(i) <= 1 + 1e-6;
    return io::ToPixels(shrunk, unit ? io::PixelRange::kUnit : io::PixelRange::kEach);
  }

  // [...] of [n, ...].
  static Tensor Row(const Tensor& rows, int64_t i) {
    Shape shape;
    for (int axis = 1; axis < rows.rank(); ++axis) shape.push_back(rows.shape()[axis]);
    Tensor row(rows.dtype(), shape);
    std::memcpy(row.mutable_raw(), static_cast<const char*>(rows.raw()) + i * row.num_bytes(), row.num_bytes());
    return row;
  }

  const explain::Network& network_;
  const nn::Examples& examples_;
  const GatherOptions& options_;
  int64_t classes_ = 0;              // 0: the output is none of classes
  std::vector<size_t> sources_;      // for each of the report's layers, the network's
  std::vector<size_t> looked_into_;  // those of the report's layers whose units are shown
  Survey survey_;
  ReportData data_;
};

}  // namespace

absl::StatusOr<ReportData> Gather(const explain::Network& network, const nn::Examples& examples,
                                  const GatherOptions& options) {
  return Gatherer(network, examples, options).Run();
}

}  // namespace adret::report
