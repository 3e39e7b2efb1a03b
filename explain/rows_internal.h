// Rows of f32 or f64 tensors as doubles: images are changed and their maps summed in f64, whatever the network's dtype.
#ifndef ADRET_EXPLAIN_ROWS_INTERNAL_H_
#define ADRET_EXPLAIN_ROWS_INTERNAL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/tensor.h"

namespace adret::explain {

// Row i of rows [n, ...].
inline std::vector<double> Row(const Tensor& rows, int64_t i) {
  const int64_t size = rows.num_elements() / rows.shape()[0];
  return VisitFloating(rows.dtype(), [&](auto tag) {
    const auto row = rows.data<typename decltype(tag)::type>().subspan(i * size, size);
    return std::vector<double>(row.begin(), row.end());
  });
}

// Writes row i; row has as many elements as rows have.
inline void StoreRow(absl::Span<const double> row, Tensor* rows, int64_t i) {
  VisitFloating(rows->dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::transform(row.begin(), row.end(), rows->mutable_data<T>().begin() + i * static_cast<int64_t>(row.size()),
                   [](double x) { return static_cast<T>(x); });
  });
}

}  // namespace adret::explain

#endif  // ADRET_EXPLAIN_ROWS_INTERNAL_H_
