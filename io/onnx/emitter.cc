#include "adret/io/onnx/emitter.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "adret/core/import.h"
#include "adret/core/names.h"
#include "adret/core/status.h"
#include "adret/core/subgraph.h"
#include "adret/io/onnx/attributes.h"
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
    void operator()(int64_t i) const { to->set_type(kInt), to->set_i(i); }
    void operator()(double f) const { to->set_type(kFloat), to->set_f(static_cast<float>(f)); }
    void operator()(const std::string& s) const { to->set_type(kString), to->set_s(s); }
    void operator()(const std::vector<int64_t>& ints) const {
      to->set_type(kInts);
      for (const int64_t i : ints) to->add_ints(i);
    }
    void operator()(const std::vector<double>& floats) const {
      to->set_type(kFloats);
      for (const double f : floats) to->add_floats(static_cast<float>(f));
    }
    void operator()(const Tensor& t) const { to->set_type(kTensor), WriteTensor(t, to->mutable_t()); }
    void operator()(proto::Graph* g) const { to->set_type(kGraph), to->mutable_g()->Swap(g); }
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
    const std::vector<bool> needed = NeededNodes(graph, values);
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

std::vector<bool> NeededNodes(const Graph& graph, const std::vector<Value>& values) {
  std::vector<bool> needed(graph.num_nodes(), false);
  for (const Value& value : values) needed[value.node()] = true;
  for (NodeId id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!needed[id]) continue;
    const adret::Node& node = graph.node(id);
    const bool passes = node.op->traits.identity || node.op->traits.barrier;
    const size_t read = passes ? std::min(node.inputs.size(), node.outputs.size()) : node.inputs.size();
    for (size_t i = 0; i < read; ++i) needed[node.inputs[i].node] = true;
  }
  return needed;
}

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
  Emitter& file = root();
  proto::Tensor* added = file.graph_->add_initializer();
  added->set_name(name);
  if (tensor.num_bytes() > kLargeBytes) {
    WriteTensorType(tensor.type(), added);
    file.large_tensors_.push_back({tensor, added});
  } else {
    WriteTensor(tensor, added);
  }
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

void Emitter::Input(const std::string& name, const Type& type) {
  WriteValueInfo(name, type, graph_->add_input());
  for (int a = 0; a < type.shape.rank(); ++a) {
    if (type.shape[a] >= 0) continue;
    int symbols = 0, last = -1;
    const Dim dim = type.shape.dim(a);
    dim.ForEachSymbol([&](int symbol) { ++symbols, last = symbol; });
    if (symbols == 1 && dim == Dim(SymbolName(last))) axes_.try_emplace(last, name, a);
  }
}

void Emitter::Output(const std::string& name, const Type& type) { WriteValueInfo(name, type, graph_->add_output()); }

bool Emitter::Knows(const Dim& dim) const {
  bool all = true;
  dim.ForEachSymbol([&](int symbol) {
    bool known = false;
    for (const Emitter* at = this; at != nullptr && !known; at = at->outer_) known = at->axes_.contains(symbol);
    all = all && known;
  });
  return all;
}

