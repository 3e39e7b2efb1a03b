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

#include <initializer_list>
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

// Copies what the fetches depend on, up to the substitutions, into graph `to` (which may be their own graph), and
// returns the fetches' copies.
//
// Variables and inputs keep their full names; where `to` has a variable or input of that name, it is used instead
// of a copy, so that a state of the old graph fits the new one. Other nodes are renamed where a name is taken. Random
// nodes draw from streams of their own in the new graph, nodes that shared a stream still share one.
//
// Fails, before anything is added, when fetches or `from` values belong to different graphs, a `to` value belongs to
// another graph than `to`, a substitution changes the dtype or anything of the shape but the batch, batches differ, or
// a variable or input of the same name is of another type. A type rule that refuses the copy is the graph's error, and
// returned.
absl::StatusOr<Values> Import(absl::Span<const Value> fetches, const std::vector<Substitution>& substitutions,
                              Graph* to);
inline absl::StatusOr<Values> Import(std::initializer_list<Value> fetches,
                                     const std::vector<Substitution>& substitutions, Graph* to) {
  return Import(absl::MakeConstSpan(fetches.begin(), fetches.size()), substitutions, to);
}

}  // namespace adret

#endif  // ADRET_CORE_IMPORT_H_
