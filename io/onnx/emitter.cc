#include "adret/io/onnx/emitter.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "adret/core/ancestors.h"
#include "adret/core/import.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"
#include "adret/io/onnx/onnx.pb.h"
#include "adret/io/onnx/operators.h"
#include "adret/io/onnx/tensors.h"

namespace adret::onnx {
namespace {

// Expansions within expansions that are followed.
constexpr int kMaxExpansions = 16;
// Constants of more bytes are not compared with others.
constexpr size_t kMaxSharedBytes = 4096;

void SetAttr(const EmittedAttr& from, proto::Attribute* to) {
  to->set_name(from.name);
  struct Set {
    proto::Attribute* to;
    void operator()(int64_t i) const { to->set_type(2), to->set_i(i); }
    void operator()(double f) const { to->set_type(1), to->set_f(static_cast<float>(f)); }
    void operator()(const std::string& s) const { to->set_type(3), to->set_s(s); }
    void operator()(const std::vector<int64_t>& ints) const {
      to->set_type(7);
      for (const int64_t i : ints) to->add_ints(i);
    }
    void operator()(const std::vector<double>& floats) const {
      to->set_type(6);
      for (const double f : floats) to->add_floats(static_cast<float>(f));
    }
    void operator()(const Tensor& t) const { to->set_type(4), WriteTensor(t, to->mutable_t()); }
    void operator()(proto::Graph* g) const { to->set_type(5), *to->mutable_g() = *g; }
  };
  std::visit(Set{to}, from.value);
}

bool IsConstant(const adret::Node& node) { return node.attrs.Is<ConstantAttrs>(); }
bool IsLeaf(const adret::Node& node) { return node.attrs.Is<InputAttrs>() || node.attrs.Is<VariableAttrs>(); }

// Returns a node as its row sees it, but for the names of its inputs. read: what anything reads.
Site SiteOf(const Graph& graph, NodeId id, const absl::flat_hash_set<ValueId>& read) {
  Site site{graph.node(id), {}, {}, {}};
  for (const ValueId input : site.node.inputs) site.input_types.push_back(graph.type(input));
  for (size_t k = 0; k < site.node.outputs.size(); ++k) {
    site.read.push_back(read.contains({id, static_cast<int32_t>(k)}));
  }
  return site;
}

// Returns the values that are wanted, or that a needed node reads.
absl::flat_hash_set<ValueId> ReadValues(const Graph& graph, const std::vector<bool>& needed,
                                        const std::vector<Value>& wanted) {
  absl::flat_hash_set<ValueId> read;
  for (const Value& value : wanted) read.insert(value.id());
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (needed[id]) read.insert(graph.node(id).inputs.begin(), graph.node(id).inputs.end());
  }
  return read;
}

bool NeedsExpansion(const Site& site, int64_t version) {
  const Writer* row = FindWriter(site.node.op->name);
  return row != nullptr && row->expand != nullptr && !(row->fits != nullptr && row->fits(site, version));
}

// Returns the values in a graph without ops that have to be expanded: their own, or *scratch.
absl::StatusOr<std::vector<Value>> Expanded(std::vector<Value> values, int64_t version,
                                            std::vector<std::unique_ptr<Graph>>* scratch) {
  for (int round = 0; round < kMaxExpansions; ++round) {
    const Graph& graph = *values[0].graph();
    const std::vector<bool> needed = Ancestors(graph, values);
    const absl::flat_hash_set<ValueId> read = ReadValues(graph, needed, values);
    absl::flat_hash_set<const adret::Node*> expand;
    for (NodeId id = 0; id < graph.num_nodes(); ++id) {
      if (needed[id] && NeedsExpansion(SiteOf(graph, id, read), version)) expand.insert(&graph.node(id));
    }
    if (expand.empty()) return values;
    scratch->push_back(std::make_unique<Graph>());
    const NodeReplacement replace = [&expand](const adret::Node& node, absl::Span<const Value> inputs,
                                              absl::Span<const Type>) -> absl::StatusOr<std::optional<Values>> {
      if (!expand.contains(&node)) return std::nullopt;
      return FindWriter(node.op->name)->expand(node, Values(inputs.begin(), inputs.end()));
    };
    AD_ASSIGN_OR_RETURN(values, Import(values, {}, scratch->back().get(), {.replace = replace}));
  }
  return absl::InternalError("expansions of ops do not end");
}

}  // namespace

Emitter::Emitter(proto::Graph* graph, int64_t version, Emitter* outer)
    : graph_(graph), version_(version), outer_(outer) {}
Emitter::~Emitter() = default;

std::string Emitter::Unique(absl::string_view wish) {
  Emitter& file = root();
  std::string name(wish);
  while (name.empty() || !file.taken_.insert(name).second)
    name = absl::StrCat(wish, "_", ++file.next_[std::string(wish)]);
  return name;
}

