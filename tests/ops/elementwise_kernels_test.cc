// The raw loops against the standard library: accuracy over whole ranges, special values, and lengths that are no
// multiple of a vector.
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adret/core/random.h"
#include "adret/ops/kernels/elementwise.h"
#include "adret/tests/ops/simd_test.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

template <class T>
std::vector<T> Apply(const char* name, const std::vector<T>& x, std::array<double, 3> params = {}) {
  std::vector<T> y(x.size());
  const void* in[] = {x.data()};
  kernels::FindElementwise(name, kDTypeOf<T>)(in, y.data(), static_cast<int64_t>(x.size()), params.data());
  return y;
}

struct Function {
  const char* name;
  std::function<long double(long double)> exact;
  double lo, hi;
  double ulps32, ulps64;  // bounds in units in the last place of max(|y|, floor)
  double floor = 0;       // below this size the bound is absolute
};

long double Sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double Gelu(long double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0L)); }

const Function kFunctions[] = {
    {"exp", [](long double x) { return std::exp(x); }, -80, 88, 2, 2},
    {"expm1", [](long double x) { return std::expm1(x); }, -20, 80, 4, 4},
    {"expm1", [](long double x) { return std::expm1(x); }, -1e-3, 1e-3, 2, 2},
    {"log", [](long double x) { return std::log(x); }, 1e-30, 1e3, 4, 4},
    {"log", [](long double x) { return std::log(x); }, 0.9, 1.1, 4, 4},
    {"log1p", [](long double x) { return std::log1p(x); }, -0.99, 10, 4, 4},
    {"log1p", [](long double x) { return std::log1p(x); }, -1e-3, 1e-3, 3, 3},
    {"sin", [](long double x) { return std::sin(x); }, -30, 30, 3, 3, 1e-3},
    {"sin", [](long double x) { return std::sin(x); }, -1e6, 1e6, 3, 3, 1e-3},
    {"cos", [](long double x) { return std::cos(x); }, -30, 30, 3, 3, 1e-3},
    {"cos", [](long double x) { return std::cos(x); }, -1e6, 1e6, 3, 3, 1e-3},
    {"tan", [](long double x) { return std::tan(x); }, -1.5, 1.5, 7, 7},
    {"tan", [](long double x) { return std::tan(x); }, -1e6, 1e6, 7, 7},
    {"tanh", [](long double x) { return std::tanh(x); }, -10, 10, 5, 5},
    {"tanh", [](long double x) { return std::tanh(x); }, -1e-3, 1e-3, 5, 5},
    {"erf", [](long double x) { return std::erf(x); }, -5, 5, 2, 2},
    {"erf", [](long double x) { return std::erf(x); }, -1e-3, 1e-3, 2, 2},
    {"sigmoid", Sigmoid, -80, 80, 4, 4},
    {"silu", [](long double x) { return x * Sigmoid(x); }, -20, 20, 5, 5},
    {"softplus", [](long double x) { return std::log1p(std::exp(x)); }, -30, 30, 5, 5},
    {"gelu", Gelu, -6, 6, 4, 4, 1},
    {"sqrt", [](long double x) { return std::sqrt(x); }, 0, 100, 1, 1},
    {"rsqrt", [](long double x) { return 1 / std::sqrt(x); }, 1e-3, 100, 2, 2},
    {"reciprocal", [](long double x) { return 1 / x; }, 1e-3, 100, 1, 1},
};

template <class T>
void CheckAccuracy(const Function& f, double ulps) {
  RandomStream random(7);
  std::vector<T> x(20003);
  for (T& v : x) v = static_cast<T>(random.Uniform(f.lo, f.hi));
  const std::vector<T> y = Apply(f.name, x);
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double exact = f.exact(x[i]);
    const long double unit = std::max<long double>(std::fabs(exact), f.floor) * std::numeric_limits<T>::epsilon();
    const double error = static_cast<double>(std::fabs(y[i] - exact) / unit);
    if (!(error <= worst)) worst = error, where = i;
  }
  EXPECT_LE(worst, ulps) << f.name << "(" << x[where] << ") = " << y[where] << ", not " << f.exact(x[where]);
}