std::string Emitter::Symbol(int symbol) {
  const auto found = axes_.find(symbol);
  if (found != axes_.end())
    return Node("Gather", {Node("Shape", {found->second.first}), Integers({found->second.second})});
  if (root().status_.ok()) {
    root().status_ = absl::UnimplementedError(
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
  // Sizes that a graph around knows are computed there: once, where this graph is the body of a loop.
  if (outer_ != nullptr && outer_->Knows(dim)) return outer_->Dimension(dim);
  const std::string text = dim.ToString();
  if (const auto found = dims_.find(text); found != dims_.end()) return found->second;
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
  read_.insert(sum);
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
  // Before operator set 14, a 0 stands for the dimension of the operand.
  if (has_zero && version_ < 14 && root().status_.ok()) {
    root().status_ = absl::UnimplementedError("a reshape to an axis of size 0 needs operator set 14");
  }
  EmittedAttrs attrs;
  if (version_ >= 14 && (has_zero || symbolic > 0)) attrs.push_back({"allowzero", int64_t{1}});
  return Node("Reshape", {x, Dimensions(shape)}, attrs);
}

std::string Emitter::Cast(const std::string& x, DType dtype) {
  return Node("Cast", {x}, {{"to", int64_t{ElementTypeOf(dtype)}}});
}

std::string Emitter::Full(const Type& type, double value) {
  return Node("ConstantOfShape", {Dimensions(type.shape)}, {{"value", Tensor::Full(type.dtype, {1}, value)}});
}

bool Emitter::IsNew(const std::string& name, int first) const {
  const auto found = made_.find(name);
  return found != made_.end() && found->second.node >= first && !read_.contains(name);
}

void Emitter::Rename(const std::string& name, const std::string& to) {
  const Place place = made_.at(name);
  graph_->mutable_node(place.node)->set_output(place.output, to);
  made_.erase(name);
  made_[to] = place;
}

absl::StatusOr<Names> Emitter::WriteNode(const Site& site) {
  const adret::Node& node = site.node;
  const auto written = [&]() -> absl::StatusOr<Names> {
    if (node.op->traits.identity || node.op->traits.barrier) return site.inputs;
    if (const Writer* row = FindWriter(node.op->name); row != nullptr) {
      if (!row->unsupported.empty()) return absl::UnimplementedError(row->unsupported);
      return row->to(*this, site);
    }
    const Operator* equal = EqualOperator(node.op->name, version_);
    if (equal == nullptr) return absl::UnimplementedError("ONNX has no operator for it");
    return NodeMulti(equal->name, site.inputs, static_cast<int>(node.outputs.size()));
  };
  absl::StatusOr<Names> outputs = written();
  if (outputs.ok() && !root().status_.ok()) outputs = root().status_;
  if (outputs.ok()) outputs->resize(node.outputs.size());
  if (outputs.ok()) return outputs;
  // What lies in a body has said where it is.
  const bool inner = absl::StartsWith(outputs.status().message(), "the op ");
  return absl::Status(outputs.status().code(),
                      absl::StrCat(inner ? ""
                                         : absl::StrCat("the op ", node.op->name, " (node ", Quoted(node.name),
                                                        ") cannot be written as ONNX: "),
                                   outputs.status().message()));
}

absl::StatusOr<Names> Emitter::Write(const std::vector<Value>& values,
                                     const absl::flat_hash_map<std::string, std::string>& leaves, const Names& wanted) {
  std::vector<std::unique_ptr<Graph>> scratch;
  AD_ASSIGN_OR_RETURN(const std::vector<Value> expanded, Expanded(values, version_, &scratch));
  const Graph& graph = *expanded[0].graph();
  const std::vector<bool> needed = NeededNodes(graph, expanded);
  const absl::flat_hash_set<ValueId> read = ReadValues(graph, needed, expanded);
  absl::flat_hash_map<ValueId, std::string> names, wishes;
  for (size_t k = 0; k < wanted.size(); ++k) wishes.try_emplace(expanded[k].id(), wanted[k]);
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    if (!needed[id]) continue;
    const adret::Node& node = graph.node(id);
    Names outputs;
    const int first = graph_->node_size();
    if (IsConstant(node)) {
      outputs = {Constant(node.attrs.As<ConstantAttrs>().value)};
    } else if (IsLeaf(node)) {
      outputs = {leaves.at(node.name)};
    } else {
      Site site = SiteOf(graph, id, read);
      for (const ValueId input : node.inputs) {
        const auto found = names.find(input);
        site.inputs.push_back(found == names.end() ? "" : found->second);  // "": of what only has to run before
      }
      AD_ASSIGN_OR_RETURN(outputs, WriteNode(site));
    }
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ValueId value{id, static_cast<int32_t>(k)};
      const auto wish = wishes.find(value);
      const bool named = wish != wishes.end() || (k == 0 && graph.IsNamed(id));
      if (named && IsNew(outputs[k], first) && std::count(outputs.begin(), outputs.end(), outputs[k]) == 1) {
        const std::string name = wish != wishes.end() ? wish->second : Unique(node.name);
        Rename(outputs[k], name);
        outputs[k] = name;
      }
      names[value] = outputs[k];
    }
  }
  Names results;
  for (size_t k = 0; k < expanded.size(); ++k) {
    results.push_back(names.at(expanded[k].id()));
    if (wanted.empty() || results[k] == wanted[k]) continue;
    const std::string copy = Node("Identity", {results[k]});
    Rename(copy, wanted[k]);
    results[k] = wanted[k];
  }
  return results;
}

std::unique_ptr<Emitter> Emitter::NewBody() {
  root().bodies_.push_back(std::make_unique<proto::Graph>());
  proto::Graph* graph = root().bodies_.back().get();
  graph->set_name(Unique("body"));
  return std::make_unique<Emitter>(graph, version_, this);
}

absl::StatusOr<Names> Emitter::Inline(const Subgraph& body, const Names& inputs, const Names& wanted) {
  absl::flat_hash_map<std::string, std::string> leaves;
  for (int i = 0; i < body.num_inputs(); ++i) leaves[body.graph().node(i).name] = inputs[i];
  return Write(body.OutputValues(), leaves, wanted);
}

absl::StatusOr<proto::Graph*> Emitter::Body(const Subgraph& body, const Names& captured) {
  const std::unique_ptr<Emitter> inner = NewBody();
  Names inputs, outputs;
  const int own = body.num_inputs() - static_cast<int>(captured.size());
  for (int i = 0; i < own; ++i) {
    inputs.push_back(Unique(body.graph().node(i).name));
    inner->Input(inputs.back(), body.input_type(i));
  }
  inputs.insert(inputs.end(), captured.begin(), captured.end());
  for (size_t k = 0; k < body.outputs().size(); ++k) outputs.push_back(Unique("out"));
  AD_RETURN_IF_ERROR(inner->Inline(body, inputs, outputs).status());
  for (size_t k = 0; k < outputs.size(); ++k) inner->Output(outputs[k], body.output_type(static_cast<int>(k)));
  return inner->graph();
}

}  // namespace adret::onnx
