#include "adret/ops/axes.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_join.h"
#include "adret/ops/batch.h"

namespace adret {

int64_t NormalizedAxis(const Value& x, int64_t axis) {
  const absl::StatusOr<int> normalized = NormalizeAxis(axis, x.rank());
  return normalized.ok() ? *normalized : axis;
}

std::vector<int64_t> NormalizedAxes(const Value& x, std::vector<int64_t> axes) {
  if (axes.empty()) {
    axes.resize(x.rank());
    std::iota(axes.begin(), axes.end(), 0);
    return axes;
  }
  for (int64_t& axis : axes) axis = NormalizedAxis(x, axis);
  std::sort(axes.begin(), axes.end());
  return axes;
}

absl::Status RequireAxis(const TypeContext& c, int i, int64_t axis) {
  if (axis >= 0 && axis < c.shape(i).rank()) return absl::OkStatus();
  return c.Error("axis ", axis, " is out of range for rank ", c.shape(i).rank());
}

absl::Status RequireAxes(const TypeContext& c, int i, const std::vector<int64_t>& axes) {
  for (size_t k = 0; k < axes.size(); ++k) {
    AD_RETURN_IF_ERROR(RequireAxis(c, i, axes[k]));
    if (k > 0 && axes[k] <= axes[k - 1]) {
      return c.Error("axes must be distinct and ascending, but are [", absl::StrJoin(axes, ","), "]");
    }
  }
  return absl::OkStatus();
}

BatchRule AlongLaterAxis() {
  return OneMoreAxis<AxisAttrs>([](AxisAttrs* a, const BatchContext&) { ++a->axis; });
}

AxisSplit SplitAt(const Shape& shape, int64_t axis) {
  AxisSplit split;
  for (int i = 0; i < shape.rank(); ++i) {
    (i < axis ? split.outer : i == axis ? split.n : split.inner) *= shape[i];
  }
  return split;
}

int64_t EmptyAxis(const Shape& x, const Shape& y, const std::vector<int64_t>& axes) {
  if (y.num_elements() == 0) return -1;
  const auto found = std::find_if(axes.begin(), axes.end(), [&](int64_t axis) { return x[axis] == 0; });
  return found == axes.end() ? -1 : *found;
}

}  // namespace adret
