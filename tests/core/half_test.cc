#include "adret/core/half.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "adret/core/random.h"
#include "gtest/gtest.h"

namespace adret {
namespace {

template <class T>
struct Facts;
template <>
struct Facts<BFloat16> {
  static constexpr int kMantissa = 7, kMinExponent = -126;
  static constexpr double kMax = 0x1.FEp127;
};
template <>
struct Facts<Float16> {
  static constexpr int kMantissa = 10, kMinExponent = -14;
  static constexpr double kMax = 65504;
};

template <class T>
T FromBits(int bits) {
  T x;
  x.bits = static_cast<uint16_t>(bits);
  return x;
}

// The number that the bits stand for, by the definition of the format.
template <class T>
double ValueOf(int bits) {
  using F = Facts<T>;
  const int exponent = (bits & 0x7fff) >> F::kMantissa, mantissa = bits & ((1 << F::kMantissa) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 0x7fff >> F::kMantissa) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  const int hidden = exponent == 0 ? 0 : 1 << F::kMantissa;
  return sign * std::ldexp(mantissa + hidden, std::max(exponent, 1) - 1 + F::kMinExponent - F::kMantissa);
}

// The nearest number of the format, found in double precision: x in units of the last place, rounded to an integer.
template <class T>
double Nearest(double x) {
  using F = Facts<T>;
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), F::kMinExponent);
  const double unit = std::ldexp(1, exponent - F::kMantissa);
  const double rounded = std::nearbyint(x / unit) * unit;  // the quotient is exact, unless it is far below 1/2
  return std::abs(rounded) > F::kMax ? std::copysign(std::numeric_limits<double>::infinity(), x) : rounded;
}

bool SameNumber(double a, double b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

template <class T>
class HalfTest : public testing::Test {};
using Halves = testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(HalfTest, Halves);

TYPED_TEST(HalfTest, EveryNumberIsExactAndComesBack) {
  for (int bits = 0; bits < 1 << 16; ++bits) {
    const TypeParam x = FromBits<TypeParam>(bits);
    const float value = x;
    ASSERT_TRUE(SameNumber(value, ValueOf<TypeParam>(bits))) << bits;
    ASSERT_EQ(TypeParam(value).bits, bits) << value;
    if (!std::isnan(value)) {
      ASSERT_EQ(TypeParam(static_cast<double>(value)).bits, bits) << value;
    }
    ASSERT_EQ(std::isnan(static_cast<float>(TypeParam(static_cast<double>(value)))), std::isnan(value)) << bits;
  }
}

template <class T>
void ExpectNearest(double x) {
  ASSERT_TRUE(SameNumber(T(x), Nearest<T>(x))) << std::hexfloat << x << " became " << static_cast<float>(T(x));
  const float single = static_cast<float>(x);
  ASSERT_TRUE(SameNumber(T(single), Nearest<T>(single))) << std::hexfloat << single;
}

// Between any two neighbours: in the middle, and as close to it as doubles and floats come.
TYPED_TEST(HalfTest, TiesGoToEvenAndTheirNeighboursToTheNearest) {
  const double inf = std::numeric_limits<double>::infinity();
  for (int bits = 0; bits < 0x7fff; ++bits) {
    const double a = ValueOf<TypeParam>(bits), b = ValueOf<TypeParam>(bits + 1);
    if (!std::isfinite(a)) break;
    // After the largest number comes what would be the next power of two.
    const double middle = std::isfinite(b) ? (a + b) / 2 : a + (a - ValueOf<TypeParam>(bits - 1)) / 2;
    for (double x : {middle, std::nextafter(middle, inf), std::nextafter(middle, -inf),
                     static_cast<double>(std::nextafter(static_cast<float>(middle), INFINITY)),
                     static_cast<double>(std::nextafter(static_cast<float>(middle), -INFINITY))}) {
      ExpectNearest<TypeParam>(x);
      ExpectNearest<TypeParam>(-x);
    }
    const int even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(TypeParam(middle).bits, even);
    ASSERT_EQ(TypeParam(std::nextafter(middle, inf)).bits, bits + 1) << "rounded once";
    ASSERT_EQ(TypeParam(std::nextafter(middle, -inf)).bits, bits) << "rounded once";
  }
}

TYPED_TEST(HalfTest, AnyNumberBecomesTheNearest) {
  RandomStream random(7);
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t bits = random.Below(1u << 31) * (uint64_t{1} << 33) + random.Below(1u << 31) * uint64_t{8} + i % 8;
    double x;
    std::memcpy(&x, &bits, sizeof(x));  // all magnitudes, NaN and infinities among them
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(TypeParam(x))));
    } else {
      ExpectNearest<TypeParam>(x);
    }
    ExpectNearest<TypeParam>(std::ldexp(random.Uniform(-1, 1), static_cast<int>(random.Below(48)) - 30));
  }
  for (double x : {0.0, 5e-324, 1e-320, 1e-310, 1e-45, 1e-38, 1e308, 65519.99, 65520.0, 3.3895e38, 3.4e38}) {
    ExpectNearest<TypeParam>(x);
    ExpectNearest<TypeParam>(-x);
  }
}

// A NaN whose upper bits are 0 would be cut off to infinity.
TYPED_TEST(HalfTest, NanStaysNan) {
  for (uint32_t bits : {0x7f800001u, 0xff800001u, 0x7fc00000u, 0xffffffffu}) {
    const float nan = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(nan)))) << bits;
    EXPECT_EQ(TypeParam(nan).bits >> 15, bits >> 31) << "the sign";
  }
}

template <class T, class N>
void ExpectNearestInteger(N n) {
  // In steps of a power of two that keep 9 bits more than the format has, with a last bit for what is cut off.
  const bool negative = n < 0;
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
  int shift = 0;
  while (magnitude >> 20 != 0) magnitude = magnitude >> 1 | (magnitude & 1), ++shift;
  const double close = std::ldexp(static_cast<double>(magnitude), shift);
  ASSERT_TRUE(SameNumber(T(n), Nearest<T>(negative ? -close : close))) << n << " became " << static_cast<float>(T(n));
}

TYPED_TEST(HalfTest, IntegersAreRoundedOnce) {
  for (int shift = 0; shift < 63; ++shift) {
    for (uint64_t leading = 0; leading < 64; ++leading) {
      // Ties, a little more and a little less, with zeros between, that a double or a float would swallow.
      const uint64_t top = ((uint64_t{1} << 6 | leading) << 57 >> (63 - shift)), half = uint64_t{1} << shift >> 8;
      for (uint64_t n : {top, top + half, top + half + 1, top + half - 1, top + half / 8, top + half / 8 + 1}) {
        ExpectNearestInteger<TypeParam>(n);
        ExpectNearestInteger<TypeParam>(static_cast<int64_t>(n));
        ExpectNearestInteger<TypeParam>(static_cast<uint32_t>(n));
        ExpectNearestInteger<TypeParam>(static_cast<int16_t>(n));
      }
    }
  }
  ExpectNearestInteger<TypeParam>(std::numeric_limits<int64_t>::min());
  ExpectNearestInteger<TypeParam>(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(static_cast<float>(TypeParam(true)), 1);
}

}  // namespace
}  // namespace adret
