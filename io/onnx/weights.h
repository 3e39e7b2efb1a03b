// How numbers of a file become values of a graph: variables that are trained, variables that are not, constants.
#ifndef ADRET_IO_ONNX_WEIGHTS_H_
#define ADRET_IO_ONNX_WEIGHTS_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "adret/core/dim.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"
#include "adret/core/tensor.h"
#include "adret/io/onnx/scope.h"

namespace adret::onnx {

class Weights {
 public:
  // Variables are added to `graph`, and their tensors to `state`.
  Weights(Graph* graph, State* state) : graph_(graph), state_(state) {}

  Graph* graph() const { return graph_; }

  // Returns the value of an entry, which is made of its tensor on first use. Floating-point numbers become a trainable
  // variable: those of an initialiser unless it is a scalar, those of a Constant node where there are at least two; all
  // of them only where they are finite. With `statistic`, floating-point numbers become a variable that is not trained.
  // All else becomes a constant.
  Value ValueOf(Entry* entry, bool statistic = false);

  // Returns the numbers of an entry where they follow from the file alone: constants, weights, and what is computed of
  // them. Fails with the name of the input on which they depend.
  absl::StatusOr<Tensor> Numbers(Entry* entry);
  // Returns the numbers of an entry of integers, row by row, as dimensions: also where they follow from the shapes of
  // inputs.
  absl::StatusOr<std::vector<Dim>> Dims(Entry* entry);

 private:
  Graph* const graph_;
  State* const state_;
  absl::flat_hash_map<const void*, Value> of_origin_;  // variables by Entry::origin
};

}  // namespace adret::onnx

#endif  // ADRET_IO_ONNX_WEIGHTS_H_
