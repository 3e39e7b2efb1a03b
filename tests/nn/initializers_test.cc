#include "adret/nn/initializers.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"

namespace adret::nn {
namespace {

constexpr RandomKey kKey{.seed = 3, .stream = 7};

struct Statistics {
  double mean = 0, stddev = 0, min = 0, max = 0;
};
Statistics Of(const Tensor& t) {
  Statistics s{.min = t.At(0), .max = t.At(0)};
  double square = 0;
  for (int64_t i = 0; i < t.num_elements(); ++i) {
    s.mean += t.At(i);
    square += t.At(i) * t.At(i);
    s.min = std::min(s.min, t.At(i));
    s.max = std::max(s.max, t.At(i));
  }
  const double n = static_cast<double>(t.num_elements());
  s.mean /= n;
  s.stddev = std::sqrt(square / n - s.mean * s.mean);
  return s;
}

const Type kDense{DType::kFloat32, {200, 400}};
const Type kFilters{DType::kFloat64, {64, 32, 5, 5}};

TEST(InitializersTest, FansFollowTheLayout) {
  EXPECT_EQ(FansOf({200, 400}).in, 400);
  EXPECT_EQ(FansOf({200, 400}).out, 200);
  EXPECT_EQ(FansOf({64, 32, 5, 5}).in, 800);
  EXPECT_EQ(FansOf({64, 32, 5, 5}).out, 1600);
  EXPECT_EQ(FansOf({}).in, 1);
}

TEST(InitializersTest, HaveTheirMeansAndDeviations) {
  const auto expect = [](const Initializer& initializer, const Type& type, double mean, double stddev) {
    const Tensor t = initializer(type, kKey);
    EXPECT_EQ(t.type(), type);
    const Statistics s = Of(t);
    // Five standard errors, with 50,000 draws or more.
    EXPECT_NEAR(s.mean, mean, 5 * stddev / std::sqrt(5e4));
    EXPECT_NEAR(s.stddev, stddev, 0.02 * stddev);
  };
  expect(Uniform(-1, 3), kDense, 1, 4 / std::sqrt(12.0));
  expect(Normal(2, 0.5), kFilters, 2, 0.5);
  // The deviation of a normal cut off at two deviations.
  expect(TruncatedNormal(0, 1), kDense, 0, 0.8796);
  expect(GlorotUniform(), kDense, 0, std::sqrt(2.0 / 600));
  expect(GlorotNormal(2), kFilters, 0, 2 * std::sqrt(2.0 / 2400));
  expect(HeUniform(), kDense, 0, std::sqrt(2.0 / 400));
  expect(HeNormal(), kFilters, 0, std::sqrt(2.0 / 800));
  expect(LeCunUniform(), kFilters, 0, std::sqrt(1.0 / 2400));
}

TEST(InitializersTest, StayInTheirBounds) {
  const Statistics uniform = Of(Uniform(-1, 3)(kDense, kKey));
  EXPECT_GE(uniform.min, -1);
  EXPECT_LE(uniform.max, 3);
  const Statistics truncated = Of(TruncatedNormal(1, 0.1)(kDense, kKey));
  EXPECT_GE(truncated.min, 0.8 - 1e-6);
  EXPECT_LE(truncated.max, 1.2 + 1e-6);
  EXPECT_EQ(Of(Ones()(kDense, kKey)).min, 1);
  EXPECT_EQ(Of(Zeros()(kDense, kKey)).max, 0);
  EXPECT_EQ(Of(Constant(0.25)(kDense, kKey)).mean, 0.25);
}

TEST(InitializersTest, AreAFunctionOfTheKey) {
  const Initializer he = HeNormal();
  EXPECT_TRUE(he(kDense, kKey).BitEqual(he(kDense, kKey)));
  EXPECT_FALSE(he(kDense, kKey).BitEqual(he(kDense, {.seed = 4, .stream = 7})));
  EXPECT_FALSE(he(kDense, kKey).BitEqual(he(kDense, {.seed = 3, .stream = 8})));
}

TEST(InitializersTest, OrthogonalIsOrthogonal) {
  for (const Shape& shape : {Shape{8, 20}, Shape{20, 8}, Shape{6, 2, 3, 3}}) {
    const Tensor t = Orthogonal(2)({DType::kFloat64, shape}, kKey);
    const int64_t rows = shape[0], columns = t.num_elements() / rows;
    const bool by_rows = rows <= columns;
    const int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto at = [&](int64_t vector, int64_t k) {
      return t.At(by_rows ? vector * columns + k : k * columns + vector);
    };
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (int64_t k = 0; k < length; ++k) dot += at(i, k) * at(j, k);
        EXPECT_NEAR(dot, i == j ? 4 : 0, 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace adret::nn
