// GenerateCase(): random graphs, with gradients, updates and feeds.
//
// A case is a function of seed and index, so that one can be made again without those before it. Some cases are
// networks of layers with a loss and an optimiser; the others are put together node by node (grow.h), and a quarter of
// all says a law of what was put together (laws.h).
#ifndef ADRET_TESTS_FUZZ_GRAPHS_GENERATE_H_
#define ADRET_TESTS_FUZZ_GRAPHS_GENERATE_H_

#include <cstdint>

#include "adret/core/random.h"
#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

// Which cases: both kinds, or only networks.
enum class CaseKind { kAny, kNetworks };
GraphCase GenerateCase(uint64_t seed, uint64_t index, CaseKind kind = CaseKind::kAny);

// Draws for generators.
class Dice {
 public:
  Dice(uint64_t seed, uint64_t index) : random_(RandomKey{seed, 0, index}) {}

  bool Chance(double p) { return random_.Uniform() < p; }
  int Below(int64_t n) { return static_cast<int>(random_.Below(static_cast<uint32_t>(n))); }
  int Between(int lo, int hi) { return lo + Below(hi - lo + 1); }
  double Uniform(double lo, double hi) { return random_.Uniform(lo, hi); }
  template <class T>
  auto& Pick(T& items) {
    return items[Below(static_cast<int64_t>(items.size()))];
  }
  template <class T>
  T PickOf(std::initializer_list<T> items) {
    return items.begin()[Below(static_cast<int64_t>(items.size()))];
  }

 private:
  RandomStream random_;
};

// Random numbers for a tensor of this concrete type: with ties, zeros, ones, or only positive ones at times. Integers
// are small and not negative: most are used as indices.
Tensor RandomTensor(const Type& type, Dice* dice);

// A network of layers, a loss and an optimiser: several steps with batches of 1 to 5.
GraphCase GenerateNetwork(Dice* dice);

// Updates of a random optimiser, with clipping and a schedule at times, that make the scalar loss smaller; of one that
// takes sparse gradients, if `sparse` says so.
Updates RandomOptimizerStep(Value loss, const Values& variables, Dice* dice, bool sparse = false);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_GENERATE_H_
