#include "adret/ops/kernels/pad.h"

#include <algorithm>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "adret/core/parallel.h"
#include "adret/ops/kernels/copy.h"

namespace adret::kernels {
namespace {

constexpr int64_t kGrain = 32768;  // elements per parallel chunk

// The element of x that lies at place i of the padded axis, or -1 in a constant border.
int64_t Source(Border border, const PadAxis& axis, int64_t i) {
  const int64_t s = i - axis.before;
  if (s >= 0 && s < axis.size) return s;
  switch (border) {
    case Border::kConstant:
      return -1;
    case Border::kEdge:
      return s < 0 ? 0 : axis.size - 1;
    case Border::kReflect:
      return s < 0 ? -s : 2 * (axis.size - 1) - s;
  }
  return -1;
}

// Calls f(i) for every place i of the padded axis where element s of x lies, in ascending order.
template <class F>
void ForEachPlace(Border border, const PadAxis& axis, int64_t s, const F& f) {
  const int64_t last = axis.size - 1;
  if (border == Border::kReflect) {
    if (s >= 1 && s <= axis.before) f(axis.before - s);
    f(axis.before + s);
    const int64_t mirrored = 2 * last - s;
    if (s < last && mirrored < axis.size + axis.after) f(axis.before + mirrored);
  } else {
    const int64_t begin = border == Border::kEdge && s == 0 ? 0 : axis.before + s;
    const int64_t end = border == Border::kEdge && s == last ? axis.padded() : axis.before + s + 1;
    for (int64_t i = begin; i < end; ++i) f(i);
  }
}

template <class T>
void PadRow(const PadAxis& axis, int64_t block, Border border, T value, const T* x, T* y) {
  for (int64_t i = 0; i < axis.padded(); ++i) {
    if (i == axis.before) {
      std::memcpy(y + i * block, x, axis.size * block * sizeof(T));
      i += axis.size;
      if (i == axis.padded()) break;
    }
    T* to = y + i * block;
    if (const int64_t s = Source(border, axis, i); s < 0) {
      std::fill(to, to + block, value);
    } else {
      std::copy(x + s * block, x + (s + 1) * block, to);
    }
  }
}

// Adds the rows of dy that lie over one row of dx. Recursion goes over the axes, at most 32.
template <class T>
void AddRows(const PadPlan& plan, size_t a, const int64_t* index, int64_t dy_row, const T* dy, T* dx) {
  const PadAxis& axis = plan.axes[a];
  if (a + 1 < plan.axes.size()) {
    ForEachPlace(plan.border, axis, index[a],
                 [&](int64_t i) { AddRows(plan, a + 1, index, dy_row * axis.padded() + i, dy, dx); });
    return;
  }
  const T* row = dy + dy_row * axis.padded() * plan.block;
  for (int64_t i = 0; i < axis.padded(); ++i) {
    T* to = dx + Source(plan.border, axis, i) * plan.block;
    for (int64_t k = 0; k < plan.block; ++k) to[k] += row[i * plan.block + k];
  }
}

// Splits a row number into the coordinates of all axes but the last.
template <class Size>
absl::InlinedVector<int64_t, 8> RowIndex(const PadPlan& plan, int64_t row, const Size& size) {
  absl::InlinedVector<int64_t, 8> index(plan.axes.size() - 1);
  for (int a = static_cast<int>(index.size()) - 1; a >= 0; --a) {
    index[a] = row % size(plan.axes[a]);
    row /= size(plan.axes[a]);
  }
  return index;
}

}  // namespace

void Pad(const PadPlan& plan, const void* x, const void* value, void* y, size_t element_size) {
  const PadAxis& inner = plan.axes.back();
  int64_t rows = 1;
  for (size_t a = 0; a + 1 < plan.axes.size(); ++a) rows *= plan.axes[a].padded();
  const int64_t row_size = inner.padded() * plan.block;
  if (rows * row_size == 0) return;
  const auto padded = [](const PadAxis& axis) { return axis.padded(); };
  VisitElementSize(element_size, [&](auto element) {
    using T = decltype(element);
    std::memcpy(&element, value, sizeof(element));
    ParallelFor(rows, std::max<int64_t>(1, kGrain / row_size), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const auto index = RowIndex(plan, row, padded);
        int64_t x_row = 0;
        for (size_t a = 0; a < index.size() && x_row >= 0; ++a) {
          const int64_t s = Source(plan.border, plan.axes[a], index[a]);
          x_row = s < 0 ? -1 : x_row * plan.axes[a].size + s;
        }
        T* to = static_cast<T*>(y) + row * row_size;
        if (x_row < 0) {
          std::fill(to, to + row_size, element);
        } else {
          PadRow(inner, plan.block, plan.border, element, static_cast<const T*>(x) + x_row * inner.size * plan.block,
                 to);
        }
      }
    });
  });
}

template <class T>
void PadGrad(const PadPlan& plan, const T* dy, T* dx) {
  const int64_t row_size = plan.axes.back().size * plan.block;
  int64_t rows = 1;
  for (size_t a = 0; a + 1 < plan.axes.size(); ++a) rows *= plan.axes[a].size;
  if (rows * row_size == 0) return;
  const auto size = [](const PadAxis& axis) { return axis.size; };
  ParallelFor(rows, std::max<int64_t>(1, kGrain / row_size), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      T* to = dx + row * row_size;
      std::fill(to, to + row_size, T{0});
      AddRows(plan, 0, RowIndex(plan, row, size).data(), 0, dy, to);
    }
  });
}

template void PadGrad<float>(const PadPlan&, const float*, float*);
template void PadGrad<double>(const PadPlan&, const double*, double*);

}  // namespace adret::kernels
