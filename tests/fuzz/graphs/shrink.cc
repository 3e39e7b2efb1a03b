#include "adret/tests/fuzz/graphs/shrink.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adret/core/infer_types.h"
#include "adret/core/subgraph.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"

namespace adret::fuzz {
namespace {

// What a copy of a case does otherwise.
struct Changes {
  std::set<NodeId> leaves = {};              // nodes in whose place inputs stand that hold their numbers
  std::pair<NodeId, int> skipped = {-1, 0};  // a node in whose place its input of that number stands
  // A node in a body of a node, in whose place its input of that number stands. Of bodies in bodies only the outer one.
  struct InBody {
    NodeId outer = -1;
    int body = 0;  // the number of the attribute
    NodeId node = -1;
    int input = 0;
  } in_body = {};
  std::map<int64_t, int64_t> sizes = {};  // dimensions, in leaves and attributes
  bool concrete = false;                  // the first run's sizes in place of symbols
  bool counted = false;                   // the numbers of floating leaves are 1, 2, 3, ...
  bool no_variables = false;              // inputs and constants in place of variables
};

Tensor Resized(const Tensor& t, const Shape& shape) {
  Tensor result(t.dtype(), shape);
  const size_t size = SizeOf(t.dtype()), n = t.num_elements();
  for (int64_t i = 0; i < result.num_elements(); ++i) {
    char* to = static_cast<char*>(result.mutable_raw()) + i * size;
    if (n == 0) {
      std::memset(to, 0, size);
    } else {
      std::memcpy(to, static_cast<const char*>(t.raw()) + i % n * size, size);
    }
  }
  return result;
}

Tensor Counted(const Type& type) {
  Tensor exact(DType::kFloat64, type.shape);
  double next = 1;
  for (double& v : exact.mutable_data<double>()) v = next++;
  return exact.Cast(type.dtype);
}

// Copies a case with changes.
class Copier {
 public:
  Copier(const GraphCase& c, const Changes& changes, const std::vector<NodeOutputs>& outputs)
      : c_(c), changes_(changes), outputs_(outputs), sizes_(SizesOf(c.runs[0])) {}

  // Nothing where a type rule refuses what would come out.
  std::optional<GraphCase> Copy() {
    copy_.state.seed = c_.state.seed;
    copy_.state.step = c_.state.step;
    copy_.law = c_.law, copy_.law_seed = c_.law_seed;
    copy_.runs.resize(c_.runs.size());
    const std::vector<bool> needed = NeededNodes(c_);
    values_.resize(c_.graph->num_nodes());
    for (NodeId id = 0; id < c_.graph->num_nodes(); ++id) {
      if (needed[id] && !CopyNode(id)) return std::nullopt;
    }
    for (const Value& v : c_.fetches) copy_.fetches.push_back(Of(v.id()));
    for (const Update& u : c_.updates) {
      const Update copy{Of(u.variable.id()), Of(u.value.id())};
      if (copy.variable.type() != copy.value.type()) return std::nullopt;
      copy_.updates.push_back(copy);
    }
    if (!copy_.graph->status().ok()) return std::nullopt;
    for (const Feeds& feeds : copy_.runs) {
      if (!FindSizes(feeds).has_value()) return std::nullopt;
    }
    return std::move(copy_);
  }

 private:
  Value Of(ValueId v) const { return values_[v.node][v.output]; }

  int64_t Size(int64_t d) const {
    if (d < 0 && changes_.concrete) d = Dim::Of(d).With(sizes_);
    auto it = changes_.sizes.find(d);
    return it == changes_.sizes.end() ? d : it->second;
  }
  Shape Sizes(Shape shape) const {
    for (int d = 0; d < shape.rank(); ++d) shape.set(d, Size(shape[d]));
    return shape;
  }

  Tensor Changed(const Tensor& t, const Shape& shape) const {
    if (changes_.counted && IsFloating(t.dtype())) return Counted({t.dtype(), shape});
    return t.shape() == shape ? t : Resized(t, shape);
  }

  // An input that is fed with these numbers at each run.
  Value AddInput(const std::string& name, const Type& type, absl::Span<const Tensor* const> tensors) {
    const Value v = copy_.graph->Input(name, type.dtype, Sizes(type.shape));
    if (!v.valid()) return v;
    for (size_t r = 0; r < tensors.size(); ++r) {
      Shape shape = v.shape();
      for (int a = 0; a < shape.rank(); ++a) {
        if (shape[a] < 0) shape.set(a, tensors[r]->shape()[a]);
      }
      copy_.runs[r].emplace_back(v, Changed(*tensors[r], shape));
    }
    return v;
  }

