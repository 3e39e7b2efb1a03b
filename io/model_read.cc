// LoadModel() and ParseModel(). In order: header, structure (checksum, scan, parse, validation), tensors, attributes,
// nodes by replaying the type rules, signature, state. Nothing is allocated from a figure before it is known to fit the
// file and the limits.
//
// Tensors are read, not mapped: training updates them in place, and a mapped file that somebody shortens kills its
// reader.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/infer_types.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/model.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_dims_internal.h"
#include "adret/io/model_format_internal.h"

namespace adret::io {
namespace {

// Problems with attributes that one error lists.
constexpr size_t kMaxProblems = 20;
constexpr size_t kMaxMessage = 2000;

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

// Returns dimensions that ReadDims() has accepted before.
template <class Message>
Shape ToShape(const Message& message) {
  const absl::StatusOr<Shape> shape = ReadDims(message);
  AD_CHECK(shape.ok());
  return *shape;
}

absl::StatusOr<FileHeader> ReadHeader(const Source& source, Problems* problems) {
  char bytes[kHeaderBytes];
  const uint64_t n = std::min<uint64_t>(source.size, kHeaderBytes);
  AD_RETURN_IF_ERROR(source.read(0, n, bytes));
  return DecodeHeader(absl::string_view(bytes, n), source.size, problems);
}

absl::StatusOr<SoundParts> ReadStructure(const Source& source, const FileHeader& header, const ModelLimits& limits,
                                         proto::Model* model, Problems* problems) {
  if (header.structure_bytes > static_cast<uint64_t>(std::min<int64_t>(limits.structure_bytes, INT32_MAX))) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the structure has ", header.structure_bytes, " bytes; the limit is ", limits.structure_bytes));
  }
  std::string bytes(header.structure_bytes, '\0');
  AD_RETURN_IF_ERROR(source.read(kHeaderBytes, bytes.size(), bytes.data()));
  if (Crc32(bytes.data(), bytes.size()) != header.structure_crc) {
    AD_RETURN_IF_ERROR(problems->Note(Bad("the checksum of the structure does not match: the file is damaged")));
  }
  AD_RETURN_IF_ERROR(ScanStructure(bytes, limits));
  if (!model->ParseFromString(bytes)) return Bad("the structure is malformed");
  const uint64_t data_start = DataStart(bytes.size(), model->tensors_size() > 0);
  const uint64_t end = std::min(source.size, header.file_bytes);
  if (data_start > end) return Bad("the file ends before its data section");
  return ValidateStructure(*model, limits, end - data_start, problems);
}

absl::StatusOr<Tensor> ReadTensor(const Source& source, uint64_t offset, const proto::TensorEntry& entry,
                                  LoadReport* report) {
  const auto dtype = static_cast<DType>(entry.dtype());
  AD_ASSIGN_OR_RETURN(Tensor tensor,
                      Tensor::Allocate(dtype, Shape(absl::MakeConstSpan(entry.dims().data(), entry.dims().size()))));
  AD_RETURN_IF_ERROR(source.read(offset, entry.bytes(), tensor.mutable_raw()));
  if (Crc32(tensor.raw(), entry.bytes()) != entry.crc32()) {
    return Bad("the checksum does not match: the file is damaged");
  }
  if (IsBool(dtype)) {
    const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
    for (uint64_t i = 0; i < entry.bytes(); ++i) {
      if (bytes[i] > 1) return Bad("element ", i, " is neither true nor false but ", bytes[i]);
    }
  }
  const SpecialNumbers special = CountSpecial(tensor);
  report->nan_count += special.nans;
  report->inf_count += special.infinities;
  ++report->tensors;
  report->tensor_bytes += static_cast<int64_t>(entry.bytes());
  return tensor;
}

absl::Status CheckZeros(const Source& source, uint64_t begin, uint64_t end) {
  char bytes[kTensorAlignment];
  AD_RETURN_IF_ERROR(source.read(begin, end - begin, bytes));
  for (uint64_t i = 0; i < end - begin; ++i) {
    if (bytes[i] != 0) return Bad("byte ", begin + i, ", between tensors, is not zero: the file is damaged");
  }
  return absl::OkStatus();
}

// Those that are sound, a scalar for each other one. What turns out to be damaged is no longer sound.
absl::StatusOr<std::vector<Tensor>> ReadTensors(const Source& source, uint64_t structure_bytes,
                                                const proto::Model& model, SoundParts* sound, LoadReport* report,
                                                Problems* problems) {
  std::vector<Tensor> tensors;
  tensors.reserve(model.tensors_size());
  uint64_t position = kHeaderBytes + structure_bytes;
  const uint64_t data_start = DataStart(structure_bytes, model.tensors_size() > 0);
  bool after_sound = true;  // is the position known?
  for (int i = 0; i < model.tensors_size(); ++i) {
    const proto::TensorEntry& entry = model.tensors(i);
    const uint64_t offset = data_start + entry.offset();
    const bool known = after_sound;
    after_sound = sound->tensors[i];
    if (!sound->tensors[i]) {
      tensors.push_back(Tensor());
      continue;
    }
    if (known) AD_RETURN_IF_ERROR(problems->Note(CheckZeros(source, position, offset)));
    auto tensor = ReadTensor(source, offset, entry, report);
    if (!tensor.ok()) {
      AD_RETURN_IF_ERROR(problems->Note(InFile(absl::StrCat("tensor ", i), tensor.status())));
      sound->tensors[i] = false;
    }
    tensors.push_back(tensor.ok() ? *std::move(tensor) : Tensor());
    position = offset + entry.bytes();
  }
  return tensors;
}

using Nodes = google::protobuf::RepeatedPtrField<proto::Node>;
// Those that could be read, null for the others.
using Bodies = std::vector<SubgraphRef>;

AttrValue ToAttrValue(const proto::Attr& attr, const std::vector<Tensor>& tensors, const Bodies& bodies) {
  switch (attr.value_case()) {
    case proto::Attr::kBoolean:
      return attr.boolean();
    case proto::Attr::kInteger:
      return int64_t{attr.integer()};
    case proto::Attr::kReal:
      return attr.real();
    case proto::Attr::kText:
      return attr.text();
    case proto::Attr::kDtype:
      return static_cast<DType>(attr.dtype());
    case proto::Attr::kShape:
      return ToShape(attr.shape());
    case proto::Attr::kTensor:
      return tensors[attr.tensor()];
    case proto::Attr::kIntegers:
      return std::vector<int64_t>(attr.integers().values().begin(), attr.integers().values().end());
    case proto::Attr::kReals:
      return std::vector<double>(attr.reals().values().begin(), attr.reals().values().end());
    case proto::Attr::kBody:
      return bodies[attr.body()];
    case proto::Attr::VALUE_NOT_SET:
      break;
  }
  AD_CHECK(false);  // ValidateStructure() refuses it
}

// The nodes of the graph or of a body. where: "", or "body 3, ".
struct NodeList {
  const Nodes& nodes;
  std::string where;

