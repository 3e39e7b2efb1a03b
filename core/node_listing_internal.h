// NodeListing: the table that GraphText() prints, line by line; plans print their own graphs with it
// (core/plan/plan_text.h).
#ifndef ADRET_CORE_NODE_LISTING_INTERNAL_H_
#define ADRET_CORE_NODE_LISTING_INTERNAL_H_

#include <string>

#include "absl/types/span.h"
#include "adret/core/graph.h"
#include "adret/core/text_table.h"

namespace adret {

class NodeListing {
 public:
  NodeListing();

  // Adds the line of a node. The inputs name lines, and outputs of their nodes; the types are those to be shown, which
  // may be more concrete than the node's own.
  void AddNode(const Node& node, absl::Span<const Type> outputs, absl::Span<const ValueId> inputs);
  // Adds the line of a constant that no node holds.
  void AddConstant(const Tensor& value);
  // Returns the number of the next line.
  int num_lines() const { return num_lines_; }
  // Returns all lines so far.
  std::string ToString() const { return table_.ToString(); }

 private:
  TextTable table_;
  int num_lines_ = 0;
};

// Returns how a listing names a value: "3", or "3:1" for a further output of line 3.
std::string ListedValue(ValueId value);

}  // namespace adret

#endif  // ADRET_CORE_NODE_LISTING_INTERNAL_H_
