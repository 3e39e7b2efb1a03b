#include "adret/autograd/recompute.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "adret/autograd/gradients.h"
#include "adret/autograd/transformation_internal.h"
#include "adret/core/batch.h"
#include "adret/ops/barrier.h"
#include "adret/ops/batch.h"

namespace adret {
namespace {

// The node that ends a region: its first inputs are the region's results, the others all values that the region reads
// from outside. So the region is what lies between them, and can be found in a graph that was loaded from a file.
struct RecomputeAttrs {
  int64_t results = 1;
  template <class V>
  void Fields(V&& v) {
    v("results", results);
  }
};

absl::StatusOr<Types> RecomputeType(const TypeContext& c) {
  const int64_t results = c.attrs<RecomputeAttrs>().results;
  if (results < 1 || results > c.num_inputs()) {
    return c.Error("there are ", results, " results among ", c.num_inputs(), " inputs");
  }
  Types types;
  for (int i = 0; i < results; ++i) types.push_back(c.type(i));
  return types;
}

// Adds copies of the nodes between `copies`, what stands for values outside, and these results; returns the results'.
// The copies keep their attributes: a random node draws the same numbers again.
Values CopyRegion(Graph* graph, absl::Span<const ValueId> results, absl::flat_hash_map<ValueId, ValueId> copies) {
  NodeId last = 0;
  for (ValueId v : results) last = std::max(last, v.node);
  std::vector<bool> needed(last + 1, false);
  const auto need = [&](ValueId v) {
    if (!copies.contains(v)) needed[v.node] = true;
  };
  for (ValueId v : results) need(v);
  for (NodeId id = last; id >= 0; --id) {
    if (!needed[id]) continue;
    for (ValueId v : graph->node(id).inputs) need(v);
  }
  const auto copy_of = [&](ValueId v) {
    const auto it = copies.find(v);
    return it == copies.end() ? v : it->second;  // a constant
  };
  for (NodeId id = 0; id <= last; ++id) {
    const Node& node = graph->node(id);  // stays good while nodes are added
    if (!needed[id] || node.op->traits.leaf) continue;
    absl::InlinedVector<ValueId, 3> inputs;
    for (ValueId v : node.inputs) inputs.push_back(copy_of(v));
    const NodeId copy = graph->AddNode(*node.op, inputs, node.attrs, node.location);
    if (copy < 0) return Values(results.size(), Value(graph, {-1, 0}));
    for (int k = 0; k < static_cast<int>(node.outputs.size()); ++k) {
      copies.try_emplace(ValueId{id, k}, ValueId{copy, k});
    }
  }
  Values values;
  for (ValueId v : results) values.push_back(Value(graph, copy_of(v)));
  return values;
}

Values RecomputeGradient(const GradientContext& c) {
  const int n = c.num_outputs();
  GradientOptions options{.overrides = c.overrides()};
  absl::InlinedVector<ValueId, 3> results;
  for (int k = 0; k < n; ++k) {
    if (!c.has_dy(k)) continue;
    options.seeds.push_back(c.dy(k));
    results.push_back(c.node().inputs[k]);
  }
  absl::flat_hash_map<ValueId, ValueId> again;
  Values late;  // what the region reads
  for (int i = n; i < c.num_inputs(); ++i) {
    late.push_back(Barrier(c.x(i), options.seeds));
    again[c.x(i).id()] = late.back().id();
  }
  const Values ys = CopyRegion(c.graph(), results, again);
  if (!c.graph()->status().ok()) return Values(c.num_inputs());
  Values xs;
  std::vector<int> places;  // of xs among the inputs
  for (int i = n; i < c.num_inputs(); ++i) {
    const Value& x = late[i - n];
    if (IsAnyFloating(x.dtype()) && Reaches(x, ys)) xs.push_back(x), places.push_back(i);
  }
  const Values dx = Gradients(ys, xs, options);
  Values all(c.num_inputs());
  for (size_t i = 0; i < dx.size(); ++i) all[places[i]] = dx[i];
  return all;
}

// The region of a batch lies between the batches of its results and of what it reads.
Values RecomputeBatch(const BatchContext& c) {
  absl::InlinedVector<ValueId, 3> inputs;
  const int64_t results = c.attrs<RecomputeAttrs>().results;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const Value v = i < results ? Stacked(c, i) : c.x(i);
    if (!v.valid()) return Values(results, v);
    inputs.push_back(v.id());
  }
  const NodeId id = c.graph()->AddNode(*c.node().op, inputs, c.node().attrs, c.node().location);
  Values outputs;
  for (int k = 0; k < results; ++k) outputs.push_back(Value(c.graph(), {id, id < 0 ? 0 : k}));
  return outputs;
}

const OpRegistration kRecompute({
    .name = "recompute",
    .doc = "y = results, whose gradient computes again what lies between the other inputs and them.",
    .inputs = {"results"},
    .variadic = true,
    .variadic_outputs = true,
    .parse_attrs = &ParseAttrs<RecomputeAttrs>,
    .type = RecomputeType,
    .gradient = RecomputeGradient,
    .batch = RecomputeBatch,
    .traits = {.identity = true},
});

// Returns the values that the nodes from `first` on, as far as results depend on them, read from outside, and the
// variables among these nodes.
Values ReadFromOutside(Graph* graph, const Values& results, NodeId first) {
  Values outside;
  absl::flat_hash_set<ValueId> seen;
  const auto is_outside = [&](ValueId v) {
    const Node& node = graph->node(v.node);
    return v.node < first || (node.op->traits.leaf && !node.attrs.Is<ConstantAttrs>());
  };
  std::vector<bool> needed(graph->num_nodes(), false);
  const auto visit = [&](ValueId v) {
    if (!is_outside(v)) {
      needed[v.node] = true;
    } else if (seen.insert(v).second) {
      outside.push_back(Value(graph, v));
    }
  };
  for (const Value& v : results) visit(v.id());
  for (NodeId id = graph->num_nodes() - 1; id >= first; --id) {
    if (!needed[id]) continue;
    for (ValueId v : graph->node(id).inputs) visit(v);
  }
  return outside;
}

}  // namespace

Values Recompute(const std::function<Values(Args)>& region, absl::Span<const Value> inputs,
                 std::source_location location) {
  Graph* const graph = GraphOf({inputs});
  if (graph == nullptr) return region(inputs);
  const Transformation call("Recompute", graph, location);
  const NodeId first = graph->num_nodes();
  Values results = region(inputs);
  for (size_t i = 0; i < results.size() && call.ok(); ++i) {
    if (results[i].valid() && results[i].graph() == graph) continue;
    call.Fail(absl::StrCat("result ", i, " of the region is ",
                           results[i].valid() ? "a value of another graph" : "a Value that was never built"));
  }
  if (results.empty() || !call.ok()) return call.Invalid(results.size());
  absl::InlinedVector<ValueId, 3> ids;
  for (const Value& v : results) ids.push_back(v.id());
  for (const Value& v : ReadFromOutside(graph, results, first)) ids.push_back(v.id());
  const Attrs attrs(RecomputeAttrs{static_cast<int64_t>(results.size())});
  const NodeId id = graph->AddNode(*kRecompute.op, ids, attrs, location);
  for (size_t k = 0; k < results.size(); ++k) results[k] = Value(graph, {id, id < 0 ? 0 : static_cast<int>(k)});
  return results;
}

}  // namespace adret
