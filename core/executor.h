// Executor: a compiled plan, (fetches, updates) -> runs.
//
//   Executor executor = *Executor::Create({loss, accuracy}, step);
//   std::vector<Tensor> results = *executor.Run({{image, images}, {label, labels}}, &state);
//
// Compiling keeps only what fetches and updates need, folds constants, merges equal nodes, fuses element-wise chains
// (also into the kernels before them), and places every buffer in one arena. A plan is made for the sizes of symbols
// (the batch, Dim("time")) on their first use and kept. Results have the same bits for any number of threads.
//
// Any number of threads may run one executor at once. They share its plans, and variables that no run updates; each run
// has an arena to itself, of which there are ExecutorOptions::max_runs: further runs wait until one is free. A server
// gives each run one thread, and the runs of its threads keep all cores busy:
//
//   const Executor server = *Executor::Create({logits}, {}, {.threads = 1});
//   std::thread other([&] { Answer(server.Run({{image, images}}, state)); });
//   Answer(server.Run({{image, images}}, state));
//
// Meanwhile nobody may add to the graph: plans are made of it.
#ifndef ADRET_CORE_EXECUTOR_H_
#define ADRET_CORE_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/plan_report.h"
#include "adret/core/state.h"
#include "adret/core/tensor.h"

namespace adret {

// Stores value into variable at the end of a run.
struct Update {
  Value variable;
  Value value;
};
using Updates = std::vector<Update>;

// Numbers for inputs, in any order.
using Feeds = std::vector<std::pair<Value, Tensor>>;

struct ExecutorOptions {
  std::optional<int> threads = {};           // of each run, 1 to MaxThreads(); one per core if not given
  int64_t memory_limit = int64_t{64} << 30;  // bytes of an arena above which a plan is refused; positive
  bool fuse = true;                          // element-wise fusion and epilogues; off for tests
  // Times every step (one after the other), for Explain() and Trace(). Runs of several threads count alike: they slow
  // each other down, and Trace() shows the one that ended last.
  bool profile = false;
  int max_plans = 16;  // plans kept, each for other sizes of symbols; the oldest goes first
  // Runs that may be under way at once, at least 1; one per core if not given. Each has an arena of its own, which is
  // kept for later runs; a further run waits until one of them ends.
  std::optional<int> max_runs = {};
  // Checks every step of every run: outputs are filled with a pattern first, and the run fails when a step leaves an
  // element unwritten (Internal: a fault of adret's) or makes an infinity or NaN out of finite numbers (OutOfRange).
  // The error names the node: op, name, source line, and whether it is a part of a derivative. Each run is done twice,
  // with a step for every node and, unless fuse is off, as it is planned otherwise; so it is slow and needs more
  // memory. Each thread's run is checked by itself.
  bool check_numerics = false;
  // Kernels use no method whose rounding errors exceed those of a sum in order (fast convolutions do, see
  // docs/numerics.md).
  bool strict = false;
};

class Executor {
 public:
  // Fails with the graph's error if it has one, when a value belongs to another graph or is invalid, when an update's
  // type differs from its variable's, or a variable gets two different values. (The same update given twice counts
  // once: two optimisers that minimise one loss both bring the graph's side updates.)
  static absl::StatusOr<Executor> Create(absl::Span<const Value> fetches, const Updates& updates = {},
                                         const ExecutorOptions& options = {});
  static absl::StatusOr<Executor> Create(std::initializer_list<Value> fetches, const Updates& updates = {},
                                         const ExecutorOptions& options = {}) {
    return Create(absl::MakeConstSpan(fetches.begin(), fetches.size()), updates, options);
  }
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;
  ~Executor();

  // Runs the plan and returns the fetches, in order. All fetches see the variables' values from before the updates.
  // state may be null when no variable is involved. Results stay as they are, however many runs follow. Fails, without
  // having changed the state, on a missing, unknown or mistyped feed, a variable missing from the state, or a data
  // error in a kernel. Thread-safe. A run of an executor with updates has to be the only run that uses its state, of
  // this executor or any other: where two meet, the later one fails with FailedPrecondition, since which of them came
  // first would otherwise decide the result.
  absl::StatusOr<std::vector<Tensor>> Run(const Feeds& feeds, State* state = nullptr) const;
  // Runs with a state that must not change; the executor must have no updates.
  absl::StatusOr<std::vector<Tensor>> Run(const Feeds& feeds, const State& state) const;

  // Returns the peak bytes of an arena (intermediate values and scratch memory), known before any run. Here and below,
  // `sizes` are those of all symbols, or a number for the batch: Explain({{"?", 32}, {"time", 100}}), Explain(32).
  absl::StatusOr<int64_t> PeakBytes(const DimSizes& sizes = 1) const;
  // Returns the plan for these sizes: what its steps compute, cost, and (with options.profile) how long they took.
  absl::StatusOr<PlanReport> Report(const DimSizes& sizes = 1) const;
  // Returns Report() as a table for people, with the share of these limits that profiled steps reached.
  absl::StatusOr<std::string> Explain(const DimSizes& sizes = 1, const MachineLimits& limits = {}) const;
  // Returns the last run with options.profile as trace events in JSON, for chrome://tracing and Perfetto. Fails when
  // there was none.
  absl::StatusOr<std::string> Trace(const DimSizes& sizes = 1) const;

 private:
  struct Impl;
  explicit Executor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Compiles, runs once and returns the results. state may be null when no variable is involved.
absl::StatusOr<std::vector<Tensor>> Evaluate(absl::Span<const Value> values, const Feeds& feeds = {},
                                             const State* state = nullptr);
absl::StatusOr<Tensor> Evaluate(Value value, const Feeds& feeds = {}, const State* state = nullptr);

}  // namespace adret

#endif  // ADRET_CORE_EXECUTOR_H_
