// Engines: every way to compute what a graph says, and their comparison.
//
//   GraphCase c;
//   Value x = c.graph->Input("x", DType::kFloat64, {3});
//   c.fetches = {Sum(x)};
//   c.runs = {{{x, Tensor::From<double>({3}, {1, 2, 3})}}};
//   absl::Status same = CompareEngines(c);
//
// The reference runs the nodes one by one, each with its own kernel, as they stand in the graph: no plan takes part.
// What the other engines must agree on:
//
// - All plans of one case have the same bits: fused or not, with any number of threads, saved and loaded.
// - A plan has the bits of the reference, up to the sign of zero, where no node can be moved by core/plan/rewrite.h:
//   the rules there act only on windows (slices and their gradients) and on scatters.
// - Elsewhere sums may be added in another order and other kernels be chosen. How far results may be off then is
//   measured and not guessed: the reference is run several times more with its numbers disturbed by a few units in the
//   last place at each node. A plan must stay within a multiple of the spread of these runs. Terms that were zero times
//   something are dropped by rewrites, so that such a case is not compared with the reference when a number in it is
//   infinite or NaN.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_ENGINES_H_
#define ADRET_TESTS_FUZZ_GRAPHS_ENGINES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

enum class Engine {
  kNodeByNode,      // RunOp for each node: the reference
  kUnfused,         // a plan with one step for each node
  kFused,           // a plan as users get it, with one thread
  kThreads,         // such a plan with several threads
  kProfiled,        // a plan whose steps run one after the other and are timed
  kExecutor,        // core/executor.h, whose plans and buffers stay from run to run
  kSavedAndLoaded,  // an executor of the graph that a model file gives back
  kEveryValue,      // a fused plan that also fetches what lies between
};
inline constexpr Engine kAllEngines[] = {Engine::kNodeByNode,     Engine::kUnfused,   Engine::kFused,
                                         Engine::kThreads,        Engine::kProfiled,  Engine::kExecutor,
                                         Engine::kSavedAndLoaded, Engine::kEveryValue};
std::string Name(Engine engine);

// What a case's runs give: for each run the fetches and then the updated variables.
struct Outcome {
  std::vector<Tensor> values;
};

// Fails with what the engine failed with. The memory that plans write to is filled with `poison` before each run, and
// memory behind it is guarded: a byte written there is an error.
absl::StatusOr<Outcome> RunEngine(const GraphCase& c, Engine engine, unsigned char poison = 0xff);

// Ok when all engines agree, and when the reference itself fails (an index out of range). Otherwise names the engine,
// the value with its op and type, and the numbers. kNodeByNode is always run, whether it is named or not.
absl::Status CompareEngines(const GraphCase& c, absl::Span<const Engine> engines = kAllEngines);

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_ENGINES_H_
