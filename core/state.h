// State: the tensors of a graph's variables, by name, and where its random numbers stand.
//
//   State state = *InitialState(graph, /*seed=*/1);
//   AD_RETURN_IF_ERROR(executor.Run(feeds, &state).status());     // updates happen in place
//   Tensor w = *state.Get("conv1/w");
//   State copy = state;                                           // shares memory: the next update leaves it alone
//
// Any number of runs, in any threads, may read a state at once; a run that updates it has to be alone with it, or is
// answered with an error. All else is as with other objects: a thread calls Set(), or copies the state, while no other
// thread changes it.
#ifndef ADRET_CORE_STATE_H_
#define ADRET_CORE_STATE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

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
  // Differs between any two sets of tensors that ever existed: executors remember where tensors are.
  struct Version {
    Version() : number(Next()) {}
    Version(const Version&) : Version() {}
    Version& operator=(const Version&) {
      number = Next();
      return *this;
    }
    // The set that was moved from is another one now, too.
    Version(Version&& other) noexcept : Version() { other.number = Next(); }
    Version& operator=(Version&& other) noexcept {
      number = Next();
      other.number = Next();
      return *this;
    }
    static uint64_t Next();
    uint64_t number;
  };
  // How many runs read the state now; kUpdated while one updates it. They use this object: a copy begins without any.
  struct Users {
    Users() = default;
    Users(const Users&) {}
    Users& operator=(const Users&) { return *this; }
    static constexpr int kUpdated = -1;
    std::atomic<int> count = 0;
  };
  // Counts a run among the state's users until it is destroyed.
  class Use {
   public:
    // Fails where other users exclude this one. state may be null.
    static absl::StatusOr<Use> Begin(const State* state, bool updates);
    Use(Use&& other) noexcept : state_(std::exchange(other.state_, nullptr)), updates_(other.updates_) {}
    Use& operator=(Use&&) = delete;
    ~Use();

   private:
    Use(const State* state, bool updates) : state_(state), updates_(updates) {}
    const State* state_;
    bool updates_;
  };

  absl::btree_map<std::string, Tensor> tensors_;
  Version version_;
  mutable Users users_;
};

// Returns the initial tensors of all variables of the graph. Initialisers draw from the seed and the variable's
// position, so adding a variable at the end changes no other.
absl::StatusOr<State> InitialState(const Graph& graph, uint64_t seed);
// Adds the initial tensors of variables that state lacks.
absl::Status InitializeMissing(const Graph& graph, uint64_t seed, State* state);

}  // namespace adret

#endif  // ADRET_CORE_STATE_H_
