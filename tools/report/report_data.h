// ReportData: everything that a report shows, as plain numbers, texts and pictures. Who gathers it (gather.h) knows
// networks; who lays it out (page.h) knows HTML.
//
//   report::ReportData data{.title = "digits.adret", .classes = {"0", "1"}};
//   data.layers.push_back({.name = "conv1", .kind = "filters", .output = "25x26x26", .units_in_all = 25});
//   absl::StatusOr<std::string> page = report::RenderPage(data);
//
// Pictures are u8 [1 or 3, height, width]. Texts may come from files that nobody trusts: they are shown, never obeyed.
#ifndef ADRET_TOOLS_REPORT_REPORT_DATA_H_
#define ADRET_TOOLS_REPORT_REPORT_DATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adret/core/tensor.h"
#include "adret/nn/history.h"

namespace adret::report {

// A line of the table at the top: "Parameters", "137,660".
struct Fact {
  std::string name;
  std::string value;
};

// An image that climbed the slope of a unit: where it got to, and how.
struct Ascent {
  std::optional<Tensor> image = {};
  std::vector<double> curve = {};  // the unit's activation before each step, and after the last one
};

// What a filter or a neuron looks for.
struct UnitReport {
  int64_t unit = 0;
  Ascent ascent = {};
  // The examples that activate it most, in one picture, row by row, and what they are.
  std::optional<Tensor> examples = {};
  std::vector<std::string> example_classes = {};
  double top_activation = 0;  // of the first of them
};

struct LayerReport {
  std::string name;        // "conv2"
  std::string kind;        // what its units are: "filters", "neurons"
  std::string output;      // of one example: "50x11x11"
  int64_t parameters = 0;  // that it adds to those of the layers before
  int64_t units_in_all = 0;
  std::vector<UnitReport> units = {};  // all of them, or the first
};

// An example, what the network says to it, and which pixels it says that for.
struct ExampleReport {
  int64_t index = 0;  // in the data set
  int64_t truth = 0;  // classes
  int64_t answer = 0;
  double confidence = 0;  // the probability of the answer
  std::optional<Tensor> image = {};
  std::optional<Tensor> attribution = {};
};

struct ClassReport {
  Ascent ascent = {};  // of the class's output
  // Answered rightly, by confidence: the highest first, the lowest first.
  std::vector<ExampleReport> most_confident = {};
  std::vector<ExampleReport> least_confident = {};
  std::vector<ExampleReport> wrong = {};  // the most confident mistake first
  int64_t wrong_in_all = 0;
};

// Examples of class `truth` that were taken for `answer`, some of them.
struct ConfusionCell {
  int64_t truth = 0;
  int64_t answer = 0;
  std::vector<ExampleReport> examples = {};
};

struct ReportData {
  std::string title;      // the model's file
  std::string data = {};  // what the examples are: "10,000 test images"
  std::vector<Fact> facts = {};

  // The network as a picture: an <svg> element whose links lead to LayerAnchor(). Made by this program, with texts
  // escaped; empty: without one.
  std::string graph_svg = {};
  std::string no_drawing = {};           // why there is none, for people who miss it
  std::vector<LayerReport> layers = {};  // from the input to the output

  nn::TrainingHistory history = {};

  std::vector<std::string> classes = {};        // their names; empty when the network does not classify
  std::vector<int64_t> confusion = {};          // [truth, answer]: how many examples; empty without examples
  std::vector<ConfusionCell> mistakes = {};     // cells off the diagonal, the most frequent ones
  std::vector<ClassReport> class_reports = {};  // one for each class, or none
  std::string attribution_method = {};          // "integrated gradients"
};

// Where in the page a layer's units are: "layer-3".
std::string LayerAnchor(int64_t layer);

}  // namespace adret::report

#endif  // ADRET_TOOLS_REPORT_REPORT_DATA_H_
