// adret grad: the gradient of what a model computes, as a model file.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "adret/autograd/gradients.h"
#include "adret/core/status.h"
#include "adret/io/model.h"
#include "adret/ops/reduce.h"
#include "adret/ops/slice.h"
#include "adret/tools/command.h"
#include "adret/tools/open_model.h"
#include "adret/tools/output.h"

ABSL_FLAG(std::string, of, "",
          "output to differentiate, or any value; NAME:5 is its column 5. Its elements are summed");
ABSL_FLAG(
    std::string, wrt, "weights",
    "what to differentiate with respect to: inputs, variables or any values, separated by commas; 'weights' are all "
    "that are trained");

namespace adret::tools {
namespace {

// An output of the file, or any value of its graph.
absl::StatusOr<Value> FindValue(const io::Model& model, const std::string& name) {
  if (const absl::StatusOr<Value> output = model.Output(name); output.ok()) return output;
  if (const absl::StatusOr<Value> input = model.Input(name); input.ok()) return input;
  return model.graph->Find(name);
}

// What --of asks for: the output, and the scalar that is differentiated.
struct Objective {
  std::string name;
  Value value, scalar;
};
absl::StatusOr<Objective> ParseObjective(const io::Model& model, const std::string& of) {
  if (of.empty()) {
    if (model.outputs.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "choose with --of what to differentiate; the file has the outputs ",
          absl::StrJoin(model.outputs, ", ", [](std::string* out, const io::NamedValue& v) { out->append(v.name); })));
    }
    return Objective{model.outputs[0].name, model.outputs[0].value, Sum(model.outputs[0].value)};
  }
  absl::StatusOr<Value> whole = FindValue(model, of);
  if (whole.ok()) return Objective{of, *whole, Sum(*whole)};
  const size_t colon = of.rfind(':');
  int64_t column = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(of.substr(colon + 1), &column)) return whole.status();
  const std::string name = of.substr(0, colon);
  AD_ASSIGN_OR_RETURN(const Value value, FindValue(model, name));
  const int64_t columns = value.rank() < 2 ? 0 : value.shape()[1];
  if (column < 0 || (columns >= 0 && column >= columns)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--of=", of, ": ", name, " is ", value.type().ToString(), ", which has no column ", column));
  }
  return Objective{name, value, Sum(Slice(value, 1, column, column + 1))};
}

absl::StatusOr<std::vector<io::NamedValue>> ParseLeaves(const io::Model& model, const std::string& wrt) {
  std::vector<io::NamedValue> leaves;
  for (const absl::string_view given : absl::StrSplit(wrt, ',', absl::SkipEmpty())) {
    const std::string name(given);
    if (name == "weights") {
      for (const Value& variable : model.graph->variables()) leaves.push_back({variable.name(), variable});
      if (leaves.empty()) return absl::NotFoundError("the model has no variables that are trained");
      continue;
    }
    AD_ASSIGN_OR_RETURN(const Value value, FindValue(model, name));
    leaves.push_back({name, value});
  }
  if (leaves.empty()) return absl::InvalidArgumentError("--wrt names nothing");
  return leaves;
}

absl::StatusOr<int> Grad(const std::vector<std::string>& arguments) {
  const std::string out = absl::GetFlag(FLAGS_out);
  if (out.empty()) return absl::InvalidArgumentError("--out says which file to write, such as --out=gradient.onnx");
  {
    OutputFiles outputs(arguments);
    AD_RETURN_IF_ERROR(outputs.Create(out, "").status());
  }
  AD_ASSIGN_OR_RETURN(const io::Model model, OpenModel(arguments[0]));
  AD_ASSIGN_OR_RETURN(const Objective objective, ParseObjective(model, absl::GetFlag(FLAGS_of)));
  AD_ASSIGN_OR_RETURN(const std::vector<io::NamedValue> leaves, ParseLeaves(model, absl::GetFlag(FLAGS_wrt)));
  std::vector<Value> values;
  for (const io::NamedValue& leaf : leaves) values.push_back(leaf.value);
  const Values slopes = Gradients(objective.scalar, values);
  AD_RETURN_IF_ERROR(model.graph->status());
  io::ModelContents contents = model.contents();
  contents.outputs = {{objective.name, objective.value}};
  contents.updates = {};
  contents.only_needed = true;
  for (size_t i = 0; i < leaves.size(); ++i) {
    contents.outputs.push_back({absl::StrCat("grad_", leaves[i].name), slopes[i]});
    std::printf("grad_%s: %s\n", leaves[i].name.c_str(), slopes[i].type().ToString().c_str());
  }
  AD_RETURN_IF_ERROR(SaveAnyModel(out, contents));
  std::fprintf(stderr, "wrote %s\n", out.c_str());
  return kSuccess;
}

const CommandRegistration kGrad(
    {.name = "grad",
     .summary = "Writes the gradient of what a model computes as a model file, such as a plain ONNX file.",
     .description = "The file has the output that is differentiated, and grad_NAME for each NAME of --wrt.",
     .arguments = {"MODEL"},
     .examples = {{"net.onnx --of=logits:5 --wrt=image --out=saliency.onnx",
                   "how class 5 depends on each pixel, for every runtime"},
                  {"net.adret --of=loss --out=gradients.onnx", "the gradients of all weights"},
                  {"net.onnx --of=logits:5 --wrt=conv2,image --out=g.adret", "also with respect to a layer's maps"}},
     .flags = {"of", "wrt", {"out", "model file to write; .onnx for ONNX"}, "dims", "opset"},
     .run = Grad});

}  // namespace
}  // namespace adret::tools
