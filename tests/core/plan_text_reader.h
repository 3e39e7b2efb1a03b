// TextReader: graphs that are written as texts, for tests of the planner's passes; and the passes run on them.
#ifndef ADRET_TESTS_CORE_PLAN_TEXT_READER_H_
#define ADRET_TESTS_CORE_PLAN_TEXT_READER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "adret/core/graph.h"
#include "adret/core/plan/plan_graph.h"
#include "adret/core/plan/rewrite_counter.h"

namespace adret {

// The text with single spaces and without empty lines.
std::string NormalText(absl::string_view text);

// Reads back what GraphText() and PlanGraphText() print; constants are scalars.
class TextReader {
 public:
  explicit TextReader(absl::string_view text);

  Graph graph;
  std::vector<ValueId> fetches;
  std::vector<std::pair<ValueId, ValueId>> updates;

 private:
  void Read(const std::string& line);
  void ReadNode(const std::vector<std::string>& words);
};

// Runs these passes and no others, and checks the graph after each.
PlanGraph RunPasses(const TextReader& reader, const std::vector<std::string>& passes, RewriteCounter* counter);

}  // namespace adret

#endif  // ADRET_TESTS_CORE_PLAN_TEXT_READER_H_
