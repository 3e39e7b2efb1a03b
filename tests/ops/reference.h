// Naive reductions for references of the op suite: one element at a time, in f64.
#ifndef ADRET_TESTS_OPS_REFERENCE_H_
#define ADRET_TESTS_OPS_REFERENCE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "adret/core/tensor.h"

namespace adret {

// The elements of x (row-major) as lines along the axes; lines and their elements in row-major order.
inline std::vector<std::vector<int64_t>> LinesOf(const Shape& x, const std::vector<int64_t>& axes) {
  const auto strides = Strides(x);
  std::map<int64_t, std::vector<int64_t>> lines;  // by the offset of the line's first element
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    int64_t start = i;
    for (int64_t axis : axes) start -= i / strides[axis] % x[axis] * strides[axis];
    lines[start].push_back(i);
  }
  std::vector<std::vector<int64_t>> result;
  for (auto& [start, line] : lines) result.push_back(std::move(line));
  return result;
}

using LineFunction = std::function<double(const std::vector<double>&)>;

// f of every line of x along the axes, as a tensor of this shape.
inline std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceReduce(std::vector<int64_t> axes, Shape y,
                                                                                    LineFunction f,
                                                                                    DType dtype = DType::kFloat64) {
  return [=](absl::Span<const Tensor> x) {
    Tensor result(DType::kFloat64, y);
    int64_t k = 0;
    for (const std::vector<int64_t>& line : LinesOf(x[0].shape(), axes)) {
      std::vector<double> values;
      for (int64_t i : line) values.push_back(x[0].At(i));
      result.mutable_data<double>()[k++] = f(values);
    }
    return std::vector<Tensor>{result.Cast(dtype)};
  };
}

using LineMap = std::function<std::vector<double>(const std::vector<double>&)>;

// Every line of x along the axes, mapped to as many numbers.
inline std::function<std::vector<Tensor>(absl::Span<const Tensor>)> ReferenceLines(std::vector<int64_t> axes,
                                                                                   LineMap f) {
  return [=](absl::Span<const Tensor> x) {
    Tensor result(DType::kFloat64, x[0].shape());
    for (const std::vector<int64_t>& line : LinesOf(x[0].shape(), axes)) {
      std::vector<double> values;
      for (int64_t i : line) values.push_back(x[0].At(i));
      const std::vector<double> mapped = f(values);
      for (size_t i = 0; i < line.size(); ++i) result.mutable_data<double>()[line[i]] = mapped[i];
    }
    return std::vector<Tensor>{result.Cast(x[0].dtype())};
  };
}

}  // namespace adret

#endif  // ADRET_TESTS_OPS_REFERENCE_H_
