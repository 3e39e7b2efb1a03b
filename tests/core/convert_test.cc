#include "adret/core/convert.h"

#include <cmath>
#include <limits>
#include <vector>

#include "adret/core/tensor.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

TEST(DTypeTest, NumbersOfFilesStay) {
  EXPECT_EQ(static_cast<int>(DType::kFloat32), 1);
  EXPECT_EQ(static_cast<int>(DType::kFloat64), 2);
  EXPECT_EQ(static_cast<int>(DType::kInt32), 3);
  EXPECT_EQ(static_cast<int>(DType::kInt64), 4);
  EXPECT_EQ(static_cast<int>(DType::kUint8), 5);
  EXPECT_EQ(static_cast<int>(DType::kBool), 6);
  EXPECT_EQ(static_cast<int>(DType::kBFloat16), 7);
  EXPECT_EQ(static_cast<int>(DType::kFloat16), 8);
  EXPECT_EQ(static_cast<int>(DType::kInt8), 9);
  EXPECT_EQ(static_cast<int>(DType::kInt16), 10);
  EXPECT_EQ(static_cast<int>(DType::kUint16), 11);
  EXPECT_EQ(static_cast<int>(DType::kUint32), 12);
  EXPECT_EQ(static_cast<int>(DType::kUint64), 13);
  EXPECT_EQ(std::size(kAllDTypes), 13);
}

TEST(DTypeTest, EveryFactHoldsForTheCppType) {
  for (DType dtype : kAllDTypes) {
    VisitDType(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      EXPECT_EQ(kDTypeOf<T>, dtype);
      EXPECT_EQ(sizeof(T), SizeOf(dtype));
      EXPECT_EQ(std::is_floating_point_v<T>, IsFloating(dtype));
      EXPECT_EQ(kIsHalf<T>, IsHalf(dtype));
      EXPECT_EQ((std::is_integral_v<T> && !std::is_same_v<T, bool>), IsInteger(dtype));
    });
    EXPECT_EQ(ParseDType(Name(dtype)), dtype);
    const char letter = IsBool(dtype) ? 'b' : IsAnyFloating(dtype) ? 'f' : Name(dtype)[0] == 'u' ? 'u' : 'i';
    const std::string npy = std::string(SizeOf(dtype) == 1 ? "|" : "<") + letter + std::to_string(SizeOf(dtype));
    EXPECT_EQ(FactsOf(dtype).npy, dtype == DType::kBFloat16 ? "" : npy);
  }
  EXPECT_EQ(Name(static_cast<DType>(0)), "invalid");
  EXPECT_EQ(Name(static_cast<DType>(14)), "invalid");
  EXPECT_EQ(Name(static_cast<DType>(255)), "invalid");
}

// x86's long double holds every number of every dtype.
using Exact = long double;

template <class T>
Exact ToExact(T x) {
  if constexpr (kIsHalf<T>) return static_cast<float>(x);
  return static_cast<Exact>(x);
}

// The rules of core/convert.h, spelled out in exact numbers. Halves: see half_test.
template <class To>
To Expected(Exact x) {
  using Limits = std::numeric_limits<To>;
  if constexpr (std::is_same_v<To, bool>) {
    return x != 0;
  } else if constexpr (kIsHalf<To>) {
    // A double with the right half on the right side of every tie: the last bit says that something was cut off.
    double near = static_cast<double>(x);
    if (std::isfinite(near) && near != x) {
      if (std::abs(static_cast<Exact>(near)) > std::abs(x)) near = std::nextafter(near, 0.0);
      near = std::bit_cast<double>(std::bit_cast<uint64_t>(near) | 1);
    }
    return To(near);
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(x);
  } else {
    if (std::isnan(x)) return 0;
    if (x >= static_cast<Exact>(Limits::max())) return Limits::max();
    if (x <= static_cast<Exact>(Limits::min())) return Limits::min();
    return static_cast<To>(x);
  }
}

template <class T>
std::vector<T> Interesting() {
  std::vector<T> numbers;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    for (int shift = 0; shift < Limits::digits; ++shift) {
      for (int off : {-1, 0, 1}) {
        const T n = static_cast<T>((uint64_t{1} << shift) + static_cast<uint64_t>(off));
        numbers.insert(numbers.end(), {n, static_cast<T>(0 - static_cast<uint64_t>(n)), static_cast<T>(n | 0x55)});
      }
    }
    numbers.insert(numbers.end(), {Limits::min(), Limits::max(), static_cast<T>(Limits::max() - 1)});
  } else {
    for (int exponent = -160; exponent <= 130; ++exponent) {
      for (double m : {1.0, 1.25, 1.5, 1.9999, 1.0000001, 1 + 0x1p-8, 1 + 0x1p-11, 1 + 0x1p-24, 1 + 0x1p-52}) {
        numbers.insert(numbers.end(), {T(std::ldexp(m, exponent)), T(-std::ldexp(m, exponent))});
      }
    }
    for (double x : {0.0, -0.0, 0.5, -0.5, 127.5, -128.5, 255.5, 32767.5, 65535.5, 2147483647.5, 4294967295.5, 1e300,
                     -1e300, double{INFINITY}, -double{INFINITY}, double{NAN}}) {
      numbers.push_back(T(x));
    }
  }
  return numbers;
}

template <class T>
bool Same(T a, T b) {
  if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
    const double x = a, y = b;
    return std::isnan(x) ? std::isnan(y) : x == y && std::signbit(x) == std::signbit(y);
  } else {
    return a == b;
  }
}

TEST(ConvertTest, EveryPairFollowsTheRules) {
  for (DType from : kAllDTypes) {
    for (DType to : kAllDTypes) {
      SCOPED_TRACE(std::string(Name(from)) + " to " + std::string(Name(to)));
      VisitDType(from, [&](auto from_tag) {
        VisitDType(to, [&](auto to_tag) {
          using From = typename decltype(from_tag)::type;
          using To = typename decltype(to_tag)::type;
          const std::vector<From> numbers = Interesting<From>();
          Tensor x(from, {static_cast<int64_t>(numbers.size())});
          std::copy(numbers.begin(), numbers.end(), x.mutable_data<From>().begin());
          const Tensor y = x.Cast(to);
          for (size_t i = 0; i < numbers.size(); ++i) {
            ASSERT_TRUE(Same(y.data<To>()[i], Expected<To>(ToExact(numbers[i]))))
                << static_cast<double>(ToExact(numbers[i])) << " became " << y.At(static_cast<int64_t>(i));
          }
        });
      });
    }
  }
}

// Whatever byte stands for true.
TEST(ConvertTest, AnyByteButZeroIsTrue) {
  static const uint8_t kBytes[] = {0, 1, 2, 255};
  const Tensor x = Tensor::Borrow(DType::kBool, {4}, kBytes, nullptr);
  for (DType to : kAllDTypes) {
    const Tensor y = x.Cast(to);
    if (to == DType::kBool) continue;  // the same tensor
    EXPECT_EQ(y.At(0), 0) << Name(to);
    for (int i = 1; i < 4; ++i) EXPECT_EQ(y.At(i), 1) << Name(to);
  }
}

}  // namespace
}  // namespace adret
