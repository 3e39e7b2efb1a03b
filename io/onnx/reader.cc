// Reading ONNX files: the walk over a file's nodes.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/io/file.h"
#include "adret/io/onnx.h"
#include "adret/io/onnx/call.h"
#include "adret/io/onnx/functions.h"
#include "adret/io/onnx/inputs.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/scan.h"
#include "adret/io/onnx/supported.h"
#include "adret/ops/broadcast.h"

namespace adret::onnx {
namespace {

// Calls of functions within functions that are followed.
constexpr int kMaxFunctionDepth = 32;

std::string Describe(const proto::Node& node, int64_t version) {
  const std::string name = !node.name().empty() ? node.name() : node.output_size() > 0 ? node.output(0) : "";
  return absl::StrCat("node ", Quoted(name), " (", node.op_type(), ", operator set ", version, ")");
}

bool FreesBatch(const io::OnnxOptions& options) {
  const auto batch = options.sizes.find("batch");
  return batch != options.sizes.end() && batch->second == kAnyBatch;
}

class Reader {
 public:
  Reader(proto::Model& file, const io::OnnxOptions& options, const std::string& folder, io::Model* model)
      : file_(file),
        options_(options),
        model_(*model),
        tensors_(folder, options.limits.memory_budget),
        weights_(model->graph.get(), &model->state),
        dimensions_(file.graph(), options),
        context_{&weights_, &tensors_, options.training, FreesBatch(options),
                 [this](const proto::Graph& body, const Values& inputs, const Scope& around) {
                   return Body(body, inputs, around);
                 }} {}

  absl::Status Read() {
    for (const proto::OperatorSet& set : file_.opset_import()) {
      sets_[std::string(DomainOf(set.domain()))] = set.version();
    }
    if (sets_.empty()) sets_[""] = 1;  // files older than operator sets
    if (const auto own = sets_.find(""); own != sets_.end() && own->second > kNewestVersion) {
      return absl::UnimplementedError(
          absl::StrCat("the file uses operator set ", own->second, "; the newest that is read is ", kNewestVersion));
    }
    AD_ASSIGN_OR_RETURN(functions_, Functions::Of(file_));
    AD_RETURN_IF_ERROR(CheckSupported(file_, functions_, sets_));
    // Nodes of a file have no place in any code.
    const LocationScope nowhere(model_.graph.get(), std::source_location());
    Scope scope(nullptr);
    AD_RETURN_IF_ERROR(Initializers(file_.mutable_graph(), &scope));
    AD_RETURN_IF_ERROR(Inputs(&scope));
    AD_RETURN_IF_ERROR(Nodes(file_.graph().node(), sets_, &scope));
    AD_RETURN_IF_ERROR(Outputs(scope));
    for (const proto::Entry& entry : file_.metadata_props()) model_.metadata[entry.key()] = entry.value();
    model_.report.tensors = tensors_.tensors();
    model_.report.tensor_bytes = tensors_.bytes();
    return absl::OkStatus();
  }

 private:
  using NodeList = google::protobuf::RepeatedPtrField<proto::Node>;

  // The file's own graph gives its tensors away; those of bodies may be read several times.
  absl::Status Initializers(proto::Graph* graph, Scope* scope) {
    for (proto::Tensor& tensor : *graph->mutable_initializer()) {
      AD_RETURN_IF_ERROR(AddInitializer(tensor.name(), tensors_.Take(&tensor), &tensor, scope));
    }
    return SparseInitializers(*graph, scope);
  }
  absl::Status Initializers(const proto::Graph& graph, Scope* scope) {
    for (const proto::Tensor& tensor : graph.initializer()) {
      AD_RETURN_IF_ERROR(AddInitializer(tensor.name(), tensors_.Read(tensor), &tensor, scope));
    }
    return SparseInitializers(graph, scope);
  }
  absl::Status SparseInitializers(const proto::Graph& graph, Scope* scope) {
    for (const proto::SparseTensor& tensor : graph.sparse_initializer()) {
      AD_RETURN_IF_ERROR(AddInitializer(tensor.values().name(), tensors_.Read(tensor), &tensor, scope));
    }
    return absl::OkStatus();
  }
  absl::Status AddInitializer(const std::string& name, absl::StatusOr<Tensor> numbers, const void* part, Scope* scope) {
    AD_RETURN_IF_ERROR(numbers.status());
    return scope->Add(
        {.name = name, .tensor = *std::move(numbers), .source = Entry::kInitializer, .origin = Origin(part)});
  }

