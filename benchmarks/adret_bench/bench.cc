#include "bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "adret/core/random.h"

namespace adret::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double PeakRssMib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

void Bench::Run(const std::string& job, const Work& work, absl::FunctionRef<absl::StatusOr<Iteration>()> make) {
  if (!status_.ok() || !std::regex_search(job, filter_)) return;
  const absl::StatusOr<Iteration> iteration = make();
  const absl::Status status = iteration.ok() ? Measure(job, work, *iteration) : iteration.status();
  if (!status.ok()) status_ = absl::Status(status.code(), absl::StrCat(job, ": ", status.message()));
}

absl::Status Bench::Measure(const std::string& job, const Work& work, const Iteration& iteration) const {
  constexpr int kWarmUps = 3;
  constexpr size_t kLeastTimes = 5;
  for (int i = 0; i < kWarmUps; ++i) AD_RETURN_IF_ERROR(iteration.run());
  std::vector<double> times;
  for (const Clock::time_point start = Clock::now(); times.size() < kLeastTimes || SecondsSince(start) < seconds_;) {
    const Clock::time_point before = Clock::now();
    AD_RETURN_IF_ERROR(iteration.run());
    times.push_back(SecondsSince(before));
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  std::printf(
      "{\"job\": \"%s\", \"seconds\": %.9g, \"min\": %.9g, \"work\": %.17g, \"unit\": \"%s\", \"rate\": %.9g, "
      "\"peak_rss_mib\": %.1f, \"flops\": %.17g, \"bytes\": %.17g, \"plan_bytes\": %.17g}\n",
      job.c_str(), median, times[0], work.amount, work.unit.c_str(), work.amount / median, PeakRssMib(),
      iteration.cost.flops, iteration.cost.bytes, iteration.cost.plan_bytes);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::StatusOr<Iteration> OneRun(std::shared_ptr<Session> session, const Values& fetches, const Updates& updates,
                                 const Bench& bench) {
  AD_ASSIGN_OR_RETURN(Executor executor, Executor::Create(fetches, updates, {.threads = bench.threads()}));
  AD_RETURN_IF_ERROR(InitializeMissing(session->graph, /*seed=*/1, &session->state));
  AD_ASSIGN_OR_RETURN(const Cost cost, CostOf(*session, fetches, updates, executor));
  session->executors.push_back(std::move(executor));
  return Iteration{[session] { return session->executors[0].Run(session->feeds, &session->state).status(); }, cost};
}

absl::StatusOr<Cost> CostOf(const Session& session, const Values& fetches, const Updates& updates, Executor& executor) {
  int64_t batch = 1;
  Cost cost;
  for (const auto& [input, tensor] : session.feeds) {
    if (input.shape().is_symbolic()) batch = tensor.shape()[0];
    cost.bytes += static_cast<double>(tensor.num_bytes());
  }
  const auto bytes = [&](const Value& v) {
    return static_cast<double>(Type{v.dtype(), v.shape().With(batch)}.bytes());
  };
  for (const Value& v : fetches) cost.bytes += bytes(v);
  cost.bytes += static_cast<double>(session.state.num_bytes());
  for (const Update& u : updates) cost.bytes += bytes(u.variable);
  AD_ASSIGN_OR_RETURN(const PlanReport report, executor.Report(batch));
  cost.flops = report.flops();
  cost.plan_bytes = static_cast<double>(report.bytes());
  return cost;
}

Value FedInput(Session& session, const std::string& name, Tensor value, Batch batch) {
  Shape shape = value.shape();
  if (batch == Batch::kSymbolic) shape.set(0, kAnyBatch);
  const Value input = session.graph.Input(name, value.dtype(), shape);
  session.feeds.emplace_back(input, std::move(value));
  return input;
}

Tensor Normal(const Shape& shape, double stddev) {
  Tensor result(DType::kFloat32, shape);
  RandomStream random(/*seed=*/7);
  for (float& x : result.mutable_data<float>()) x = static_cast<float>(stddev * random.Normal());
  return result;
}

Tensor Labels(int64_t n, uint32_t classes) {
  Tensor result(DType::kInt64, {n});
  RandomStream random(/*seed=*/8);
  for (int64_t& x : result.mutable_data<int64_t>()) x = random.Below(classes);
  return result;
}

}  // namespace adret::bench
