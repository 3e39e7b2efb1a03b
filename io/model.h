// Model files: a graph, what its inputs and outputs are called, and its variables, in one file.
//
//   AD_RETURN_IF_ERROR(io::SaveModel("digits.adret", {.graph = &graph, .state = &state,
//                                                     .outputs = {{"logits", logits}, {"loss", loss}},
//                                                     .updates = step}));
//
//   AD_ASSIGN_OR_RETURN(io::Model model, io::LoadModel("digits.adret"));
//   AD_ASSIGN_OR_RETURN(Value loss, model.Output("loss"));
//   AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({loss}, model.updates));      // train on
//   Value slope = Gradients(loss, {*model.graph->Find("image")})[0];                      // or differentiate it
//
// What is loaded is a graph like any other: it can be run, trained, extended and differentiated without the code that
// built it. With the optimiser's slots among the variables and the step in the state, a model file is a checkpoint:
// training goes on from it bit by bit.
//
// The same contents give the same bytes. Saving replaces the file in one step (io/file.h). Files are not trusted:
// loading checks everything, replays the type rules, and answers InvalidArgument or ResourceExhausted, saying what and
// where; nothing in a file can name code, a path or an address. The layout is described in io/model_format_internal.h.
#ifndef ADRET_IO_MODEL_H_
#define ADRET_IO_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"
#include "adret/io/metadata.h"

namespace adret::io {

struct NamedValue {
  std::string name;
  Value value;
};

// What goes into a file.
struct ModelContents {
  const Graph* graph = nullptr;
  const State* state = nullptr;         // may be null when the graph has no variables
  std::vector<NamedValue> inputs = {};  // empty: all inputs of the graph, by their own names
  std::vector<NamedValue> outputs = {};
  Updates updates = {};      // the training step
  Metadata metadata = {};    // free text, e.g. the classes' names
  bool only_needed = false;  // leave out nodes and variables that neither outputs nor updates depend on
};

// What a reader accepts; above a limit it answers ResourceExhausted.
struct ModelLimits {
  int64_t structure_bytes = int64_t{64} << 20;  // everything but the tensors
  int64_t memory_budget = int64_t{16} << 30;    // bytes of all tensors together
  int64_t value_bytes = int64_t{64} << 30;      // bytes of any one value that the graph would compute
  int64_t nodes = 1'000'000;
  int64_t attributes = 4'000'000;
  int64_t tensors = 1'000'000;
  int64_t names = 1'000'000;     // of each: inputs, outputs, updates, variables, metadata
  int64_t numbers = 16'000'000;  // in dimensions, lists of inputs and attributes
};

// What was noticed while loading.
struct LoadReport {
  int64_t tensors = 0;
  int64_t tensor_bytes = 0;
  int64_t nan_count = 0;  // allowed, but worth a warning
  int64_t inf_count = 0;
};

// What came out of a file.
struct Model {
  std::unique_ptr<Graph> graph;
  State state;
  std::vector<NamedValue> inputs;
  std::vector<NamedValue> outputs;
  Updates updates;
  Metadata metadata;
  LoadReport report;

  // Returns the signature's input or output of this name; NotFound lists the names there are.
  absl::StatusOr<Value> Input(absl::string_view name) const;
  absl::StatusOr<Value> Output(absl::string_view name) const;
  // Returns what SaveModel needs to save the model again. Refers to graph and state.
  ModelContents contents() const;
};

// Fails with the graph's error if it has one; when a variable has no tensor in the state, a tensor of the state no
// variable, or one of another type; when a value belongs to another graph; and on whatever LoadModel would refuse under
// these limits. The old file stays as it was when saving fails.
absl::Status SaveModel(const std::string& path, const ModelContents& contents, const ModelLimits& limits = {});
absl::StatusOr<Model> LoadModel(const std::string& path, const ModelLimits& limits = {});

// Saves to and loads from memory.
absl::StatusOr<std::string> SerializeModel(const ModelContents& contents, const ModelLimits& limits = {});
absl::StatusOr<Model> ParseModel(absl::string_view bytes, const ModelLimits& limits = {});

// Something about a file that its user should know.
struct Finding {
  enum Severity {
    kWarning,  // it loads, but hardly as meant
    kError     // it does not load
  };
  Severity severity = kError;
  std::string message;
};

// Lists everything that is wrong with a file, where LoadModel stops at the first problem. Checks that depend on a
// failed check are skipped. There is an error among the findings exactly when LoadModel fails. Of a file that loads,
// warnings tell of NaN and Inf among its numbers, variables and inputs that nothing depends on, and a lack of outputs.
std::vector<Finding> CheckModel(const std::string& path, const ModelLimits& limits = {});
// Checks a file in memory.
std::vector<Finding> CheckSerializedModel(absl::string_view bytes, const ModelLimits& limits = {});

}  // namespace adret::io

#endif  // ADRET_IO_MODEL_H_
