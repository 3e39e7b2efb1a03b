// Import(): copies a part of a graph into another one, with other values in place of some of its own.
//
//   // The loaded network, applied to 50 images that are themselves variables:
//   Value images = graph.Variable("images", Tensor::Zeros(DType::kFloat32, {50, 1, 28, 28}));
//   Values maps = *Import({conv2}, {{image, images}}, &graph);
//   Value slope = Gradients(Sum(maps[0]), {images})[0];
//
// Type rules are replayed, so what is imported fits its new inputs or is refused. Where a value with a symbolic batch
// is replaced by one with a concrete batch, the whole copy becomes concrete.
#ifndef ADRET_CORE_IMPORT_H_
#define ADRET_CORE_IMPORT_H_

#include <functional>
#include <initializer_list>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// In the copy, `to` stands where `from` stood.
struct Substitution {
  Value from;
  Value to;
};

// What stands for a node's outputs in the copy, or nothing: copy the node. inputs are the copies of the node's inputs,
// types what its outputs are in the old graph, with the batch of the new one. Called for every node to be copied but
// leaves, in topological order; may add nodes to the new graph. There must be a value for each output, of the type that
// the copied node would have; an invalid one may stand where nobody reads it.
using NodeReplacement = std::function<absl::StatusOr<std::optional<Values>>(
    const Node& node, absl::Span<const Value> inputs, absl::Span<const Type> types)>;

struct ImportOptions {
  NodeReplacement replace = nullptr;
  // Substitutions may change any dimension but keep the rank: a convolutional network on a larger image. Values that
  // were repeated to the old shape for element-wise arithmetic are repeated to the new one. Whatever else depends on
  // the old dimensions, such as flattening for a dense layer, is refused.
  bool resize = false;
  // Numbers that symbols become, besides those that substitutions say.
  DimSizes sizes = {};
};

// Copies what the fetches depend on, up to the substitutions, into graph `to` (which may be their own graph), and
// returns the fetches' copies.
//
// Variables and inputs keep their full names; where `to` has a variable or input of that name, it is used instead
// of a copy, so that a state of the old graph fits the new one. Other nodes are renamed where a name is taken. Random
// nodes draw from streams of their own in the new graph, nodes that shared a stream still share one.
//
// Fails, before anything is added, when fetches or `from` values belong to different graphs, a `to` value belongs to
// another graph than `to`, a substitution changes the dtype or (unless options.resize) anything of the shape but the
// batch, batches differ, or a variable or input of the same name is of another type. A type rule that refuses the copy
// is the graph's error, and returned.
absl::StatusOr<Values> Import(absl::Span<const Value> fetches, const std::vector<Substitution>& substitutions,
                              Graph* to, const ImportOptions& options = {});
inline absl::StatusOr<Values> Import(std::initializer_list<Value> fetches,
                                     const std::vector<Substitution>& substitutions, Graph* to,
                                     const ImportOptions& options = {}) {
  return Import(absl::MakeConstSpan(fetches.begin(), fetches.size()), substitutions, to, options);
}

}  // namespace adret

#endif  // ADRET_CORE_IMPORT_H_
