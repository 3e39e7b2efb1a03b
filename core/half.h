// BFloat16 and Float16: floating-point numbers of 16 bits, in which tensors are stored. Ops compute in f32 or f64.
//
//   BFloat16 stored(0.1f);   // the nearest one, 0.10009765625
//   float x = stored;        // exactly that number
//
// BFloat16 is the upper half of a float: its range, with 8 bits of precision. Float16 is IEEE 754's binary16: 11 bits
// of precision, numbers up to 65504, subnormal numbers from 2^-24 on. A number becomes the nearest of them in one
// rounding, whatever it comes from; a tie goes to the even one. What rounds beyond the largest becomes infinity. NaN
// stays NaN.
#ifndef ADRET_CORE_HALF_H_
#define ADRET_CORE_HALF_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace adret {
namespace internal {

// Rounds to odd: a number between two floats becomes the one whose last bit is 1. That bit tells a later rounding to
// fewer bits that something was cut off, so the two roundings give what one would have given.
inline float RoundToOdd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = nearest;
  if (back == x || x != x) return nearest;
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if ((back < 0 ? -back : back) > (x < 0 ? -x : x)) --bits;  // towards 0, also from infinity
  return std::bit_cast<float>(bits | 1);
}

// The same from an integer to a double.
template <std::integral N>
double RoundToOdd(N n) {
  if constexpr (sizeof(N) < sizeof(int64_t)) {
    return static_cast<double>(n);
  } else {
    const bool negative = std::is_signed_v<N> && n < 0;
    uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
    if (magnitude >> 53 != 0) magnitude = ((magnitude >> 11) | ((magnitude & 0x7ff) != 0 ? 1 : 0)) << 11;
    const double rounded = static_cast<double>(magnitude);
    return negative ? -rounded : rounded;
  }
}

inline uint16_t ToBFloat16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  // A NaN keeps its upper bits; where they are all 0, one is set: it would be infinity.
  const uint32_t nan = (u >> 16) | ((u >> 16 & 0x7f) == 0 ? 0x40 : 0);
  return static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}
inline float FromBFloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

inline uint16_t ToFloat16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
  // From 2^-14 on: another bias of the exponent, 13 bits less. A carry into the exponent is right, up to infinity.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // Below: next to 0.5, a float's last bit is 2^-24, and the addition rounds to it.
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t payload = magnitude >> 13 & 0x3ff;
  uint32_t result = magnitude < 113u << 23 ? small : normal;
  if (magnitude >= 143u << 23) result = 0x7c00;  // 2^16
  if (magnitude > 0x7f800000) result = 0x7c00 | (payload == 0 ? 0x200 : payload);
  return static_cast<uint16_t>(sign | result);
}
inline float FromFloat16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, magnitude = static_cast<uint32_t>(bits & 0x7fff)
                                                                                << 13;
  const uint32_t normal = magnitude + (112u << 23);
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23));
  uint32_t result = magnitude < 1u << 23 ? small : normal;
  if (magnitude >= 31u << 23) result = magnitude + (224u << 23);  // infinity and NaN
  return std::bit_cast<float>(sign | result);
}

}  // namespace internal

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float x) : bits(internal::ToBFloat16(x)) {}
  explicit BFloat16(double x) : BFloat16(internal::RoundToOdd(x)) {}
  template <std::integral N>
  explicit BFloat16(N n) : BFloat16(internal::RoundToOdd(n)) {}
  operator float() const { return internal::FromBFloat16(bits); }  // NOLINT(google-explicit-constructor)
};

struct Float16 {
  uint16_t bits = 0;

  Float16() = default;
  explicit Float16(float x) : bits(internal::ToFloat16(x)) {}
  explicit Float16(double x) : Float16(internal::RoundToOdd(x)) {}
  template <std::integral N>
  explicit Float16(N n) : Float16(internal::RoundToOdd(n)) {}
  operator float() const { return internal::FromFloat16(bits); }  // NOLINT(google-explicit-constructor)
};

}  // namespace adret

#endif  // ADRET_CORE_HALF_H_
