// RunNodeWithBodies(): a loop or a branch, by its definition: the nodes of its bodies one by one, on tensors. No plan
// of a body takes part, as none of a graph does in RunNodes().
#ifndef ADRET_TESTS_FUZZ_GRAPHS_RUN_BODIES_H_
#define ADRET_TESTS_FUZZ_GRAPHS_RUN_BODIES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/op.h"
#include "adret/core/tensor.h"
#include "adret/tests/fuzz/graphs/run_nodes.h"

namespace adret::fuzz {

// Returns the outputs of a node whose op has bodies, of concrete types. Noise is that of RunNodes(), at each node of
// the bodies, too. The op must have a definition here.
absl::StatusOr<std::vector<Tensor>> RunNodeWithBodies(const Op& op, const Attrs& attrs, const Types& outputs,
                                                      absl::Span<const Tensor> inputs, Noise* noise);
// Whether there is a definition of the op. Another one with bodies is run by its kernel, on plans that are not fused.
bool HasDefinition(const Op& op);

// Returns the part of t at a place along an axis, without that axis.
Tensor TakeAt(const Tensor& t, int axis, int64_t place);
// Joins tensors of one type along a new axis. There is at least one.
Tensor StackTensors(absl::Span<const Tensor> parts, int axis);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_RUN_BODIES_H_
