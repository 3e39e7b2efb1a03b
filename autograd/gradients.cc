#include "adret/autograd/gradients.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/ops/add_up_internal.h"
#include "adret/ops/broadcast.h"
#include "adret/ops/reshape.h"

namespace adret {
namespace {

class Differentiator {
 public:
  Differentiator(Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> xs, const GradientOptions& options,
                 std::source_location location)
      : graph_(graph), ys_(ys), xs_(xs), options_(options), location_(location) {}

  Values Run() {
    if (!Check()) return Invalid();
    const DerivativeScope scope(graph_);
    FindActive();
    Seed();
    for (NodeId id = last_; id >= first_ && graph_->status().ok(); --id) {
      if (active_[id]) Visit(id);
    }
    if (!graph_->status().ok()) return Invalid();
    Values result;
    for (const Value& x : xs_) {
      const Value dx = Cotangent(x.id());
      result.push_back(dx.valid() ? dx : ZerosLike(Operand(x, location_)));
    }
    return result;
  }

 private:
  // Values of the graph, so that whoever is given them finds its error.
  Values Invalid() const { return Values(xs_.size(), Value(graph_, {-1, 0})); }

  void Fail(const std::string& message) { graph_->Fail(absl::InvalidArgumentError(message), location_); }

  bool Check() {
    for (const auto& [values, what] : {std::pair(ys_, "y"), std::pair(xs_, "x")}) {
      for (const Value& v : values) {
        if (!v.valid()) {
          Fail(absl::StrCat("Gradients: a ", what, " is not a value of the graph"));
        } else if (v.graph() != graph_) {
          Fail("Gradients: values belong to different graphs");
        } else if (!IsAnyFloating(v.dtype())) {
          Fail(absl::StrCat("Gradients: '", v.name(), "' is ", v.type().ToString(),
                            "; only floating-point values have gradients"));
        }
      }
    }
    if (!options_.seeds.empty() && options_.seeds.size() != ys_.size()) {
      Fail(absl::StrCat("Gradients: ", options_.seeds.size(), " seeds for ", ys_.size(), " ys"));
    }
    return graph_->status().ok();
  }

  // A node is active if it lies on a path from an x to a y: only those are visited.
  void FindActive() {
    first_ = graph_->num_nodes(), last_ = -1;
    for (const Value& x : xs_) first_ = std::min(first_, x.node());
    for (const Value& y : ys_) last_ = std::max(last_, y.node());
    std::vector<bool> from_x(last_ + 1, false);
    for (const Value& x : xs_) {
      if (x.node() <= last_) from_x[x.node()] = true;
    }
    for (NodeId id = first_; id <= last_; ++id) {
      for (ValueId v : graph_->node(id).inputs) {
        // Numbers that are not floating-point carry no gradient, and neither does what follows from them.
        if (from_x[v.node] && IsAnyFloating(graph_->type(v).dtype)) from_x[id] = true;
      }
    }
    active_.assign(last_ + 1, false);
    for (const Value& y : ys_) active_[y.node()] = from_x[y.node()];
    for (NodeId id = last_; id >= 0; --id) {
      if (!active_[id]) continue;
      for (ValueId v : graph_->node(id).inputs) {
        if (from_x[v.node]) active_[v.node] = true;
      }
    }
  }

  void Seed() {
    for (size_t i = 0; i < ys_.size(); ++i) {
      Value seed = options_.seeds.empty() ? Value() : options_.seeds[i];
      if (!seed.valid()) {
        seed = OnesLike(Operand(ys_[i], location_));
      } else if (seed.graph() != graph_ || seed.type() != ys_[i].type()) {
        Fail(absl::StrCat("Gradients: the seed of '", ys_[i].name(), "' has type ", seed.type().ToString(), " where ",
                          ys_[i].type().ToString(), " is expected"));
      }
      Accumulate(ys_[i].id(), seed);
    }
  }

  // The sum of what has arrived at a value.
  Value Cotangent(ValueId id) {
    auto it = cotangents_.find(id);
    if (it == cotangents_.end()) return Value();
    Values& terms = it->second;
    if (terms.size() > 1) terms = {AddUp(terms, location_)};
    return terms[0];
  }

  void Accumulate(ValueId id, Value d) { cotangents_[id].push_back(d); }

