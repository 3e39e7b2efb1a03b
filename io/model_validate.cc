// ValidateStructure(): what can be refused before anything is built.
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/op.h"
#include "adret/core/status.h"
#include "adret/io/in_file.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_dims_internal.h"
#include "adret/io/model_format_internal.h"

namespace adret::io {
namespace {

// Lists of attributes are searched linearly.
constexpr int kMaxAttrsPerNode = 256;

using Dims = google::protobuf::RepeatedField<int64_t>;

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

absl::Status CheckDType(uint32_t number) {
  for (DType dtype : kAllDTypes) {
    if (static_cast<uint32_t>(dtype) == number) return absl::OkStatus();
  }
  return Bad("there is no dtype ", number);
}

absl::Status CheckDims(const Dims& dims) {
  if (dims.size() > kMaxRank) return Bad("rank ", dims.size(), " is above the limit of ", kMaxRank);
  for (int64_t dim : dims) {
    if (dim > kMaxDimension || dim < -kMaxDimension) return Bad("the dimension ", dim, " is out of range");
  }
  return absl::OkStatus();
}

class Validator {
 public:
  Validator(const proto::Model& model, const ModelLimits& limits, Problems* problems)
      : model_(model), limits_(limits), problems_(*problems) {}

  absl::StatusOr<SoundParts> Run(uint64_t data_bytes) {
    AD_RETURN_IF_ERROR(CheckTensors(data_bytes));
    AD_RETURN_IF_ERROR(Note(CheckOps()));
    body_used_.assign(model_.bodies_size(), false);
    for (int i = 0; i < model_.bodies_size(); ++i) AD_RETURN_IF_ERROR(CheckBody(i));
    nodes_ = &model_.nodes(), where_ = "", bodies_before_ = model_.bodies_size();
    AD_RETURN_IF_ERROR(CheckNodes(&sound_.nodes, &sound_.types).status());
    AD_RETURN_IF_ERROR(CheckNamedValues(model_.inputs(), "input"));
    AD_RETURN_IF_ERROR(CheckNamedValues(model_.outputs(), "output"));
    AD_RETURN_IF_ERROR(CheckUpdates(model_.updates(), "updates"));
    AD_RETURN_IF_ERROR(CheckUpdates(model_.side_updates(), "side updates"));
    AD_RETURN_IF_ERROR(CheckState());
    AD_RETURN_IF_ERROR(CheckMetadata());
    for (int i = 0; i < model_.tensors_size(); ++i) {
      if (!used_[i]) AD_RETURN_IF_ERROR(Note(Bad("tensor ", i, " belongs to no variable and no attribute")));
    }
    for (int i = 0; i < model_.bodies_size(); ++i) {
      if (!body_used_[i]) AD_RETURN_IF_ERROR(Note(Bad("body ", i, " belongs to no attribute")));
    }
    return std::move(sound_);
  }

 private:
  absl::Status Note(absl::Status s) { return problems_.Note(std::move(s)); }
  // The same, saying where.
  absl::Status Note(absl::string_view where, const absl::Status& s) { return s.ok() ? s : Note(InFile(where, s)); }
  absl::Status NoteNode(int node, const absl::Status& s) { return s.ok() ? s : Note(InFile(Describe(node), s)); }

  std::string Describe(int node) const {
    return absl::StrCat(where_, "node ", node, " ", Quoted(nodes_->at(node).name()), " (",
                        Quoted(nodes_->at(node).op()), ")");
  }

  // Checks nodes_. Returns how many nodes they are with those of their bodies.
  absl::StatusOr<int64_t> CheckNodes(std::vector<bool>* sound_nodes, std::vector<bool>* sound_types) {
    node_names_.clear();
    expanded_ = nodes_->size();
    for (int i = 0; i < nodes_->size(); ++i) {
      const size_t before = problems_.found().size();
      sound_types->push_back(true);
      AD_RETURN_IF_ERROR(CheckNode(i, sound_types));
      sound_nodes->push_back(FindOp(nodes_->at(i).op()) != nullptr && problems_.found().size() == before);
    }
    // A few bodies, each with the one before it twice, would be more nodes than any machine can plan.
    if (expanded_ > limits_.nodes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(where_, "with those of its bodies, there are more than ", limits_.nodes, " nodes"));
    }
    return expanded_;
  }

