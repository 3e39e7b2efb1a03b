// PlanRunner: plans driven without an executor, on memory that is poisoned before each run and guarded behind its end.
#ifndef ADRET_TESTS_FUZZ_GRAPHS_RUN_PLAN_H_
#define ADRET_TESTS_FUZZ_GRAPHS_RUN_PLAN_H_

#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/parallel.h"
#include "adret/core/plan/plan.h"
#include "adret/tests/fuzz/graphs/graph_case.h"

namespace adret::fuzz {

class PlanRunner {
 public:
  // The case and the pool must outlive the runner. Every byte of the arena and of the results is `poison` before a run.
  PlanRunner(const GraphCase& c, Values fetches, const PlanOptions& options, const ThreadPool& pool,
             unsigned char poison);

  // One run: the fetches. Variables in the state are updated in place.
  absl::StatusOr<std::vector<Tensor>> Run(const Feeds& feeds, State* state);

 private:
  const GraphCase& case_;
  std::vector<ValueId> fetches_;
  std::vector<std::pair<ValueId, ValueId>> updates_;
  PlanOptions options_;
  const ThreadPool& pool_;
  unsigned char poison_;
  std::map<std::string, std::unique_ptr<Plan>> plans_;  // by the text of their sizes
};

}  // namespace adret::fuzz

#endif  // ADRET_TESTS_FUZZ_GRAPHS_RUN_PLAN_H_
