// adret run: what a model answers.
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/explain/scores.h"
#include "adret/io/npy.h"
#include "adret/nn/trainer.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/model_file.h"
#include "adret/tools/network.h"
#include "adret/tools/open_model.h"
#include "adret/tools/output.h"
#include "adret/tools/pictures.h"

ABSL_FLAG(std::string, fetch, "", "name of the output or of any value in the graph to compute; by default --output's");
ABSL_FLAG(int64_t, top, 3, "classes to print for each picture");
ABSL_FLAG(std::vector<std::string>, feed, {}, "NAME=FILE.npy: an array for the input of that name; may be repeated");

namespace adret::tools {
namespace {

// "[NAME=]FILE"
struct Item {
  std::string name;
  std::string path;
};

// Something that was computed, and what each row of it belongs to.
struct Answer {
  Tensor tensor;
  std::vector<std::string> rows = {};
  bool classes = false;        // [n, classes]
  bool probabilities = false;  // of these
};

// "label=y.npy", when the model has such an input; otherwise all of it is a path. The input of the pictures needs no
// name.
std::vector<Item> ParseItems(const std::vector<std::string>& words, const io::Model& model) {
  std::vector<Item> items;
  for (const std::string& word : words) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const bool named = model.Input(parts.first).ok() && parts.first.size() < word.size();
    items.push_back(named ? Item{parts.first, parts.second} : Item{"", word});
  }
  return items;
}

// Pictures: in inference mode, batch by batch.
absl::StatusOr<Answer> AnswerPictures(io::Model model, const std::vector<Item>& items) {
  std::string fetch = absl::GetFlag(FLAGS_fetch), output;
  if (model.Output(fetch).ok()) std::swap(fetch, output);
  AD_ASSIGN_OR_RETURN(const OpenNetwork open, OpenNetwork::Open(std::move(model), output));
  const explain::Network& network = open.network;
  std::vector<std::string> files;
  for (const Item& item : items) files.push_back(item.path);
  AD_ASSIGN_OR_RETURN(Pictures pictures, ReadPictures(files, network));
  explain::UnitLayer layer = network.output_layer();
  if (!fetch.empty()) {
    AD_ASSIGN_OR_RETURN(layer, network.FindLayer(fetch));
  }
  Value value = layer.value;
  AD_ASSIGN_OR_RETURN(const std::optional<int> threads, Threads());
  const bool classes = value == network.output() && value.rank() == 2 && absl::GetFlag(FLAGS_out).empty();
  explain::Scores scores = explain::Scores::kOther;
  if (classes) {
    AD_ASSIGN_OR_RETURN(scores, explain::ScoresOf(network, layer, {.threads = threads}));
  }
  const bool probabilities = scores != explain::Scores::kOther;
  if (probabilities) value = explain::Probabilities(value, scores);
  AD_ASSIGN_OR_RETURN(Tensor result, nn::RunInBatches(value, network.input(), network.FromImages(pictures.images),
                                                      network.state(), {.threads = threads}));
  return Answer{std::move(result), std::move(pictures.names), classes, probabilities};
}

// Arrays for inputs by name.
absl::StatusOr<Feeds> ReadFeeds(const io::Model& model, const std::vector<Item>& items) {
  Feeds feeds;
  for (const Item& item : items) {
    if (item.name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(item.path, " is for no input; write NAME=", item.path));
    }
    if (!absl::EndsWithIgnoreCase(item.path, ".npy")) {
      return absl::InvalidArgumentError(absl::StrCat(item.path, ": several inputs at once are fed with arrays (.npy)"));
    }
    AD_ASSIGN_OR_RETURN(const Value input, model.Input(item.name));
    AD_ASSIGN_OR_RETURN(const Tensor array, io::LoadNpy(item.path));
    feeds.emplace_back(input, array.Cast(input.dtype()));
  }
  return feeds;
}

// Runs the graph as it is.
absl::StatusOr<std::vector<Tensor>> RunGraph(const io::Model& model, const Feeds& feeds, const Values& values) {
  AD_ASSIGN_OR_RETURN(const std::optional<int> threads, Threads());
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(values, {}, {.threads = threads}));
  return executor.Run(feeds, model.state);
}

absl::StatusOr<Answer> AnswerArrays(const io::Model& model, const std::vector<Item>& items) {
  AD_ASSIGN_OR_RETURN(const Feeds feeds, ReadFeeds(model, items));
  Value value;
  if (const std::string fetch = absl::GetFlag(FLAGS_fetch); !fetch.empty()) {
    const absl::StatusOr<Value> output = model.Output(fetch);
    AD_ASSIGN_OR_RETURN(value, output.ok() ? output : model.graph->Find(fetch));
  } else {
    AD_ASSIGN_OR_RETURN(const std::optional<io::NamedValue> output, MainOutput(model));
    if (!output.has_value()) return absl::NotFoundError("the model has no outputs; choose a value with --fetch");
    value = output->value;
  }
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, RunGraph(model, feeds, {value}));
  return Answer{results[0]};
}