  bool CopyLeaf(NodeId id) {
    const Node& node = c_.graph->node(id);
    const Type& type = node.outputs[0];
    if (node.attrs.Is<ConstantAttrs>()) {
      const Tensor& t = node.attrs.As<ConstantAttrs>().value;
      values_[id] = {copy_.graph->Constant(Changed(t, Sizes(t.shape())))};
    } else if (node.attrs.Is<InputAttrs>()) {
      std::vector<const Tensor*> tensors;
      for (const Feeds& feeds : c_.runs) tensors.push_back(FindFeed(feeds, id));
      values_[id] = {AddInput(node.name, type, tensors)};
    } else {
      const absl::StatusOr<Tensor> before = c_.state.Get(node.name);
      if (!before.ok()) return false;
      const Tensor t = Changed(*before, Sizes(type.shape));
      if (changes_.no_variables) {
        values_[id] = {copy_.graph->Constant(t)};
        return c_.updates.empty();
      }
      values_[id] = {copy_.graph->Variable(node.name, t)};
      copy_.state.Set(node.name, t.Clone());
    }
    return copy_.graph->status().ok();
  }

  bool CopyNode(NodeId id) {
    const Node& node = c_.graph->node(id);
    if (node.op->traits.leaf) return CopyLeaf(id);
    if (changes_.leaves.count(id)) {
      if (outputs_.empty()) return false;
      for (size_t k = 0; k < node.outputs.size(); ++k) {
        std::vector<const Tensor*> tensors;
        for (const NodeOutputs& outputs : outputs_) tensors.push_back(&outputs[id][k]);
        values_[id].push_back(AddInput(absl::StrCat("held_", id, "_", k), node.outputs[k], tensors));
      }
      return copy_.graph->status().ok();
    }
    if (changes_.skipped.first == id) {
      const Value input = Of(node.inputs[changes_.skipped.second]);
      values_[id] = {input};
      return true;
    }
    Values inputs;
    for (ValueId v : node.inputs) inputs.push_back(Of(v));
    values_[id] = CopyOp(node, id, inputs, copy_.graph.get());
    return !values_[id].empty();
  }

  // The outputs of a copy of a node, or nothing. id: of a node that is in no body.
  Values CopyOp(const Node& node, NodeId id, const Values& inputs, Graph* to) const {
    AttrList list = node.attrs.list();
    for (size_t i = 0; i < list.size(); ++i) {
      if (auto* shape = std::get_if<Shape>(&list[i].value)) *shape = Sizes(*shape);
      if (auto* numbers = std::get_if<std::vector<int64_t>>(&list[i].value)) {
        for (int64_t& n : *numbers) n = n > 1 ? Size(n) : n;
      }
      if (auto* body = std::get_if<SubgraphRef>(&list[i].value); body != nullptr && *body != nullptr) {
        const bool changes = id >= 0 && changes_.in_body.outer == id && changes_.in_body.body == static_cast<int>(i);
        *body = CopyBody(**body, changes ? changes_.in_body : Changes::InBody{});
        if (*body == nullptr) return {};
      }
    }
    if (Values made = AddNode(node, list, inputs, to); !made.empty()) return made;
    for (size_t i = 0; i < list.size(); ++i) {
      if (std::holds_alternative<std::vector<int64_t>>(list[i].value)) list[i] = node.attrs.list()[i];
    }
    return AddNode(node, list, inputs, to);
  }

  static Values AddNode(const Node& node, const AttrList& list, const Values& inputs, Graph* to) {
    const absl::StatusOr<Attrs> attrs = node.op->parse_attrs(list, MissingAttrs::kError);
    if (!attrs.ok()) return {};
    Types types;
    absl::InlinedVector<ValueId, 3> ids;
    for (const Value& v : inputs) types.push_back(v.type()), ids.push_back(v.id());
    const absl::StatusOr<Types> outputs = InferTypes(*node.op, types, *attrs);
    if (!outputs.ok()) return {};
    const NodeId made = to->AddNode(*node.op, ids, *attrs, node.location);
    Values values;
    for (int k = 0; made >= 0 && k < static_cast<int>(outputs->size()); ++k) values.emplace_back(to, ValueId{made, k});
    return values;
  }

