// Writing ONNX files: the signature, the weights, and the walk over a graph's nodes (Emitter).
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/emitter.h"
#include "adret/io/onnx/external.h"
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

// Above so many bytes of tensors, they go into a file of their own: a message ends below 2 GiB.
constexpr int64_t kMostInside = int64_t{3} << 29;
constexpr int64_t kMostBytes = (int64_t{1} << 31) - 1;

class FileWriter {
 public:
  FileWriter(const io::ModelContents& contents, int64_t version, proto::Model* file)
      : contents_(contents), graph_(*contents.graph), file_(*file), emitter_(file->mutable_graph(), version) {
    file_.set_ir_version(FormatVersion(version));
    file_.set_producer_name("adret");
    proto::OperatorSet* set = file_.add_opset_import();
    set->set_domain("");
    set->set_version(version);
    file_.mutable_graph()->set_name("graph");
  }

  // Writes everything but the numbers of large tensors.
  absl::Status Write() {
    AD_RETURN_IF_ERROR(graph_.status());
    AD_RETURN_IF_ERROR(CheckValues());
    for (const io::NamedValue& output : contents_.outputs) fetches_.push_back(output.value);
    for (const Update& update : contents_.updates) {
      if (updated_.emplace(update.variable.node(), fetches_.size()).second) fetches_.push_back(update.value);
    }
    if (fetches_.empty()) return absl::InvalidArgumentError("there is nothing to write: no outputs and no updates");
    needed_ = NeededNodes(graph_, fetches_);
    AD_RETURN_IF_ERROR(TakeNames());
    Inputs();
    AD_RETURN_IF_ERROR(Variables());
    AD_RETURN_IF_ERROR(emitter_.Write(fetches_, leaves_, names_).status());
    for (size_t k = 0; k < fetches_.size(); ++k) emitter_.Output(names_[k], fetches_[k].type());
    for (const auto& [key, value] : contents_.metadata) AddMetadata(key, value);
    return absl::OkStatus();
  }

  const std::vector<LargeTensor>& large_tensors() const { return emitter_.large_tensors(); }

 private:
  void AddMetadata(const std::string& key, const std::string& value) {
    proto::Entry* entry = file_.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }

  absl::Status CheckValue(const Value& value, absl::string_view what) const {
    if (value.valid() && value.graph() == &graph_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, value.valid() ? " belongs to another graph" : " is an invalid value"));
  }
  template <class T>
  bool Is(const Value& value) const {
    return graph_.node(value.node()).attrs.Is<T>();
  }

  absl::Status CheckValues() const {
    for (const io::NamedValue& input : contents_.inputs) {
      AD_RETURN_IF_ERROR(CheckValue(input.value, absl::StrCat("input ", Quoted(input.name))));
      if (Is<InputAttrs>(input.value)) continue;
      return absl::InvalidArgumentError(absl::StrCat(Quoted(input.name), " is no input of the graph"));
    }
    for (const io::NamedValue& output : contents_.outputs) {
      AD_RETURN_IF_ERROR(CheckValue(output.value, absl::StrCat("output ", Quoted(output.name))));
    }
    for (const Update& update : contents_.updates) {
      AD_RETURN_IF_ERROR(CheckValue(update.variable, "variable of an update"));
      AD_RETURN_IF_ERROR(CheckValue(update.value, "value of an update"));
      if (Is<VariableAttrs>(update.variable)) continue;
      return absl::InvalidArgumentError(absl::StrCat(Quoted(update.variable.name()), " is updated, but no variable"));
    }
    return absl::OkStatus();
  }

  absl::Status TakeName(absl::string_view what, const std::string& name) {
    if (name.empty()) return absl::InvalidArgumentError(absl::StrCat("an ", what, " has no name"));
    if (emitter_.Unique(name) == name) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " ", Quoted(name), " has the name of another input or output"));
  }

  // Inputs and outputs keep their names. Then come variables and the next values of those that are updated.
  absl::Status TakeNames() {
    inputs_ = contents_.inputs;
    absl::flat_hash_set<NodeId> named;
    std::erase_if(inputs_, [&](const io::NamedValue& input) {
      return !needed_[input.value.node()] || !named.insert(input.value.node()).second;
    });
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      const adret::Node& node = graph_.node(id);
      if (!needed_[id] || !node.attrs.Is<InputAttrs>() || named.contains(id)) continue;
      inputs_.push_back({node.name, Value(const_cast<Graph*>(&graph_), {id, 0})});
    }
    for (const io::NamedValue& input : inputs_) AD_RETURN_IF_ERROR(TakeName("input", input.name));
    for (const io::NamedValue& output : contents_.outputs) {
      AD_RETURN_IF_ERROR(TakeName("output", output.name));
      names_.push_back(output.name);
    }
    return absl::OkStatus();
  }

  void Inputs() {
    for (const io::NamedValue& input : inputs_) {
      leaves_[graph_.node(input.value.node()).name] = input.name;
      emitter_.Input(input.name, input.value.type());
    }
  }

  // Variables are initialisers. Those that the training step changes are inputs, too, so that a step can go on from
  // what the one before made of them.
  absl::Status Variables() {
    names_.resize(fetches_.size());
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      const adret::Node& node = graph_.node(id);
      const auto update = updated_.find(id);
      const bool updated = update != updated_.end();
      if (!node.attrs.Is<VariableAttrs>() || !(needed_[id] || updated)) continue;
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
      if (!updated) continue;
      WriteValueInfo(name, node.outputs[0], file_.mutable_graph()->add_input());
      names_[update->second] = emitter_.Unique(name + "_next");
      AddMetadata("adret.update." + name, names_[update->second]);
    }
    return absl::OkStatus();
  }

  const io::ModelContents& contents_;
  const Graph& graph_;
  proto::Model& file_;
  Emitter emitter_;
  std::vector<Value> fetches_;
  Names names_;  // of fetches
  std::vector<bool> needed_;
  std::vector<io::NamedValue> inputs_;
  absl::flat_hash_map<NodeId, size_t> updated_;  // variables, and which of the fetches is what they become
  absl::flat_hash_map<std::string, std::string> leaves_;
};

