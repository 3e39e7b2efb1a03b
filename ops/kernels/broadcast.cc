#include "adret/ops/kernels/broadcast.h"

#include <algorithm>
#include <cstring>

#include "adret/core/fill.h"
#include "adret/core/parallel.h"

namespace adret::kernels {
namespace {

constexpr int64_t kGrainBytes = int64_t{1} << 17;

// count copies of one element.
template <class T>
void FillTyped(void* out, const void* element, int64_t count) {
  T value;
  std::memcpy(&value, element, sizeof(T));
  Fill(static_cast<T*>(out), count, value);
}
void FillElements(void* out, const void* element, size_t size, int64_t count) {
  switch (size) {
    case 1:
      return FillTyped<uint8_t>(out, element, count);
    case 2:
      return FillTyped<uint16_t>(out, element, count);
    case 4:
      return FillTyped<uint32_t>(out, element, count);
    default:
      return FillTyped<uint64_t>(out, element, count);
  }
}

}  // namespace

BroadcastPlan PlanBroadcast(const Shape& x, const Shape& y, size_t element_size) {
  BroadcastPlan plan;
  plan.element_size = element_size;
  plan.num_elements = y.num_elements();
  const int missing = y.rank() - x.rank();
  absl::InlinedVector<BroadcastPlan::Axis, 4> axes;  // innermost first
  int64_t stride = 1;
  for (int axis = y.rank() - 1; axis >= 0; --axis) {
    const int64_t from = axis < missing ? 1 : x[axis - missing];
    if (y[axis] == 1) continue;
    const bool repeated = from == 1;
    if (!axes.empty() && (axes.back().stride == 0) == repeated) {
      axes.back().extent *= y[axis];
    } else {
      axes.push_back({y[axis], repeated ? 0 : stride});
    }
    stride *= from;
  }
  if (axes.empty()) return plan;
  plan.inner = axes.front();
  plan.outer.assign(axes.rbegin(), axes.rend() - 1);
  return plan;
}

void Broadcast(const BroadcastPlan& plan, const void* x, void* y) {
  const size_t size = plan.element_size;
  const int64_t row = plan.inner.extent;
  ParallelFor(plan.num_elements, kGrainBytes / static_cast<int64_t>(size), [&](int64_t begin, int64_t end) {
    absl::InlinedVector<int64_t, 4> index(plan.outer.size());
    int64_t rest = begin / row, offset = 0, column = begin % row;
    for (int axis = static_cast<int>(index.size()) - 1; axis >= 0; --axis) {
      index[axis] = rest % plan.outer[axis].extent;
      rest /= plan.outer[axis].extent;
      offset += index[axis] * plan.outer[axis].stride;
    }
    for (int64_t i = begin; i < end;) {
      const int64_t n = std::min(row - column, end - i);
      const char* from = static_cast<const char*>(x) + (offset + column * plan.inner.stride) * size;
      char* to = static_cast<char*>(y) + i * size;
      plan.inner.stride == 0 ? FillElements(to, from, size, n) : static_cast<void>(std::memcpy(to, from, n * size));
      i += n;
      column = 0;
      for (int axis = static_cast<int>(index.size()) - 1; axis >= 0; --axis) {
        offset += plan.outer[axis].stride;
        if (++index[axis] < plan.outer[axis].extent) break;
        offset -= index[axis] * plan.outer[axis].stride;
        index[axis] = 0;
      }
    }
  });
}

}  // namespace adret::kernels