  SubgraphRef CopyBody(const Subgraph& body, const Changes::InBody& change) const {
    Graph graph;
    std::vector<Values> values(body.graph().num_nodes());
    for (NodeId id = 0; id < body.graph().num_nodes(); ++id) {
      const Node& node = body.graph().node(id);
      Values inputs;
      for (ValueId v : node.inputs) inputs.push_back(values[v.node][v.output]);
      if (node.attrs.Is<InputAttrs>()) {
        values[id] = {graph.Input(node.name, node.outputs[0].dtype, Sizes(node.outputs[0].shape))};
      } else if (node.attrs.Is<ConstantAttrs>()) {
        const Tensor& t = node.attrs.As<ConstantAttrs>().value;
        values[id] = {graph.Constant(Changed(t, Sizes(t.shape())))};
      } else if (id == change.node) {
        values[id] = {inputs[change.input]};
      } else {
        values[id] = CopyOp(node, -1, inputs, &graph);
      }
      if (values[id].empty() || !graph.status().ok()) return nullptr;
    }
    Values inputs, outputs;
    for (int i = 0; i < body.num_inputs(); ++i) inputs.push_back(values[i][0]);
    for (ValueId v : body.outputs()) outputs.push_back(values[v.node][v.output]);
    auto made = Subgraph::Make(inputs, outputs);
    return made.ok() ? *std::move(made) : nullptr;
  }

  const GraphCase& c_;
  const Changes& changes_;
  const std::vector<NodeOutputs>& outputs_;  // by run
  const DimSizes sizes_;
  GraphCase copy_;
  std::vector<Values> values_;  // the copies of each node's outputs
};

class Shrinker {
 public:
  Shrinker(GraphCase c, const std::function<bool(const GraphCase&)>& fails, double seconds)
      : best_(std::move(c)), fails_(fails), end_(Clock::now() + std::chrono::milliseconds(int64_t(seconds * 1000))) {
    Remember();
  }