  std::string Describe(int node) const {
    return absl::StrCat(where, "node ", node, " ", Quoted(nodes.at(node).name()), " (", nodes.at(node).op(), ")");
  }
};

bool HasSoundParts(const proto::Node& node, const SoundParts& sound, const Bodies& bodies) {
  return std::all_of(node.attrs().begin(), node.attrs().end(), [&](const proto::Attr& attr) {
    if (attr.value_case() == proto::Attr::kBody) return bodies[attr.body()] != nullptr;
    return attr.value_case() != proto::Attr::kTensor || sound.tensors[attr.tensor()];
  });
}

using MaybeAttrs = std::optional<Attrs>;

// The attribute structs of the sound nodes, where they are right. One error lists many nodes.
absl::StatusOr<std::vector<MaybeAttrs>> ParseAllAttrs(const NodeList& list, const std::vector<Tensor>& tensors,
                                                      const Bodies& bodies, const SoundParts& sound,
                                                      Problems* problems) {
  std::vector<MaybeAttrs> result(list.nodes.size());
  std::vector<std::string> wrong;
  for (int i = 0; i < list.nodes.size() && wrong.size() < kMaxProblems; ++i) {
    const proto::Node& node = list.nodes.at(i);
    if (!sound.nodes[i] || !HasSoundParts(node, sound, bodies)) continue;
    AttrList attr_list;
    for (const proto::Attr& attr : node.attrs()) attr_list.push_back({attr.name(), ToAttrValue(attr, tensors, bodies)});
    absl::StatusOr<Attrs> attrs = FindOp(node.op())->parse_attrs(attr_list, MissingAttrs::kError);
    if (attrs.ok()) {
      result[i] = *std::move(attrs);
      continue;
    }
    std::string message = absl::StrCat(list.Describe(i), ": ", attrs.status().message().substr(0, kMaxMessage));
    if (problems->collects()) {
      AD_RETURN_IF_ERROR(problems->Note(Bad(message)));
    } else {
      wrong.push_back(std::move(message));
    }
  }
  if (!wrong.empty()) return Bad(absl::StrJoin(wrong, "; "));
  return result;
}

// Replays the type rules. They build the graph as long as nothing was found wrong; after that, each node is held
// against the types that the file states for its inputs, so that one mistake is found once.
class GraphReader {
 public:
  GraphReader(NodeList list, const ModelLimits& limits, const std::vector<bool>& sound_types, Problems* problems)
      : list_(std::move(list)), limits_(limits), sound_types_(sound_types), problems_(*problems) {}

