#include "adret/tools/model_file.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/ancestors.h"
#include "adret/core/nearest_names.h"
#include "adret/core/status.h"

ABSL_FLAG(std::string, input_name, "", "name of the model's input that takes the pictures, where it has several");
ABSL_FLAG(std::string, output, "", "name of the model's output to explain, where it has several; by default 'logits'");

namespace adret::tools {
namespace {

std::string List(const std::vector<io::NamedValue>& values) {
  if (values.empty()) return "it has none";
  return absl::StrCat("it has ", absl::StrJoin(values, ", ", [](std::string* out, const io::NamedValue& v) {
                        absl::StrAppend(out, v.name, " ", v.value.type().ToString());
                      }));
}

absl::StatusOr<io::NamedValue> Named(const std::vector<io::NamedValue>& values, const std::string& name,
                                     absl::string_view what) {
  std::vector<std::string> names;
  for (const io::NamedValue& v : values) {
    if (v.name == name) return v;
    names.push_back(v.name);
  }
  const std::vector<std::string> nearest = NearestNames(name, std::move(names), 3);
  return absl::NotFoundError(
      absl::StrCat("the model has no ", what, " '", name, "'",
                   nearest.empty() ? "" : absl::StrCat("; the nearest names are ", absl::StrJoin(nearest, ", "))));
}

bool TakesPictures(const Type& type) {
  return IsFloating(type.dtype) && type.shape.rank() > 1 && type.shape[0] == kAnyBatch;
}

// Is this a batch of numbers that follow from the input alone?
bool Answers(const Value& output, const Value& input) {
  const Shape& shape = output.shape();
  if (!input.valid() || !IsFloating(output.dtype()) || shape.rank() < 2 || shape[0] != kAnyBatch) return false;
  const Graph& graph = *output.graph();
  const std::vector<bool> needed = Ancestors(graph, {output});
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (needed[id] && graph.node(id).attrs.Is<InputAttrs>() && id != input.node()) return false;
  }
  return needed[input.node()];
}

// The last value [?, classes] that follows from the input alone, of those that lead to outputs where there are any:
// what a loss is computed from. Invalid when there is none.
Value LastAnswer(const io::Model& model, const Value& input) {
  std::vector<Value> outputs;
  for (const io::NamedValue& v : model.outputs) outputs.push_back(v.value);
  const std::vector<bool> needed = Ancestors(*model.graph, outputs);
  for (NodeId id = model.graph->num_nodes() - 1; id >= 0; --id) {
    const Value value(model.graph.get(), {id, 0});
    if ((outputs.empty() || needed[id]) && value.rank() == 2 && Answers(value, input)) return value;
  }
  return Value();
}

}  // namespace

absl::StatusOr<io::NamedValue> ChooseInput(const io::Model& model) {
  if (const std::string name = absl::GetFlag(FLAGS_input_name); !name.empty())
    return Named(model.inputs, name, "input");
  std::vector<io::NamedValue> candidates, images;
  for (const io::NamedValue& v : model.inputs) {
    if (TakesPictures(v.value.type())) candidates.push_back(v);
    if (TakesPictures(v.value.type()) && v.value.rank() == 4) images.push_back(v);
  }
  if (candidates.size() == 1) return candidates[0];
  if (images.size() == 1) return images[0];
  return absl::NotFoundError(absl::StrCat("the model has ", candidates.empty() ? "no input" : "several inputs",
                                          " that could take pictures; ", List(model.inputs),
                                          candidates.empty() ? "" : "; choose with --input_name"));
}

absl::StatusOr<io::NamedValue> ChooseOutput(const io::Model& model, Value input, const std::string& given) {
  if (const std::string name = given.empty() ? absl::GetFlag(FLAGS_output) : given; !name.empty()) {
    const absl::StatusOr<io::NamedValue> output = Named(model.outputs, name, "output");
    const absl::StatusOr<Value> value = model.graph->Find(name);
    return output.ok() || !value.ok() ? output : io::NamedValue{name, *value};
  }
  for (const io::NamedValue& v : model.outputs) {
    if (v.name == "logits") return v;
  }
  std::vector<io::NamedValue> answers;
  for (const io::NamedValue& v : model.outputs) {
    if (!Answers(v.value, input)) continue;
    if (v.value.rank() == 2) return v;
    answers.push_back(v);
  }
  if (answers.size() == 1) return answers[0];
  if (const Value last = LastAnswer(model, input); answers.empty() && last.valid())
    return io::NamedValue{last.name(), last};
  return absl::NotFoundError(absl::StrCat("the model has no output [?, classes] that follows from its pictures alone; ",
                                          List(model.outputs), model.outputs.empty() ? "" : "; choose with --output"));
}

absl::StatusOr<std::optional<io::NamedValue>> MainOutput(const io::Model& model) {
  const absl::StatusOr<io::NamedValue> input = ChooseInput(model);
  const absl::StatusOr<io::NamedValue> output = ChooseOutput(model, input.ok() ? input->value : Value());
  if (output.ok()) return *output;
  if (!absl::GetFlag(FLAGS_output).empty()) return output.status();
  if (model.outputs.empty()) return std::nullopt;
  return model.outputs[0];
}

}  // namespace adret::tools