  absl::Status Inputs(Scope* scope) {
    std::set<std::string> fixed;
    for (const proto::ValueInfo& input : file_.graph().input()) {
      if (scope->Find(input.name()) != nullptr) continue;  // an initialiser: the default of an input, a weight
      const auto given = options_.fixed.find(input.name());
      AD_ASSIGN_OR_RETURN(const Type type, dimensions_.TypeOf(input));
      if (given != options_.fixed.end()) {
        if (given->second.dtype() != type.dtype || given->second.rank() != type.shape.rank()) {
          return absl::InvalidArgumentError(absl::StrCat("the input ", Quoted(input.name()), " is ", type.ToString(),
                                                         ", but it is fixed to ", given->second.type().ToString()));
        }
        fixed.insert(input.name());
        AD_RETURN_IF_ERROR(scope->Add(
            {.name = input.name(), .value = model_.graph->Constant(given->second), .tensor = given->second}));
        continue;
      }
      const Value value = model_.graph->Input(input.name(), type.dtype, type.shape);
      AD_RETURN_IF_ERROR(model_.graph->status());
      model_.inputs.push_back({input.name(), value});
      AD_RETURN_IF_ERROR(scope->Add({.name = input.name(), .value = value}));
    }
    for (const auto& [name, tensor] : options_.fixed) {
      if (!fixed.contains(name))
        return absl::NotFoundError(absl::StrCat("the file has no input ", Quoted(name), " to fix"));
    }
    return dimensions_.CheckAllUsed();
  }

  absl::Status Nodes(const NodeList& nodes, const OperatorSets& sets, Scope* scope) {
    const OperatorSets* const around = std::exchange(sets_in_use_, &sets);
    const absl::Status status = NodesOf(nodes, sets, scope);
    sets_in_use_ = around;
    return status;
  }

