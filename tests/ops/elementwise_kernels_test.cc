// The raw loops against the standard library: special values, and lengths that are no multiple of a vector.
// accuracy_test.cc measures how accurate they are.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
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

using ElementwiseKernels = SimdTest;
ADRET_INSTANTIATE_SIMD_TEST(ElementwiseKernels);

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

// Zeros, the ends of the range and, where T has them, denormals, infinities, NaN and both signs of zero: every pair.
template <class T>
void SpecialPairs(std::vector<T>* a, std::vector<T>* b) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> special = {0, 1, static_cast<T>(-1), 2, Limits::lowest(), Limits::max(), Limits::max() / 2 + 1};
  if (std::is_floating_point_v<T>) {
    special.insert(special.end(), {-T{0}, Limits::denorm_min(), Limits::infinity(), -Limits::infinity(),
                                   Limits::quiet_NaN(), static_cast<T>(-2)});
  }
  for (T x : special) {
    for (T y : special) a->push_back(x), b->push_back(y);
  }
}

// The loop's results for all special pairs.
template <class T, class Result>
std::vector<Result> ApplyToPairs(const char* name, const std::vector<T>& a, const std::vector<T>& b, DType dtype) {
  std::vector<Result> y(a.size());
  const void* in[] = {a.data(), b.data()};
  const double params[3] = {};
  kernels::FindElementwise(name, dtype)(in, y.data(), static_cast<int64_t>(a.size()), params);
  return y;
}

template <class T>
void CheckComparisons() {
  SCOPED_TRACE(Name(kDTypeOf<T>));
  std::vector<T> a, b;
  SpecialPairs(&a, &b);
  const auto check = [&](const char* name, auto holds) {
    const std::vector<uint8_t> y = ApplyToPairs<T, uint8_t>(name, a, b, kDTypeOf<T>);
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_EQ(int{y[i]}, int{holds(a[i], b[i])}) << name << " of " << +a[i] << " and " << +b[i];
    }
  };
  check("equal", [](T x, T y) { return x == y; });
  check("not_equal", [](T x, T y) { return x != y; });
  check("less", [](T x, T y) { return x < y; });
  check("less_equal", [](T x, T y) { return x <= y; });
  check("greater", [](T x, T y) { return x > y; });
  check("greater_equal", [](T x, T y) { return x >= y; });
}

TEST_P(ElementwiseKernels, ComparisonsFollowTheStandardAtSpecialValues) {
  CheckComparisons<float>();
  CheckComparisons<double>();
  CheckComparisons<int32_t>();
  CheckComparisons<int64_t>();
  CheckComparisons<uint8_t>();
}

// NaN where either is, else the larger one; the first of equal ones (-0 and 0).
template <class T>
void CheckMaximumAndMinimum() {
  SCOPED_TRACE(Name(kDTypeOf<T>));
  std::vector<T> a, b;
  SpecialPairs(&a, &b);
  for (const char* name : {"maximum", "minimum"}) {
    const std::vector<T> y = ApplyToPairs<T, T>(name, a, b, kDTypeOf<T>);
    for (size_t i = 0; i < y.size(); ++i) {
      const bool takes_b = name[1] == 'a' ? a[i] < b[i] : a[i] > b[i];
      const T expected = a[i] != a[i] ? a[i] : b[i] != b[i] || takes_b ? b[i] : a[i];
      ASSERT_EQ(std::memcmp(&y[i], &expected, sizeof(T)), 0)
          << name << " of " << +a[i] << " and " << +b[i] << " is " << +y[i];
    }
  }
}

TEST_P(ElementwiseKernels, MaximumAndMinimumPassNanOnAndKeepTheFirstOfATie) {
  CheckMaximumAndMinimum<float>();
  CheckMaximumAndMinimum<double>();
  CheckMaximumAndMinimum<int32_t>();
  CheckMaximumAndMinimum<int64_t>();
  CheckMaximumAndMinimum<uint8_t>();
}

