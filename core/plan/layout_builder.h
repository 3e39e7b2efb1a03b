// LayoutBuilder: collects what VerifyMemory() looks at. Reads and writes are gathered anew from the steps: what the
// placer thought of them must not decide whether it was right.
#ifndef ADRET_CORE_PLAN_LAYOUT_BUILDER_H_
#define ADRET_CORE_PLAN_LAYOUT_BUILDER_H_

#include <vector>

#include "adret/core/plan/plan.h"

namespace adret {

class Plan::LayoutBuilder {
 public:
  explicit LayoutBuilder(const Plan& plan);
  PlanLayout Build();

 private:
  int Level(int s) const { return plan_.schedule_.steps[s].level; }
  int64_t Bytes(int value) const { return plan_.graph_.values[value].type.bytes(); }
  // The level in which the value is read for the last time by another step than s, or -1.
  int LastReadBesides(int s, int value) const;

  void FindReaders();
  void FindLastFailure();
  void AddValue(int s, int value);
  void AddOverwrite(int s, int value);
  void AddWorkAreas(int s);
  void AddInPlace(int s);
  // Whether the program of step s reads no element of its input after it has written the output's.
  bool MayOverwrite(int s, int output, int input) const;

  const Plan& plan_;
  const int end_;  // the level after the last step
  PlanLayout layout_;
  struct Readers {
    int last = -1;    // the last step that reads a value, or -1
    int before = -1;  // the last one but that
  };
  std::vector<int> area_of_;         // of values: index into layout_.arena, or -1
  std::vector<Readers> readers_;     // of values
  std::vector<bool> copied_at_end_;  // of values: read after the last step
  std::vector<int> old_value_;       // of variables: the leaf's value
  int last_failure_ = -1;            // the last level in which the run may fail
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_LAYOUT_BUILDER_H_
