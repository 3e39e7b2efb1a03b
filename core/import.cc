#include "adret/core/import.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "adret/core/subgraph.h"

namespace adret {
namespace {

template <class... Parts>
absl::Status Bad(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("Import: ", parts...));
}

bool IsNamedLeaf(const Node& node) { return node.attrs.Is<VariableAttrs>() || node.attrs.Is<InputAttrs>(); }

class Importer {
 public:
  Importer(absl::Span<const Value> fetches, const std::vector<Substitution>& substitutions, Graph* to,
           const ImportOptions& options)
      : fetches_(fetches), substitutions_(substitutions), to_(to), options_(options) {}

  absl::StatusOr<Values> Run() {
    if (fetches_.empty()) return Values{};
    AD_RETURN_IF_ERROR(CheckFetches());
    AD_RETURN_IF_ERROR(AddSizes(options_.sizes));
    for (const Substitution& s : substitutions_) AD_RETURN_IF_ERROR(CheckSubstitution(s));
    Mark();
    AD_RETURN_IF_ERROR(CheckLeaves());
    for (NodeId id = 0; id < static_cast<NodeId>(needed_.size()); ++id) {
      if (!needed_[id]) continue;
      AD_RETURN_IF_ERROR(Copy(id));
    }
    Values results;
    for (const Value& fetch : fetches_) {
      AD_ASSIGN_OR_RETURN(const ValueId id, Input(fetch.id()));
      results.push_back(Value(to_, id));
    }
    return results;
  }

 private:
  absl::Status CheckFetches() {
    AD_RETURN_IF_ERROR(to_->status());
    for (const Value& fetch : fetches_) {
      if (fetch.graph() != nullptr) AD_RETURN_IF_ERROR(fetch.graph()->status());
    }
    for (const Value& fetch : fetches_) {
      if (!fetch.valid()) return Bad("a fetch is an invalid value");
      if (from_ != nullptr && fetch.graph() != from_) return Bad("fetches belong to different graphs");
      from_ = fetch.graph();
    }
    return absl::OkStatus();
  }

  absl::Status CheckSubstitution(const Substitution& s) {
    if (!s.from.valid() || s.from.graph() != from_) return Bad("a value to replace is not in the fetches' graph");
    if (!s.to.valid() || s.to.graph() != to_) return Bad("the value for ", s.from.name(), " is not in the new graph");
    if (!replaced_.emplace(s.from.id(), s.to.id()).second) return Bad(s.from.name(), " is replaced twice");
    const Type &old_type = s.from.type(), &new_type = s.to.type();
    const absl::Status misfit = Bad(s.from.name(), " is ", old_type.ToString(), ", which ", s.to.name(), ", ",
                                    new_type.ToString(), ", does not fit");
    if (old_type.dtype != new_type.dtype || old_type.shape.rank() != new_type.shape.rank()) return misfit;
    DimSizes sizes = options_.sizes;
    bool undecided = false;
    for (int a = 0; a < old_type.shape.rank(); ++a) {
      const int64_t old_dim = old_type.shape[a], new_dim = new_type.shape[a];
      if (old_dim == new_dim) {
        old_type.shape.dim(a).ForEachSymbol([&](int symbol) { kept_.insert(symbol); });
      } else if (new_dim < 0 || (old_dim >= 0 && !options_.resize)) {
        return misfit;
      } else if (old_dim >= 0) {
        resized_ = true;
      } else if (!MatchDim(old_dim, new_dim, &sizes, &undecided) || undecided) {
        return misfit;
      }
    }
    return AddSizes(sizes);
  }

