#include "adret/core/plan/rewrite_counter.h"

#include "absl/strings/str_cat.h"
#include "adret/core/text.h"

namespace adret {

absl::Span<const absl::string_view> RewriteRuleNames() {
  static constexpr absl::string_view kNames[] = {"identity", "fold",    "merge", "windows",
                                                 "padding",  "scatter", "slices"};
  return kNames;
}

bool RewriteCounter::Allow(RewriteRule rule, const Node& node) {
  const auto number = static_cast<uint32_t>(rule);
  if ((disabled_ >> number & 1) != 0 || count_ >= limit_) return false;
  ++count_;
  if (keep_log_) {
    absl::StrAppend(&log_, count_, "  ", RewriteRuleNames()[number], "  ", node.op->name, "  ", CleanText(node.name),
                    "\n");
  }
  return true;
}

}  // namespace adret
