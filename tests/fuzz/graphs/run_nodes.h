// RunNodes(): the nodes of a graph one by one, on tensors, without any plan.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_RUN_NODES_H_
#define ADRET_TESTS_FUZZ_GRAPHS_RUN_NODES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/random.h"
#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

// Disturbs what nodes read by a few units in the last place, in order to measure how far rounding can carry.
struct Noise {
  RandomStream random;
  double units;  // of the dtype's epsilon
};

using NodeOutputs = std::vector<std::vector<Tensor>>;  // by node; empty for those that are not needed

// Every needed node's outputs for one run. Variables are read from the state and not changed. Fails where an op refuses
// the sizes.
absl::StatusOr<NodeOutputs> RunNodes(const Graph& graph, const std::vector<bool>& needed, const Feeds& feeds,
                                     const State& state, Noise* noise = nullptr);
// The same where some nodes' outputs are known already (not empty) and the symbols' sizes with them.
absl::StatusOr<NodeOutputs> RunOtherNodes(const Graph& graph, const std::vector<bool>& needed, NodeOutputs known,
                                          const DimSizes& sizes, const State& state, Noise* noise = nullptr);

// An op on inputs of concrete types: its attributes with sizes in the place of symbols, and the types of its outputs.
struct ConcreteOp {
  Attrs attrs;
  Types outputs;
};
// Fails where the op refuses the inputs.
absl::StatusOr<ConcreteOp> AtSizes(const Op& op, const Attrs& attrs, absl::Span<const Type> inputs,
                                   const DimSizes& sizes);
// The outputs of such an op; of one with bodies, by its definition (run_bodies.h).
absl::StatusOr<std::vector<Tensor>> RunConcreteOp(const Op& op, const ConcreteOp& at, absl::Span<const Type> types,
                                                  absl::Span<const Tensor> inputs, const RandomKey& random,
                                                  Noise* noise = nullptr);

// Puts the updates' values, given by node, into the state and counts the step.
void ApplyUpdates(const Updates& updates, const NodeOutputs& outputs, State* state);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_RUN_NODES_H_
