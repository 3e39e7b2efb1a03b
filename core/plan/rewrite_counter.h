// RewriteCounter: counts the rewrites of a plan, and refuses some, so that a wrong plan can be traced to the one
// rewrite that made it wrong (docs/find_a_wrong_number.md).
//
//   if (!counter->Allow(RewriteRule::kFold, node)) return false;  // the last condition, right before the rewrite
//
// A rewrite that is refused must leave a plan that is right without it.
#ifndef ADRET_CORE_PLAN_REWRITE_COUNTER_H_
#define ADRET_CORE_PLAN_REWRITE_COUNTER_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "adret/core/graph.h"

namespace adret {

// The kinds of rewrites. Each is explained, with its equation, above the function that makes it: the first three in
// core/plan/simplify.cc, the next three in core/plan/rewrite.cc, the last in core/plan/slice_pushdown.cc.
enum class RewriteRule : uint8_t { kIdentity, kFold, kMerge, kWindows, kPadding, kScatter, kSlices };

// Returns the names of all rules, in the order of the enum: "identity", "fold", ...
absl::Span<const absl::string_view> RewriteRuleNames();

class RewriteCounter {
 public:
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  // Refuses the rules of this set of bits (bit r: rule number r), and everything after `limit` rewrites. With keep_log,
  // remembers a line for each rewrite.
  explicit RewriteCounter(uint32_t disabled = 0, int64_t limit = kNoLimit, bool keep_log = false)
      : disabled_(disabled), limit_(limit), keep_log_(keep_log) {}

  // Returns whether a rule may now rewrite what `node` computes, and counts the rewrite if so.
  bool Allow(RewriteRule rule, const Node& node);

  // Returns how many rewrites were allowed.
  int64_t count() const { return count_; }
  // Returns "<number>  <rule>  <op>  <name>", a line for each rewrite.
  const std::string& log() const { return log_; }

 private:
  uint32_t disabled_;
  int64_t limit_;
  bool keep_log_;
  int64_t count_ = 0;
  std::string log_;
};

}  // namespace adret

#endif  // ADRET_CORE_PLAN_REWRITE_COUNTER_H_