  // Takes in the sizes that a replaced value gives to symbols; those of all of them must agree.
  absl::Status AddSizes(const DimSizes& sizes) {
    for (const auto& [symbol, size] : sizes.entries()) {
      if (sizes_.Find(symbol).value_or(size) != size) return DifferentSizes(symbol);
      sizes_.Set(symbol, size);
    }
    for (const auto& [symbol, size] : sizes_.entries()) {
      if (kept_.contains(symbol)) return DifferentSizes(symbol);
    }
    return absl::OkStatus();
  }
  static absl::Status DifferentSizes(int symbol) {
    if (symbol == 0) return Bad("replaced values have different batches");
    return Bad("replaced values have different sizes of '", SymbolName(symbol), "'");
  }

  // Which nodes to copy: from the fetches backwards, not past replaced values.
  void Mark() {
    NodeId last = 0;
    for (const Value& fetch : fetches_) last = std::max(last, fetch.node());
    needed_.assign(last + 1, false);
    const auto need = [&](ValueId id) {
      if (!replaced_.contains(id)) needed_[id.node] = true;
    };
    for (const Value& fetch : fetches_) need(fetch.id());
    for (NodeId id = last; id >= 0; --id) {
      if (!needed_[id]) continue;
      for (ValueId input : from_->node(id).inputs) need(input);
    }
  }

  absl::Status CheckLeaves() {
    for (NodeId id = 0; id < static_cast<NodeId>(needed_.size()); ++id) {
      const Node& node = from_->node(id);
      if (!needed_[id] || !IsNamedLeaf(node) || !to_->Contains(node.name)) continue;
      const Value there = *to_->Find(node.name);
      const Node& other = to_->node(there.node());
      const Type type{node.outputs[0].dtype, node.outputs[0].shape.With(sizes_)};
      if (other.op != node.op || other.outputs[0] != type) {
        return Bad(node.op->name, " ", node.name, " is ", type.ToString(), ", but the graph has ", other.op->name, " ",
                   other.outputs[0].ToString(), " of that name");
      }
    }
    return absl::OkStatus();
  }

  ValueId Mapped(ValueId id) const {
    auto it = replaced_.find(id);
    return it != replaced_.end() ? it->second : ValueId{copies_.at(id.node), id.output};
  }

  // What is repeated to the old shape, and is not copied as that: its copy before the repetition, and a node that
  // repeats (broadcast), to do it like that when somebody needs it.
  struct Waiting {
    ValueId value;
    NodeId repeater;
  };
  const Waiting* WaitingFor(ValueId id) const {
    const auto it = waiting_.find(id.node);
    return it == waiting_.end() || replaced_.contains(id) ? nullptr : &it->second;
  }

  // The copy of a value, repeated to its old shape if it waits.
  absl::StatusOr<ValueId> Input(ValueId id) {
    const Waiting* waiting = WaitingFor(id);
    if (waiting == nullptr) return Mapped(id);
    AD_ASSIGN_OR_RETURN(const ValueId copy, Repeat(*waiting, from_->type(id).shape.With(sizes_)));
    replaced_[id] = copy;
    return copy;
  }

  absl::StatusOr<ValueId> Repeat(const Waiting& waiting, const Shape& shape) {
    if (to_->type(waiting.value).shape == shape) return waiting.value;
    const Node& node = from_->node(waiting.repeater);
    AttrList list = node.attrs.list();
    for (Attr& attr : list) {
      if (std::holds_alternative<Shape>(attr.value)) attr.value = shape;
    }
    AD_ASSIGN_OR_RETURN(Attrs attrs, node.op->parse_attrs(list, MissingAttrs::kError));
    const NodeId copy = to_->AddNode(*node.op, {waiting.value}, std::move(attrs), node.location, FreeName(node.name));
    if (copy < 0) return to_->status();
    return ValueId{copy, 0};
  }