Names Emitter::NodeMulti(absl::string_view op_type, Names inputs, int outputs, const EmittedAttrs& attrs) {
  proto::Node* node = graph_->add_node();
  node->set_op_type(std::string(op_type));
  for (std::string& input : inputs) {
    read_.insert(input);
    node->add_input(std::move(input));
  }
  for (const EmittedAttr& attr : attrs) SetAttr(attr, node->add_attribute());
  Names names;
  for (int i = 0; i < outputs; ++i) {
    names.push_back(Unique(op_type));
    made_[names.back()] = {graph_->node_size() - 1, i};
    node->add_output(names.back());
  }
  return names;
}

std::string Emitter::Node(absl::string_view op_type, Names inputs, const EmittedAttrs& attrs) {
  return NodeMulti(op_type, std::move(inputs), 1, attrs)[0];
}

void Emitter::Initializer(const std::string& name, const Tensor& tensor) {
  proto::Tensor* added = root().graph_->add_initializer();
  WriteTensor(tensor, added);
  added->set_name(name);
}

std::string Emitter::Constant(const Tensor& tensor) {
  std::string* known = nullptr;
  if (tensor.num_bytes() <= kMaxSharedBytes) {
    const std::string key = absl::StrCat(tensor.type().ToString(), ":",
                                         absl::string_view(static_cast<const char*>(tensor.raw()), tensor.num_bytes()));
    known = &root().constants_[key];
    if (!known->empty()) return *known;
  }
  const std::string name = Unique("constant");
  Initializer(name, tensor);
  if (known != nullptr) *known = name;
  return name;
}

std::string Emitter::Integers(const std::vector<int64_t>& numbers) {
  return Constant(Tensor::From<int64_t>({static_cast<int64_t>(numbers.size())}, numbers));
}

void Emitter::Declare(const std::string& name, const Shape& shape) {
  for (int a = 0; a < shape.rank(); ++a) {
    if (shape[a] >= 0) continue;
    int symbols = 0, last = -1;
    const Dim dim = shape.dim(a);
    dim.ForEachSymbol([&](int symbol) { ++symbols, last = symbol; });
    if (symbols == 1 && dim == Dim(SymbolName(last))) axes_.try_emplace(last, name, a);
  }
}

std::string Emitter::Symbol(int symbol) {
  for (Emitter* at = this; at != nullptr; at = at->outer_) {
    const auto found = at->axes_.find(symbol);
    if (found == at->axes_.end()) continue;
    const auto& [value, axis] = found->second;
    return Node("Gather", {Node("Shape", {value}), Integers({axis})});
  }
  if (status_.ok()) {
    status_ = absl::UnimplementedError(
        absl::StrCat("no input has an axis whose size is ", SymbolName(symbol), ", which shapes are computed of"));
  }
  return Integers({0});
}

std::string Emitter::Term(const Dim::Term& term) {
  std::string product;
  for (const Dim::Factor* factor : term.factors) {
    const std::string one = factor->symbol >= 0
                                ? Dimension(Dim(SymbolName(factor->symbol)))
                                : Node("Div", {Dimension(factor->numerator), Dimension(factor->denominator)});
    product = product.empty() ? one : Node("Mul", {product, one});
  }
  return term.coefficient == 1 ? product : Node("Mul", {product, Integers({term.coefficient})});
}

std::string Emitter::Dimension(const Dim& dim) {
  if (dim.number().has_value()) return Integers({*dim.number()});
  const std::string text = dim.ToString();
  for (Emitter* at = this; at != nullptr; at = at->outer_) {
    if (const auto found = at->dims_.find(text); found != at->dims_.end()) return found->second;
  }
  std::string sum;
  int symbols = 0, last = -1;
  dim.ForEachSymbol([&](int symbol) { ++symbols, last = symbol; });
  if (symbols == 1 && dim == Dim(SymbolName(last))) {
    sum = Symbol(last);
  } else {
    for (const Dim::Term& term : dim.terms()) {
      const std::string one = Term(term);
      sum = sum.empty() ? one : Node("Add", {sum, one});
    }
    if (dim.constant() != 0) sum = Node("Add", {sum, Integers({dim.constant()})});
  }
  dims_[text] = sum;
  return sum;
}

std::string Emitter::Dimensions(const Shape& shape) {
  if (!shape.is_symbolic()) return Integers(std::vector<int64_t>(shape.begin(), shape.end()));
  Names parts;
  for (int a = 0; a < shape.rank(); ++a) parts.push_back(Dimension(shape.dim(a)));
  return parts.size() == 1 ? parts[0] : Node("Concat", parts, {{"axis", int64_t{0}}});
}

std::string Emitter::Reshape(const std::string& x, const Shape& shape) {
  // Where one dimension is symbolic, and no other is 0, it follows from the others.
  std::vector<int64_t> dims(shape.begin(), shape.end());
  const int64_t symbolic = std::count_if(dims.begin(), dims.end(), [](int64_t d) { return d < 0; });
  const bool has_zero = std::count(dims.begin(), dims.end(), 0) > 0;
  if (symbolic == 1 && !has_zero) {
    std::replace_if(
        dims.begin(), dims.end(), [](int64_t d) { return d < 0; }, -1);
    return Node("Reshape", {x, Integers(dims)});
  }
  const EmittedAttrs attrs = has_zero || symbolic > 0 ? EmittedAttrs{{"allowzero", int64_t{1}}} : EmittedAttrs{};
  return Node("Reshape", {x, Dimensions(shape)}, attrs);
}

