// Golden values that tests/golden/nn.py took from PyTorch.
#ifndef ADRET_TESTS_NN_GOLDEN_H_
#define ADRET_TESTS_NN_GOLDEN_H_

#include <cmath>
#include <string>

#include "adret/core/tensor.h"
#include "adret/tests/golden/golden.h"
#include "gtest/gtest.h"

namespace adret::nn {

inline Tensor Golden(const std::string& name) { return GoldenArray("nn", name); }

// Row i of a tensor [n, ...].
inline Tensor Row(const Tensor& t, int64_t i) {
  Tensor row(t.dtype(), Shape(t.shape().dims().subspan(1)));
  std::copy_n(static_cast<const char*>(t.raw()) + i * row.num_bytes(), row.num_bytes(),
              static_cast<char*>(row.mutable_raw()));
  return row;
}

// Every element within tolerance * max(1, |expected|).
inline void ExpectNear(const Tensor& found, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(found.num_elements(), expected.num_elements()) << what;
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    ASSERT_NEAR(found.At(i), expected.At(i), tolerance * std::max(1.0, std::abs(expected.At(i))))
        << what << ", element " << i;
  }
}

}  // namespace adret::nn

#endif  // ADRET_TESTS_NN_GOLDEN_H_
