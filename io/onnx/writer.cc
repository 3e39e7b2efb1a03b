// Writing ONNX files: the signature, the weights, and the walk over a graph's nodes (Emitter).
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/tensors.h"

namespace adret::onnx {
namespace {

// The least operator set that is written: the first with axes as inputs.
constexpr int64_t kOldestVersion = 13;

// The version of the format that an operator set came with.
int64_t FormatVersion(int64_t version) {
  if (version <= 14) return 7;
  if (version <= 18) return 8;
  if (version <= 20) return 9;
  if (version <= 22) return 10;
  return version <= 23 ? 11 : version <= 25 ? 12 : 13;
}

class FileWriter {
 public:
  FileWriter(const io::ModelContents& contents, int64_t version, proto::Model* file)
      : contents_(contents), file_(*file), emitter_(file->mutable_graph(), version) {
    file_.set_ir_version(FormatVersion(version));
    file_.set_producer_name("adret");
    proto::OperatorSet* set = file_.add_opset_import();
    set->set_domain("");
    set->set_version(version);
    file_.mutable_graph()->set_name("graph");
  }

  absl::Status Write() {
    AD_RETURN_IF_ERROR(contents_.graph->status());
    AD_RETURN_IF_ERROR(Fetches());
    AD_RETURN_IF_ERROR(Inputs());
    AD_RETURN_IF_ERROR(Variables());
    AD_ASSIGN_OR_RETURN(const Names results, emitter_.Write(fetches_, leaves_));
    for (size_t k = 0; k < fetches_.size(); ++k) {
      if (results[k] != names_[k]) emitter_.Rename(results[k], names_[k]);
      WriteValueInfo(names_[k], fetches_[k].type(), file_.mutable_graph()->add_output());
    }
    for (const auto& [key, value] : contents_.metadata) AddMetadata(key, value);
    return absl::OkStatus();
  }

 private:
  void AddMetadata(const std::string& key, const std::string& value) {
    proto::Entry* entry = file_.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }

  // The outputs, and the next values of updated variables.
  absl::Status Fetches() {
    for (const io::NamedValue& output : contents_.outputs) {
      if (output.value.graph() != contents_.graph || !output.value.valid()) {
        return absl::InvalidArgumentError(
            absl::StrCat("the output ", Quoted(output.name), " is no value of the graph"));
      }
      fetches_.push_back(output.value);
      names_.push_back(emitter_.Unique(output.name));
      if (names_.back() != output.name) {
        return absl::InvalidArgumentError(absl::StrCat("two outputs are called ", Quoted(output.name)));
      }
    }
    for (const Update& update : contents_.updates) {
      if (!updated_.insert(update.variable.node()).second) continue;
      fetches_.push_back(update.value);
      names_.push_back(emitter_.Unique(update.variable.name() + "_next"));
      AddMetadata("adret.update." + update.variable.name(), names_.back());
    }
    if (fetches_.empty()) return absl::InvalidArgumentError("there is nothing to write: no outputs and no updates");
    return absl::OkStatus();
  }

  // Inputs that something depends on.
  absl::Status Inputs() {
    needed_ = Ancestors(*contents_.graph, fetches_);
    std::vector<io::NamedValue> inputs = contents_.inputs;
    absl::flat_hash_set<NodeId> named;
    for (const io::NamedValue& input : inputs) named.insert(input.value.node());
    for (NodeId id = 0; id < contents_.graph->num_nodes(); ++id) {
      const adret::Node& node = contents_.graph->node(id);
      if (!needed_[id] || !node.attrs.Is<InputAttrs>() || named.contains(id)) continue;
      inputs.push_back({node.name, Value(const_cast<Graph*>(contents_.graph), {id, 0})});
    }
    for (const io::NamedValue& input : inputs) {
      const std::string name = emitter_.Unique(input.name);
      leaves_[contents_.graph->node(input.value.node()).name] = name;
      if (!needed_[input.value.node()]) continue;
      WriteValueInfo(name, input.value.type(), file_.mutable_graph()->add_input());
      emitter_.Declare(name, input.value.shape());
    }
    return absl::OkStatus();
  }

  // Variables are initialisers. Those that the training step changes are inputs, too, so that a step can go on from what
  // the one before made of them.
  absl::Status Variables() {
    for (NodeId id = 0; id < contents_.graph->num_nodes(); ++id) {
      const adret::Node& node = contents_.graph->node(id);
      if (!needed_[id] || !node.attrs.Is<VariableAttrs>()) continue;
      if (contents_.state == nullptr) return absl::InvalidArgumentError("a graph with variables needs a state");
      AD_ASSIGN_OR_RETURN(const Tensor tensor, contents_.state->Get(node.name));
      if (tensor.type() != node.outputs[0]) {
        return absl::InvalidArgumentError(absl::StrCat("the variable ", Quoted(node.name), " is ",
                                                       node.outputs[0].ToString(), " in the graph and ",
                                                       tensor.type().ToString(), " in the state"));
      }
      const std::string name = emitter_.Unique(node.name);
      leaves_[node.name] = name;
      emitter_.Initializer(name, tensor);
      if (updated_.contains(id)) WriteValueInfo(name, node.outputs[0], file_.mutable_graph()->add_input());
    }
    return absl::OkStatus();
  }

  const io::ModelContents& contents_;
  proto::Model& file_;
  Emitter emitter_;
  std::vector<Value> fetches_;
  Names names_;
  std::vector<bool> needed_;
  absl::flat_hash_set<NodeId> updated_;
  absl::flat_hash_map<std::string, std::string> leaves_;
};

}  // namespace
}  // namespace adret::onnx

namespace adret::io {

absl::StatusOr<std::string> SerializeOnnx(const ModelContents& contents, const OnnxSaveOptions& options) {
  if (contents.graph == nullptr) return absl::InvalidArgumentError("there is no graph to write");
  if (options.version < onnx::kOldestVersion || options.version > onnx::kNewestVersion) {
    return absl::InvalidArgumentError(absl::StrCat("operator sets ", onnx::kOldestVersion, " to ", onnx::kNewestVersion,
                                                   " are written, not ", options.version));
  }
  onnx::proto::Model file;
  AD_RETURN_IF_ERROR(onnx::FileWriter(contents, options.version, &file).Write());
  std::string bytes;
  if (!file.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError("an ONNX file holds less than 2 GiB, and the model needs more");
  }
  return bytes;
}

absl::Status SaveOnnx(const std::string& path, const ModelContents& contents, const OnnxSaveOptions& options) {
  AD_ASSIGN_OR_RETURN(const std::string bytes, SerializeOnnx(contents, options));
  return WriteFile(path, bytes);
}

}  // namespace adret::io