  void Visit(NodeId id) {
    // The reference stays good while the rule adds nodes: adding nodes does not move nodes.
    const Node& node = graph_->node(id);
    if (node.op->traits.leaf) return;
    Values dy;
    bool reached = false;
    for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
      dy.push_back(Cotangent({id, i}));
      reached |= dy.back().valid();
    }
    if (!reached) return;
    const bool wanted = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return active_[v.node]; });
    if (!wanted) return;  // an x itself, with nothing of interest below it
    const LocationScope scope(graph_, node.location);
    const GradientRule* rule = RuleOf(node);
    if (rule == nullptr) return;
    const Values dx = (*rule)(GradientContext(graph_, id, dy, &options_.overrides));
    if (!graph_->status().ok()) return;
    if (dx.size() != node.inputs.size()) {
      return Fail(absl::StrCat("the gradient rule of ", node.op->name, " returned ", dx.size(), " gradients for ",
                               node.inputs.size(), " inputs"));
    }
    for (size_t i = 0; i < dx.size(); ++i) {
      const ValueId x = node.inputs[i];
      if (!dx[i].valid() || !active_[x.node]) continue;
      const Value fitting = dx[i].type() == graph_->type(x) ? dx[i] : UnderType(dx[i], graph_->type(x));
      if (fitting.type() != graph_->type(x)) {
        return Fail(absl::StrCat("the gradient rule of ", node.op->name, " returned ", dx[i].type().ToString(),
                                 " for input ", i, " of type ", graph_->type(x).ToString()));
      }
      Accumulate(x, fitting);
    }
  }

  // Returns a gradient under the shape of its input where the two look different but have to be equal, since the node
  // took them for equal: [time] and [length].
  Value UnderType(Value dx, const Type& type) const {
    bool equal = dx.dtype() == type.dtype && dx.rank() == type.shape.rank();
    for (int a = 0; equal && a < dx.rank(); ++a) equal = MayBeEqual(dx.shape()[a], type.shape[a]);
    return equal ? Reshape(Operand(dx, location_), type.shape) : dx;
  }

  const GradientRule* RuleOf(const Node& node) {
    auto it = options_.overrides.find(node.op->name);
    if (it != options_.overrides.end()) return &it->second;
    if (node.op->gradient != nullptr) return &node.op->gradient;
    graph_->Fail(absl::UnimplementedError(absl::StrCat("Gradients: ", node.op->name, " ('", node.name,
                                                       "') has no gradient: ", node.op->no_gradient,
                                                       "; the path to it: ", PathFrom(node))),
                 location_);
    return nullptr;
  }

  // "loss <- mean <- floor": from a y down to the node, by the first consumer that carries a cotangent.
  std::string PathFrom(const Node& target) const {
    NodeId at = graph_->num_nodes();
    for (NodeId id = 0; id <= last_; ++id) {
      if (&graph_->node(id) == &target) at = id;
    }
    std::vector<std::string> names = {target.name};
    for (NodeId id = at + 1; id <= last_; ++id) {
      if (!active_[id]) continue;
      const auto& inputs = graph_->node(id).inputs;
      if (std::none_of(inputs.begin(), inputs.end(), [&](ValueId v) { return v.node == at; })) continue;
      names.push_back(graph_->node(id).name);
      at = id;
    }
    std::reverse(names.begin(), names.end());
    constexpr size_t kShown = 12;
    if (names.size() > kShown) names.erase(names.begin() + kShown / 2, names.end() - kShown / 2);
    return absl::StrJoin(names, " <- ");
  }

  Graph* graph_;
  absl::Span<const Value> ys_, xs_;
  const GradientOptions& options_;
  std::source_location location_;
  NodeId first_ = 0, last_ = -1;
  std::vector<bool> active_;                         // of nodes up to the last y
  absl::flat_hash_map<ValueId, Values> cotangents_;  // the terms of each sum
};

}  // namespace

Values Gradients(absl::Span<const Value> ys, absl::Span<const Value> xs, const GradientOptions& options,
                 std::source_location location) {
  Graph* const graph = GraphOf({ys, xs});
  if (graph == nullptr) return Values(xs.size());
  Values own(xs.begin(), xs.end());
  for (Value& x : own) {  // in a body, a value of the graph around is the input that stands for it
    if (x.valid() && graph->IsInside(x.graph())) x = graph->Capture(x);
  }
  return Differentiator(graph, ys, own, options, location).Run();
}

Values Gradients(Value y, absl::Span<const Value> xs, const GradientOptions& options, std::source_location location) {
  return Gradients(absl::MakeConstSpan(&y, 1), xs, options, location);
}

}  // namespace adret
