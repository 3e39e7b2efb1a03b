// How adret_bench measures: jobs by name, each made only when it is wanted, timed, and printed as a line of JSON:
//
//   {"job": ..., "seconds": median of an iteration, "min": ..., "work": ..., "unit": ..., "rate": ...,
//    "peak_rss_mib": ..., "flops": ..., "bytes": ..., "plan_bytes": ...}
#ifndef ADRET_BENCHMARKS_ADRET_BENCH_BENCH_H_
#define ADRET_BENCHMARKS_ADRET_BENCH_BENCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "adret/core/executor.h"
#include "adret/core/graph.h"
#include "adret/core/state.h"
#include "adret/core/tensor.h"

namespace adret::bench {

// A graph and what it takes to run it.
struct Session {
  Graph graph;
  State state;
  Feeds feeds;  // given to every run
  std::vector<Executor> executors;
};

// What a job cannot do without, however it is done, and what our plan moves instead.
struct Cost {
  double flops = 0;       // as Executor::Report counts them
  double bytes = 0;       // all inputs, results and variables, and the updated variables once more
  double plan_bytes = 0;  // what the plan's steps read and write
};

inline Cost Plus(const Cost& a, const Cost& b) {
  return {a.flops + b.flops, a.bytes + b.bytes, a.plan_bytes + b.plan_bytes};
}
inline Cost Times(double n, const Cost& c) { return {n * c.flops, n * c.bytes, n * c.plan_bytes}; }

// What is timed, and what that costs.
struct Iteration {
  std::function<absl::Status()> run;
  Cost cost = {};
};

struct Work {
  double amount = 1;
  std::string unit = "iteration";
};

class Bench {
 public:
  Bench(std::regex filter, double seconds, int threads)
      : filter_(std::move(filter)), seconds_(seconds), threads_(threads) {}

  int threads() const { return threads_; }

  // Makes the job if its name passes the filter, runs it a few times, then measures it for the given time, and at
  // least five times.
  void Run(const std::string& job, const Work& work, absl::FunctionRef<absl::StatusOr<Iteration>()> make);

  // The first thing that went wrong, with its job.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Measure(const std::string& job, const Work& work, const Iteration& iteration) const;

  std::regex filter_;
  double seconds_;
  int threads_;
  absl::Status status_;
};

// Compiles (fetches, updates) of the session's graph; each iteration is one run with the session's feeds.
absl::StatusOr<Iteration> OneRun(std::shared_ptr<Session> session, const Values& fetches, const Updates& updates,
                                 const Bench& bench);

// The cost of one run of these fetches and updates, which executor has compiled, with the session's feeds and state.
absl::StatusOr<Cost> CostOf(const Session& session, const Values& fetches, const Updates& updates, Executor& executor);

// Adds an input of this name to the session's graph, fed with a tensor. The input's first dimension is symbolic if
// batch says so.
enum class Batch { kConcrete, kSymbolic };
Value FedInput(Session& session, const std::string& name, Tensor value, Batch batch = Batch::kConcrete);

// Normally distributed f32 numbers; labels in [0, classes). Always the same ones.
Tensor Normal(const Shape& shape, double stddev = 1);
Tensor Labels(int64_t n, uint32_t classes);

// The jobs, in groups. Their definitions are PyTorch's in torch_bench.py: shapes, batch, and what an iteration does.
void LectureJobs(Bench& bench);
void NetworkJobs(Bench& bench);
void ConvolutionJobs(Bench& bench);
void SequenceJobs(Bench& bench);
void DerivativeJobs(Bench& bench);
void OtherJobs(Bench& bench);

}  // namespace adret::bench

#endif  // ADRET_BENCHMARKS_ADRET_BENCH_BENCH_H_
