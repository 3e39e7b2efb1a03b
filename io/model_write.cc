// SaveModel() and SerializeModel().
#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"
#include "adret/io/file.h"
#include "adret/io/model.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_dims_internal.h"
#include "adret/io/model_format_internal.h"

namespace adret::io {
namespace {

// Numbers with a place in the file.
struct FileTensor {
  Tensor tensor;
  uint64_t offset;  // in the data section
};

// Collects what ModelContents holds into the message and the list of tensors.
class StructureBuilder {
 public:
  explicit StructureBuilder(const ModelContents& contents) : contents_(contents), graph_(*contents.graph) {}

  absl::Status Build() {
    AD_RETURN_IF_ERROR(graph_.status());
    AD_RETURN_IF_ERROR(CheckValues());
    ChooseNodes();
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (new_id_[id] >= 0) AddNode(graph_.node(id), new_id_, model.add_nodes());
    }
    AddSignature();
    AD_RETURN_IF_ERROR(AddState());
    for (const auto& [key, value] : contents_.metadata) {
      proto::Metadata* entry = model.add_metadata();
      entry->set_key(key);
      entry->set_value(value);
    }
    return absl::OkStatus();
  }

  proto::Model model;
  std::vector<FileTensor> tensors;
  uint64_t data_bytes = 0;

 private:
  absl::Status CheckValue(const Value& value, absl::string_view what) const {
    if (value.valid() && value.graph() == &graph_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, value.valid() ? " belongs to another graph" : " is an invalid value"));
  }

  absl::Status CheckValues() const {
    for (const NamedValue& v : contents_.inputs) {
      AD_RETURN_IF_ERROR(CheckValue(v.value, absl::StrCat("input ", Quoted(v.name))));
      if (!IsInput(v.value))
        return absl::InvalidArgumentError(absl::StrCat(Quoted(v.name), " is no input of the graph"));
    }
    for (const NamedValue& v : contents_.outputs) {
      AD_RETURN_IF_ERROR(CheckValue(v.value, absl::StrCat("output ", Quoted(v.name))));
    }
    for (const Update& u : contents_.updates) {
      AD_RETURN_IF_ERROR(CheckValue(u.variable, "variable of an update"));
      AD_RETURN_IF_ERROR(CheckValue(u.value, "value of an update"));
    }
    return absl::OkStatus();
  }

  bool IsInput(const Value& value) const { return graph_.node(value.node()).attrs.Is<InputAttrs>(); }

  void ChooseNodes() {
    new_id_.assign(graph_.num_nodes(), contents_.only_needed ? -1 : 0);
    if (contents_.only_needed) {
      for (const NamedValue& v : contents_.inputs) new_id_[v.value.node()] = 0;
      for (const NamedValue& v : contents_.outputs) new_id_[v.value.node()] = 0;
      for (const Update& u : contents_.updates) new_id_[u.variable.node()] = new_id_[u.value.node()] = 0;
      for (NodeId id = graph_.num_nodes() - 1; id >= 0; --id) {
        if (new_id_[id] < 0) continue;
        for (ValueId input : graph_.node(id).inputs) new_id_[input.node] = 0;
      }
    }
    NodeId next = 0;
    for (NodeId& id : new_id_) {
      if (id >= 0) id = next++;
    }
  }

  // new_id: of each node of its graph, in the file.
  void AddNode(const Node& node, const std::vector<NodeId>& new_id, proto::Node* out) {
    out->set_op(node.op->name);
    out->set_name(node.name);
    if (node.gradient) out->set_gradient(true);
    bool first_outputs = true;
    for (ValueId input : node.inputs) first_outputs &= input.output == 0;
    for (ValueId input : node.inputs) {
      out->add_input_nodes(new_id[input.node]);
      if (!first_outputs) out->add_input_outputs(input.output);
    }
    for (const Attr& attr : node.attrs.list()) AddAttr(attr, out->add_attrs());
    for (const Type& type : node.outputs) {
      proto::Type* t = out->add_outputs();
      t->set_dtype(static_cast<uint32_t>(type.dtype));
      WriteDims(type.shape, t);
    }
  }

