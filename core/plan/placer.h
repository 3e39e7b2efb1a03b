// Placer: decides where every value of a plan lives during a run.
#ifndef ADRET_CORE_PLAN_PLACER_H_
#define ADRET_CORE_PLAN_PLACER_H_

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "adret/core/plan/plan.h"

namespace adret {

class Plan::Placer {
 public:
  explicit Placer(Plan* plan) : plan_(*plan) {}
  void Run();

 private:
  void PlaceLeaves();
  void PlaceFetches();
  void FindReads();
  void PlaceStep(int s);
  void PlaceOutput(int s, int value);
  bool ReuseInput(int s, int output_index);
  // Keeps what only step s and its consumer read in tiles, where the kernel writes tile by tile.
  void PlaceTiles(int s);
  bool FitsTile(int s, int value) const;
  bool ReuseTile(int s, int output_index);
  void PlaceUpdates();
  // An update whose step writes the new value into the variable.
  struct InPlace {
    int variable, value, step;
  };
  std::vector<InPlace> FindInPlace() const;
  bool CanUpdateInPlace(int variable, int value) const;
  // Whether the kernel or the chain of step s can write `value` into the variable's memory, which it may read.
  bool CanOverwrite(int s, int variable, int value) const;
  void PlaceScratch(int s);
  void ReadOffsets();

  int root(int value) const { return plan_.schedule_.root[value]; }
  int level(int s) const { return plan_.schedule_.steps[s].level; }
  int NewBuffer(int64_t bytes, int first, int last);
  int64_t Bytes(int value) const { return plan_.graph_.values[value].type.bytes(); }

  Plan& plan_;
  std::vector<Buffer> buffers_;
  std::vector<int> buffer_of_;                     // of root values: index into buffers_, or -1
  std::vector<int> last_read_;                     // of root values: last level that reads it, or -1
  std::vector<std::vector<int>> readers_;          // of root values: steps, ascending, without repetition
  absl::flat_hash_map<int, int> in_place_;         // root value -> index of the variable that it is written into
  std::vector<std::pair<int64_t*, int>> offsets_;  // scratch offsets to fill in: (where, buffer)
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_PLACER_H_
