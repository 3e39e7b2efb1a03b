#include "adret/nn/schedules.h"

#include <algorithm>
#include <numbers>
#include <utility>

#include "adret/core/executor.h"
#include "adret/nn/options_internal.h"
#include "adret/ops/binary.h"
#include "adret/ops/compare.h"
#include "adret/ops/unary.h"
#include "adret/ops/where.h"

namespace adret::nn {
namespace {

Value F64(Value like, double number) { return like.graph()->Constant(Tensor::Scalar(DType::kFloat64, number)); }

// From `from` to `to` along half a cosine, as fraction goes from 0 to 1.
Value CosineAnneal(double from, double to, Value fraction) {
  return (Cos(fraction * std::numbers::pi) + 1.0) * ((from - to) / 2) + to;
}

// A schedule that builds its rate when its options are sound, and tells the graph otherwise. The place of the error is
// that of the optimiser's call.
template <class Build>
Schedule Checked(const OptionCheck& options, Build build) {
  return Schedule([status = options.status(), build = std::move(build)](Value step) -> Value {
    if (!step.valid() || status.ok()) return step.valid() ? build(step) : step;
    return step.graph()->Fail(status, std::source_location());
  });
}

}  // namespace

Schedule::Schedule(double rate)
    : Schedule(Checked(OptionCheck("").AtLeast0("the learning rate", rate),
                       [rate](Value step) { return F64(step, rate); })) {}

absl::StatusOr<std::vector<double>> Schedule::Rates(int64_t n) const {
  Graph graph;
  const Value step = graph.Input("step", DType::kFloat64, {});
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create({build_(step)}));
  std::vector<double> rates;
  for (int64_t i = 0; i < n; ++i) {
    AD_ASSIGN_OR_RETURN(std::vector<Tensor> rate, executor.Run({{step, Tensor::Scalar(DType::kFloat64, i)}}));
    rates.push_back(rate[0].At(0));
  }
  return rates;
}

Schedule ConstantRate(double rate) { return Schedule(rate); }

Schedule StepDecay(const StepDecayOptions& options) {
  const OptionCheck check = OptionCheck("StepDecay")
                                .AtLeast0("start", options.start)
                                .AtLeast0("gamma", options.gamma)
                                .Count("every", options.every);
  return Checked(check, [options](Value step) {
    const Value whole = Cast(Cast(step / static_cast<double>(options.every), DType::kInt64), DType::kFloat64);
    return Pow(F64(step, options.gamma), whole) * options.start;
  });
}

Schedule Cosine(const CosineOptions& options) {
  const OptionCheck check =
      OptionCheck("Cosine").AtLeast0("start", options.start).AtLeast0("end", options.end).Count("steps", options.steps);
  return Checked(check, [options](Value step) {
    const double steps = static_cast<double>(options.steps);
    return CosineAnneal(options.start, options.end, Minimum(step, steps) / steps);
  });
}

Schedule OneCycle(const OneCycleOptions& options) {
  const OptionCheck check = OptionCheck("OneCycle")
                                .AtLeast0("max", options.max)
                                .Count("steps", options.steps)
                                .Fraction("rise", options.rise)
                                .Positive("divisor", options.divisor)
                                .Positive("final_divisor", options.final_divisor);
  return Checked(check, [options](Value step) {
    const double start = options.max / options.divisor, end = start / options.final_divisor;
    const double last = static_cast<double>(std::max<int64_t>(2, options.steps)) - 1;
    const double peak = std::max(options.rise * (last + 1) - 1, 0.0);
    const Value t = Minimum(step, last);
    const Value fall = CosineAnneal(options.max, end, (t - peak) / (last - peak));
    if (peak == 0) return fall;
    return Where(LessEqual(t, peak), CosineAnneal(start, options.max, t / peak), fall);
  });
}

Schedule WarmUp(int64_t steps, Schedule schedule) {
  return Checked(OptionCheck("WarmUp").Count("steps", steps), [steps, schedule = std::move(schedule)](Value step) {
    const double n = static_cast<double>(steps);
    const Value rate = schedule(Maximum(step - n, 0.0));
    return Where(Less(step, n), rate * ((step + 1.0) / n), rate);
  });
}

}  // namespace adret::nn
