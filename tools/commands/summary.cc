// adret summary: what is in a model file.
#include "adret/nn/summary.h"

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/flags/flag.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "adret/core/plan_report.h"
#include "adret/core/status.h"
#include "adret/core/text_table.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/model_file.h"
#include "adret/tools/open_model.h"

namespace adret::tools {
namespace {

constexpr size_t kMaxText = 60;  // characters of metadata shown

std::string NumbersAndBytes(int64_t numbers, int64_t bytes) {
  return absl::StrCat(nn::WithCommas(numbers), " numbers, ", BytesText(bytes));
}

void AddSignature(const io::Model& model, TextTable* facts) {
  for (const io::NamedValue& v : model.inputs) facts->AddRow({"input", v.name, v.value.type().ToString()});
  for (const io::NamedValue& v : model.outputs) facts->AddRow({"output", v.name, v.value.type().ToString()});
}

void AddVariables(const io::Model& model, TextTable* facts) {
  int64_t numbers[2] = {}, bytes[2] = {};
  for (const Value& variable : model.graph->all_variables()) {
    const bool trainable = model.graph->node(variable.node()).attrs.As<VariableAttrs>().trainable;
    numbers[trainable] += variable.shape().num_elements();
    bytes[trainable] += variable.type().bytes();
  }
  facts->AddRow({"parameters", NumbersAndBytes(numbers[1], bytes[1]), ""});
  if (numbers[0] > 0) {
    facts->AddRow({"other variables", NumbersAndBytes(numbers[0], bytes[0]), "running statistics, optimiser's slots"});
  }
}

// The arena of a plan that computes what is explained.
absl::Status AddActivations(const io::NamedValue& output, const DimSizes& sizes, TextTable* facts) {
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({output.value}));
  AD_ASSIGN_OR_RETURN(const int64_t peak, executor.PeakBytes(sizes));
  const bool named = sizes.entries().size() > 1;
  facts->AddRow({"activations", absl::StrCat(BytesText(peak), " at most"),
                 absl::StrCat("to compute ", output.name,
                              named ? absl::StrCat(" where ", sizes.ToString())
                                    : absl::StrCat(" of a batch of ", *sizes.Find(0)))});
  return absl::OkStatus();
}

void AddTraining(const io::Model& model, TextTable* facts) {
  facts->AddRow({"seed", absl::StrCat(model.state.seed), ""});
  facts->AddRow({"step", absl::StrCat(model.state.step), ""});
  if (!model.updates.empty()) {
    facts->AddRow({"training step", absl::StrCat("updates ", model.updates.size(), " variables"), ""});
  }
  for (const auto& [key, text] : model.metadata) {
    const bool long_text = text.size() > kMaxText;
    facts->AddRow({"metadata", key, absl::CHexEscape(text.substr(0, kMaxText)) + (long_text ? "..." : "")});
  }
}

absl::StatusOr<int> Summarise(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const io::Model model, OpenModel(arguments[0]));
  AD_ASSIGN_OR_RETURN(const DimSizes sizes, Sizes(model.graph.get()));
  AD_ASSIGN_OR_RETURN(const std::optional<io::NamedValue> output, MainOutput(model));
  TextTable facts({"", "", ""});
  AddSignature(model, &facts);
  AddVariables(model, &facts);
  if (output.has_value()) AD_RETURN_IF_ERROR(AddActivations(*output, sizes, &facts));
  AddTraining(model, &facts);

  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(arguments[0], error);
  std::printf("%s: %d nodes, %s\n\n%s\n%s", arguments[0].c_str(), model.graph->num_nodes(),
              BytesText(error ? 0 : static_cast<int64_t>(size)).c_str(),
              (output.has_value() ? nn::Summary(output->value) : nn::Summary(*model.graph)).c_str(),
              facts.ToString().c_str());
  return kSuccess;
}

const CommandRegistration kSummary(
    {.name = "summary",
     .summary = "Shows what is in a model file: layers, parameters, memory, inputs and outputs.",
     .arguments = {"MODEL"},
     .examples = {{"digits.adret",
                   "a line for each layer with its output's shape, parameters and multiply-adds; totals"},
                  {"digits.adret --batch=128", "the memory that 128 pictures at once take"},
                  {"digits.adret --output=loss", "the layers that lead to the loss instead of the logits"}},
     .flags = {"batch", "sizes", "input_name", "output", "dims"},
     .run = Summarise});

}  // namespace
}  // namespace adret::tools