  absl::Status CheckBody(int i) {
    const proto::Body& body = model_.bodies(i);
    const size_t before = problems_.found().size();
    nodes_ = &body.nodes(), where_ = absl::StrCat("body ", i, ", "), bodies_before_ = i;
    std::vector<bool> sound_nodes, sound_types;
    AD_ASSIGN_OR_RETURN(const int64_t expanded, CheckNodes(&sound_nodes, &sound_types));
    body_nodes_.push_back(expanded);
    AD_RETURN_IF_ERROR(Note(absl::StrCat("body ", i), CheckInterface(body)));
    const bool known_ops = std::find(sound_nodes.begin(), sound_nodes.end(), false) == sound_nodes.end();
    sound_.bodies.push_back(known_ops && problems_.found().size() == before);
    return absl::OkStatus();
  }

  // What a body takes and returns.
  absl::Status CheckInterface(const proto::Body& body) const {
    if (body.inputs() > static_cast<uint32_t>(body.nodes_size())) {
      return Bad("has ", body.inputs(), " inputs among ", body.nodes_size(), " nodes");
    }
    for (int i = 0; i < body.nodes_size(); ++i) {
      const bool input = i < static_cast<int>(body.inputs());
      if ((body.nodes(i).op() == "input") != input) {
        return Bad(Describe(i), input ? " is no input" : " is an input in the wrong place");
      }
    }
    if (body.output_nodes_size() == 0) return Bad("has no outputs");
    if (body.output_nodes_size() != body.output_outputs_size()) {
      return Bad("has ", body.output_nodes_size(), " outputs but ", body.output_outputs_size(), " output numbers");
    }
    for (int k = 0; k < body.output_nodes_size(); ++k) {
      AD_RETURN_IF_ERROR(CheckReference(body.output_nodes(k), body.output_outputs(k), body.nodes_size()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckTensors(uint64_t data_bytes) {
    used_.assign(model_.tensors_size(), false);
    uint64_t end = 0;    // of the tensor before
    uint64_t total = 0;  // with what alignment adds in memory
    for (int i = 0; i < model_.tensors_size(); ++i) {
      const proto::TensorEntry& t = model_.tensors(i);
      const absl::Status status = CheckTensor(i, AlignUp(end), data_bytes);
      sound_.tensors.push_back(status.ok());
      AD_RETURN_IF_ERROR(Note(status));
      // Where the next one is expected: after a wrong entry as well, if it lies in the file.
      if (t.offset() <= data_bytes && t.bytes() <= data_bytes - t.offset()) end = t.offset() + t.bytes();
      if (status.ok()) total += AlignUp(t.bytes());
      if (total > static_cast<uint64_t>(limits_.memory_budget)) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the tensors need more than the budget of ", limits_.memory_budget, " bytes"));
      }
    }
    if (end == data_bytes) return absl::OkStatus();
    // What follows from a wrong entry is no problem of its own.
    if (std::find(sound_.tensors.begin(), sound_.tensors.end(), false) != sound_.tensors.end()) return absl::OkStatus();
    return Note(Bad("the data section has ", data_bytes, " bytes, but its tensors end at ", end));
  }

  absl::Status CheckTensor(int i, uint64_t start, uint64_t data_bytes) const {
    const proto::TensorEntry& t = model_.tensors(i);
    const std::string what = absl::StrCat("tensor ", i);
    if (absl::Status s = CheckDType(t.dtype()); !s.ok()) return InFile(what, s);
    if (absl::Status s = CheckDims(t.dims()); !s.ok()) return InFile(what, s);
    const Type type{static_cast<DType>(t.dtype()), Shape(absl::MakeConstSpan(t.dims().data(), t.dims().size()))};
    if (type.shape.is_symbolic()) return Bad(what, " has a negative dimension: ", absl::StrJoin(t.dims(), ","));
    if (absl::Status s = type.shape.Validate(); !s.ok()) return InFile(what, s);
    if (t.bytes() != static_cast<uint64_t>(type.bytes())) {
      return Bad(what, ", ", type.ToString(), ", has ", t.bytes(), " bytes instead of ", type.bytes());
    }
    if (t.offset() != start) {
      return Bad(what, " starts at ", t.offset(), " of the data section instead of at ", start);
    }
    if (t.offset() > data_bytes || t.bytes() > data_bytes - t.offset()) {
      return Bad(what, " of ", t.bytes(), " bytes at ", t.offset(), " exceeds the data section of ", data_bytes);
    }
    return absl::OkStatus();
  }

  absl::Status CheckOps() const {
    absl::btree_set<std::string> unknown;
    const auto look = [&](const google::protobuf::RepeatedPtrField<proto::Node>& nodes) {
      for (const proto::Node& node : nodes) {
        if (unknown.size() < 50 && FindOp(node.op()) == nullptr) unknown.insert(Quoted(node.op()));
      }
    };
    look(model_.nodes());
    for (const proto::Body& body : model_.bodies()) look(body.nodes());
    if (unknown.empty()) return absl::OkStatus();
    return Bad("this build does not know the op", unknown.size() > 1 ? "s " : " ", absl::StrJoin(unknown, ", "));
  }

  // id must be a node before `before`, with such an output.
  absl::Status CheckReference(uint32_t node, uint32_t output, int before) const {
    if (node >= static_cast<uint32_t>(before)) {
      return Bad("refers to node ", node,
                 before == nodes_->size() ? ", which does not exist" : ", which does not come before it");
    }
    if (output >= static_cast<uint32_t>(nodes_->at(static_cast<int>(node)).outputs_size())) {
      return Bad("refers to output ", output, " of ", Describe(node), ", which has ",
                 nodes_->at(static_cast<int>(node)).outputs_size());
    }
    return absl::OkStatus();
  }

  absl::Status CheckNode(int id, std::vector<bool>* sound_types) {
    const proto::Node& node = nodes_->at(id);
    AD_RETURN_IF_ERROR(NoteNode(id, CheckName(node.name(), "the node")));
    if (!node_names_.insert(node.name()).second) {
      AD_RETURN_IF_ERROR(NoteNode(id, Bad("the name is another node's")));
    }
    AD_RETURN_IF_ERROR(CheckInputs(id));
    const Op* op = FindOp(node.op());
    const bool fixed = op != nullptr && !op->variadic_outputs;
    if (fixed && node.outputs_size() != static_cast<int>(op->outputs.size())) {
      AD_RETURN_IF_ERROR(
          NoteNode(id, Bad("has ", node.outputs_size(), " outputs, but the op has ", op->outputs.size())));
    }
    for (const proto::Type& type : node.outputs()) {
      absl::Status status = CheckDType(type.dtype());
      if (status.ok()) status = ReadDims(type).status();
      if (!status.ok()) (*sound_types)[id] = false;
      AD_RETURN_IF_ERROR(NoteNode(id, status));
    }
    return CheckAttrs(id, op);
  }

  absl::Status CheckInputs(int id) {
    const proto::Node& node = nodes_->at(id);
    if (node.input_outputs_size() != 0 && node.input_outputs_size() != node.input_nodes_size()) {
      return NoteNode(
          id, Bad("has ", node.input_nodes_size(), " inputs but ", node.input_outputs_size(), " output numbers"));
    }
    for (int i = 0; i < node.input_nodes_size(); ++i) {
      const uint32_t output = node.input_outputs_size() == 0 ? 0 : node.input_outputs(i);
      const absl::Status status = CheckReference(node.input_nodes(i), output, id);
      if (!status.ok()) AD_RETURN_IF_ERROR(NoteNode(id, InFile(absl::StrCat("input ", i), status)));
    }
    return absl::OkStatus();
  }

  // op: nullptr when it is unknown.
  absl::Status CheckAttrs(int id, const Op* op) {
    const proto::Node& node = nodes_->at(id);
    if (node.attrs_size() > kMaxAttrsPerNode) return NoteNode(id, Bad("has ", node.attrs_size(), " attributes"));
    absl::flat_hash_set<absl::string_view> names;
    for (const proto::Attr& attr : node.attrs()) {
      AD_RETURN_IF_ERROR(NoteNode(id, CheckName(attr.name(), "an attribute")));
      if (!names.insert(attr.name()).second) {
        AD_RETURN_IF_ERROR(NoteNode(id, Bad("repeats the attribute ", Quoted(attr.name()))));
      }
      if (absl::Status s = CheckAttr(op, attr); !s.ok()) {
        AD_RETURN_IF_ERROR(NoteNode(id, InFile(absl::StrCat("attribute ", Quoted(attr.name())), s)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckAttr(const Op* op, const proto::Attr& attr) {
    switch (attr.value_case()) {
      case proto::Attr::VALUE_NOT_SET:
        return Bad("has no value");
      case proto::Attr::kDtype:
        return CheckDType(attr.dtype());
      case proto::Attr::kShape:
        return ReadDims(attr.shape()).status();
      case proto::Attr::kTensor:
        if (attr.tensor() >= used_.size()) return Bad("there is no tensor ", attr.tensor());
        used_[attr.tensor()] = true;
        return absl::OkStatus();
      case proto::Attr::kBody:
        if (attr.body() >= static_cast<uint32_t>(bodies_before_)) {
          return Bad("there is no body ", attr.body(), where_.empty() ? "" : " before this one");
        }
        body_used_[attr.body()] = true;
        expanded_ = std::min(expanded_ + body_nodes_[attr.body()], limits_.nodes + 1);
        return absl::OkStatus();
      case proto::Attr::kInteger:
        // Streams of random numbers: graphs count on from them, initialisers have the upper half.
        if (op != nullptr && op->traits.random && attr.name() == "stream" &&
            (attr.integer() < 0 || attr.integer() > std::numeric_limits<int32_t>::max())) {
          return Bad(attr.integer(), " is out of range");
        }
        return absl::OkStatus();
      default:
        return absl::OkStatus();
    }
  }

  template <class Entries>
  absl::Status CheckNamedValues(const Entries& entries, absl::string_view what) {
    absl::flat_hash_set<absl::string_view> names;
    for (const proto::NamedValue& entry : entries) {
      AD_RETURN_IF_ERROR(Note(CheckName(entry.name(), absl::StrCat("an ", what))));
      const std::string which = absl::StrCat(what, " ", Quoted(entry.name()));
      if (!names.insert(entry.name()).second) AD_RETURN_IF_ERROR(Note(Bad(which, " is there twice")));
      AD_RETURN_IF_ERROR(Note(which, CheckReference(entry.node(), entry.output(), model_.nodes_size())));
    }
    return absl::OkStatus();
  }

  template <class Entries>
  absl::Status CheckUpdates(const Entries& updates, absl::string_view what) {
    absl::flat_hash_set<uint32_t> updated;
    for (const proto::Update& update : updates) {
      const absl::Status variable = CheckReference(update.variable(), 0, model_.nodes_size());
      AD_RETURN_IF_ERROR(Note(what, variable));
      AD_RETURN_IF_ERROR(Note(what, CheckReference(update.node(), update.output(), model_.nodes_size())));
      if (!variable.ok()) continue;
      if (model_.nodes(update.variable()).op() != "variable") {
        AD_RETURN_IF_ERROR(Note(what, Bad(Describe(update.variable()), " is no variable")));
      }
      if (!updated.insert(update.variable()).second) {
        AD_RETURN_IF_ERROR(Note(what, Bad(Describe(update.variable()), " is updated twice")));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckState() {
    absl::flat_hash_map<absl::string_view, const proto::Node*> variables;
    for (const proto::Node& node : model_.nodes()) {
      if (node.op() == "variable") variables[node.name()] = &node;
    }
    absl::flat_hash_set<absl::string_view> stored;
    for (const proto::Variable& entry : model_.state()) {
      AD_RETURN_IF_ERROR(Note(CheckName(entry.name(), "a variable")));
      const std::string what = absl::StrCat("variable ", Quoted(entry.name()));
      if (!stored.insert(entry.name()).second) AD_RETURN_IF_ERROR(Note(Bad(what, " has two tensors")));
      auto it = variables.find(entry.name());
      if (it == variables.end()) {
        AD_RETURN_IF_ERROR(Note(Bad(what, " has a tensor but is not in the graph")));
      }
      AD_RETURN_IF_ERROR(Note(CheckVariable(what, entry, it == variables.end() ? nullptr : it->second)));
    }
    for (const auto& [name, node] : variables) {
      if (!stored.contains(name)) AD_RETURN_IF_ERROR(Note(Bad("variable ", Quoted(name), " has no tensor")));
    }
    if (model_.step() >= 0 && model_.step() <= kMaxStep) return absl::OkStatus();
    return Note(Bad("the step ", model_.step(), " is out of range"));
  }

  // The tensor of a variable; node: nullptr when it has none.
  absl::Status CheckVariable(absl::string_view what, const proto::Variable& entry, const proto::Node* node) {
    if (entry.tensor() >= used_.size()) return Bad(what, ": there is no tensor ", entry.tensor());
    if (used_[entry.tensor()]) return Bad(what, " shares tensor ", entry.tensor(), " with something else");
    used_[entry.tensor()] = true;
    if (node == nullptr || node->outputs_size() != 1) return absl::OkStatus();
    const proto::TensorEntry& tensor = model_.tensors(entry.tensor());
    const proto::Type& type = node->outputs(0);
    if (tensor.dtype() == type.dtype() &&
        std::equal(tensor.dims().begin(), tensor.dims().end(), type.dims().begin(), type.dims().end())) {
      return absl::OkStatus();
    }
    return Bad(what, " of shape [", absl::StrJoin(type.dims(), ","), "] has a tensor of dtype ", tensor.dtype(),
               " and shape [", absl::StrJoin(tensor.dims(), ","), "]");
  }

  absl::Status CheckMetadata() {
    absl::flat_hash_set<absl::string_view> keys;
    for (const proto::Metadata& entry : model_.metadata()) {
      AD_RETURN_IF_ERROR(Note(CheckName(entry.key(), "metadata")));
      if (!keys.insert(entry.key()).second) {
        AD_RETURN_IF_ERROR(Note(Bad("metadata ", Quoted(entry.key()), " is there twice")));
      }
    }
    return absl::OkStatus();
  }

  const proto::Model& model_;
  const ModelLimits& limits_;
  Problems& problems_;
  SoundParts sound_;
  std::vector<bool> used_;           // tensors
  std::vector<bool> body_used_;      // bodies
  std::vector<int64_t> body_nodes_;  // how many nodes each has, with those of its bodies
  // The nodes that are being checked: the graph's, or a body's, which may use the bodies before it.
  const google::protobuf::RepeatedPtrField<proto::Node>* nodes_ = nullptr;
  std::string where_;  // "", or "body 3, "
  int bodies_before_ = 0;
  int64_t expanded_ = 0;
  absl::flat_hash_set<absl::string_view> node_names_;
};

}  // namespace

absl::StatusOr<SoundParts> ValidateStructure(const proto::Model& model, const ModelLimits& limits, uint64_t data_bytes,
                                             Problems* problems) {
  return Validator(model, limits, problems).Run(data_bytes);
}

}  // namespace adret::io
