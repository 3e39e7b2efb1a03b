// Verify: checks that a plan computes what its graph says, before it is run for the first time. Always on; linear in
// the size of the plan but for a logarithm.
//
// A plan is right when these invariants hold. VerifySchedule() checks (1) to (4), VerifyMemory() checks (5) to (8), and
// their messages begin with the number of what is broken.
//
//   (1) Every value that is fetched, stored into a variable or read is a leaf, a constant, or the result of exactly one
//       node in exactly one step.
//   (2) What a step reads is final before the step begins: an earlier step of a lower level made it. Three readers may
//       come sooner: a chain reads output 0 of the kernel before it, range by range; a node of a chain reads earlier
//       nodes of that chain; a consumer reads what its producer, the step just before it, made.
//       What the barriers before it wait for (OpTraits::barrier) is final, too, for every reader.
//   (3) A chain after a kernel has as many elements as the kernel's output 0, and the kernel announces them
//       (OpTraits::epilogue). A consumer's kernel works plane by plane (OpTraits::planes).
//   (4) Levels never fall from one step to the next; a consumer has the level of its producer.
//   (5) No two values or work areas that are in use during one level share memory, except that a chain may write a
//       result over an operand of which it is the last reader, where its program says that this is safe.
//   (6) A variable is overwritten once, after everybody else has read it and when no step may fail any more: a failed
//       run changes nothing. A kernel that writes into a variable has been asked before whether it would fail
//       (Kernel::check_in_place), when all that it reads was final.
//   (7) A tensor that the run returns is written by one value.
//   (8) A value that exists only as tiles, range by range, lies within them and is read by its step and that step's
//       consumer only.
#ifndef ADRET_CORE_PLAN_VERIFY_H_
#define ADRET_CORE_PLAN_VERIFY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/step_schedule.h"

namespace adret {

// Checks invariants (1) to (4). Fails with Internal and a sentence that names the step and the node.
absl::Status VerifySchedule(const PlanGraph& graph, const StepSchedule& schedule);

// Where a plan keeps things, and when. Levels are those of StepSchedule.
struct PlanLayout {
  // Memory that is in use from level `first` to level `last`, both included.
  struct Area {
    int64_t offset = 0, bytes = 0;  // in the arena; unused for variables and fetches
    int first = 0, last = 0;
    int value = -1;  // whose numbers it holds; -1 for work areas
    int step = -1;   // that writes it; -1 when it is written before the first step
    int over = -1;   // the area of the same bytes that this one may be written over, element by element
  };
  // A variable whose new value is written into it by a step, while steps still run.
  struct Overwrite {
    int variable = 0;  // index of the variable
    int step = 0;
    int level = 0;
    int last_failure = -1;      // highest level in which a step may fail
    int last_read = -1;         // highest level in which another step reads the old value
    bool safe_in_place = true;  // if the step itself reads the old value: it reads no element after writing it
  };

  // A value of which only the range that a thread works on exists, in that thread's tiles of a step.
  struct Tile {
    int64_t offset = 0, bytes = 0, tile_bytes = 0;  // tile_bytes: of all tiles that a thread has
    int step = 0;
    bool read_elsewhere = false;  // by another step than this one and its consumer, or after the run
  };

  int64_t arena_bytes = 0;
  std::vector<Area> arena;
  std::vector<Overwrite> overwrites;
  std::vector<Tile> tiles;
  std::vector<int> fetch_writers;  // for each returned tensor: how many values are written into it
};

// Checks invariants (5) to (8). Fails with Internal and a sentence that names the step.
absl::Status VerifyMemory(const PlanLayout& layout);

}  // namespace adret

#endif  // ADRET_CORE_PLAN_VERIFY_H_
