// adret plan: how a model file would run, from its graph to the steps.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "adret/core/executor.h"
#include "adret/core/graph_text.h"
#include "adret/core/status.h"
#include "adret/tools/command.h"
#include "adret/tools/common_flags.h"
#include "adret/tools/model_file.h"
#include "adret/tools/open_model.h"

ABSL_FLAG(bool, graph, true, "list the graph's nodes");
ABSL_FLAG(bool, training, false, "plan the file's training step and all its outputs instead of one output");
ABSL_FLAG(bool, fuse, true, "fuse nodes into steps; --nofuse makes every node a step of its own");

namespace adret::tools {
namespace {

// What is to be computed: what --training or --output ask for.
absl::StatusOr<Executor> Compile(const io::Model& model) {
  const ExecutorOptions options{.fuse = absl::GetFlag(FLAGS_fuse)};
  if (absl::GetFlag(FLAGS_training)) {
    if (model.updates.empty()) return absl::NotFoundError("the model has no training step; leave --training out");
    std::vector<Value> outputs;
    for (const io::NamedValue& v : model.outputs) outputs.push_back(v.value);
    return Executor::Create(outputs, model.updates, options);
  }
  AD_ASSIGN_OR_RETURN(const std::optional<io::NamedValue> output, MainOutput(model));
  if (!output.has_value()) return absl::NotFoundError("the model has no outputs; choose a value with --output");
  return Executor::Create({output->value}, {}, options);
}

absl::StatusOr<int> ShowPlan(const std::vector<std::string>& arguments) {
  AD_ASSIGN_OR_RETURN(const io::Model model, OpenModel(arguments[0]));
  AD_ASSIGN_OR_RETURN(const DimSizes sizes, Sizes(model.graph.get()));
  AD_ASSIGN_OR_RETURN(Executor executor, Compile(model));
  AD_ASSIGN_OR_RETURN(const PlanReport report, executor.Report(sizes));
  if (absl::GetFlag(FLAGS_graph)) std::printf("%s\n", GraphText(*model.graph).c_str());
  std::printf("%s\n%s", PassTable(report).c_str(), ExplainTable(report).c_str());
  return kSuccess;
}

const CommandRegistration kPlan(
    {.name = "plan",
     .summary = "Shows how a model file would run: its graph, what the planner's passes did to it, and the steps.",
     .description =
         "The environment variables ADRET_DUMP=FOLDER (write the graph after each pass), ADRET_DISABLE=NAMES\n"
         "(skip passes and rewrites) and ADRET_STOP_AT=N (make no more than N rewrites) work here as in every\n"
         "program that uses adret.",
     .arguments = {"MODEL"},
     .examples = {{"digits.adret", "the nodes; for each pass the nodes it left, its rewrites and time; the steps"},
                  {"digits.adret --nograph --batch=128", "passes and steps only, for 128 pictures at once"},
                  {"lines.adret --sizes=time=100", "for a symbolic dimension of this size; 1 if not given"},
                  {"digits.adret --training", "the plan of a training step"},
                  {"digits.adret --nograph --nofuse", "the steps before anything is fused"}},
     .flags = {"batch", "sizes", "input_name", "output", "graph", "training", "fuse", "dims"},
     .run = ShowPlan});

}  // namespace
}  // namespace adret::tools
