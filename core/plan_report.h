// What a plan does, what it costs, and how long it took: for people (a table), for browsers (a trace), and for
// programs.
//
//   auto executor = Executor::Create({loss}, step, {.profile = true});
//   AD_RETURN_IF_ERROR(executor->Run({{image, images}, {label, labels}}, &state).status());   // as often as you like
//   std::cout << *executor->Explain(/*batch=*/128, MeasureMachineLimits());                   // a table
//   AD_RETURN_IF_ERROR(io::WriteFile("trace.json", *executor->Trace(/*batch=*/128)));         // for ui.perfetto.dev
#ifndef ADRET_CORE_PLAN_REPORT_H_
#define ADRET_CORE_PLAN_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "adret/core/shape.h"

namespace adret {

// What a machine can do at best. MeasureMachineLimits (ops/machine_limits.h) finds out.
struct MachineLimits {
  struct Memory {
    int64_t bytes = 0;            // of data that are gone over again and again
    double bytes_per_second = 0;  // read and written ones together
  };
  double f32_flops = 0, f64_flops = 0;  // per second; 0: not known
  std::vector<Memory> memory;           // by size, ascending

  bool known() const { return f32_flops > 0 && f64_flops > 0 && !memory.empty(); }
  // Returns the rate for data of this size: that of the next larger size which was measured, as those of a cache that
  // holds them.
  double BytesPerSecond(int64_t bytes) const;
};

struct BodyReport;

// One step of a plan: a kernel, a chain of element-wise ops, or a kernel and what follows it tile by tile.
struct StepReport {
  std::vector<std::string> ops = {};  // fused into the step
  std::string node = {};              // name of the kernel's node, or of the chain's last
  std::string source = {};            // the line that built it, "train.cc:31"; empty when that is not known
  std::vector<Type> inputs = {}, outputs = {};
  std::string place = {};     // of the first output: "variable w", "fetch 0"; empty for the arena
  int64_t arena_offset = -1;  // of the first output; -1 when it is elsewhere
  int level = 0;              // steps of one level may run side by side
  // Arithmetic: what kernels say of themselves (2 for a multiply-add), and 1 for every element of an element-wise op,
  // whichever it is. Kernels that only move or compare numbers have none.
  double flops = 0;
  // Of everything read and written, each once: what has to move when nothing is in a cache.
  int64_t bytes = 0;
  double seconds = 0;                   // mean of the profiled runs
  double last_start = 0, last_end = 0;  // in the last profiled run, from its start
  std::vector<BodyReport> bodies = {};  // what a loop or a branch runs

  // Returns the least time that these limits allow, and which of the two it is.
  double FlopsFloor(const MachineLimits& limits) const;
  double BytesFloor(const MachineLimits& limits) const;
};

// The plan of a body of a step: "then_branch". Costs are those of one time through it; the step's include them.
struct BodyReport {
  std::string name = {};
  std::vector<StepReport> steps = {};
};

// What a pass over the plan's graph did (core/plan/passes.h).
struct PassReport {
  std::string name = {};
  int nodes = 0;         // after it
  int64_t rewrites = 0;  // by it and the passes before it: the numbers that ADRET_STOP_AT counts
  double seconds = 0;    // without checks and dumps
  bool skipped = false;  // by ADRET_DISABLE
};

struct PlanReport {
  std::vector<StepReport> steps = {};   // in order of execution
  std::vector<PassReport> passes = {};  // in order; what made the graph that was cut into steps
  int64_t arena_bytes = 0;
  int64_t profiled_runs = 0;
  std::string note = {};  // why the plan is not as the executor's options ask; empty: it is

  double flops() const;
  int64_t bytes() const;
};

// Returns a table with one line per step, those of bodies below their step ("3.body.0"), and a total. Times appear
// after profiled runs; with limits also the share of the limit: how much of a step's time its flops or bytes would take
// on a machine that reaches one of its limits.
std::string ExplainTable(const PlanReport& report, const MachineLimits& limits = {});

// Returns a line for each pass: the nodes that it left, the numbers of its rewrites, and its time.
std::string PassTable(const PlanReport& report);

// Returns the last profiled run in the JSON format of Chrome's trace viewer: one complete event ("ph": "X") per step.
std::string ChromeTrace(const PlanReport& report);

// Returns text like "512 B", "4.2 KiB", "1.5 GiB".
std::string BytesText(int64_t bytes);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_REPORT_H_
