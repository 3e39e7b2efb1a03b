// What reductions and scans share: axes as attributes, made non-negative when a node is built, so that equal nodes look
// equal, and checked by type rules.
//
//   Build("softmax", {x}, Attrs(AxisAttrs{NormalizedAxis(x, -1)}));
#ifndef ADRET_OPS_AXES_H_
#define ADRET_OPS_AXES_H_

#include <cstdint>
#include <vector>

#include "adret/core/graph.h"
#include "adret/core/op.h"

namespace adret {

// The attribute of ops that work along one axis.
struct AxisAttrs {
  int64_t axis = -1;
  template <class V>
  void Fields(V&& v) {
    v("axis", axis);
  }
};

// Returns axis in [0, rank); what is out of range is returned as it is, for the type rule to refuse.
int64_t NormalizedAxis(const Value& x, int64_t axis);
// Returns several axes in [0, rank), sorted; all of them for none.
std::vector<int64_t> NormalizedAxes(const Value& x, std::vector<int64_t> axes);

// Fails unless 0 <= axis < rank of input i.
absl::Status RequireAxis(const TypeContext& c, int i, int64_t axis);
// Fails unless the axes are distinct, ascending and each in [0, rank of input i).
absl::Status RequireAxes(const TypeContext& c, int i, const std::vector<int64_t>& axes);

// Returns the batch rule of ops with AxisAttrs that take all their inputs stacked: an example's axes are one later.
BatchRule AlongLaterAxis();

// A concrete shape around one axis: [outer, n, inner].
struct AxisSplit {
  int64_t outer = 1, n = 1, inner = 1;
};
AxisSplit SplitAt(const Shape& shape, int64_t axis);

// Returns the axis that leaves nothing to find a maximum among, or -1. Where there is no maximum to find, as of [0,0]
// along axis 0, all is well, as in NumPy.
int64_t EmptyAxis(const Shape& x, const Shape& y, const std::vector<int64_t>& axes);

}  // namespace adret

#endif  // ADRET_OPS_AXES_H_