using ElementwiseKernels = SimdTest;
ADRET_INSTANTIATE_SIMD_TEST(ElementwiseKernels);

TEST_P(ElementwiseKernels, AreAccurateOverTheirRanges) {
  for (const Function& f : kFunctions) {
    SCOPED_TRACE(absl::StrCat(f.name, " on [", f.lo, ", ", f.hi, "]"));
    CheckAccuracy<float>(f, f.ulps32);
    CheckAccuracy<double>(f, f.ulps64);
  }
}

template <class T>
void CheckSpecialValues() {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> x = {inf, -inf, nan, 0, 1000, -1000, -1};
  const auto same = [&](const char* name, const std::vector<T>& expected) {
    const std::vector<T> y = Apply(name, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const T unit = 2 * std::numeric_limits<T>::epsilon();  // where no limit is asked for
      EXPECT_TRUE(y[i] == expected[i] || std::abs(y[i] - expected[i]) <= unit * std::abs(expected[i]) ||
                  (std::isnan(y[i]) && std::isnan(expected[i])))
          << name << "(" << x[i] << ") = " << y[i] << ", not " << expected[i];
    }
  };
  same("exp", {inf, 0, nan, 1, inf, 0, std::exp(T{-1})});
  same("log", {inf, nan, nan, -inf, std::log(T{1000}), nan, nan});
  same("log1p", {inf, nan, nan, 0, std::log1p(T{1000}), nan, -inf});
  same("tanh", {1, -1, nan, 0, 1, -1, std::tanh(T{-1})});
  same("erf", {1, -1, nan, 0, 1, -1, std::erf(T{-1})});
  same("softplus", {inf, 0, nan, std::log(T{2}), 1000, 0, std::log1p(std::exp(T{-1}))});
  same("relu", {inf, 0, nan, 0, 1000, 0, 0});
  same("sign", {1, -1, nan, 0, 1, -1, -1});
  same("sqrt", {inf, nan, nan, 0, std::sqrt(T{1000}), nan, nan});
  for (const char* name : {"sin", "cos"}) {
    const std::vector<T> y = Apply(name, x);
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2])) << name;
  }
  const std::vector<T> s = Apply("sigmoid", x);
  EXPECT_EQ(s[0], 1);
  EXPECT_EQ(s[1], 0);
  EXPECT_TRUE(std::isnan(s[2]));
  EXPECT_EQ(s[3], T{0.5});
  const std::vector<T> clipped = Apply("clip", x, {-2, 3});
  EXPECT_EQ(clipped[0], 3);
  EXPECT_EQ(clipped[1], -2);
  EXPECT_TRUE(std::isnan(clipped[2]));
}

TEST_P(ElementwiseKernels, FollowTheStandardLibraryAtSpecialValues) {
  CheckSpecialValues<float>();
  CheckSpecialValues<double>();
}

TEST_P(ElementwiseKernels, MaximumAndMinimumPassNanOn) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float a[] = {nan, 1, 2, -0.5f}, b[] = {1, nan, -3, 4};
  float y[4];
  const void* in[] = {a, b};
  const double params[3] = {};
  kernels::FindElementwise("maximum", DType::kFloat32)(in, y, 4, params);
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && y[2] == 2 && y[3] == 4);
  kernels::FindElementwise("minimum", DType::kFloat32)(in, y, 4, params);
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && y[2] == -3 && y[3] == -0.5f);
}

// Bytes of one result.
size_t ResultSize(const kernels::SpanRow& row) {
  const absl::string_view name = row.name;
  for (const char* predicate : {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}) {
    if (name == predicate) return 1;
  }
  return SizeOf(row.dtype);
}

constexpr int kMax = 70;

