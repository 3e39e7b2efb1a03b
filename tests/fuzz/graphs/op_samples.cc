#include "adret/tests/fuzz/graphs/op_samples.h"

#include <map>
#include <set>

#include "adret/autograd/gradients.h"
#include "adret/tests/ops/op_suite.h"

namespace adret::fuzz {
namespace {

using Collected = std::map<std::string, OpSamples>;

void Collect(const Graph& graph, Collected* ops) {
  for (NodeId id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op->traits.leaf) continue;
    OpSample sample{node.op, node.attrs, {}};
    for (ValueId v : node.inputs) sample.inputs.push_back(graph.type(v));
    auto& samples = (*ops)[node.op->name].samples;
    const bool known = std::any_of(samples.begin(), samples.end(), [&](const OpSample& s) {
      return s.attrs == sample.attrs && s.inputs == sample.inputs;
    });
    if (!known) samples.push_back(std::move(sample));
  }
}

Values Floating(const Values& values) {
  Values result;
  for (const Value& v : values) {
    if (IsFloating(v.dtype())) result.push_back(v);
  }
  return result;
}

void CollectRow(const OpCase& row, Collected* ops) {
  Graph graph;
  Values x;
  for (const InputSpec& spec : row.inputs) {
    x.push_back(graph.Input("x" + std::to_string(x.size()), spec.dtype, spec.shape));
  }
  Values y = row.build(x);
  if (row.differentiable) {
    for (int order = 1; order <= row.order && graph.status().ok(); ++order) y = Gradients(Floating(y), Floating(x));
  }
  Collect(graph, ops);
}

std::vector<OpSamples> MakeAll() {
  Collected ops;
  for (const Op* op : AllOps()) {
    if (!op->traits.leaf) ops[op->name].op = op;
  }
  for (const OpCase& row : AllCases()) CollectRow(row, &ops);
  std::vector<OpSamples> result;
  for (auto& [name, samples] : ops) result.push_back(std::move(samples));
  return result;
}

}  // namespace

const std::vector<OpSamples>& AllOpSamples() {
  static const auto* all = new std::vector<OpSamples>(MakeAll());
  return *all;
}

}  // namespace adret::fuzz
