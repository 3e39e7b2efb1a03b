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
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/in_file.h"
#include "adret/io/model.h"
#include "adret/io/model.pb.h"
#include "adret/io/model_format.h"

namespace adret::io {
namespace {

// Problems with attributes that one error lists.
constexpr size_t kMaxProblems = 20;
constexpr size_t kMaxMessage = 2000;

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

Shape ToShape(const google::protobuf::RepeatedField<int64_t>& dims) {
  return Shape(absl::MakeConstSpan(dims.data(), dims.size()));
}

// The bytes of a file, wherever they are.
struct Source {
  uint64_t size = 0;
  std::function<absl::Status(uint64_t offset, uint64_t n, void* data)> read;
};

absl::StatusOr<FileHeader> ReadHeader(const Source& source) {
  char bytes[kHeaderBytes];
  const uint64_t n = std::min<uint64_t>(source.size, kHeaderBytes);
  AD_RETURN_IF_ERROR(source.read(0, n, bytes));
  return DecodeHeader(absl::string_view(bytes, n), source.size);
}

absl::Status ReadStructure(const Source& source, const FileHeader& header, const ModelLimits& limits,
                           proto::Model* model) {
  if (header.structure_bytes > static_cast<uint64_t>(std::min<int64_t>(limits.structure_bytes, INT32_MAX))) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the structure has ", header.structure_bytes, " bytes; the limit is ", limits.structure_bytes));
  }
  std::string bytes(header.structure_bytes, '\0');
  AD_RETURN_IF_ERROR(source.read(kHeaderBytes, bytes.size(), bytes.data()));
  if (Crc32(bytes.data(), bytes.size()) != header.structure_crc) {
    return Bad("the checksum of the structure does not match: the file is damaged");
  }
  AD_RETURN_IF_ERROR(ScanStructure(bytes, limits));
  if (!model->ParseFromString(bytes)) return Bad("the structure is malformed");
  const uint64_t data_start = DataStart(bytes.size(), model->tensors_size() > 0);
  if (data_start > source.size) return Bad("the file ends before its data section");
  return ValidateStructure(*model, limits, source.size - data_start);
}

template <class T>
void CountSpecial(const Tensor& tensor, LoadReport* report) {
  for (T v : tensor.data<T>()) {
    report->nan_count += std::isnan(v);
    report->inf_count += std::isinf(v);
  }
}

absl::StatusOr<Tensor> ReadTensor(const Source& source, uint64_t offset, const proto::TensorEntry& entry,
                                  LoadReport* report) {
  const auto dtype = static_cast<DType>(entry.dtype());
  AD_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, ToShape(entry.dims())));
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
  if (dtype == DType::kFloat32) CountSpecial<float>(tensor, report);
  if (dtype == DType::kFloat64) CountSpecial<double>(tensor, report);
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

absl::StatusOr<std::vector<Tensor>> ReadTensors(const Source& source, uint64_t structure_bytes,
                                                const proto::Model& model, LoadReport* report) {
  std::vector<Tensor> tensors;
  tensors.reserve(model.tensors_size());
  uint64_t position = kHeaderBytes + structure_bytes;
  const uint64_t data_start = DataStart(structure_bytes, model.tensors_size() > 0);
  for (int i = 0; i < model.tensors_size(); ++i) {
    const proto::TensorEntry& entry = model.tensors(i);
    const uint64_t offset = data_start + entry.offset();
    AD_RETURN_IF_ERROR(CheckZeros(source, position, offset));
    auto tensor = ReadTensor(source, offset, entry, report);
    if (!tensor.ok()) return InFile(absl::StrCat("tensor ", i), tensor.status());
    tensors.push_back(*std::move(tensor));
    position = offset + entry.bytes();
  }
  return tensors;
}

AttrValue ToAttrValue(const proto::Attr& attr, const std::vector<Tensor>& tensors) {
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
      return ToShape(attr.shape().dims());
    case proto::Attr::kTensor:
      return tensors[attr.tensor()];
    case proto::Attr::kIntegers:
      return std::vector<int64_t>(attr.integers().values().begin(), attr.integers().values().end());
    case proto::Attr::kReals:
      return std::vector<double>(attr.reals().values().begin(), attr.reals().values().end());
    case proto::Attr::VALUE_NOT_SET:
      break;
  }
  AD_CHECK(false);  // ValidateStructure() refuses it
}

std::string Describe(const proto::Model& model, int node) {
  return absl::StrCat("node ", node, " ", Quoted(model.nodes(node).name()), " (", model.nodes(node).op(), ")");
}

// The attribute structs of all nodes; the error lists every node that has none.
absl::StatusOr<std::vector<Attrs>> ParseAllAttrs(const proto::Model& model, const std::vector<Tensor>& tensors) {
  std::vector<Attrs> result;
  result.reserve(model.nodes_size());
  std::vector<std::string> problems;
  for (int i = 0; i < model.nodes_size() && problems.size() < kMaxProblems; ++i) {
    const proto::Node& node = model.nodes(i);
    AttrList list;
    for (const proto::Attr& attr : node.attrs()) list.push_back({attr.name(), ToAttrValue(attr, tensors)});
    absl::StatusOr<Attrs> attrs = FindOp(node.op())->parse_attrs(list);
    if (attrs.ok()) {
      result.push_back(*std::move(attrs));
    } else {
      problems.push_back(absl::StrCat(Describe(model, i), ": ", attrs.status().message().substr(0, kMaxMessage)));
    }
  }
  if (!problems.empty()) return Bad(absl::StrJoin(problems, "; "));
  return result;
}