  // The copies of a node's inputs. Element-wise ops take operands of one shape: what was repeated to the old one is
  // repeated to the one that the others have now.
  absl::StatusOr<absl::InlinedVector<ValueId, 3>> Inputs(const Node& node) {
    absl::InlinedVector<ValueId, 3> inputs;
    if (!node.op->elementwise()) {
      for (ValueId id : node.inputs) {
        AD_ASSIGN_OR_RETURN(const ValueId input, Input(id));
        inputs.push_back(input);
      }
      return inputs;
    }
    Shape common;
    for (ValueId id : node.inputs) {
      const Waiting* waiting = WaitingFor(id);
      const ValueId operand = waiting != nullptr ? waiting->value : Mapped(id);
      AD_ASSIGN_OR_RETURN(common, BroadcastShapes(common, to_->type(operand).shape));
    }
    for (ValueId id : node.inputs) {
      const Waiting* waiting = WaitingFor(id);
      ValueId input = waiting != nullptr ? waiting->value : Mapped(id);
      if (waiting != nullptr) {
        AD_ASSIGN_OR_RETURN(input, Repeat(*waiting, common));
      }
      inputs.push_back(input);
    }
    return inputs;
  }

  // How a node's result waits, if it does: that of a repetition, and that of an element-wise op of such results alone,
  // which is computed before the repetition.
  std::optional<NodeId> RepeaterOf(NodeId id) const {
    const Node& node = from_->node(id);
    if (!resized_) return std::nullopt;
    if (node.op->traits.broadcast) return id;
    if (!node.op->elementwise() || node.inputs.empty()) return std::nullopt;
    for (ValueId input : node.inputs) {
      if (WaitingFor(input) == nullptr) return std::nullopt;
    }
    return WaitingFor(node.inputs[0])->repeater;
  }

  // After a change of size: the batch must be where it was, or a reshape has mixed examples.
  absl::Status CheckBatch(const Node& node, NodeId copy) const {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Shape& old_shape = node.outputs[i].shape;
      const Shape& new_shape = to_->node(copy).outputs[i].shape;
      const int axis = old_shape.symbolic_axis();
      if (axis < 0 || new_shape[axis] == old_shape.With(sizes_)[axis]) continue;
      return OneSize(node, absl::StrCat("it would be ", new_shape.ToString(), ", not ", old_shape.ToString()));
    }
    return absl::OkStatus();
  }

  static absl::Status OneSize(const Node& node, absl::string_view why) {
    return Bad(node.name, " is made for one size of its input: ", why);
  }

  // What options.replace puts in the node's place; false: nothing.
  absl::StatusOr<bool> Replace(NodeId id, absl::Span<const ValueId> inputs) {
    const Node& node = from_->node(id);
    if (options_.replace == nullptr || node.op->traits.leaf) return false;
    Values values;
    for (ValueId input : inputs) values.push_back(Value(to_, input));
    Types types = node.outputs;
    for (Type& type : types) type.shape = type.shape.With(sizes_);
    AD_ASSIGN_OR_RETURN(const std::optional<Values> instead, options_.replace(node, values, types));
    AD_RETURN_IF_ERROR(to_->status());
    if (!instead.has_value()) return false;
    if (instead->size() != node.outputs.size()) {
      return Bad(instead->size(), " values stand for the ", node.outputs.size(), " outputs of ", node.name);
    }
    for (size_t i = 0; i < instead->size(); ++i) {
      if ((*instead)[i].valid()) replaced_[{id, static_cast<int32_t>(i)}] = (*instead)[i].id();
    }
    return true;
  }

  // Returns the shape among a node's attributes with sizes in the place of symbols. -1 where the output is known is no
  // symbol, but what a view infers.
  Shape WithSizes(const Shape& shape, const Node& node) const {
    Shape result = shape.With(sizes_);
    const Shape& output = node.outputs[0].shape;
    for (int a = 0; a < shape.rank() && shape.rank() == output.rank(); ++a) {
      if (node.op->traits.view && shape[a] == kAnyBatch && output[a] >= 0) result.set(a, kAnyBatch);
    }
    return result;
  }

