// State: the tensors of a graph's variables, by name, and where its random numbers stand.
//
//   State state = *InitialState(graph, /*seed=*/1);
//   AD_RETURN_IF_ERROR(executor.Run(feeds, &state).status());     // updates happen in place
//   Tensor w = *state.Get("conv1/w");
#ifndef ADRET_CORE_STATE_H_
#define ADRET_CORE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/core/tensor.h"

namespace adret {

class State {
 public:
  // Returns a variable's tensor; NotFound when there is no such variable.
  absl::StatusOr<Tensor> Get(absl::string_view name) const;
  // Adds or replaces.
  void Set(absl::string_view name, Tensor value);
  bool Contains(absl::string_view name) const { return tensors_.contains(name); }
  void Erase(absl::string_view name);

  const absl::btree_map<std::string, Tensor>& tensors() const { return tensors_; }
  size_t num_bytes() const;

  uint64_t seed = 0;  // of all random nodes
  uint64_t step = 0;  // number of runs with updates so far; random nodes draw anew at each

  // Returns a hash of all names, types and bits, as 16 hexadecimal digits.
  std::string Digest() const;

 private:
  friend class Executor;
  absl::btree_map<std::string, Tensor> tensors_;
  // Differs between any two sets of tensors that ever existed: executors remember where tensors are.
  struct Version {
    Version() : number(Next()) {}
    Version(const Version&) : Version() {}
    Version& operator=(const Version&) {
      number = Next();
      return *this;
    }
    static uint64_t Next();
    uint64_t number;
  };
  Version version_;
};

// Returns the initial tensors of all variables of the graph. Initialisers draw from the seed and the variable's
// position, so adding a variable at the end changes no other.
absl::StatusOr<State> InitialState(const Graph& graph, uint64_t seed);
// Adds the initial tensors of variables that state lacks.
absl::Status InitializeMissing(const Graph& graph, uint64_t seed, State* state);

}  // namespace adret

#endif  // ADRET_CORE_STATE_H_