std::string Emitter::Cast(const std::string& x, DType dtype) {
  return Node("Cast", {x}, {{"to", int64_t{ElementTypeOf(dtype)}}});
}

std::string Emitter::Full(const Type& type, double value) {
  return Node("ConstantOfShape", {Dimensions(type.shape)}, {{"value", Tensor::Full(type.dtype, {1}, value)}});
}

void Emitter::Rename(const std::string& name, const std::string& to) {
  const auto found = made_.find(name);
  if (found == made_.end() || read_.contains(name)) {
    proto::Node* copy = graph_->add_node();
    copy->set_op_type("Identity");
    copy->add_input(name);
    copy->add_output(to);
    read_.insert(name);
    made_[to] = {graph_->node_size() - 1, 0};
    return;
  }
  const Place place = found->second;
  graph_->mutable_node(place.node)->set_output(place.output, to);
  made_.erase(found);
  made_[to] = place;
}

absl::StatusOr<Names> Emitter::WriteNode(Site site) {
  const adret::Node& node = site.node;
  if (node.op->traits.identity || node.op->traits.barrier) {
    site.inputs.resize(std::min(site.inputs.size(), node.outputs.size()));
    return site.inputs;
  }
  if (const Writer* row = FindWriter(node.op->name); row != nullptr) {
    if (!row->unsupported.empty()) return absl::UnimplementedError(row->unsupported);
    return row->to(*this, site);
  }
  const Operator* equal = EqualOperator(node.op->name, version_);
  if (equal == nullptr) return absl::UnimplementedError("ONNX has no operator for it");
  return NodeMulti(equal->name, std::move(site.inputs), static_cast<int>(node.outputs.size()));
}

absl::StatusOr<Names> Emitter::Write(const std::vector<Value>& values,
                                     const absl::flat_hash_map<std::string, std::string>& leaves) {
  std::vector<std::unique_ptr<Graph>> scratch;
  AD_ASSIGN_OR_RETURN(const std::vector<Value> wanted, Expanded(values, version_, &scratch));
  const Graph& graph = *wanted[0].graph();
  const std::vector<bool> needed = Ancestors(graph, wanted);
  const absl::flat_hash_set<ValueId> read = ReadValues(graph, needed, wanted);
  absl::flat_hash_map<ValueId, std::string> names;
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!needed[id]) continue;
    const adret::Node& node = graph.node(id);
    Names outputs;
    if (IsConstant(node)) {
      outputs = {Constant(node.attrs.As<ConstantAttrs>().value)};
    } else if (IsLeaf(node)) {
      outputs = {leaves.at(node.name)};
    } else {
      Site site = SiteOf(graph, id, read);
      for (const ValueId input : node.inputs) site.inputs.push_back(names.at(input));
      absl::StatusOr<Names> written = WriteNode(std::move(site));
      if (written.ok() && !status_.ok()) written = status_;
      if (!written.ok()) {
        return absl::Status(written.status().code(),
                            absl::StrCat("the op ", node.op->name, " (node ", Quoted(node.name),
                                         ") cannot be written as ONNX: ", written.status().message()));
      }
      outputs = *std::move(written);
      outputs.resize(node.outputs.size());
      if (!outputs[0].empty() && made_.contains(outputs[0]) && !read_.contains(outputs[0]) && graph.IsNamed(id)) {
        const std::string name = Unique(node.name);
        Rename(outputs[0], name);
        outputs[0] = name;
      }
    }
    for (size_t k = 0; k < outputs.size(); ++k) names[{id, static_cast<int32_t>(k)}] = outputs[k];
  }
  Names results;
  for (const Value& value : wanted) results.push_back(names.at(value.id()));
  return results;
}

absl::StatusOr<proto::Graph*> Emitter::Body(const Subgraph& body, const Names& captured) {
  root().bodies_.push_back(std::make_unique<proto::Graph>());
  proto::Graph* graph = root().bodies_.back().get();
  graph->set_name(Unique("body"));
  Emitter emitter(graph, version_, this);
  absl::flat_hash_map<std::string, std::string> leaves;
  const int own = body.num_inputs() - static_cast<int>(captured.size());
  for (int i = 0; i < body.num_inputs(); ++i) {
    const std::string& name = body.graph().node(i).name;
    leaves[name] = i < own ? Unique(name) : captured[i - own];
    if (i >= own) continue;
    WriteValueInfo(leaves[name], body.input_type(i), graph->add_input());
    emitter.Declare(leaves[name], body.input_type(i).shape);
  }
  AD_ASSIGN_OR_RETURN(const Names results, emitter.Write(body.OutputValues(), leaves));
  for (int k = 0; k < static_cast<int>(results.size()); ++k) {
    const std::string name = Unique("out");
    emitter.Rename(results[k], name);
    WriteValueInfo(name, body.output_type(k), graph->add_output());
  }
  return graph;
}

}  // namespace adret::onnx
