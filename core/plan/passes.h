// The passes that make a plan's graph: their order, and what can be done with each of them by name.
//
//   lower       core/plan/plan_graph.h     the part of the graph that is needed, for one batch
//   simplify    core/plan/simplify.h       fold constants, merge equal nodes, drop identities, move paddings and
//   scatters slices      core/plan/rewrite.h        move slices towards producers; then simplify again, until nothing
//   moves fuse        core/plan/step_schedule.h  cut the graph into steps
//
// Every pass is timed, can be skipped, is written down where somebody asked for it, and is checked in tests and debug
// builds (core/plan/check_plan_graph.h). PassRun is all of that for one plan; nothing is kept between plans.
#ifndef ADRET_CORE_PLAN_PASSES_H_
#define ADRET_CORE_PLAN_PASSES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/rewrite_counter.h"
#include "adret/core/plan_report.h"

namespace adret {

// What environment variables ask of the planner. docs/find_a_wrong_number.md has the table of them.
struct PassOptions {
  std::vector<std::string> disabled = {};      // ADRET_DISABLE: passes and rewrite rules
  int64_t stop_at = RewriteCounter::kNoLimit;  // ADRET_STOP_AT: rewrites of the plan
  std::string dump = {};                       // ADRET_DUMP: a folder; empty: no dump
  bool check = false;                          // ADRET_CHECK_PLANS
};

// Reads the environment. Fails when a variable has a value that it cannot have.
absl::StatusOr<PassOptions> PassOptionsFromEnvironment();

// The passes over one plan.
class PassRun {
 public:
  // Fails when `disabled` names neither a pass that can be skipped nor a rule, and when there can be no folder for the
  // dump:
  // each plan gets a new one, options.dump/plan-N.
  static absl::StatusOr<PassRun> Create(PassOptions options);

  // Whether a pass is to run: nobody disabled it.
  bool Enabled(absl::string_view pass) const;

  // Runs a pass over the plan: times it, writes down what it left, and checks that. Returns what the pass returned:
  // whether it changed the plan; false when the pass is disabled. Fails when the pass does, when the check finds
  // something (an internal error, with the pass's name and the graph in its text), and when the dump cannot be written.
  absl::StatusOr<bool> Apply(absl::string_view name, PlanGraph* plan, absl::FunctionRef<absl::StatusOr<bool>()> pass);

  // Whether there is a dump, and so a use for Dump().
  bool dumps() const { return !folder_.empty(); }
  // Writes a text into the dump, as its next file: "07-steps.txt".
  absl::Status Dump(absl::string_view name, absl::string_view text);

  RewriteCounter* counter() { return &counter_; }
  const std::vector<PassReport>& reports() const { return reports_; }

 private:
  explicit PassRun(PassOptions options);
  absl::Status Check(absl::string_view name, const PlanGraph& plan);
  absl::Status Write(const std::string& file, absl::string_view text) const;

  PassOptions options_;
  RewriteCounter counter_;
  std::vector<PassReport> reports_;
  std::vector<Type> fetch_types_;  // as the first pass left them
  std::string folder_;             // of this plan's dump
  int num_files_ = 0;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PASSES_H_
