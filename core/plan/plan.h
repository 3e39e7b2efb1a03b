// Plan: a StepSchedule made ready to run: kernels specialised, programs built, and every value given a place. Runs do
// not change it: whatever differs between two of them is in their bindings, so any number of threads may run one plan.
#ifndef ADRET_CORE_PLAN_PLAN_H_
#define ADRET_CORE_PLAN_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/plan/memory_plan.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/program.h"
#include "adret/core/plan/step_schedule.h"
#include "adret/core/plan/verify.h"
#include "adret/core/plan_report.h"

namespace adret {

struct PlanOptions {
  int threads = 1;
  int64_t memory_limit = 0;
  bool fuse = true;
  bool profile = false;
  bool strict = false;  // KernelSpec::strict
  bool check = false;   // ExecutorOptions::check_numerics
  // Makes a plan without fusion where the fused one breaks an invariant of core/plan/verify.h; otherwise that is an
  // error.
  bool fall_back = true;
  // Changes the fused schedule before it is verified: for tests of what happens to wrong ones.
  std::function<void(StepSchedule*)> tamper = nullptr;
};

// Where a value's numbers are during a run.
struct ValuePlace {
  // kTile: only the range that a thread is working on exists, in the tile memory of the step that makes it.
  enum class Kind : uint8_t { kNone, kArena, kTile, kConstant, kVariable, kInput, kFetch };
  Kind kind = Kind::kNone;
  int64_t index = 0;  // kArena, kTile: byte offset; otherwise: index into the plan's list of that kind
};

// When a step ran, in seconds from the start of its run.
struct StepTime {
  double start = 0, end = 0;
};

// What profiled runs of a plan took.
struct PlanTimes {
  int64_t runs = 0;
  std::vector<double> seconds = {};  // of each step, in all runs together
  std::vector<StepTime> last = {};   // of each step, in the last run that was added

  void Add(absl::Span<const StepTime> run);
};

class Plan {
 public:
  // The memory of one run. Lists are in the order of the plan's.
  struct Bindings {
    char* arena = nullptr;                 // arena_bytes()
    absl::Span<void* const> variables;     // variables()
    absl::Span<const void* const> inputs;  // inputs()
    absl::Span<void* const> fetches;       // fetch_buffers()
    absl::Span<void*> pointers;            // num_pointers(), for the run to write to
    absl::Span<StepTime> times;            // num_steps(), which a run with PlanOptions::profile fills in
    RandomKey random;
  };
  // How to get fetch k from the tensors of a run.
  struct Fetch {
    ValuePlace place;
    Shape shape;
  };

  // Makes a plan that satisfies the invariants of core/plan/verify.h. Fails with Internal when there is none (a fault
  // of adret's), and with ResourceExhausted above the memory limit.
  static absl::StatusOr<std::unique_ptr<Plan>> Make(const Graph& graph, absl::Span<const ValueId> fetches,
                                                    absl::Span<const std::pair<ValueId, ValueId>> updates,
                                                    const DimSizes& sizes, const PlanOptions& options);

  int64_t arena_bytes() const { return arena_bytes_; }
  int num_pointers() const { return num_pointers_; }
  int num_steps() const { return static_cast<int>(steps_.size()); }
  const std::vector<NodeId>& variables() const { return variables_; }
  const std::vector<NodeId>& inputs() const { return inputs_; }
  // Indices into variables() of those that a run writes.
  const std::vector<int>& written_variables() const { return written_variables_; }
  const std::vector<Type>& fetch_buffers() const { return fetch_buffers_; }
  const std::vector<Fetch>& fetches() const { return fetches_; }
  const Tensor& constant(int64_t index) const { return graph_.constants[index]; }

  // Runs all steps. Variables are written only once nothing can fail any more.
  absl::Status Run(const Bindings& bindings) const;

  PlanReport Report(const PlanTimes& times = {}) const;