  // The attributes with sizes in the place of their symbols and streams renumbered.
  absl::StatusOr<Attrs> CopyAttrs(const Node& node) {
    AttrList list = node.attrs.list();
    bool changed = false;
    for (Attr& attr : list) {
      if (auto* shape = std::get_if<Shape>(&attr.value); shape != nullptr && shape->is_symbolic() && !sizes_.empty()) {
        *shape = WithSizes(*shape, node);
        changed = true;
      }
      auto* body = std::get_if<SubgraphRef>(&attr.value);
      if (body != nullptr && *body != nullptr && (*body)->is_symbolic() && !sizes_.empty()) {
        AD_ASSIGN_OR_RETURN(*body, (*body)->With(sizes_));
        changed = true;
      }
      if (node.op->traits.random && attr.name == "stream") {
        const int64_t old_stream = std::get<int64_t>(attr.value);
        auto [it, is_new] = streams_.try_emplace(old_stream, 0);
        if (is_new) it->second = to_->NewRandomStream();
        attr.value = it->second;
        changed = true;
      }
    }
    if (!changed) return node.attrs;
    return node.op->parse_attrs(list, MissingAttrs::kError);
  }

  std::string FreeName(const std::string& name) const {
    const std::string base = absl::StrCat(to_->scope(), name);
    std::string candidate = base;
    for (int i = 1; to_->Contains(candidate); ++i) candidate = absl::StrCat(base, "_", i);
    return candidate;
  }

  absl::Status Copy(NodeId id) {
    const Node& node = from_->node(id);
    const bool named_leaf = IsNamedLeaf(node);
    if (named_leaf && to_->Contains(node.name)) {
      copies_[id] = to_->Find(node.name)->node();
      return absl::OkStatus();
    }
    const std::optional<NodeId> repeater = RepeaterOf(id);
    if (repeater == id) {
      AD_ASSIGN_OR_RETURN(const ValueId value, Input(node.inputs[0]));
      waiting_[id] = {value, id};
      return absl::OkStatus();
    }
    AD_ASSIGN_OR_RETURN(const auto inputs, Inputs(node));
    AD_ASSIGN_OR_RETURN(const bool replaced, Replace(id, inputs));
    if (replaced) return absl::OkStatus();
    AD_ASSIGN_OR_RETURN(Attrs attrs, CopyAttrs(node));
    const std::string name = named_leaf ? node.name : FreeName(node.name);
    std::optional<DerivativeScope> derivative;
    if (node.gradient) derivative.emplace(to_);
    const NodeId copy = to_->AddNode(*node.op, inputs, std::move(attrs), node.location, name);
    if (copy < 0) return resized_ ? OneSize(node, to_->status().message()) : to_->status();
    if (repeater.has_value()) {
      waiting_[id] = {{copy, 0}, *repeater};
      return absl::OkStatus();
    }
    if (resized_) AD_RETURN_IF_ERROR(CheckBatch(node, copy));
    if (const Initializer& initializer = from_->initializer(id); initializer != nullptr) {
      to_->SetInitializer(copy, initializer);
    }
    copies_[id] = copy;
    return absl::OkStatus();
  }

  const absl::Span<const Value> fetches_;
  const std::vector<Substitution>& substitutions_;
  Graph* const to_;
  const ImportOptions& options_;
  Graph* from_ = nullptr;
  bool resized_ = false;
  DimSizes sizes_;                 // of symbols that become numbers
  absl::flat_hash_set<int> kept_;  // symbols that stay
  std::vector<bool> needed_;
  absl::flat_hash_map<ValueId, ValueId> replaced_;
  absl::flat_hash_map<NodeId, NodeId> copies_;
  absl::flat_hash_map<NodeId, Waiting> waiting_;  // by node
  absl::flat_hash_map<int64_t, int64_t> streams_;
};

}  // namespace

absl::StatusOr<Values> Import(absl::Span<const Value> fetches, const std::vector<Substitution>& substitutions,
                              Graph* to, const ImportOptions& options) {
  return Importer(fetches, substitutions, to, options).Run();
}

}  // namespace adret
