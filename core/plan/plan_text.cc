#include "adret/core/plan/plan_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "adret/core/node_listing_internal.h"

namespace adret {

std::string PlanGraphText(const PlanGraph& plan) {
  NodeListing listing;
  std::vector<ValueId> lines(plan.values.size());  // where each value is listed
  // Plans that a check refused are printed, too: what does not exist is left out, and what has no line is -1.
  const auto exists = [&](int v) { return v >= 0 && v < static_cast<int>(lines.size()); };
  const auto line = [&](int v) { return exists(v) ? lines[v] : ValueId(); };
  for (size_t v = 0; v < plan.values.size(); ++v) {
    const int constant = plan.values[v].constant;
    if (constant < 0 || constant >= static_cast<int>(plan.constants.size())) continue;
    lines[v] = {listing.num_lines(), 0};
    listing.AddConstant(plan.constants[constant]);
  }
  for (int i = 0; i < static_cast<int>(plan.nodes.size()); ++i) {
    const PlanGraph::PlanNode& node = plan.nodes[i];
    Types outputs;
    std::vector<ValueId> inputs;
    for (int v : node.inputs) inputs.push_back(line(v));
    for (int k = 0; k < plan.num_outputs(i) && exists(node.first_output + k); ++k) {
      outputs.push_back(plan.values[node.first_output + k].type);
      lines[node.first_output + k] = {listing.num_lines(), k};
    }
    listing.AddNode(*node.node, outputs, inputs);
  }
  std::string text = listing.ToString();
  const auto value = [&](std::string* out, int v) { out->append(ListedValue(line(v))); };
  if (!plan.fetches.empty()) absl::StrAppend(&text, "fetch ", absl::StrJoin(plan.fetches, ", ", value), "\n");
  for (auto [variable, stored] : plan.updates) {
    absl::StrAppend(&text, "update ", ListedValue(line(variable)), " = ", ListedValue(line(stored)), "\n");
  }
  return text;
}

}  // namespace adret