  void AddAttr(const Attr& attr, proto::Attr* out) {
    struct Setter {
      StructureBuilder* builder;
      proto::Attr* out;
      void operator()(bool v) const { out->set_boolean(v); }
      void operator()(int64_t v) const { out->set_integer(v); }
      void operator()(double v) const { out->set_real(v); }
      void operator()(const std::string& v) const { out->set_text(v); }
      void operator()(DType v) const { out->set_dtype(static_cast<uint32_t>(v)); }
      void operator()(const Shape& v) const { WriteDims(v, out->mutable_shape()); }
      void operator()(const Tensor& v) const { out->set_tensor(builder->AddConstant(v)); }
      void operator()(const std::vector<int64_t>& v) const {
        out->mutable_integers()->mutable_values()->Add(v.begin(), v.end());
      }
      void operator()(const SubgraphRef& v) const { out->set_body(builder->AddBody(v)); }
      void operator()(const std::vector<double>& v) const {
        out->mutable_reals()->mutable_values()->Add(v.begin(), v.end());
      }
    };
    out->set_name(attr.name);
    std::visit(Setter{this, out}, attr.value);
  }

  // Bodies that are the same function are stored once; those that one holds come before it.
  uint32_t AddBody(const SubgraphRef& body) {
    AD_CHECK(body != nullptr);  // type rules refuse it
    for (const auto& [known, index] : bodies_) {
      if (known == body || known->SameAs(*body)) return index;
    }
    const Graph& graph = body->graph();
    std::vector<NodeId> ids(graph.num_nodes());
    std::iota(ids.begin(), ids.end(), 0);
    proto::Body written;
    for (NodeId id : ids) AddNode(graph.node(id), ids, written.add_nodes());
    written.set_inputs(body->num_inputs());
    for (ValueId output : body->outputs()) {
      written.add_output_nodes(output.node);
      written.add_output_outputs(output.output);
    }
    *model.add_bodies() = std::move(written);
    const auto index = static_cast<uint32_t>(model.bodies_size() - 1);
    bodies_.emplace_back(body, index);
    return index;
  }

  // Tensors that share their numbers are stored once.
  uint32_t AddConstant(const Tensor& tensor) {
    auto [it, is_new] = constants_.try_emplace({tensor.raw(), tensor.type()}, 0);
    if (is_new) it->second = AddTensor(tensor);
    return it->second;
  }

  uint32_t AddTensor(const Tensor& tensor) {
    proto::TensorEntry* entry = model.add_tensors();
    entry->set_dtype(static_cast<uint32_t>(tensor.dtype()));
    entry->mutable_dims()->Add(tensor.shape().begin(), tensor.shape().end());
    entry->set_offset(AlignUp(data_bytes));
    entry->set_bytes(tensor.num_bytes());
    entry->set_crc32(Crc32(tensor.raw(), tensor.num_bytes()));
    tensors.push_back({tensor, entry->offset()});
    data_bytes = entry->offset() + entry->bytes();
    return static_cast<uint32_t>(model.tensors_size() - 1);
  }

  void AddNamed(absl::string_view name, ValueId id, proto::NamedValue* out) const {
    out->set_name(std::string(name));
    out->set_node(new_id_[id.node]);
    out->set_output(id.output);
  }

  void AddUpdate(const Value& variable, const Value& value, proto::Update* out) const {
    out->set_variable(new_id_[variable.node()]);
    out->set_node(new_id_[value.node()]);
    out->set_output(value.id().output);
  }

  void AddSignature() {
    for (const NamedValue& v : contents_.inputs) AddNamed(v.name, v.value.id(), model.add_inputs());
    for (NodeId id = 0; contents_.inputs.empty() && id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (new_id_[id] >= 0 && node.attrs.Is<InputAttrs>()) AddNamed(node.name, {id, 0}, model.add_inputs());
    }
    for (const NamedValue& v : contents_.outputs) AddNamed(v.name, v.value.id(), model.add_outputs());
    absl::flat_hash_set<std::pair<Value, Value>> updates;  // the same one given twice counts once
    for (const Update& u : contents_.updates) {
      if (updates.emplace(u.variable, u.value).second) AddUpdate(u.variable, u.value, model.add_updates());
    }
    for (const auto& [variable, value] : graph_.side_updates()) {
      if (!variable.valid() || !value.valid() || new_id_[variable.node()] < 0 || new_id_[value.node()] < 0) continue;
      AddUpdate(variable, value, model.add_side_updates());
    }
  }

