// Schedules: the learning rate as a function of the step.
//
//   nn::Adam({.learning_rate = 1e-3});
//   nn::Adam({.learning_rate = nn::OneCycle({.max = 4e-3, .steps = 5 * 469})});
//   nn::Sgd({.learning_rate = nn::WarmUp(500, nn::Cosine({.start = 0.1, .steps = 10000}))});
//
// A schedule is a function that builds an f64 scalar from the f64 scalar `step`, the number of updates done before (0
// at the first), in the graph: it is saved with the model and goes on where a checkpoint stopped. Formulas are
// PyTorch's. Rates must be finite and not negative, numbers of steps at least 1: other options are an error of the
// graph that the schedule is built in.
#ifndef ADRET_NN_SCHEDULES_H_
#define ADRET_NN_SCHEDULES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "adret/core/graph.h"

namespace adret::nn {

class Schedule {
 public:
  // Keeps one rate at every step.
  Schedule(double rate);  // NOLINT(google-explicit-constructor)
  explicit Schedule(std::function<Value(Value step)> build) : build_(std::move(build)) {}

  Value operator()(Value step) const { return build_(step); }
  // Returns the rate at each of steps 0 .. n - 1, as numbers.
  absl::StatusOr<std::vector<double>> Rates(int64_t n) const;

 private:
  std::function<Value(Value step)> build_;
};

Schedule ConstantRate(double rate);

// start * gamma^floor(step / every); gamma is at least 0.
struct StepDecayOptions {
  double start = 0.1;
  double gamma = 0.1;
  int64_t every = 1000;
};
Schedule StepDecay(const StepDecayOptions& options);

// end + (start - end) (1 + cos(pi t / steps)) / 2 with t = min(step, steps) (Loshchilov and Hutter 2017).
struct CosineOptions {
  double start = 0.1;
  double end = 0;
  int64_t steps = 1000;
};
Schedule Cosine(const CosineOptions& options);

// Smith and Topin 2019, as PyTorch's OneCycleLR with cosine annealing: from max / divisor up to max within the first
// `rise` of the steps (a fraction), then down to max / divisor / final_divisor at the last one; it stays there. The
// divisors are positive.
struct OneCycleOptions {
  double max = 1e-2;
  int64_t steps = 1000;
  double rise = 0.3;
  double divisor = 25;
  double final_divisor = 1e4;
};
Schedule OneCycle(const OneCycleOptions& options);

// Rises linearly to schedule(0) over the first `steps` steps, (step + 1) / steps of it at each; then schedule(step -
// steps).
Schedule WarmUp(int64_t steps, Schedule schedule);

}  // namespace adret::nn

#endif  // ADRET_NN_SCHEDULES_H_