  absl::Status NodesOf(const NodeList& nodes, const OperatorSets& sets, Scope* scope) {
    for (const proto::Node& node : nodes) {
      const auto set = sets.find(DomainOf(node.domain()));
      const int64_t version = set == sets.end() ? 1 : set->second;
      const absl::Status status = ReadNode(node, version, scope);
      if (!status.ok()) {
        // What lies in a body or a function has said where it is.
        const bool inner = absl::string_view(status.message()).substr(0, 6) == "node '";
        return inner ? status
                     : absl::Status(status.code(), absl::StrCat(Describe(node, version), ": ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadNode(const proto::Node& node, int64_t version, Scope* scope) {
    for (const std::string& input : node.input()) {
      if (!input.empty() && scope->Find(input) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(
            "its input ", Quoted(input), " is computed by no node before it, and is no input or initialiser"));
      }
    }
    Values outputs;
    Entry::Source source = Entry::kComputed;
    if (const proto::Function* function = functions_.Find(node); function != nullptr) {
      AD_ASSIGN_OR_RETURN(outputs, Function(*function, node, *scope));
    } else {
      const Operator* row = FindOperator(DomainOf(node.domain()), node.op_type(), version);
      if (row == nullptr || !row->unsupported.empty()) return absl::UnimplementedError("it is not read");
      Call call(context_, *scope, node, *row, version);
      AD_ASSIGN_OR_RETURN(outputs, call.Run());
      if (call.forwarded() != nullptr) return Forward(node, call.forwarded(), scope);
      source = call.source();
    }
    AD_RETURN_IF_ERROR(model_.graph->status());
    for (int i = 0; i < node.output_size(); ++i) {
      const std::string& name = node.output(i);
      if (name.empty()) continue;
      if (i >= static_cast<int>(outputs.size()) || outputs[i].graph() == nullptr) {
        return absl::UnimplementedError(absl::StrCat("its output ", i, " (", Quoted(name), ") is not computed"));
      }
      if (!outputs[i].valid()) return outputs[i].graph()->status();
      Entry entry = EntryOf(name, outputs[i]);
      entry.source = source;
      if (source != Entry::kComputed) entry.origin = Origin(&node);
      AD_RETURN_IF_ERROR(scope->Add(std::move(entry)));
    }
    return absl::OkStatus();
  }

  static absl::Status Forward(const proto::Node& node, Entry* entry, Scope* scope) {
    if (node.output_size() != 1) return absl::InvalidArgumentError("it has one output");
    return scope->AddAlias(node.output(0), entry);
  }

  // Returns Entry::origin of numbers that are this part of the file. Nodes of a function are copies for each call.
  const void* Origin(const void* part) const { return function_depth_ == 0 ? part : nullptr; }

  // Numbers of a Constant node become a value when somebody reads them: as a weight or as a constant.
  Entry EntryOf(const std::string& name, const Value& value) {
    Graph& graph = *value.graph();
    const Node& node = graph.node(value.node());
    if (node.attrs.Is<ConstantAttrs>()) return {.name = name, .tensor = node.attrs.As<ConstantAttrs>().value};
    if (value.id().output == 0 && !graph.IsNamed(value.node()) && !graph.Contains(name)) value.Named(name);
    return {.name = name, .value = value};
  }

  absl::StatusOr<Values> Function(const proto::Function& definition, const proto::Node& call, const Scope& around) {
    if (function_depth_ >= kMaxFunctionDepth) return absl::InvalidArgumentError("functions call each other too deep");
    if (call.input_size() > definition.input_size()) {
      return absl::InvalidArgumentError(absl::StrCat("the function takes ", definition.input_size(), " inputs"));
    }
    const proto::Function function = WithAttributes(definition, call);
    OperatorSets sets = sets_;
    for (const proto::OperatorSet& set : function.opset_import()) {
      sets[std::string(DomainOf(set.domain()))] = set.version();
    }
    Scope scope(nullptr);
    for (int i = 0; i < call.input_size(); ++i) {
      Entry* given = call.input(i).empty() ? nullptr : around.Find(call.input(i));
      if (given == nullptr) continue;
      Entry entry = *given;
      // What is a value becomes one here, so that caller and function mean the same variable.
      if (!entry.tensor.has_value() || entry.source == Entry::kInitializer) entry.value = weights_.ValueOf(given);
      entry.name = function.input(i);
      AD_RETURN_IF_ERROR(scope.Add(std::move(entry)));
    }
    ++function_depth_;
    const absl::Status status = Nodes(function.node(), sets, &scope);
    --function_depth_;
    AD_RETURN_IF_ERROR(status);
    return Results(function.output(), scope);
  }

  absl::StatusOr<Values> Body(const proto::Graph& body, const Values& inputs, const Scope& around) {
    if (static_cast<int>(inputs.size()) != body.input_size()) {
      return absl::InvalidArgumentError(absl::StrCat("its body ", Quoted(body.name()), " has ", body.input_size(),
                                                     " inputs, and is given ", inputs.size()));
    }
    Scope scope(&around);
    AD_RETURN_IF_ERROR(Initializers(body, &scope));
    for (int i = 0; i < body.input_size(); ++i) {
      AD_RETURN_IF_ERROR(scope.Add({.name = body.input(i).name(), .value = inputs[i]}));
    }
    AD_RETURN_IF_ERROR(Nodes(body.node(), *sets_in_use_, &scope));
    std::vector<std::string> names;
    for (const proto::ValueInfo& output : body.output()) names.push_back(output.name());
    return Results(names, scope);
  }

  template <class Names>
  absl::StatusOr<Values> Results(const Names& names, const Scope& scope) {
    Values results;
    for (const std::string& name : names) {
      Entry* entry = scope.Find(name);
      if (entry == nullptr)
        return absl::InvalidArgumentError(absl::StrCat("nothing computes its output ", Quoted(name)));
      results.push_back(weights_.ValueOf(entry));
    }
    return results;
  }

  absl::Status Outputs(const Scope& scope) {
    std::set<std::string> seen;
    for (const proto::ValueInfo& output : file_.graph().output()) {
      Entry* entry = scope.Find(output.name());
      if (entry == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("nothing computes the output ", Quoted(output.name())));
      }
      if (!seen.insert(output.name()).second) {
        return absl::InvalidArgumentError(absl::StrCat("the output ", Quoted(output.name()), " is given twice"));
      }
      const Value value = weights_.ValueOf(entry);
      AD_RETURN_IF_ERROR(model_.graph->status());
      AD_RETURN_IF_ERROR(CheckDeclared(output, value.type()));
      model_.outputs.push_back({output.name(), value});
    }
    return absl::OkStatus();
  }

  // Fails where the type that the file states for an output is another one than what its nodes compute.
  absl::Status CheckDeclared(const proto::ValueInfo& output, const Type& type) const {
    const proto::Type::TensorType& declared = output.type().tensor_type();
    if (!output.type().has_tensor_type() || declared.elem_type() == 0) return absl::OkStatus();
    if (DTypeOf(declared.elem_type()) != type.dtype) {
      return absl::InvalidArgumentError(absl::StrCat("the output ", Quoted(output.name()), " is declared as ",
                                                     ElementTypeName(declared.elem_type()), ", but its nodes compute ",
                                                     type.ToString()));
    }
    return absl::OkStatus();
  }

  proto::Model& file_;
  const io::OnnxOptions& options_;
  io::Model& model_;
  TensorReader tensors_;
  Weights weights_;
  Dimensions dimensions_;
  const Context context_;
  OperatorSets sets_;
  const OperatorSets* sets_in_use_ = nullptr;  // of the graph or function whose nodes are read: bodies have the same
  Functions functions_;
  int function_depth_ = 0;
};

absl::StatusOr<io::Model> Build(proto::Model file, const io::OnnxOptions& options, const std::string& folder) {
  io::Model model;
  model.graph = std::make_unique<Graph>();
  AD_RETURN_IF_ERROR(Reader(file, options, folder, &model).Read());
  AD_RETURN_IF_ERROR(model.graph->status());
  return model;
}

absl::StatusOr<proto::Model> Parse(absl::string_view bytes, const io::ModelLimits& limits) {
  AD_RETURN_IF_ERROR(ScanModel(bytes, limits));
  proto::Model file;
  if (!file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !file.has_graph()) {
    return absl::InvalidArgumentError("it is no ONNX model");
  }
  return file;
}

}  // namespace
}  // namespace adret::onnx

namespace adret::io {

absl::StatusOr<Model> ParseOnnx(absl::string_view bytes, const OnnxOptions& options, const std::string& folder) {
  AD_ASSIGN_OR_RETURN(onnx::proto::Model file, onnx::Parse(bytes, options.limits));
  return onnx::Build(std::move(file), options, folder);
}

absl::StatusOr<Model> LoadOnnx(const std::string& path, const OnnxOptions& options) {
  const auto named = [&](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  };
  onnx::proto::Model file;
  {
    // Protobuf's messages end below 2 GiB.
    AD_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, (int64_t{1} << 31) - 1));
    absl::StatusOr<onnx::proto::Model> parsed = onnx::Parse(bytes, options.limits);
    if (!parsed.ok()) return named(parsed.status());
    file = *std::move(parsed);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  absl::StatusOr<Model> model = onnx::Build(std::move(file), options, folder);
  if (!model.ok()) return named(model.status());
  return model;
}

}  // namespace adret::io