// All outputs, under their names, for a file of NumPy's (.npz).
absl::StatusOr<io::NamedTensors> AllOutputs(const io::Model& model, const std::vector<Item>& items) {
  if (model.outputs.empty()) return absl::NotFoundError("the model has no outputs");
  AD_ASSIGN_OR_RETURN(const Feeds feeds, ReadFeeds(model, items));
  Values values;
  for (const io::NamedValue& output : model.outputs) values.push_back(output.value);
  AD_ASSIGN_OR_RETURN(const std::vector<Tensor> results, RunGraph(model, feeds, values));
  io::NamedTensors named;
  for (size_t i = 0; i < results.size(); ++i) named[model.outputs[i].name] = results[i];
  return named;
}

// A line for each picture: its most probable classes, or those of the largest values.
std::string TopClasses(const Answer& answer) {
  const int64_t classes = answer.tensor.shape()[1], top = std::min(absl::GetFlag(FLAGS_top), classes);
  std::vector<std::string> titles = {"picture"};
  for (int64_t i = 0; i < top; ++i)
    titles.insert(titles.end(), {">class", answer.probabilities ? ">probability" : ">value"});
  TextTable table(std::move(titles));
  for (size_t row = 0; row < answer.rows.size(); ++row) {
    const auto value = [&](int64_t k) { return answer.tensor.At(static_cast<int64_t>(row) * classes + k); };
    std::vector<int64_t> order(classes);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return value(a) > value(b); });
    std::vector<std::string> cells = {answer.rows[row]};
    for (int64_t i = 0; i < top; ++i) {
      cells.push_back(absl::StrCat(order[i]));
      const double v = value(order[i]);
      cells.push_back(answer.probabilities ? absl::StrFormat("%.2f %%", 100 * v) : absl::StrFormat("%.4g", v));
    }
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

absl::StatusOr<int> Run(const std::vector<std::string>& arguments) {
  if (const int64_t top = absl::GetFlag(FLAGS_top); top < 1) {
    return absl::InvalidArgumentError(absl::StrCat("--top must be at least 1, but is ", top));
  }
  AD_ASSIGN_OR_RETURN(io::Model model, OpenModel(arguments[0]));
  std::vector<std::string> words = PictureFiles(arguments), read = FilesRead(arguments);
  const std::vector<std::string> feeds = absl::GetFlag(FLAGS_feed);
  words.insert(words.end(), feeds.begin(), feeds.end());
  if (words.empty()) return absl::InvalidArgumentError("expects pictures or arrays; see adret help run");
  const std::vector<Item> items = ParseItems(words, model);
  for (const Item& item : items) read.push_back(item.path);
  const std::string out = absl::GetFlag(FLAGS_out);
  const bool all = absl::EndsWithIgnoreCase(out, ".npz");
  OutputFiles outputs(std::move(read));
  AD_ASSIGN_OR_RETURN(OutputFile file, outputs.Create(out, all ? ".npz" : ".npy"));
  if (all) {
    AD_ASSIGN_OR_RETURN(const io::NamedTensors named, AllOutputs(model, items));
    AD_RETURN_IF_ERROR(file.Write(io::FormatNpz(named)));
    for (const auto& [name, tensor] : named) std::printf("%s: %s\n", name.c_str(), tensor.type().ToString().c_str());
    return kSuccess;
  }
  const absl::StatusOr<io::NamedValue> input = ChooseInput(model);
  const bool others = !feeds.empty() || std::any_of(items.begin(), items.end(), [&](const Item& item) {
    return !item.name.empty() && !(input.ok() && item.name == input->name);
  });
  AD_ASSIGN_OR_RETURN(const Answer answer,
                      others ? AnswerArrays(model, items) : AnswerPictures(std::move(model), items));
  if (file.wanted()) {
    AD_RETURN_IF_ERROR(file.Write(io::FormatNpy(answer.tensor)));
    std::printf("%s: %s\n", out.c_str(), answer.tensor.type().ToString().c_str());
  } else {
    std::fputs((answer.classes ? TopClasses(answer) : answer.tensor.ToString() + "\n").c_str(), stdout);
  }
  return kSuccess;
}

const CommandRegistration kRun(
    {.name = "run",
     .summary = "Runs a model on pictures or arrays: prints the classes it sees, or saves any value it computes.",
     .description = "A FILE is a PNG picture or an array (.npy) with one or several pictures; NAME=FILE.npy feeds the\n"
                    "model's input of that name. --input=FILE,FILE does the same as FILE FILE.",
     .arguments = {"MODEL", "[[NAME=]FILE...]"},
     .examples = {{"digits.adret three.png", "three.png  3  98.20 %  8  1.10 %  5  0.30 %"},
                  {"digits.adret test.npy --top=1", "the class of each picture in an array [n, 28, 28]"},
                  {"digits.adret three.png --fetch=conv2 --out=maps.npy", "the maps of layer conv2, [1, 50, 11, 11]"},
                  {"digits.adret image=x.npy label=y.npy --fetch=loss", "the loss of a batch"},
                  {"net.onnx --feed=ids=ids.npy --feed=mask=mask.npy --out=all.npz", "every output, under its name"}},
     .flags = {"input",
               "feed",
               "fetch",
               {"out",
                "file to write instead of printing: .npy for what is computed, .npz for every output of the model"},
               "top",
               "input_name",
               "output",
               "resize",
               "threads",
               "dims"},
     .run = Run});

}  // namespace
}  // namespace adret::tools