  absl::Status AddState() {
    static const State kNone;
    const State& state = contents_.state == nullptr ? kNone : *contents_.state;
    absl::flat_hash_set<absl::string_view> variables;
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (!node.attrs.Is<VariableAttrs>()) continue;
      variables.insert(node.name);
      if (new_id_[id] < 0) continue;
      AD_ASSIGN_OR_RETURN(const Tensor tensor, state.Get(node.name));
      if (tensor.type() != node.outputs[0]) {
        return absl::InvalidArgumentError(absl::StrCat("variable ", Quoted(node.name), " is ",
                                                       node.outputs[0].ToString(), ", but the state has ",
                                                       tensor.type().ToString()));
      }
      proto::Variable* entry = model.add_state();
      entry->set_name(node.name);
      entry->set_tensor(AddTensor(tensor));
    }
    for (const auto& [name, tensor] : state.tensors()) {
      if (variables.contains(name)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("the state has a tensor ", Quoted(name), ", but the graph no such variable"));
    }
    model.set_seed(state.seed);
    model.set_step(static_cast<int64_t>(state.step));
    return absl::OkStatus();
  }

  const ModelContents& contents_;
  const Graph& graph_;
  std::vector<NodeId> new_id_;  // in the file; -1: left out
  absl::flat_hash_map<std::pair<const void*, Type>, uint32_t> constants_;
  std::vector<std::pair<SubgraphRef, uint32_t>> bodies_;
};

using Sink = std::function<absl::Status(absl::string_view)>;
// Told the size of the whole file when everything has been checked.
using Opener = std::function<absl::StatusOr<Sink>(uint64_t file_bytes)>;

absl::Status Write(const ModelContents& contents, const ModelLimits& limits, const Opener& open) {
  if (contents.graph == nullptr) return absl::InvalidArgumentError("there is no graph to save");
  StructureBuilder builder(contents);
  AD_RETURN_IF_ERROR(builder.Build());
  const size_t structure_bytes = builder.model.ByteSizeLong();
  if (structure_bytes > static_cast<size_t>(std::min<int64_t>(limits.structure_bytes, INT32_MAX))) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the structure would have ", structure_bytes, " bytes; the limit is ", limits.structure_bytes));
  }
  if (structure_bytes == 0) return absl::InvalidArgumentError("the graph is empty: there is nothing to save");
  // What is written can be read.
  Problems first(Problems::kStopAtFirst);
  AD_RETURN_IF_ERROR(ValidateStructure(builder.model, limits, builder.data_bytes, &first).status());
  const std::string structure = builder.model.SerializeAsString();
  AD_RETURN_IF_ERROR(ScanStructure(structure, limits));

  const uint64_t data_start = DataStart(structure.size(), !builder.tensors.empty());
  const FileHeader header = {.file_bytes = data_start + builder.data_bytes,
                             .structure_bytes = structure.size(),
                             .structure_crc = Crc32(structure.data(), structure.size())};
  AD_ASSIGN_OR_RETURN(const Sink sink, open(header.file_bytes));
  AD_RETURN_IF_ERROR(sink(EncodeHeader(header)));
  AD_RETURN_IF_ERROR(sink(structure));
  uint64_t position = kHeaderBytes + structure.size();
  const std::string zeros(kTensorAlignment, '\0');
  for (const FileTensor& t : builder.tensors) {
    const uint64_t start = data_start + t.offset;
    AD_RETURN_IF_ERROR(sink(absl::string_view(zeros).substr(0, start - position)));
    AD_RETURN_IF_ERROR(sink(absl::string_view(static_cast<const char*>(t.tensor.raw()), t.tensor.num_bytes())));
    position = start + t.tensor.num_bytes();
  }
  return absl::OkStatus();
}

}  // namespace

ModelContents Model::contents() const {
  return {.graph = graph.get(),
          .state = &state,
          .inputs = inputs,
          .outputs = outputs,
          .updates = updates,
          .metadata = metadata};
}

absl::Status SaveModel(const std::string& path, const ModelContents& contents, const ModelLimits& limits) {
  std::unique_ptr<AtomicFile> file;
  const auto open = [&](uint64_t) -> absl::StatusOr<Sink> {
    AD_ASSIGN_OR_RETURN(AtomicFile created, AtomicFile::Create(path));
    file = std::make_unique<AtomicFile>(std::move(created));
    return Sink([&](absl::string_view bytes) { return file->Append(bytes); });
  };
  AD_RETURN_IF_ERROR(Write(contents, limits, open));
  return file->Commit();
}

absl::StatusOr<std::string> SerializeModel(const ModelContents& contents, const ModelLimits& limits) {
  std::string result;
  const auto open = [&](uint64_t file_bytes) -> absl::StatusOr<Sink> {
    result.reserve(file_bytes);
    return Sink([&](absl::string_view bytes) {
      result.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    });
  };
  AD_RETURN_IF_ERROR(Write(contents, limits, open));
  return result;
}

}  // namespace adret::io