  GraphCase Run() {
    for (bool smaller = true; smaller && InTime();) {
      smaller = DropRuns();
      smaller |= DropFetchesAndUpdates();
      smaller |= CutOffOperands();
      smaller |= MoveFetches();
      smaller |= DropNodes();
      smaller |= DropNodesOfBodies();
      smaller |= ChangeLeaves();
    }
    return std::move(best_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool InTime() const { return Clock::now() < end_; }

  // What nodes computed, for leaves in their place.
  void Remember() {
    outputs_.clear();
    State state = best_.state;
    const std::vector<bool> needed = NeededNodes(best_);
    for (const Feeds& feeds : best_.runs) {
      absl::StatusOr<NodeOutputs> outputs = RunNodes(*best_.graph, needed, feeds, state);
      if (!outputs.ok()) {
        outputs_.clear();
        return;
      }
      ApplyUpdates(best_.updates, *outputs, &state);
      outputs_.push_back(*std::move(outputs));
    }
  }

  bool Try(std::optional<GraphCase> c) {
    if (!c.has_value() || !InTime() || (c->fetches.empty() && c->updates.empty()) || !fails_(*c)) return false;
    best_ = *std::move(c);
    Remember();
    return true;
  }
  bool Try(const Changes& changes) { return Try(Copier(best_, changes, outputs_).Copy()); }
  std::optional<GraphCase> Copy() { return Copier(best_, {}, outputs_).Copy(); }

  bool DropRuns() {
    bool smaller = false;
    for (size_t r = best_.runs.size(); r-- > 0 && best_.runs.size() > 1;) {
      std::optional<GraphCase> c = Copy();
      if (c.has_value()) c->runs.erase(c->runs.begin() + r);
      smaller |= Try(std::move(c));
    }
    return smaller;
  }

  template <class T>
  bool DropFrom(T GraphCase::*list) {
    bool smaller = false;
    for (size_t keep = 0; keep < (best_.*list).size() && (best_.*list).size() > 1; ++keep) {
      std::optional<GraphCase> c = Copy();
      if (!c.has_value()) break;
      (*c).*list = {((*c).*list)[keep]};
      if (Try(std::move(c))) return true;
    }
    for (size_t k = (best_.*list).size(); k-- > 0;) {
      std::optional<GraphCase> c = Copy();
      if (!c.has_value()) break;
      ((*c).*list).erase(((*c).*list).begin() + k);
      smaller |= Try(std::move(c));
    }
    return smaller;
  }

  bool DropFetchesAndUpdates() {
    std::optional<GraphCase> c = Copy();
    if (c.has_value()) c->updates.clear();
    bool smaller = !best_.updates.empty() && Try(std::move(c));
    smaller |= DropFrom(&GraphCase::updates);
    smaller |= DropFrom(&GraphCase::fetches);
    return smaller;
  }

  // Everything before a node held, for the latest node that still fails.
  bool CutOffOperands() {
    bool smaller = false;
    for (int step = best_.graph->num_nodes() / 2; step > 0; step /= 2) {
      for (NodeId from = 0; from < best_.graph->num_nodes() && InTime(); from += step) {
        Changes changes;
        const std::vector<bool> needed = NeededNodes(best_);
        for (NodeId id = from; id < std::min(from + step, best_.graph->num_nodes()); ++id) {
          if (needed[id] && !best_.graph->node(id).op->traits.leaf) changes.leaves.insert(id);
        }
        if (!changes.leaves.empty()) smaller |= Try(changes);
      }
    }
    return smaller;
  }

  // What a fetch is computed from in place of the fetch.
  bool MoveFetches() {
    bool smaller = false;
    for (size_t k = 0; k < best_.fetches.size(); ++k) {
      const auto inputs = best_.graph->node(best_.fetches[k].node()).inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        std::optional<GraphCase> c = Copy();
        if (!c.has_value()) continue;
        const ValueId input = c->graph->node(c->fetches[k].node()).inputs[i];
        c->fetches[k] = Value(c->graph.get(), input);
        if (Try(std::move(c))) {
          smaller = true;
          break;
        }
      }
    }
    return smaller;
  }

  bool DropNodes() {
    bool smaller = false;
    for (NodeId id = best_.graph->num_nodes() - 1; id >= 0 && InTime(); --id) {
      if (id >= best_.graph->num_nodes()) continue;
      const std::vector<bool> needed = NeededNodes(best_);
      const Node& node = best_.graph->node(id);
      if (!needed[id] || node.op->traits.leaf) continue;
      const int inputs = static_cast<int>(node.inputs.size());
      for (int i = 0; i < inputs && node.outputs.size() == 1; ++i) {
        if (Try(Changes{.skipped = {id, i}})) {
          smaller = true;
          break;
        }
      }
    }
    return smaller;
  }

  // Nodes of bodies replaced by their inputs, those that come last first.
  bool DropNodesOfBodies() {
    bool smaller = false;
    for (NodeId outer = best_.graph->num_nodes() - 1; outer >= 0 && InTime(); --outer) {
      if (outer >= best_.graph->num_nodes() || !NeededNodes(best_)[outer]) continue;
      for (int i = 0; i < static_cast<int>(best_.graph->node(outer).attrs.list().size()); ++i) {
        while (InTime() && DropNodeOfBody(outer, i)) smaller = true;
      }
    }
    return smaller;
  }

  bool DropNodeOfBody(NodeId outer, int i) {
    if (outer >= best_.graph->num_nodes()) return false;  // what a copy does not need, it leaves out
    const AttrList& list = best_.graph->node(outer).attrs.list();
    if (i >= static_cast<int>(list.size())) return false;
    const auto* attr = std::get_if<SubgraphRef>(&list[i].value);
    if (attr == nullptr || *attr == nullptr) return false;
    const SubgraphRef body = *attr;
    for (NodeId id = body->graph().num_nodes() - 1; id >= body->num_inputs(); --id) {
      const Node& node = body->graph().node(id);
      for (int k = 0; k < static_cast<int>(node.inputs.size()) && node.outputs.size() == 1; ++k) {
        if (Try(Changes{.in_body = {outer, i, id, k}})) return true;
      }
    }
    return false;
  }

  bool ChangeLeaves() {
    bool smaller = false;
    std::set<int64_t> sizes;
    for (NodeId id = 0; id < best_.graph->num_nodes(); ++id) {
      const Node& node = best_.graph->node(id);
      if (!node.op->traits.leaf) continue;
      for (int64_t d : node.outputs[0].shape) sizes.insert(d);
    }
    for (auto it = sizes.rbegin(); it != sizes.rend(); ++it) {
      for (int64_t size : {int64_t{1}, int64_t{2}, *it / 2}) {
        if (size > 0 && size < *it && Try(Changes{.sizes = {{*it, size}}})) {
          smaller = true;
          break;
        }
      }
    }
    if (*sizes.begin() < 0) smaller |= Try(Changes{.concrete = true});
    if (!counted_ && Try(Changes{.counted = true})) counted_ = true;
    if (!best_.state.tensors().empty()) smaller |= Try(Changes{.no_variables = true});
    return smaller;
  }

  GraphCase best_;
  const std::function<bool(const GraphCase&)>& fails_;
  const Clock::time_point end_;
  std::vector<NodeOutputs> outputs_;  // of best_, by run; empty where they cannot be computed
  bool counted_ = false;
};

}  // namespace

GraphCase Shrink(GraphCase c, const std::function<bool(const GraphCase&)>& fails, double seconds) {
  return Shrinker(std::move(c), fails, seconds).Run();
}

}  // namespace adret::fuzz