// Signs and bits that arithmetic keeps.
template <class T>
void CheckSigns() {
  SCOPED_TRACE(Name(kDTypeOf<T>));
  std::vector<T> x, unused;
  SpecialPairs(&x, &unused);
  const auto same_bits = [&](const char* name, auto expected) {
    const std::vector<T> y = Apply(name, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const T e = expected(x[i]);
      ASSERT_TRUE(std::memcmp(&y[i], &e, sizeof(T)) == 0 || (std::isnan(y[i]) && std::isnan(e)))
          << name << "(" << x[i] << ") = " << y[i] << ", not " << e;
    }
  };
  same_bits("neg", [](T v) { return -v; });
  same_bits("abs", [](T v) { return std::abs(v); });
  same_bits("sign", [](T v) { return v > 0 ? T{1} : v < 0 ? T{-1} : v; });
  same_bits("relu", [](T v) { return v < 0 ? T{0} : v; });
  for (const char* odd : {"sin", "tan", "tanh", "erf", "expm1", "log1p", "silu", "gelu", "elu"}) {
    const std::vector<T> y = Apply(odd, std::vector<T>{T{0}, -T{0}}, {1});
    EXPECT_TRUE(y[0] == 0 && !std::signbit(y[0]) && y[1] == 0 && std::signbit(y[1])) << odd << " of 0 and -0";
  }
  EXPECT_EQ(Apply("cos", std::vector<T>{T{0}, -T{0}}), (std::vector<T>{1, 1}));
  EXPECT_EQ(Apply("exp", std::vector<T>{T{0}, -T{0}}), (std::vector<T>{1, 1}));
}

TEST_P(ElementwiseKernels, SignsSurvive) {
  CheckSigns<float>();
  CheckSigns<double>();
}

TEST_P(ElementwiseKernels, AnyByteButZeroIsTrue) {
  const std::vector<uint8_t> a = {0, 1, 2, 255, 0, 128}, b = {0, 255, 1, 2, 7, 0};
  const auto check = [&](const char* name, const std::vector<uint8_t>& expected) {
    EXPECT_EQ((ApplyToPairs<uint8_t, uint8_t>(name, a, b, DType::kBool)), expected) << name;
  };
  check("equal", {1, 1, 1, 1, 0, 0});
  check("not_equal", {0, 0, 0, 0, 1, 1});
  check("less", {0, 0, 0, 0, 1, 0});
  check("greater_equal", {1, 1, 1, 1, 0, 1});
  check("logical_and", {0, 1, 1, 1, 0, 0});
  check("logical_or", {0, 1, 1, 1, 1, 1});
  check("logical_xor", {0, 0, 0, 0, 1, 1});
  const void* in[] = {a.data()};
  std::vector<float> f32(6);
  kernels::FindCast(DType::kBool, DType::kFloat32)(in, f32.data(), 6, nullptr);
  EXPECT_EQ(f32, (std::vector<float>{0, 1, 1, 1, 0, 1}));
  std::vector<int64_t> i64(6);
  kernels::FindCast(DType::kBool, DType::kInt64)(in, i64.data(), 6, nullptr);
  EXPECT_EQ(i64, (std::vector<int64_t>{0, 1, 1, 1, 0, 1}));
}

// Bytes of one result.
size_t ResultSize(const kernels::SpanRow& row) {
  const absl::string_view name = row.name;
  for (const char* predicate :
       {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "is_nan", "is_inf"}) {
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
  for (absl::Span<const kernels::SpanRow> rows : kernels::AllLoops()) {
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
  std::vector<uint8_t> bools(8);
  kernels::FindCast(DType::kFloat32, DType::kBool)(in, bools.data(), 8, nullptr);
  EXPECT_EQ(bools, (std::vector<uint8_t>(8, 1)));  // NaN is not 0
}

TEST_P(ElementwiseKernels, CastsOfDoublesAndLongIntegersSaturate) {
  constexpr int64_t kHighest = std::numeric_limits<int64_t>::max(), kLowest = std::numeric_limits<int64_t>::min();
  const std::vector<double> x = {0x1p63, -0x1p63, 0x1.fffffffffffffp62, INFINITY, -INFINITY, NAN, -0.9, 2147483647.5};
  const void* in[] = {x.data()};
  std::vector<int64_t> i64(8);
  kernels::FindCast(DType::kFloat64, DType::kInt64)(in, i64.data(), 8, nullptr);
  EXPECT_EQ(i64, (std::vector<int64_t>{kHighest, kLowest, kHighest - 1023, kHighest, kLowest, 0, 0, 2147483647}));
  std::vector<int32_t> i32(8);
  kernels::FindCast(DType::kFloat64, DType::kInt32)(in, i32.data(), 8, nullptr);
  EXPECT_EQ(i32, (std::vector<int32_t>{2147483647, -2147483647 - 1, 2147483647, 2147483647, -2147483647 - 1, 0, 0,
                                       2147483647}));
  const void* wide[] = {i64.data()};
  kernels::FindCast(DType::kInt64, DType::kInt32)(wide, i32.data(), 8, nullptr);
  EXPECT_EQ(i32[0], 2147483647);
  EXPECT_EQ(i32[1], -2147483647 - 1);
  std::vector<float> f32(8);
  kernels::FindCast(DType::kFloat64, DType::kFloat32)(in, f32.data(), 8, nullptr);
  EXPECT_TRUE(std::isnan(f32[5]) && std::isinf(f32[3]) && f32[0] == 0x1p63f);
}

}  // namespace
}  // namespace adret