  // Reads the nodes of a body, all of which are sound. Null when something was found.
  absl::StatusOr<SubgraphRef> ReadBody(const proto::Body& body, std::vector<MaybeAttrs> attrs) {
    AD_RETURN_IF_ERROR(ReadNodes(std::move(attrs)));
    if (!Whole()) return nullptr;
    Values inputs, outputs;
    for (int i = 0; i < static_cast<int>(body.inputs()); ++i) inputs.emplace_back(graph_.get(), ValueId{i, 0});
    for (int k = 0; k < body.output_nodes_size(); ++k) {
      outputs.emplace_back(graph_.get(), At(body.output_nodes(k), body.output_outputs(k)));
    }
    absl::StatusOr<SubgraphRef> made = Subgraph::Make(inputs, outputs);
    if (made.ok()) return made;
    AD_RETURN_IF_ERROR(problems_.Note(InFile(list_.where.substr(0, list_.where.find(',')), made.status())));
    return nullptr;
  }

  // Null when something was found.
  absl::StatusOr<std::unique_ptr<Graph>> Read(const proto::Model& model, std::vector<MaybeAttrs> attrs) {
    AD_RETURN_IF_ERROR(ReadNodes(std::move(attrs)));
    for (const proto::Update& u : model.side_updates()) AD_RETURN_IF_ERROR(problems_.Note(CheckUpdate(u)));
    for (const proto::Update& u : model.updates()) AD_RETURN_IF_ERROR(problems_.Note(CheckUpdate(u)));
    for (const proto::NamedValue& v : model.inputs()) {
      if (Stored(v.node(), v.output()) == nullptr || list_.nodes.at(static_cast<int>(v.node())).op() == "input")
        continue;
      AD_RETURN_IF_ERROR(
          problems_.Note(Bad("input ", Quoted(v.name()), " is ", list_.Describe(v.node()), ", which cannot be fed")));
    }
    if (!Whole()) return nullptr;
    for (const proto::Update& u : model.side_updates()) {
      graph_->AddSideUpdate(Value(graph_.get(), At(u.variable(), 0)), Value(graph_.get(), At(u.node(), u.output())));
    }
    return std::move(graph_);
  }

 private:
  absl::Status ReadNodes(std::vector<MaybeAttrs> attrs) {
    for (int i = 0; i < list_.nodes.size(); ++i) {
      if (!attrs[i].has_value()) continue;
      if (absl::Status s = CheckNode(i, *std::move(attrs[i])); !s.ok()) {
        AD_RETURN_IF_ERROR(problems_.Note(
            absl::Status(s.code(), absl::StrCat(list_.Describe(i), ": ", s.message().substr(0, kMaxMessage)))));
      }
    }
    return absl::OkStatus();
  }

  bool Whole() const { return problems_.found().empty(); }
  static ValueId At(uint32_t node, uint32_t output) {
    return {static_cast<NodeId>(node), static_cast<int32_t>(output)};
  }

  // What the file says about a value; nullptr where a reference goes astray or there is no such type.
  const proto::Type* Stored(uint32_t node, uint32_t output) const {
    if (node >= static_cast<uint32_t>(list_.nodes.size()) || !sound_types_[node]) return nullptr;
    return output < static_cast<uint32_t>(list_.nodes.at(static_cast<int>(node)).outputs_size())
               ? &list_.nodes.at(static_cast<int>(node)).outputs(output)
               : nullptr;
  }
  static Type ToType(const proto::Type& stored) { return {static_cast<DType>(stored.dtype()), ToShape(stored)}; }

