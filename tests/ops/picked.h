// Naive references for ops that move elements: what stands at each place of the result.
#ifndef ADRET_TESTS_OPS_PICKED_H_
#define ADRET_TESTS_OPS_PICKED_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "adret/core/tensor.h"

namespace adret {

using Index = std::vector<int64_t>;

// Element i of x, as a double.
inline double At(const Tensor& x, const Index& i) {
  int64_t flat = 0;
  for (int a = 0; a < x.rank(); ++a) flat = flat * x.shape()[a] + i[a];
  return x.At(flat);
}

// y[i] = f(x, i) for every index i of a tensor of this shape.
inline std::function<std::vector<Tensor>(absl::Span<const Tensor>)> Picked(
    Shape shape, std::function<double(absl::Span<const Tensor> x, const Index& i)> f) {
  return [shape = std::move(shape), f = std::move(f)](absl::Span<const Tensor> x) {
    Tensor y(DType::kFloat64, shape);
    auto data = y.mutable_data<double>();
    for (int64_t flat = 0; flat < y.num_elements(); ++flat) {
      Index i(shape.rank());
      int64_t rest = flat;
      for (int a = shape.rank() - 1; a >= 0; --a) {
        i[a] = rest % shape[a];
        rest /= shape[a];
      }
      data[flat] = f(x, i);
    }
    return std::vector<Tensor>{y};
  };
}

}  // namespace adret

#endif  // ADRET_TESTS_OPS_PICKED_H_