// Three inputs of kMax small positive numbers each; of bools where they are a condition.
std::vector<std::vector<char>> SmallNumbers(const kernels::SpanRow& row) {
  const size_t size = SizeOf(row.dtype);
  std::vector<std::vector<char>> x(3, std::vector<char>(kMax * size));
  VisitDType(row.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int i = 0; i < 3 * kMax; ++i) {
      const T value = static_cast<T>(IsFloating(row.dtype) ? 0.1 + 0.01 * ((i * 37) % 101) : (i * 7) % 2);
      std::memcpy(x[i % 3].data() + i / 3 * size, &value, size);
    }
  });
  if (absl::string_view(row.name) == "where") {
    for (int i = 0; i < kMax; ++i) x[0][i] = i % 3 == 0;
  }
  return x;
}

// The same numbers at every length as in one long span, in place as well, and nothing touched beyond the end.
TEST_P(ElementwiseKernels, TakeAnyLength) {
  const double params[3] = {0.25, 0.75, 0};
  for (auto rows :
       {kernels::ArithmeticLoops(), kernels::MathLoops(), kernels::ActivationLoops(), kernels::IntegerLoops()}) {
    for (const kernels::SpanRow& row : rows) {
      SCOPED_TRACE(absl::StrCat(row.name, " ", Name(row.dtype)));
      std::vector<std::vector<char>> x = SmallNumbers(row);
      const void* in[] = {x[0].data(), x[1].data(), x[2].data()};
      const size_t size = ResultSize(row);
      std::vector<char> expected(kMax * size);
      row.fn(in, expected.data(), kMax, params);
      for (int n = 0; n < kMax; ++n) {
        std::vector<char> y((n + 2) * size, 77);
        row.fn(in, y.data(), n, params);
        ASSERT_EQ(std::memcmp(y.data(), expected.data(), n * size), 0) << "at length " << n;
        for (size_t i = n * size; i < y.size(); ++i) ASSERT_EQ(y[i], 77) << "wrote beyond " << n;
      }
      std::vector<char>& last = x[absl::string_view(row.name) == "where" ? 2 : 0];
      if (last.size() == expected.size()) {
        row.fn(in, last.data(), kMax, params);
        EXPECT_EQ(std::memcmp(last.data(), expected.data(), expected.size()), 0) << "in place";
      }
    }
  }
}

TEST_P(ElementwiseKernels, IntegersWrapAndDivisionIsDefined) {
  const int32_t lowest = std::numeric_limits<int32_t>::min(), highest = std::numeric_limits<int32_t>::max();
  const std::vector<int32_t> a = {highest, 7, lowest, -7, 5, lowest}, b = {1, 0, -1, 2, -2, 1};
  std::vector<int32_t> y(6);
  const void* in[] = {a.data(), b.data()};
  const double params[3] = {};
  kernels::FindElementwise("add", DType::kInt32)(in, y.data(), 6, params);
  EXPECT_EQ(y, (std::vector<int32_t>{lowest, 7, highest, -5, 3, lowest + 1}));
  kernels::FindElementwise("div", DType::kInt32)(in, y.data(), 6, params);
  EXPECT_EQ(y, (std::vector<int32_t>{highest, 0, lowest, -3, -2, lowest}));
  kernels::FindElementwise("pow", DType::kInt32)(in, y.data(), 6, params);
  EXPECT_EQ(y, (std::vector<int32_t>{highest, 1, 0, 49, 0, lowest}));
}

TEST_P(ElementwiseKernels, CastsSaturate) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {1.9f, -1.9f, 3e9f, -3e9f, nan, 300, -1, 1e20f};
  const void* in[] = {x.data()};
  std::vector<int32_t> i32(8);
  kernels::FindCast(DType::kFloat32, DType::kInt32)(in, i32.data(), 8, nullptr);
  EXPECT_EQ(i32, (std::vector<int32_t>{1, -1, 2147483647, -2147483647 - 1, 0, 300, -1, 2147483647}));
  std::vector<uint8_t> u8(8);
  kernels::FindCast(DType::kFloat32, DType::kUint8)(in, u8.data(), 8, nullptr);
  EXPECT_EQ(u8, (std::vector<uint8_t>{1, 0, 255, 0, 0, 255, 0, 255}));
  std::vector<int64_t> i64(8);
  kernels::FindCast(DType::kFloat32, DType::kInt64)(in, i64.data(), 8, nullptr);
  EXPECT_EQ(i64[7], std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace adret