  // What the type rule says about a node; nothing where the file states no usable types for its inputs.
  absl::StatusOr<std::optional<Types>> Infer(int id, absl::Span<const ValueId> inputs, Attrs attrs) {
    const proto::Node& node = list_.nodes.at(id);
    const Op& op = *FindOp(node.op());
    if (Whole()) {
      std::optional<DerivativeScope> derivative;
      if (node.gradient()) derivative.emplace(graph_.get());
      const NodeId added = graph_->AddNode(op, inputs, std::move(attrs), {}, node.name());
      if (added < 0) return graph_->status();
      AD_CHECK(added == id);
      return graph_->node(id).outputs;
    }
    std::vector<Type> types;
    for (ValueId input : inputs) {
      const proto::Type* stored = Stored(input.node, input.output);
      if (stored == nullptr || !ToType(*stored).shape.Validate().ok()) return std::nullopt;
      types.push_back(ToType(*stored));
    }
    AD_ASSIGN_OR_RETURN(Types outputs, InferTypes(op, types, attrs));
    return outputs;
  }

  absl::Status CheckNode(int id, Attrs attrs) {
    const proto::Node& node = list_.nodes.at(id);
    absl::InlinedVector<ValueId, 3> inputs;
    for (int i = 0; i < node.input_nodes_size(); ++i) {
      inputs.push_back(At(node.input_nodes(i), node.input_outputs_size() == 0 ? 0 : node.input_outputs(i)));
    }
    AD_ASSIGN_OR_RETURN(const std::optional<Types> types, Infer(id, inputs, std::move(attrs)));
    if (types.has_value() && static_cast<int>(types->size()) != node.outputs_size()) {
      return Bad("has ", node.outputs_size(), " outputs, but its type rule says ", types->size());
    }
    for (int i = 0; types.has_value() && i < static_cast<int>(types->size()); ++i) {
      const Type& type = (*types)[i];
      const Type claimed = ToType(node.outputs(i));
      if (type != claimed) {
        return Bad("output ", i, " is stored as ", claimed.ToString(), " but is ", type.ToString());
      }
      // For a symbolic shape this is the size where all symbols are 1; the executor has its own limit for each plan.
      const Type least{type.dtype, type.shape.WithEvery(1)};
      if (!least.shape.Validate().ok() || least.bytes() > limits_.value_bytes) {
        return absl::ResourceExhaustedError(
            absl::StrCat("a value of type ", type.ToString(), " exceeds the limit of ", limits_.value_bytes, " bytes"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckUpdate(const proto::Update& u) {
    const proto::Type* variable = Stored(u.variable(), 0);
    const proto::Type* value = Stored(u.node(), u.output());
    if (variable == nullptr || value == nullptr || ToType(*variable) == ToType(*value)) return absl::OkStatus();
    return Bad("the update of ", list_.Describe(u.variable()), " is ", ToType(*value).ToString(),
               " but the variable is ", ToType(*variable).ToString());
  }

  const NodeList list_;
  const ModelLimits& limits_;
  const std::vector<bool>& sound_types_;
  Problems& problems_;
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
};

// Reads the bodies that are sound, each of which uses those before it.
absl::StatusOr<Bodies> ReadBodies(const proto::Model& model, const ModelLimits& limits,
                                  const std::vector<Tensor>& tensors, const SoundParts& sound, Problems* problems) {
  Bodies bodies;
  for (int i = 0; i < model.bodies_size(); ++i) {
    const proto::Body& body = model.bodies(i);
    SubgraphRef read;
    if (sound.bodies[i]) {
      const NodeList list{body.nodes(), absl::StrCat("body ", i, ", ")};
      SoundParts parts;
      parts.tensors = sound.tensors;
      parts.nodes.assign(body.nodes_size(), true);
      parts.types = parts.nodes;
      AD_ASSIGN_OR_RETURN(std::vector<MaybeAttrs> attrs, ParseAllAttrs(list, tensors, bodies, parts, problems));
      const bool complete = std::all_of(attrs.begin(), attrs.end(), [](const MaybeAttrs& a) { return a.has_value(); });
      if (complete) {
        AD_ASSIGN_OR_RETURN(read, GraphReader(list, limits, parts.types, problems).ReadBody(body, std::move(attrs)));
      }
    }
    bodies.push_back(std::move(read));
  }
  return bodies;
}

absl::StatusOr<Value> FindNamed(const std::vector<NamedValue>& values, absl::string_view name, absl::string_view what) {
  for (const NamedValue& v : values) {
    if (v.name == name) return v.value;
  }
  const std::string known =
      absl::StrJoin(values, ", ", [](std::string* out, const NamedValue& v) { out->append(v.name); });
  return absl::NotFoundError(absl::StrCat("the model has no ", what, " ", Quoted(name),
                                          known.empty() ? "" : absl::StrCat("; it has ", known)));
}

}  // namespace

Source MemorySource(absl::string_view bytes) {
  return {bytes.size(), [bytes](uint64_t offset, uint64_t n, void* data) {
            AD_CHECK(offset <= bytes.size() && n <= bytes.size() - offset);
            std::memcpy(data, bytes.data() + offset, n);
            return absl::OkStatus();
          }};
}

Source FileSource(const InputFile& file) {
  return {static_cast<uint64_t>(file.size()), [&file](uint64_t offset, uint64_t n, void* data) {
            return file.ReadAt(static_cast<int64_t>(offset), static_cast<int64_t>(n), data);
          }};
}

SpecialNumbers CountSpecial(const Tensor& tensor) {
  SpecialNumbers count;
  if (!IsAnyFloating(tensor.dtype())) return count;
  VisitAnyFloating(tensor.dtype(), [&](auto tag) {
    for (const double v : tensor.data<typename decltype(tag)::type>()) {
      count.nans += std::isnan(v);
      count.infinities += std::isinf(v);
    }
  });
  return count;
}

absl::StatusOr<Model> ReadModel(const Source& source, const ModelLimits& limits, Problems* problems) {
  AD_ASSIGN_OR_RETURN(const FileHeader header, ReadHeader(source, problems));
  proto::Model stored;
  AD_ASSIGN_OR_RETURN(SoundParts sound, ReadStructure(source, header, limits, &stored, problems));
  Model model;
  AD_ASSIGN_OR_RETURN(std::vector<Tensor> tensors,
                      ReadTensors(source, header.structure_bytes, stored, &sound, &model.report, problems));
  AD_ASSIGN_OR_RETURN(const Bodies bodies, ReadBodies(stored, limits, tensors, sound, problems));
  const NodeList list{stored.nodes(), ""};
  AD_ASSIGN_OR_RETURN(std::vector<MaybeAttrs> attrs, ParseAllAttrs(list, tensors, bodies, sound, problems));
  AD_ASSIGN_OR_RETURN(model.graph, GraphReader(list, limits, sound.types, problems).Read(stored, std::move(attrs)));
  if (model.graph == nullptr) return problems->found().front();
  const auto at = [&](const auto& ref) {
    return Value(model.graph.get(), {static_cast<NodeId>(ref.node()), static_cast<int32_t>(ref.output())});
  };
  for (const proto::NamedValue& v : stored.inputs()) model.inputs.push_back({v.name(), at(v)});
  for (const proto::NamedValue& v : stored.outputs()) model.outputs.push_back({v.name(), at(v)});
  for (const proto::Update& u : stored.updates()) {
    model.updates.push_back({Value(model.graph.get(), {static_cast<NodeId>(u.variable()), 0}), at(u)});
  }
  // Moved: runs update a variable in place when nobody else holds its tensor.
  for (const proto::Variable& v : stored.state()) model.state.Set(v.name(), std::move(tensors[v.tensor()]));
  model.state.seed = stored.seed();
  model.state.step = static_cast<uint64_t>(stored.step());
  for (const proto::Metadata& entry : stored.metadata()) model.metadata[entry.key()] = entry.value();
  return model;
}

absl::StatusOr<Value> Model::Input(absl::string_view name) const { return FindNamed(inputs, name, "input"); }
absl::StatusOr<Value> Model::Output(absl::string_view name) const { return FindNamed(outputs, name, "output"); }

absl::StatusOr<Model> LoadModel(const std::string& path, const ModelLimits& limits) {
  AD_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  Problems first(Problems::kStopAtFirst);
  auto model = ReadModel(FileSource(file), limits, &first);
  if (!model.ok()) return InFile(path, model.status());
  return model;
}

absl::StatusOr<Model> ParseModel(absl::string_view bytes, const ModelLimits& limits) {
  Problems first(Problems::kStopAtFirst);
  return ReadModel(MemorySource(bytes), limits, &first);
}

}  // namespace adret::io
