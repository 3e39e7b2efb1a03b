#include "adret/tests/io/onnx/node_suite.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/executor.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/tensors.h"
#include "adret/tests/temp_folder.h"

namespace adret::onnx {
namespace {

namespace fs = std::filesystem;

std::vector<NodeCase> UnpackSuite() {
  const char* data = std::getenv("ADRET_DATA");
  return data == nullptr ? std::vector<NodeCase>() : UnpackCases(absl::StrCat(data, "/onnx/node_1.22.0.tar.xz"));
}

// Reads <kind>_0.pb, <kind>_1.pb, ...
absl::StatusOr<std::vector<Tensor>> Tensors(const std::string& folder, absl::string_view kind) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const std::string path = absl::StrCat(folder, "/test_data_set_0/", kind, "_", i, ".pb");
    if (!fs::exists(path)) return tensors;
    AD_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
    proto::Tensor message;
    if (!message.ParseFromString(bytes)) return absl::UnimplementedError("its data are no tensors");
    TensorReader reader("", int64_t{1} << 30);
    AD_ASSIGN_OR_RETURN(Tensor tensor, reader.Read(message));
    tensors.push_back(std::move(tensor));
  }
}

bool NeedsNumbers(const absl::Status& status) {
  return absl::StrContains(status.message(), "must be known while the file is read");
}

}  // namespace

std::vector<NodeCase> UnpackCases(const std::string& archive) {
  if (!fs::exists(archive)) return {};
  static std::deque<TempFolder> folders;
  const TempFolder& folder = folders.emplace_back();
  const std::string command = absl::StrCat("cd '", folder.path(), "' && '", ADRET_CMAKE_COMMAND, "' -E tar xf '",
                                           fs::absolute(archive).string(), "'");
  if (std::system(command.c_str()) != 0) return {};
  std::vector<NodeCase> cases;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "node")) {
    cases.push_back({entry.path().filename().string(), entry.path().string()});
  }
  std::sort(cases.begin(), cases.end(), [](const NodeCase& a, const NodeCase& b) { return a.name < b.name; });
  return cases;
}

const std::vector<NodeCase>& NodeCases() {
  static const std::vector<NodeCase> cases = UnpackSuite();
  return cases;
}

absl::StatusOr<NodeData> LoadNodeCase(const NodeCase& node_case) {
  NodeData data;
  AD_ASSIGN_OR_RETURN(data.model, io::ReadFile(node_case.folder + "/model.onnx"));
  proto::Model model;
  if (!model.ParseFromString(data.model)) return absl::InvalidArgumentError("no model");
  for (const proto::ValueInfo& input : model.graph().input()) {
    if (!input.type().has_tensor_type()) return absl::UnimplementedError("its inputs are no tensors");
    data.input_names.push_back(input.name());
  }
  for (const proto::ValueInfo& output : model.graph().output()) {
    if (!output.type().has_tensor_type()) return absl::UnimplementedError("its outputs are no tensors");
  }
  AD_ASSIGN_OR_RETURN(data.inputs, Tensors(node_case.folder, "input"));
  AD_ASSIGN_OR_RETURN(data.outputs, Tensors(node_case.folder, "output"));
  if (data.inputs.size() > data.input_names.size()) return absl::InvalidArgumentError("more data than inputs");
  return data;
}

absl::StatusOr<io::Model> LoadNodeModel(const NodeData& data) {
  absl::StatusOr<io::Model> model = io::ParseOnnx(data.model);
  for (const bool all : {false, true}) {
    if (model.ok() || !NeedsNumbers(model.status())) break;
    io::OnnxOptions options;
    for (size_t i = 0; i < data.inputs.size(); ++i) {
      const Tensor& input = data.inputs[i];
      if (all || !IsAnyFloating(input.dtype())) options.fixed[data.input_names[i]] = input;
    }
    model = io::ParseOnnx(data.model, options);
  }
  return model;
}

absl::StatusOr<std::vector<Tensor>> RunNodeModel(const NodeData& data, io::Model* model) {
  Feeds feeds;
  for (const io::NamedValue& input : model->inputs) {
    const auto found = std::find(data.input_names.begin(), data.input_names.end(), input.name);
    const size_t i = static_cast<size_t>(found - data.input_names.begin());
    if (i >= data.inputs.size()) return absl::InvalidArgumentError("an input without data");
    feeds.emplace_back(input.value, data.inputs[i]);
  }
  Values fetches;
  for (const io::NamedValue& output : model->outputs) fetches.push_back(output.value);
  AD_ASSIGN_OR_RETURN(const Executor executor, Executor::Create(fetches, {}, {.threads = 1}));
  return executor.Run(feeds, &model->state);
}

std::string Difference(const Tensor& found, const Tensor& expected, double near_zero) {
  if (found.dtype() != expected.dtype() || found.shape() != expected.shape()) {
    return absl::StrCat("is ", found.type().ToString(), ", not ", expected.type().ToString());
  }
  const double relative = expected.dtype() == DType::kBFloat16 ? 1e-2 : 1e-3;
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    const double x = found.At(i), y = expected.At(i);
    const bool same = x == y || (std::isnan(x) && std::isnan(y)) ||
                      (IsAnyFloating(expected.dtype()) && std::abs(x - y) <= near_zero + relative * std::abs(y));
    if (!same) return absl::StrCat("has ", x, " at ", i, ", not ", y);
  }
  return "";
}

}  // namespace adret::onnx