class GraphReader {
 public:
  GraphReader(const proto::Model& model, const ModelLimits& limits) : model_(model), limits_(limits) {}

  absl::StatusOr<std::unique_ptr<Graph>> Read(std::vector<Attrs> attrs) {
    for (int i = 0; i < model_.nodes_size(); ++i) {
      if (absl::Status s = AddNode(i, std::move(attrs[i])); !s.ok()) {
        return absl::Status(s.code(), absl::StrCat(Describe(model_, i), ": ", s.message().substr(0, kMaxMessage)));
      }
    }
    for (const proto::Update& u : model_.side_updates()) {
      AD_RETURN_IF_ERROR(CheckUpdate(u));
      graph_->AddSideUpdate(At(u.variable(), 0), At(u.node(), u.output()));
    }
    for (const proto::Update& u : model_.updates()) AD_RETURN_IF_ERROR(CheckUpdate(u));
    for (const proto::NamedValue& v : model_.inputs()) {
      if (!graph_->node(v.node()).attrs.Is<InputAttrs>()) {
        return Bad("input ", Quoted(v.name()), " is ", Describe(model_, v.node()), ", which cannot be fed");
      }
    }
    return std::move(graph_);
  }

 private:
  Value At(uint32_t node, uint32_t output) {
    return Value(graph_.get(), {static_cast<NodeId>(node), static_cast<int32_t>(output)});
  }

  absl::Status AddNode(int id, Attrs attrs) {
    const proto::Node& node = model_.nodes(id);
    absl::InlinedVector<ValueId, 3> inputs;
    for (int i = 0; i < node.input_nodes_size(); ++i) {
      const uint32_t output = node.input_outputs_size() == 0 ? 0 : node.input_outputs(i);
      inputs.push_back({static_cast<NodeId>(node.input_nodes(i)), static_cast<int32_t>(output)});
    }
    const NodeId added = graph_->AddNode(*FindOp(node.op()), inputs, std::move(attrs), {}, node.name());
    if (added < 0) return graph_->status();
    AD_CHECK(added == id);
    const Types& types = graph_->node(id).outputs;
    for (int i = 0; i < static_cast<int>(types.size()); ++i) {
      const proto::Type& stored = node.outputs(i);
      const Type claimed{static_cast<DType>(stored.dtype()), ToShape(stored.dims())};
      if (types[i] != claimed) {
        return Bad("output ", i, " is stored as ", claimed.ToString(), " but is ", types[i].ToString());
      }
      // For a symbolic shape this is the size at batch 1; the executor has a limit of its own for each batch.
      if (std::abs(types[i].bytes()) > limits_.value_bytes) {
        return absl::ResourceExhaustedError(absl::StrCat("a value of type ", types[i].ToString(),
                                                         " exceeds the limit of ", limits_.value_bytes, " bytes"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckUpdate(const proto::Update& u) {
    const Type& variable = graph_->type({static_cast<NodeId>(u.variable()), 0});
    const Type& value = At(u.node(), u.output()).type();
    if (variable == value) return absl::OkStatus();
    return Bad("the update of ", Describe(model_, u.variable()), " is ", value.ToString(), " but the variable is ",
               variable.ToString());
  }

  const proto::Model& model_;
  const ModelLimits& limits_;
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
};

absl::StatusOr<Model> Read(const Source& source, const ModelLimits& limits) {
  AD_ASSIGN_OR_RETURN(const FileHeader header, ReadHeader(source));
  proto::Model stored;
  AD_RETURN_IF_ERROR(ReadStructure(source, header, limits, &stored));
  Model model;
  AD_ASSIGN_OR_RETURN(std::vector<Tensor> tensors, ReadTensors(source, header.structure_bytes, stored, &model.report));
  AD_ASSIGN_OR_RETURN(std::vector<Attrs> attrs, ParseAllAttrs(stored, tensors));
  AD_ASSIGN_OR_RETURN(model.graph, GraphReader(stored, limits).Read(std::move(attrs)));
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

absl::StatusOr<Value> Model::Input(absl::string_view name) const { return FindNamed(inputs, name, "input"); }
absl::StatusOr<Value> Model::Output(absl::string_view name) const { return FindNamed(outputs, name, "output"); }

absl::StatusOr<Model> LoadModel(const std::string& path, const ModelLimits& limits) {
  AD_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  const auto read = [&](uint64_t offset, uint64_t n, void* data) {
    return file.ReadAt(static_cast<int64_t>(offset), static_cast<int64_t>(n), data);
  };
  auto model = Read({static_cast<uint64_t>(file.size()), read}, limits);
  if (!model.ok()) return InFile(path, model.status());
  return model;
}

absl::StatusOr<Model> ParseModel(absl::string_view bytes, const ModelLimits& limits) {
  const auto read = [&](uint64_t offset, uint64_t n, void* data) {
    AD_CHECK(offset <= bytes.size() && n <= bytes.size() - offset);
    std::memcpy(data, bytes.data() + offset, n);
    return absl::OkStatus();
  };
  return Read({bytes.size(), read}, limits);
}

}  // namespace adret::io