 private:
  struct StepData {
    Kernel kernel;                     // kernel.run is empty in a stand-alone program
    std::vector<int> inputs, outputs;  // of the kernel: values
    Program program;                   // has instructions when there is a chain
    std::vector<int> program_inputs, program_outputs;
    int64_t workspace = 0, kernel_scratch = 0, program_scratch = 0;  // arena offsets
    int64_t kernel_stride = 0, program_stride = 0;                   // of scratch, per thread
    int consumer = -1;                                // the step that runs on each range of this one's result
    int64_t tiles = 0, tile_stride = 0;               // as scratch
    int first_pointer = 0;                            // in Bindings::pointers, of the step's part
    std::vector<std::shared_ptr<const Body>> bodies;  // of the kernel
  };
  // A step's part of Bindings::pointers: one for each value of its lists, which lie there one after the other.
  struct StepPointers {
    absl::Span<const void* const> inputs;
    absl::Span<void* const> outputs;
    absl::Span<const void* const> program_inputs;
    absl::Span<void* const> program_outputs;
  };
  struct Copy {
    ValuePlace from, to;
    int64_t bytes;
  };
  // A step whose kernel writes into a variable, and the level after which Kernel::check_in_place asks whether it will
  // succeed: the first by which all that it reads is final.
  struct Check {
    int level = -1;
    int step = 0;
  };
  class StepEpilogue;
  class Checker;
  friend class Checker;
  class Placer;
  friend class Placer;
  class LayoutBuilder;
  friend class LayoutBuilder;

  static absl::StatusOr<std::unique_ptr<Plan>> MakeVerified(const Graph& graph, absl::Span<const ValueId> fetches,
                                                            absl::Span<const std::pair<ValueId, ValueId>> updates,
                                                            const DimSizes& sizes, const PlanOptions& options);
  // What VerifyMemory() looks at, from what the steps read and write rather than from how places were chosen.
  PlanLayout Layout() const;

  StepReport ReportStep(int s, const PlanTimes& times) const;
  absl::Status MakeSteps();
  absl::Status MakeKernel(const Step& step, StepData* data);
  void MakeProgram(int s, StepData* data);
  // Whether step s runs on ranges of its producer_step's result.
  bool IsConsumer(int s) const {
    return schedule_.steps[s].producer_step >= 0 && steps_[schedule_.steps[s].producer_step].consumer == s;
  }
  int64_t ElementSize(int value) const { return static_cast<int64_t>(SizeOf(graph_.values[value].type.dtype)); }

  void* Resolve(const ValuePlace& place, const Bindings& bindings) const;
  absl::Status RunLevels(const Bindings& bindings) const;
  absl::Status RunProfiled(const Bindings& bindings) const;
  absl::Status RunChecked(const Bindings& bindings) const;
  // Step s and its consumer.
  absl::Status RunPair(int s, const Bindings& bindings) const;
  absl::Status RunStep(int s, const Bindings& bindings) const;
  void FillPointers(int s, const Bindings& bindings) const;
  StepPointers PointersOf(int s, const Bindings& bindings) const;
  KernelArgs ArgsOf(int s, const Bindings& bindings) const;
  absl::Status RunKernel(int s, const Bindings& bindings) const;
  // Makes the checks that are due before a step of this level, from *next on.
  absl::Status RunChecks(int level, size_t* next, const Bindings& bindings) const;
  // Adds the op and the name of step s's kernel to what it said.
  absl::Status OfKernel(int s, const absl::Status& status) const;
  // Returns the last level by which everything that step s's kernel reads has been made; -1: it is there from the
  // start.
  int LevelOfInputs(int s) const;
  void RunProgram(int s, const Bindings& bindings) const;
  void CopyAll(const std::vector<Copy>& copies, const Bindings& bindings) const;

  PlanGraph graph_;
  std::vector<PassReport> passes_;  // what made graph_
  StepSchedule schedule_;
  std::vector<StepData> steps_;
  std::vector<ValuePlace> places_;  // of root values
  std::vector<NodeId> variables_, inputs_;
  std::vector<int> written_variables_;
  std::vector<Type> fetch_buffers_;
  std::vector<Fetch> fetches_;
  std::vector<Copy> copies_before_, copies_after_;
  std::vector<Check> checks_;  // by level
  int64_t arena_bytes_ = 0;
  int num_pointers_ = 0;
  int threads_ = 1;
  PlanOptions body_options_;  // what plans of bodies are made with
  std::string note_;          // why the plan is not as its options ask; empty: it is
  bool profile_ = false, strict_ = false, check_ = false;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PLAN_H_
