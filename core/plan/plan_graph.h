// PlanGraph: what a plan computes, as a graph of its own. It holds the part of a graph that fetches and updates need,
// for one concrete batch, and is made by passes (core/plan/passes.h) that spare work.
//
// The headers of this folder follow one example through the planner:
//
//   Value x = graph.Input("x", DType::kFloat32, {kAnyBatch, 1, 6, 6});
//   Value w = graph.Variable("w", Tensor::Zeros(DType::kFloat32, {4, 1, 3, 3}));
//   Value maps = Relu(1.0 * Conv2d(x, w));                                          // four feature maps
//   auto executor = Executor::Create({Slice(maps, /*axis=*/1, 2, 3)});              // one of which is looked at
//
//   1. lower (here): only what is needed, and 8 in place of the batch, as a run with 8 images asks for
//        0  constant      f32[]           value=f32[] 1
//        1  input x       f32[8,1,6,6]
//        2  variable w    f32[4,1,3,3]
//        3  conv2d        f32[8,4,4,4]    1 2
//        4  broadcast_to  f32[8,4,4,4]    0
//        5  mul           f32[8,4,4,4]    4 3
//        6  relu          f32[8,4,4,4]    5
//        7  slice         f32[8,1,4,4]    6    axes=[1], begins=[2], ends=[3], steps=[1]
//        fetch 7
//   2. simplify (core/plan/simplify.h): the multiplication by 1 goes, and with it the 1
//   3. slices (core/plan/rewrite.h): the slice moves through relu and conv2d to w: one filter is computed, not four
//   4. fuse (core/plan/step_schedule.h): conv2d and relu become one step
//   5. the chain of a step becomes a loop over blocks (core/plan/program.h)
//   6. values get places (core/plan/placer.h), and the plan can run (core/plan/plan.h)
#ifndef ADRET_CORE_PLAN_PLAN_GRAPH_H_
#define ADRET_CORE_PLAN_PLAN_GRAPH_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret {

class PassRun;

struct PlanGraph {
  // A node that computes something, or a variable or input. Values have consecutive numbers, and so have the outputs of
  // a node.
  struct PlanNode {
    const Node* node = nullptr;          // op, attributes, name; its inputs and symbolic types are those of the graph
    NodeId id;                           // of the graph's node that it computes or takes part in
    absl::InlinedVector<int, 3> inputs;  // values
    int first_output;
  };
  struct PlanValue {
    Type type;     // concrete
    int producer;  // index into nodes; -1 for a constant, and for what a pass dropped
    int constant;  // index into constants, or -1
  };

  std::vector<PlanNode> nodes;  // in topological order
  std::vector<PlanValue> values;
  std::vector<Tensor> constants;
  std::vector<int> fetches;                              // values
  std::vector<std::pair<int, int>> updates;              // (value of the variable, new value)
  std::vector<std::unique_ptr<const Node>> owned_nodes;  // nodes that the graph does not have
  DimSizes sizes;                                        // what symbols stand for

  const Op& op(int node) const { return *nodes[node].node->op; }
  const Attrs& attrs(int node) const { return nodes[node].node->attrs; }
  int num_outputs(int node) const { return static_cast<int>(nodes[node].node->outputs.size()); }

  // Makes a node of op that stands for the node `origin`, or for a part of its work, and bears its name.
  const Node* MakeNode(const Op& op, Attrs attrs, Types outputs, const Node& origin);
};

// Runs the passes up to "slices". `run` keeps their times and settings; without it, settings are those of the
// environment. Fails when a concrete shape is too large, when an op refuses types that these sizes make, and as PassRun
// does.
absl::StatusOr<PlanGraph> MakePlanGraph(const Graph& graph, absl::Span<const ValueId> fetches,
                                        absl::Span<const std::pair<ValueId, ValueId>> updates, const DimSizes& sizes,
                                        PassRun* run = nullptr);

// Returns the output types of a node of the graph for inputs of concrete types. Symbols in shapes among its attributes
// have these sizes; -1 is the batch, or what the op infers from the inputs. Fails where the op's rule refuses them.
absl::StatusOr<Types> InferTypesAt(const DimSizes& sizes, const Node& node, absl::Span<const Type> inputs);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PLAN_GRAPH_H_
