// CheckModel(): the reader's rules, with all their findings, and warnings about what loads.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/io/model_format_internal.h"

namespace adret::io {
namespace {

// What outputs and updates depend on, by node. A variable that is only updated is not used.
std::vector<bool> Used(const Model& model) {
  std::vector<Value> results;
  for (const NamedValue& v : model.outputs) results.push_back(v.value);
  for (const Update& u : model.updates) results.push_back(u.value);
  for (const auto& [variable, value] : model.graph->side_updates()) results.push_back(value);
  if (results.empty()) {
    // Nothing says what the model computes: all that it does.
    for (NodeId id = 0; id < model.graph->num_nodes(); ++id) {
      const Value value(model.graph.get(), {id, 0});
      if (!model.graph->node(id).op->traits.leaf) results.push_back(value);
    }
  }
  return Ancestors(*model.graph, results);
}

void WarnOfSpecialNumbers(absl::string_view what, const Tensor& tensor, std::vector<Finding>* findings) {
  const SpecialNumbers special = CountSpecial(tensor);
  const auto warn = [&](int64_t count, absl::string_view kind) {
    if (count == 0) return;
    findings->push_back({Finding::kWarning, absl::StrCat(what, ": ", count, " of ", tensor.num_elements(),
                                                         tensor.num_elements() == 1 ? " number" : " numbers",
                                                         count == 1 ? " is " : " are ", kind)});
  };
  warn(special.nans, "NaN");
  warn(special.infinities, "infinite");
}

std::vector<Finding> Warnings(const Model& model) {
  std::vector<Finding> findings;
  const auto warn = [&](std::string message) { findings.push_back({Finding::kWarning, std::move(message)}); };
  if (model.outputs.empty()) warn("the signature has no outputs: nothing says what the model computes");
  const Graph& graph = *model.graph;
  const std::vector<bool> used = Used(model);
  for (const NamedValue& v : model.inputs) {
    if (!used[v.value.node()]) warn(absl::StrCat("input ", Quoted(v.name), ": nothing depends on it"));
  }
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.attrs.Is<ConstantAttrs>()) {
      WarnOfSpecialNumbers(absl::StrCat("constant ", Quoted(node.name)), node.attrs.As<ConstantAttrs>().value,
                           &findings);
    }
    if (!node.attrs.Is<VariableAttrs>()) continue;
    const std::string what = absl::StrCat("variable ", Quoted(node.name));
    if (!used[id]) warn(absl::StrCat(what, ": nothing depends on it"));
    if (const absl::StatusOr<Tensor> tensor = model.state.Get(node.name); tensor.ok()) {
      WarnOfSpecialNumbers(what, *tensor, &findings);
    }
  }
  return findings;
}

std::vector<Finding> Check(const Source& source, const ModelLimits& limits) {
  Problems problems(Problems::kCollect);
  const absl::StatusOr<Model> model = ReadModel(source, limits, &problems);
  if (model.ok()) return Warnings(*model);
  std::vector<absl::Status> errors = problems.found();
  // What ended the reading, unless that was what had been found before.
  if (std::find(errors.begin(), errors.end(), model.status()) == errors.end()) errors.push_back(model.status());
  std::vector<Finding> findings;
  for (const absl::Status& error : errors) findings.push_back({Finding::kError, std::string(error.message())});
  if (problems.found().size() >= Problems::kMost) {
    findings.push_back({Finding::kError, "and more: the rest of the file was not looked at"});
  }
  return findings;
}

}  // namespace

std::vector<Finding> CheckModel(const std::string& path, const ModelLimits& limits) {
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return {{Finding::kError, std::string(file.status().message())}};
  return Check(FileSource(*file), limits);
}

std::vector<Finding> CheckSerializedModel(absl::string_view bytes, const ModelLimits& limits) {
  return Check(MemorySource(bytes), limits);
}

}  // namespace adret::io