absl::Status CheckArguments(const io::ModelContents& contents, const io::OnnxSaveOptions& options) {
  if (contents.graph == nullptr) return absl::InvalidArgumentError("there is no graph to write");
  if (options.version >= kOldestVersion && options.version <= kNewestVersion) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("operator sets ", kOldestVersion, " to ", kNewestVersion, " are written, not ", options.version));
}

absl::StatusOr<std::string> Bytes(const proto::Model& file) {
  const absl::Status too_large =
      absl::ResourceExhaustedError("the message of an ONNX file ends below 2 GiB, and the model needs more");
  std::string bytes;
  if (file.ByteSizeLong() > kMostBytes || !file.SerializeToString(&bytes)) return too_large;
  return bytes;
}

absl::Status CheckDataName(const std::string& name, const std::string& own) {
  const bool plain = !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
  if (plain && name != own) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("external_data is ", Quoted(name), " where the name of another file in the model's folder belongs"));
}

}  // namespace
}  // namespace adret::onnx

namespace adret::io {

absl::StatusOr<std::string> SerializeOnnx(const ModelContents& contents, const OnnxSaveOptions& options) {
  AD_RETURN_IF_ERROR(onnx::CheckArguments(contents, options));
  if (!options.external_data.empty()) {
    return absl::InvalidArgumentError("a model in memory has no file beside it: external_data must be empty");
  }
  onnx::proto::Model file;
  onnx::FileWriter writer(contents, options.version, &file);
  AD_RETURN_IF_ERROR(writer.Write());
  const int64_t numbers = onnx::TotalBytes(writer.large_tensors());
  if (numbers > onnx::kMostBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a model in memory ends below 2 GiB, and its tensors are ", numbers, " bytes: save it as a file"));
  }
  onnx::KeepInside(writer.large_tensors());
  return onnx::Bytes(file);
}

absl::Status SaveOnnx(const std::string& path, const ModelContents& contents, const OnnxSaveOptions& options) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string own = slash == std::string::npos ? path : path.substr(slash + 1);
  AD_RETURN_IF_ERROR(onnx::CheckArguments(contents, options));
  onnx::proto::Model file;
  onnx::FileWriter writer(contents, options.version, &file);
  AD_RETURN_IF_ERROR(writer.Write());
  std::string beside = options.external_data;
  if (!beside.empty()) AD_RETURN_IF_ERROR(onnx::CheckDataName(beside, own));
  if (beside.empty() && onnx::TotalBytes(writer.large_tensors()) > onnx::kMostInside) beside = own + ".data";
  if (beside.empty()) {
    onnx::KeepInside(writer.large_tensors());
    AD_ASSIGN_OR_RETURN(const std::string bytes, onnx::Bytes(file));
    return WriteFile(path, bytes);
  }
  AD_ASSIGN_OR_RETURN(AtomicFile data, onnx::KeepBeside(writer.large_tensors(), folder, beside));
  AD_ASSIGN_OR_RETURN(const std::string bytes, onnx::Bytes(file));
  AD_ASSIGN_OR_RETURN(AtomicFile model, AtomicFile::Create(path));
  AD_RETURN_IF_ERROR(model.Append(bytes));
  AD_RETURN_IF_ERROR(data.Commit());
  return model.Commit();
}

}  // namespace adret::io
